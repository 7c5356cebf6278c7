#include "engine/look_ahead.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "engine/inputs.h"
#include "jobs/template.h"

/* What the look has found so far: names with planned outputs, edits, and the world that later plans see. */
struct look {
    json_t *names, *edits, *world, *permissions;
    json_t *told; /* NULL: nobody wants to be told */
    const char *folder;
    bool past_return; /* a step that cannot be undone has been passed */
};

static void look_begin(struct look *look, const struct run *run, const struct visit *frame, json_t *told)
{
    *look = (struct look){.names = json_copy(run->names),
                          .edits = json_array(),
                          .world = json_object(),
                          .told = told,
                          .permissions = frame->permissions ? json_incref(frame->permissions) : json_array(),
                          .folder = json_text(run->submitted, "folder", "/")};
    json_object_set_new(look->names, "steps", json_copy(json_object_get(run->names, "steps")));
}

static void look_end(struct look *look)
{
    json_decref(look->names);
    json_decref(look->edits);
    json_decref(look->world);
    json_decref(look->permissions);
}

/* What a step would give becomes visible to the steps behind it. */
static void see_outputs(struct look *look, const struct machine_step *step, const json_t *outputs)
{
    json_t *seen = outputs ? json_copy((json_t *)outputs) : json_object();
    json_object_set_new(seen, "status", json_string("succeeded"));
    json_object_set_new(json_object_get(look->names, "steps"), step->id, seen);
}

static void see_edit(struct look *look, const struct machine_step *step, const json_t *inputs)
{
    if (!strcmp(step->act.uses, "edit_values"))
        json_array_append_new(look->edits, json_pack("{s:O,s:O}", "file", json_object_get(inputs, "file"),
                                                     "set", json_object_get(inputs, "set")));
}

/* NULL, which takes no members, where nobody wants to be told. */
static json_t *told_of(const struct look *look, const struct machine_step *step, const char *state)
{
    if (!look->told)
        return NULL;
    json_t *told = json_pack("{s:s,s:s,s:s}", "id", step->id, "uses", step->act.uses, "state", state);
    if (step->act.effect == EFFECT_ONCE && !step->undo.uses && !look->past_return)
        json_object_set_new(told, "point_of_no_return", json_true());
    if (step->approve)
        json_object_set_new(told, "approve", json_true());
    return told;
}

static bool plan_step(struct look *look, const struct machine_step *step, const struct visit *frame,
                      const json_t *inputs, struct error *error)
{
    const struct step_kind *kind = step_kind_find(step->act.uses);
    struct visit visit = *frame;
    struct plan_answer answer = {0};
    visit.step = step->id;
    visit.inputs = inputs;
    visit.edits = look->edits;
    visit.permissions = look->permissions;
    kind->plan(&visit, look->world, &answer);
    bool refused = answer.kind == PLAN_REFUSED && !error_is_transient(answer.error.code);
    static const char *const states[] = {
        [PLAN_OK] = "ok", [PLAN_REFUSED] = "refused", [PLAN_UNKNOWN] = "unknown"};
    json_t *told = told_of(look, step, states[answer.kind]);
    json_object_set_new(told, "summary", json_string(answer.summary.text));
    if (answer.changes)
        json_object_set(told, "changes", answer.changes);
    if (answer.kind == PLAN_REFUSED)
        json_object_set_new(told, "error", json_string(answer.error.message));
    json_array_append_new(look->told, told);
    if (answer.kind == PLAN_OK)
        see_outputs(look, step, answer.outputs);
    if (answer.world)
        json_object_update_recursive(look->world, answer.world);
    if (refused) {
        *error = answer.error;
        error_context(error, "step \"%s\"", step->id);
    }
    plan_answer_clear(&answer);
    return !refused;
}

/* Where the namespace is known, whatever else is not; what is known only later is asked by nobody. */
static bool may_act(struct look *look, const struct machine_step *step, const struct visit *frame,
                    struct error *error)
{
    const struct permission *needed = step_kind_find(step->act.uses)->permissions;
    struct error unknown = {0};
    json_t *namespace = needed ? template_evaluate(json_object_get(step->act.with, "namespace"), look->names,
                                                   &unknown)
                               : NULL;
    int result = 0;
    for (; json_is_string(namespace) && needed->verb && !result; needed++)
        result = permission_ask(frame->cluster, needed, json_string_value(namespace), look->permissions,
                                error);
    json_decref(namespace);
    return !result;
}

/* What a person would be asked, where that is known by now; free() it. NULL: nothing, or not yet. */
static char *question_of(const struct look *look, const struct machine_step *step)
{
    const char *template = step->asks_only ? json_text(step->act.with, "message", NULL) : step->approve;
    struct error unknown = {0};
    return template ? template_text(template, look->names, &unknown) : NULL;
}

/* What the job spells out to undo the step, "" where it is not known yet. */
static void tell_undo(const struct look *look, const struct machine_step *step, const struct visit *frame,
                      json_t *told)
{
    const struct step_kind *kind = step->undo.with ? step_kind_find(step->undo.uses) : NULL;
    struct error unknown = {0};
    struct plan_answer answer = {0};
    struct visit visit = *frame;
    if (!kind || !kind->declaration.general || !kind->plan)
        return;
    json_t *inputs = inputs_evaluate(step->undo.uses, step->undo.with, look->names, look->folder, &unknown);
    visit.step = step->id;
    visit.inputs = inputs;
    if (inputs)
        kind->plan(&visit, look->world, &answer);
    json_object_set_new(told, "undo", json_string(answer.summary.text));
    plan_answer_clear(&answer);
    json_decref(inputs);
}

/* What belongs to the step beside what it does. */
static void tell_beside(const struct look *look, const struct machine_step *step, const struct visit *frame)
{
    json_t *told = json_array_get(look->told, json_array_size(look->told) - 1);
    if (!told)
        return;
    char *question = question_of(look, step);
    if (question)
        json_object_set_new(told, "question", json_string(question));
    free(question);
    tell_undo(look, step, frame, told);
}

/* What is told of a step that was not planned: `error` says why it is refused, else NULL. */
static void tell_briefly(struct look *look, const struct machine_step *step, const char *state,
                         struct error *error)
{
    json_t *told = told_of(look, step, state);
    json_array_append_new(look->told, told);
    if (!error)
        return;
    json_object_set_new(told, "error", json_string(error->message));
    error_context(error, "step \"%s\"", step->id);
}

/* False where the look ends here: refused. */
static bool look_at_acting(struct look *look, const struct machine_step *step, const struct visit *frame,
                           struct error *error)
{
    struct error unknown = {0};
    if (!may_act(look, step, frame, error)) {
        tell_briefly(look, step, "refused", error);
        return false;
    }
    json_t *inputs = NULL;
    bool goes_on = true;
    if (step_kind_find(step->act.uses)->plan)
        inputs = inputs_evaluate(step->act.uses, step->act.with, look->names, look->folder, &unknown);
    if (inputs)
        goes_on = plan_step(look, step, frame, inputs, error);
    else
        tell_briefly(look, step, "unknown", NULL);
    if (inputs)
        see_edit(look, step, inputs);
    json_decref(inputs);
    return goes_on;
}

static bool look_at_step(struct look *look, const struct machine_step *step, const struct visit *frame,
                         struct error *error)
{
    bool holds = true, goes_on = true;
    struct error unknown = {0};
    if (step->condition && condition_evaluate(step->condition, look->names, &holds, &unknown))
        holds = true;
    if (holds) {
        goes_on = look_at_acting(look, step, frame, error);
        tell_beside(look, step, frame);
    } else {
        tell_briefly(look, step, "skipped", NULL);
    }
    look->past_return = look->past_return || (step->act.effect == EFFECT_ONCE && !step->undo.uses);
    return goes_on;
}

/* Appends to `told`, where that is not NULL, what is told of each step; true where the run is refused. */
static bool look_at_all(const struct run *run, const struct visit *visit, json_t *told, struct error *error)
{
    struct look look;
    look_begin(&look, run, visit, told);
    bool refused = false;
    int count = run->machine->step_count, i = 0;
    for (; i < count && !refused; i++)
        refused = !look_at_step(&look, &run->machine->steps[i], visit, error);
    for (struct error ignored; i < count;
         i++) /* who lacks one permission wants to know what else is lacking */
        may_act(&look, &run->machine->steps[i], visit, &ignored);
    look_end(&look);
    return refused;
}

json_t *look_ahead(const struct run *run, const struct visit *visit, bool *refused, struct error *error)
{
    json_t *told = json_array();
    *refused = look_at_all(run, visit, told, error);
    return told;
}

bool look_ahead_refuses(const struct run *run, const struct visit *visit, struct error *error)
{
    return look_at_all(run, visit, NULL, error);
}
