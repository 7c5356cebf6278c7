/* A situation held against the straight run: the same cluster, every effect as often. After a fault much may
 * differ; what must never be repeated, and what the job is for, may not. */
#include <string.h>

#include "base/json.h"
#include "cli/rehearse/rehearsal.h"

/* Made again where helm was cut off before its end: a record, never a workload. */
static bool is_record(const char *effect)
{
    static const char *const records[] = {"helm_recorded", "helm_failed", "record_removed"};
    for (size_t i = 0; i < sizeof records / sizeof *records; i++)
        if (!strcmp(records[i], effect))
            return true;
    return false;
}

/* What is never to be repeated: a command of the storage, and what a stand-in pretends for a step of that
 * class. */
static bool is_once(const struct rehearsal *rehearsal, const char *effect)
{
    static const char pretended[] = "the effect of \"";
    if (strncmp(effect, pretended, strlen(pretended)))
        return !strncmp(effect, "unregister", strlen("unregister"));
    const char *name = effect + strlen(pretended);
    for (int i = 0; i < rehearsal->job->step_count; i++) {
        const struct job_step *step = &rehearsal->job->steps[i];
        size_t length = strlen(step->id);
        if (!strncmp(name, step->id, length) && name[length] == '"')
            return step->effect == EFFECT_ONCE;
    }
    return false;
}

/* Repeating it is harmless, as its class says. */
static bool may_repeat(const struct rehearsal *rehearsal, const struct situation *situation,
                       const json_t *outcome, const char *effect)
{
    bool goes_back = !strcmp(json_text(outcome, "status", ""), "rolled_back");
    bool pretended = !strncmp(effect, "the effect", strlen("the effect"));
    return is_record(effect) || situation->must_succeed ||
           ((situation->faults || pretended || goes_back) && !is_once(rehearsal, effect));
}

static void compare_counts(const struct rehearsal *rehearsal, const struct situation *situation,
                           json_t *outcome)
{
    const json_t *straight = rehearsal->straight;
    const json_t *wanted = json_object_get(straight, "counts"), *got = json_object_get(outcome, "counts");
    bool succeeded = !strcmp(json_text(outcome, "end", ""), "succeeded");
    const char *effect;
    json_t *number;
    json_object_foreach((json_t *)got, effect, number)
    {
        long long had = json_int(got, effect, 0), should = json_int(wanted, effect, 0);
        if (had > should && !may_repeat(rehearsal, situation, outcome, effect))
            finding_add(outcome, "%s happened %lld times instead of %lld", effect, had, should);
    }
    json_object_foreach((json_t *)wanted, effect, number)
    {
        bool may_lack = is_record(effect) || (situation->faults && !situation->passes) || !succeeded;
        if (!may_lack && json_int(got, effect, 0) < json_int(wanted, effect, 0))
            finding_add(outcome, "%s did not happen, and yet the run succeeded", effect);
    }
}

static const char *ORDERLY[] = {"statefulsets", "chunks", "pods", "releases", "nodes", "leader", NULL};

/* A run that was only cut off must come to what it comes to undisturbed. */
static void compare_clusters(const json_t *straight, json_t *outcome)
{
    const json_t *wanted = json_object_get(straight, "cluster"), *got = json_object_get(outcome, "cluster");
    for (int i = 0; ORDERLY[i]; i++)
        if (!json_equal(json_object_get(wanted, ORDERLY[i]), json_object_get(got, ORDERLY[i]))) {
            finding_add(outcome, "the cluster ends otherwise than undisturbed: %s", ORDERLY[i]);
            return;
        }
}

static json_t *replicas_of(const json_t *cluster)
{
    json_t *replicas = json_object(), *set;
    size_t index;
    json_array_foreach(json_object_get(cluster, "statefulsets"), index, set)
        json_object_set(replicas, json_text(set, "name", ""), json_object_get(set, "replicas"));
    return replicas;
}

/* After a fault much may differ; what the job is for may not. */
static void compare_ends(const json_t *straight, json_t *outcome)
{
    const json_t *wanted = json_object_get(straight, "cluster"), *got = json_object_get(outcome, "cluster");
    json_t *should = replicas_of(wanted), *have = replicas_of(got), *number;
    const char *set;
    json_object_foreach(should, set, number)
    {
        if (json_int(have, set, -1) != json_integer_value(number))
            finding_add(outcome, "it succeeded, and yet StatefulSet %s has %lld replicas, not %lld", set,
                        (long long)json_int(have, set, -1), (long long)json_integer_value(number));
    }
    json_decref(should);
    json_decref(have);
}

static void object_to_failure(const json_t *outcome_error, const char *how, json_t *outcome)
{
    finding_add(outcome, "%s, it fails at \"%s\": %s", how, json_text(outcome_error, "step", "?"),
                json_text(outcome_error, "message", ""));
}

void compare(const struct rehearsal *rehearsal, const struct situation *situation, json_t *outcome)
{
    const json_t *straight = rehearsal->straight;
    const char *end = json_text(outcome, "end", "");
    bool succeeded = !strcmp(end, "succeeded"), failed = !strcmp(end, "failed");
    const json_t *error = json_object_get(outcome, "error");
    compare_counts(rehearsal, situation, outcome);
    if (succeeded && situation->faults)
        compare_ends(straight, outcome);
    else if (succeeded)
        compare_clusters(straight, outcome);
    if (failed && !situation->faults)
        object_to_failure(error, "resumed", outcome);
    if (failed && situation->must_succeed)
        object_to_failure(error, "it depends on the numbers that the chunks have here: with others", outcome);
    if (failed && situation->passes)
        object_to_failure(error, "resumed twice after the trouble was over", outcome);
}
