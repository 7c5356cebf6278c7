/* Copying and comparing moments. What events only ever replace is shared; what they change in place is
 * copied. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "exploration/moment.h"

/* ---- copying ---- */

static void copy_act(struct run_act *act)
{
    json_incref(act->inputs);
    json_incref(act->checkpoint);
    act->prepared = json_copy(act->prepared);
}

struct run *run_copy(const struct run *run)
{
    size_t count = (size_t)run->machine->step_count;
    struct run *copy = memory_new(sizeof *copy);
    *copy = *run;
    copy->steps = memory_new(count * sizeof *copy->steps);
    memcpy(copy->steps, run->steps, count * sizeof *copy->steps);
    for (size_t i = 0; i < count; i++) {
        struct run_step *step = &copy->steps[i];
        copy_act(&step->act);
        copy_act(&step->undo);
        step->visit_starts = json_copy(step->visit_starts);
        json_incref(step->outputs);
        json_incref(step->error);
        json_incref(step->failure);
        json_incref(step->succeeded_inputs);
        json_incref(step->mend);
    }
    copy->undo_order = json_copy(run->undo_order);
    json_incref(copy->error);
    json_incref(copy->driver);
    json_incref(copy->submitted);
    json_incref(copy->question);
    copy->names = json_copy(run->names);
    json_t *steps = json_object_get(run->names, "steps");
    if (steps)
        json_object_set_new(copy->names, "steps", json_copy(steps));
    return copy;
}

/* ---- comparing: every field ---- */

static bool same(const json_t *value, const json_t *other)
{
    return value == other || (value && other && json_equal(value, other));
}

static const char *act_difference(const struct run_act *act, const struct run_act *other)
{
    if (act->started_seq != other->started_seq || act->starts != other->starts)
        return "the starts of an act";
    if (act->unproven != other->unproven || act->before != other->before || act->acted != other->acted ||
        act->answered != other->answered || act->granted != other->granted || act->touched != other->touched)
        return "what is known of an act";
    if (!same(act->inputs, other->inputs) || !same(act->checkpoint, other->checkpoint) ||
        !same(act->prepared, other->prepared))
        return "what an act keeps";
    return NULL;
}

static const char *step_difference(const struct run_step *step, const struct run_step *other)
{
    if (step->status != other->status || step->visit != other->visit || step->attempt != other->attempt ||
        step->failures != other->failures || step->extra_visits != other->extra_visits ||
        step->approved != other->approved || step->carry != other->carry || step->earlier != other->earlier)
        return "a step's counters";
    if (step->spent_ms != other->spent_ms || step->attempt_spent_ms != other->attempt_spent_ms ||
        step->started_ms != other->started_ms || step->finished_ms != other->finished_ms)
        return "a step's times";
    if (!same(step->visit_starts, other->visit_starts) || !same(step->outputs, other->outputs) ||
        !same(step->error, other->error) || !same(step->failure, other->failure) ||
        !same(step->succeeded_inputs, other->succeeded_inputs) || !same(step->mend, other->mend))
        return "what a step keeps";
    const char *difference = act_difference(&step->act, &other->act);
    return difference ? difference : act_difference(&step->undo, &other->undo);
}

const char *run_difference(const struct run *run, const struct run *other)
{
    if (run->status != other->status || run->place != other->place || run->step != other->step ||
        run->waiting != other->waiting || run->wait_until_ms != other->wait_until_ms ||
        run->wait_ms != other->wait_ms)
        return "where the run stands";
    if (run->paused != other->paused || run->cancelling != other->cancelling ||
        run->undoing != other->undoing || run->entered != other->entered ||
        run->holds_lock != other->holds_lock || run->began != other->began || run->clean != other->clean)
        return "the run's flags";
    if (run->epoch != other->epoch || run->submitted_ms != other->submitted_ms ||
        run->finished_ms != other->finished_ms || run->seq != other->seq)
        return "the run's numbers";
    if (!same(run->undo_order, other->undo_order) || !same(run->error, other->error) ||
        !same(run->driver, other->driver) || !same(run->submitted, other->submitted) ||
        !same(run->question, other->question) || !same(run->names, other->names))
        return "what the run keeps";
    for (int i = 0; i < run->machine->step_count; i++) {
        const char *difference = step_difference(&run->steps[i], &other->steps[i]);
        if (difference)
            return difference;
    }
    return NULL;
}

/* ---- writing down: two moments with the same bytes have the same future ---- */

/* What is left over from steps and bodies that have ended, and is set anew before anybody looks, is left out;
 * times count only as far as they have run out, since timeouts are long against every other wait (policy.h).
 */
struct writing {
    unsigned char *bytes;
    size_t length, size;
};

static void put(struct writing *writing, int value)
{
    assert(writing->length < writing->size); /* what is left out would make two moments one */
    writing->bytes[writing->length++] = (unsigned char)value;
}

static void put_flags(struct writing *writing, const bool *flags, int count)
{
    int value = 0;
    assert(count <= 8);
    for (int i = 0; i < count; i++)
        value |= flags[i] << i;
    put(writing, value);
}

#define FLAGS(...)                                                                                           \
    put_flags(writing, (bool[]){__VA_ARGS__}, (int)(sizeof(bool[]){__VA_ARGS__} / sizeof(bool)))

static void put_act(struct writing *writing, const struct run_act *act, bool in_hand)
{
    FLAGS(act->unproven, act->before, act->acted, in_hand && act->answered, act->granted, act->inputs,
          act->checkpoint, act->starts);
    FLAGS(act->touched);
}

static void put_effect(struct writing *writing, const struct effect *effect, bool in_hand)
{
    FLAGS(effect->in_flight, effect->sent, effect->intent, effect->intent && effect->prepared,
          effect->granted, effect->by_retry);
    FLAGS(effect->open, effect->open_before, effect->left);
    put(writing, effect->intent ? effect->agreeing : 0);
    put(writing, effect->done);
    put(writing, in_hand ? effect->failures : 0);
}

static void put_step(struct writing *writing, const struct moment *moment, int index)
{
    const struct run_step *step = &moment->run->steps[index];
    const struct machine_step *policy = &moment->machine->steps[index];
    const struct step_truth *truth = &moment->steps[index];
    bool in_hand = index == moment->run->step;
    put(writing, step->status | (step->failure ? 1 << 4 : 0));
    put(writing, step->visit);
    put(writing, step->extra_visits);
    if (in_hand) {
        put(writing, step->attempt > 2 ? 3 : step->attempt); /* a good look in between gives them anew */
        put(writing, step->failures);
        FLAGS(policy->timeout_ms && step->spent_ms >= policy->timeout_ms,
              policy->attempt_timeout_ms && step->attempt_spent_ms >= policy->attempt_timeout_ms,
              step->approved, truth->approved_visit == step->visit, truth->visit == step->visit);
    }
    FLAGS(step->carry, step->started_ms, step->outputs, step->succeeded_inputs, step->mend, truth->present,
          truth->by_person, truth->succeeded);
    FLAGS(step->earlier, truth->several, truth->present_visit == step->visit);
    put(writing, truth->rank);
    put_act(writing, &step->act, in_hand);
    put_act(writing, &step->undo, in_hand);
    put_effect(writing, &truth->act, in_hand);
    put_effect(writing, &truth->undo, in_hand);
}

static void put_run(struct writing *writing, const struct moment *moment)
{
    const struct run *run = moment->run;
    const char *used_up = json_text(run->error, "used_up", NULL);
    size_t index;
    json_t *id;
    put(writing, run->status);
    put(writing, run->place);
    put(writing, run->step);
    put(writing, run->waiting);
    FLAGS(run->paused, run->cancelling, run->undoing, run->entered, run->holds_lock, run->began, run->clean,
          run->waiting == WAIT_TIMER && run->wait_until_ms > run->submitted_ms + moment->now_ms);
    put(writing, used_up ? machine_step_index(moment->machine, used_up) : -1);
    put(writing, (int)json_array_size(run->undo_order));
    json_array_foreach(run->undo_order, index, id)
        put(writing, machine_step_index(moment->machine, json_string_value(id)));
}

/* Whether it counts when what was sent could last act. */
static bool any_once_in_hand(const struct moment *moment)
{
    if (moment->run->step < 0)
        return false;
    const struct machine_step *step = &moment->machine->steps[moment->run->step];
    return step->act.effect == EFFECT_ONCE || (step->undo.uses && step->undo.effect == EFFECT_ONCE);
}

static bool acts_now(const struct moment *moment)
{
    return moment->run->place == PLACE_STARTED || moment->run->place == PLACE_PREPARED;
}

static void put_live(struct writing *writing, const struct moment *moment)
{
    const struct live *live = moment->live;
    if (!live) {
        put(writing, -1);
        return;
    }
    int64_t now_ms = moment->now_ms, deadline_ms = machine_deadline_ms(moment->run, live);
    const char *from = json_text(live->ending_body, "from", NULL);
    bool probes = live->out == ORDER_PROBE || live->after_wait == ORDER_PROBE;
    put(writing, live->out);
    put(writing, live->after_wait);
    put(writing, live->ending);
    put(writing, live->ending == ENDING_FROM && from ? machine_step_index(moment->machine, from) : -1);
    put(writing, live->probe_failures);
    put(writing, live->blind_looks);
    FLAGS(live->fresh, live->acting, live->planned, probes && live->asks_undo, live->looked, live->half_done,
          live->asked_children, acts_now(moment) && (live->effect_begun || moment->gate_begun));
    FLAGS(live->due_ms >= 0, live->due_ms > now_ms, deadline_ms >= 0 && deadline_ms <= now_ms,
          deadline_ms >= 0 && live->due_ms > deadline_ms, live->counted_to_ms >= 0,
          now_ms - live->recorded_ms >= AGAIN_MS, live->inputs, live->checkpoint);
    if (any_once_in_hand(moment))
        FLAGS(live->act_ended_ms >= 0, live->act_ended_ms >= 0 && now_ms >= live->act_ended_ms + SETTLE_MS,
              live->act_ended_ms >= 0 && live->due_ms >= live->act_ended_ms + SETTLE_MS,
              moment->ended_ms >= 0 && live->due_ms >= moment->ended_ms + SETTLE_MS);
}

static bool child_counts(const struct moment *moment)
{
    const struct run *run = moment->run;
    bool there = moment->child == KEEPER_READY || moment->child == KEEPER_LEAVES ||
                 moment->child == CHILD_LIVES;
    return there || (run->step >= 0 && machine_act_in_hand(run)->runs_child && run_act_in_hand(run)->acted);
}

static bool gate_counts(const struct moment *moment)
{
    const struct live *live = moment->live;
    bool held = live && (live->ending != ENDING_NONE || moment->run->cancelling || moment->run->paused);
    return held || moment->body != BODY_NONE || moment->child == KEEPER_READY;
}

size_t moment_write(const struct moment *moment, unsigned char *bytes, size_t size)
{
    struct writing whole = {.bytes = bytes, .size = size}, *writing = &whole;
    put_run(writing, moment);
    for (int i = 0; i < moment->machine->step_count; i++)
        put_step(writing, moment, i);
    put_live(writing, moment);
    FLAGS(moment->gate_closed && gate_counts(moment), moment->gate_begun && acts_now(moment), moment->left,
          moment->stopping, moment->wants_lock, moment->foreign && child_counts(moment), moment->rollback_row,
          moment->body != BODY_NONE && moment->body_undo);
    FLAGS(moment->lock, moment->cancelling, moment->paused, moment->rolling, moment->failed, moment->ended,
          moment->started);
    if (any_once_in_hand(moment))
        FLAGS(moment->ended_ms < 0, moment->ended_ms >= 0 && moment->now_ms >= moment->ended_ms + SETTLE_MS);
    if (any_once_in_hand(moment) && moment->live && moment->live->out == ORDER_PROBE)
        FLAGS(moment->asked_ms >= moment->ended_ms + SETTLE_MS,
              moment->live->asked_ms >= moment->live->act_ended_ms + SETTLE_MS);
    put(writing, moment->body);
    put(writing, child_counts(moment) ? moment->child : NO_CHILD);
    put(writing, moment->child == CHILD_LIVES || acts_now(moment) ? moment->in_hand : 0);
    put(writing, moment->words);
    put(writing, moment->faults);
    return whole.length;
}
