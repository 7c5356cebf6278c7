/* The person of a rehearsal: resumes what has failed, once the trouble has had time to pass, and decides what
 * only a person can decide, by looking at what has truly happened. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/rehearse/rehearsal.h"
#include "cluster/sim/sim.h"
#include "engine/load.h"

/* Was the chunk's removal accepted? A request that arrives late counts too. */
static bool is_unregistered(const json_t *shown, int64_t id)
{
    size_t index;
    json_t *effect;
    json_array_foreach(json_object_get(shown, "effects"), index, effect)
    {
        if (!strcmp(json_text(effect, "effect", ""), "unregister") && json_int(effect, "id", -1) == id)
            return true;
    }
    return false;
}

static int64_t pretended(const json_t *shown, const char *step)
{
    int64_t count = 0;
    size_t index;
    json_t *effect;
    json_array_foreach(json_object_get(shown, "effects"), index, effect)
    {
        count += !strcmp(json_text(effect, "effect", ""), "stand_in") &&
                 !strcmp(json_text(effect, "step", ""), step);
    }
    return count;
}

/* Whether the effect of the step in hand has happened since its last recorded success. */
static bool has_happened(const struct run *run, const json_t *shown)
{
    const struct machine_step *step = &run->machine->steps[run->step];
    const struct run_act *act = &run->steps[run->step].act;
    const json_t *first = json_object_get(json_array_get(act->prepared, 0), "checkpoint");
    if (!strcmp(step->act.uses, "unregister_chunk"))
        return is_unregistered(shown, json_int(act->inputs, "chunk_id", -1));
    return pretended(shown, step->id) > json_int(first, "count", INT64_MAX);
}

static bool has_output(const struct machine_step *step, const char *name)
{
    for (int i = 0; i < step->output_count; i++)
        if (!strcmp(step->outputs[i].name, name))
            return true;
    return false;
}

static json_t *outputs_of(const struct machine_step *step)
{
    json_t *outputs = json_object();
    if (step->evaluates_outputs)
        return outputs;
    if (has_output(step, "exit_code"))
        json_object_set_new(outputs, "exit_code", json_integer(0));
    if (has_output(step, "status"))
        json_object_set_new(outputs, "status", json_integer(200));
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "output" : "stdout";
        if (has_output(step, name))
            json_object_set_new(outputs, name, json_string(""));
    }
    return outputs;
}

json_t *person_decision(struct store *store, const char *sim, struct error *error)
{
    struct machine *machine = NULL;
    struct run *run = run_open(store, 1, &machine, error);
    json_t *shown = run ? sim_show(sim, error) : NULL, *body = NULL;
    if (shown && run->step >= 0) {
        bool done = has_happened(run, shown);
        body = json_pack("{s:s,s:O*,s:O*,s:s,s:s,s:o}", "step", machine->steps[run->step].id, "question",
                         json_object_get(run->question, "digest"), "visit",
                         json_object_get(run->question, "visit"), "how", done ? "done" : "retry", "reason",
                         "looked at what has happened", "outputs", outputs_of(&machine->steps[run->step]));
    }
    json_decref(shown);
    run_free(run);
    machine_free(machine);
    return body;
}
