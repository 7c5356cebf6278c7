/* A driver without a store, a pool or a clock: it feeds the machine what a script says and writes down what
 * the machine decides. What it does around machine_next is what drive.c, body.c and claim.c do. */
#ifndef PAWL_TESTS_SCENARIO_WORLD_H
#define PAWL_TESTS_SCENARIO_WORLD_H

#include "base/json.h"
#include "base/text.h"
#include "engine/decide.h"
#include "steps/gate.h"
#include "unit/scenario_script.h"

#define SECOND_MS      INT64_C(1000)
#define WORLD_START_MS INT64_C(1790000000000)
#define RANDOM_MIDDLE  (UINT64_C(1) << 63) /* no jitter */

struct world {
    struct machine *machine;
    struct run *run;
    struct live *live;
    struct gate gate;
    struct decision decision;
    json_t *history; /* what is durable: [{"type","step","visit","attempt","time","epoch","actor","body"}] */
    int64_t now_ms;
    uint64_t random;
    enum child_state child;
    bool foreign, keeper, body, stopping, left;
    struct text out;
    char *shown; /* the last line about the run's state */
};

/* ---- writing down ---- */

static const char *const ORDER_TEXTS[] = {
#define X(name) #name,
    ORDERS(X)
#undef X
};
static const char *const PLACE_TEXTS[] = {
#define X(name) #name,
    PLACES(X)
#undef X
};

static void print_lower(struct text *out, const char *word)
{
    for (; *word; word++) {
        char letter = *word == '_' ? ' ' : (char)(*word >= 'A' && *word <= 'Z' ? *word + 32 : *word);
        text_append(out, &letter, 1);
    }
}

static void print_seconds(struct text *out, int64_t ms)
{
    text_format(out, ms % SECOND_MS ? "%.3f s" : "%.0f s", (double)ms / (double)SECOND_MS);
}

/* Bodies without what says nothing to a reader; errors in one line. */
static json_t *readable_body(const json_t *body)
{
    json_t *readable = json_copy((json_t *)body);
    json_object_del(readable, "digest");
    json_object_del(readable, "question");
    json_object_del(readable, "attempt");
    json_t *error = json_object_get(readable, "error");
    if (error)
        json_object_set_new(
            readable, "error",
            json_sprintf("%s: %s", json_text(error, "code", ""), json_text(error, "message", "")));
    return readable;
}

static void print_event(struct world *world, const struct event *event)
{
    struct text *out = &world->out;
    text_format(out, "  %s", event_type_text(event->type));
    if (event->step >= 0)
        text_format(out, " %s %d.%d", world->machine->steps[event->step].id, event->visit, event->attempt);
    if (strcmp(event->actor, world->live->actor))
        text_format(out, " by %s", event->actor);
    json_t *readable = readable_body(event->body);
    if (json_object_size(readable)) {
        char *text = json_canonical(readable);
        text_format(out, " %s", text);
        free(text);
    }
    json_decref(readable);
    text_add(out, "\n");
}

static void print_order(struct world *world, enum order order)
{
    struct text *out = &world->out;
    const struct live *live = world->live;
    if (order != ORDER_NOTHING) {
        text_add(out, "  -> ");
        print_lower(out, ORDER_TEXTS[order]);
        text_add(out, "\n");
    } else if (live->out == ORDER_NOTHING && live->due_ms >= 0) {
        text_add(out, "  -> wait until ");
        print_seconds(out, live->due_ms);
        if (live->after_wait != ORDER_NOTHING) {
            text_add(out, ", then ");
            print_lower(out, ORDER_TEXTS[live->after_wait]);
        }
        text_add(out, "\n");
    }
}

/* The run's state, where it differs from what was shown last. */
static void print_state(struct world *world)
{
    const struct run *run = world->run;
    struct text line = {0};
    text_format(&line, "  run %s", run_status_text(run->status));
    if (run->waiting != WAIT_NOTHING)
        text_format(&line, "(%s)", wait_reason_text(run->waiting));
    if (run->step >= 0 && run->place != PLACE_ENDED)
        text_format(&line, ", %s %s", world->machine->steps[run->step].id,
                    step_status_text(run->steps[run->step].status));
    text_add(&line, ", at ");
    print_lower(&line, PLACE_TEXTS[run->place]);
    char *state = text_take(&line);
    if (!world->shown || strcmp(world->shown, state))
        text_format(&world->out, "%s\n", state);
    free(world->shown);
    world->shown = state;
}

/* ---- the driver's part ---- */

static void world_look(struct world *world)
{
    struct live *live = world->live;
    live->now_ms = world->now_ms;
    live->wall_ms = WORLD_START_MS + world->now_ms;
    live->random = world->random;
    live->effect_begun = live->effect_begun || gate_has_begun(&world->gate);
    live->stopping = world->stopping;
    live->stop_reason = world->stopping ? "Ctrl-C" : NULL;
    if (world->body)
        return;
    struct run *run = world->run;
    bool looks = run->step >= 0 && machine_act_in_hand(run)->runs_child && run_act_in_hand(run)->acted;
    live->child = looks ? world->child : CHILD_NONE;
    live->foreign_keeper = looks && world->foreign && live->child != CHILD_EXITED;
}

static void world_look_at_time(struct world *world)
{
    struct live *live = world->live;
    if (live->ending != ENDING_NONE || world->run->cancelling)
        return;
    enum ending ending = machine_time_is_up(world->run, live);
    if (ending == ENDING_NONE)
        return;
    live->ending = ending;
    live->effect_begun = gate_close(&world->gate) || live->effect_begun;
    live->due_ms = -1;
}

static void world_record(struct world *world)
{
    for (int i = 0; i < world->decision.event_count; i++) {
        const struct event *event = &world->decision.events[i];
        print_event(world, event);
        if (event->type == EVENT_STEP_STARTED || event->type == EVENT_UNDO_STARTED)
            gate_open(&world->gate);
        json_array_append_new(world->history,
                              json_pack("{s:i,s:i,s:i,s:i,s:I,s:I,s:s,s:O}", "type", event->type, "step",
                                        event->step, "visit", event->visit, "attempt", event->attempt, "time",
                                        (json_int_t)event->time_ms, "epoch", (json_int_t)event->epoch,
                                        "actor", event->actor, "body", event->body));
    }
    decision_clear(&world->decision);
}

static void world_decide(struct world *world, const struct stimulus *stimulus);

/* The go byte passes the gate, as every request does. */
static bool says_go(struct world *world)
{
    bool keeper = world->keeper;
    world->keeper = false;
    if (keeper && !gate_pass(&world->gate))
        return false;
    world->child = keeper ? CHILD_RUNNING : world->child;
    return true;
}

static void world_act(struct world *world)
{
    enum order order = world->decision.order;
    bool more = world->decision.more;
    world_record(world);
    world->decision.order = ORDER_NOTHING;
    world->decision.more = false;
    if (world->decision.failed)
        text_format(&world->out, "  BROKEN: %s\n", world->decision.error.message);
    world->decision.failed = false;
    print_order(world, order);
    if (more) {
        world_decide(world, &(struct stimulus){.kind = STIMULUS_TICK});
        return;
    }
    world->left = order == ORDER_LEAVE;
    world->body = order != ORDER_NOTHING && order != ORDER_LEAVE && order != ORDER_LOCK &&
                  order != ORDER_STOP_CHILD;
    bool reopens = order == ORDER_MEND || (world->live->ending == ENDING_NONE && !world->run->cancelling);
    if (world->body && reopens && order != ORDER_APPLY)
        gate_reopen(&world->gate);
    if (order == ORDER_APPLY && !says_go(world)) {
        world->body = false;
        text_add(&world->out, "  turned back at the gate\n");
        world_decide(world, &(struct stimulus){.kind = STIMULUS_TURNED_BACK});
        return;
    }
    print_state(world);
}

static void world_decide(struct world *world, const struct stimulus *stimulus)
{
    world_look(world);
    world_look_at_time(world);
    machine_next(world->run, world->live, stimulus, &world->decision);
    world_act(world);
}

static void world_return(struct world *world, const struct stimulus *stimulus)
{
    if (!world->body) {
        text_add(&world->out, "  no body is out\n");
        return;
    }
    world->body = false;
    world_decide(world, stimulus);
}

/* While a body is out a look decides nothing. */
static void world_tick(struct world *world)
{
    static const struct stimulus tick = {.kind = STIMULUS_TICK};
    if (!world->body) {
        world_decide(world, &tick);
        return;
    }
    machine_next(world->run, world->live, &tick, &world->decision);
    ck_assert(!world->decision.event_count && world->decision.order == ORDER_NOTHING);
}

/* ---- submit, claim, die ---- */

static void world_emit(struct world *world, enum event_type type, int64_t epoch, json_t *body)
{
    struct event *event = &world->decision.events[world->decision.event_count++];
    *event = (struct event){.type = type,
                            .step = -1,
                            .time_ms = WORLD_START_MS + world->now_ms,
                            .epoch = epoch,
                            .actor = "driver",
                            .body = body};
    struct error error = {0};
    ck_assert_msg(!run_fold(world->run, event, &error), "%s", error.message);
}

static void live_start(struct world *world)
{
    live_free(world->live);
    world->live = live_new();
    world->live->actor = "driver";
    world->live->store_uuid = "S";
}

static void world_submit(struct world *world, json_t *body)
{
    world->run = run_new(1, world->machine);
    live_start(world);
    world_emit(world, EVENT_RUN_SUBMITTED, 0, body);
    if (json_text(body, "lock", NULL) && !json_bool(body, "waits_for_lock", false))
        world_emit(world, EVENT_LOCK_ACQUIRED, 0, json_object());
    world_record(world);
    print_state(world);
}

/* What is durable is all that the next driver has. */
static void world_forget(struct world *world)
{
    run_free(world->run);
    world->run = run_new(1, world->machine);
    size_t index;
    json_t *record;
    json_array_foreach(world->history, index, record)
    {
        struct event event = {.type = (enum event_type)json_int(record, "type", 0),
                              .step = (int)json_int(record, "step", -1),
                              .visit = (int)json_int(record, "visit", 0),
                              .attempt = (int)json_int(record, "attempt", 0),
                              .time_ms = json_int(record, "time", 0),
                              .epoch = json_int(record, "epoch", 0),
                              .actor = json_text(record, "actor", ""),
                              .body = json_object_get(record, "body")};
        struct error error = {0};
        ck_assert_msg(!run_fold(world->run, &event, &error), "%s", error.message);
    }
    live_start(world);
    gate_open(&world->gate);
    world->body = world->keeper = world->stopping = world->left = false;
}

static void world_claim(struct world *world, bool ticks)
{
    world_forget(world);
    world_look(world);
    world->live->act_ended_ms = world->live->counted_to_ms = world->live->recorded_ms = world->now_ms;
    world_emit(world, EVENT_RUN_CLAIMED, world->run->epoch + 1, json_object());
    world_record(world);
    if (ticks)
        world_tick(world);
}

/* ---- what people say ---- */

static void world_command(struct world *world, const struct run_command *command)
{
    struct error error = {0};
    struct live *live = world->live;
    world_look(world);
    bool closes = command_closes_gate(command->name);
    if (closes)
        live->effect_begun = gate_close(&world->gate) || live->effect_begun;
    enum command_outcome outcome = machine_command(world->run, live, command, &world->decision, &error);
    if (outcome == COMMAND_REFUSED) {
        if (closes && live->ending == ENDING_NONE && !world->run->cancelling && !world->run->paused)
            gate_reopen(&world->gate);
        text_format(&world->out, "  refused: %s%s%s\n", error.message, error.next[0] ? "; next: " : "",
                    error.next);
        return;
    }
    if (outcome == COMMAND_DEFERRED)
        text_add(&world->out, "  deferred\n");
    live->due_ms = -1;
    if (!world->decision.failed && !world->body)
        machine_next(world->run, live, &(struct stimulus){.kind = STIMULUS_TICK}, &world->decision);
    bool body = world->body;
    world_act(world);
    world->body = world->body || body;
}

/* A new run of the same machine; `machine` may be NULL. */
static void world_begin(struct world *world, struct machine *machine)
{
    *world = (struct world){.machine = machine, .history = json_array(), .random = RANDOM_MIDDLE};
    gate_init(&world->gate);
}

/* All but the machine, which is returned. */
static struct machine *world_end(struct world *world)
{
    run_free(world->run);
    live_free(world->live);
    json_decref(world->history);
    gate_destroy(&world->gate);
    text_clear(&world->out);
    free(world->shown);
    return world->machine;
}

#endif
