/* One run in the driver's hands: decide, record, act. The order is the contract: drive_decide folds,
 * drive_record writes within the group's transaction, and only after its commit drive_act starts what was
 * decided. */
#include "engine/drive.h"

#include <signal.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/host.h"

struct drive *drive_new(struct driver *driver, struct run *run, struct machine *machine,
                        struct cluster *cluster)
{
    struct drive *drive = memory_new(sizeof *drive);
    drive->driver = driver;
    drive->run = run;
    drive->machine = machine;
    drive->cluster = cluster;
    drive->live = live_new();
    drive->live->actor = driver->actor;
    drive->live->store_uuid = store_uuid(driver->store);
    gate_init(&drive->gate);
    drive->answers = json_array();
    drive->stop_asked_ms = -1;
    return drive;
}

static void drive_free_handle(struct drive *drive)
{
    if (drive->handle && drive->handle_free)
        drive->handle_free(drive->handle);
    drive->handle = NULL;
}

void drive_free(struct drive *drive)
{
    if (!drive)
        return;
    drive_free_handle(drive);
    keeper_dismiss(drive->keeper);
    child_clear(&drive->child);
    if (drive->decision)
        decision_clear(drive->decision);
    free(drive->decision);
    json_decref(drive->answers);
    json_decref(drive->deferred_word);
    free(drive->command_actor);
    projection_clear(&drive->projection);
    gate_destroy(&drive->gate);
    live_free(drive->live);
    run_free(drive->run);
    free(drive);
}

/* ---- decide ---- */

const json_t *drive_keeper_record(const struct drive *drive)
{
    if (drive->run->step < 0)
        return NULL;
    return json_object_get(run_act_in_hand(drive->run)->checkpoint, "keeper");
}

static void look_for_child(struct drive *drive)
{
    struct run *run = drive->run;
    struct live *live = drive->live;
    live->child = CHILD_NONE;
    live->foreign_keeper = false;
    if (run->step < 0 || !machine_act_in_hand(run)->runs_child || !run_act_in_hand(run)->acted)
        return;
    const json_t *record = drive_keeper_record(drive);
    if (!record)
        return;
    child_clear(&drive->child);
    bool once = machine_act_in_hand(run)->effect == EFFECT_ONCE;
    keeper_look(store_folder(drive->driver->store), record, once, &drive->child);
    live->child = drive->child.state;
    live->foreign_keeper = drive->child.state != CHILD_EXITED &&
                           !host_is_this(json_object_get(record, "process"));
}

static void look_at_child(struct drive *drive)
{
    look_for_child(drive);
    if (drive->live->child != CHILD_RUNNING)
        drive->stop_asked_ms = -1;
}

void drive_look(struct drive *drive)
{
    struct live *live = drive->live;
    struct clock *clock = drive->cluster->clock;
    live->now_ms = clock->steady_ms(clock);
    live->wall_ms = clock_recorded_ms(clock);
    live->random = driver_random(drive->driver);
    live->effect_begun = live->effect_begun || gate_has_begun(&drive->gate);
    live->stopping = drive->driver->signal != 0;
    live->stop_reason = drive->driver->signal == SIGINT    ? "Ctrl-C"
                        : drive->driver->signal == SIGTERM ? "SIGTERM"
                        : drive->driver->signal            ? "SIGHUP"
                                                           : NULL;
    if (!drive->body)
        look_at_child(drive);
}

static struct decision *drive_decision(struct drive *drive)
{
    if (!drive->decision)
        drive->decision = memory_new(sizeof *drive->decision);
    return drive->decision;
}

/* The gate is closed before a timeout is recorded, so that nothing is sent after it. */
static void look_at_time(struct drive *drive)
{
    struct live *live = drive->live;
    if (live->ending != ENDING_NONE || drive->run->cancelling)
        return;
    enum ending ending = machine_time_is_up(drive->run, live);
    if (ending == ENDING_NONE)
        return;
    live->ending = ending;
    live->effect_begun = gate_close(&drive->gate) || live->effect_begun;
    live->due_ms = -1;
}

void drive_decide(struct drive *drive, const struct stimulus *stimulus)
{
    drive_look(drive);
    look_at_time(drive);
    machine_next(drive->run, drive->live, stimulus, drive_decision(drive));
}

enum command_outcome drive_command(struct drive *drive, const struct run_command *command,
                                   struct error *error)
{
    static const struct stimulus tick = {.kind = STIMULUS_TICK};
    struct decision *decision = drive_decision(drive);
    drive_look(drive);
    bool closes = command_closes_gate(command->name);
    if (closes)
        drive->live->effect_begun = gate_close(&drive->gate) || drive->live->effect_begun;
    enum command_outcome outcome = machine_command(drive->run, drive->live, command, decision, error);
    if (outcome == COMMAND_REFUSED) {
        if (closes && drive->live->ending == ENDING_NONE && !drive->run->cancelling && !drive->run->paused)
            gate_reopen(&drive->gate);
        return outcome;
    }
    drive->live->due_ms = -1;
    if (!decision->failed && !drive->body)
        machine_next(drive->run, drive->live, &tick, decision);
    return outcome;
}

/* ---- record ---- */

static int record_event(struct drive *drive, const struct event *event, int64_t seq, struct error *error)
{
    struct store *store = drive->driver->store;
    char *body = json_canonical(event->body);
    struct record record = {
        .run = drive->run->id,
        .seq = seq,
        .time_ms = event->time_ms,
        .event = event_type_text(event->type),
        .step = event->step >= 0 ? drive->machine->steps[event->step].id : NULL,
        .visit = event->visit,
        .attempt = event->attempt,
        .epoch = event->epoch,
        .actor = event->actor,
        .body = body,
    };
    int result = store_append(store, &record, &drive->head, error);
    if (!result && event->type == EVENT_LOCK_RELEASED)
        result = store_release_lock(store, drive->run->id, error);
    free(body);
    return result;
}

/* Which step rows an event may have changed: its own, or any where a person's word moved the run. */
static int project_events(struct drive *drive, struct error *error)
{
    const struct run *run = drive->run;
    const struct decision *decision = drive->decision;
    bool all = false;
    for (int i = 0; i < decision->event_count; i++)
        all = all || decision->events[i].type == EVENT_RESUMED ||
              decision->events[i].type == EVENT_ROLLBACK_STARTED ||
              decision->events[i].type == EVENT_STEP_UNDONE ||
              decision->events[i].type == EVENT_RUN_CANCELLED;
    struct putting putting = {drive->driver->store, error};
    int result = 0;
    for (int step = 0; all && !result && step < run->machine->step_count; step++)
        result = project_step(run, step, put_step_row, &putting);
    for (int i = 0; !all && !result && i < decision->event_count; i++) {
        int step = decision->events[i].step;
        bool last = step >= 0; /* only the last of several events about one step writes */
        for (int k = i + 1; last && k < decision->event_count; k++)
            last = decision->events[k].step != step;
        if (last)
            result = project_step(run, step, put_step_row, &putting);
    }
    return result;
}

static int answer_commands(struct drive *drive, struct error *error)
{
    size_t index;
    json_t *answer;
    int result = 0;
    json_array_foreach(drive->answers, index, answer) if (!result) result = store_answer_command(
        drive->driver->store, json_int(answer, "id", 0), json_bool(answer, "accepted", false),
        json_text(answer, "why", NULL), error);
    return result;
}

struct refusing {
    struct drive *drive;
    struct error *error;
};

static int refuse_at_end(void *context, const struct command_row *row)
{
    struct refusing *refusing = context;
    struct drive *drive = refusing->drive;
    struct error why;
    struct event event;
    json_t *body = json_read_stored(row->body, "the record", NULL);
    const struct run_command command = {.name = row->name, .body = body, .actor = row->actor};
    error_set(&why, ERROR_NOT_ALLOWED_NOW, "run %lld has ended: %s", (long long)row->run,
              run_status_words(drive->run->status));
    char *refusal = refusal_write(&why);
    drive_refusal(drive, &command, &why, &event);
    int result = run_fold(drive->run, &event, refusing->error);
    if (!result)
        result = record_event(drive, &event, drive->run->seq, refusing->error);
    if (!result)
        result = store_answer_command(drive->driver->store, row->id, false, refusal, refusing->error);
    free(refusal);
    event_clear(&event);
    json_decref(body);
    return result;
}

/* Nobody takes up what is said to a run that ends here: it is answered with the end, in the same commit. */
static int refuse_commands(struct drive *drive, struct error *error)
{
    struct refusing refusing = {drive, error};
    if (!run_is_ended(drive->run))
        return 0;
    return store_each_command(drive->driver->store, drive->run->id, refuse_at_end, &refusing, error);
}

int drive_record(struct drive *drive, struct error *error)
{
    struct decision *decision = drive->decision;
    const struct run *run = drive->run;
    if (!decision || (!decision->event_count && !json_array_size(drive->answers)))
        return 0;
    if (store_fence(drive->driver->store, run->id, run->epoch, error))
        return -1;
    return drive_write(drive, error);
}

int drive_write(struct drive *drive, struct error *error)
{
    struct decision *decision = drive->decision;
    const struct run *run = drive->run;
    int64_t seq = run->seq - decision->event_count;
    int result = 0;
    for (int i = 0; !result && i < decision->event_count; i++)
        result = record_event(drive, &decision->events[i], ++seq, error);
    if (!result)
        result = answer_commands(drive, error);
    if (!result)
        result = refuse_commands(drive, error);
    if (!result && decision->event_count)
        result = project_run(run, &drive->projection, &drive->head, put_run_row,
                             &(struct putting){drive->driver->store, error});
    if (!result)
        result = project_events(drive, error);
    return result;
}

/* ---- act ---- */

static void tell_watcher(struct drive *drive)
{
    const struct driver_watcher *watcher = &drive->driver->options.watcher;
    for (int i = 0; watcher->event && i < drive->decision->event_count; i++)
        watcher->event(watcher->context, drive->run, &drive->decision->events[i]);
}

/* What a step kept for itself goes when the step has ended. */
static bool ends_step(enum event_type type)
{
    return type == EVENT_STEP_SUCCEEDED || type == EVENT_STEP_UNDONE || type == EVENT_RUN_CANCELLED ||
           type == EVENT_RUN_FAILED || type == EVENT_DECISION_REQUESTED;
}

static void forget_ended(struct drive *drive)
{
    for (int i = 0; i < drive->decision->event_count; i++) {
        const struct event *event = &drive->decision->events[i];
        if (!ends_step(event->type))
            continue;
        drive_free_handle(drive);
        int first = event->step < 0 ? 0 : event->step; /* an event of the run ends all of its steps */
        int last = event->step < 0 ? drive->machine->step_count - 1 : event->step;
        for (int step = first; step <= last; step++)
            drive_remove_folders(drive, step);
    }
}

/* Each start passes its gate anew: what an earlier one let through is not this one's effect. */
static void open_gate_of_start(struct drive *drive)
{
    for (int i = 0; i < drive->decision->event_count; i++) {
        enum event_type type = drive->decision->events[i].type;
        if (type == EVENT_STEP_STARTED || type == EVENT_UNDO_STARTED)
            gate_open(&drive->gate);
    }
}

/* The keeper that stands ready is the one that the durable checkpoint of the act in hand names. A step that
 * was let go while it prepared has left one behind, and what comes next must not send it off. */
static void dismiss_left_keeper(struct drive *drive, enum order order)
{
    bool waits = order == ORDER_APPLY || order == ORDER_NOTHING;
    if (!drive->keeper || (waits && json_equal(drive->keeper->record, drive_keeper_record(drive))))
        return;
    keeper_dismiss(drive->keeper);
    drive->keeper = NULL;
}

/* How long it has been asked is counted here: files and their times may have come from elsewhere, and the
 * wall clock may jump. A driver that takes over begins a grace of its own. */
static void stop_child(struct drive *drive)
{
    int64_t now_ms = clock_system()->steady_ms(clock_system());
    if (drive->stop_asked_ms < 0)
        drive->stop_asked_ms = now_ms;
    keeper_cancel(store_folder(drive->driver->store), drive_keeper_record(drive),
                  now_ms - drive->stop_asked_ms);
}

void drive_act(struct drive *drive)
{
    struct decision *decision = drive->decision;
    enum order order = decision->order;
    tell_watcher(drive);
    forget_ended(drive);
    open_gate_of_start(drive);
    decision_clear(decision);
    json_array_clear(drive->answers);
    decision->order = ORDER_NOTHING;
    dismiss_left_keeper(drive, order);
    switch (order) {
    case ORDER_NOTHING:
        break;
    case ORDER_LOCK: /* the driver tries, now and then */
        drive->wants_lock = true;
        break;
    case ORDER_STOP_CHILD:
        stop_child(drive);
        break;
    case ORDER_LEAVE:
        drive->leaving = true;
        break;
    case ORDER_APPLY:
    case ORDER_PLAN:
    case ORDER_PROBE:
    case ORDER_MEND:
    case ORDER_PREPARE:
        body_start(drive, order);
        break;
    }
}
