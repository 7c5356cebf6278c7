#include <string.h>

#include "base/json.h"
#include "engine/run.h"

/* ---- what several events do ---- */

/* Replaces what *slot owns by another reference to `value`; NULL empties it. */
static void keep(json_t **slot, json_t *value)
{
    json_incref(value);
    json_decref(*slot);
    *slot = value;
}

/* What expressions see of a step: its status and its outputs. */
static void show_step(struct run *run, int index)
{
    const struct run_step *step = &run->steps[index];
    json_t *seen = step->outputs ? json_copy(step->outputs) : json_object();
    json_object_set_new(seen, "status", json_string(step_status_text(step->status)));
    json_object_set_new(json_object_get(run->names, "steps"), run->machine->steps[index].id, seen);
}

static void set_step_status(struct run *run, int index, enum step_status status)
{
    run->steps[index].status = status;
    show_step(run, index);
}

static void wait_for(struct run *run, enum wait_reason reason)
{
    bool by_itself = reason == WAIT_NOTHING || reason == WAIT_LOCK || reason == WAIT_TIMER;
    if (run->paused && by_itself) /* until a person resumes it, nothing of that comes */
        reason = WAIT_PAUSED;
    run->status = reason == WAIT_NOTHING ? RUN_RUNNING : RUN_WAITING;
    run->waiting = reason;
}

/* What the run waits for where nothing else holds it up. */
static void wait_for_place(struct run *run)
{
    bool lacks_lock = !run->holds_lock && json_text(run->submitted, "lock", NULL);
    wait_for(run, run->place == PLACE_APPROVAL  ? WAIT_APPROVAL
                  : run->place == PLACE_UNKNOWN ? WAIT_DECISION
                  : lacks_lock                  ? WAIT_LOCK
                                                : WAIT_NOTHING);
}

/* A person's word takes the run away from the step in hand: it runs no more. What is known of it stays. */
static void leave_step(struct run *run)
{
    struct run_step *step = run->step >= 0 && run->entered ? &run->steps[run->step] : NULL;
    if (!step || step->status > STEP_UNKNOWN) /* it has ended */
        return;
    if (step->failure)
        keep(&step->error, step->failure);
    set_step_status(run, run->step,
                    step->failure                           ? STEP_FAILED
                    : run_step_is_half_done(run, run->step) ? STEP_UNKNOWN
                                                            : STEP_PENDING);
}

static void move_to(struct run *run, int step)
{
    run->step = step;
    run->place = PLACE_ENTER;
    run->entered = false;
    keep(&run->question, NULL);
    wait_for_place(run);
}

/* The step that `then` names: -1 for "" (nothing follows), -2 where it is missing or names none. */
static int read_then(const struct run *run, const json_t *body)
{
    const char *then = json_text(body, "then", NULL);
    if (!then)
        return -2;
    if (!*then)
        return -1;
    int next = run->step + 1; /* the list's next, nearly always: no search through a long job */
    if (next < run->machine->step_count && !strcmp(run->machine->steps[next].id, then))
        return next;
    int step = machine_step_index(run->machine, then);
    return step < 0 ? -2 : step;
}

/* A visit that begins with its success has carried over the one before it: that is the same effect. */
static bool leaves_an_effect(const struct run *run, const struct event *event)
{
    bool stands = run->steps[event->step].status == STEP_SUCCEEDED || run_step_is_half_done(run, event->step);
    return stands && event->type != EVENT_STEP_SUCCEEDED &&
           run->machine->steps[event->step].act.effect != EFFECT_OBSERVE;
}

/* True where the event begins one. */
static bool begin_visit(struct run *run, const struct event *event)
{
    struct run_step *step = &run->steps[event->step];
    if (event->visit <= step->visit)
        return false;
    step->earlier = step->earlier || leaves_an_effect(run, event);
    step->visit = event->visit;
    step->attempt = step->failures = 0;
    step->approved = false;
    step->spent_ms = step->attempt_spent_ms = 0;
    step->started_ms = step->finished_ms = 0;
    step->carry = false;
    step->act.answered = false;
    keep(&step->act.inputs, NULL);
    keep(&step->visit_starts, NULL);
    keep(&step->outputs, NULL);
    keep(&step->error, NULL);
    keep(&step->failure, NULL);
    set_step_status(run, event->step, STEP_RUNNING);
    run->entered = true;
    return true;
}

/* A time that a body names: a record is input, and sums must not overflow. */
static int64_t time_in(const json_t *body, const char *key, int64_t otherwise)
{
    int64_t ms = json_int(body, key, otherwise);
    return ms < 0 ? 0 : ms > LIMIT_DURATION_MS ? LIMIT_DURATION_MS : ms;
}

static void take_time(struct run_step *step, const json_t *body)
{
    step->spent_ms = time_in(body, "spent_ms", step->spent_ms);
    step->attempt_spent_ms = time_in(body, "attempt_spent_ms", step->attempt_spent_ms);
}

/* ---- one function an event ---- */

typedef void folder(struct run *run, const struct event *event);

static void fold_run_submitted(struct run *run, const struct event *event)
{
    keep(&run->submitted, event->body);
    json_t *names = run->names;
    json_object_set(names, "params", json_object_get(event->body, "params"));
    json_object_set(names, "vars", json_object_get(event->body, "vars"));
    json_object_set_new(names, "steps", json_object());
    for (int i = 0; i < run->machine->step_count; i++)
        show_step(run, i); /* an expression may ask has() of a step that has not run */
    json_object_set_new(names, "run",
                        json_pack("{s:I,s:s,s:s}", "id", (json_int_t)run->id, "actor", event->actor, "job",
                                  run->machine->job));
    run->submitted_ms = event->time_ms;
    run->step = 0;
    run->place = PLACE_ENTER;
    run->status = RUN_QUEUED;
    if (json_bool(event->body, "waits_for_lock", false))
        wait_for(run, WAIT_LOCK);
    if (json_bool(event->body, "paused", false)) {
        run->paused = true;
        wait_for(run, WAIT_PAUSED);
    }
}

static void fold_run_claimed(struct run *run, const struct event *event)
{
    run->epoch = event->epoch;
    keep(&run->driver, json_object_get(event->body, "driver"));
    if (run->status == RUN_QUEUED)
        run->status = RUN_RUNNING;
}

static void fold_lock_acquired(struct run *run, const struct event *event)
{
    (void)event;
    run->holds_lock = true;
    if (run->waiting == WAIT_LOCK)
        wait_for(run, WAIT_NOTHING);
}

static void fold_lock_released(struct run *run, const struct event *event)
{
    (void)event;
    run->holds_lock = false;
}

/* step_started and undo_started. */
static void fold_started(struct run *run, const struct event *event)
{
    struct run_step *step = &run->steps[event->step];
    bool begins = begin_visit(run, event);
    bool another = event->attempt != step->attempt;
    keep(&step->failure, NULL);
    step->attempt = event->attempt;
    struct run_act *act = event->type == EVENT_UNDO_STARTED ? &step->undo : &step->act;
    act->starts++;
    act->started_seq = run->seq + 1;
    act->before = act->unproven && (act->acted || act->before); /* a start that never acted leaves no doubt */
    act->unproven = true;
    act->acted = !json_bool(event->body, "prepares", false);
    act->granted = act->answered = false;
    keep(&act->inputs, json_object_get(event->body, "inputs"));
    if (!json_bool(event->body, "goes_on", false))
        keep(&act->checkpoint, NULL);
    take_time(step, event->body);
    if (another)
        step->attempt_spent_ms = 0;
    if (!step->started_ms)
        step->started_ms = event->time_ms;
    if (!begins && (event->type == EVENT_STEP_STARTED || step->status == STEP_RETRYING))
        set_step_status(run, event->step, STEP_RUNNING);
    run->began = true;
    run->place = PLACE_STARTED;
    wait_for(run, WAIT_NOTHING);
}

static void append_start(json_t **list, json_t *start)
{
    if (!*list)
        *list = json_array();
    json_array_append(*list, start);
}

static void fold_step_prepared(struct run *run, const struct event *event)
{
    struct run_step *step = &run->steps[event->step];
    struct run_act *act = run_act_in_hand(run);
    json_t *checkpoint = json_object_get(event->body, "checkpoint");
    keep(&act->checkpoint, checkpoint);
    act->acted = true;
    if (checkpoint) {
        json_t *start = json_pack("{s:i,s:i,s:O}", "visit", step->visit, "start", act->starts, "checkpoint",
                                  checkpoint);
        append_start(&act->prepared, start);
        if (!run->undoing)
            append_start(&step->visit_starts, start);
        json_decref(start);
    }
    take_time(step, event->body);
    run->place = PLACE_PREPARED;
}

static void fold_step_checkpoint(struct run *run, const struct event *event)
{
    json_t *checkpoint = json_object_get(event->body, "checkpoint");
    if (checkpoint)
        keep(&run_act_in_hand(run)->checkpoint, checkpoint);
    take_time(&run->steps[event->step], event->body);
}

static void forget_starts(struct run_act *act)
{
    act->unproven = act->before = act->acted = act->granted = act->answered = act->touched = false;
    keep(&act->prepared, NULL);
    keep(&act->checkpoint, NULL);
}

static void fold_step_succeeded(struct run *run, const struct event *event)
{
    struct run_step *step = &run->steps[event->step];
    begin_visit(run, event);
    keep(&step->outputs, json_object_get(event->body, "outputs"));
    keep(&step->error, NULL);
    keep(&step->failure, NULL);
    /* The start's own; where it was carried over or told by a probe, what the success names. */
    json_t *inputs = json_object_get(event->body, "inputs");
    keep(&step->succeeded_inputs, inputs ? inputs : step->act.inputs);
    forget_starts(&step->act);
    take_time(step, event->body);
    step->finished_ms = event->time_ms;
    set_step_status(run, event->step, STEP_SUCCEEDED);
    move_to(run, read_then(run, event->body));
}

/* What an attempt that has not acted leaves: the question is as open as before it. */
static void take_acted(struct run_act *act, const json_t *body)
{
    if (json_bool(body, "acted", true))
        return;
    act->unproven = act->acted = act->before;
}

/* Good looks in between count more than the failures before them: a wait of hours has only those in a row. */
static void take_failure(struct run_step *step, const json_t *body)
{
    keep(&step->error, json_object_get(body, "error"));
    keep(&step->failure, step->error);
    step->failures = json_bool(body, "looked", false) ? 1 : step->failures + 1;
}

static void fold_step_failed(struct run *run, const struct event *event)
{
    struct run_step *step = &run->steps[event->step];
    begin_visit(run, event);
    take_failure(step, event->body);
    take_acted(&step->act, event->body);
    take_time(step, event->body);
    step->finished_ms = event->time_ms;
    set_step_status(run, event->step, STEP_FAILED);
    int then = read_then(run, event->body);
    if (then == -2)
        run->place = PLACE_STOPPED;
    else
        move_to(run, then);
}

static void fold_step_retry_scheduled(struct run *run, const struct event *event)
{
    set_step_status(run, event->step, STEP_RETRYING);
    take_time(&run->steps[event->step], event->body);
    run->place = PLACE_ENTER;
    run->entered = true;
    wait_for(run, WAIT_TIMER);
    run->wait_ms = time_in(event->body, "delay_ms", 0);
    run->wait_until_ms = event->time_ms + run->wait_ms;
}

static void fold_step_skipped(struct run *run, const struct event *event)
{
    begin_visit(run, event);
    run->steps[event->step].finished_ms = event->time_ms;
    set_step_status(run, event->step, STEP_SKIPPED);
    move_to(run, read_then(run, event->body));
}

static void fold_step_interrupted(struct run *run, const struct event *event)
{
    run->clean = json_bool(event->body, "clean", false);
    if (event->step < 0)
        return;
    take_time(&run->steps[event->step], event->body);
    if (json_bool(event->body, "rests", false))
        return; /* the driver left, the step stands where it stood */
    take_acted(run_act_in_hand(run), event->body);
    run->place = PLACE_ENTER;
    run->entered = true;
}

static void fold_step_probed(struct run *run, const struct event *event)
{
    struct run_step *step = &run->steps[event->step];
    begin_visit(run, event);
    struct run_act *act = json_bool(event->body, "undo", false) ? &step->undo : &step->act;
    const char *answer = json_text(event->body, "answer", "");
    take_time(step, event->body);
    bool answered = !strcmp(answer, "not_done") || json_bool(event->body, "again", false);
    if (!answered)
        return;
    act->answered = true;
    act->touched = act->touched || json_bool(event->body, "touched", false);
    if (!strcmp(answer, "not_done")) /* nor was any start before the latest */
        act->unproven = act->before = act->acted = false;
    if (json_bool(event->body, "mend", false))
        keep(&step->mend, json_object_get(event->body, "found"));
    run->place = PLACE_ENTER;
    run->entered = true;
}

static void fold_record_removed(struct run *run, const struct event *event)
{
    keep(&run->steps[event->step].mend, NULL);
}

static void fold_nothing(struct run *run, const struct event *event)
{
    (void)run;
    (void)event;
}

static void fold_approval_requested(struct run *run, const struct event *event)
{
    begin_visit(run, event);
    set_step_status(run, event->step, STEP_PENDING); /* it runs once it has been approved and started */
    keep(&run->question, event->body);
    run->place = PLACE_APPROVAL;
    wait_for(run, WAIT_APPROVAL);
}

static void fold_approved(struct run *run, const struct event *event)
{
    run->steps[event->step].approved = true;
    keep(&run->question, NULL);
    run->place = PLACE_ENTER;
    wait_for(run, WAIT_NOTHING);
}

static void fold_rejected(struct run *run, const struct event *event)
{
    struct run_step *step = &run->steps[event->step];
    keep(&step->error, json_object_get(event->body, "error"));
    keep(&step->failure, step->error);
    keep(&run->question, NULL);
    step->finished_ms = event->time_ms;
    set_step_status(run, event->step, STEP_FAILED);
    run->place = PLACE_STOPPED;
    wait_for(run, WAIT_NOTHING);
}

static void fold_decision_requested(struct run *run, const struct event *event)
{
    struct run_step *step = &run->steps[event->step];
    begin_visit(run, event);
    keep(&step->error, json_object_get(event->body, "error"));
    keep(&run->question, event->body);
    take_time(step, event->body);
    set_step_status(run, event->step, STEP_UNKNOWN);
    run->place = PLACE_UNKNOWN;
    wait_for(run, WAIT_DECISION);
}

/* The visit goes on as if it had just been entered: all its attempts, its whole timeout. */
static void refresh_visit(struct run *run, int index)
{
    struct run_step *step = &run->steps[index];
    step->attempt = step->failures = 0;
    step->spent_ms = step->attempt_spent_ms = 0;
    keep(&step->error, NULL);
    run_act_in_hand(run)->answered = false;
    run->place = PLACE_ENTER;
    keep(&run->error, NULL);
    keep(&run->question, NULL);
    if (run->entered)
        set_step_status(run, index, STEP_RUNNING);
    wait_for_place(run);
}

static void fold_resolved(struct run *run, const struct event *event)
{
    refresh_visit(run, event->step);
    if (!strcmp(json_text(event->body, "how", ""), "retry"))
        run_act_in_hand(run)->granted = true;
}

static void fold_paused(struct run *run, const struct event *event)
{
    (void)event;
    run->paused = true;
    wait_for(run, WAIT_PAUSED);
}

static void fold_resumed(struct run *run, const struct event *event)
{
    if (run->paused) {
        run->paused = false;
        wait_for_place(run);
    }
    int allowed = machine_step_index(run->machine, json_text(event->body, "allow", ""));
    if (allowed >= 0)
        run->steps[allowed].extra_visits++;
    if (run->place == PLACE_STOPPED)
        refresh_visit(run, run->step);
    const char *from = json_text(event->body, "from", NULL);
    int target = from ? machine_step_index(run->machine, from) : -1;
    if (target >= 0) {
        for (int i = 0; i < run->machine->step_count; i++) {
            run->steps[i].carry = i >= target && run->steps[i].status == STEP_SUCCEEDED;
            run->steps[i].extra_visits += i >= target && run->steps[i].visit; /* a person's are not counted */
        }
        leave_step(run);
        move_to(run, target);
    }
    run->finished_ms = 0;
}

static void fold_cancel_requested(struct run *run, const struct event *event)
{
    (void)event;
    run->cancelling = true;
    run->paused = false;
    wait_for(run, WAIT_NOTHING);
}

/* The next step of undo_order comes into hand; -1 where none is left. */
static void take_next_undo(struct run *run)
{
    const char *id = json_string_value(json_array_get(run->undo_order, 0));
    run->step = id ? machine_step_index(run->machine, id) : -1;
    run->place = PLACE_ENTER;
    run->entered = true;
    if (run->step >= 0) {
        run->steps[run->step].attempt = run->steps[run->step].failures = 0;
        run->steps[run->step].spent_ms = run->steps[run->step].attempt_spent_ms = 0;
    }
}

static void fold_rollback_started(struct run *run, const struct event *event)
{
    if (run->step >= 0 && !run_step_is_half_done(run, run->step)) /* else it is there to be undone */
        leave_step(run);
    run->undoing = true;
    run->paused = false;
    json_decref(run->undo_order);
    run->undo_order = json_deep_copy(json_object_get(event->body, "steps"));
    keep(&run->question, NULL);
    take_next_undo(run);
    wait_for(run, WAIT_NOTHING);
}

static void fold_step_undone(struct run *run, const struct event *event)
{
    struct run_step *step = &run->steps[event->step];
    forget_starts(&step->act);
    forget_starts(&step->undo);
    step->earlier = false;
    set_step_status(run, event->step, STEP_UNDONE);
    json_array_remove(run->undo_order, 0);
    take_next_undo(run);
    wait_for(run, WAIT_NOTHING);
}

static void fold_undo_failed(struct run *run, const struct event *event)
{
    struct run_step *step = &run->steps[event->step];
    take_acted(&step->undo, event->body);
    take_failure(step, event->body);
    take_time(step, event->body);
    set_step_status(run, event->step, STEP_FAILED);
    run->place = PLACE_STOPPED;
}

static void fold_end(struct run *run, const struct event *event)
{
    static const enum run_status statuses[] = {[EVENT_RUN_SUCCEEDED] = RUN_SUCCEEDED,
                                               [EVENT_RUN_FAILED] = RUN_FAILED,
                                               [EVENT_RUN_CANCELLED] = RUN_CANCELLED,
                                               [EVENT_RUN_ROLLED_BACK] = RUN_ROLLED_BACK};
    run->status = statuses[event->type];
    if (event->type == EVENT_RUN_CANCELLED)
        leave_step(run);
    run->place = event->type == EVENT_RUN_FAILED ? PLACE_STOPPED : PLACE_ENDED;
    run->waiting = WAIT_NOTHING;
    run->finished_ms = event->time_ms;
    run->clean = true;
    keep(&run->question, NULL);
    keep(&run->error, json_object_get(event->body, "error"));
}

static folder *const FOLDS[EVENT_TYPE_COUNT] = {
    [EVENT_RUN_SUBMITTED] = fold_run_submitted,
    [EVENT_RUN_CLAIMED] = fold_run_claimed,
    [EVENT_LOCK_ACQUIRED] = fold_lock_acquired,
    [EVENT_LOCK_RELEASED] = fold_lock_released,
    [EVENT_STEP_STARTED] = fold_started,
    [EVENT_STEP_PREPARED] = fold_step_prepared,
    [EVENT_STEP_CHECKPOINT] = fold_step_checkpoint,
    [EVENT_STEP_SUCCEEDED] = fold_step_succeeded,
    [EVENT_STEP_FAILED] = fold_step_failed,
    [EVENT_STEP_RETRY_SCHEDULED] = fold_step_retry_scheduled,
    [EVENT_STEP_SKIPPED] = fold_step_skipped,
    [EVENT_STEP_INTERRUPTED] = fold_step_interrupted,
    [EVENT_STEP_PROBED] = fold_step_probed,
    [EVENT_GUARD_ASKED] = fold_nothing,
    [EVENT_RECORD_REMOVED] = fold_record_removed,
    [EVENT_APPROVAL_REQUESTED] = fold_approval_requested,
    [EVENT_APPROVED] = fold_approved,
    [EVENT_REJECTED] = fold_rejected,
    [EVENT_DECISION_REQUESTED] = fold_decision_requested,
    [EVENT_RESOLVED] = fold_resolved,
    [EVENT_PAUSED] = fold_paused,
    [EVENT_RESUMED] = fold_resumed,
    [EVENT_CANCEL_REQUESTED] = fold_cancel_requested,
    [EVENT_ROLLBACK_STARTED] = fold_rollback_started,
    [EVENT_UNDO_STARTED] = fold_started,
    [EVENT_STEP_UNDONE] = fold_step_undone,
    [EVENT_UNDO_FAILED] = fold_undo_failed,
    [EVENT_RUN_SUCCEEDED] = fold_end,
    [EVENT_RUN_FAILED] = fold_end,
    [EVENT_RUN_CANCELLED] = fold_end,
    [EVENT_RUN_ROLLED_BACK] = fold_end,
    [EVENT_COMMAND_REFUSED] = fold_nothing,
};

/* What every event must be to follow those folded before: a store's content is input like any other. */
static int check_event(const struct run *run, const struct event *event, struct error *error)
{
    const char *name = event_type_text(event->type);
    if (!json_is_object(event->body))
        return error_set(error, ERROR_STORE_CORRUPT, "%s has no body", name);
    if ((event->type == EVENT_RUN_SUBMITTED) != (run->seq == 0))
        return error_set(error, ERROR_STORE_CORRUPT, "%s is out of place", name);
    if (run_is_ended(run) && !event_is_aside(event->type))
        return error_set(error, ERROR_STORE_CORRUPT, "%s follows the end of the run", name);
    if (event->step >= run->machine->step_count || (event_is_of_step(event->type) && event->step < 0))
        return error_set(error, ERROR_STORE_CORRUPT, "%s names no step of this machine", name);
    bool moves = event->type == EVENT_STEP_SUCCEEDED || event->type == EVENT_STEP_SKIPPED;
    if (moves && read_then(run, event->body) == -2)
        return error_set(error, ERROR_STORE_CORRUPT, "%s does not say what follows", name);
    if (event->step >= 0 && event->visit > run->steps[event->step].visit + 1)
        return error_set(error, ERROR_STORE_CORRUPT, "%s is of a visit that does not follow", name);
    if (event_is_of_step(event->type) && event->step != run->step)
        return error_set(error, ERROR_STORE_CORRUPT, "%s is about a step that is not in hand", name);
    return 0;
}

int run_fold(struct run *run, const struct event *event, struct error *error)
{
    if (check_event(run, event, error))
        return -1;
    if (!event_is_aside(event->type))
        run->clean = false; /* whoever says more has not let go */
    FOLDS[event->type](run, event);
    run->seq++;
    return 0;
}
