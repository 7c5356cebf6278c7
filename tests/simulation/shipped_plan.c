/* What a history of a shipped job consists of. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "jobs/diagnostic.h"
#include "jobs/param.h"
#include "simulation/shipped.h"

#define LATE_MS    120000 /* items with a time come before it */
#define CALLS_MOST 500    /* crashes strike at one of so many calls */

static const struct shipped_job JOBS[SHIPPED_JOBS] = {
    [SHIPPED_OUT_CHUNK] = {"scale-out-chunk", "iomesh-chunk", "chunk.replicaCount", false, false},
    [SHIPPED_OUT_META] = {"scale-out-meta", "iomesh-meta", "meta.replicaCount", false, false},
    [SHIPPED_IN_CHUNK] = {"scale-in-chunk", "iomesh-chunk", "chunk.replicaCount", true, false},
    [SHIPPED_IN_CHUNK_DRAIN] = {"scale-in-chunk-drain", "iomesh-chunk", "chunk.replicaCount", true, true},
};

/* What judge.c must know of each step: as what it acts, what it asks first. */
struct shipped_step {
    const char *id;
    enum shape shape;
    bool approve;
    const char *guards[2];
};

#define LOOKS(id)                                                                                            \
    {                                                                                                        \
        id, SHAPE_ASKING, false,                                                                             \
        {                                                                                                    \
            NULL                                                                                             \
        }                                                                                                    \
    }
#define EDITS(id)                                                                                            \
    {                                                                                                        \
        id, SHAPE_FILE, false,                                                                               \
        {                                                                                                    \
            NULL                                                                                             \
        }                                                                                                    \
    }
#define UPGRADES(id, ...)                                                                                    \
    {                                                                                                        \
        id, SHAPE_RELEASE, false,                                                                            \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }
#define CALLS(id, ...)                                                                                       \
    {                                                                                                        \
        id, SHAPE_CALL, true,                                                                                \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

static const struct shipped_step STEPS[SHIPPED_JOBS][SIMULATION_STEPS_MOST] = {
    [SHIPPED_OUT_CHUNK] = {LOOKS("check"), EDITS("edit"), UPGRADES("upgrade", "check"), LOOKS("pods")},
    [SHIPPED_OUT_META] = {LOOKS("check"), EDITS("edit"), UPGRADES("upgrade", "check"), LOOKS("pods")},
    [SHIPPED_IN_CHUNK] = {LOOKS("leaving"), LOOKS("check"), EDITS("edit"), UPGRADES("upgrade", "check"),
                          LOOKS("pods"), LOOKS("expired"), LOOKS("idle"), LOOKS("leader"),
                          CALLS("unregister", NULL), LOOKS("confirm")},
    [SHIPPED_IN_CHUNK_DRAIN] = {LOOKS("leaving"), LOOKS("check"), LOOKS("leader"),
                                CALLS("unregister", "check"), LOOKS("gone"), LOOKS("idle"), EDITS("edit"),
                                UPGRADES("upgrade", "gone", "check"), LOOKS("pods")},
};

const struct shipped_job *shipped_job(void)
{
    bool shipped = simulation.plan && simulation.plan->shipped;
    return shipped ? &JOBS[simulation.plan->shipped] : NULL;
}

const char *shipped_step_id(const struct plan *plan, int index)
{
    return STEPS[plan->shipped][index].id;
}

unsigned shipped_guards(const struct plan *plan, int index)
{
    unsigned guards = 0;
    for (int i = 0; i < 2 && STEPS[plan->shipped][index].guards[i]; i++)
        guards |= 1U << plan_step_find(plan, STEPS[plan->shipped][index].guards[i]);
    return guards;
}

/* ---- drawing ---- */

static int64_t below(int64_t limit)
{
    return chance_below(CHANCE_JOB, limit);
}

static bool percent(int share)
{
    return chance_percent(CHANCE_JOB, share);
}

static void add_item(struct plan *plan, enum item_kind kind)
{
    struct plan_item *item = &plan->items[plan->item_count++];
    bool by_call = kind == ITEM_CRASH || kind == ITEM_POWER || chance_percent(CHANCE_ITEMS, 50);
    bool early = chance_percent(CHANCE_ITEMS, 50);
    bool by_step = chance_percent(CHANCE_ITEMS, 60);
    int64_t late_ms = by_step ? LATE_MS / 12 : LATE_MS, calls_most = by_step ? CALLS_MOST / 6 : CALLS_MOST;
    *item = (struct plan_item){
        .kind = kind,
        .step = by_step ? 1 + (int)chance_below(CHANCE_ITEMS, plan->step_count) : 0,
        .at_ms = chance_below(CHANCE_ITEMS, early ? late_ms / 6 : late_ms),
        .call = by_call ? 1 + chance_below(CHANCE_ITEMS, early ? calls_most / 3 : calls_most) : 0,
        .delay_ms = chance_percent(CHANCE_ITEMS, 50) ? 0 : chance_below(CHANCE_ITEMS, 400),
        .number = chance_below(CHANCE_ITEMS, 1 << 20),
    };
}

static void draw_items(struct plan *plan)
{
    static const struct item_draw draws[] = {
        {ITEM_CLUSTER, 85, 4},     {ITEM_SAY, 50, 3},        {ITEM_CRASH, 60, 3},
        {ITEM_POWER, 15, 2},       {ITEM_COMMIT_LOST, 8, 1}, {ITEM_COMMIT_SAYS_LOST, 8, 1},
        {ITEM_KEEPER_DIES, 20, 2}, {ITEM_CHILD_DIES, 30, 2}, {ITEM_SIGNAL, 15, 1},
        {ITEM_STUCK, 12, 1},       {ITEM_TAKE_OVER, 15, 1},  {ITEM_CLOCK, 10, 1},
        {ITEM_MOVE, 4, 1},
    };
    plan_draw_items(plan, draws, sizeof draws / sizeof *draws, 4, add_item);
}

static void draw_steps(struct plan *plan)
{
    for (const struct shipped_step *step = STEPS[plan->shipped]; step->id; step++) {
        struct plan_step *drawn = &plan->steps[plan->step_count++];
        drawn->shape = step->shape;
        drawn->approve = step->approve;
        if (plan->step_count == SIMULATION_STEPS_MOST)
            break;
    }
}

void shipped_draw(struct plan *plan)
{
    static const int troubles[] = {0, 0, 10, 25}, lags[] = {0, 0, 800, 6000};
    plan->shipped = (enum shipped)(1 + below(SHIPPED_JOBS - 1));
    const struct shipped_job *job = &JOBS[plan->shipped];
    bool metas = plan->shipped == SHIPPED_OUT_META;
    plan->from = metas ? 3 : job->in ? 4 + (int)below(2) : 3 + (int)below(2);
    plan->to = metas ? 5 : job->in ? plan->from - 1 : plan->from + 1;
    plan->lag_ms = lags[below(4)];
    plan->unmarked = percent(10);
    draw_steps(plan);
    plan->runs = percent(85) ? 1 : 2;
    plan->locks = true;
    plan->yes = percent(60);
    plan->trouble = troubles[below(4)];
    plan->patience = 1 + (int)below(4);
    draw_items(plan);
}

/* ---- faults of the cluster's own ---- */

static const char *const SCRIPTS[] = {
    "helm phase=start action=kill",
    "helm phase=pending action=kill",
    "helm phase=patched action=kill",
    "helm phase=deployed action=kill",
    "helm phase=pending action=hang",
    "helm phase=patched action=hang",
    "helm phase=pending action=fail",
    "helm phase=patched action=fail",
    "helm phase=start action=lie",
    "fail verb=exec command=unregister code=cut effect=yes",
    "fail verb=exec command=unregister code=cut",
    "fail verb=exec command=unregister code=cut late=8s",
    "fail verb=exec command=unregister code=hang effect=yes",
    "fail verb=exec command=unregister code=refused",
    "fail verb=exec command=unregister code=500 effect=yes",
    "fail verb=exec code=timeout times=2",
    "fail verb=helm resource=history code=timeout times=2",
    "fail verb=helm resource=upgrade code=500",
    "fail verb=helm resource=get code=refused",
    "fail verb=get code=500 times=2",
    "fail verb=get code=malformed",
    "fail verb=list code=429 times=3",
    "fail verb=delete code=409",
    "fail verb=delete code=timeout effect=yes",
    "fail verb=patch code=503",
    "leader-move pod=iomesh-meta-1",
    "leader-move pod=iomesh-meta-2",
    "leader-none for=5s",
    "leader-two pod=iomesh-meta-0 for=5s",
    "pod-stuck pod=iomesh-chunk-3 reason=CrashLoopBackOff for=30s",
    "pod-stuck pod=iomesh-meta-4 reason=Unschedulable for=30s",
    "pod-delete pod=iomesh-chunk-0",
    "pod-delete pod=iomesh-chunk-1",
    "chunk-status id=1 status=CHUNK_STATUS_CONNECTING for=10s",
    "chunk-renumber",
    "chunk-renumber",
    "node-cordon node=worker-1",
    "other-upgrade",
    "other-upgrade status=failed",
    "chart-template image=other",
    "setting name=lag_ms value=10s",
    "deny verb=delete resource=secrets",
};

const char *shipped_script(int64_t number)
{
    return SCRIPTS[number % (int64_t)(sizeof SCRIPTS / sizeof *SCRIPTS)];
}

/* ---- the job ---- */

char *shipped_text(const struct plan *plan)
{
    struct error error = {0};
    char *path = string_format("jobs/%s.yaml", JOBS[plan->shipped].name);
    char *text = file_read(path, LIMIT_JOB_BYTES, NULL, &error);
    if (!text) {
        fprintf(stderr, "%s: it is read from the folder of the sources: begin it there\n", error.message);
        exit(2);
    }
    free(path);
    return text;
}

json_t *shipped_params(const struct job *job)
{
    char replicas[16];
    snprintf(replicas, sizeof replicas, "%d", simulation.plan->to);
    const struct param_given given[] = {{"values", shipped_path("iomesh.yaml")}, {"replicas", replicas}};
    struct diagnostics diagnostics = {0};
    json_t *params = params_read(job, given, 2, NULL, "/", &diagnostics);
    if (!params)
        violate("the parameters are refused");
    diagnostics_clear(&diagnostics);
    return params;
}

void shipped_print(const struct plan *plan, FILE *to)
{
    const struct shipped_job *job = &JOBS[plan->shipped];
    fprintf(to, "jobs/%s.yaml, %s %d -> %d, the status %d ms late%s\n", job->name, job->set, plan->from,
            plan->to, plan->lag_ms, plan->unmarked ? ", helm's records show no mark" : "");
}
