/* The judge. It believes two things: what it reads back from the store after each commit, and what the world
 * tells it of effects, when they begin and when they happen. From these it keeps a ledger of its own; nothing
 * of the engine's folding or deciding is asked. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "simulation/shipped.h"
#include "simulation/simulation.h"

#define KEYS_MOST 256

/* What the history says of a step or of its undo. */
struct told_act {
    char key[128]; /* of the latest start */
    int start;
    int64_t started_ms;
    bool prepares, prepared;
    bool asked_before; /* as it was before the latest start */
    bool asks;         /* a start may have acted, and nobody has asked since */
    bool open;         /* a start may have acted, and what became of it is not recorded */
    bool open_before;  /* as it was before the latest start */
    bool touched;      /* what was not done has left something, since the last recorded success */
    unsigned agreeing; /* bits of the steps that guard it, by their latest answers since the latest start */
    int effects;       /* of any key since the last recorded success */
    bool by_person;
};

struct told_step {
    struct told_act acts[2]; /* the step's, the undo's */
    int visit, approved_visit;
    int happened; /* effects of the step itself, ever */
};

struct told_run {
    int64_t seq;
    char driver[48]; /* the lock of the latest claim */
    bool midway;     /* a step has failed, and what follows is not recorded yet */
    bool holds_lock, paused, cancelling, undoing, ended, succeeded;
    unsigned half_done;             /* bits of steps */
    const struct told_act *in_hand; /* the latest that was started */
    struct told_step steps[SIMULATION_STEPS_MOST];
};

/* What the world did for a key. */
struct key {
    char key[128];
    int begun, effects;
    int retries; /* a person said `resolve --retry`: sent once more, it may arrive late */
    int agains;  /* nobody could tell, and what converges may be done again */
    bool done;   /* a person said `resolve --done`: what still arrives is as they said */
};

static struct told_run runs[SIMULATION_RUNS_MOST + 1];
static struct key keys[KEYS_MOST];
static int key_count;

void judge_begin(void)
{
    memset(runs, 0, sizeof runs);
    key_count = 0;
}

static struct key *key_of(const char *text)
{
    for (int i = 0; i < key_count; i++)
        if (!strcmp(keys[i].key, text))
            return &keys[i];
    assert(key_count < KEYS_MOST);
    struct key *key = &keys[key_count++];
    *key = (struct key){0};
    snprintf(key->key, sizeof key->key, "%s", text);
    return key;
}

/* STORE/RUN/STEP/VISIT[/undo] */
struct parts {
    int64_t run;
    int step, visit;
    bool undo;
};

static bool parse(const char *key, struct parts *parts)
{
    long long run = 0;
    int visit = 0;
    char id[32];
    *parts = (struct parts){0};
    const char *behind = strchr(key, '/');
    if (!behind || sscanf(behind, "/%lld/%31[^/]/%d", &run, id, &visit) != 3)
        return false;
    *parts = (struct parts){run, plan_step_find(simulation.plan, id), visit, strstr(key, "/undo") != NULL};
    return run >= 1 && run <= SIMULATION_RUNS_MOST && parts->step >= 0;
}

static bool observes(int step)
{
    const struct plan_step *planned = &simulation.plan->steps[step];
    return planned->shape == SHAPE_ASKING || planned->shape == SHAPE_SLEEP ||
           planned->shape == SHAPE_ASSERT || planned->shape == SHAPE_APPROVE ||
           (planned->shape == SHAPE_COMMAND && planned->effect == EFFECT_OBSERVE);
}

static bool is_once(int step, bool undo)
{
    const struct plan_step *planned = &simulation.plan->steps[step];
    if (planned->shape == SHAPE_CALL)
        return true;
    return planned->shape == SHAPE_COMMAND && (undo || planned->effect == EFFECT_ONCE);
}

bool judge_observes(const char *key)
{
    struct parts parts;
    return parse(key, &parts) && observes(parts.step);
}

bool judge_is_once(const char *key)
{
    struct parts parts;
    return parse(key, &parts) && is_once(parts.step, parts.undo);
}

/* ---- what the history says ---- */

struct reading {
    struct told_run *run;
    const struct record *record;
    const json_t *body;
    struct told_step *step; /* NULL: of the run */
    int index;
};

static void on_claimed(struct reading *r)
{
    const char *lock = json_text(json_object_get(r->body, "driver"), "lock", "");
    snprintf(r->run->driver, sizeof r->run->driver, "%s", lock);
}

static void on_lock(struct reading *r)
{
    for (int i = 1; i <= simulation.plan->runs; i++)
        if (runs[i].holds_lock && &runs[i] != r->run)
            violate("runs %d and %lld hold one lock", i, (long long)r->record->run);
    r->run->holds_lock = true;
}

static void on_released(struct reading *r)
{
    r->run->holds_lock = false;
}

/* Can the world be asked whether this has happened? */
static bool is_probed(int step, bool undo)
{
    const struct plan_step *planned = &simulation.plan->steps[step];
    bool kind = planned->shape == SHAPE_RELEASE || planned->shape == SHAPE_FILE;
    return undo ? kind
                : kind || planned->shape == SHAPE_CALL || (planned->shape == SHAPE_COMMAND && planned->probe);
}

static void check_start(struct reading *r, const char *key, bool undo)
{
    struct parts parts;
    const char *id = r->record->step;
    const struct plan_step *planned = &simulation.plan->steps[r->index];
    long long run = (long long)r->record->run;
    if (r->run->cancelling)
        violate("run %lld: %s is started after a cancel", run, id);
    if (r->run->paused)
        violate("run %lld: %s is started in a pause", run, id);
    if (r->run->undoing != undo)
        violate("run %lld: %s is started while the run goes %s", run, id, undo ? "on" : "back");
    if (simulation.plan->locks && !r->run->holds_lock)
        violate("run %lld: %s is started without the lock", run, id);
    if (!undo && planned->approve && r->step->approved_visit != r->record->visit)
        violate("run %lld: %s is started without its approval", run, id);
    if (!parse(key, &parts) || parts.run != run || parts.step != r->index ||
        parts.visit != r->record->visit || parts.undo != undo)
        violate("run %lld: a start of %s, visit %d, has the key %s", run, id, r->record->visit, key);
}

static void on_started(struct reading *r, bool undo)
{
    struct told_act *act = &r->step->acts[undo];
    const char *key = json_text(r->body, "key", "");
    check_start(r, key, undo);
    int start = (int)json_int(r->body, "start", 0);
    if (start != act->start + 1)
        violate("run %lld: start %d of %s follows start %d", (long long)r->record->run, start,
                r->record->step, act->start);
    if (act->asks && is_probed(r->index, undo) && !observes(r->index))
        violate("run %lld: %s is started again, and nobody has asked whether it was done",
                (long long)r->record->run, r->record->step);
    snprintf(act->key, sizeof act->key, "%s", key);
    if (start == 1 && !undo)
        items_count_from(r->index);
    act->start = start;
    act->started_ms = simulation.now_ms;
    r->run->in_hand = act;
    act->prepares = json_bool(r->body, "prepares", false);
    act->prepared = false;
    act->asked_before = act->asks;
    act->asks = act->asks || !act->prepares;
    act->open_before = act->open;
    act->open = act->open || !act->prepares;
    act->agreeing = 0;
}

static void on_step_started(struct reading *r)
{
    on_started(r, false);
}

static void on_undo_started(struct reading *r)
{
    on_started(r, true);
}

static void on_prepared(struct reading *r)
{
    struct told_act *act = &r->step->acts[r->run->undoing];
    act->prepared = act->asks = act->open = true;
}

static void on_probed(struct reading *r)
{
    struct told_act *act = &r->step->acts[json_bool(r->body, "undo", false)];
    act->asks = false;
    if (json_bool(r->body, "again", false))
        key_of(act->key)->agains++;
    if (!strcmp(json_text(r->body, "answer", ""), "not_done"))
        act->open = act->open_before = false;
    act->touched = act->touched || json_bool(r->body, "touched", false) || json_bool(r->body, "mend", false);
}

/* Of an interruption or a failure: what has not acted leaves the question as it was. */
static void on_not_done(struct reading *r)
{
    r->run->midway = strstr(r->record->event, "failed") && !json_object_get(r->body, "then");
    if (!r->step || json_bool(r->body, "acted", true))
        return;
    struct told_act *act = &r->step->acts[r->run->undoing];
    act->asks = act->asked_before;
    act->open = act->open_before;
}

static void on_guard(struct reading *r)
{
    struct told_act *act = &r->step->acts[r->run->undoing];
    int guard = plan_step_find(simulation.plan, json_text(r->body, "guard", ""));
    unsigned bit = guard >= 0 ? 1U << guard : 0;
    if (!(plan_guards(simulation.plan, r->index) & bit))
        violate("run %lld: %s is guarded by \"%s\"", (long long)r->record->run, r->record->step,
                json_text(r->body, "guard", ""));
    act->agreeing = json_bool(r->body, "ok", false) ? act->agreeing | bit : act->agreeing & ~bit;
}

static void on_approved(struct reading *r)
{
    r->step->approved_visit = r->record->visit;
}

static bool is_by(const struct reading *r, const char *who)
{
    return !strcmp(json_text(r->body, "by", ""), who);
}

/* The values file may hold what the job wants before anybody has touched it: shipped_judge.c looks at it. */
static bool may_be_so_already(int step)
{
    return simulation.plan->shipped && simulation.plan->steps[step].shape == SHAPE_FILE;
}

/* A loop that is used up leads nowhere where a person has said what follows. */
static void check_way(const struct reading *r, bool skipped)
{
    int next = plan_next(simulation.plan, r->index, skipped);
    const char *wanted = next >= 0 ? plan_step_id(simulation.plan, next) : "";
    const char *then = json_text(r->body, "then", "nowhere");
    bool loops = next >= 0 && next <= r->index;
    if (strcmp(then, wanted) && !(loops && !*then))
        violate("run %lld: %s leads to \"%s\", not to \"%s\"", (long long)r->record->run, r->record->step,
                then, wanted);
}

static void on_skipped(struct reading *r)
{
    check_way(r, true);
}

static void settle(struct told_act *act)
{
    act->open = act->open_before = act->touched = false;
}

static void on_succeeded(struct reading *r)
{
    struct told_act *act = &r->step->acts[0];
    check_way(r, false);
    const char *by = json_text(r->body, "by", "");
    bool told = !strcmp(by, "body") || !strcmp(by, "probe");
    bool acts = !observes(r->index) && !may_be_so_already(r->index);
    if (told && acts && !act->effects && !shipped_judge_came_late(act->key))
        violate("run %lld: %s succeeded (by %s) without its effect", (long long)r->record->run,
                r->record->step, by);
    if (!strcmp(by, "body") && acts && !key_of(act->key)->effects)
        violate("run %lld: %s succeeded without the effect of %s", (long long)r->record->run, r->record->step,
                act->key);
    act->effects = 0;
    act->asks = false;
    settle(act);
    char stem[160];
    snprintf(stem, sizeof stem, "%s/%lld/%s/", store_uuid(simulation.store), (long long)r->record->run,
             r->record->step);
    outside_claimed(stem);
    if (simulation.plan->shipped)
        shipped_judge_succeeded(r->record->run, r->index, by);
}

static void on_undone(struct reading *r)
{
    struct told_act *act = &r->step->acts[1];
    settle(&r->step->acts[0]);
    settle(act);
    bool told = is_by(r, "body") || is_by(r, "probe");
    if (told && !act->effects && !may_be_so_already(r->index))
        violate("run %lld: %s was undone (by %s) without an effect", (long long)r->record->run,
                r->record->step, json_text(r->body, "by", ""));
    if (is_by(r, "nothing to undo") && r->step->happened)
        violate("run %lld: %s has happened, and the rollback found nothing to undo",
                (long long)r->record->run, r->record->step);
}

static void on_resolved(struct reading *r)
{
    if (simulation.plan->shipped)
        shipped_judge_person(r->record->run);
    char key[160];
    snprintf(key, sizeof key, "%s/%lld/%s/%d%s", store_uuid(simulation.store), (long long)r->record->run,
             r->record->step, r->record->visit, r->run->undoing ? "/undo" : "");
    bool again = !strcmp(json_text(r->body, "how", ""), "retry");
    key_of(key)->retries += again;
    key_of(key)->done = !again;
}

static void on_paused(struct reading *r)
{
    r->run->paused = true;
}

static void on_resumed(struct reading *r)
{
    if (simulation.plan->shipped && json_object_get(r->body, "from"))
        shipped_judge_person(r->record->run);
    r->run->paused = false;
}

static void on_cancel(struct reading *r)
{
    r->run->cancelling = true;
    r->run->paused = false;
}

static void on_rollback(struct reading *r)
{
    r->run->undoing = true;
    r->run->paused = false;
}

static bool is_unsettled(const struct told_act *act)
{
    return act->open || act->touched;
}

static void take_half_done(struct reading *r, const char *id)
{
    int step = plan_step_find(simulation.plan, id);
    const struct told_act *acts = step < 0 ? NULL : r->run->steps[step].acts;
    if (!acts || !(is_unsettled(&acts[0]) || is_unsettled(&acts[1]))) {
        violate("run %lld: %s is named as half done, and is not", (long long)r->record->run, id);
        return;
    }
    r->run->half_done |= 1U << step;
}

static void on_end(struct reading *r)
{
    size_t index;
    json_t *id;
    json_array_foreach(json_object_get(r->body, "half_done"), index, id)
        take_half_done(r, json_string_value(id));
    r->run->ended = true;
    if (simulation.plan->shipped)
        shipped_judge_run_ended(r->record->run, r->record->event, r->run->half_done);
    if (keepers_has_child(r->record->run))
        violate("run %lld has ended (%s) while a program of it runs", (long long)r->record->run,
                r->record->event);
}

static const struct {
    const char *event;
    void (*read)(struct reading *r);
} READERS[] = {
    {"run_claimed", on_claimed},
    {"lock_acquired", on_lock},
    {"lock_released", on_released},
    {"step_started", on_step_started},
    {"undo_started", on_undo_started},
    {"step_prepared", on_prepared},
    {"step_probed", on_probed},
    {"step_interrupted", on_not_done},
    {"step_failed", on_not_done},
    {"undo_failed", on_not_done},
    {"guard_asked", on_guard},
    {"approved", on_approved},
    {"step_succeeded", on_succeeded},
    {"step_undone", on_undone},
    {"step_skipped", on_skipped},
    {"resolved", on_resolved},
    {"paused", on_paused},
    {"resumed", on_resumed},
    {"cancel_requested", on_cancel},
    {"rollback_started", on_rollback},
    {"run_succeeded", on_end},
    {"run_cancelled", on_end},
    {"run_rolled_back", on_end},
};

static int read_record(void *context, const struct record *record)
{
    struct told_run *run = context;
    counts.events++;
    trace("  %lld.%lld %s %s %d.%d %s", (long long)record->run, (long long)record->seq, record->event,
          record->step ? record->step : "-", record->visit, record->attempt, record->body);
    if (record->seq != run->seq + 1)
        violate("run %lld: record %lld follows %lld", (long long)record->run, (long long)record->seq,
                (long long)run->seq);
    run->seq = record->seq;
    run->midway = false;
    if (run->ended && strcmp(record->event, "lock_released") && strcmp(record->event, "command_refused"))
        violate("run %lld: %s follows its end", (long long)record->run, record->event);
    for (size_t i = 0; i < sizeof READERS / sizeof *READERS; i++) {
        if (strcmp(READERS[i].event, record->event))
            continue;
        struct reading r = {.run = run,
                            .record = record,
                            .index = record->step ? plan_step_find(simulation.plan, record->step) : 0};
        json_t *body = json_loads(record->body, 0, NULL);
        r.body = body;
        if (!body || r.index < 0) {
            violate("run %lld: %s cannot be read", (long long)record->run, record->event);
            json_decref(body);
            break;
        }
        r.step = record->step ? &run->steps[r.index] : NULL;
        READERS[i].read(&r);
        json_decref(body);
        break;
    }
    return 0;
}

void judge_commit(void)
{
    struct error error = {0};
    for (int64_t run = 1; run <= simulation.plan->runs; run++)
        if (store_each_record(simulation.store, run, runs[run].seq, read_record, &runs[run], &error) < 0)
            violate("the store cannot be read: %s", error.message);
}

bool judge_is_midway(void)
{
    for (int i = 1; i <= simulation.plan->runs; i++)
        if (runs[i].midway)
            return true;
    return false;
}

bool judge_lock_is_held(void)
{
    for (int i = 1; i <= simulation.plan->runs; i++)
        if (runs[i].holds_lock && !runs[i].ended)
            return true;
    return false;
}

void judge_locks_at_rest(void)
{
    for (int i = 1; i <= simulation.plan->runs; i++)
        if (runs[i].ended && runs[i].holds_lock)
            violate("run %d has ended, and keeps its lock", i);
}

/* ---- what the world says ---- */

void judge_gate(int64_t run)
{
    simulation.current->passed[run] = true;
    simulation.current->stopped[run] = runs[run].cancelling || runs[run].paused;
}

void judge_begins(const char *text, const char *via, int start)
{
    struct parts parts;
    if (!parse(text, &parts)) {
        violate("an effect has the key %s", text);
        return;
    }
    struct told_run *run = &runs[parts.run];
    struct told_step *step = &run->steps[parts.step];
    const struct told_act *act = &step->acts[parts.undo];
    trace("%s begins: %s", via, text);
    key_of(text)->begun++;
    if (strcmp(act->key, text) || act->start != start)
        violate("%s begins for %s, start %d, without a durable intent", via, text, start);
    if (act->prepares && !act->prepared)
        violate("%s begins for %s before what it prepared is durable", via, text);
    if (!parts.undo && plan_guards(simulation.plan, parts.step) != act->agreeing)
        violate("%s begins for %s, and not all of its guards have agreed", via, text);
    judge_sends(parts.run, via, false);
}

void judge_sends(int64_t id, const char *via, bool puts_away)
{
    const struct told_run *run = &runs[id];
    struct process *sender = simulation.current;
    if (!sender->passed[id])
        violate("%s begins for run %lld without having passed the gate", via, (long long)id);
    if (sender->stopped[id] && !puts_away)
        violate("%s begins for run %lld although the run was stopped", via, (long long)id);
    if (run->ended)
        violate("%s begins for run %lld after the run's end", via, (long long)id);
    if (strcmp(run->driver, sender->lock))
        violate("%s begins for run %lld by a driver that was overtaken", via, (long long)id);
    if (simulation.plan->locks && !run->holds_lock)
        violate("%s begins for run %lld without the lock", via, (long long)id);
    sender->passed[id] = false;
}

const char *judge_key_in_hand(int64_t run, int *start)
{
    const struct told_act *act = runs[run].in_hand;
    *start = act ? act->start : 0;
    return act ? act->key : "";
}

int64_t judge_started_ms(const char *key)
{
    struct parts parts;
    if (!parse(key, &parts))
        return -1;
    const struct told_act *act = &runs[parts.run].steps[parts.step].acts[parts.undo];
    return strcmp(act->key, key) ? -1 : act->started_ms;
}

int judge_repeats(const char *key)
{
    const struct key *known = key_of(key);
    return known->retries + known->agains;
}

void judge_effect(const char *text, const char *via, bool foreign)
{
    struct parts parts;
    struct key *key = key_of(text);
    counts.effects++;
    trace("EFFECT of %s by %s", text, via);
    if (!parse(text, &parts)) {
        violate("an effect has the key %s", text);
        return;
    }
    struct told_run *run = &runs[parts.run];
    struct told_step *step = &run->steps[parts.step];
    key->effects++;
    step->acts[parts.undo].effects++;
    step->happened += !parts.undo;
    if (key->effects > key->begun)
        violate("%s: %d effects of %d begun", text, key->effects, key->begun);
    if (is_once(parts.step, parts.undo) && key->effects > 1 + key->retries)
        violate("%s happened %d times, with %d times --retry", text, key->effects, key->retries);
    bool half_done = run->half_done & (1U << parts.step);
    if (run->ended && !foreign && !half_done && !key->done && !key->retries) /* a person's word */
        violate("%s happened (%s) after the run's end", text, via);
}
