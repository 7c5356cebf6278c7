/* What a row of the table does: records events, and gives an order. */
#include <stdio.h>

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
    return false;
}

static void wait_then(struct deciding *d, int64_t after_ms, enum order order)
{
    d->live->due_ms = d->live->now_ms + (after_ms > 0 ? after_ms : 1);
    d->live->after_wait = order;
    d->decision->order = ORDER_NOTHING;
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

/* The driver was asked to leave: what it knows of the step in hand becomes durable. */
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
    error_next(&error, "put it right by hand, then: pawl resolve %lld %s --done --reason \"…\"",
               (long long)d->run->id, step_in_hand(d)->id);
    emit_failure(d, &error, false, false);
    return true;
}

bool decide_undo(struct deciding *d)
{
    struct error error;
    error_set(&error, ERROR_NOT_ALLOWED_NOW,
              "whether \"%s\" has happened is not known, and it cannot be asked: is there anything to undo?",
              step_in_hand(d)->id);
    error_next(&error, "--retry undoes it, --done passes over it");
    emit_decision(d, &error);
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
    struct error error;
    error_set(&error, ERROR_NOT_ALLOWED_NOW,
              "\"%s\" was interrupted, it has no probe, and must never be repeated blindly",
              step_in_hand(d)->id);
    emit_decision(d, &error);
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

/* Looking again is harmless, but not at once: the event says how long it waits, and why. */
bool observe_later(struct deciding *d)
{
    struct live *live = d->live;
    int64_t delay_ms = BLIND_AGAIN_MS << live->blind_looks++;
    json_t *body = json_pack("{s:b,s:I,s:s}", "acted", 0, "delay_ms", (json_int_t)delay_ms, "why",
                             d->stimulus->answer->error.message);
    add_time(d, body);
    emit(d, EVENT_STEP_INTERRUPTED, d->run->step, body);
    live->fresh = false;
    live->wait_error = d->stimulus->answer->error;
    live->due_ms = live->now_ms + delay_ms;
    live->after_wait = ORDER_NOTHING;
    return true;
}

bool interrupt_harmless(struct deciding *d)
{
    json_t *body = json_pack("{s:s,s:b,s:s}", "answer", "cannot_tell", "again", 1, "why",
                             "it was interrupted, and repeating it is harmless");
    if (d->run->undoing)
        json_object_set_new(body, "undo", json_true());
    add_time(d, body);
    emit(d, EVENT_STEP_PROBED, d->run->step, body);
    d->live->fresh = false;
    return true;
}

bool child_did_nothing(struct deciding *d)
{
    json_t *body = json_pack("{s:s,s:s}", "answer", "not_done", "why", "its program was never started");
    if (d->run->undoing)
        json_object_set_new(body, "undo", json_true());
    add_time(d, body);
    emit(d, EVENT_STEP_PROBED, d->run->step, body);
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

/* ---- what came back ---- */

bool plan_agreed(struct deciding *d)
{
    d->live->planned = true;
    return true;
}

/* The step that cannot be done may stand far behind the one that the run is at: there is nothing to resolve
 * yet, only its cause to mend, or the run to give up. */
bool plan_refused(struct deciding *d)
{
    struct error error = *d->stimulus->error;
    char mend[sizeof error.next];
    snprintf(mend, sizeof mend, "%s", error.next);
    error_context(&error, "nothing was begun (the run stands at \"%s\")", step_in_hand(d)->id);
    error_next(&error,
               "%s%sput that right, then: pawl resume %lld; or give up: pawl cancel %lld --reason \"…\"",
               mend, *mend ? "; " : "", (long long)d->run->id, (long long)d->run->id);
    emit_run_failed(d, &error);
    return do_leave(d);
}

bool probed_done(struct deciding *d)
{
    const char *missing = NULL;
    const struct probe_answer *probe = d->stimulus->probe;
    json_t *outputs = complete_outputs(step_in_hand(d), probe->outputs, &missing);
    bool follows = !d->run->undoing && !d->run->cancelling && d->live->ending != ENDING_ROLLBACK;
    if (missing && follows) {
        struct error error;
        error_set(&error, ERROR_NOT_ALLOWED_NOW,
                  "\"%s\" has happened, but its output \"%s\", which a later step needs, cannot be known",
                  step_in_hand(d)->id, missing);
        error_next(&error, "pawl resolve %lld %s --done --output %s=… --reason \"…\"", (long long)d->run->id,
                   step_in_hand(d)->id, missing);
        d->live->ending = ENDING_NONE;
        emit_decision(d, &error);
    } else {
        emit_probed(d, "done", false);
        emit_success(d, outputs, "probe", NULL);
    }
    json_decref(outputs);
    return true;
}

/* What the rollback's first step did is there: it is to be undone. */
bool probed_step_to_undo(struct deciding *d)
{
    emit_probed(d, "done", true);
    return true;
}

bool probed_unsettled(struct deciding *d)
{
    struct live *live = d->live;
    if (live->act_ended_ms < 0)
        live->act_ended_ms = live->now_ms;
    wait_then(d, live->act_ended_ms + step_in_hand(d)->settle_ms - live->now_ms, ORDER_PROBE);
    return false;
}

bool probed_not_done(struct deciding *d)
{
    emit_probed(d, "not_done", false);
    return true;
}

bool probed_in_progress(struct deciding *d)
{
    const struct probe_answer *probe = d->stimulus->probe;
    d->live->probe_failures = 0;
    d->live->wait_error = probe->error;
    if (d->live->now_ms - d->live->recorded_ms >= CHECKPOINT_EVERY_MS)
        emit_probed(d, "in_progress", false);
    wait_then(d, probe->after_ms > 0 ? probe->after_ms : PROBE_AGAIN_MS, ORDER_PROBE);
    return false;
}

bool probed_half_done(struct deciding *d)
{
    d->live->half_done = true;
    emit_probed(d, d->stimulus->kind == STIMULUS_PROBE_IN_PROGRESS ? "in_progress" : "cannot_tell", false);
    return true;
}

bool probe_later(struct deciding *d)
{
    d->live->probe_failures++;
    d->live->wait_error = d->stimulus->probe->error;
    wait_then(d, PROBE_AGAIN_MS << d->live->probe_failures, ORDER_PROBE);
    return false;
}

bool probed_undecidable(struct deciding *d)
{
    emit_probed(d, "cannot_tell", false);
    emit_decision(d, &d->stimulus->probe->error);
    return true;
}

bool probed_again(struct deciding *d)
{
    emit_probed(d, "cannot_tell", true);
    return true;
}

bool mended(struct deciding *d)
{
    json_t *body = json_pack("{s:O}", "record", d->run->steps[d->run->step].mend);
    add_time(d, body);
    emit(d, EVENT_RECORD_REMOVED, d->run->step, body);
    return true;
}

bool mend_failed(struct deciding *d)
{
    emit_failure(d, &d->stimulus->answer->error, d->stimulus->answer->transient, false);
    return true;
}

bool mend_later(struct deciding *d)
{
    d->live->probe_failures++;
    d->live->wait_error = d->stimulus->answer->error;
    wait_then(d, PROBE_AGAIN_MS << d->live->probe_failures, ORDER_MEND);
    return false;
}

static void record_guards(struct deciding *d)
{
    size_t index;
    json_t *guard;
    json_array_foreach(d->stimulus->guards, index, guard)
        emit(d, EVENT_GUARD_ASKED, d->run->step, json_incref(guard));
}

bool prepared(struct deciding *d)
{
    record_guards(d);
    json_t *body = json_object();
    const json_t *checkpoint = d->stimulus->answer ? d->stimulus->answer->checkpoint : NULL;
    if (checkpoint)
        json_object_set(body, "checkpoint", (json_t *)checkpoint);
    add_time(d, body);
    emit(d, EVENT_STEP_PREPARED, d->run->step, body);
    return true;
}

bool body_failed(struct deciding *d)
{
    const struct answer *answer = d->stimulus->answer;
    emit_failure(d, &answer->error, answer->transient, d->live->effect_begun);
    return true;
}

bool guard_refused(struct deciding *d)
{
    record_guards(d);
    return body_failed(d);
}

bool body_done(struct deciding *d)
{
    const char *missing;
    json_t *outputs = complete_outputs(step_in_hand(d), d->stimulus->answer->outputs, &missing);
    emit_success(d, outputs, "body", d->stimulus->answer->summary);
    json_decref(outputs);
    return true;
}

/* The first checkpoint of a start is durable at once (a sleep must not begin anew), later ones now and then.
 */
bool body_again(struct deciding *d)
{
    struct live *live = d->live;
    const struct answer *answer = d->stimulus->answer;
    live->wait_error = answer->error;
    live->blind_looks = 0;
    live->looked = act_in_hand(d)->effect == EFFECT_OBSERVE && !act_in_hand(d)->runs_child;
    live->acting = answer->acting || (act_in_hand(d)->runs_child && live->effect_begun);
    bool first = answer->checkpoint && !live->checkpoint && !act_memory(d)->checkpoint;
    if (answer->checkpoint) {
        json_decref(live->checkpoint);
        live->checkpoint = json_incref(answer->checkpoint);
    }
    if (first || live->now_ms - live->recorded_ms >= CHECKPOINT_EVERY_MS) {
        json_t *body = json_object();
        if (live->checkpoint)
            json_object_set(body, "checkpoint", live->checkpoint);
        add_time(d, body);
        emit(d, EVENT_STEP_CHECKPOINT, d->run->step, body);
    }
    wait_then(d, answer->after_ms, ORDER_APPLY);
    return false;
}

/* Asked to return while it waits for an effect that it sent: the question goes to the probe. */
bool body_unknown(struct deciding *d)
{
    d->live->fresh = d->live->acting = false;
    d->live->effect_begun = true;
    d->live->asked_children = true;
    d->live->act_ended_ms = d->live->now_ms;
    if (d->stimulus->answer)
        d->live->wait_error = d->stimulus->answer->error;
    return true;
}
