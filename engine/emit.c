#include "engine/emit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "engine/inputs.h"
#include "jobs/template.h"

/* After these another visit comes into hand, or the same one begins anew. */
static bool ends_what_is_in_hand(enum event_type type)
{
    return type == EVENT_STEP_SUCCEEDED || type == EVENT_STEP_FAILED || type == EVENT_STEP_SKIPPED ||
           type == EVENT_REJECTED || type == EVENT_RESOLVED || type == EVENT_RESUMED ||
           type == EVENT_ROLLBACK_STARTED || type == EVENT_STEP_UNDONE || type == EVENT_UNDO_FAILED ||
           type == EVENT_RUN_FAILED;
}

/* What passed before, while the run waited for that word, counts for nothing. */
static bool gives_time_anew(enum event_type type)
{
    return type == EVENT_RESOLVED || type == EVENT_RESUMED || type == EVENT_ROLLBACK_STARTED;
}

static void forget(json_t **slot)
{
    json_decref(*slot);
    *slot = NULL;
}

/* What is known of it, evaluated inputs and checkpoints above all, must not be taken for the next one's. */
static void forget_in_hand(struct live *live)
{
    live->looked = false;
    live->wait_error = (struct error){0};
    live->fresh = live->acting = live->half_done = live->asked_children = false;
    live->held_since_ms = -1;
    live->probe_failures = 0;
    live->due_ms = -1; /* what its body was to be called for again */
    live->after_wait = ORDER_NOTHING;
    forget(&live->inputs);
    forget(&live->checkpoint);
    forget(&live->probe_checkpoint);
}

void emit(struct deciding *d, enum event_type type, int step, json_t *body)
{
    struct decision *decision = d->decision;
    assert(body); /* all texts are UTF-8 and there: what cannot be packed would leave no trace */
    if (decision->failed || decision->event_count == DECISION_EVENTS_LIMIT) {
        if (!decision->failed)
            error_set(&decision->error, ERROR_LIMIT, "more than %d events in one decision",
                      DECISION_EVENTS_LIMIT);
        decision->failed = true;
        json_decref(body);
        return;
    }
    struct run *run = d->run;
    const struct run_step *of = step >= 0 ? &run->steps[step] : NULL;
    struct event *event = &decision->events[decision->event_count++];
    *event = (struct event){
        .type = type,
        .step = step,
        .visit = of ? (run->entered || run->undoing ? of->visit : of->visit + 1) : 0,
        .attempt = of ? of->attempt : 0,
        .time_ms = d->live->wall_ms,
        .epoch = run->epoch,
        .actor = d->actor,
        .body = body,
    };
    if (type == EVENT_STEP_STARTED || type == EVENT_UNDO_STARTED)
        event->attempt = (int)json_int(body, "attempt", 1);
    if (run_fold(run, event, &decision->error))
        decision->failed = true;
    if (ends_what_is_in_hand(type)) {
        forget_in_hand(d->live);
        d->live->blind_looks = 0;
    }
    if (gives_time_anew(type))
        d->live->counted_to_ms = d->live->now_ms;
}

/* ---- time ---- */

bool step_is_timed(const struct run *run)
{
    if (run->step < 0 || run->paused || !run->entered)
        return false;
    enum step_status status = run->steps[run->step].status;
    bool begun = run->undoing || status == STEP_RUNNING || status == STEP_RETRYING;
    bool there = run->place == PLACE_STARTED || run->place == PLACE_PREPARED || run->place == PLACE_ENTER;
    return begun && there && run->steps[run->step].started_ms;
}

void add_time(struct deciding *d, json_t *body)
{
    struct live *live = d->live;
    const struct run_step *step = &d->run->steps[d->run->step];
    int64_t passed_ms = 0;
    if (step_is_timed(d->run) && live->counted_to_ms >= 0 && live->now_ms > live->counted_to_ms)
        passed_ms = live->now_ms - live->counted_to_ms;
    live->counted_to_ms = live->now_ms;
    live->recorded_ms = live->now_ms;
    if (!passed_ms)
        return;
    json_object_set_new(body, "spent_ms", json_integer(step->spent_ms + passed_ms));
    json_object_set_new(body, "attempt_spent_ms", json_integer(step->attempt_spent_ms + passed_ms));
}

/* ---- starting ---- */

const json_t *inputs_in_hand(struct deciding *d, struct error *error)
{
    struct run *run = d->run;
    const struct machine_act *act = machine_act_in_hand(run);
    const struct run_act *memory = run_act_in_hand(run);
    if (memory->inputs && run->entered)
        return memory->inputs;
    if (run->undoing && !act->with) /* the kind's own undo: it goes by what the step did */
        return run->steps[run->step].act.inputs;
    if (!d->live->inputs)
        d->live->inputs = inputs_evaluate(act->uses, act->with, run->names,
                                          json_text(run->submitted, "folder", "/"), error);
    return d->live->inputs;
}

/* The number of this start among the run's starts of the step names its files. */
void emit_start(struct deciding *d)
{
    struct run *run = d->run;
    struct run_step *memory = &run->steps[run->step];
    const struct machine_step *step = step_in_hand(d);
    const struct machine_act *act = machine_act_in_hand(run);
    struct run_act *own = run_act_in_hand(run);
    struct error error = {0};
    const json_t *inputs = inputs_in_hand(d, &error);
    if (!inputs) {
        emit_failure(d, &error, false, false);
        return;
    }
    bool repeats = run->entered && memory->status != STEP_RETRYING && memory->attempt > 0;
    int attempt = repeats ? memory->attempt : (run->entered ? memory->attempt + 1 : 1);
    char *key = run_key(run, d->live->store_uuid, run->undoing);
    json_t *body = json_pack("{s:O,s:s,s:i,s:i}", "inputs", inputs, "key", key, "start", own->starts + 1,
                             "attempt", attempt);
    free(key);
    if (act->prepares || (!run->undoing && step->guard_count))
        json_object_set_new(body, "prepares", json_true());
    if (repeats && act->effect == EFFECT_OBSERVE)
        json_object_set_new(body, "goes_on", json_true());
    add_time(d, body);
    if (attempt != memory->attempt) /* another attempt: its time begins now */
        json_object_del(body, "attempt_spent_ms");
    emit(d, run->undoing ? EVENT_UNDO_STARTED : EVENT_STEP_STARTED, run->step, body);
    struct live *live = d->live;
    forget_in_hand(live);
    live->fresh = true;
    live->effect_begun = false;
    live->act_ended_ms = -1;
    live->counted_to_ms = live->now_ms;
}

/* ---- questions ---- */

static json_t *question(struct deciding *d, const char *text)
{
    const struct run_step *step = &d->run->steps[d->run->step];
    int visit = d->run->entered || d->run->undoing ? step->visit : step->visit + 1;
    char *whole = string_format("%lld/%s/%d/%s", (long long)d->run->id, step_in_hand(d)->id, visit, text);
    struct digest digest = digest_of(whole, strlen(whole));
    char hex[DIGEST_HEX_SIZE];
    digest_hex(&digest, hex);
    free(whole);
    return json_pack("{s:s,s:i,s:s,s:s}", "step", step_in_hand(d)->id, "visit", visit, "digest", hex, "text",
                     text);
}

void emit_approval(struct deciding *d)
{
    const struct machine_step *step = step_in_hand(d);
    struct error error = {0};
    char *text = NULL;
    if (step->asks_only) {
        const json_t *inputs = inputs_in_hand(d, &error);
        if (inputs)
            text = string_copy(json_text(inputs, "message", ""));
    } else {
        text = template_text(step->approve, d->run->names, &error);
    }
    if (text)
        emit(d, EVENT_APPROVAL_REQUESTED, d->run->step, question(d, text));
    else
        emit_failure(d, &error, false, false);
    free(text);
}

void emit_decision(struct deciding *d, const struct error *error)
{
    json_t *body = question(d, error->message);
    json_object_set_new(body, "error", error_json(error));
    if (d->run->undoing)
        json_object_set_new(body, "undo", json_true());
    add_time(d, body);
    emit(d, EVENT_DECISION_REQUESTED, d->run->step, body);
}

static json_t *probed_body(const char *answer, bool again, bool undo, const char *why)
{
    json_t *body = json_pack("{s:s}", "answer", answer);
    if (again)
        json_object_set_new(body, "again", json_true());
    if (undo)
        json_object_set_new(body, "undo", json_true());
    if (*why)
        json_object_set_new(body, "why", json_string(why));
    return body;
}

void emit_probed(struct deciding *d, const char *answer, bool again)
{
    const struct probe_answer *probe = d->stimulus->probe;
    json_t *body = probed_body(answer, again, d->live->asks_undo, probe ? probe->error.message : "");
    if (probe && probe->found)
        json_object_set(body, "found", probe->found);
    if (probe && probe->mend)
        json_object_set_new(body, "mend", json_true());
    if (probe && probe->touched)
        json_object_set_new(body, "touched", json_true());
    add_time(d, body);
    emit(d, EVENT_STEP_PROBED, d->run->step, body);
}

void emit_probed_unasked(struct deciding *d, const char *answer, bool again, const char *why)
{
    json_t *body = probed_body(answer, again, d->run->undoing, why);
    add_time(d, body);
    emit(d, EVENT_STEP_PROBED, d->run->step, body);
}

/* ---- where it leads ---- */

/* The id of the step that a way leads to, or NULL where it has been taken as often as it may be. */
static const char *way_target(const struct run *run, const struct machine_way *way)
{
    const struct run_step *target = &run->steps[way->target];
    if (way->max_visits && target->visit >= way->max_visits + target->extra_visits)
        return NULL;
    return run->machine->steps[way->target].id;
}

static const char *list_next(const struct run *run)
{
    return run->step + 1 < run->machine->step_count ? run->machine->steps[run->step + 1].id : "";
}

/* What follows a step that ended well; NULL where the way is used up. */
static const char *next_id(const struct run *run)
{
    const struct machine_way *next = &run->machine->steps[run->step].next;
    return next->target >= 0 ? way_target(run, next) : list_next(run);
}

/* A timeout ends with its step; what a person has asked for meanwhile comes after. */
static void forget_timeout(struct live *live)
{
    if (live->ending == ENDING_TIMEOUT || live->ending == ENDING_ATTEMPT_TIMEOUT)
        live->ending = ENDING_NONE;
}

/* Fails the run at the step in hand with this error, which it takes. */
static void fail_run(struct deciding *d, json_t *error);

static void refuse_way(struct deciding *d, const struct machine_way *way, const struct error *cause,
                       bool acted)
{
    struct error error;
    error_set(&error, ERROR_MAX_VISITS, "step \"%s\" may be visited %d times, and has been%s%s",
              d->run->machine->steps[way->target].id, way->max_visits, cause ? ": " : "",
              cause ? cause->message : "");
    json_t *body = json_pack("{s:o,s:b}", "error", error_json(&error), "acted", acted);
    add_time(d, body);
    emit(d, EVENT_STEP_FAILED, d->run->step, body);
    forget_timeout(d->live);
    json_t *used_up = error_json(&error);
    json_object_set_new(used_up, "used_up", json_string(d->run->machine->steps[way->target].id));
    fail_run(d, used_up);
}

/* A person's word that waits for the step in hand to end. */
static bool comes_after(const struct deciding *d)
{
    enum ending ending = d->live->ending;
    return d->run->cancelling || ending == ENDING_ROLLBACK || ending == ENDING_FROM;
}

void emit_success(struct deciding *d, const json_t *outputs, const char *by, const char *summary)
{
    if (d->run->undoing) {
        emit_undone(d, by);
        return;
    }
    const char *then = next_id(d->run);
    if (!then && comes_after(d)) /* what a person has asked for follows, whatever the way */
        then = "";
    if (!then) {
        refuse_way(d, &step_in_hand(d)->next, NULL, true);
        return;
    }
    json_t *body = json_pack("{s:s,s:s}", "then", then, "by", by);
    json_object_set_new(body, "outputs", outputs ? json_deep_copy(outputs) : json_object());
    const json_t *recorded = d->run->entered ? d->run->steps[d->run->step].act.inputs : NULL;
    if (!recorded && d->live->inputs) /* no start of this visit names them */
        json_object_set(body, "inputs", d->live->inputs);
    if (summary && *summary)
        json_object_set_new(body, "summary", json_string(summary));
    add_time(d, body);
    emit(d, EVENT_STEP_SUCCEEDED, d->run->step, body);
    forget_timeout(d->live);
}

void emit_skip(struct deciding *d)
{
    emit(d, EVENT_STEP_SKIPPED, d->run->step, json_pack("{s:s}", "then", list_next(d->run)));
}

static json_t *failure_body(struct deciding *d, const struct error *error, bool transient, bool acted)
{
    json_t *body = json_pack("{s:o,s:b,s:b}", "error", error_json(error), "transient", transient, "acted",
                             acted);
    if (d->live->looked)
        json_object_set_new(body, "looked", json_true());
    add_time(d, body);
    return body;
}

/* The pause before the next attempt: delay × factor^(failures−1), at most max_delay, jittered by the random
 * bits. */
static int64_t retry_delay_ms(const struct machine_step *step, int failures, uint64_t random)
{
    double delay = (double)step->delay_ms;
    for (int i = 1; i < failures && delay < (double)step->max_delay_ms; i++)
        delay *= step->factor;
    if (step->max_delay_ms && delay > (double)step->max_delay_ms)
        delay = (double)step->max_delay_ms;
    double unit = (double)(random >> 11) / (double)(1ULL << 53); /* [0, 1) */
    return (int64_t)(delay * (1 + step->jitter * (2 * unit - 1)));
}

static void schedule_retry(struct deciding *d)
{
    const struct machine_step *step = step_in_hand(d);
    int failures = d->run->steps[d->run->step].failures;
    int64_t delay_ms = retry_delay_ms(step, failures, d->live->random);
    json_t *body = json_pack("{s:I}", "delay_ms", (json_int_t)delay_ms);
    emit(d, EVENT_STEP_RETRY_SCHEDULED, d->run->step, body);
    d->live->due_ms = d->live->now_ms + delay_ms;
    d->live->after_wait = ORDER_NOTHING;
}

/* What follows a failure that stays one: a row an on_failure. */
static void follow_failure(struct deciding *d, const struct error *error, bool transient, bool acted)
{
    const struct machine_step *step = step_in_hand(d);
    const struct machine_way *way = &step->failure_way;
    const char *then = NULL;
    if (step->on_failure == ON_FAILURE_CONTINUE)
        then = list_next(d->run);
    if (step->on_failure == ON_FAILURE_GOTO && !(then = way_target(d->run, way))) {
        refuse_way(d, way, error, acted);
        return;
    }
    json_t *body = failure_body(d, error, transient, acted);
    if (then)
        json_object_set_new(body, "then", json_string(then));
    emit(d, EVENT_STEP_FAILED, d->run->step, body);
    if (step->on_failure == ON_FAILURE_ROLLBACK)
        emit_rollback(d, ROLLBACK_BY_POLICY);
    else if (!then)
        emit_run_failed(d, error);
}

void emit_failure(struct deciding *d, const struct error *error, bool transient, bool acted)
{
    struct run *run = d->run;
    const struct run_step *step = &run->steps[run->step];
    int failures = (d->live->looked ? 0 : step->failures) + 1;
    bool again = transient && run->entered && failures < step_in_hand(d)->attempts;
    forget_timeout(d->live);
    if (d->run->cancelling || d->live->ending != ENDING_NONE || again || run->undoing)
        emit(d, run->undoing ? EVENT_UNDO_FAILED : EVENT_STEP_FAILED, run->step,
             failure_body(d, error, transient, acted));
    if (d->run->cancelling || d->live->ending != ENDING_NONE)
        return; /* a person's word comes next, whatever the step's policy says */
    if (again)
        schedule_retry(d);
    else if (run->undoing)
        emit_run_failed(d, error);
    else
        follow_failure(d, error, transient, acted);
}

static void fail_run(struct deciding *d, json_t *error)
{
    if (d->run->step >= 0)
        json_object_set_new(error, "step", json_string(step_in_hand(d)->id));
    emit(d, EVENT_RUN_FAILED, -1, json_pack("{s:o}", "error", error));
    if (!d->run->began && d->run->holds_lock) /* nothing is half done: others may go first */
        emit(d, EVENT_LOCK_RELEASED, -1, json_object());
}

void emit_run_failed(struct deciding *d, const struct error *error)
{
    fail_run(d, error_json(error));
}

void emit_run_failed_with_step(struct deciding *d)
{
    const json_t *cause = d->run->steps[d->run->step].error;
    fail_run(d, cause ? json_deep_copy(cause) : json_object());
}

/* ---- going back ---- */

void emit_rollback(struct deciding *d, const char *reason)
{
    emit(d, EVENT_ROLLBACK_STARTED, -1,
         json_pack("{s:o,s:s}", "steps", run_undo_order(d->run), "reason", reason));
    d->live->ending = ENDING_NONE;
    d->live->act_ended_ms = d->live->now_ms;
}

void emit_undone(struct deciding *d, const char *by)
{
    json_t *body = json_pack("{s:s}", "by", by);
    add_time(d, body);
    emit(d, EVENT_STEP_UNDONE, d->run->step, body);
    forget_timeout(d->live);
}

void emit_end(struct deciding *d, enum event_type type, json_t *body)
{
    emit(d, type, -1, body);
    if (d->run->holds_lock)
        emit(d, EVENT_LOCK_RELEASED, -1, json_object());
}

/* ---- outputs ---- */

json_t *complete_outputs(const struct machine_step *step, const json_t *outputs, const char **missing)
{
    json_t *whole = outputs ? json_deep_copy(outputs) : json_object();
    *missing = NULL;
    for (int i = 0; i < step->output_count; i++) {
        const struct machine_output *output = &step->outputs[i];
        if (json_object_get(whole, output->name))
            continue;
        if (output->fallback)
            json_object_set(whole, output->name, (json_t *)output->fallback);
        else if (output->needed && !*missing)
            *missing = output->name;
    }
    return whole;
}

bool outputs_fit(const json_t *outputs, struct error *error)
{
    size_t bytes = json_size(outputs), most = 0;
    const char *name, *largest = "";
    json_t *value;
    if (bytes <= LIMIT_OUTPUTS_BYTES)
        return true;
    json_object_foreach((json_t *)outputs, name, value)
    {
        size_t size = json_size(value);
        if (size > most)
            largest = name;
        most = size > most ? size : most;
    }
    error_set(error, ERROR_LIMIT, "the outputs take %zu bytes, \"%s\" most of them; at most %d are recorded",
              bytes, largest, LIMIT_OUTPUTS_BYTES);
    error_next(error, "let it tell less, or write it into a file");
    return false;
}
