#include "exploration/moment.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/event.h"

#define START_MS      INT64_C(1790000000000)
#define RANDOM_MIDDLE (UINT64_C(1) << 63) /* no jitter */

static const struct stimulus TICK = {.kind = STIMULUS_TICK};

void happening_break(struct happening *happening, const char *format, ...)
{
    va_list arguments;
    if (happening->broken[0])
        return;
    va_start(arguments, format);
    vsnprintf(happening->broken, sizeof happening->broken, format, arguments);
    va_end(arguments);
}

void happening_clear(struct happening *happening)
{
    for (int i = 0; i < happening->event_count; i++)
        event_clear(&happening->events[i]);
    happening->event_count = 0;
    happening->broken[0] = '\0';
    happening->crashes = happening->keeper_dies = false;
}

/* ---- what is in hand ---- */

const struct machine_act *moment_act(const struct moment *moment)
{
    const struct machine_step *step = &moment->machine->steps[moment->run->step];
    return moment->body_undo ? &step->undo : &step->act;
}

struct effect *moment_effect(struct moment *moment)
{
    struct step_truth *step = &moment->steps[moment->run->step];
    return moment->body_undo ? &step->undo : &step->act;
}

void moment_arrive(struct moment *moment, struct effect *effect)
{
    for (int i = 0; i < moment->machine->step_count; i++) {
        struct step_truth *step = &moment->steps[i];
        if (effect != &step->act && effect != &step->undo)
            continue;
        int visit = moment->run->steps[i].visit;
        step->several = step->several ||
                        (effect == &step->act && step->present && step->present_visit != visit);
        step->present = effect == &step->act;
        step->present_visit = step->present ? visit : 0;
    }
    effect->in_flight = false;
    effect->done += effect->done < 2;
}

/* ---- the driver's part ---- */

static enum child_state seen_child(const struct moment *moment)
{
    bool once = machine_act_in_hand(moment->run)->effect == EFFECT_ONCE;
    switch (moment->child) {
    case NO_CHILD:
    case KEEPER_READY: /* no durable record names it yet */
        return CHILD_NONE;
    case NEVER_RAN:
        return once ? CHILD_NONE : CHILD_LOST;
    case EXIT_OK:
    case EXIT_BAD:
        return CHILD_EXITED;
    case KEEPER_LEAVES:
    case CHILD_LIVES:
        return moment->foreign ? CHILD_LOST : CHILD_RUNNING;
    case CHILD_DIED:
        break;
    }
    return CHILD_LOST;
}

static void begin_live(struct moment *moment)
{
    moment->live = live_new();
    moment->live->actor = "driver";
    moment->live->store_uuid = "S";
}

static void look(struct moment *moment)
{
    struct live *live = moment->live;
    struct run *run = moment->run;
    live->now_ms = moment->now_ms;
    live->wall_ms = START_MS + moment->now_ms;
    live->random = RANDOM_MIDDLE;
    live->effect_begun = live->effect_begun || moment->gate_begun;
    live->stopping = moment->stopping;
    live->stop_reason = moment->stopping ? "Ctrl-C" : NULL;
    if (moment->body != BODY_NONE)
        return;
    bool looks = run->step >= 0 && machine_act_in_hand(run)->runs_child && run_act_in_hand(run)->acted &&
                 moment->child != NO_CHILD;
    live->child = looks ? seen_child(moment) : CHILD_NONE;
    live->foreign_keeper = looks && moment->foreign && live->child != CHILD_EXITED;
}

static bool close_gate(struct moment *moment)
{
    moment->gate_closed = true;
    return moment->gate_begun;
}

static void look_at_time(struct moment *moment)
{
    struct live *live = moment->live;
    if (live->ending != ENDING_NONE || moment->run->cancelling)
        return;
    enum ending ending = machine_time_is_up(moment->run, live);
    if (ending == ENDING_NONE)
        return;
    live->ending = ending;
    live->effect_begun = close_gate(moment) || live->effect_begun;
    live->due_ms = -1;
}

static bool is_held(const struct moment *moment)
{
    return moment->child == CHILD_LIVES || moment->child == KEEPER_LEAVES;
}

bool moment_child_is_held(const struct moment *moment)
{
    return is_held(moment) && !moment->foreign;
}

bool moment_child_is_held_elsewhere(const struct moment *moment)
{
    return is_held(moment) && moment->foreign;
}

/* Told nothing, it leaves; until then its lock is held. */
static void dismiss_keeper(struct moment *moment)
{
    if (moment->child == KEEPER_READY)
        moment->child = KEEPER_LEAVES;
}

static void start_body(struct moment *moment, enum order order)
{
    struct live *live = moment->live;
    bool reopens = order == ORDER_MEND ||
                   (live->ending == ENDING_NONE && !moment->run->cancelling && !moment->run->paused);
    if (order == ORDER_PREPARE)
        moment->gate_closed = moment->gate_begun = false;
    else if (reopens)
        moment->gate_closed = false;
    moment->body = order == ORDER_APPLY && live->acting && !machine_act_in_hand(moment->run)->runs_child
                       ? BODY_SENT
                       : BODY_OUT;
    moment->body_undo = moment->run->undoing && (order != ORDER_PROBE || live->asks_undo);
    if (moment->body == BODY_SENT)
        moment->ended_ms = -1;
    if (order == ORDER_PROBE)
        moment->asked_ms = moment->now_ms;
}

/* The go byte passes the gate, as every request does. */
static bool say_go(struct moment *moment, struct happening *happening)
{
    moment->body_undo = moment->run->undoing;
    if (moment->child != KEEPER_READY)
        return true;
    if (moment->gate_closed) {
        dismiss_keeper(moment);
        return false;
    }
    moment->gate_begun = true;
    if (happening->keeper_dies) {
        dismiss_keeper(moment);
        return false;
    }
    oracle_send(moment, happening);
    moment_effect(moment)->sent = true;
    moment->child = CHILD_LIVES;
    moment->ended_ms = -1;
    return true;
}

void moment_let_go(struct moment *moment)
{
    live_free(moment->live);
    moment->live = NULL;
    moment->left = moment->stopping = moment->wants_lock = false;
    moment->body = BODY_NONE;
    dismiss_keeper(moment);
}

static void carry_out(struct moment *moment, enum order order, struct happening *happening)
{
    if (order != ORDER_APPLY && order != ORDER_NOTHING)
        dismiss_keeper(moment);
    switch (order) {
    case ORDER_NOTHING:
    case ORDER_STOP_CHILD: /* asks it; a child may end at any time anyway */
        break;
    case ORDER_LOCK:
        moment->wants_lock = true;
        break;
    case ORDER_LEAVE:
        moment->left = true;
        if (moment->run->clean)
            moment_let_go(moment); /* nothing keeps it: words find nobody */
        break;
    case ORDER_APPLY:
        if (happening->crashes)
            moment_crash(moment);
        else if (say_go(moment, happening))
            start_body(moment, order);
        else
            moment_decide(moment, &(struct stimulus){.kind = STIMULUS_TURNED_BACK}, happening);
        break;
    default:
        start_body(moment, order);
    }
}

/* Decide, commit, act: the events first. */
static void commit(struct moment *moment, struct decision *decision, struct happening *happening)
{
    for (int i = 0; i < decision->event_count && happening->event_count < RECORDED_MOST; i++) {
        struct event *event = &decision->events[i];
        oracle_event(moment, event, happening);
        if (event->type == EVENT_STEP_STARTED || event->type == EVENT_UNDO_STARTED)
            moment->gate_closed = moment->gate_begun = false;
        happening->events[happening->event_count++] = *event; /* the body goes along */
        event->body = NULL;
    }
    if (decision->failed)
        happening_break(happening, "the machine gave up: %s", decision->error.message);
    decision_clear(decision);
    if (moment->live && !decision->failed)
        carry_out(moment, decision->order, happening);
    if (decision->more && moment->live)
        moment_tick(moment, happening);
    const struct live *live = moment->live;
    bool calls = live && (live->out == ORDER_APPLY || live->after_wait == ORDER_APPLY);
    if (!calls && moment->child != CHILD_LIVES && moment->ended_ms < 0)
        moment->ended_ms = moment->now_ms; /* nobody waits for it any more */
}

void moment_decide(struct moment *moment, const struct stimulus *stimulus, struct happening *happening)
{
    struct decision *decision = memory_new(sizeof *decision);
    look(moment);
    look_at_time(moment);
    machine_next(moment->run, moment->live, stimulus, decision);
    commit(moment, decision, happening);
    free(decision);
}

void moment_return(struct moment *moment, const struct stimulus *stimulus, struct happening *happening)
{
    bool acts = moment->live->out == ORDER_APPLY;
    bool waits = stimulus->kind == STIMULUS_BODY_AGAIN && stimulus->answer->acting;
    moment->body = BODY_NONE;
    if (acts && !waits)
        moment->live->act_ended_ms = moment->ended_ms = moment->now_ms;
    moment_decide(moment, stimulus, happening);
}

void moment_tick(struct moment *moment, struct happening *happening)
{
    if (moment->body == BODY_NONE)
        moment_decide(moment, &TICK, happening);
}

/* Nothing follows from a look while a body is out, or at what has ended. */
static void look_in_vain(struct moment *moment, enum order expected, struct happening *happening)
{
    struct decision *decision = memory_new(sizeof *decision);
    unsigned char before[MOMENT_SIZE], after[MOMENT_SIZE];
    look(moment);
    size_t length = moment_write(moment, before, sizeof before);
    machine_next(moment->run, moment->live, &TICK, decision);
    if (decision->event_count || decision->failed || decision->order != expected ||
        moment_write(moment, after, sizeof after) != length || memcmp(before, after, length))
        happening_break(happening, "it looks at what %s, and something follows",
                        expected == ORDER_LEAVE ? "has ended" : "is out");
    decision_clear(decision);
    free(decision);
}

void moment_look_again(struct moment *moment, struct happening *happening)
{
    struct live *live = moment->live;
    if (!live)
        begin_live(moment);
    if (live && moment->body == BODY_NONE)
        moment_tick(moment, happening);
    else
        look_in_vain(moment, live ? ORDER_NOTHING : ORDER_LEAVE, happening);
    if (!live)
        moment_let_go(moment);
}

bool moment_send(struct moment *moment, struct happening *happening)
{
    if (moment->gate_closed)
        return false;
    oracle_send(moment, happening);
    struct effect *effect = moment_effect(moment);
    moment->gate_begun = effect->sent = effect->in_flight = true;
    moment->ended_ms = -1;
    moment->body = BODY_SENT;
    return true;
}

/* ---- claim, crash, words ---- */

static void add_event(struct moment *moment, struct event event, struct happening *happening)
{
    struct error error = {0};
    event.time_ms = START_MS + moment->now_ms;
    event.actor = "driver";
    if (run_fold(moment->run, &event, &error))
        happening_break(happening, "cannot be folded: %s", error.message);
    oracle_event(moment, &event, happening);
    happening->events[happening->event_count++] = event;
}

void moment_crash(struct moment *moment)
{
    if (moment->child != CHILD_LIVES && moment->ended_ms < 0)
        moment->ended_ms = moment->now_ms;
    moment_let_go(moment);
}

void moment_claim(struct moment *moment, bool ticks, struct happening *happening)
{
    begin_live(moment);
    moment->gate_closed = moment->gate_begun = false;
    look(moment);
    struct live *live = moment->live;
    live->act_ended_ms = live->counted_to_ms = live->recorded_ms = moment->now_ms;
    add_event(
        moment,
        (struct event){
            .type = EVENT_RUN_CLAIMED, .step = -1, .epoch = moment->run->epoch + 1, .body = json_object()},
        happening);
    /* What people had said and nobody has answered comes first. */
    if (moment->rollback_row)
        moment_say(moment, "rollback", json_object(), happening);
    else if (ticks)
        moment_tick(moment, happening);
}

bool moment_say(struct moment *moment, const char *name, json_t *body, struct happening *happening)
{
    struct error error = {0};
    struct live *live = moment->live;
    struct decision *decision = memory_new(sizeof *decision);
    struct run_command command = {.name = name, .body = body, .actor = "ann"};
    look(moment);
    bool closes = command_closes_gate(name);
    if (closes)
        live->effect_begun = close_gate(moment) || live->effect_begun;
    enum command_outcome outcome = machine_command(moment->run, live, &command, decision, &error);
    bool rollback = !strcmp(name, "rollback");
    if (rollback)
        moment->rollback_row = outcome == COMMAND_DEFERRED;
    if (outcome == COMMAND_REFUSED) {
        if (closes && live->ending == ENDING_NONE && !moment->run->cancelling && !moment->run->paused)
            moment->gate_closed = false;
        if (decision->event_count)
            happening_break(happening, "%s was refused, and recorded something", name);
    } else {
        live->due_ms = -1;
        moment->left = false;
        if (!decision->failed && moment->body == BODY_NONE)
            machine_next(moment->run, live, &TICK, decision);
        commit(moment, decision, happening);
    }
    decision_clear(decision);
    free(decision);
    json_decref(body);
    return outcome != COMMAND_REFUSED;
}

/* ---- beginning and copying ---- */

struct moment *moment_new(const struct recipe *recipe, const struct machine *machine, int words, int faults,
                          struct happening *happening)
{
    struct moment *moment = memory_new(sizeof *moment);
    *moment = (struct moment){.recipe = recipe,
                              .machine = machine,
                              .run = run_new(1, machine),
                              .words = words,
                              .faults = faults,
                              .in_hand = -1,
                              .ended_ms = 0};
    json_t *body = json_pack("{s:s,s:{s:b,s:b},s:{},s:s}", "job", machine->job, "params", "no", 0, "yes", 1,
                             "vars", "folder", "/");
    if (machine->lock)
        json_object_update_new(body, json_pack("{s:s,s:b}", "lock", machine->lock, "waits_for_lock", 1));
    add_event(moment, (struct event){.type = EVENT_RUN_SUBMITTED, .step = -1, .body = body}, happening);
    moment_claim(moment, true, happening);
    return moment;
}

static struct live *live_copy(const struct live *live)
{
    struct live *copy = memory_new(sizeof *copy);
    *copy = *live;
    json_incref(copy->ending_body);
    json_incref(copy->inputs);
    json_incref(copy->checkpoint);
    json_incref(copy->probe_checkpoint);
    return copy;
}

struct moment *moment_copy(const struct moment *moment)
{
    struct moment *copy = memory_new(sizeof *copy);
    *copy = *moment;
    copy->run = run_copy(moment->run);
    copy->live = moment->live ? live_copy(moment->live) : NULL;
    return copy;
}

void moment_free(struct moment *moment)
{
    if (!moment)
        return;
    run_free(moment->run);
    live_free(moment->live);
    free(moment);
}
