/* What a row of the table does when it looks at the run: records events, and gives an order. What it does
 * with an answer stands in answered.c. */
#include "base/json.h"
#include "engine/table.h"
#include "jobs/template.h"

bool wait(struct deciding *d)
{
    d->decision->order = ORDER_NOTHING;
    return false;
}

static bool give(struct deciding *d, enum order order)
{
    d->decision->order = order;
    d->live->out = order;
    d->live->due_ms = -1;
    d->live->after_wait = ORDER_NOTHING;
    if (order == ORDER_APPLY) /* what a body does that waited, or a child that was adopted, is yet to end */
        d->live->act_ended_ms = -1;
    if (order == ORDER_PROBE)
        d->live->asked_ms = d->live->now_ms;
    return false;
}

void wait_then(struct deciding *d, int64_t after_ms, enum order order)
{
    d->live->due_ms = d->live->now_ms + (after_ms > 0 ? after_ms : 1);
    d->live->after_wait = order;
    d->decision->order = ORDER_NOTHING;
}

bool say_run_failed(struct deciding *d)
{
    emit_run_failed_with_step(d);
    return true;
}

bool do_leave(struct deciding *d)
{
    d->decision->order = ORDER_LEAVE;
    return false;
}

bool do_lock(struct deciding *d)
{
    d->decision->order = ORDER_LOCK;
    return false;
}

bool lock_taken(struct deciding *d)
{
    emit(d, EVENT_LOCK_ACQUIRED, -1, json_object());
    return true;
}

bool look_again(struct deciding *d)
{
    (void)d;
    return true;
}

/* Letting go without an answer: whoever ends the step says so. */
bool leave_half_done(struct deciding *d)
{
    d->live->half_done = true;
    return true;
}

bool do_plan(struct deciding *d)
{
    return give(d, ORDER_PLAN);
}

bool do_probe(struct deciding *d)
{
    d->live->asks_undo = d->run->undoing && !undo_must_ask_step(d);
    struct error error = {0};
    bool known = (d->run->undoing && !d->live->asks_undo) || inputs_in_hand(d, &error);
    if (!known && lets_go(d))
        return leave_half_done(d);
    if (!known) {
        emit_failure(d, &error, false, false);
        return true;
    }
    return give(d, ORDER_PROBE);
}

bool do_mend(struct deciding *d)
{
    return give(d, ORDER_MEND);
}

bool do_prepare(struct deciding *d)
{
    return give(d, ORDER_PREPARE);
}

bool do_apply(struct deciding *d)
{
    return give(d, ORDER_APPLY);
}

bool do_after_wait(struct deciding *d)
{
    return give(d, d->live->after_wait);
}

bool do_stop_child(struct deciding *d)
{
    d->live->due_ms = d->live->now_ms + CHILD_LOOK_MS;
    d->live->after_wait = ORDER_NOTHING;
    d->decision->order = ORDER_STOP_CHILD;
    return false;
}

bool do_look_at_child_later(struct deciding *d)
{
    wait_then(d, CHILD_LOOK_MS, ORDER_NOTHING);
    return false;
}

bool do_take_exit_record(struct deciding *d)
{
    d->live->asked_children = true;
    d->live->fresh = d->live->effect_begun = true;
    return give(d, ORDER_APPLY);
}

/* The driver was asked to leave, or the run is paused: what is known of the step in hand becomes durable. */
bool do_rest(struct deciding *d)
{
    struct run *run = d->run;
    json_t *body = json_pack("{s:b,s:b}", "clean", 1, "rests", 1);
    if (d->live->stop_reason)
        json_object_set_new(body, "why", json_string(d->live->stop_reason));
    bool standing = run->step >= 0 && (run->place == PLACE_STARTED || run->place == PLACE_PREPARED);
    if (standing) {
        if (d->live->checkpoint) {
            json_t *checkpoint = json_pack("{s:O}", "checkpoint", d->live->checkpoint);
            emit(d, EVENT_STEP_CHECKPOINT, run->step, checkpoint);
        }
        add_time(d, body);
    }
    emit(d, EVENT_STEP_INTERRUPTED, standing ? run->step : -1, body);
    return do_leave(d);
}

/* ---- letting go ---- */

bool end_cancelled(struct deciding *d)
{
    const struct run *run = d->run;
    json_t *half_done = json_array();
    for (int i = 0; i < run->machine->step_count; i++)
        if (run_step_is_half_done(run, i) || (i == run->step && d->live->half_done))
            json_array_append_new(half_done, json_string(run->machine->steps[i].id));
    emit_end(d, EVENT_RUN_CANCELLED, json_pack("{s:o}", "half_done", half_done));
    return do_leave(d);
}

static void time_error(struct deciding *d, struct error *error)
{
    bool attempt = d->live->ending == ENDING_ATTEMPT_TIMEOUT;
    error_set(
        error, ERROR_TIMEOUT, "%s took longer than its %s of %lld s%s%s", step_in_hand(d)->id,
        attempt ? "attempt's timeout" : "timeout",
        (long long)((attempt ? step_in_hand(d)->attempt_timeout_ms : step_in_hand(d)->timeout_ms) / 1000),
        d->live->wait_error.message[0] ? "; it waited: " : "", d->live->wait_error.message);
}

bool end_timed_unknown(struct deciding *d)
{
    struct error error;
    time_error(d, &error);
    error_context(&error, "the effect was sent and may still be going on");
    d->live->ending = ENDING_NONE;
    d->live->half_done = false;
    emit_decision(d, &error);
    return true;
}

bool end_timed(struct deciding *d)
{
    struct error error;
    time_error(d, &error);
    bool attempt = d->live->ending == ENDING_ATTEMPT_TIMEOUT;
    d->live->looked = d->live->looked && !attempt; /* however good its looks were, the attempt has failed */
    emit_failure(d, &error, attempt, act_memory(d)->acted);
    return true;
}

bool end_with_rollback(struct deciding *d)
{
    d->actor = json_text(d->live->ending_body, "actor", d->actor);
    emit_rollback(d, json_text(d->live->ending_body, "reason", ""));
    return true;
}

bool refuse_to_end(struct deciding *d)
{
    struct error error;
    error_set(&error, ERROR_NOT_ALLOWED_NOW, "whether \"%s\" has happened is not known yet",
              step_in_hand(d)->id);
    d->live->ending = ENDING_NONE;
    d->live->half_done = false;
    emit_decision(d, &error);
    return true;
}

bool end_with_from(struct deciding *d)
{
    d->live->ending = ENDING_NONE;
    json_t *body = json_pack("{s:O}", "from", json_object_get(d->live->ending_body, "from"));
    json_t *reason = json_object_get(d->live->ending_body, "reason");
    if (reason)
        json_object_set(body, "reason", reason);
    d->actor = json_text(d->live->ending_body, "actor", d->actor);
    emit(d, EVENT_RESUMED, -1, body);
    return true;
}

/* ---- entering a step ---- */

bool end_succeeded(struct deciding *d)
{
    emit_end(d, EVENT_RUN_SUCCEEDED, json_object());
    return do_leave(d);
}

bool end_rolled_back(struct deciding *d)
{
    emit_end(d, EVENT_RUN_ROLLED_BACK, json_object());
    return do_leave(d);
}

bool rearm_retry(struct deciding *d)
{
    int64_t left_ms = d->run->wait_until_ms - d->live->wall_ms;
    if (left_ms > d->run->wait_ms)
        left_ms = d->run->wait_ms; /* the wall clock was set back */
    if (left_ms < 0)
        left_ms = 0;
    d->live->due_ms = d->live->now_ms + left_ms;
    d->live->after_wait = ORDER_NOTHING;
    return left_ms == 0;
}

bool undo_nothing(struct deciding *d)
{
    emit_undone(d, "nothing to undo");
    return true;
}

bool undo_refuse(struct deciding *d)
{
    struct error error;
    error_set(&error, ERROR_CANNOT_UNDO, "\"%s\" (%s) cannot be undone", step_in_hand(d)->id,
              step_in_hand(d)->act.uses);
    error_next(&error, "undo it by hand, then: pawl resolve %lld %s --done --reason \"…\"",
               (long long)d->run->id, step_in_hand(d)->id);
    emit_failure(d, &error, false, false);
    return true;
}

bool undo_refuse_several(struct deciding *d)
{
    const char *id = step_in_hand(d)->id;
    struct error error;
    error_set(
        &error, ERROR_CANNOT_UNDO,
        "\"%s\" was done in an earlier visit as well as in visit %d, and only what visit %d did could be undone",
        id, d->run->steps[d->run->step].visit, d->run->steps[d->run->step].visit);
    error_next(
        &error,
        "undo it all by hand, then: pawl resolve %lld %s --done --reason \"…\"; or what the earlier visits "
        "did, then --retry, which undoes the latest",
        (long long)d->run->id, id);
    emit_failure(d, &error, false, false);
    return true;
}

/* What makes it doubtful whether it has acted, and why nothing but a person can tell. */
static void decide_doubt(struct deciding *d, const char *of, const char *end)
{
    const char *id = step_in_hand(d)->id;
    const json_t *failure = d->run->steps[d->run->step].failure;
    struct error error;
    if (failure)
        error_set(&error, ERROR_NOT_ALLOWED_NOW, "%s\"%s\" failed and may have acted (%s); %s", of, id,
                  json_text(failure, "message", ""), end);
    else
        error_set(&error, ERROR_NOT_ALLOWED_NOW, "%s\"%s\" was interrupted; %s", of, id, end);
    emit_decision(d, &error);
}

bool decide_undo(struct deciding *d)
{
    decide_doubt(d, "",
                 act_in_hand(d)->uses
                     ? "it cannot be asked: is there anything to undo?"
                     : "it cannot be asked, and has no undo: what is left of it is undone by hand");
    return true;
}

bool fail_condition(struct deciding *d)
{
    struct error error = {0};
    bool holds;
    condition_evaluate(step_in_hand(d)->condition, d->run->names, &holds, &error);
    emit_failure(d, &error, false, false);
    return true;
}

bool skip(struct deciding *d)
{
    emit_skip(d);
    return true;
}

bool enter_carried(struct deciding *d)
{
    struct run_step *step = &d->run->steps[d->run->step];
    struct error error = {0};
    const json_t *inputs = inputs_in_hand(d, &error);
    if (!inputs) {
        emit_failure(d, &error, false, false);
        return true;
    }
    if (step->succeeded_inputs && json_equal(inputs, step->succeeded_inputs)) {
        json_t *outputs = json_deep_copy(step->outputs);
        emit_success(d, outputs, "carried over", NULL);
        json_decref(outputs);
        return true;
    }
    error_set(&error, ERROR_NOT_ALLOWED_NOW,
              "\"%s\" has been done before with other inputs%s, and must never be repeated blindly",
              step_in_hand(d)->id, step->succeeded_inputs ? "" : ", or by hand");
    emit_decision(d, &error);
    return true;
}

bool ask_approval(struct deciding *d)
{
    emit_approval(d);
    return true;
}

bool start(struct deciding *d)
{
    emit_start(d);
    return true;
}

bool decide_once(struct deciding *d)
{
    decide_doubt(d, d->run->undoing ? "the undo of " : "",
                 "it has no probe, and must never be repeated blindly");
    return true;
}

/* Nothing of the interrupted start can have had an effect, or repeating it is harmless: go on from the start.
 */
static bool interrupt(struct deciding *d, bool acted)
{
    json_t *body = json_pack("{s:b}", "acted", acted);
    add_time(d, body);
    emit(d, EVENT_STEP_INTERRUPTED, d->run->step, body);
    d->live->fresh = false;
    return true;
}

bool interrupt_unacted(struct deciding *d)
{
    return interrupt(d, false);
}

bool interrupt_harmless(struct deciding *d)
{
    emit_probed_unasked(d, "cannot_tell", true, "it was interrupted, and repeating it is harmless");
    d->live->fresh = false;
    return true;
}

/* Where an earlier start was in doubt it still is: that this one did nothing tells nothing of that. */
bool child_did_nothing(struct deciding *d)
{
    if (act_memory(d)->before)
        return interrupt(d, false);
    emit_probed_unasked(d, "not_done", false, "its program was never started");
    return true;
}

bool adopt(struct deciding *d)
{
    d->live->fresh = true;
    d->live->effect_begun = true;
    return give(d, ORDER_APPLY);
}

bool decide_elsewhere(struct deciding *d)
{
    struct error error;
    error_set(
        &error, ERROR_NOT_ALLOWED_NOW,
        "the program of \"%s\" was started on another host: whether it still runs cannot be seen from here",
        step_in_hand(d)->id);
    emit_decision(d, &error);
    return true;
}
