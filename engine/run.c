#include "engine/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

static const char *const RUN_STATUS_TEXTS[] = {
#define X(name, text) text,
    RUN_STATUSES(X)
#undef X
};
static const char *const STEP_STATUS_TEXTS[] = {
#define X(name, text) text,
    STEP_STATUSES(X)
#undef X
};
static const char *const WAIT_REASON_TEXTS[] = {
#define X(name, text) text,
    WAIT_REASONS(X)
#undef X
};

const char *run_status_text(enum run_status status)
{
    return RUN_STATUS_TEXTS[status];
}

const char *run_status_words(enum run_status status)
{
    return status == RUN_ROLLED_BACK ? "rolled back" : run_status_text(status);
}

const char *step_status_text(enum step_status status)
{
    return STEP_STATUS_TEXTS[status];
}

const char *wait_reason_text(enum wait_reason reason)
{
    return WAIT_REASON_TEXTS[reason];
}

struct run *run_new(int64_t id, const struct machine *machine)
{
    struct run *run = memory_new(sizeof *run);
    run->id = id;
    run->machine = machine;
    run->step = -1;
    run->names = json_object();
    run->steps = memory_new((size_t)machine->step_count * sizeof *run->steps);
    return run;
}

static void act_clear(struct run_act *act)
{
    json_decref(act->inputs);
    json_decref(act->checkpoint);
    json_decref(act->prepared);
}

void run_free(struct run *run)
{
    if (!run)
        return;
    for (int i = 0; i < run->machine->step_count; i++) {
        struct run_step *step = &run->steps[i];
        act_clear(&step->act);
        act_clear(&step->undo);
        json_decref(step->visit_starts);
        json_decref(step->outputs);
        json_decref(step->error);
        json_decref(step->failure);
        json_decref(step->succeeded_inputs);
        json_decref(step->mend);
    }
    free(run->steps);
    json_decref(run->undo_order);
    json_decref(run->error);
    json_decref(run->driver);
    json_decref(run->submitted);
    json_decref(run->names);
    json_decref(run->question);
    free(run);
}

bool run_is_ended(const struct run *run)
{
    return run->place == PLACE_ENDED;
}

bool run_has_step(const struct run *run, const char *step, struct error *error)
{
    if (machine_step_index(run->machine, step) >= 0)
        return true;
    error_set(error, ERROR_NOT_FOUND, "the job of run %lld has no step \"%s\"", (long long)run->id, step);
    error_next(error, "pawl status %lld lists its steps", (long long)run->id);
    return false;
}

static bool act_is_half_done(const struct run_act *act)
{
    return act->touched || (act->unproven && act->acted);
}

bool run_step_is_half_done(const struct run *run, int step)
{
    const struct run_step *memory = &run->steps[step];
    return run->machine->steps[step].act.effect != EFFECT_OBSERVE &&
           (act_is_half_done(&memory->act) || act_is_half_done(&memory->undo));
}

struct run_act *run_act_in_hand(const struct run *run)
{
    struct run_step *step = &run->steps[run->step];
    return run->undoing ? &step->undo : &step->act;
}

const struct machine_act *machine_act_in_hand(const struct run *run)
{
    const struct machine_step *step = &run->machine->steps[run->step];
    return run->undoing ? &step->undo : &step->act;
}

char *run_key(const struct run *run, const char *store_uuid, bool undo)
{
    const struct run_step *step = &run->steps[run->step];
    int visit = run->entered ? step->visit : step->visit + 1;
    return string_format("%s/%lld/%s/%d%s", store_uuid, (long long)run->id, run->machine->steps[run->step].id,
                         visit, undo ? "/undo" : "");
}

json_t *run_undo_order(const struct run *run)
{
    json_t *order = json_array();
    for (int64_t before = INT64_MAX;;) {
        int found = -1;
        for (int i = 0; i < run->machine->step_count; i++) {
            int64_t seq = run->steps[i].act.started_seq;
            bool counts = seq && seq < before && run->machine->steps[i].act.effect != EFFECT_OBSERVE;
            if (counts && (found < 0 || seq > run->steps[found].act.started_seq))
                found = i;
        }
        if (found < 0)
            return order;
        before = run->steps[found].act.started_seq;
        json_array_append_new(order, json_string(run->machine->steps[found].id));
    }
}

int run_rollback_stop(const struct run *run)
{
    int stop = -1;
    size_t index;
    json_t *order = run_undo_order(run), *id;
    json_array_foreach(order, index, id)
    {
        int step = machine_step_index(run->machine, json_string_value(id));
        const struct run_step *memory = &run->steps[step];
        bool done = memory->succeeded_inputs || memory->outputs || memory->earlier;
        if (stop < 0 && done && !run->machine->steps[step].undo.uses)
            stop = step;
    }
    json_decref(order);
    return stop;
}
