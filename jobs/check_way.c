/* The order of steps: every step is reached, every loop is bounded, the end can be reached, guards have run
 * and only observe. */
#include <stdio.h>
#include <string.h>

#include "jobs/reading.h"

/* ---- loops ---- */

static void check_way(struct reading *reading, int index, const struct job_way *way, const char *key)
{
    const struct job *job = reading->job;
    const struct document_node *node = document_get(reading->sources[index].node, key);
    if (way->target < 0 || way->target > index || way->max_visits)
        return;
    char hint[160];
    snprintf(hint, sizeof hint, "{goto: %s, max_visits: 3}", job->steps[way->target].id);
    report(reading, "E0303", node->place, hint, "\"%s\" goes back to \"%s\" (line %d) without a bound",
           job->steps[index].id, job->steps[way->target].id, job->steps[way->target].line);
}

/* ---- reachability ---- */

/* Why nothing leads to a step: the one before it goes elsewhere, or is not reached either. */
static void report_unreached(struct reading *reading, int index)
{
    const struct job_step *before = &reading->job->steps[index - 1];
    char hint[200] = "";
    if (flow_reaches(reading->flow, index - 1) && before->next.target >= 0)
        snprintf(hint, sizeof hint, "\"%s\" (line %d) leads elsewhere by next:", before->id, before->line);
    report(reading, "E0301", reading->sources[index].place, hint, "no way leads to the step \"%s\"",
           reading->job->steps[index].id);
}

static void check_reached(struct reading *reading)
{
    const struct job *job = reading->job;
    for (int i = 1; i < job->step_count; i++)
        if (!flow_reaches(reading->flow, i) && flow_reaches(reading->flow, i - 1))
            report_unreached(reading, i);
        else if (!flow_reaches(reading->flow, i))
            report(reading, "E0301", reading->sources[i].place, NULL, "no way leads to the step \"%s\"",
                   job->steps[i].id);
    if (!flow_ends(reading->flow))
        report(reading, "E0304", reading->sources[job->step_count - 1].place, NULL,
               "no way leads to the end of the job: it can only fail");
}

/* ---- guards ---- */

/* Kinds that observe, and yet cannot be asked for one fresh look. */
static const char *guard_refusal(const struct kind_declaration *kind)
{
    static const struct {
        const char *kind, *why;
    } refusals[] = {{"approve", "asks a person"}, {"sleep", "only waits"}};
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        if (!strcmp(refusals[i].kind, kind->name))
            return refusals[i].why;
    return NULL;
}

static void check_guard(struct reading *reading, int index, int guard, const struct document_node *node)
{
    const struct job_step *step = &reading->job->steps[index], *asked = &reading->job->steps[guard];
    char hint[256];
    if (!asked->kind)
        return;
    const char *why = guard_refusal(asked->kind);
    if (asked->effect != EFFECT_OBSERVE)
        report(reading, "E0305", node->place, NULL,
               "the guard \"%s\" does not only observe: %s is of the class %s", asked->id, asked->kind->name,
               effect_class_text(asked->effect));
    else if (why)
        report(reading, "E0305", node->place, NULL, "\"%s\" cannot be a guard: %s %s", asked->id,
               asked->kind->name, why);
    if (guard == index) {
        report(reading, "E0311", node->place, NULL, "\"%s\" cannot guard itself", step->id);
        return;
    }
    if (!flow_reaches(reading->flow, index) || flow_has_succeeded(reading->flow, index, guard))
        return;
    flow_explain(reading->flow, index, guard, hint, sizeof hint);
    report(reading, "E0311", node->place, hint, "\"%s\" may run before its guard \"%s\" has run", step->id,
           asked->id);
}

static void check_guards(struct reading *reading, int index)
{
    const struct job_step *step = &reading->job->steps[index];
    const struct document_node *list = document_get(reading->sources[index].node, "guards");
    for (int i = 0; i < step->guard_count; i++)
        for (int at = 0; at < list->count; at++)
            if (list->entries[at].value->text &&
                !strcmp(list->entries[at].value->text, reading->job->steps[step->guards[i]].id)) {
                check_guard(reading, index, step->guards[i], list->entries[at].value);
                break;
            }
}

void check_ways(struct reading *reading)
{
    const struct job *job = reading->job;
    for (int i = 0; i < job->step_count; i++) {
        check_way(reading, i, &job->steps[i].next, "next");
        check_way(reading, i, &job->steps[i].failure_way, "on_failure");
        check_guards(reading, i);
    }
    if (!reading->ways_are_broken)
        check_reached(reading);
}
