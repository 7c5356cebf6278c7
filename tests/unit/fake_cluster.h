/* A cluster of canned JSON for tests of step bodies: four chunk servers, three meta servers, five nodes. Time
 * stands still unless the test moves it. What a command answers is looked up by "POD: ARGUMENTS". */
#ifndef PAWL_TESTS_UNIT_FAKE_CLUSTER_H
#define PAWL_TESTS_UNIT_FAKE_CLUSTER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/cluster.h"
#include "steps/kind.h"
#include "suite.h"

#define FAKE_IDLE                                                                                            \
    "recover:\n  num_ongoing_recovers: 0\n  num_pending_recovers: 0\n  pending_recovers_bytes: 0\n"          \
    "migrate:\n  num_ongoing_migrates: 0\n  num_pending_migrates: 0\n  pending_migrates_bytes: 0\n"
#define FAKE_MOVING                                                                                          \
    "recover:\n  num_ongoing_recovers: 2\n  num_pending_recovers: 0\n  pending_recovers_bytes: 4096\n"       \
    "migrate:\n  num_ongoing_migrates: 0\n  num_pending_migrates: 0\n  pending_migrates_bytes: 0\n"
#define FAKE_SUMMARY "/opt/iomesh/iomeshctl summary cluster"

struct fake {
    struct cluster cluster;
    struct clock clock;
    int64_t steady_ms, wall_ms;
    json_t *objects;         /* "RESOURCE/NAME" → object */
    json_t *commands;        /* "POD: ARGUMENTS" → {"out","err","status","broken"} */
    struct error fails;      /* of get and list, where its code is set */
    const char *fails_about; /* the resource; NULL: any */
    struct error exec_fails; /* of exec_begin */
    bool forbids;            /* what `allowed` says */
    int polls;               /* how many polls a command takes to end */
    int changes;             /* commands run that change something */
    int execs_open;
};

static struct fake fake;

/* ---- the clock ---- */

static int64_t fake_wall(struct clock *clock)
{
    (void)clock;
    return fake.wall_ms;
}

static int64_t fake_steady(struct clock *clock)
{
    (void)clock;
    return fake.steady_ms;
}

static inline void pass_time(int64_t ms)
{
    fake.steady_ms += ms;
    fake.wall_ms += ms;
}

/* ---- the calls ---- */

static bool fake_fails(const struct resource *resource, struct error *error)
{
    bool fails = fake.fails.code && (!fake.fails_about || !strcmp(fake.fails_about, resource->resource));
    if (fails)
        *error = fake.fails;
    return fails;
}

static int fake_get(struct cluster *cluster, const struct resource *resource, json_t **out,
                    struct error *error)
{
    char key[160];
    (void)cluster;
    if (fake_fails(resource, error))
        return -1;
    snprintf(key, sizeof key, "%s/%s", resource->resource, resource->name);
    *out = json_incref(json_object_get(fake.objects, key));
    return 0;
}

static int fake_list(struct cluster *cluster, const struct resource *resource, const char *selector,
                     bool metadata_only, json_t **out, struct error *error)
{
    const char *key;
    json_t *object, *items = json_array();
    size_t length = strlen(resource->resource);
    (void)cluster;
    (void)metadata_only;
    if (fake_fails(resource, error)) {
        json_decref(items);
        return -1;
    }
    json_object_foreach(fake.objects, key, object)
    {
        bool fits = !selector ||
                    json_object_get(json_at(object, "metadata", "labels", NULL), selector) != NULL;
        if (!strncmp(key, resource->resource, length) && key[length] == '/' && fits)
            json_array_append(items, object);
    }
    *out = json_pack("{s:o}", "items", items);
    return 0;
}

static int fake_allowed(struct cluster *cluster, const char *verb, const struct resource *resource, bool *out,
                        char why[256], struct error *error)
{
    (void)cluster;
    (void)verb;
    (void)why;
    *out = !fake.forbids;
    return fake_fails(resource, error) ? -1 : 0;
}

struct exec {
    const json_t *answer;
    int polls;
};

static int fake_exec_begin(struct cluster *cluster, const char *namespace, const char *pod,
                           const char *container, const char *const *arguments, struct exec **out,
                           struct error *error)
{
    struct text command = {0};
    (void)cluster;
    (void)namespace;
    (void)container;
    if (fake.exec_fails.code) {
        *error = fake.exec_fails;
        return -1;
    }
    text_format(&command, "%s:", pod);
    for (; *arguments; arguments++)
        text_format(&command, " %s", *arguments);
    fake.changes += strstr(text_string(&command), "unregister") != NULL;
    *out = memory_new(sizeof **out);
    (*out)->answer = json_object_get(fake.commands, text_string(&command));
    (*out)->polls = fake.polls;
    fake.execs_open++;
    text_clear(&command);
    return 0;
}

static void fake_exec_poll(struct exec *exec, int64_t wait_ms, struct exec_result *result)
{
    (void)wait_ms;
    *result = (struct exec_result){.ended = exec->polls-- <= 0};
    result->known = !json_bool(exec->answer, "broken", false);
    result->exit_status = (int)json_int(exec->answer, "status", exec->answer ? 0 : 127);
    if (!result->known)
        error_set(&result->error, ERROR_EXEC_BROKEN, "connection reset");
}

static void fake_exec_output(const struct exec *exec, const char **out, const char **err)
{
    *out = json_text(exec->answer, "out", "");
    *err = json_text(exec->answer, "err", exec->answer ? "" : "executable file not found in $PATH");
}

static void fake_exec_free(struct exec *exec)
{
    fake.execs_open -= exec != NULL;
    free(exec);
}

static const struct cluster_calls FAKE_CALLS = {
    .get = fake_get,
    .list = fake_list,
    .allowed = fake_allowed,
    .exec_begin = fake_exec_begin,
    .exec_poll = fake_exec_poll,
    .exec_output = fake_exec_output,
    .exec_free = fake_exec_free,
};

/* ---- what is in it ---- */

static inline json_t *object_of(const char *key)
{
    json_t *object = json_object_get(fake.objects, key);
    ck_assert_msg(object != NULL, "%s", key);
    return object;
}

static inline void command_says(const char *command, const char *out)
{
    json_object_set_new(fake.commands, command,
                        json_pack("{s:o,s:i}", "out", json_string_nocheck(out), "status", 0)); /* any bytes */
}

static inline void add_pod(const char *set, int ordinal, const char *ip)
{
    char name[64], key[80], command[128], address[256];
    snprintf(name, sizeof name, "%s-%d", set, ordinal);
    snprintf(key, sizeof key, "pods/%s", name);
    json_object_set_new(
        fake.objects, key,
        json_pack("{s:{s:s,s:{},s:[{s:s,s:s}]},s:{s:[{s:s},{s:s}],s:s},s:{s:s,s:[{s:s,s:b,s:{s:{}}},"
                  "{s:s,s:b,s:{s:{}}}]}}",
                  "metadata", "name", name, "labels", "ownerReferences", "kind", "StatefulSet", "name", set,
                  "spec", "containers", "name", set, "name", "agent", "nodeName", "node-1", "status", "phase",
                  "Running", "containerStatuses", "name", set, "ready", true, "state", "running", "name",
                  "agent", "ready", true, "state", "running"));
    snprintf(command, sizeof command, "%s: ip -o -4 addr", name);
    snprintf(address, sizeof address,
             "1: lo    inet 127.0.0.1/8 scope host lo\\ valid_lft forever\n"
             "2: eth0    inet 10.244.0.%d/24 scope global eth0\n"
             "3: net1    inet %s/24 scope global net1\n",
             ordinal + 2, ip);
    command_says(command, address);
}

static inline void add_statefulset(const char *name, int replicas)
{
    char key[80];
    snprintf(key, sizeof key, "statefulsets/%s", name);
    json_object_set_new(
        fake.objects, key,
        json_pack("{s:{s:s},s:{s:i}}", "metadata", "name", name, "spec", "replicas", replicas));
}

static inline void add_node(int number)
{
    char key[32];
    snprintf(key, sizeof key, "nodes/node-%d", number);
    json_object_set_new(fake.objects, key,
                        json_pack("{s:{s:s},s:{},s:{s:[{s:s,s:s}]}}", "metadata", "name", key + 6, "spec",
                                  "status", "conditions", "type", "Ready", "status", "True"));
}

static inline json_t *chunk_list(void)
{
    return json_at(object_of("iomeshclusters/iomesh"), "status", "summary", "chunkSummary", "chunks", NULL);
}

static inline void add_chunk(int id, const char *ip)
{
    json_array_append_new(chunk_list(), json_pack("{s:i,s:s,s:s,s:{s:s,s:s}}", "id", id, "ip", ip, "status",
                                                  "CHUNK_STATUS_CONNECTED_HEALTHY", "spaceInfo",
                                                  "totalDataCapacity", "1TiB", "usedDataSpace", "512GiB"));
}

static inline json_t *chunk_entry(int id)
{
    size_t index;
    json_t *entry;
    json_array_foreach(chunk_list(), index, entry)
    {
        if (json_int(entry, "id", -1) == id)
            return entry;
    }
    return NULL;
}

static inline void chunk_becomes(int id, const char *status)
{
    json_object_set_new(chunk_entry(id), "status", json_string(status));
}

static inline void chunk_vanishes(int id)
{
    for (size_t i = 0; i < json_array_size(chunk_list()); i++)
        if (json_int(json_array_get(chunk_list(), i), "id", -1) == id)
            json_array_remove(chunk_list(), i);
}

static inline void pod_vanishes(const char *name)
{
    char key[80];
    snprintf(key, sizeof key, "pods/%s", name);
    json_object_del(fake.objects, key);
}

static inline void leader_becomes(const char *name)
{
    char key[80], command[160];
    for (int i = 0; i < 3; i++) {
        snprintf(key, sizeof key, "pods/iomesh-meta-%d", i);
        json_t *labels = json_at(object_of(key), "metadata", "labels", NULL);
        snprintf(command, sizeof command, "iomesh-meta-%d: " FAKE_SUMMARY, i);
        json_object_del(labels, "iomesh.com/meta-leader");
        json_object_del(fake.commands, command);
        if (name && !strcmp(name, key + 5)) {
            json_object_set_new(labels, "iomesh.com/meta-leader", json_string(""));
            command_says(command, FAKE_IDLE);
        }
    }
}

/* Chunk ids follow the order of registration, not the ordinals. */
static inline void fake_set_up(void)
{
    static const int ids[] = {1, 3, 2, 4};
    char ip[32];
    fake = (struct fake){
        .cluster = {.calls = &FAKE_CALLS, .clock = &fake.clock},
        .clock = {.wall_ms = fake_wall, .steady_ms = fake_steady},
        .steady_ms = 1000000,
        .wall_ms = 1700000000000,
        .objects = json_object(),
        .commands = json_object(),
    };
    json_object_set_new(fake.objects, "iomeshclusters/iomesh",
                        json_pack("{s:{s:{s:s,s:i},s:{s:{s:[]}}}}", "status", "license", "softwareEdition",
                                  "Enterprise", "maxChunkNum", 255, "summary", "chunkSummary", "chunks"));
    for (int i = 0; i < 4; i++) {
        snprintf(ip, sizeof ip, "192.168.29.%d", 20 + i);
        add_pod("iomesh-chunk", i, ip);
        add_chunk(ids[i], ip);
    }
    for (int i = 0; i < 3; i++) {
        snprintf(ip, sizeof ip, "192.168.29.%d", 50 + i);
        add_pod("iomesh-meta", i, ip);
    }
    for (int i = 1; i <= 5; i++)
        add_node(i);
    add_statefulset("iomesh-chunk", 4);
    add_statefulset("iomesh-meta", 3);
    leader_becomes("iomesh-meta-0");
}

static inline void fake_tear_down(void)
{
    ck_assert_int_eq(fake.execs_open, 0);
    json_decref(fake.objects);
    json_decref(fake.commands);
}

/* ---- a visit ---- */

struct asked {
    struct visit visit;
    struct answer answer;
    struct probe_answer probe;
    struct plan_answer plan;
    struct gate gate;
    json_t *inputs, *checkpoint;
    int64_t held_since_ms;
    void *handle;
    const struct step_kind *kind;
};

static bool fake_pass(const struct visit *visit, struct error *error)
{
    (void)error;
    return gate_pass(visit->gate);
}

/* `inputs` as JSON, single quotes for double ones; defaults are filled in as the job checker would. */
static inline void visit_begin(struct asked *asked, const char *kind, const char *inputs)
{
    char *text = string_copy(inputs);
    for (char *quote = text; (quote = strchr(quote, '\'')); quote++)
        *quote = '"';
    *asked = (struct asked){.kind = step_kind_find(kind), .held_since_ms = -1};
    asked->inputs = json_loads(text, 0, NULL);
    ck_assert_msg(asked->inputs != NULL, "%s", text);
    free(text);
    for (const struct declared_input *input = asked->kind->declaration.inputs; input->name; input++) {
        json_error_t wrong;
        if (!input->fallback || json_object_get(asked->inputs, input->name))
            continue;
        json_t *value = input->type == TYPE_STRING || input->type == TYPE_DURATION
                            ? json_string(input->fallback)
                        : input->type == TYPE_LIST ? json_pack("[s]", "CHUNK_STATUS_SESSION_EXPIRED")
                                                   : json_loads(input->fallback, JSON_DECODE_ANY, &wrong);
        json_object_set_new(asked->inputs, input->name, value);
    }
    gate_init(&asked->gate);
}

static inline void visit_refresh(struct asked *asked)
{
    answer_clear(&asked->answer);
    probe_answer_clear(&asked->probe);
    asked->visit.inputs = asked->inputs;
    asked->visit.checkpoint = asked->checkpoint;
    asked->visit.now_ms = fake.steady_ms;
    asked->visit.wall_ms = fake.wall_ms;
    asked->visit.cluster = &fake.cluster;
    asked->visit.gate = &asked->gate;
    asked->visit.pass = fake_pass;
    asked->visit.held_since_ms = &asked->held_since_ms;
    asked->visit.handle = &asked->handle;
}

static inline void keep_checkpoint(struct asked *asked, json_t *checkpoint)
{
    if (!checkpoint)
        return;
    json_decref(asked->checkpoint);
    asked->checkpoint = json_incref(checkpoint);
}

static inline enum answer_kind ask(struct asked *asked)
{
    visit_refresh(asked);
    asked->kind->apply(&asked->visit, &asked->answer);
    keep_checkpoint(asked, asked->answer.checkpoint);
    return asked->answer.kind;
}

static inline enum probe_kind probe(struct asked *asked)
{
    visit_refresh(asked);
    asked->kind->probe(&asked->visit, &asked->probe);
    keep_checkpoint(asked, asked->probe.checkpoint);
    return asked->probe.kind;
}

static inline int look_ahead(struct asked *asked)
{
    visit_refresh(asked);
    plan_answer_clear(&asked->plan);
    asked->kind->plan(&asked->visit, NULL, &asked->plan);
    return (int)asked->plan.kind;
}

/* Asks again as the engine does until it is no AGAIN, for at most `ms` of simulated time. */
static inline enum answer_kind ask_for(struct asked *asked, int64_t ms)
{
    int64_t end_ms = fake.steady_ms + ms;
    while (ask(asked) == ANSWER_AGAIN && fake.steady_ms + asked->answer.after_ms <= end_ms)
        pass_time(asked->answer.after_ms);
    return asked->answer.kind;
}

/* The process was killed: the checkpoint is there, the memory and the connection are not. */
static inline void restart(struct asked *asked)
{
    asked->held_since_ms = -1;
    if (asked->handle && asked->kind->handle_free)
        asked->kind->handle_free(asked->handle);
    asked->handle = NULL;
}

static inline void visit_end(struct asked *asked)
{
    restart(asked);
    answer_clear(&asked->answer);
    probe_answer_clear(&asked->probe);
    plan_answer_clear(&asked->plan);
    json_decref(asked->inputs);
    json_decref(asked->checkpoint);
    gate_destroy(&asked->gate);
}

#define ck_assert_says(text, part)                                                                           \
    ck_assert_msg(strstr((text), (part)) != NULL, "\"%s\" lacks \"%s\"", (text), (part))

static inline int run_tests(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *all = tcase_create(name);
    tcase_add_checked_fixture(all, fake_set_up, fake_tear_down);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(all, tests[i]);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}

#endif
