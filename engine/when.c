/* When a row of the table fits. Only looks, never changes. */
#include "base/json.h"
#include "engine/table.h"
#include "jobs/template.h"

bool always(const struct deciding *d)
{
    (void)d;
    return true;
}

bool a_body_is_out(const struct deciding *d)
{
    return d->live->out != ORDER_NOTHING;
}

bool lets_go(const struct deciding *d)
{
    return d->run->step >= 0 && (d->run->cancelling || d->live->ending != ENDING_NONE);
}

/* Whether a start may have had its effect without a record of it, and can still be asked. */
bool is_in_doubt(const struct deciding *d)
{
    const struct run_act *act = act_memory(d);
    return act->unproven && act->acted && !act->answered;
}

bool child_lives(const struct deciding *d)
{
    return act_in_hand(d)->runs_child && act_memory(d)->acted && d->live->child == CHILD_RUNNING &&
           !d->live->foreign_keeper;
}

bool lets_go_while_child_lives(const struct deciding *d)
{
    return lets_go(d) && child_lives(d);
}

/* helm is waited for: only its visit's time ends it. */
bool lets_go_while_child_may_finish(const struct deciding *d)
{
    if (!lets_go_while_child_lives(d)) /* before all else: there may be no step in hand */
        return false;
    return (d->live->ending == ENDING_FROM || act_in_hand(d)->child_may_finish) &&
           machine_time_is_up(d->run, d->live) == ENDING_NONE;
}

bool lets_go_with_exit_record(const struct deciding *d)
{
    return lets_go(d) && d->run->place == PLACE_PREPARED && d->live->child == CHILD_EXITED &&
           is_in_doubt(d) && !d->live->asked_children;
}

bool lets_go_before_due(const struct deciding *d)
{
    bool asks = d->live->after_wait == ORDER_PROBE || d->live->after_wait == ORDER_MEND;
    return lets_go(d) && d->live->due_ms > d->live->now_ms && asks;
}

/* A driver that was asked to leave waits neither for a child, which has its keeper, nor for a probe's answer:
 * the letting go goes on with the next driver. */
bool lets_go_slowly_while_stopping(const struct deciding *d)
{
    return d->live->stopping && (lets_go_while_child_lives(d) || lets_go_before_due(d));
}

/* It may still run, and nobody here can see or stop it. */
bool lets_go_while_keeper_is_elsewhere(const struct deciding *d)
{
    return lets_go(d) && is_in_doubt(d) && keeper_is_elsewhere(d) && !d->live->half_done;
}

/* Its driver died before it acted; what an earlier start did is still to be asked. */
bool lets_go_of_start_that_has_not_acted(const struct deciding *d)
{
    return lets_go(d) && !act_memory(d)->acted && act_memory(d)->before;
}

bool lets_go_in_doubt(const struct deciding *d)
{
    return lets_go(d) && is_in_doubt(d) && act_in_hand(d)->effect != EFFECT_OBSERVE &&
           act_in_hand(d)->probes && !d->live->half_done;
}

bool lets_go_with_mend(const struct deciding *d)
{
    return lets_go(d) && d->run->steps[d->run->step].mend && !d->live->half_done;
}

bool is_cancelled(const struct deciding *d)
{
    return d->run->cancelling;
}

bool ends_by_time_half_done(const struct deciding *d)
{
    if (d->live->ending != ENDING_TIMEOUT && d->live->ending != ENDING_ATTEMPT_TIMEOUT)
        return false;
    return d->live->half_done || (act_in_hand(d)->effect == EFFECT_ONCE && is_in_doubt(d));
}

bool ends_by_time(const struct deciding *d)
{
    return d->live->ending == ENDING_TIMEOUT || d->live->ending == ENDING_ATTEMPT_TIMEOUT;
}

bool ends_by_rollback(const struct deciding *d)
{
    return d->live->ending == ENDING_ROLLBACK;
}

bool ends_but_is_unknown(const struct deciding *d)
{
    if (d->run->step < 0 || !is_in_doubt(d))
        return false;
    return (d->live->ending == ENDING_FROM && (d->live->half_done || is_once_in_doubt(d))) ||
           (d->live->ending == ENDING_ROLLBACK && keeper_is_elsewhere(d));
}

/* A step has failed, a person's word was to follow at once, and the driver that had heard it is gone. */
bool failure_was_cut_off(const struct deciding *d)
{
    return d->run->status != RUN_FAILED;
}

bool ends_by_from(const struct deciding *d)
{
    return d->live->ending == ENDING_FROM;
}

/* What was sent is waited for; its answer is recorded. */
static bool is_in_flight(const struct deciding *d)
{
    return d->live->acting && d->live->fresh;
}

bool is_paused(const struct deciding *d)
{
    return d->run->paused && !is_in_flight(d);
}

/* A program under a keeper goes on without us. */
bool is_stopping(const struct deciding *d)
{
    bool stays = d->run->step >= 0 && is_in_flight(d) && !act_in_hand(d)->runs_child;
    return d->live->stopping && !stays;
}

bool is_before_due(const struct deciding *d)
{
    return d->live->due_ms > d->live->now_ms;
}

bool was_waiting(const struct deciding *d)
{
    return d->live->after_wait != ORDER_NOTHING;
}

bool retry_has_time_left(const struct deciding *d)
{
    return d->run->waiting == WAIT_TIMER && d->run->step >= 0 && d->live->due_ms < 0;
}

bool lacks_lock(const struct deciding *d)
{
    return d->run->step >= 0 && !d->run->holds_lock && json_text(d->run->submitted, "lock", NULL);
}

bool lacks_plan(const struct deciding *d)
{
    return d->run->step >= 0 && !d->run->began && !d->live->planned;
}

bool nothing_is_left(const struct deciding *d)
{
    return d->run->step < 0;
}

bool nothing_is_left_to_undo(const struct deciding *d)
{
    return d->run->step < 0 && d->run->undoing;
}

bool is_undoing(const struct deciding *d)
{
    return d->run->undoing;
}

/* The failing step leads a rollback: what is there to undo? */
static bool is_step_to_undo_in_doubt(const struct deciding *d)
{
    const struct run_act *act = &d->run->steps[d->run->step].act;
    return d->run->undoing && act->unproven && act->acted && !act->answered;
}

bool undo_must_ask_step(const struct deciding *d)
{
    return is_step_to_undo_in_doubt(d) && step_in_hand(d)->act.probes;
}

/* What there is to undo cannot be known: a person decides. */
bool undo_of_step_that_cannot_be_asked(const struct deciding *d)
{
    const struct run_act *undo = &d->run->steps[d->run->step].undo;
    return is_step_to_undo_in_doubt(d) && !undo->granted && !undo->starts;
}

/* Whether what was sent may show later than at that time (steady). */
static bool may_show_after(const struct deciding *d, int64_t at_ms)
{
    int64_t ended_ms = d->live->act_ended_ms;
    return ended_ms < 0 || at_ms < ended_ms + step_in_hand(d)->settle_ms;
}

/* There is something to undo, as a person says; or a probe, of a step that was sent twice by a person's word.
 * What comes later than its undo would stay. */
bool undo_comes_before_settle(const struct deciding *d)
{
    const struct run_step *step = &d->run->steps[d->run->step];
    bool open = d->run->undoing && step->act.unproven && step->act.acted;
    return open && step_in_hand(d)->act.effect == EFFECT_ONCE && (!step->act.answered || step->act.before) &&
           !step->undo.starts && may_show_after(d, d->live->now_ms);
}

bool undo_of_step_that_did_nothing(const struct deciding *d)
{
    const struct run_step *step = &d->run->steps[d->run->step];
    bool happened = step->succeeded_inputs || step->outputs || step->act.acted || step->act.unproven ||
                    step->act.touched || step->earlier;
    return d->run->undoing && !happened && !step->undo.starts;
}

bool undo_is_impossible(const struct deciding *d)
{
    return d->run->undoing && !act_in_hand(d)->uses;
}

/* Each visit knows how it was before itself, and only the latest is remembered. A person's --retry answers
 * for the earlier ones. */
bool undo_of_several_visits(const struct deciding *d)
{
    const struct run_step *step = &d->run->steps[d->run->step];
    return d->run->undoing && step->earlier && !step->undo.granted && !step->undo.starts;
}

bool has_mend(const struct deciding *d)
{
    return d->run->steps[d->run->step].mend;
}

bool is_in_doubt_and_can_be_asked(const struct deciding *d)
{
    return is_in_doubt(d) && act_in_hand(d)->probes;
}

bool is_once_in_doubt(const struct deciding *d)
{
    return is_in_doubt(d) && act_in_hand(d)->effect == EFFECT_ONCE && !act_memory(d)->granted;
}

bool is_carried_over(const struct deciding *d)
{
    const struct run_step *step = &d->run->steps[d->run->step];
    return !d->run->entered && step->carry && act_in_hand(d)->effect == EFFECT_ONCE;
}

/* `if:` is asked before all else of a visit; once it was approved or started, it has been. */
static int ask_condition(const struct deciding *d, bool *holds, struct error *error)
{
    *holds = true;
    const char *text = step_in_hand(d)->condition;
    const struct run_step *step = &d->run->steps[d->run->step];
    bool asked = d->run->undoing || (d->run->entered && (step->started_ms || step->approved));
    return asked || !text ? 0 : condition_evaluate(text, d->run->names, holds, error);
}

bool condition_is_broken(const struct deciding *d)
{
    bool holds;
    return ask_condition(d, &holds, NULL) != 0;
}

bool condition_is_false(const struct deciding *d)
{
    bool holds;
    return !ask_condition(d, &holds, NULL) && !holds;
}

bool lacks_approval(const struct deciding *d)
{
    const struct machine_step *step = step_in_hand(d);
    bool approved = d->run->entered && d->run->steps[d->run->step].approved; /* every visit asks again */
    return step->asks_only || (step->approve && !approved); /* where the answer is all, one is needed again */
}

bool is_fresh_with_prepare(const struct deciding *d)
{
    bool guards = !d->run->undoing && step_in_hand(d)->guard_count;
    return d->live->fresh && (act_in_hand(d)->prepares || guards);
}

bool is_fresh(const struct deciding *d)
{
    return d->live->fresh;
}

bool has_not_acted(const struct deciding *d)
{
    return !act_memory(d)->acted;
}

bool observes(const struct deciding *d)
{
    return act_in_hand(d)->effect == EFFECT_OBSERVE;
}

bool observes_while_letting_go(const struct deciding *d)
{
    return observes(d) && lets_go(d);
}

/* One that cannot even tell what it saw looks again, but not for ever. */
bool observes_and_may_look_again(const struct deciding *d)
{
    return observes(d) && d->live->blind_looks < BLIND_LOOKS_LIMIT;
}

bool keeper_is_elsewhere(const struct deciding *d)
{
    return act_in_hand(d)->runs_child && d->live->foreign_keeper;
}

bool child_ran_or_runs(const struct deciding *d)
{
    bool there = d->live->child == CHILD_RUNNING || d->live->child == CHILD_EXITED;
    return act_in_hand(d)->runs_child && there && !d->live->foreign_keeper && !d->live->asked_children;
}

bool child_never_ran(const struct deciding *d)
{
    return act_in_hand(d)->runs_child && d->live->child == CHILD_NONE;
}

/* The answer may be late, by a slow request or a driver that was stopped: what counts is when it was asked.
 */
bool is_unsettled(const struct deciding *d)
{
    bool of_step = asks_about_step_to_undo(d);
    const struct machine_act *asked = of_step ? &step_in_hand(d)->act : act_in_hand(d);
    return asked->effect == EFFECT_ONCE && (of_step || is_in_doubt(d)) &&
           may_show_after(d, d->live->asked_ms);
}

bool lets_go_while_in_progress(const struct deciding *d)
{
    return lets_go(d) && d->live->ending != ENDING_FROM;
}

bool probe_may_be_repeated(const struct deciding *d)
{
    const struct probe_answer *probe = d->stimulus->probe;
    return probe && error_is_transient(probe->error.code) && d->live->probe_failures < PROBE_FAILURES_LIMIT;
}

bool mend_may_be_repeated(const struct deciding *d)
{
    return lets_go(d) && d->stimulus->answer->transient && d->live->probe_failures < PROBE_FAILURES_LIMIT;
}

bool asks_about_step_to_undo(const struct deciding *d)
{
    return d->run->undoing && !d->live->asks_undo;
}

bool asks_about_step_to_undo_in_vain(const struct deciding *d)
{
    return asks_about_step_to_undo(d) && !d->run->steps[d->run->step].undo.granted;
}

bool may_not_repeat(const struct deciding *d)
{
    return act_in_hand(d)->effect == EFFECT_ONCE && !act_memory(d)->granted;
}

bool is_before_effect(const struct deciding *d)
{
    return !d->live->effect_begun;
}

/* The body that is back waits for what it has sent; a program that was told to go is that, too. */
static bool waits_for_effect(const struct deciding *d)
{
    return d->stimulus->answer->acting || (act_in_hand(d)->runs_child && d->live->effect_begun);
}

bool acts_when_asked_to_return(const struct deciding *d)
{
    return lets_go(d) && waits_for_effect(d) && d->live->ending != ENDING_FROM && !act_in_hand(d)->runs_child;
}

bool waits_when_asked_to_return(const struct deciding *d)
{
    return lets_go(d) && !waits_for_effect(d);
}

bool waits_when_paused(const struct deciding *d)
{
    return d->run->paused && !waits_for_effect(d);
}
