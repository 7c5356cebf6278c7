/* What can go wrong: the list of situations, from what the straight run recorded. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/rehearse/rehearsal.h"

/* A run takes as long as it has commits, so that a rehearsal takes as long as their square. */
#define CRASHES_BUDGET 250000
#define CRASHES_LEAST  100

void situations_add(struct situations *situations, const struct situation *situation)
{
    if (situations->count == situations->capacity) {
        situations->capacity = situations->capacity ? 2 * situations->capacity : 64;
        situations->list = memory_resize(situations->list, (size_t)situations->capacity,
                                         sizeof *situations->list);
    }
    struct situation *added = &situations->list[situations->count++];
    *added = *situation;
    added->name = string_copy(situation->name);
    added->step = string_copy(situation->step);
    added->what = string_copy(situation->what);
    json_incref(added->faults);
}

void situations_clear(struct situations *situations)
{
    for (int i = 0; i < situations->count; i++) {
        free(situations->list[i].name);
        free(situations->list[i].step);
        free(situations->list[i].what);
        json_decref(situations->list[i].faults);
    }
    free(situations->list);
    *situations = (struct situations){0};
}

void situations_begin(struct situations *situations)
{
    situations_add(situations, &(struct situation){.name = (char *)"straight",
                                                   .step = (char *)"",
                                                   .column = "",
                                                   .what = (char *)"undisturbed"});
}

/* ---- crashes ---- */

/* "edit step_succeeded, upgrade step_started" */
static char *events_text(const json_t *commit)
{
    struct text text = {0};
    size_t index;
    json_t *event;
    json_array_foreach(json_object_get(commit, "events"), index, event)
        text_format(&text, "%s%s", index ? ", " : "", json_string_value(event));
    return text_take(&text);
}

static void add_crash(struct situations *situations, int *number, struct situation situation)
{
    situation.name = string_format("crash:%d", ++*number);
    situations_add(situations, &situation);
    free(situation.name);
}

static void plan_commits(struct situations *situations, const json_t *trace, int *number)
{
    size_t index;
    json_t *commit;
    json_array_foreach(trace, index, commit)
    {
        char *events = events_text(commit);
        char *step = string_copy(json_text(commit, "step", ""));
        for (int after = 0; after < 2; after++) {
            struct situation situation = {
                .step = step,
                .column = after ? "crash after" : "crash before",
                .what = string_format("pawl killed right %s commit %zu (%s)", after ? "after" : "before",
                                      index + 1, *events ? events : "the run recorded"),
                .cut = after ? CUT_AFTER_COMMIT : CUT_BEFORE_COMMIT,
                .number = (int)index + 1,
            };
            add_crash(situations, number, situation);
            free(situation.what);
        }
        free(step);
        free(events);
    }
}

/* The step in hand when the n-th effect was made: the one whose commit is the first that counted it. */
static const char *step_of_effect(const json_t *trace, int effect)
{
    size_t index;
    json_t *commit;
    json_array_foreach(trace, index, commit)
    {
        if (json_int(commit, "effects", 0) >= effect)
            return json_text(commit, "step", "");
    }
    return "";
}

static void plan_effect(struct situations *situations, const json_t *trace, const json_t *effect, int of,
                        int *number)
{
    static const struct {
        const char *victims, *says;
    } deaths[] = {
        {"helm", "helm killed"}, {"driver", "pawl killed"}, {"all", "pawl, keeper and helm killed"}};
    const char *name = json_text(effect, "effect", ""), *caller = json_text(effect, "caller", "");
    bool of_helm = strstr(caller, "/helm");
    char *step = string_copy(step_of_effect(trace, of));
    for (size_t i = 0; i < (of_helm ? sizeof deaths / sizeof *deaths : 1); i++)
        for (int after = 0; after < 2; after++) {
            struct situation situation = {
                .step = step,
                .column = after ? "crash after" : "crash before",
                .what = string_format("%s right %s effect %d (%s)", of_helm ? deaths[i].says : "pawl killed",
                                      after ? "after" : "before", of, name),
                .cut = after ? CUT_AFTER_EFFECT : CUT_BEFORE_EFFECT,
                .number = of,
                .victims = of_helm ? deaths[i].victims : NULL,
            };
            add_crash(situations, number, situation);
            free(situation.what);
        }
    free(step);
}

/* Every n-th of a long list from `first` on, and the operator is told: a job of a thousand steps would take
 * hours.
 */
static void thin_out(struct situations *situations, struct rehearsal *rehearsal, int first, const char *what)
{
    int count = situations->count - first, most = count ? CRASHES_BUDGET / count : count;
    most = most < CRASHES_LEAST ? CRASHES_LEAST : most;
    int step = (count + most - 1) / most;
    struct situations kept = {0};
    if (step < 2 || invocation_has(rehearsal->invocation, "all"))
        return;
    for (int i = 0; i < situations->count; i++)
        if (i < first || (i - first) % step == 0)
            situations_add(&kept, &situations->list[i]);
    note_add(rehearsal, "%d of %d %s are rehearsed, each %d-th: the job is long (--all: all of them)",
             kept.count - first, count, what, step);
    situations_clear(situations);
    *situations = kept;
}

bool situations_have_sort(const char *name, size_t length)
{
    static const char *const own[] = {"straight", "crash"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strlen(own[i]) == length && !strncmp(own[i], name, length))
            return true;
    return fault_is_known(name, length);
}

char *situations_sorts(void)
{
    struct text text = {0};
    text_add(&text, "straight, crash:N");
    fault_names_add(&text);
    return text_take(&text);
}

void situations_plan(struct situations *situations, struct rehearsal *rehearsal)
{
    const json_t *trace = json_object_get(rehearsal->straight, "trace");
    const json_t *effects = json_object_get(rehearsal->straight, "done");
    int number = 0;
    size_t index;
    json_t *effect;
    plan_commits(situations, trace, &number);
    json_array_foreach(effects, index, effect)
        plan_effect(situations, trace, effect, (int)index + 1, &number);
    thin_out(situations, rehearsal, 1, "crashes");
    int first = situations->count;
    situations_plan_faults(situations, rehearsal);
    thin_out(situations, rehearsal, first, "faults");
}
