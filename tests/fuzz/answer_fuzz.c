/* Any answers of a cluster to each step kind: objects, lists, helm's JSON and text, what commands print. A
 * body ends with an answer that says what it is: no fault, no success without outputs, no failure without a
 * reason.
 *
 * Sections: the kind's name, then the answers in turn, of get and list as JSON, else as they are printed; one
 * that begins with "!" is an error. The seeds are what the simulated cluster answers, as the kinds ask it. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/sim/sim.h"
#include "steps/kind.h"
#include "tests/fuzz/target.h"

#define CALLS_LIMIT 60 /* of one body: what asks for ever is a fault */

/* ---- what is asked ---- */

static const struct asking {
    const char *kind, *inputs;
} ASKINGS[] = {
    {"check_scale",
     "{\"namespace\":\"iomesh-system\",\"object\":\"iomesh\",\"component\":\"chunk\",\"count\":3,"
     "\"direction\":\"in\",\"leaving_chunk\":2,\"allow_below_minimum\":false}"},
    {"find_chunk", "{\"namespace\":\"iomesh-system\",\"object\":\"iomesh\",\"pod\":\"iomesh-chunk-1\"}"},
    {"find_expired_chunk", "{\"namespace\":\"iomesh-system\",\"object\":\"iomesh\",\"expect_id\":2,"
                           "\"expect_ip\":\"192.168.29.21\",\"pod\":\"iomesh-chunk-9\"}"},
    {"verify_pods",
     "{\"namespace\":\"iomesh-system\",\"component\":\"chunk\",\"count\":3,\"stable_for\":\"0s\"}"},
    {"locate_meta_leader", "{\"namespace\":\"iomesh-system\"}"},
    {"verify_idle", "{\"namespace\":\"iomesh-system\",\"stable_for\":\"0s\"}"},
    {"unregister_chunk",
     "{\"namespace\":\"iomesh-system\",\"object\":\"iomesh\",\"chunk_id\":2,\"chunk_ip\":"
     "\"192.168.29.21\",\"leader\":\"iomesh-meta-0\",\"expect_status\":[\"CHUNK_STATUS_SESSION_EXPIRED\","
     "\"CHUNK_STATUS_CONNECTED_HEALTHY\"]}"},
    {"confirm_removal",
     "{\"namespace\":\"iomesh-system\",\"object\":\"iomesh\",\"chunk_id\":2,\"stable_for\":\"0s\"}"},
    {"helm_upgrade", "{\"namespace\":\"iomesh-system\",\"release\":\"iomesh\",\"chart\":\"iomesh/iomesh\","
                     "\"values\":\"\",\"allow_restarts\":false}"},
};
#define ASKING_COUNT (sizeof ASKINGS / sizeof *ASKINGS)

/* The inputs with the declared defaults, as the job checker fills them in. */
static json_t *inputs_of(const struct asking *asking)
{
    json_t *inputs = json_loads(asking->inputs, 0, NULL);
    assert(inputs);
    if (json_object_get(inputs, "values")) {
        static const char values[] = "chunk:\n  replicaCount: 2\n";
        char *path = place_path("values.yaml");
        place_write("values.yaml", values, strlen(values));
        json_object_set_new(inputs, "values", json_string(path));
        free(path);
    }
    for (const struct declared_input *input = step_kind_find(asking->kind)->declaration.inputs; input->name;
         input++) {
        if (!input->fallback || json_object_get(inputs, input->name))
            continue;
        json_t *value = json_loads(input->fallback, JSON_DECODE_ANY, NULL);
        json_object_set_new(inputs, input->name, value ? value : json_string(input->fallback));
    }
    return inputs;
}

/* ---- the cluster ---- */

struct scripted {
    struct cluster cluster; /* first: one converts to the other */
    struct clock clock;
    int64_t now_ms;
    const struct sections *answers;
    int calls;
    struct cluster *real; /* recording: what is asked goes there */
    struct text record;
};

static struct scripted scripted;

struct exec {
    struct exec *real;
    char *out;
    bool fails;
};

static int64_t clock_now(struct clock *clock)
{
    (void)clock;
    return scripted.now_ms;
}

/* The next answer; NULL: a failure, the error is filled. */
static const char *answer_next(struct error *error)
{
    assert(++scripted.calls < CALLS_LIMIT);
    int count = scripted.answers->count - 1;
    const char *text = count > 0 ? scripted.answers->texts[1 + (scripted.calls - 1) % count] : "!";
    if (*text != '!')
        return text;
    error_set(error, ERROR_CLUSTER_BUSY, "%.200s", text + 1);
    return NULL;
}

static void record(const char *text)
{
    text_format(&scripted.record, "%%\n%s%s", text, *text && text[strlen(text) - 1] == '\n' ? "" : "\n");
}

static int record_json(int result, json_t *value, const struct error *error)
{
    char *text = result ? string_format("!%s", error->message) : json_canonical(value);
    record(text);
    free(text);
    return result;
}

static int answer_json(json_t **out, struct error *error)
{
    const char *text = answer_next(error);
    *out = NULL;
    if (!text)
        return -1;
    *out = json_read(text, strlen(text), 1 << 20, "the answer", error);
    if (json_is_null(*out)) /* no such object */
        *out = NULL;
    else if (!json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        return error_set(error, ERROR_CLUSTER_ANSWER,
                         "the answer is no object"); /* as live and sim have it */
    }
    return 0;
}

static int ask_get(struct cluster *cluster, const struct resource *resource, json_t **out,
                   struct error *error)
{
    (void)cluster;
    struct cluster *real = scripted.real;
    return real ? record_json(real->calls->get(real, resource, out, error), *out, error)
                : answer_json(out, error);
}

static int ask_list(struct cluster *cluster, const struct resource *resource, const char *selector,
                    bool metadata_only, json_t **out, struct error *error)
{
    (void)cluster;
    struct cluster *real = scripted.real;
    if (real)
        return record_json(real->calls->list(real, resource, selector, metadata_only, out, error), *out,
                           error);
    if (answer_json(out, error))
        return -1;
    if (json_is_array(json_object_get(*out, "items")))
        return 0;
    json_decref(*out);
    *out = NULL;
    return error_set(error, ERROR_CLUSTER_ANSWER, "the answer has no items"); /* as live has it */
}

static int ask_patch(struct cluster *cluster, const struct resource *resource, enum patch_type type,
                     const json_t *patch, bool dry_run, json_t **out, struct error *error)
{
    (void)cluster;
    struct cluster *real = scripted.real;
    assert(dry_run);
    return real ? record_json(real->calls->patch(real, resource, type, patch, dry_run, out, error), *out,
                              error)
                : answer_json(out, error);
}

static int ask_allowed(struct cluster *cluster, const char *verb, const struct resource *resource, bool *out,
                       char why[256], struct error *error)
{
    (void)cluster;
    (void)verb;
    (void)resource;
    (void)error;
    *out = true;
    *why = '\0';
    return 0;
}

static int exec_begin(struct cluster *cluster, const char *namespace, const char *pod, const char *container,
                      const char *const *arguments, struct exec **out, struct error *error)
{
    (void)cluster;
    struct cluster *real = scripted.real;
    struct exec *exec = memory_new(sizeof *exec);
    *out = exec;
    if (real)
        return real->calls->exec_begin(real, namespace, pod, container, arguments, &exec->real, error);
    const char *text = answer_next(error);
    if (!text)
        return -1;
    exec->out = string_copy(*text == '?' ? text + 1 : text);
    exec->fails = *text == '?';
    return 0;
}

static void exec_poll(struct exec *exec, int64_t wait_ms, struct exec_result *result)
{
    if (exec->real) {
        scripted.real->calls->exec_poll(exec->real, wait_ms, result);
        return;
    }
    *result = (struct exec_result){.ended = true, .known = !exec->fails};
    if (exec->fails)
        error_set(&result->error, ERROR_EXEC_BROKEN, "the connection ended");
}

static void exec_output(const struct exec *exec, const char **out, const char **err)
{
    *out = exec->out;
    *err = "";
    if (exec->real)
        scripted.real->calls->exec_output(exec->real, out, err);
}

static void exec_free(struct exec *exec)
{
    if (exec && exec->real) {
        const char *out, *err;
        scripted.real->calls->exec_output(exec->real, &out, &err);
        record(out);
        scripted.real->calls->exec_free(exec->real);
    }
    if (exec)
        free(exec->out);
    free(exec);
}

/* helm pull leaves an archive where it is told to. */
static void leave_archive(const char *const *arguments)
{
    const char *folder = NULL;
    for (int i = 0; arguments[i] && arguments[i + 1]; i++)
        if (!strcmp(arguments[i], "--destination"))
            folder = arguments[i + 1];
    char *path = folder ? string_format("%s/iomesh-1.0.0.tgz", folder) : NULL;
    FILE *archive = path ? fopen(path, "we") : NULL;
    if (archive)
        fclose(archive);
    free(path);
}

static int ask_helm(struct cluster *cluster, const char *const *arguments, const char *folder,
                    struct program_output *out, struct error *error)
{
    (void)cluster;
    struct cluster *real = scripted.real;
    *out = (struct program_output){0};
    if (real) {
        int result = real->calls->helm(real, arguments, folder, out, error);
        if (!result && strcmp(arguments[0], "pull"))
            record(out->exit_status ? out->err : out->out);
        return result;
    }
    if (!strcmp(arguments[0], "pull"))
        leave_archive(arguments);
    const char *text = strcmp(arguments[0], "pull") ? answer_next(error) : "";
    if (!text)
        return -1;
    out->exit_status = *text == '?';
    out->out = string_copy(*text == '?' ? "" : text);
    out->err = string_copy(*text == '?' ? text + 1 : "");
    out->out_length = strlen(out->out);
    return 0;
}

static int helm_program(struct cluster *cluster, const char *const *arguments, const char *folder,
                        struct program *out, struct error *error)
{
    (void)cluster;
    (void)arguments;
    (void)error;
    *out = (struct program){.arguments = memory_new(2 * sizeof(char *)),
                            .environment = memory_new(sizeof(char *)),
                            .folder = string_copy(folder)};
    out->arguments[0] = string_copy("/bin/true");
    return 0;
}

static char *helm_version(struct cluster *cluster, struct error *error)
{
    (void)cluster;
    (void)error;
    return string_copy("v3.17.1");
}

static const struct cluster_calls CALLS = {
    .get = ask_get,
    .list = ask_list,
    .patch = ask_patch,
    .allowed = ask_allowed,
    .exec_begin = exec_begin,
    .exec_poll = exec_poll,
    .exec_output = exec_output,
    .exec_free = exec_free,
    .helm = ask_helm,
    .helm_program = helm_program,
    .helm_version = helm_version,
};

/* ---- a visit ---- */

static bool pass(const struct visit *visit, struct error *error)
{
    (void)error;
    return gate_pass(visit->gate);
}

static json_t *keep(const struct visit *visit, const struct program *program, const char *input,
                    struct error *error)
{
    (void)visit;
    (void)program;
    (void)input;
    (void)error;
    return json_pack("{s:s}", "base", "1/a.1.1");
}

static void check_answer(const struct answer *answer, bool prepares)
{
    switch (answer->kind) {
    case ANSWER_DONE:
        assert(prepares || json_is_object(answer->outputs));
        break;
    case ANSWER_AGAIN:
        assert(answer->after_ms >= 0);
        break;
    case ANSWER_FAILED:
    case ANSWER_UNKNOWN:
        assert(answer->error.code && answer->error.message[0]);
        break;
    case ANSWER_TURNED_BACK:
        break;
    }
}

static void call(void (*body)(const struct visit *, struct answer *), struct visit *visit,
                 json_t **checkpoint, bool prepares)
{
    struct answer answer = {0};
    if (!body)
        return;
    scripted.calls = 0;
    body(visit, &answer);
    check_answer(&answer, prepares);
    if (answer.checkpoint) {
        json_decref(*checkpoint);
        *checkpoint = json_incref(answer.checkpoint);
        visit->checkpoint = *checkpoint;
    }
    scripted.now_ms += 30000;
    visit->now_ms = scripted.now_ms;
    answer_clear(&answer);
}

static void call_probe(void (*body)(const struct visit *, struct probe_answer *), struct visit *visit)
{
    struct probe_answer answer = {0};
    if (!body)
        return;
    scripted.calls = 0;
    body(visit, &answer);
    assert(answer.kind != PROBE_CANNOT_TELL || answer.error.code);
    probe_answer_clear(&answer);
}

static void call_plan(const struct step_kind *kind, struct visit *visit)
{
    struct plan_answer answer = {0};
    if (!kind->plan)
        return;
    scripted.calls = 0;
    kind->plan(visit, NULL, &answer);
    assert(answer.kind != PLAN_REFUSED || answer.error.code);
    plan_answer_clear(&answer);
}

static void ask_kind(const struct asking *asking)
{
    const struct step_kind *kind = step_kind_find(asking->kind);
    struct gate gate;
    int64_t held = -1;
    void *handle = NULL;
    json_t *inputs = inputs_of(asking), *checkpoint = NULL, *edits = json_array(), *starts = json_array();
    struct child child = {
        .state = CHILD_EXITED, .out = (char *)"", .err = (char *)"Error: x\n", .exit_status = 1};
    gate_init(&gate);
    scripted.now_ms = 1000000;
    struct visit visit = {.store_uuid = "u",
                          .run = 1,
                          .job = "j",
                          .step = "s",
                          .visit = 1,
                          .attempt = 1,
                          .start = 1,
                          .key = "u/1/s/1",
                          .actor = "me@here",
                          .inputs = inputs,
                          .starts = starts,
                          .edits = edits,
                          .act_ended_ms = -1,
                          .settle_ms = 60000,
                          .now_ms = scripted.now_ms,
                          .wall_ms = 1790000000000,
                          .folder = place_folder(),
                          .cluster = &scripted.cluster,
                          .gate = &gate,
                          .pass = pass,
                          .keep = keep,
                          .child = &child,
                          .held_since_ms = &held,
                          .handle = &handle};
    call_plan(kind, &visit);
    call_probe(kind->probe, &visit);
    call(kind->prepare, &visit, &checkpoint, true);
    if (checkpoint)
        json_array_append_new(starts,
                              json_pack("{s:i,s:i,s:O}", "visit", 1, "start", 1, "checkpoint", checkpoint));
    for (int i = 0; i < 3; i++)
        call(kind->apply, &visit, &checkpoint, false);
    call_probe(kind->probe, &visit);
    child.exit_status = 0;
    call(kind->apply, &visit, &checkpoint, false);
    call_probe(kind->undo_probe, &visit);
    if (handle && kind->handle_free)
        kind->handle_free(handle);
    gate_destroy(&gate);
    json_decref(inputs);
    json_decref(checkpoint);
    json_decref(edits);
    json_decref(starts);
}

static void scripted_make(const struct sections *answers, struct cluster *real)
{
    scripted = (struct scripted){
        .cluster = {.calls = &CALLS, .clock = &scripted.clock, .record = json_pack("{s:s}", "kind", "sim")},
        .clock = {.wall_ms = clock_now, .steady_ms = clock_now},
        .answers = answers,
        .real = real};
}

static void generate(fuzz_put *put, void *context)
{
    struct sim_options options;
    struct error error = {0};
    sim_options_default(&options);
    options.seed = 1;
    options.virtual_time = true;
    options.chunks = 3;
    for (size_t i = 0; i < ASKING_COUNT; i++) {
        place_empty();
        char *path = place_path("answers.json"), *spec = string_format("sim:%s", path);
        if (sim_create(path, &options, &error))
            abort();
        struct cluster *real = cluster_open(spec, NULL, NULL, &error);
        if (!real)
            abort();
        scripted_make(NULL, real);
        text_format(&scripted.record, "%s\n", ASKINGS[i].kind);
        ask_kind(&ASKINGS[i]);
        put(context, ASKINGS[i].kind, scripted.record.bytes, scripted.record.length);
        text_clear(&scripted.record);
        json_decref(scripted.cluster.record);
        cluster_close(real);
        free(spec);
        free(path);
    }
}

const struct fuzz_target fuzz_target = {.name = "answer", .generate = generate};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct sections sections;
    sections_read(bytes, length, &sections);
    char *name = sections.count ? sections.texts[0] : NULL;
    if (name)
        name[strcspn(name, "\n")] = '\0';
    for (size_t i = 0; name && i < ASKING_COUNT; i++) {
        if (strcmp(name, ASKINGS[i].kind))
            continue;
        place_empty();
        scripted_make(&sections, NULL);
        ask_kind(&ASKINGS[i]);
        json_decref(scripted.cluster.record);
    }
    sections_clear(&sections);
    return 0;
}
