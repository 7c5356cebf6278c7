/* What came of a situation, held against the straight run: the same cluster, the same files, every effect as
 * often, and a history that can be verified. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/rehearse/rehearsal.h"
#include "cluster/sim/sim.h"
#include "cluster/sim/watch.h"
#include "engine/replay.h"

/* ---- what there is to see ---- */

static int keep_run(void *context, const struct run_row *row)
{
    json_t *outcome = context;
    json_t *error = row->error ? json_loads(row->error, 0, NULL) : NULL;
    json_t *waiting = row->waiting ? json_loads(row->waiting, 0, NULL) : NULL;
    json_object_set_new(outcome, "status", json_string(row->status));
    if (row->step)
        json_object_set_new(outcome, "at", json_string(row->step));
    if (error)
        json_object_set_new(outcome, "error", error);
    if (waiting)
        json_object_set_new(outcome, "waiting", waiting);
    return 0;
}

static int keep_event(void *context, const struct record *record)
{
    json_array_append_new(context, record_json(record));
    return 0;
}

static void look_at_store(const char *place, json_t *outcome)
{
    struct error error = {0};
    struct chain_report report = {0};
    char *path = string_format("%s/pawl.db", place);
    struct store *store = store_open(path, STORE_WRITE, &error);
    json_t *history = json_array();
    if (!store || store_read_run(store, 1, keep_run, outcome, &error) ||
        store_each_record(store, 1, 0, keep_event, history, &error))
        finding_add(outcome, "the store cannot be read: %s", error.message);
    else if (replay_verify(store, &report, &error))
        finding_add(outcome, "the history cannot be verified: %s", error.message);
    else if (!report.intact)
        finding_add(outcome, "the history is not intact: %s", report.what);
    json_object_set_new(outcome, "history", history);
    store_close(store);
    free(path);
}

/* What may differ between two runs that came to the same: times, tokens, the uids of new pods. */
static void forget_chance(json_t *shown)
{
    static const char *const others[] = {"effects", "requests", "events", "now_ms"};
    size_t index;
    json_t *item;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        json_object_del(shown, others[i]);
    json_array_foreach(json_object_get(shown, "releases"), index, item)
    {
        json_object_del(item, "updated");
        json_object_del(json_object_get(item, "labels"), "pawl-token");
        if (!strncmp(json_text(item, "description", ""), "pawl ", 5))
            json_object_set_new(item, "description", json_string("pawl"));
    }
    json_array_foreach(json_object_get(shown, "pods"), index, item)
    {
        json_object_del(item, "uid");
    }
}

static void count(json_t *counts, const char *what)
{
    json_object_set_new(counts, what, json_integer(json_int(counts, what, 0) + 1));
}

/* "unregister 2", "stand_in migrate", "helm_upgrade": what must be as often as in the straight run. */
static json_t *count_effects(const json_t *effects)
{
    json_t *counts = json_object(), *effect;
    size_t index;
    json_array_foreach(effects, index, effect)
    {
        const char *name = json_text(effect, "effect", "");
        char *what = !strcmp(name, "unregister")
                         ? string_format("%s of chunk %lld", name, (long long)json_int(effect, "id", 0))
                     : !strcmp(name, "stand_in")
                         ? string_format("the effect of \"%s\"", json_text(effect, "step", ""))
                         : string_copy(name);
        if (strcmp(json_text(effect, "caller", ""), "other"))
            count(counts, what);
        free(what);
    }
    return counts;
}

static void look_at_cluster(const char *place, json_t *outcome)
{
    struct error error = {0};
    char *sim = string_format("%s/sim.json", place);
    json_t *shown = sim_show(sim, &error);
    free(sim);
    if (!shown) {
        finding_add(outcome, "the simulated cluster cannot be read: %s", error.message);
        return;
    }
    json_object_set(outcome, "done", json_object_get(shown, "effects"));
    json_object_set_new(outcome, "counts", count_effects(json_object_get(shown, "effects")));
    forget_chance(shown);
    json_object_set_new(outcome, "cluster", shown);
}

/* ---- held against the straight run ---- */

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
static bool is_once(const char *effect)
{
    return !strncmp(effect, "unregister", strlen("unregister")) || !strncmp(effect, "the effect of", 13);
}

static void compare_counts(const json_t *straight, const struct situation *situation, json_t *outcome)
{
    const json_t *wanted = json_object_get(straight, "counts"), *got = json_object_get(outcome, "counts");
    bool succeeded = !strcmp(json_text(outcome, "end", ""), "succeeded");
    const char *effect;
    json_t *number;
    json_object_foreach((json_t *)got, effect, number)
    {
        long long had = json_int(got, effect, 0), should = json_int(wanted, effect, 0);
        bool harmless = is_record(effect) || (situation->faults && !is_once(effect)) ||
                        situation->must_succeed;
        if (!harmless && had > should)
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

static int count_unhealthy(const json_t *cluster)
{
    int count = 0;
    size_t index;
    json_t *chunk;
    json_array_foreach(json_object_get(cluster, "chunks"), index, chunk)
        count += strcmp(json_text(chunk, "status", ""), "CHUNK_STATUS_CONNECTED_HEALTHY") != 0;
    return count;
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
    if (count_unhealthy(got) > count_unhealthy(wanted))
        finding_add(outcome, "it succeeded and left a chunk that is not healthy");
    json_decref(should);
    json_decref(have);
}

static void object_to_failure(const json_t *outcome_error, const char *how, json_t *outcome)
{
    finding_add(outcome, "%s, it fails at \"%s\": %s", how, json_text(outcome_error, "step", "?"),
                json_text(outcome_error, "message", ""));
}

static void hold_against(const json_t *straight, const struct situation *situation, json_t *outcome)
{
    const char *end = json_text(outcome, "end", "");
    bool succeeded = !strcmp(end, "succeeded"), failed = !strcmp(end, "failed");
    const json_t *error = json_object_get(outcome, "error");
    compare_counts(straight, situation, outcome);
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

static bool allows_below_minimum(const json_t *history)
{
    size_t index;
    json_t *record;
    json_array_foreach(history, index, record)
    {
        const json_t *inputs = json_at(record, "body", "inputs", NULL);
        if (json_bool(inputs, "allow_below_minimum", false))
            return true;
    }
    return false;
}

/* The storage itself, whatever the run says of its end. */
static void look_at_storage(const char *place, json_t *outcome)
{
    struct error error = {0};
    struct sim_watching watching = {
        .below_minimum = allows_below_minimum(json_object_get(outcome, "history")),
        .goes_back = !strcmp(json_text(outcome, "status", ""), "rolled_back"),
    };
    char *sim = string_format("%s/sim.json", place);
    json_t *objections = sim_watch(sim, &watching, &error);
    if (!objections)
        finding_add(outcome, "the simulated storage cannot be watched: %s", error.message);
    json_array_extend(json_object_get(outcome, "findings"), objections);
    json_decref(objections);
    free(sim);
}

static const char *verdict_of(const json_t *outcome)
{
    const char *end = json_text(outcome, "end", "");
    if (json_array_size(json_object_get(outcome, "findings")))
        return "unsafe";
    if (!strcmp(end, "asks") || json_int(outcome, "decisions", 0))
        return "asks";
    if (!strcmp(end, "waits for approval"))
        return "waits";
    if (strcmp(end, "succeeded"))
        return "stops";
    return json_int(outcome, "resumes", 0) ? "resumes" : "ok";
}

/* What nobody asks for any more; the history stays where there is something to explain. */
static void forget_evidence(json_t *outcome)
{
    static const char *const parts[] = {"cluster", "counts", "done"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        json_object_del(outcome, parts[i]);
    if (!json_array_size(json_object_get(outcome, "findings")))
        json_object_del(outcome, "history");
}

void judge(const struct rehearsal *rehearsal, const struct situation *situation, const char *place,
           json_t *outcome)
{
    look_at_store(place, outcome);
    look_at_cluster(place, outcome);
    if (!rehearsal->straight && strcmp(json_text(outcome, "end", ""), "succeeded")) {
        const json_t *error = json_object_get(outcome, "error");
        finding_add(outcome, "undisturbed, it %s at \"%s\": %s", json_text(outcome, "end", ""),
                    json_text(error, "step", json_text(outcome, "at", "?")), json_text(error, "message", ""));
    }
    look_at_storage(place, outcome);
    if (rehearsal->straight)
        hold_against(rehearsal->straight, situation, outcome);
    json_object_set_new(outcome, "outcome", json_string(verdict_of(outcome)));
    if (rehearsal->straight)
        forget_evidence(outcome);
}
