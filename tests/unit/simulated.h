/* A simulated cluster of its own for each test, and what tests ask it. */
#ifndef PAWL_TESTS_UNIT_SIMULATED_H
#define PAWL_TESTS_UNIT_SIMULATED_H

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
#include "suite.h"

#define NS "iomesh-system"

static char folder[64], file[128];
static struct cluster *cluster;
static struct sim_options options;

__attribute__((unused)) static const struct resource pods = {"", "v1", "pods", NS, NULL};
__attribute__((unused)) static const struct resource iomesh = {"iomesh.com", "v1alpha1", "iomeshclusters", NS,
                                                               "iomesh"};
__attribute__((unused)) static const struct resource chunk_set = {"apps", "v1", "statefulsets", NS,
                                                                  "iomesh-chunk"};

/* ---- helpers ---- */

static inline void open_again(void)
{
    struct error error;
    char spec[160];
    cluster_close(cluster);
    snprintf(spec, sizeof spec, "sim:%s", file);
    cluster = cluster_open(spec, NULL, NULL, &error);
    ck_assert_msg(cluster != NULL, "%s", error.message);
}

static inline void make(void)
{
    struct error error;
    ck_assert_msg(!sim_create(file, &options, &error), "%s", error.message);
    open_again();
}

static inline void set_up(void)
{
    strcpy(folder, "/tmp/pawl-sim-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/cluster.json", folder);
    unsetenv("PAWL_SIM_KILL");
    sim_options_default(&options);
    options.seed = 7;
    make();
}

static inline void tear_down(void)
{
    char command[160];
    cluster_close(cluster);
    cluster = NULL;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static inline int64_t now(void)
{
    return cluster->clock->steady_ms(cluster->clock);
}

static inline void later(int64_t ms)
{
    cluster->clock->jump_to(cluster->clock, now() + ms);
}

static inline json_t *get(const struct resource *resource)
{
    json_t *object = NULL;
    struct error error;
    ck_assert_msg(!cluster->calls->get(cluster, resource, &object, &error), "%s", error.message);
    return object;
}

static inline json_t *list(const struct resource *resource, const char *selector)
{
    json_t *found = NULL;
    struct error error;
    ck_assert_msg(!cluster->calls->list(cluster, resource, selector, false, &found, &error), "%s",
                  error.message);
    return found;
}

static inline int count(const struct resource *resource, const char *selector)
{
    json_t *found = list(resource, selector);
    int items = (int)json_array_size(json_object_get(found, "items"));
    json_decref(found);
    return items;
}

static inline void fault(const char *words)
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
static inline char *chunk_text(int id)
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

static inline void chunk_is(int id, const char *status)
{
    char *text = chunk_text(id);
    if (!status)
        ck_assert_msg(!text, "chunk %d is %s", id, text);
    else
        ck_assert_msg(text && strstr(text, status), "chunk %d is %s", id, text ? text : "not listed");
    free(text);
}

/* The chunk that a pod serves, as find_chunk finds it. */
static inline int chunk_of(const char *pod)
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

static inline char *leader(void)
{
    json_t *found = list(&pods, "iomesh.com/meta-leader"), *items = json_object_get(found, "items");
    char *name = json_array_size(items) == 1
                     ? string_copy(
                           json_text(json_object_get(json_array_get(items, 0), "metadata"), "name", ""))
                     : NULL;
    json_decref(found);
    return name;
}

static inline char *summary(void)
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

static inline bool is_idle(void)
{
    char *out = summary();
    bool idle = strstr(out, "num_ongoing_recovers: 0") && strstr(out, "num_ongoing_migrates: 0");
    free(out);
    return idle;
}

static inline int unregister(int id, struct error *error)
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

static inline int helm(const char *words, char **out)
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

static inline void values(const char *text)
{
    char path[160];
    snprintf(path, sizeof path, "%s/values.yaml", folder);
    FILE *stream = fopen(path, "w");
    ck_assert_ptr_nonnull(stream);
    fputs(text, stream);
    fclose(stream);
}

static inline void scale(int chunks)
{
    char text[64];
    snprintf(text, sizeof text, "chunk: {replicaCount: %d}\nmeta:\n  replicaCount: 3 # three\n", chunks);
    values(text);
    char *out;
    ck_assert_msg(!helm("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml", &out), "%s", out);
    free(out);
}

static inline int effects(const char *name)
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
static inline pid_t helm_start(const char *words)
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
static inline int ended(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static inline int helm_child(const char *words)
{
    return ended(helm_start(words));
}

static inline TCase *simulated_case(void)
{
    memory_use_for_json();
    TCase *behaviour = tcase_create("behaviour");
    tcase_add_checked_fixture(behaviour, set_up, tear_down);
    tcase_set_timeout(behaviour, 60);
    return behaviour;
}

/* The exit status of main(). */
static inline int simulated_run(const char *name, TCase *behaviour)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, behaviour);
    return suite_run(suite);
}

#endif
