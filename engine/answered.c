/* What a row of the table does with an answer: of the look ahead, a probe, a mend, a prepare, a body. */
#include "base/duration.h"
#include "base/json.h"
#include "base/text.h"
#include "engine/table.h"

/* ---- the look at the whole run ---- */

bool plan_agreed(struct deciding *d)
{
    d->live->planned = true;
    return true;
}

/* The step that cannot be done may stand far behind the one that the run is at: there is nothing to resolve
 * yet, only its cause to mend, or the run to give up. */
bool plan_refused(struct deciding *d)
{
    const struct error *cause = d->stimulus->error;
    struct error error = *cause;
    error_context(&error, "nothing was begun (the run stands at \"%s\")", step_in_hand(d)->id);
    error_next(&error,
               "%s%sput that right, then: pawl resume %lld; or give up: pawl cancel %lld --reason \"…\"",
               cause->next, *cause->next ? "; " : "", (long long)d->run->id, (long long)d->run->id);
    emit_run_failed(d, &error);
    return do_leave(d);
}

/* ---- what has happened, and its outputs ---- */

/* The outputs of a step that has happened. */
struct known {
    json_t *outputs;
    const char *missing; /* one that a later step needs; NULL: none */
    bool fits;           /* the record takes them */
    struct error size;   /* where not: how large they are */
};

static struct known known_begin(const struct deciding *d, const json_t *outputs)
{
    struct known known = {0};
    known.outputs = complete_outputs(step_in_hand(d), outputs, &known.missing);
    known.fits = outputs_fit(known.outputs, &known.size);
    return known;
}

/* Whether later steps may want the outputs of the one in hand. */
static bool others_follow(const struct deciding *d)
{
    return !d->run->undoing && !d->run->cancelling && d->live->ending != ENDING_ROLLBACK;
}

/* The step has happened, which must not be lost; a person says what of its outputs later steps need. */
static void ask_for_outputs(struct deciding *d, struct error *error)
{
    const struct machine_step *step = step_in_hand(d);
    struct text options = {0};
    for (int i = 0; i < step->output_count; i++)
        if (step->outputs[i].needed)
            text_format(&options, " --output %s=…", step->outputs[i].name);
    error_next(error, "pawl resolve %lld %s --done%s --reason \"…\"", (long long)d->run->id, step->id,
               text_string(&options));
    text_clear(&options);
    d->live->ending = ENDING_NONE;
    emit_decision(d, error);
}

/* Is there an output that later steps need and nobody knows (`why`; NULL: nobody says), or are they larger
 * than the record takes? */
static bool lacks_outputs(const struct deciding *d, const struct known *known, const char *why,
                          struct error *error)
{
    const char *id = step_in_hand(d)->id;
    if (!others_follow(d) || (!known->missing && known->fits))
        return false;
    *error = known->size;
    if (known->missing)
        error_set(error, ERROR_NOT_ALLOWED_NOW,
                  "\"%s\" has happened, but its output \"%s\", which a later step needs, cannot be known%s%s",
                  id, known->missing, why ? ": " : "", why ? why : "");
    else
        error_context(error, "\"%s\" has happened, but cannot be recorded as it is", id);
    return true;
}

/* Where nothing follows, what is too large is left out, and the record says so. */
static void succeed(struct deciding *d, const struct known *known, const char *by, const char *summary)
{
    struct error size = known->size;
    if (d->run->undoing || known->fits) {
        emit_success(d, known->outputs, by, summary);
        return;
    }
    error_context(&size, "its outputs are not kept");
    emit_success(d, NULL, by, size.message);
}

/* ---- a probe ---- */

bool probed_done(struct deciding *d)
{
    struct error error;
    struct known known = known_begin(d, d->stimulus->probe->outputs);
    if (lacks_outputs(d, &known, NULL, &error)) {
        ask_for_outputs(d, &error);
    } else {
        emit_probed(d, "done", false);
        succeed(d, &known, "probe", NULL);
    }
    json_decref(known.outputs);
    return true;
}

bool probed_step_to_undo(struct deciding *d)
{
    emit_probed(d, "done", true);
    return true;
}

static void wait_until_settled(struct deciding *d, enum order order)
{
    struct live *live = d->live;
    char settle[DURATION_TEXT_SIZE];
    if (live->act_ended_ms < 0)
        live->act_ended_ms = live->now_ms;
    duration_write(step_in_hand(d)->settle_ms, settle);
    error_set(&live->wait_error, ERROR_NOT_YET,
              "what was done may take %s to show (settle): it is asked again then", settle);
    wait_then(d, live->act_ended_ms + step_in_hand(d)->settle_ms - live->now_ms, order);
}

bool probed_unsettled(struct deciding *d)
{
    wait_until_settled(d, ORDER_PROBE);
    return false;
}

/* Then it looks again. The time of the undo has not begun: a timeout shorter than settle must not end it. */
bool wait_for_settle(struct deciding *d)
{
    wait_until_settled(d, ORDER_NOTHING);
    d->live->counted_to_ms = d->live->due_ms;
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

/* ---- a mend ---- */

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

/* ---- a prepare, with the guards; a body ---- */

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

static void succeed_with_what_is_known(struct deciding *d, const struct known *known)
{
    const struct answer *answer = d->stimulus->answer;
    struct error why = answer->error;
    if (why.code)
        error_context(&why, "not all of its outputs are kept");
    succeed(d, known, "body", why.code ? why.message : answer->summary.text);
}

/* One that only looks has failed where its outputs are too large, or cannot be read: nothing has happened
 * that could be lost. A body that says nothing else knows all of them. */
bool body_done(struct deciding *d)
{
    const struct error *unread = &d->stimulus->answer->error;
    bool looks = !d->run->undoing && act_in_hand(d)->effect == EFFECT_OBSERVE;
    struct known known = known_begin(d, d->stimulus->answer->outputs);
    struct error error;
    if (!unread->code)
        known.missing = NULL;
    if (looks && unread->code)
        emit_failure(d, unread, false, d->live->effect_begun);
    else if (looks && !known.fits)
        emit_failure(d, &known.size, false, d->live->effect_begun);
    else if (lacks_outputs(d, &known, unread->code ? unread->message : NULL, &error))
        ask_for_outputs(d, &error);
    else
        succeed_with_what_is_known(d, &known);
    json_decref(known.outputs);
    return true;
}

/* The first checkpoint of a start is durable at once (a sleep must not begin anew), later ones now and then.
 */
bool body_again(struct deciding *d)
{
    struct live *live = d->live;
    const struct answer *answer = d->stimulus->answer;
    live->wait_error = answer->error;
    live->looked = act_in_hand(d)->effect == EFFECT_OBSERVE && !act_in_hand(d)->runs_child;
    if (live->looked) /* that a program runs is no look yet */
        live->blind_looks = 0;
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
