#include "engine/decide.h"

#include <stdlib.h>

#include "base/memory.h"
#include "engine/table.h"

/* ---- the table ---- */

struct row {
    unsigned places; /* bits of enum place */
    enum stimulus_kind stimulus;
    condition *when;
    action *then;
    const char *name;
};

#define AT(place) (1U << PLACE_##place)
#define ANYWHERE  (~0U)
#define IN_VISIT  (AT(ENTER) | AT(STARTED) | AT(PREPARED))
/* Letting go asks about a failed or unknown step, too. */
#define ASKED (IN_VISIT | AT(UNKNOWN) | AT(STOPPED))
#define ROW(places, stimulus, when, then)                                                                    \
    {                                                                                                        \
        places, STIMULUS_##stimulus, when, then, #places " " #stimulus ": " #when " -> " #then               \
    }

static const struct row TABLE[] = {
    /* Nothing is decided while a body is out: its answer is the next stimulus. */
    ROW(ANYWHERE, TICK, a_body_is_out, wait),
    ROW(AT(ENDED), TICK, always, do_leave),

    /* Letting go: a step ends only when no body, keeper or child of it is left, and its effect has been asked
       for. */
    ROW(ANYWHERE, TICK, lets_go_while_keeper_is_elsewhere, leave_half_done),
    ROW(ANYWHERE, TICK, lets_go_slowly_while_stopping, do_rest),
    ROW(ANYWHERE, TICK, lets_go_while_child_may_finish, do_look_at_child_later),
    ROW(ANYWHERE, TICK, lets_go_while_child_lives, do_stop_child),
    ROW(ANYWHERE, TICK, lets_go_with_exit_record, do_take_exit_record),
    ROW(ANYWHERE, TICK, lets_go_before_due, wait),
    ROW(AT(STARTED), TICK, lets_go_of_start_that_has_not_acted, interrupt_unacted),
    ROW(ANYWHERE, TICK, lets_go_in_doubt, do_probe),
    ROW(ANYWHERE, TICK, lets_go_with_mend, do_mend),
    ROW(ANYWHERE, TICK, is_cancelled, end_cancelled),
    ROW(IN_VISIT, TICK, ends_by_time_half_done, end_timed_unknown),
    ROW(IN_VISIT, TICK, ends_by_time, end_timed),
    ROW(ANYWHERE, TICK, ends_but_is_unknown, refuse_to_end),
    ROW(ANYWHERE, TICK, ends_by_rollback, end_with_rollback),
    ROW(ANYWHERE, TICK, ends_by_from, end_with_from),

    /* Resting: a pause, a driver that was asked to leave, a person who has the word. */
    ROW(ANYWHERE, TICK, is_paused, do_rest),
    ROW(AT(STOPPED), TICK, failure_was_cut_off, say_run_failed),
    ROW(AT(APPROVAL) | AT(UNKNOWN) | AT(STOPPED), TICK, always, do_leave),
    ROW(ANYWHERE, TICK, is_stopping, do_rest),
    ROW(ANYWHERE, TICK, is_before_due, wait),
    ROW(ANYWHERE, TICK, retry_has_time_left, rearm_retry),
    ROW(ANYWHERE, TICK, was_waiting, do_after_wait),

    /* Before the first step. */
    ROW(AT(ENTER), TICK, lacks_lock, do_lock),
    ROW(ANYWHERE, LOCK_TAKEN, always, lock_taken),
    ROW(AT(ENTER), TICK, lacks_plan, do_plan),

    /* Going back. */
    ROW(AT(ENTER), TICK, nothing_is_left_to_undo, end_rolled_back),
    ROW(AT(ENTER), TICK, nothing_is_left, end_succeeded),
    ROW(AT(ENTER), TICK, undo_must_ask_step, do_probe),
    ROW(AT(ENTER), TICK, undo_of_step_that_cannot_be_asked, decide_undo),
    ROW(AT(ENTER), TICK, has_mend, do_mend),
    ROW(AT(ENTER), TICK, undo_of_step_that_did_nothing, undo_nothing),
    ROW(AT(ENTER), TICK, undo_is_impossible, undo_refuse),
    ROW(AT(ENTER), TICK, undo_of_several_visits, undo_refuse_several),
    ROW(AT(ENTER), TICK, undo_comes_before_settle, wait_for_settle),

    /* A start, in this order: if → inputs → the probe, where it was started before → approval → step_started.
     */
    ROW(AT(ENTER), TICK, is_carried_over, enter_carried),
    ROW(AT(ENTER), TICK, condition_is_broken, fail_condition),
    ROW(AT(ENTER), TICK, condition_is_false, skip),
    ROW(AT(ENTER), TICK, child_lives, do_look_at_child_later),
    ROW(AT(ENTER), TICK, is_in_doubt_and_can_be_asked, do_probe),
    ROW(AT(ENTER), TICK, is_once_in_doubt, decide_once),
    ROW(AT(ENTER), TICK, is_undoing, start),
    ROW(AT(ENTER), TICK, lacks_approval, ask_approval),
    ROW(AT(ENTER), TICK, always, start),

    /* Started, by this driver or by one that died. */
    ROW(AT(STARTED), TICK, is_fresh_with_prepare, do_prepare),
    ROW(AT(STARTED), TICK, is_fresh, do_apply),
    ROW(AT(STARTED), TICK, has_not_acted, interrupt_unacted),
    ROW(AT(PREPARED), TICK, is_fresh, do_apply),
    ROW(AT(PREPARED), TICK, child_ran_or_runs, adopt),
    ROW(AT(STARTED) | AT(PREPARED), TICK, observes, interrupt_unacted),
    ROW(AT(PREPARED), TICK, keeper_is_elsewhere, decide_elsewhere),
    ROW(AT(PREPARED), TICK, child_lives, do_look_at_child_later),
    ROW(AT(PREPARED), TICK, child_never_ran, child_did_nothing),
    ROW(AT(STARTED) | AT(PREPARED), TICK, is_in_doubt_and_can_be_asked, do_probe),
    ROW(AT(STARTED) | AT(PREPARED), TICK, is_once_in_doubt, decide_once),
    ROW(AT(STARTED) | AT(PREPARED), TICK, always, interrupt_harmless),

    /* The look at the start of a run. */
    ROW(ANYWHERE, PLAN_OK, always, plan_agreed),
    ROW(ANYWHERE, PLAN_REFUSED, is_cancelled, plan_agreed),
    ROW(ANYWHERE, PLAN_REFUSED, ends_by_rollback, plan_agreed),
    ROW(ANYWHERE, PLAN_REFUSED, always, plan_refused),

    /* Prepared: the guards' answers and the checkpoint become durable, then it acts. */
    ROW(AT(STARTED), PREPARED, lets_go, interrupt_unacted),
    ROW(AT(STARTED), PREPARED, is_paused, interrupt_unacted),
    ROW(AT(STARTED), PREPARED, is_stopping, interrupt_unacted),
    ROW(AT(STARTED), PREPARED, always, prepared),
    ROW(AT(STARTED), PREPARE_FAILED, lets_go, interrupt_unacted),
    ROW(AT(STARTED), PREPARE_FAILED, always, body_failed),
    ROW(AT(STARTED) | AT(PREPARED), GUARD_REFUSED, lets_go, interrupt_unacted),
    ROW(AT(STARTED) | AT(PREPARED), GUARD_REFUSED, always, guard_refused),

    /* A body's answer. */
    ROW(AT(STARTED) | AT(PREPARED), BODY_DONE, always, body_done),
    ROW(AT(STARTED) | AT(PREPARED), BODY_UNKNOWN, observes_while_letting_go, interrupt_unacted),
    ROW(AT(STARTED) | AT(PREPARED), BODY_UNKNOWN, observes_and_may_look_again, observe_later),
    ROW(AT(STARTED) | AT(PREPARED), BODY_UNKNOWN, observes, body_failed),
    ROW(AT(STARTED) | AT(PREPARED), BODY_UNKNOWN, always, body_unknown),
    ROW(AT(STARTED) | AT(PREPARED), BODY_AGAIN, acts_when_asked_to_return, body_unknown),
    ROW(AT(STARTED) | AT(PREPARED), BODY_AGAIN, waits_when_asked_to_return, interrupt_unacted),
    ROW(AT(STARTED) | AT(PREPARED), BODY_AGAIN, waits_when_paused, interrupt_unacted),
    ROW(AT(STARTED) | AT(PREPARED), BODY_AGAIN, always, body_again),
    ROW(AT(STARTED) | AT(PREPARED), BODY_FAILED, always, body_failed),
    ROW(AT(STARTED) | AT(PREPARED), TURNED_BACK, is_before_effect, interrupt_unacted),
    ROW(AT(STARTED) | AT(PREPARED), TURNED_BACK, always, body_unknown),

    /* What the world says of a start without a recorded success. */
    ROW(ASKED, PROBE_DONE, asks_about_step_to_undo, probed_step_to_undo),
    ROW(ASKED, PROBE_DONE, always, probed_done),
    ROW(ASKED, PROBE_NOT_DONE, is_unsettled, probed_unsettled),
    ROW(ASKED, PROBE_NOT_DONE, always, probed_not_done),
    ROW(ASKED, PROBE_IN_PROGRESS, lets_go_while_in_progress, probed_half_done),
    ROW(ASKED, PROBE_IN_PROGRESS, always, probed_in_progress),
    ROW(ASKED, PROBE_CANNOT_TELL, probe_may_be_repeated, probe_later),
    ROW(ASKED, PROBE_CANNOT_TELL, lets_go, probed_half_done),
    ROW(ASKED, PROBE_CANNOT_TELL, asks_about_step_to_undo_in_vain, probed_undecidable),
    ROW(ASKED, PROBE_CANNOT_TELL, undo_comes_before_settle, wait_for_settle),
    ROW(ASKED, PROBE_CANNOT_TELL, may_not_repeat, probed_undecidable),
    ROW(ASKED, PROBE_CANNOT_TELL, always, probed_again),

    /* What a dead start left. */
    ROW(ASKED, MENDED, always, mended),
    ROW(ASKED, MEND_FAILED, mend_may_be_repeated, mend_later),
    ROW(ASKED, MEND_FAILED, lets_go, leave_half_done),
    ROW(ASKED, MEND_FAILED, always, mend_failed),
    ROW(ASKED, TURNED_BACK, always, look_again),
};

#define ROW_COUNT (int)(sizeof TABLE / sizeof *TABLE)
uint64_t machine_rows_taken[sizeof TABLE / sizeof *TABLE];

int machine_row_count(void)
{
    return ROW_COUNT;
}

const char *machine_row_name(int row)
{
    return TABLE[row].name;
}

/* Takes the first row that fits. True: the run has moved, look again. */
static bool take_row(struct deciding *d)
{
    for (int i = 0; i < ROW_COUNT; i++) {
        const struct row *row = &TABLE[i];
        if (!(row->places & (1U << d->run->place)) || row->stimulus != d->stimulus->kind || !row->when(d))
            continue;
        machine_rows_taken[i]++;
        return row->then(d);
    }
    error_set(&d->decision->error, ERROR_STORE_CORRUPT,
              "run %lld: no row of the table fits place %d, stimulus %d", (long long)d->run->id,
              (int)d->run->place, (int)d->stimulus->kind);
    d->decision->failed = true;
    return false;
}

void machine_next(struct run *run, struct live *live, const struct stimulus *stimulus,
                  struct decision *decision)
{
    static const struct stimulus tick = {.kind = STIMULUS_TICK};
    struct deciding d = {
        .run = run, .live = live, .stimulus = stimulus, .decision = decision, .actor = live->actor};
    if (stimulus->kind != STIMULUS_TICK)
        live->out = ORDER_NOTHING;
    while (take_row(&d) && !decision->failed) {
        d.stimulus = &tick;
        d.actor = live->actor;
        decision->more = decision->event_count > DECISION_EVENTS_LIMIT - 16;
        if (decision->more)
            return;
    }
}

void decision_clear(struct decision *decision)
{
    for (int i = 0; i < decision->event_count; i++)
        event_clear(&decision->events[i]);
    decision->event_count = 0;
}

/* ---- time ---- */

struct deadline {
    int64_t at_ms;
    enum ending ending;
};

static struct deadline next_deadline(const struct run *run, const struct live *live)
{
    struct deadline next = {-1, ENDING_NONE};
    if (!step_is_timed(run) || live->counted_to_ms < 0)
        return next;
    const struct machine_step *step = &run->machine->steps[run->step];
    const struct run_step *memory = &run->steps[run->step];
    if (step->timeout_ms)
        next = (struct deadline){live->counted_to_ms + step->timeout_ms - memory->spent_ms, ENDING_TIMEOUT};
    int64_t attempt_ms = live->counted_to_ms + step->attempt_timeout_ms - memory->attempt_spent_ms;
    if (step->attempt_timeout_ms && run->place != PLACE_ENTER && (next.at_ms < 0 || attempt_ms < next.at_ms))
        next = (struct deadline){attempt_ms, ENDING_ATTEMPT_TIMEOUT};
    return next;
}

int64_t machine_deadline_ms(const struct run *run, const struct live *live)
{
    return live->ending == ENDING_NONE && !run->cancelling ? next_deadline(run, live).at_ms : -1;
}

enum ending machine_time_is_up(const struct run *run, const struct live *live)
{
    struct deadline next = next_deadline(run, live);
    return next.at_ms >= 0 && live->now_ms >= next.at_ms ? next.ending : ENDING_NONE;
}

/* ---- what a driver knows while it lives ---- */

struct live *live_new(void)
{
    struct live *live = memory_new(sizeof *live);
    live->due_ms = live->counted_to_ms = live->act_ended_ms = live->held_since_ms = -1;
    return live;
}

void live_free(struct live *live)
{
    if (!live)
        return;
    json_decref(live->ending_body);
    json_decref(live->inputs);
    json_decref(live->checkpoint);
    json_decref(live->probe_checkpoint);
    free(live);
}
