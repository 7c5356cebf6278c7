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

/* Repeating it is harmless, as its class says; and what a fault makes a run do for the first time, it does
 * once. */
static bool may_be_more(const struct rehearsal *rehearsal, const struct situation *situation,
                        const json_t *outcome, const char *effect, int64_t had)
{
    bool goes_back = !strcmp(json_text(outcome, "status", ""), "rolled_back");
    bool pretended = !strncmp(effect, "the effect", strlen("the effect"));
    bool first = had == 1 && situation->faults && !situation->must_succeed;
    return is_record(effect) || first ||
           ((situation->faults || pretended || goes_back) && !is_once(rehearsal, effect));
}

/* "succeeded" */
static const char *end_of(const json_t *outcome)
{
    return json_text(outcome, "end", "");
}

/* At the end of the job, or at the approval that nobody is to give. */
static bool comes_to_the_same(const struct rehearsal *rehearsal, const json_t *outcome)
{
    return !strcmp(end_of(outcome), end_of(rehearsal->straight));
}

/* "unregister of chunk 2" as "… of the leaving chunk", where the chunks have other numbers. */
static json_t *without_numbers(const json_t *counts)
{
    static const char numbered[] = "unregister of chunk ";
    json_t *sums = json_object(), *number;
    const char *effect;
    json_object_foreach((json_t *)counts, effect, number)
    {
        const char *name = strncmp(effect, numbered, strlen(numbered)) ? effect
                                                                       : "unregister of the leaving chunk";
        json_object_set_new(sums, name, json_integer(json_int(sums, name, 0) + json_integer_value(number)));
    }
    return sums;
}

static void compare_counts(const struct rehearsal *rehearsal, const struct situation *situation,
                           const json_t *wanted, const json_t *got, json_t *outcome)
{
    bool same = comes_to_the_same(rehearsal, outcome);
    bool excused = situation->faults && !situation->passes && !situation->must_succeed;
    const char *effect;
    json_t *number;
    json_object_foreach((json_t *)got, effect, number)
    {
        long long had = json_int(got, effect, 0), should = json_int(wanted, effect, 0);
        if (had > should && !may_be_more(rehearsal, situation, outcome, effect, had))
            finding_add(outcome, "%s happened %lld times instead of %lld", effect, had, should);
    }
    json_object_foreach((json_t *)wanted, effect, number)
    {
        if (same && !excused && !is_record(effect) && json_int(got, effect, 0) < json_int(wanted, effect, 0))
            finding_add(outcome, "%s did not happen, and yet the run %s", effect, end_of(outcome));
    }
}

static void compare_effects(const struct rehearsal *rehearsal, const struct situation *situation,
                            json_t *outcome)
{
    const json_t *wanted = json_object_get(rehearsal->straight, "counts");
    const json_t *got = json_object_get(outcome, "counts");
    if (!situation->must_succeed) {
        compare_counts(rehearsal, situation, wanted, got, outcome);
        return;
    }
    json_t *should = without_numbers(wanted), *had = without_numbers(got);
    compare_counts(rehearsal, situation, should, had, outcome);
    json_decref(should);
    json_decref(had);
}

/* ---- what a run that was only cut off has done, and come to ---- */

/* Once, and on something else than undisturbed: what it would have been done to is left as it was. */
static void compare_aims(const json_t *straight, json_t *outcome)
{
    const json_t *wanted = json_object_get(straight, "aims"), *got = json_object_get(outcome, "aims");
    const char *visit;
    json_t *aim;
    json_object_foreach((json_t *)got, visit, aim)
    {
        const char *undisturbed = json_text(wanted, visit, NULL);
        if (undisturbed && strcmp(json_string_value(aim), undisturbed))
            finding_add(outcome, "\"%.*s\" was done with %s, and undisturbed with %s",
                        (int)(strrchr(visit, ' ') - visit), visit, json_string_value(aim), undisturbed);
    }
}

static void compare_files(const json_t *straight, json_t *outcome)
{
    const json_t *wanted = json_object_get(straight, "files"), *got = json_object_get(outcome, "files");
    const char *path;
    json_t *digest;
    json_object_foreach((json_t *)wanted, path, digest)
    {
        if (!json_equal(digest, json_object_get(got, path)))
            finding_add(outcome, "%s ends with other content than undisturbed", path);
    }
}

static const char *const ORDERLY[] = {"statefulsets", "chunks", "pods", "releases", "nodes", "leader", NULL};

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
            finding_add(outcome, "it %s, and yet StatefulSet %s has %lld replicas, not %lld", end_of(outcome),
                        set, (long long)json_int(have, set, -1), (long long)json_integer_value(number));
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
    bool same = comes_to_the_same(rehearsal, outcome), failed = !strcmp(end_of(outcome), "failed");
    const json_t *error = json_object_get(outcome, "error");
    compare_effects(rehearsal, situation, outcome);
    if (same && situation->faults) {
        compare_ends(straight, outcome);
    } else if (same) {
        compare_clusters(straight, outcome);
        compare_files(straight, outcome);
        compare_aims(straight, outcome);
    }
    const char *status = json_text(outcome, "status", "");
    if (!situation->faults && (!strcmp(status, "rolled_back") || !strcmp(status, "cancelled")))
        finding_add(outcome, "resumed, it does not go on: the run was %s",
                    *status == 'r' ? "rolled back" : status);
    if (failed && !situation->faults)
        object_to_failure(error, "resumed", outcome);
    if (failed && situation->must_succeed)
        object_to_failure(error, "it depends on the numbers that the chunks have here: with others", outcome);
    if (failed && situation->passes)
        object_to_failure(error, "resumed twice after the trouble was over", outcome);
}
