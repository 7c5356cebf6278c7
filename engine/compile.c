/* checked job → canonical JSON: the machine as it is stored, digested and pinned to its runs. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/machine.h"
#include "jobs/template.h"
#include "steps/kind.h"

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text)
        json_object_set_new(object, key, json_string(text));
}

static void set_number(json_t *object, const char *key, int64_t number)
{
    if (number)
        json_object_set_new(object, key, json_integer(number));
}

static void set_flag(json_t *object, const char *key, bool flag)
{
    if (flag)
        json_object_set_new(object, key, json_true());
}

static json_t *compile_way(const struct job *job, const struct job_way *way)
{
    json_t *object = json_pack("{s:s}", "step", job->steps[way->target].id);
    set_number(object, "max_visits", way->max_visits);
    return object;
}

/* The step itself. What the engine must know of its kind goes into the machine with it. */
static json_t *compile_act(const struct job_step *step)
{
    const struct step_kind *kind = step_kind_find(step->kind->name);
    json_t *act = json_pack("{s:s,s:s,s:O}", "uses", step->kind->name, "effect",
                            effect_class_text(step->effect), "with", step->with);
    bool asks = step->until && kind->ask; /* asked again and again: no keeper for each time */
    set_flag(act, "prepares", kind->prepare && !asks);
    set_flag(act, "probes", kind->probe || step->probe.kind);
    set_flag(act, "runs_child", kind->runs_child && !asks);
    set_flag(act, "child_may_finish", kind->child_may_finish);
    set_flag(act, "mends", kind->mend);
    return act;
}

/* How it is undone: by `undo:`, or by its kind; NULL where neither can. */
static json_t *compile_undo(const struct job_step *step)
{
    const struct step_kind *kind = step_kind_find(step->kind->name);
    if (step->undo.kind) {
        const struct step_kind *undo = step_kind_find(step->undo.kind->name);
        json_t *act = json_pack("{s:s,s:s,s:O}", "uses", step->undo.kind->name, "effect",
                                effect_class_text(step->undo.kind->effect), "with", step->undo.with);
        set_flag(act, "prepares", undo->prepare);
        set_flag(act, "probes", undo->probe);
        set_flag(act, "runs_child", undo->runs_child);
        return act;
    }
    if (!kind->undo)
        return NULL;
    json_t *act = json_pack("{s:s,s:s}", "uses", step->kind->name, "effect",
                            effect_class_text(kind->undo_effect));
    set_flag(act, "prepares", kind->undo_prepare);
    set_flag(act, "probes", kind->undo_probe);
    set_flag(act, "runs_child", kind->runs_child);
    set_flag(act, "child_may_finish", kind->child_may_finish);
    set_flag(act, "mends", kind->mend);
    return act;
}

static json_t *compile_retry(const struct job_retry *retry)
{
    json_t *object = json_pack("{s:i,s:I,s:I,s:f,s:f}", "attempts", retry->attempts, "delay_ms",
                               (json_int_t)retry->delay_ms, "max_delay_ms", (json_int_t)retry->max_delay_ms,
                               "factor", retry->factor, "jitter", retry->jitter);
    set_number(object, "timeout_ms", retry->timeout_ms);
    if (retry->on_exit_count) {
        json_t *list = json_array();
        for (int i = 0; i < retry->on_exit_count; i++)
            json_array_append_new(list, json_integer(retry->on_exit[i]));
        json_object_set_new(object, "on_exit", list);
    }
    return object;
}

static json_t *compile_on_failure(const struct job *job, const struct job_step *step)
{
    json_t *object = json_pack("{s:s}", "do", on_failure_text(step->on_failure));
    if (step->on_failure == ON_FAILURE_GOTO)
        json_object_set_new(object, "way", compile_way(job, &step->failure_way));
    return object;
}

/* NULL: none. */
static json_t *compile_outputs(const struct job_step *step)
{
    if (!step->output_count && !step->kind->outputs[0].name)
        return NULL;
    json_t *list = json_array();
    for (int i = 0; i < step->output_count; i++) {
        const struct job_output *output = &step->outputs[i];
        json_t *object = json_pack("{s:s,s:s,s:s}", "name", output->name, "type",
                                   value_type_text(output->type), "value", output->value);
        if (output->fallback)
            json_object_set(object, "default", output->fallback);
        json_array_append_new(list, object);
    }
    if (step->output_count)
        return list;
    for (const struct declared_output *output = step->kind->outputs; output->name; output++)
        json_array_append_new(
            list, json_pack("{s:s,s:s}", "name", output->name, "type", value_type_text(output->type)));
    return list;
}

static json_t *compile_probe(const struct job_call *probe)
{
    json_t *object = json_pack("{s:s,s:O}", "uses", probe->kind->name, "with", probe->with);
    set_text(object, "done", probe->done);
    set_text(object, "in_progress", probe->in_progress);
    return object;
}

static json_t *compile_guards(const struct job *job, const struct job_step *step)
{
    json_t *list = json_array();
    for (int i = 0; i < step->guard_count; i++)
        json_array_append_new(list, json_string(job->steps[step->guards[i]].id));
    return list;
}

/* What has its default is left out: a job may have thousands of steps, and a worker thousands of runs. */
static json_t *compile_step(const struct job *job, const struct job_step *step)
{
    json_t *object = json_pack("{s:s,s:o}", "id", step->id, "act", compile_act(step));
    json_t *outputs = compile_outputs(step), *undo = compile_undo(step);
    if (outputs)
        json_object_set_new(object, "outputs", outputs);
    if (undo)
        json_object_set_new(object, "undo", undo);
    if (step->retry.attempts > 1 || step->retry.timeout_ms)
        json_object_set_new(object, "retry", compile_retry(&step->retry));
    if (step->on_failure != ON_FAILURE_STOP)
        json_object_set_new(object, "on_failure", compile_on_failure(job, step));
    if (step->guard_count)
        json_object_set_new(object, "guards", compile_guards(job, step));
    if (step->next.target >= 0)
        json_object_set_new(object, "next", compile_way(job, &step->next));
    if (step->probe.kind)
        json_object_set_new(object, "probe", compile_probe(&step->probe));
    set_text(object, "if", step->condition);
    set_text(object, "approve", step->approve);
    set_text(object, "until", step->until);
    set_flag(object, "asks_only", !strcmp(step->kind->name, "approve"));
    set_flag(object, "evaluates_outputs", step->output_count);
    set_number(object, "timeout_ms", step->timeout_ms ? step->timeout_ms : step->kind->timeout_ms);
    set_number(object, "settle_ms", step->settle_ms);
    set_number(object, "every_ms", step->every_ms);
    set_number(object, "stable_for_ms", step->stable_for_ms);
    return object;
}

/* ---- what is needed ---- */

struct marking {
    const struct job *job;
    json_t *steps; /* of the document */
};

static void mark_reference(void *context, const char *const *path, int count)
{
    const struct marking *marking = context;
    int step = count > 2 && !strcmp(path[0], "steps") ? job_step_index(marking->job, path[1]) : -1;
    size_t index;
    json_t *output;
    json_array_foreach(json_object_get(json_array_get(marking->steps, (size_t)step), "outputs"), index,
                       output) if (!strcmp(json_text(output, "name", ""), path[2]))
        set_flag(output, "needed", true);
}

/* As deep as a job file may be. */
static void mark_in(struct marking *marking, const json_t *value)
{
    const char *key;
    size_t index;
    json_t *member;
    if (json_is_string(value))
        template_each_reference(json_string_value(value), mark_reference, marking);
    json_array_foreach(value, index, member) mark_in(marking, member);
    json_object_foreach((json_t *)value, key, member) mark_in(marking, member);
}

/* Marks the outputs that any text of the machine refers to: a success by probe must be able to give them. */
static void mark_needed(const struct job *job, json_t *document)
{
    struct marking marking = {.job = job, .steps = json_object_get(document, "steps")};
    json_t *texts = json_deep_copy(document); /* what is walked through is not what is marked */
    mark_in(&marking, texts);
    json_decref(texts);
}

char *machine_compile(const struct job *job, struct error *error)
{
    if (job->step_count > LIMIT_JOB_STEPS) {
        error_set(error, ERROR_LIMIT, "%d steps, at most %d are allowed", job->step_count, LIMIT_JOB_STEPS);
        return NULL;
    }
    json_t *steps = json_array();
    for (int i = 0; i < job->step_count; i++)
        json_array_append_new(steps, compile_step(job, &job->steps[i]));
    json_t *document = json_pack("{s:i,s:s,s:o}", "format", MACHINE_FORMAT, "job", job->name, "steps", steps);
    set_text(document, "lock", job->lock);
    mark_needed(job, document);
    char *text = json_canonical(document);
    json_decref(document);
    return text;
}
