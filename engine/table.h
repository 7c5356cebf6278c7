/* The words of the table (decide.c): its conditions, each one sentence about a run (when.c), and its actions
 * (then.c; answered.c where an answer came back). Private to the machine. */
#ifndef PAWL_ENGINE_TABLE_H
#define PAWL_ENGINE_TABLE_H

#include "engine/emit.h"

#define CHECKPOINT_EVERY_MS 30000 /* a visit's time is proven at least this often */
/* Transient failures of a probe in a row before it counts as "cannot tell". */
#define PROBE_FAILURES_LIMIT 5
#define PROBE_AGAIN_MS       2000
/* Answers "unknown" of a step that observes, in a row, before it has failed; the pause doubles with each. */
#define BLIND_LOOKS_LIMIT 5
#define BLIND_AGAIN_MS    1000

typedef bool condition(const struct deciding *d);
/* True: look at the run again, more follows by itself. */
typedef bool action(struct deciding *d);
/* Lets time pass, then gives the order; ORDER_NOTHING: looks again. */
void wait_then(struct deciding *d, int64_t after_ms, enum order order);

condition always, a_body_is_out, lets_go, child_lives, lets_go_while_child_lives,
    lets_go_while_child_may_finish, lets_go_with_exit_record, lets_go_before_due,
    lets_go_slowly_while_stopping, lets_go_of_start_that_has_not_acted, lets_go_in_doubt, lets_go_with_mend,
    lets_go_while_keeper_is_elsewhere, mend_may_be_repeated, is_cancelled, ends_by_time_half_done,
    ends_by_time, ends_by_rollback, ends_but_is_unknown, ends_by_from, failure_was_cut_off, is_paused,
    is_stopping, is_before_due, was_waiting, retry_has_time_left, lacks_lock, lacks_plan, nothing_is_left,
    nothing_is_left_to_undo, is_undoing, undo_must_ask_step, undo_of_step_that_did_nothing,
    undo_is_impossible, undo_of_several_visits, has_mend, is_in_doubt_and_can_be_asked, is_once_in_doubt,
    is_carried_over, condition_is_broken, condition_is_false, lacks_approval, is_fresh_with_prepare, is_fresh,
    has_not_acted, observes, observes_while_letting_go, observes_and_may_look_again, keeper_is_elsewhere,
    child_ran_or_runs, child_never_ran, is_unsettled, lets_go_while_in_progress, probe_may_be_repeated,
    asks_about_step_to_undo, asks_about_step_to_undo_in_vain, undo_of_step_that_cannot_be_asked,
    undo_comes_before_settle, may_not_repeat, is_before_effect, acts_when_asked_to_return,
    waits_when_asked_to_return, waits_when_paused;
action wait, do_leave, say_run_failed, lock_taken, do_lock, do_plan, do_probe, do_mend, do_prepare, do_apply,
    do_after_wait, do_stop_child, do_look_at_child_later, do_take_exit_record, do_rest, end_cancelled,
    end_timed_unknown, end_timed, end_with_rollback, refuse_to_end, end_with_from, end_succeeded,
    end_rolled_back, rearm_retry, undo_nothing, undo_refuse, undo_refuse_several, decide_undo, fail_condition,
    skip, enter_carried, ask_approval, start, decide_once, interrupt_unacted, observe_later,
    interrupt_harmless, child_did_nothing, adopt, decide_elsewhere, plan_agreed, plan_refused, probed_done,
    probed_step_to_undo, probed_unsettled, wait_for_settle, probed_not_done, probed_in_progress,
    probed_half_done, probe_later, probed_undecidable, probed_again, mended, mend_failed, mend_later,
    look_again, leave_half_done, prepared, body_failed, guard_refused, body_done, body_again, body_unknown;

static inline const struct run_act *act_memory(const struct deciding *d)
{
    return run_act_in_hand(d->run);
}

static inline const struct machine_act *act_in_hand(const struct deciding *d)
{
    return machine_act_in_hand(d->run);
}

/* Whether a start may have had its effect without a record of it, and can still be asked. */
condition is_in_doubt;

#endif
