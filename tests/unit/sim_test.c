/* The simulated cluster behaves as domain.md says that the world does. */
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "cluster/cluster.h"
#include "cluster/sim/sim.h"

#define NS "iomesh-system"

static char folder[64], file[128];
static struct cluster *cluster;
static struct sim_options options;

static const struct resource pods = {"", "v1", "pods", NS, NULL};
static const struct resource iomesh = {"iomesh.com", "v1alpha1", "iomeshclusters", NS, "iomesh"};
static const struct resource chunk_set = {"apps", "v1", "statefulsets", NS, "iomesh-chunk"};

/* ---- helpers ---- */

static void open_again(void)
{
    struct error error;
    char spec[160];
    cluster_close(cluster);
    snprintf(spec, sizeof spec, "sim:%s", file);
    cluster = cluster_open(spec, NULL, NULL, &error);
    ck_assert_msg(cluster != NULL, "%s", error.message);
}

static void make(void)
{
    struct error error;
    ck_assert_msg(!sim_create(file, &options, &error), "%s", error.message);
    open_again();
}

static void set_up(void)
{
    strcpy(folder, "/tmp/pawl-sim-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/cluster.json", folder);
    unsetenv("PAWL_SIM_KILL");
    sim_options_default(&options);
    options.seed = 7;
    make();
}

static void tear_down(void)
{
    char command[160];
    cluster_close(cluster);
    cluster = NULL;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static int64_t now(void)
{
    return cluster->clock->steady_ms(cluster->clock);
}

static void later(int64_t ms)
{
    cluster->clock->jump_to(cluster->clock, now() + ms);
}

static json_t *get(const struct resource *resource)
{
    json_t *object = NULL;
    struct error error;
    ck_assert_msg(!cluster->calls->get(cluster, resource, &object, &error), "%s", error.message);
    return object;
}

static json_t *list(const struct resource *resource, const char *selector)
{
    json_t *found = NULL;
    struct error error;
    ck_assert_msg(!cluster->calls->list(cluster, resource, selector, false, &found, &error), "%s",
                  error.message);
    return found;
}

static int count(const struct resource *resource, const char *selector)
{
    json_t *found = list(resource, selector);
    int items = (int)json_array_size(json_object_get(found, "items"));
    json_decref(found);
    return items;
}

static void fault(const char *words)
{
    char *copy = string_copy(words), *rest = copy;
    const char *list[12];
    int length = 0;
    struct error error;
    for (char *word; (word = strsep(&rest, " "));)
        list[length++] = word;
    ck_assert_msg(!sim_fault(file, list, length, &error), "%s: %s", words, error.message);
    free(copy);
}

/* "1 CHUNK_STATUS_X 192.168.29.240" of the chunk in the published status; free() it. NULL: not listed. */
static char *chunk_text(int id)
{
    json_t *object = get(&iomesh), *chunk;
    size_t i;
    char *text = NULL;
    json_array_foreach(json_at(object, "status", "summary", "chunkSummary", "chunks", NULL), i, chunk)
    {
        if (json_int(chunk, "id", -1) == id)
            text = string_copy(json_text(chunk, "status", "?"));
    }
    json_decref(object);
    return text;
}

static void chunk_is(int id, const char *status)
{
    char *text = chunk_text(id);
    if (!status)
        ck_assert_msg(!text, "chunk %d is %s", id, text);
    else
        ck_assert_msg(text && strstr(text, status), "chunk %d is %s", id, text ? text : "not listed");
    free(text);
}

/* The chunk that a pod serves, as find_chunk finds it. */
static int chunk_of(const char *pod)
{
    char *out;
    struct error error;
    ck_assert_msg(!cluster_read_exec(cluster, NS, pod, "iomesh-chunk",
                                     (const char *[]){"ip", "-o", "-4", "addr", NULL}, 1000, &out, &error),
                  "%s", error.message);
    json_t *object = get(&iomesh), *chunk;
    size_t i;
    int id = -1;
    json_array_foreach(json_at(object, "status", "summary", "chunkSummary", "chunks", NULL), i, chunk)
    {
        if (strstr(out, json_text(chunk, "ip", "?")))
            id = (int)json_int(chunk, "id", -1);
    }
    json_decref(object);
    free(out);
    return id;
}

static char *leader(void)
{
    json_t *found = list(&pods, "iomesh.com/meta-leader"), *items = json_object_get(found, "items");
    char *name = json_array_size(items) == 1
                     ? string_copy(
                           json_text(json_object_get(json_array_get(items, 0), "metadata"), "name", ""))
                     : NULL;
    json_decref(found);
    return name;
}

static char *summary(void)
{
    char *out, *name = leader();
    struct error error;
    ck_assert_ptr_nonnull(name);
    ck_assert_msg(!cluster_read_exec(cluster, NS, name, "iomesh-meta",
                                     (const char *[]){"/opt/iomesh/iomeshctl", "summary", "cluster", NULL},
                                     1000, &out, &error),
                  "%s", error.message);
    free(name);
    return out;
}

static bool is_idle(void)
{
    char *out = summary();
    bool idle = strstr(out, "num_ongoing_recovers: 0") && strstr(out, "num_ongoing_migrates: 0");
    free(out);
    return idle;
}

static int unregister(int id, struct error *error)
{
    char *out, *name = leader(), text[16];
    snprintf(text, sizeof text, "%d", id);
    int result = cluster_read_exec(
        cluster, NS, name, "iomesh-meta",
        (const char *[]){"/opt/iomesh/iomeshctl", "chunk", "unregister", text, NULL}, 1000, &out, error);
    free(out);
    free(name);
    return result;
}

static int helm(const char *words, char **out)
{
    char *copy = string_copy(words), *rest = copy;
    const char *arguments[24];
    int length = 0;
    struct program_output output;
    struct error error;
    for (char *word; (word = strsep(&rest, " "));)
        arguments[length++] = word;
    arguments[length] = NULL;
    ck_assert_int_eq(cluster->calls->helm(cluster, arguments, folder, &output, &error), 0);
    free(copy);
    if (out)
        *out = string_format("%s%s", output.out, output.err);
    int status = output.exit_status;
    program_output_clear(&output);
    return status;
}

static void values(const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/values.yaml", folder);
    FILE *stream = fopen(path, "w");
    ck_assert_ptr_nonnull(stream);
    fputs(text, stream);
    fclose(stream);
}

static void scale(int chunks)
{
    char text[64];
    snprintf(text, sizeof text, "chunk: {replicaCount: %d}\nmeta:\n  replicaCount: 3 # three\n", chunks);
    values(text);
    char *out;
    ck_assert_msg(!helm("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml", &out), "%s", out);
    free(out);
}

static int effects(const char *name)
{
    struct error error;
    json_t *document = sim_show(file, &error), *effect;
    size_t i;
    int found = 0;
    ck_assert_msg(document != NULL, "%s", error.message);
    json_array_foreach(json_object_get(document, "effects"), i, effect)
        found += !strcmp(json_text(effect, "effect", ""), name);
    json_decref(document);
    return found;
}

/* Starts the real program with its environment and folder. */
static pid_t helm_start(const char *words)
{
    char *copy = string_copy(words), *rest = copy;
    const char *arguments[24];
    int length = 0;
    pid_t child;
    struct program program;
    struct error error;
    for (char *word; (word = strsep(&rest, " "));)
        arguments[length++] = word;
    arguments[length] = NULL;
    setenv("PAWL_SIM_PROGRAM", getenv("PAWL"), 1);
    ck_assert_int_eq(cluster->calls->helm_program(cluster, arguments, folder, &program, &error), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, program.folder);
    ck_assert_int_eq(
        posix_spawn(&child, program.arguments[0], &actions, NULL, program.arguments, program.environment), 0);
    posix_spawn_file_actions_destroy(&actions);
    program_clear(&program);
    free(copy);
    return child;
}

/* Its exit status, 128 + signal where it was killed. */
static int ended(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int helm_child(const char *words)
{
    return ended(helm_start(words));
}

/* ---- chunks ---- */

START_TEST(chunk_ids_do_not_follow_ordinals)
{
    for (int i = 0; i < 4; i++) {
        char pod[32];
        snprintf(pod, sizeof pod, "iomesh-chunk-%d", i);
        int id = chunk_of(pod);
        ck_assert_int_gt(id, 0);
        ck_assert_int_ne(id, i);
        ck_assert_int_ne(id, i + 1);
    }
}
END_TEST

START_TEST(shrunk_pod_goes_and_its_chunk_expires_and_is_unregistered_at_once)
{
    int id = chunk_of("iomesh-chunk-3");
    struct error error;
    scale(3);
    ck_assert_int_eq(count(&pods, "app.kubernetes.io/component=chunk"), 4); /* terminating still shows */
    later(options.terminate_ms);
    ck_assert_int_eq(count(&pods, "app.kubernetes.io/component=chunk"), 3);
    chunk_is(id, "CONNECTED_HEALTHY");
    later(options.expire_ms);
    chunk_is(id, "SESSION_EXPIRED");
    ck_assert(!is_idle());
    later(options.recover_ms);
    ck_assert(is_idle());
    ck_assert_msg(!unregister(id, &error), "%s", error.message);
    chunk_is(id, NULL);
    ck_assert_int_ne(unregister(id, &error), 0);
    ck_assert_ptr_nonnull(strstr(error.message, "not found"));
    ck_assert_int_eq(effects("unregister"), 1);
    ck_assert_int_eq(effects("helm_upgrade"), 1);
}
END_TEST

START_TEST(drained_chunk_stays_healthy_until_it_is_gone_and_its_pod_registers_anew_only_after_a_restart)
{
    int id = chunk_of("iomesh-chunk-3");
    struct error error;
    ck_assert_int_eq(unregister(id, &error), 0);
    ck_assert_int_ne(unregister(id, &error), 0);
    ck_assert_ptr_nonnull(strstr(error.message, "already being removed"));
    later(60000); /* longer than settle */
    chunk_is(id, "CONNECTED_HEALTHY");
    ck_assert(!is_idle());
    later(options.drain_ms - 60000);
    chunk_is(id, NULL);
    ck_assert(is_idle());
    later(600000);
    ck_assert_int_eq(chunk_of("iomesh-chunk-3"), -1);
    fault("pod-delete pod=iomesh-chunk-3");
    later(options.terminate_ms);
    later(options.start_ms);
    ck_assert_int_eq(chunk_of("iomesh-chunk-3"), 5);
    ck_assert(!is_idle());
    later(options.migrate_ms);
    ck_assert(is_idle());
}
END_TEST

START_TEST(unregister_is_refused_while_another_chunk_is_unhealthy_and_off_the_leader)
{
    struct error error;
    char *out;
    fault("chunk-status id=1 status=CHUNK_STATUS_CONNECTED_ERROR for=10s");
    ck_assert_int_ne(unregister(2, &error), 0);
    ck_assert_ptr_nonnull(strstr(error.message, "chunk 1 is not healthy"));
    later(10000);
    ck_assert_int_ne(
        cluster_read_exec(cluster, NS, "iomesh-meta-2", "iomesh-meta",
                          (const char *[]){"/opt/iomesh/iomeshctl", "chunk", "unregister", "2", NULL}, 1000,
                          &out, &error),
        0);
    ck_assert_int_eq(effects("unregister"), 0);
    ck_assert_int_eq(unregister(2, &error), 0);
}
END_TEST

START_TEST(leader_that_never_had_the_session_shows_initializing_for_ever)
{
    int id = chunk_of("iomesh-chunk-3");
    scale(3);
    later(options.terminate_ms);
    fault("leader-move pod=iomesh-meta-1");
    later(options.expire_ms);
    chunk_is(id, "INITIALIZING");
    later(86400000);
    chunk_is(id, "INITIALIZING");
}
END_TEST

START_TEST(leader_goes_and_another_is_elected_after_a_while)
{
    char *name = leader();
    ck_assert_str_eq(name, "iomesh-meta-0");
    free(name);
    fault("pod-delete pod=iomesh-meta-0");
    ck_assert_ptr_null(leader());
    later(options.election_ms);
    name = leader();
    ck_assert_str_eq(name, "iomesh-meta-1");
    free(name);
    fault("leader-two pod=iomesh-meta-2 for=1s");
    ck_assert_ptr_null(leader());
    later(1000);
    name = leader();
    ck_assert_str_eq(name, "iomesh-meta-1");
    free(name);
}
END_TEST

START_TEST(status_is_late_by_the_lag)
{
    options.lag_ms = 5000;
    make();
    struct error error;
    ck_assert_int_eq(unregister(2, &error), 0);
    later(options.drain_ms);
    chunk_is(2, "CONNECTED_HEALTHY");
    later(options.lag_ms - 1);
    chunk_is(2, "CONNECTED_HEALTHY");
    later(1);
    chunk_is(2, NULL);
}
END_TEST

/* ---- helm ---- */

START_TEST(helm_killed_leaves_its_record_pending_and_the_record_can_be_taken_away)
{
    static const struct {
        const char *phase;
        int patched;
    } cases[] = {{"pending", 0}, {"patched", 1}};
    for (size_t i = 0; i < 2; i++) {
        char text[64], *out;
        make();
        values("chunk: {replicaCount: 3}\nmeta: {replicaCount: 3}\n");
        snprintf(text, sizeof text, "helm phase=%s action=kill", cases[i].phase);
        fault(text);
        ck_assert_int_eq(
            helm_child("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml --labels pawl-token=t"),
            128 + SIGKILL);
        ck_assert_int_eq(effects("helm_upgrade"), cases[i].patched);
        ck_assert_int_eq(helm("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml", &out), 1);
        ck_assert_ptr_nonnull(strstr(out, "another operation (install/upgrade/rollback) is in progress"));
        free(out);
        struct resource record = {"", "v1", "secrets", NS, NULL};
        json_t *found = list(&record, "owner=helm,status=pending-upgrade,pawl-token=t");
        const json_t *metadata = json_object_get(json_array_get(json_object_get(found, "items"), 0),
                                                 "metadata");
        struct error error;
        ck_assert_ptr_nonnull(metadata);
        record.name = "sh.helm.release.v1.iomesh.v2";
        ck_assert_int_eq(cluster->calls->remove(cluster, &record, "other", NULL, &error), -1);
        ck_assert_int_eq(error.code, ERROR_CLUSTER_CONFLICT);
        ck_assert_int_eq(cluster->calls->remove(cluster, &record, json_text(metadata, "uid", ""),
                                                json_text(metadata, "resourceVersion", ""), &error),
                         0);
        json_decref(found);
        scale(3);
        /* The second upgrade changes nothing where the first had patched. */
        ck_assert_int_eq(effects("helm_upgrade"), 1);
        ck_assert_int_eq(effects("record_removed"), 1);
        json_t *set = get(&chunk_set);
        ck_assert_int_eq(json_int(json_object_get(set, "metadata"), "generation", 0), 2);
        json_decref(set);
    }
}
END_TEST

START_TEST(labels_are_inherited_and_descriptions_come_with_success_only)
{
    char *out;
    values("chunk: {replicaCount: 5}\nmeta: {replicaCount: 3}\n");
    fault("helm phase=patched action=fail");
    ck_assert_int_eq(
        helm("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml --labels pawl-token=t "
             "--description mine",
             NULL),
        1);
    ck_assert_int_eq(helm("history iomesh -n iomesh-system -o json", &out), 0);
    ck_assert_ptr_null(strstr(out, "mine"));
    ck_assert_ptr_nonnull(strstr(out, "Upgrade \\\"iomesh\\\" failed"));
    free(out);
    scale(5);
    ck_assert_int_eq(count(&(struct resource){"", "v1", "secrets", NS, NULL}, "pawl-token=t"), 2);
    ck_assert_int_eq(count(&(struct resource){"", "v1", "secrets", NS, NULL}, "owner=helm"), 3);
}
END_TEST

START_TEST(old_helm_has_no_labels_and_new_helm_no_post_renderer_program)
{
    char *out;
    values("chunk: {replicaCount: 4}\n");
    options.helm = "v3.6.2";
    make();
    ck_assert_int_eq(helm("upgrade iomesh iomesh/iomesh -n iomesh-system --labels a=b", &out), 1);
    ck_assert_ptr_nonnull(strstr(out, "unknown flag: --labels"));
    free(out);
    ck_assert_int_eq(
        helm("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml --post-renderer /bin/cat", NULL),
        0);
    options.helm = "v4.1.4";
    make();
    ck_assert_int_eq(helm("upgrade iomesh iomesh/iomesh -n iomesh-system --post-renderer /bin/cat", &out), 1);
    ck_assert_ptr_nonnull(strstr(out, "not found"));
    free(out);
}
END_TEST

START_TEST(only_ten_revisions_are_kept)
{
    for (int i = 0; i < 14; i++)
        scale(4);
    ck_assert_int_eq(count(&(struct resource){"", "v1", "secrets", NS, NULL}, "owner=helm"), 10);
    ck_assert_int_eq(effects("helm_upgrade"), 0); /* nothing changed, so nothing was done */
}
END_TEST

START_TEST(helm_takes_back_what_was_set_by_hand_and_restarts_the_pods)
{
    fault("set-image statefulset=iomesh-chunk image=hot:2");
    for (int i = 0; i < 60; i++)
        later(1000);
    json_t *set = get(&chunk_set);
    ck_assert_int_eq(json_int(json_object_get(set, "status"), "updatedReplicas", 0), 4);
    json_decref(set);
    scale(4);
    set = get(&chunk_set);
    const json_t *container = json_array_get(json_at(set, "spec", "template", "spec", "containers", NULL), 0);
    ck_assert_str_eq(json_text(container, "image", ""), "iomesh/chunk:1");
    ck_assert_int_eq(json_int(json_object_get(set, "status"), "updatedReplicas", 9), 0);
    json_decref(set);
}
END_TEST

START_TEST(one_version_can_have_two_contents)
{
    struct error error;
    char *out;
    ck_assert_int_eq(helm("pull iomesh/iomesh --version 1.0.0 -d .", NULL), 0);
    fault("chart-template version=1.0.0 image=new:9");
    ck_assert_int_eq(helm("upgrade iomesh iomesh-1.0.0.tgz -n iomesh-system --dry-run -o json", &out), 0);
    ck_assert_ptr_null(strstr(out, "new:9"));
    free(out);
    ck_assert_int_eq(helm("upgrade iomesh iomesh/iomesh -n iomesh-system --dry-run -o json", &out), 0);
    ck_assert_ptr_nonnull(strstr(out, "new:9"));
    free(out);
    /* The API server says what a template would become, and changes nothing. */
    json_t *patch = json_pack("{s:{s:{s:{s:[{s:s, s:s}]}}}}", "spec", "template", "spec", "containers",
                              "name", "iomesh-chunk", "image", "new:9");
    json_t *tried = NULL;
    ck_assert_int_eq(cluster->calls->patch(cluster, &chunk_set, PATCH_STRATEGIC, patch, true, &tried, &error),
                     0);
    ck_assert_int_eq(json_array_size(json_at(tried, "spec", "template", "spec", "containers", NULL)), 2);
    json_decref(tried);
    json_decref(patch);
    json_t *set = get(&chunk_set);
    ck_assert_int_eq(json_int(json_object_get(set, "metadata"), "generation", 0), 1);
    json_decref(set);
}
END_TEST

/* ---- faults and kills ---- */

START_TEST(requests_meet_their_troubles_in_order)
{
    json_t *object = NULL;
    struct error error;
    fault("fail verb=get resource=iomeshclusters code=503 skip=1");
    fault("fail verb=get resource=iomeshclusters code=half");
    json_decref(get(&iomesh));
    ck_assert_int_eq(cluster->calls->get(cluster, &iomesh, &object, &error), -1);
    ck_assert_int_eq(error.code, ERROR_CLUSTER_BUSY);
    object = get(&iomesh);
    ck_assert_int_eq(json_array_size(json_at(object, "status", "summary", "chunkSummary", "chunks", NULL)),
                     2);
    json_decref(object);
    object = get(&iomesh);
    ck_assert_int_eq(json_array_size(json_at(object, "status", "summary", "chunkSummary", "chunks", NULL)),
                     4);
    json_decref(object);
}
END_TEST

START_TEST(cut_exec_may_take_effect_or_not_or_late)
{
    static const struct {
        const char *fault;
        int at_once, later;
    } cases[] = {{"fail verb=exec code=cut effect=yes", 1, 1},
                 {"fail verb=exec code=cut", 0, 0},
                 {"fail verb=exec code=cut late=30s", 0, 1}};
    for (size_t i = 0; i < 3; i++) {
        struct error error;
        make();
        fault(cases[i].fault);
        ck_assert_int_eq(unregister(2, &error), -1);
        ck_assert_int_eq(error.code, ERROR_EXEC_BROKEN);
        ck_assert_int_eq(effects("unregister"), cases[i].at_once);
        later(30000);
        ck_assert_int_eq(effects("unregister"), cases[i].later);
    }
}
END_TEST

START_TEST(only_the_named_command_meets_the_fault)
{
    struct error error;
    fault("fail verb=exec command=unregister code=cut");
    ck_assert(is_idle());
    ck_assert_int_eq(unregister(2, &error), -1);
    ck_assert_int_eq(error.code, ERROR_EXEC_BROKEN);
    ck_assert_int_eq(unregister(2, &error), 0);
}
END_TEST

START_TEST(pod_that_crashes_loses_its_chunk_and_gets_it_back)
{
    int id = chunk_of("iomesh-chunk-1");
    fault("pod-stuck pod=iomesh-chunk-1 reason=CrashLoopBackOff for=1m");
    later(options.expire_ms);
    chunk_is(id, "SESSION_EXPIRED");
    json_t *pod = get(&(struct resource){"", "v1", "pods", NS, "iomesh-chunk-1"});
    const json_t *container = json_array_get(json_at(pod, "status", "containerStatuses", NULL), 0);
    ck_assert_str_eq(json_text(json_at(container, "state", "waiting", NULL), "reason", ""),
                     "CrashLoopBackOff");
    json_decref(pod);
    later(60000 + options.start_ms);
    chunk_is(id, "CONNECTED_HEALTHY");
    ck_assert_int_eq(chunk_of("iomesh-chunk-1"), id);
}
END_TEST

START_TEST(license_keys_and_helm_records_can_be_elsewhere)
{
    options.license = "spaced";
    options.helm_driver = "configmap";
    make();
    json_t *object = get(&iomesh);
    ck_assert_int_eq(json_int(json_at(object, "status", "license", NULL), "Max Chunk Num", 0), 255);
    json_decref(object);
    ck_assert_int_eq(count(&(struct resource){"", "v1", "secrets", NS, NULL}, "owner=helm"), 0);
    ck_assert_int_eq(helm("history iomesh -n iomesh-system -o json", NULL), 0);
}
END_TEST

struct asking {
    pthread_t thread;
    int number;
};

static void *ask(void *argument)
{
    const struct asking *asking = argument;
    for (int i = 0; i < 30; i++) {
        struct resource lease = {"coordination.k8s.io", "v1", "leases", NS, NULL};
        struct error error;
        json_t *object = json_pack("{s:{s:o}}", "metadata", "name",
                                   json_sprintf("lease-%d-%d", asking->number, i));
        ck_assert_int_eq(cluster->calls->create(cluster, &lease, object, NULL, &error), 0);
        json_decref(object);
        json_decref(get(&iomesh));
        later(100);
        ck_assert_int_eq(helm("history iomesh -n iomesh-system -o json", NULL), 0);
    }
    return NULL;
}

START_TEST(threads_share_one_cluster)
{
    struct asking asking[4] = {{0}};
    for (int i = 0; i < 4; i++) {
        asking[i].number = i;
        ck_assert_int_eq(pthread_create(&asking[i].thread, NULL, ask, &asking[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(asking[i].thread, NULL);
    ck_assert_int_eq(effects("create"), 120);
}
END_TEST

START_TEST(a_process_killed_at_an_effect_has_had_it_or_not_and_the_log_agrees)
{
    static const struct {
        const char *kill;
        int recorded, patched, deployed;
    } cases[] = {{"before-effect:1", 0, 0, 0}, {"after-effect:1", 1, 0, 0},  {"before-effect:2", 1, 0, 0},
                 {"after-effect:2", 1, 1, 0},  {"before-effect:3", 1, 1, 0}, {"after-effect:3", 1, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make();
        values("chunk: {replicaCount: 3}\n");
        setenv("PAWL_SIM_KILL", cases[i].kill, 1);
        ck_assert_int_eq(helm_child("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml"),
                         128 + SIGKILL);
        unsetenv("PAWL_SIM_KILL");
        ck_assert_int_eq(effects("helm_recorded"), cases[i].recorded);
        ck_assert_int_eq(effects("helm_upgrade"), cases[i].patched);
        ck_assert_int_eq(effects("helm_deployed"), cases[i].deployed);
    }
}
END_TEST

START_TEST(a_log_that_a_killed_process_did_not_finish_is_completed_by_the_next)
{
    for (int cut = 1; cut < 400; cut += 7) {
        struct error error;
        char path[160];
        struct stat status;
        make();
        ck_assert_int_eq(unregister(2, &error), 0);
        snprintf(path, sizeof path, "%s.log", file);
        ck_assert_int_eq(stat(path, &status), 0);
        json_t *state = json_load_file(file, 0, NULL);
        off_t before = json_int(json_object_get(state, "log"), "start", -1);
        json_decref(state);
        ck_assert_int_gt(before, 0);
        /* As if it had been killed while it wrote the lines of this call. */
        off_t left = status.st_size - cut;
        ck_assert_int_eq(truncate(path, left < before ? before : left), 0);
        open_again();
        ck_assert_int_eq(effects("unregister"), 1);
        json_decref(get(&iomesh));
        ck_assert_int_eq(effects("unregister"), 1);
    }
}
END_TEST

static int entries(const char *name)
{
    struct error error;
    json_t *document = sim_show(file, &error);
    int found = (int)json_array_size(json_object_get(document, name));
    json_decref(document);
    return found;
}

START_TEST(processes_at_the_same_time_lose_nothing)
{
    enum { PROCESSES = 6, CALLS = 40 };
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i])
            continue;
        open_again();
        for (int call = 0; call < CALLS; call++) {
            struct resource lease = {"coordination.k8s.io", "v1", "leases", NS, NULL};
            struct error error;
            json_t *object = json_pack("{s:{s:o}}", "metadata", "name", json_sprintf("lease-%d-%d", i, call));
            if (cluster->calls->create(cluster, &lease, object, NULL, &error))
                _exit(1);
            json_decref(object);
        }
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++)
        ck_assert_int_eq(ended(children[i]), 0);
    ck_assert_int_eq(count(&(struct resource){"coordination.k8s.io", "v1", "leases", NS, NULL}, NULL),
                     PROCESSES * CALLS);
    ck_assert_int_eq(effects("create"), PROCESSES * CALLS);
    ck_assert_int_eq(entries("requests"), PROCESSES * CALLS + 1);
}
END_TEST

START_TEST(hung_helm_lets_time_pass_and_ends_in_order_when_it_is_terminated)
{
    static const struct {
        const char *version, *status;
        int exit_status;
    } cases[] = {{"v3.17.1", "failed", 1}, {"v3.6.2", "pending-upgrade", 128 + SIGTERM}};
    for (size_t i = 0; i < 2; i++) {
        char *out;
        options.helm = cases[i].version;
        make();
        values("chunk: {replicaCount: 3}\n");
        fault("helm phase=pending action=hang");
        pid_t child = helm_start("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml");
        for (int64_t start = now(); now() < start + 60000;)
            ck_assert_int_eq(waitpid(child, NULL, WNOHANG), 0);
        kill(child, SIGTERM);
        ck_assert_int_eq(ended(child), cases[i].exit_status);
        ck_assert_int_eq(helm("history iomesh -n iomesh-system -o json", &out), 0);
        ck_assert_ptr_nonnull(strstr(out, cases[i].status));
        free(out);
        ck_assert_int_eq(effects("helm_upgrade"), 0);
    }
}
END_TEST

START_TEST(what_is_denied_is_said_when_asked_and_refused_when_tried)
{
    struct error error;
    struct resource exec = {"", "v1", "pods/exec", NS, NULL};
    char why[256];
    bool allowed = false;
    ck_assert_int_eq(cluster->calls->allowed(cluster, "get", &exec, &allowed, why, &error), 0);
    ck_assert(allowed);
    fault("deny verb=get resource=pods/exec");
    ck_assert_int_eq(cluster->calls->allowed(cluster, "get", &exec, &allowed, why, &error), 0);
    ck_assert(!allowed);
    ck_assert_int_eq(unregister(2, &error), -1);
    ck_assert_int_eq(error.code, ERROR_CLUSTER_DENIED);
    ck_assert_int_eq(effects("unregister"), 0);
}
END_TEST

START_TEST(what_is_tied_to_an_effect_happens_after_it)
{
    fault("leader-move pod=iomesh-meta-2 on=helm_upgrade delay=1s");
    later(60000);
    char *name = leader();
    ck_assert_str_eq(name, "iomesh-meta-0");
    free(name);
    scale(5);
    later(1000);
    name = leader();
    ck_assert_str_eq(name, "iomesh-meta-2");
    free(name);
}
END_TEST

START_TEST(somebody_elses_upgrade_is_recorded_and_a_mistyped_fault_refused)
{
    static const char *const bad[][3] = {{"leader-moves", NULL, NULL},
                                         {"leader-move", NULL, NULL},
                                         {"leader-move", "pod=x", "colour=red"},
                                         {"leader-none", "for=soon", NULL},
                                         {"node-cordon", "node=worker-77", NULL}};
    struct error error;
    char *out;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(sim_fault(file, bad[i], bad[i][2] ? 3 : bad[i][1] ? 2 : 1, &error), -1);
    fault("other-upgrade set=chunk.replicaCount:5 status=pending-upgrade");
    ck_assert_int_eq(helm("history iomesh -n iomesh-system -o json", &out), 0);
    ck_assert_ptr_nonnull(strstr(out, "pending-upgrade"));
    free(out);
    ck_assert_int_eq(helm("get values iomesh -n iomesh-system --revision 2 -o json", &out), 0);
    ck_assert_ptr_nonnull(strstr(out, "\"replicaCount\":5"));
    free(out);
}
END_TEST

START_TEST(leases_are_made_replaced_and_removed_under_their_version)
{
    struct resource lease = {"coordination.k8s.io", "v1", "leases", NS, "pawl-iomesh"};
    struct error error;
    json_t *object = json_pack("{s:{s:s}, s:{s:s}}", "metadata", "name", "pawl-iomesh", "spec",
                               "holderIdentity", "one");
    json_t *made = NULL, *replaced = NULL;
    ck_assert_int_eq(cluster->calls->create(cluster, &lease, object, &made, &error), 0);
    ck_assert_int_eq(cluster->calls->create(cluster, &lease, object, NULL, &error), -1);
    ck_assert_int_eq(error.code, ERROR_CLUSTER_CONFLICT);
    json_object_set_new(json_object_get(made, "spec"), "holderIdentity", json_string("two"));
    ck_assert_int_eq(cluster->calls->replace(cluster, &lease, made, &replaced, &error), 0);
    ck_assert_int_eq(cluster->calls->replace(cluster, &lease, made, NULL, &error), -1);
    ck_assert_int_eq(error.code, ERROR_CLUSTER_CONFLICT);
    ck_assert_int_eq(cluster->calls->remove(cluster, &lease, NULL, NULL, &error), 0);
    ck_assert_int_eq(cluster->calls->remove(cluster, &lease, NULL, NULL, &error), 0);
    ck_assert_ptr_null(get(&lease));
    json_decref(object);
    json_decref(made);
    json_decref(replaced);
}
END_TEST

START_TEST(a_pod_without_a_node_says_so_and_starts_when_one_comes)
{
    options.nodes = 4;
    make();
    scale(5);
    json_t *pod = get(&(struct resource){"", "v1", "pods", NS, "iomesh-chunk-4"});
    const json_t *condition = json_array_get(json_at(pod, "status", "conditions", NULL), 0);
    ck_assert_str_eq(json_text(condition, "reason", ""), "Unschedulable");
    ck_assert_ptr_nonnull(strstr(json_text(condition, "message", ""), "0/5 nodes are available"));
    json_decref(pod);
    fault("node-add node=worker-9");
    later(options.start_ms);
    ck_assert_int_eq(chunk_of("iomesh-chunk-4"), 5);
}
END_TEST

START_TEST(time_never_goes_back_and_is_the_files)
{
    int64_t start = now();
    later(5000);
    cluster->clock->jump_to(cluster->clock, start);
    open_again();
    ck_assert_int_eq(now(), start + 5000);
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("sim");
    TCase *behaviour = tcase_create("behaviour");
    tcase_add_checked_fixture(behaviour, set_up, tear_down);
    tcase_add_test(behaviour, chunk_ids_do_not_follow_ordinals);
    tcase_add_test(behaviour, shrunk_pod_goes_and_its_chunk_expires_and_is_unregistered_at_once);
    tcase_add_test(
        behaviour,
        drained_chunk_stays_healthy_until_it_is_gone_and_its_pod_registers_anew_only_after_a_restart);
    tcase_add_test(behaviour, unregister_is_refused_while_another_chunk_is_unhealthy_and_off_the_leader);
    tcase_add_test(behaviour, leader_that_never_had_the_session_shows_initializing_for_ever);
    tcase_add_test(behaviour, leader_goes_and_another_is_elected_after_a_while);
    tcase_add_test(behaviour, status_is_late_by_the_lag);
    tcase_add_test(behaviour, helm_killed_leaves_its_record_pending_and_the_record_can_be_taken_away);
    tcase_add_test(behaviour, labels_are_inherited_and_descriptions_come_with_success_only);
    tcase_add_test(behaviour, old_helm_has_no_labels_and_new_helm_no_post_renderer_program);
    tcase_add_test(behaviour, only_ten_revisions_are_kept);
    tcase_add_test(behaviour, helm_takes_back_what_was_set_by_hand_and_restarts_the_pods);
    tcase_add_test(behaviour, one_version_can_have_two_contents);
    tcase_add_test(behaviour, requests_meet_their_troubles_in_order);
    tcase_add_test(behaviour, cut_exec_may_take_effect_or_not_or_late);
    tcase_add_test(behaviour, only_the_named_command_meets_the_fault);
    tcase_add_test(behaviour, pod_that_crashes_loses_its_chunk_and_gets_it_back);
    tcase_add_test(behaviour, license_keys_and_helm_records_can_be_elsewhere);
    tcase_add_test(behaviour, threads_share_one_cluster);
    tcase_add_test(behaviour, a_process_killed_at_an_effect_has_had_it_or_not_and_the_log_agrees);
    tcase_add_test(behaviour, a_log_that_a_killed_process_did_not_finish_is_completed_by_the_next);
    tcase_add_test(behaviour, processes_at_the_same_time_lose_nothing);
    tcase_add_test(behaviour, hung_helm_lets_time_pass_and_ends_in_order_when_it_is_terminated);
    tcase_add_test(behaviour, what_is_denied_is_said_when_asked_and_refused_when_tried);
    tcase_add_test(behaviour, what_is_tied_to_an_effect_happens_after_it);
    tcase_add_test(behaviour, somebody_elses_upgrade_is_recorded_and_a_mistyped_fault_refused);
    tcase_add_test(behaviour, leases_are_made_replaced_and_removed_under_their_version);
    tcase_add_test(behaviour, a_pod_without_a_node_says_so_and_starts_when_one_comes);
    tcase_add_test(behaviour, time_never_goes_back_and_is_the_files);
    suite_add_tcase(suite, behaviour);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
