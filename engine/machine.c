#include "engine/machine.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

/* What is being read. A word or a name that is none clears `whole`: guessed, it would drive another job than
 * the one that was checked. */
struct reading {
    const json_t *steps;
    bool whole;
};

static int read_count(struct reading *reading, const json_t *object, const char *key, int otherwise)
{
    int64_t count = json_int(object, key, otherwise);
    reading->whole = reading->whole && count >= 0 && count <= INT_MAX;
    return (int)count;
}

/* The place of the step that is named; -1 where none is, which is damage. */
static int read_place(struct reading *reading, const char *id)
{
    size_t index;
    json_t *step;
    json_array_foreach(reading->steps, index,
                       step) if (!strcmp(json_text(step, "id", ""), id)) return (int)index;
    reading->whole = false;
    return -1;
}

/* NULL: none; most steps have no way of their own. */
static struct machine_way read_way(struct reading *reading, const json_t *way)
{
    if (!way)
        return (struct machine_way){.target = -1};
    return (struct machine_way){.target = read_place(reading, json_text(way, "step", "")),
                                .max_visits = read_count(reading, way, "max_visits", 0)};
}

static enum on_failure read_on_failure(struct reading *reading, const json_t *object)
{
    enum on_failure found = object ? on_failure_read(json_text(object, "do", "")) : ON_FAILURE_STOP;
    reading->whole = reading->whole && found != ON_FAILURE_COUNT;
    return found;
}

/* NULL: none. */
static struct machine_act read_act(struct reading *reading, const json_t *act)
{
    int effect = act ? effect_class_read(json_text(act, "effect", "")) : EFFECT_ONCE;
    reading->whole = reading->whole && effect >= 0 && (!act || json_text(act, "uses", NULL));
    return (struct machine_act){
        .uses = json_text(act, "uses", NULL),
        .effect = (enum effect_class)effect,
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

static void read_retry(struct reading *reading, struct machine_step *step, const json_t *retry)
{
    step->attempts = read_count(reading, retry, "attempts", 1);
    step->delay_ms = json_int(retry, "delay_ms", 0);
    step->max_delay_ms = json_int(retry, "max_delay_ms", 0);
    step->factor = json_number_value(json_object_get(retry, "factor"));
    step->jitter = json_number_value(json_object_get(retry, "jitter"));
    step->attempt_timeout_ms = json_int(retry, "timeout_ms", 0);
    step->on_exit = json_object_get(retry, "on_exit");
}

static void read_guards(struct reading *reading, struct machine_step *step, const json_t *list)
{
    size_t index;
    json_t *id;
    reading->whole = reading->whole && json_array_size(list) <= LIMIT_GUARDS;
    json_array_foreach(list, index, id) if (step->guard_count < LIMIT_GUARDS)
        step->guards[step->guard_count++] = read_place(reading,
                                                       json_is_string(id) ? json_string_value(id) : "");
}

static void read_step(struct reading *reading, struct machine_step *step, const json_t *object)
{
    const json_t *probe = json_object_get(object, "probe");
    const json_t *on_failure = json_object_get(object, "on_failure");
    *step = (struct machine_step){
        .id = json_text(object, "id", ""),
        .act = read_act(reading, json_object_get(object, "act")),
        .undo = read_act(reading, json_object_get(object, "undo")),
        .condition = json_text(object, "if", NULL),
        .approve = json_text(object, "approve", NULL),
        .asks_only = json_bool(object, "asks_only", false),
        .timeout_ms = json_int(object, "timeout_ms", 0),
        .settle_ms = json_int(object, "settle_ms", 0),
        .next = read_way(reading, json_object_get(object, "next")),
        .on_failure = read_on_failure(reading, on_failure),
        .failure_way = read_way(reading, json_object_get(on_failure, "way")),
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
    read_retry(reading, step, json_object_get(object, "retry"));
    read_guards(reading, step, json_object_get(object, "guards"));
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

static bool step_is_whole(const struct machine_step *step)
{
    bool whole = is_id(step->id) && step->act.uses && times_are_sound(step) &&
                 (step->on_failure != ON_FAILURE_GOTO || step->failure_way.target >= 0);
    for (int o = 0; o < step->output_count; o++)
        whole = whole && step->outputs[o].type != TYPE_COUNT;
    return whole;
}

/* A store is input: a machine that was not written by machine_compile must not be driven. */
static int read_steps(struct machine *machine, const json_t *steps, struct error *error)
{
    struct reading reading = {.steps = steps, .whole = true};
    machine->step_count = (int)json_array_size(steps);
    machine->steps = memory_new((size_t)machine->step_count * sizeof *machine->steps);
    for (int i = 0; i < machine->step_count; i++) {
        read_step(&reading, &machine->steps[i], json_array_get(steps, (size_t)i));
        if (!reading.whole || !step_is_whole(&machine->steps[i]))
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
    if (json_int(document, "format", 0) != MACHINE_FORMAT || !json_array_size(steps))
        error_set(error, ERROR_STORE_CORRUPT, "the stored machine has a format that this pawl does not know");
    else if (!read_steps(machine, steps, error))
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
