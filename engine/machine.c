#include "engine/machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

static enum on_failure on_failure_read(const char *text)
{
    static const char *const texts[] = {"stop", "continue", "rollback", "goto"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(texts[i], text))
            return (enum on_failure)i;
    return ON_FAILURE_STOP;
}

static struct machine_way read_way(const json_t *steps, const json_t *way)
{
    const char *id = json_text(way, "step", "");
    struct machine_way found = {.target = -1, .max_visits = (int)json_int(way, "max_visits", 0)};
    size_t index;
    json_t *step;
    if (!*id) /* most steps have no way of their own, and a job may have thousands */
        return found;
    json_array_foreach(steps, index, step) if (!strcmp(json_text(step, "id", ""), id))
        found.target = (int)index;
    return found;
}

static struct machine_act read_act(const json_t *act)
{
    int effect = effect_class_read(json_text(act, "effect", "once"));
    return (struct machine_act){
        .uses = json_text(act, "uses", NULL),
        .effect = effect < 0 ? EFFECT_ONCE : (enum effect_class)effect,
        .with = json_object_get(act, "with"),
        .prepares = json_bool(act, "prepares", false),
        .probes = json_bool(act, "probes", false),
        .runs_child = json_bool(act, "runs_child", false),
        .child_may_finish = json_bool(act, "child_may_finish", false),
        .mends = json_bool(act, "mends", false),
    };
}

static void read_outputs(struct machine_step *step, const json_t *list)
{
    step->output_count = (int)json_array_size(list);
    step->outputs = memory_new((size_t)step->output_count * sizeof *step->outputs);
    for (int i = 0; i < step->output_count; i++) {
        const json_t *output = json_array_get(list, (size_t)i);
        step->outputs[i] = (struct machine_output){
            .name = json_text(output, "name", ""),
            .type = value_type_read(json_text(output, "type", "any")),
            .value = json_text(output, "value", NULL),
            .fallback = json_object_get(output, "default"),
            .needed = json_bool(output, "needed", false),
        };
    }
}

static void read_retry(struct machine_step *step, const json_t *retry)
{
    step->attempts = (int)json_int(retry, "attempts", 1);
    step->delay_ms = json_int(retry, "delay_ms", 0);
    step->max_delay_ms = json_int(retry, "max_delay_ms", 0);
    step->factor = json_number_value(json_object_get(retry, "factor"));
    step->jitter = json_number_value(json_object_get(retry, "jitter"));
    step->attempt_timeout_ms = json_int(retry, "timeout_ms", 0);
    step->on_exit = json_object_get(retry, "on_exit");
}

static void read_guards(struct machine_step *step, const json_t *steps, const json_t *list)
{
    size_t index;
    json_t *id;
    json_array_foreach(list, index, id) if (step->guard_count < LIMIT_GUARDS)
    {
        json_t *way = json_pack("{s:O}", "step", id);
        step->guards[step->guard_count++] = read_way(steps, way).target;
        json_decref(way);
    }
}

static void read_step(struct machine_step *step, const json_t *steps, const json_t *object)
{
    const json_t *probe = json_object_get(object, "probe");
    const json_t *on_failure = json_object_get(object, "on_failure");
    *step = (struct machine_step){
        .id = json_text(object, "id", ""),
        .act = read_act(json_object_get(object, "act")),
        .undo = read_act(json_object_get(object, "undo")),
        .condition = json_text(object, "if", NULL),
        .approve = json_text(object, "approve", NULL),
        .asks_only = json_bool(object, "asks_only", false),
        .timeout_ms = json_int(object, "timeout_ms", 0),
        .settle_ms = json_int(object, "settle_ms", 0),
        .next = read_way(steps, json_object_get(object, "next")),
        .on_failure = on_failure_read(json_text(on_failure, "do", "stop")),
        .failure_way = read_way(steps, json_object_get(on_failure, "way")),
        .probe_uses = json_text(probe, "uses", NULL),
        .probe_with = json_object_get(probe, "with"),
        .probe_done = json_text(probe, "done", NULL),
        .probe_in_progress = json_text(probe, "in_progress", NULL),
        .evaluates_outputs = json_bool(object, "evaluates_outputs", false),
        .until = json_text(object, "until", NULL),
        .every_ms = json_int(object, "every_ms", 0),
        .stable_for_ms = json_int(object, "stable_for_ms", 0),
    };
    read_outputs(step, json_object_get(object, "outputs"));
    read_retry(step, json_object_get(object, "retry"));
    read_guards(step, steps, json_object_get(object, "guards"));
}

/* It names files: letters, digits, - and _ only. */
static bool is_id(const char *id)
{
    size_t length = strlen(id);
    return length && length <= LIMIT_NAME_BYTES &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == length;
}

static bool times_are_sound(const struct machine_step *step)
{
    const int64_t all[] = {step->timeout_ms,   step->attempt_timeout_ms, step->settle_ms,    step->delay_ms,
                           step->max_delay_ms, step->every_ms,           step->stable_for_ms};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] < 0 || all[i] > LIMIT_DURATION_MS)
            return false;
    return step->attempts >= 1 && step->attempts <= LIMIT_ATTEMPTS && step->factor >= 0 &&
           step->factor <= 100 && step->jitter >= 0 && step->jitter <= 1 && step->next.max_visits >= 0 &&
           step->next.max_visits <= LIMIT_VISITS && step->failure_way.max_visits >= 0 &&
           step->failure_way.max_visits <= LIMIT_VISITS;
}

/* A store is input: a machine that was not written by machine_compile must not be driven. */
static int check_machine(const struct machine *machine, struct error *error)
{
    for (int i = 0; i < machine->step_count; i++) {
        const struct machine_step *step = &machine->steps[i];
        bool whole = is_id(step->id) && step->act.uses && times_are_sound(step) &&
                     (step->on_failure != ON_FAILURE_GOTO || step->failure_way.target >= 0);
        for (int g = 0; g < step->guard_count; g++)
            whole = whole && step->guards[g] >= 0;
        for (int o = 0; o < step->output_count; o++)
            whole = whole && step->outputs[o].type != TYPE_COUNT;
        if (!whole)
            return error_set(error, ERROR_STORE_CORRUPT, "step %d of the stored machine is not whole", i + 1);
    }
    return 0;
}

struct machine *machine_read(const char *json, struct error *error)
{
    json_t *document = json_read_stored(json, "the stored machine", error);
    if (!document)
        return NULL;
    const json_t *steps = json_object_get(document, "steps");
    struct machine *machine = memory_new(sizeof *machine);
    machine->document = document;
    machine->job = json_text(document, "job", "");
    machine->lock = json_text(document, "lock", NULL);
    machine->step_count = (int)json_array_size(steps);
    machine->steps = memory_new((size_t)machine->step_count * sizeof *machine->steps);
    for (int i = 0; i < machine->step_count; i++)
        read_step(&machine->steps[i], steps, json_array_get(steps, (size_t)i));
    if (json_int(document, "format", 0) != MACHINE_FORMAT || !machine->step_count)
        error_set(error, ERROR_STORE_CORRUPT, "the stored machine has a format that this pawl does not know");
    else if (!check_machine(machine, error))
        return machine;
    machine_free(machine);
    return NULL;
}

void machine_free(struct machine *machine)
{
    if (!machine)
        return;
    for (int i = 0; i < machine->step_count; i++)
        free(machine->steps[i].outputs);
    free(machine->steps);
    json_decref(machine->document);
    free(machine);
}

int machine_step_index(const struct machine *machine, const char *id)
{
    for (int i = 0; i < machine->step_count; i++)
        if (!strcmp(machine->steps[i].id, id))
            return i;
    return -1;
}
