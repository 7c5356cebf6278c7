/* What came of a situation, and what is to be said against it by itself: its history, the storage, its edits.
 * What is held against the straight run is only collected here (compare.c). */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
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
    size_t index;
    json_t *item;
    json_object_del(shown, "now_ms");
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

static json_t *effects_of(const json_t *lines)
{
    json_t *effects = json_array(), *line;
    size_t index;
    json_array_foreach(lines, index, line)
    {
        if (json_object_get(line, "effect"))
            json_array_append(effects, line);
    }
    return effects;
}

/* NULL where it cannot be read, and that is said. */
static json_t *look_at_cluster(const char *place, json_t *outcome)
{
    struct error error = {0};
    char *sim = string_format("%s/sim.json", place);
    json_t *shown = sim_show_state(sim, &error), *lines = shown ? sim_log_read(sim, &error) : NULL;
    free(sim);
    if (!lines) {
        finding_add(outcome, "the simulated cluster cannot be read: %s", error.message);
        json_decref(shown);
        return NULL;
    }
    json_t *effects = effects_of(lines);
    json_object_set_new(outcome, "counts", count_effects(effects));
    json_object_set_new(outcome, "done", effects);
    forget_chance(shown);
    json_object_set_new(outcome, "cluster", shown);
    return lines;
}

/* ---- what was to happen, and did not ---- */

static char *fault_text(const json_t *fault)
{
    struct text text = {0};
    size_t index;
    json_t *word;
    json_array_foreach(json_object_get(fault, "words"), index, word)
        text_format(&text, "%s%s", index ? " " : "", json_string_value(word));
    return text_take(&text);
}

/* A fault that no request has met has rehearsed nothing; what the operator has scripted into the cluster and
 * the straight run does not meet, they may have mistyped. */
static void look_at_faults(const struct rehearsal *rehearsal, const struct situation *situation,
                           const char *place, json_t *outcome)
{
    struct error ignored;
    char *sim = string_format("%s/sim.json", place);
    json_t *pending = sim_faults_pending(sim, &ignored), *fault;
    size_t index;
    json_array_foreach(situation->faults, index, fault)
    {
        char *text = fault_text(fault);
        if (json_list_has(pending, text))
            json_object_set_new(outcome, "missed", json_true());
        free(text);
    }
    if (!rehearsal->straight && json_array_size(pending))
        json_object_set(outcome, "pending", pending);
    json_decref(pending);
    free(sim);
}

/* ---- the storage ---- */

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

static int chunk_pods(const json_t *cluster)
{
    size_t index;
    json_t *set;
    json_array_foreach(json_object_get(cluster, "statefulsets"), index, set)
    {
        if (!strcmp(json_text(set, "name", ""), "iomesh-chunk"))
            return (int)json_int(set, "replicas", 0);
    }
    return 0;
}

/* The storage itself, whatever the run says of its end. */
static void look_at_storage(const json_t *lines, json_t *outcome)
{
    struct sim_watching watching = {
        .below_minimum = allows_below_minimum(json_object_get(outcome, "history")),
        .goes_back = !strcmp(json_text(outcome, "status", ""), "rolled_back"),
    };
    int first = sim_first_chunk_pods(lines, chunk_pods(json_object_get(outcome, "cluster")));
    json_t *objections = sim_watch(lines, first, &watching);
    json_array_extend(json_object_get(outcome, "findings"), objections);
    json_decref(objections);
}

/* Chunks that no pod serves any more. */
static int count_orphans(const json_t *cluster)
{
    int count = 0;
    size_t index, other;
    json_t *chunk, *pod;
    json_array_foreach(json_object_get(cluster, "chunks"), index, chunk)
    {
        bool served = false;
        json_array_foreach(json_object_get(cluster, "pods"), other, pod)
            served = served || !strcmp(json_text(pod, "name", ""), json_text(chunk, "pod", ""));
        count += !served;
    }
    return count;
}

static int orphans_before(const struct rehearsal *rehearsal)
{
    struct error ignored;
    char *sim = string_format("%s/sim.json", rehearsal->stage);
    json_t *shown = sim_show_state(sim, &ignored);
    int count = count_orphans(shown);
    json_decref(shown);
    free(sim);
    return count;
}

/* Of a run that says that nothing is left to be done; some may have been there before. */
static void look_at_orphans(const struct rehearsal *rehearsal, json_t *outcome)
{
    const char *status = json_text(outcome, "status", "");
    bool back = !strcmp(status, "rolled_back");
    int left = back || !strcmp(status, "succeeded") ? count_orphans(json_object_get(outcome, "cluster")) : 0;
    if (left && left > orphans_before(rehearsal))
        finding_add(outcome, "it %s and left a chunk registered that no pod serves any more",
                    back ? "was rolled back" : "succeeded");
}

/* ---- what was edited and never deployed ---- */

static char *shown(const json_t *value)
{
    const char *text = json_text(value, "spelled", json_string_value(value));
    return text ? string_copy(text) : json_canonical(value);
}

static const json_t *value_at(const json_t *values, const char *path)
{
    char *copy = string_copy(path), *rest = copy;
    for (char *key; values && (key = strsep(&rest, "."));)
        values = json_object_get(values, key);
    free(copy);
    return values;
}

static void compare_edit(const json_t *set, const json_t *values, json_t *outcome)
{
    const char *path;
    json_t *value;
    json_object_foreach((json_t *)set, path, value)
    {
        char *edited = shown(value), *deployed = shown(value_at(values, path));
        if (strcmp(edited, deployed))
            finding_add(outcome, "it succeeded, the values file says %s: %s, and the release has %s", path,
                        edited, deployed);
        free(edited);
        free(deployed);
    }
}

/* The last edit of each step, where the run has upgraded a release at all. */
static void look_at_edits(json_t *outcome)
{
    const json_t *releases = json_at(outcome, "cluster", "releases", NULL),
                 *history = json_object_get(outcome, "history");
    const json_t *values = json_object_get(json_array_get(releases, json_array_size(releases) - 1), "values");
    json_t *edits = json_object(), *record;
    bool upgraded = false;
    size_t index;
    json_array_foreach(history, index, record)
    {
        const json_t *inputs = json_at(record, "body", "inputs", NULL);
        bool starts = !strcmp(json_text(record, "event", ""), "step_started");
        upgraded = upgraded || (starts && json_object_get(inputs, "release"));
        if (starts && json_object_get(inputs, "file"))
            json_object_update(edits, json_object_get(inputs, "set"));
    }
    if (upgraded && !strcmp(json_text(outcome, "end", ""), "succeeded"))
        compare_edit(edits, values, outcome);
    json_decref(edits);
}

/* ---- what differs between places only by its name ---- */

static json_t *digest_text(const char *path)
{
    struct digest digest;
    struct error ignored;
    char hex[DIGEST_HEX_SIZE];
    if (digest_of_file(path, &digest, &ignored))
        return json_string("missing");
    digest_hex(&digest, hex);
    return json_string(hex);
}

/* Those that its steps have edited: the operator's path → SHA-256 of the private copy. */
static void look_at_files(const char *private, json_t *outcome)
{
    json_t *files = json_object(), *record;
    size_t index;
    json_array_foreach(json_object_get(outcome, "history"), index, record)
    {
        const char *path = json_text(json_at(record, "body", "inputs", NULL), "file", "");
        if (!strncmp(path, private, strlen(private)))
            json_object_set_new(files, path + strlen(private), digest_text(path));
    }
    json_object_set_new(outcome, "files", files);
}

static bool acts_once(const struct rehearsal *rehearsal, const char *step)
{
    int index = job_step_index(rehearsal->job, step);
    return index >= 0 && rehearsal->job->steps[index].effect == EFFECT_ONCE;
}

/* Inputs as text, with the operator's paths. */
static json_t *aim_text(const json_t *inputs, const char *private)
{
    struct text text = {0};
    char *canonical = json_canonical(inputs);
    const char *rest = canonical;
    for (const char *found; (found = strstr(rest, private)); rest = found + strlen(private))
        text_append(&text, rest, (size_t)(found - rest));
    text_add(&text, rest);
    free(canonical);
    json_t *aim = json_string(text_string(&text));
    text_clear(&text);
    return aim;
}

/* What each visit of a `once` step was started with, the last time: "STEP 1" → its inputs. */
static void look_at_aims(const struct rehearsal *rehearsal, const char *private, json_t *outcome)
{
    json_t *aims = json_object(), *record;
    size_t index;
    json_array_foreach(json_object_get(outcome, "history"), index, record)
    {
        const char *step = json_text(record, "step", "");
        if (strcmp(json_text(record, "event", ""), "step_started") || !acts_once(rehearsal, step))
            continue;
        char *visit = string_format("%s %lld", step, (long long)json_int(record, "visit", 0));
        json_object_set_new(aims, visit, aim_text(json_at(record, "body", "inputs", NULL), private));
        free(visit);
    }
    json_object_set_new(outcome, "aims", aims);
}

static void look_at_private(const struct rehearsal *rehearsal, const char *place, json_t *outcome)
{
    char *private = string_format("%s/files", place);
    look_at_files(private, outcome);
    look_at_aims(rehearsal, private, outcome);
    free(private);
}

static const char *verdict_of(const json_t *outcome)
{
    const char *end = json_text(outcome, "end", "");
    if (json_array_size(json_object_get(outcome, "findings")))
        return "unsafe";
    if (!strcmp(end, "asks") || json_int(outcome, "decisions", 0))
        return "asks";
    if (!strcmp(end, END_APPROVAL))
        return "waits";
    if (strcmp(end, "succeeded"))
        return "stops";
    return json_int(outcome, "resumes", 0) ? "resumes" : "ok";
}

/* What nobody asks for any more; the history stays where there is something to explain, or to look at. */
static void forget_evidence(const struct rehearsal *rehearsal, json_t *outcome)
{
    static const char *const parts[] = {"cluster", "counts", "done", "files", "aims"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        json_object_del(outcome, parts[i]);
    if (!json_array_size(json_object_get(outcome, "findings")) && !rehearsal->chosen)
        json_object_del(outcome, "history");
}

/* Undisturbed: at its end, or at the approval that nobody is to give. */
static bool rests_as_meant(const struct rehearsal *rehearsal, const json_t *outcome)
{
    const char *end = json_text(outcome, "end", "");
    return !strcmp(end, "succeeded") || (!rehearsal->approves && !strcmp(end, END_APPROVAL));
}

static void object_to_end(json_t *outcome)
{
    const json_t *error = json_object_get(outcome, "error");
    const char *message = json_text(error, "message", "");
    finding_add(outcome, "undisturbed, it %s at \"%s\"%s%s", json_text(outcome, "end", ""),
                json_text(error, "step", json_text(outcome, "at", "?")), *message ? ": " : "", message);
}

void judge(const struct rehearsal *rehearsal, const struct situation *situation, const char *place,
           json_t *outcome)
{
    look_at_store(place, outcome);
    json_t *lines = look_at_cluster(place, outcome);
    look_at_faults(rehearsal, situation, place, outcome);
    if (!rehearsal->straight && !rests_as_meant(rehearsal, outcome))
        object_to_end(outcome);
    look_at_storage(lines, outcome);
    json_decref(lines);
    look_at_orphans(rehearsal, outcome);
    look_at_edits(outcome);
    look_at_private(rehearsal, place, outcome);
    if (rehearsal->straight)
        compare(rehearsal, situation, outcome);
    json_object_set_new(outcome, "outcome", json_string(verdict_of(outcome)));
    if (rehearsal->straight)
        forget_evidence(rehearsal, outcome);
}
