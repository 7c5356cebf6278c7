/* One helm_upgrade against the simulated cluster, and the child that its keeper would run. Its helm runs as
 * the real one would, as a program. */
#ifndef PAWL_TESTS_UNIT_UPGRADING_H
#define PAWL_TESTS_UNIT_UPGRADING_H

#include <fcntl.h>

#include "simulated.h"

#include "base/file.h"
#include "steps/kind.h"

#define DEADLINE_MS 60000

/* A visit of the step, and the child that its keeper would run. */
struct upgrading {
    struct visit visit;
    struct answer answer;
    struct probe_answer probe;
    struct plan_answer plan;
    struct gate gate;
    struct child child;
    json_t *inputs, *checkpoint, *first, *starts, *edits;
    char folder[160], key[64];
    struct program program; /* what the keeper stands ready to run */
    bool undoing;
    const struct step_kind *kind;
};

static struct upgrading step;

static inline bool pass(const struct visit *visit, struct error *error)
{
    (void)error;
    return gate_pass(visit->gate);
}

static inline char **copy_list(char *const *list)
{
    size_t count = 0;
    while (list[count])
        count++;
    char **copy = memory_new((count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = string_copy(list[i]);
    return copy;
}

static inline json_t *keep(const struct visit *visit, const struct program *program, const char *input,
                           struct error *error)
{
    (void)visit;
    (void)input;
    (void)error;
    program_clear(&step.program);
    step.program = (struct program){.arguments = copy_list(program->arguments),
                                    .environment = copy_list(program->environment),
                                    .folder = string_copy(program->folder)};
    return json_pack("{s:s}", "base", "1/upgrade.1.1");
}

static inline void new_folder(void)
{
    snprintf(step.folder, sizeof step.folder, "%s/%s%d.d", folder, step.undoing ? "undo." : "",
             step.visit.start);
    ck_assert_int_eq(mkdir(step.folder, 0700), 0);
}

static inline void begin(void)
{
    char path[160];
    snprintf(path, sizeof path, "%s/values.yaml", folder);
    setenv("PAWL_SIM_PROGRAM", getenv("PAWL"), 1);
    step = (struct upgrading){.kind = step_kind_find("helm_upgrade")};
    step.inputs = json_pack("{s:s,s:s,s:s,s:s,s:b,s:b}", "namespace", NS, "release", "iomesh", "chart",
                            "iomesh/iomesh", "values", path, "allow_restarts", 0, "wait", 0);
    step.edits = json_pack("[{s:s,s:{s:i}}]", "file", path, "set", "chunk.replicaCount", 3);
    step.starts = json_array();
    strcpy(step.key, "store/1/upgrade/1");
    gate_init(&step.gate);
    scale(4); /* revision 2: these values were given */
    values("chunk: {replicaCount: 3}\nmeta:\n  replicaCount: 3 # three\n");
}

static inline void finish(void)
{
    answer_clear(&step.answer);
    probe_answer_clear(&step.probe);
    plan_answer_clear(&step.plan);
    program_clear(&step.program);
    free(step.child.out);
    free(step.child.err);
    json_decref(step.inputs);
    json_decref(step.checkpoint);
    json_decref(step.first);
    json_decref(step.starts);
    json_decref(step.edits);
    gate_destroy(&step.gate);
}

static inline void frame(void)
{
    step.visit.store_uuid = "store";
    step.visit.run = 1;
    step.visit.step = "upgrade";
    step.visit.visit = step.visit.attempt = 1;
    step.visit.key = step.key;
    step.visit.actor = "ops@host";
    step.visit.inputs = step.inputs;
    step.visit.checkpoint = step.checkpoint;
    step.visit.starts = step.starts;
    step.visit.edits = step.edits;
    step.visit.folder = step.folder;
    step.visit.cluster = cluster;
    step.visit.gate = &step.gate;
    step.visit.pass = pass;
    step.visit.keep = keep;
    step.visit.child = &step.child;
    step.visit.now_ms = now();
    answer_clear(&step.answer);
    probe_answer_clear(&step.probe);
    plan_answer_clear(&step.plan);
}

static inline enum answer_kind prepare(void)
{
    step.visit.start++;
    new_folder();
    frame();
    (step.undoing ? step.kind->undo_prepare : step.kind->prepare)(&step.visit, &step.answer);
    if (step.answer.kind != ANSWER_DONE)
        return step.answer.kind;
    json_decref(step.checkpoint);
    step.checkpoint = json_incref(step.answer.checkpoint);
    if (!step.first)
        step.first = json_incref(step.checkpoint);
    json_array_append_new(step.starts, json_pack("{s:i,s:i,s:O}", "visit", 1, "start", step.visit.start,
                                                 "checkpoint", step.checkpoint));
    return ANSWER_DONE;
}

static inline char *slurp(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return file_read(path, 1 << 20, NULL, NULL);
}

/* What the keeper does on the go byte; the child's end becomes the exit record. */
static inline void go(void)
{
    pid_t child;
    char err[200], out[200];
    posix_spawn_file_actions_t actions;
    snprintf(out, sizeof out, "%s/out", folder);
    snprintf(err, sizeof err, "%s/err", folder);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, step.program.folder);
    posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_eq(posix_spawn(&child, step.program.arguments[0], &actions, NULL, step.program.arguments,
                                 step.program.environment),
                     0);
    posix_spawn_file_actions_destroy(&actions);
    free(step.child.out);
    free(step.child.err);
    step.child = (struct child){.state = CHILD_EXITED, .exit_status = ended(child)};
    step.child.out = slurp("out");
    step.child.err = slurp("err");
}

static inline enum answer_kind apply(void)
{
    frame();
    (step.undoing ? step.kind->undo : step.kind->apply)(&step.visit, &step.answer);
    return step.answer.kind;
}

static inline enum probe_kind probe(void)
{
    frame();
    (step.undoing ? step.kind->undo_probe : step.kind->probe)(&step.visit, &step.probe);
    return step.probe.kind;
}

static inline int plan(const json_t *world)
{
    frame();
    step.kind->plan(&step.visit, world, &step.plan);
    return (int)step.plan.kind;
}

#define ck_assert_says(text, part) ck_assert_msg(strstr(text, part) != NULL, "%s", text)

static inline void prepares(void)
{
    ck_assert_msg(prepare() == ANSWER_DONE, "%s", step.answer.error.message);
}

static inline int64_t replicas(void)
{
    json_t *set = get(&chunk_set);
    int64_t count = json_int(json_object_get(set, "spec"), "replicas", -1);
    json_decref(set);
    return count;
}

static inline int64_t generation(void)
{
    json_t *set = get(&chunk_set);
    int64_t count = json_int(json_object_get(set, "metadata"), "generation", -1);
    json_decref(set);
    return count;
}

static inline void succeeds(void)
{
    prepares();
    go();
    ck_assert_msg(apply() == ANSWER_DONE, "%s", step.answer.error.message);
}

static inline void undo_begins(void)
{
    step.undoing = true;
    step.visit.start = 0;
    strcpy(step.key, "store/1/upgrade/1/undo");
    json_decref(step.checkpoint);
    step.checkpoint = json_incref(step.first);
    json_array_clear(step.starts);
}

#endif
