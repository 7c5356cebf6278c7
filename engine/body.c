/* What runs on the pool: one body at a time for each run. A body is handed out with everything that it reads,
 * works sequentially on a worker thread, and comes back to the loop as a stimulus. While it is out, the loop
 * changes nothing that it looks at. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/call.h"
#include "engine/drive.h"
#include "engine/look_ahead.h"

struct body {
    struct drive *drive;
    enum order order;
    bool undo; /* the undo's body, not the step's */
    struct visit visit;
    struct child child;
    struct keeper *keeper; /* stands ready: spawned by prepare, told to go by apply */
    char *folder, *base, *key;
    json_t *edits;
    json_t *inputs, *checkpoint, *starts; /* references of its own */
    struct answer answer;
    struct probe_answer probe;
    json_t *guards;
    bool guard_refused;
    struct error error; /* of the look ahead */
    bool refused;
};

/* ---- what a body may ask of the engine ---- */

static bool pass_gate(const struct visit *visit, struct error *error)
{
    (void)error;
    return gate_pass(visit->gate);
}

static json_t *keep_program(const struct visit *visit, const struct program *program, const char *input,
                            struct error *error)
{
    struct body *body = visit->engine;
    bool once = machine_act_in_hand(body->drive->run)->effect == EFFECT_ONCE;
    keeper_dismiss(body->keeper);
    body->keeper = keeper_spawn(store_folder(body->drive->driver->store), body->base, program, input, once,
                                error);
    return body->keeper ? json_incref(body->keeper->record) : NULL;
}

static const struct machine_step *body_step(const struct body *body)
{
    return &body->drive->machine->steps[body->drive->run->step];
}

static const struct machine_act *body_act(const struct body *body)
{
    return body->undo ? &body_step(body)->undo : &body_step(body)->act;
}

/* ---- handing out ---- */

/* What the start in hand is called below the store's folder, "RUN/STEP.VISIT.START"; free() it. */
static char *start_base(const struct drive *drive)
{
    const struct run *run = drive->run;
    return string_format("%lld/%s.%d.%s%d", (long long)run->id, drive->machine->steps[run->step].id,
                         run->steps[run->step].visit, run->undoing ? "undo." : "",
                         run_act_in_hand(drive->run)->starts);
}

/* Of a step that has succeeded; a success that was told without a start of its visit has those of the one
 * before. */
static const json_t *inputs_of_success(const struct run_step *step)
{
    return step->act.inputs ? step->act.inputs : step->succeeded_inputs;
}

/* What this run's finished edit_values steps have set, for helm_upgrade's expect_changes; NULL for a kind
 * that does not prepare. */
static json_t *finished_edits(const struct drive *drive)
{
    if (!drive->machine->steps[drive->run->step].act.prepares)
        return NULL;
    json_t *edits = json_array();
    for (int i = 0; i < drive->machine->step_count; i++) {
        const struct run_step *step = &drive->run->steps[i];
        if (step->status != STEP_SUCCEEDED || strcmp(drive->machine->steps[i].act.uses, "edit_values"))
            continue;
        const json_t *inputs = inputs_of_success(step);
        json_array_append_new(edits, json_pack("{s:O,s:O}", "file", json_object_get(inputs, "file"), "set",
                                               json_object_get(inputs, "set")));
    }
    return edits;
}

/* The checkpoint that a body goes on from: the newest one in memory, or the durable one; an undo's first body
 * finds what the visit's first start had prepared. */
static json_t *checkpoint_for(const struct drive *drive, bool undo, enum order order)
{
    const struct run_step *step = &drive->run->steps[drive->run->step];
    const struct run_act *act = undo ? &step->undo : &step->act;
    if (order == ORDER_PROBE && drive->live->probe_checkpoint)
        return drive->live->probe_checkpoint;
    if (drive->live->checkpoint && undo == drive->run->undoing)
        return drive->live->checkpoint;
    if (undo && !act->checkpoint)
        return json_object_get(json_array_get(step->visit_starts, 0), "checkpoint");
    return act->checkpoint;
}

/* For a program that runs in real time; where no body is out a virtual clock jumps instead. */
static int64_t look_until_ms(const struct drive *drive)
{
    int64_t deadline_ms = machine_deadline_ms(drive->run, drive->live);
    return clock_is_virtual(drive->cluster->clock) || deadline_ms < 0 ? 0 : deadline_ms;
}

static void fill_visit(struct body *body)
{
    struct drive *drive = body->drive;
    struct run *run = drive->run;
    const struct machine_step *step = &drive->machine->steps[run->step];
    struct run_step *memory = &run->steps[run->step];
    struct run_act *act = body->undo ? &memory->undo : &memory->act;
    body->base = start_base(drive);
    body->folder = string_format("%s/%s.d", store_folder(drive->driver->store), body->base);
    body->key = run_key(run, store_uuid(drive->driver->store), body->undo);
    body->edits = finished_edits(drive);
    json_t *inputs = act->inputs && run->entered ? act->inputs : drive->live->inputs;
    body->inputs = json_incref(inputs ? inputs : memory->act.inputs);
    body->checkpoint = json_incref(checkpoint_for(drive, body->undo, body->order));
    json_t *starts = body->undo && body->order == ORDER_PREPARE ? memory->visit_starts : act->prepared;
    body->starts = starts ? json_copy(starts) : json_array();
    body->visit = (struct visit){
        .store_uuid = store_uuid(drive->driver->store),
        .run = run->id,
        .job = drive->machine->job,
        .step = step->id,
        .visit = memory->visit,
        .attempt = memory->attempt,
        .start = act->starts,
        .key = body->key,
        .actor = drive->driver->actor,
        .inputs = body->inputs,
        .checkpoint = body->checkpoint,
        .starts = body->starts,
        .edits = body->edits,
        .act_ended_ms = drive->live->act_ended_ms,
        .settle_ms = step->settle_ms,
        .now_ms = drive->live->now_ms,
        .wall_ms = drive->live->wall_ms,
        .random = drive->live->random,
        .folder = body->folder,
        .cluster = drive->cluster,
        .gate = &drive->gate,
        .pass = pass_gate,
        .keep = keep_program,
        .child = &body->child,
        .held_since_ms = &drive->live->held_since_ms,
        .look_until_ms = look_until_ms(drive),
        .engine = body,
        .handle = &drive->handle,
    };
}

/* ---- on the pool ---- */

/* A kind that prepares or can be asked may keep files of its own, which go with the step. */
static bool has_folder(const struct machine_step *step)
{
    return step->act.prepares || step->act.probes || step->undo.prepares || step->undo.probes;
}

static bool any_has_folder(const struct machine *machine)
{
    for (int i = 0; i < machine->step_count; i++)
        if (has_folder(&machine->steps[i]))
            return true;
    return false;
}

/* The run's folder is the team's where the store is; the visit's own holds credentials. */
static int make_folders(const struct body *body, struct error *error)
{
    char *folder = string_format("%s/%lld", store_folder(body->drive->driver->store),
                                 (long long)body->drive->run->id);
    int result = folder_check(folder, error) || folder_make(folder, folder_mode_at(folder), error) ||
                         folder_check(body->folder, error) || folder_make(body->folder, 0700, error)
                     ? -1
                     : 0;
    free(folder);
    return result;
}

static void look_at_child(struct body *body)
{
    const struct machine_act *act = body_act(body);
    const json_t *record = json_object_get(body->checkpoint, "keeper");
    if (act->runs_child && record)
        keeper_look(store_folder(body->drive->driver->store), record, act->effect == EFFECT_ONCE,
                    &body->child);
}

/* A guard is one fresh look with its step's recorded inputs: what it would wait for is a transient failure.
 */
static bool ask_guard(struct body *body, int index, json_t *record, struct error *error, bool *transient)
{
    const struct run_step *memory = &body->drive->run->steps[index];
    const struct machine_step *step = &body->drive->machine->steps[index];
    struct visit visit = body->visit;
    void *handle = NULL;
    struct child no_child = {.state = CHILD_NONE};
    visit.step = step->id;
    visit.inputs = inputs_of_success(memory);
    visit.checkpoint = visit.starts = NULL;
    visit.handle = &handle;
    visit.child = &no_child;
    visit.single_look = true;
    struct answer answer = {0};
    call_apply(step, &visit, body->drive->run->names, &answer);
    bool agrees = answer.kind == ANSWER_DONE;
    json_object_set_new(record, "guard", json_string(step->id));
    json_object_set_new(record, "ok", json_boolean(agrees));
    if (!agrees) {
        *error = answer.error;
        *transient = answer.kind == ANSWER_AGAIN || answer.transient;
        error_context(error, "guard \"%s\" refuses", step->id);
        json_object_set_new(record, "why", json_string(error->message));
    }
    answer_clear(&answer);
    return agrees;
}

static void ask_guards(struct body *body)
{
    const struct machine_step *step = body_step(body);
    body->guards = json_array();
    for (int i = 0; i < step->guard_count && !body->guard_refused && !body->undo; i++) {
        json_t *record = json_object();
        struct error error = {0};
        bool transient = false;
        body->guard_refused = !ask_guard(body, step->guards[i], record, &error, &transient);
        json_array_append_new(body->guards, record);
        if (!body->guard_refused)
            continue;
        answer_clear(&body->answer);
        answer_failed(&body->answer, &error);
        body->answer.transient = transient;
    }
}

static void run_prepare(struct body *body)
{
    body->answer.kind = ANSWER_DONE;
    if (body_act(body)->prepares)
        call_prepare(body_step(body), body->undo, &body->visit, &body->answer);
    if (body->answer.kind == ANSWER_DONE)
        ask_guards(body);
}

/* Behind a last look and the gate, like every request that changes something. False where the program does
 * not run: the answer says why. */
static bool say_go(struct body *body)
{
    struct keeper *keeper = body->keeper;
    struct error error = {0};
    if (!keeper)
        return true;
    if (!call_confirm(body_step(body), body->undo, &body->visit, &error)) {
        answer_failed(&body->answer, &error);
        return false;
    }
    if (!visit_passes(&body->visit, &body->answer))
        return false;
    body->keeper = NULL; /* keeper_go frees it */
    if (keeper_go(keeper))
        return true;
    body->answer.kind = ANSWER_TURNED_BACK; /* behind the gate: its probe tells what became of it */
    return false;
}

static void run_apply(struct body *body)
{
    const struct machine_step *step = body_step(body);
    /* Before the effect, a body that waited goes on from the guards; the first time they have just been
     * asked. */
    if (body->drive->live->checkpoint && !body->drive->live->acting && step->guard_count)
        ask_guards(body);
    if (body->guard_refused || !say_go(body))
        return;
    look_at_child(body);
    if (body->undo)
        call_undo(step, &body->visit, body->drive->run->names, &body->answer);
    else
        call_apply(step, &body->visit, body->drive->run->names, &body->answer);
}

static void run_body(void *work)
{
    struct body *body = work;
    struct drive *drive = body->drive;
    if (body->order == ORDER_PLAN) {
        bool has = any_has_folder(drive->machine);
        body->refused = (has && make_folders(body, &body->error)) ||
                        look_ahead_refuses(drive->run, &body->visit, &body->error);
        if (has)
            folder_remove(body->folder);
        return;
    }
    const struct machine_step *step = body_step(body);
    const struct machine_act *act = body_act(body);
    struct error error = {0};
    if ((act->prepares || act->probes) && make_folders(body, &error)) {
        answer_failed(&body->answer, &error);
        body->probe = (struct probe_answer){.kind = PROBE_CANNOT_TELL, .error = error};
        return;
    }
    switch (body->order) {
    case ORDER_PROBE:
        look_at_child(body);
        call_probe(step, body->undo, &body->visit, drive->run->names, &body->probe);
        break;
    case ORDER_MEND:
        call_mend(step, &body->visit, drive->run->steps[drive->run->step].mend, &body->answer);
        break;
    case ORDER_PREPARE:
        run_prepare(body);
        break;
    default:
        run_apply(body);
    }
}

/* ---- coming back ---- */

static const enum stimulus_kind APPLY_ANSWERS[] = {
    [ANSWER_DONE] = STIMULUS_BODY_DONE,          [ANSWER_FAILED] = STIMULUS_BODY_FAILED,
    [ANSWER_AGAIN] = STIMULUS_BODY_AGAIN,        [ANSWER_UNKNOWN] = STIMULUS_BODY_UNKNOWN,
    [ANSWER_TURNED_BACK] = STIMULUS_TURNED_BACK,
};
static const enum stimulus_kind PROBE_ANSWERS[] = {
    [PROBE_DONE] = STIMULUS_PROBE_DONE,
    [PROBE_NOT_DONE] = STIMULUS_PROBE_NOT_DONE,
    [PROBE_IN_PROGRESS] = STIMULUS_PROBE_IN_PROGRESS,
    [PROBE_CANNOT_TELL] = STIMULUS_PROBE_CANNOT_TELL,
};

static enum stimulus_kind stimulus_of(struct body *body)
{
    bool done = body->answer.kind == ANSWER_DONE, turned_back = body->answer.kind == ANSWER_TURNED_BACK;
    if (body->order == ORDER_PLAN)
        return body->refused ? STIMULUS_PLAN_REFUSED : STIMULUS_PLAN_OK;
    if (body->order == ORDER_PROBE)
        return PROBE_ANSWERS[body->probe.kind];
    if (turned_back)
        return STIMULUS_TURNED_BACK;
    if (body->guard_refused)
        return STIMULUS_GUARD_REFUSED;
    if (body->order == ORDER_MEND)
        return done ? STIMULUS_MENDED : STIMULUS_MEND_FAILED;
    if (body->order == ORDER_PREPARE)
        return done ? STIMULUS_PREPARED : STIMULUS_PREPARE_FAILED;
    return APPLY_ANSWERS[body->answer.kind];
}

static void body_free(struct body *body)
{
    struct driver *driver = body->drive->driver;
    answer_clear(&body->answer);
    probe_answer_clear(&body->probe);
    child_clear(&body->child);
    json_decref(body->guards);
    json_decref(body->edits);
    json_decref(body->inputs);
    json_decref(body->checkpoint);
    json_decref(body->starts);
    free(body->folder);
    free(body->base);
    free(body->key);
    if (driver->spare_body)
        free(body);
    else
        driver->spare_body = body;
}

/* Several kilobytes for every step: those of the last body that came back are taken again. */
static struct body *body_new(struct driver *driver)
{
    struct body *body = driver->spare_body;
    if (!body)
        return memory_new(sizeof *body);
    driver->spare_body = NULL;
    *body = (struct body){0};
    return body;
}

static void body_returned(void *work)
{
    struct body *body = work;
    struct drive *drive = body->drive;
    struct live *live = drive->live;
    drive->body = NULL;
    drive->driver->bodies_out--;
    if (body->order == ORDER_PREPARE && body->answer.kind == ANSWER_DONE && !body->guard_refused)
        drive->keeper = body->keeper;
    else
        keeper_dismiss(body->keeper); /* first: it must not be taken for a child that lives */
    body->keeper = NULL;
    if (body->order == ORDER_PROBE) {
        if (body->probe.checkpoint) {
            json_decref(live->probe_checkpoint);
            live->probe_checkpoint = json_incref(body->probe.checkpoint);
        }
    } else if (body->order == ORDER_APPLY && (body->answer.kind != ANSWER_AGAIN || !body->answer.acting)) {
        live->act_ended_ms = drive->cluster->clock->steady_ms(drive->cluster->clock);
    }
    const struct step_kind *kind = drive->run->step >= 0
                                       ? step_kind_find(drive->machine->steps[drive->run->step].act.uses)
                                       : NULL;
    drive->handle_free = kind ? kind->handle_free : NULL;
    struct stimulus stimulus = {
        .kind = stimulus_of(body),
        .answer = &body->answer,
        .probe = &body->probe,
        .guards = body->guards,
        .error = &body->error,
    };
    drive_returned(drive, &stimulus);
    body_free(body);
}

static bool only_computes(const struct machine_step *step)
{
    return step_kind_find(step->act.uses)->only_computes;
}

/* Nothing to wait for: two changes of threads would cost more than the body. */
static bool runs_in_loop(const struct body *body)
{
    const struct machine *machine = body->drive->machine;
    if (body->order == ORDER_PLAN) {
        int step = 0;
        while (step < machine->step_count && only_computes(&machine->steps[step]))
            step++;
        return step == machine->step_count;
    }
    const struct machine_step *step = &machine->steps[body->drive->run->step];
    return body->order == ORDER_APPLY && !body->undo && !step->guard_count && only_computes(step);
}

void body_start(struct drive *drive, enum order order)
{
    struct body *body = body_new(drive->driver);
    body->drive = drive;
    body->order = order;
    body->undo = drive->run->undoing && (order != ORDER_PROBE || drive->live->asks_undo);
    fill_visit(body);
    bool reopens = order == ORDER_MEND ||
                   (drive->live->ending == ENDING_NONE && !drive->run->cancelling && !drive->run->paused);
    if (order == ORDER_PREPARE)
        gate_open(&drive->gate);
    else if (reopens)
        gate_reopen(&drive->gate);
    else
        gate_close(&drive->gate); /* as the driver did that was told to end it: this may be another one */
    if (order == ORDER_APPLY) {
        body->keeper = drive->keeper;
        drive->keeper = NULL;
    }
    drive->body = body;
    drive->driver->bodies_out++;
    if (runs_in_loop(body)) {
        run_body(body);
        body_returned(body);
    } else {
        loop_work(drive->driver->loop, run_body, body_returned, body);
    }
}

/* ---- folders ---- */

void drive_remove_folders(struct drive *drive, int step)
{
    const struct run *run = drive->run;
    const struct run_act *acts[] = {&run->steps[step].act, &run->steps[step].undo};
    if (!has_folder(&drive->machine->steps[step]))
        return;
    for (int k = 0; k < 2; k++)
        for (int start = acts[k]->starts; start > 0; start--) {
            char *path = string_format("%s/%lld/%s.%d.%s%d.d", store_folder(drive->driver->store),
                                       (long long)run->id, drive->machine->steps[step].id,
                                       run->steps[step].visit, k ? "undo." : "", start);
            if (!access(path, F_OK))
                folder_remove(path);
            free(path);
        }
}
