/* The judge of shipped jobs, beside judge.c: what each of them promises about the cluster and the values
 * file. It believes the cluster's own log, its state, the file's bytes, and when a start was recorded. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "simulation/shipped.h"

#define CHUNKS_MOST 16
#define KEYS_MOST   64

enum presence { ABSENT, THERE, DRAINS, LOST };

/* A chunk of the storage, by its id. */
struct chunk {
    char pod[32];
    enum presence presence;
    int64_t since_ms, copied_ms; /* since when it is so; when what a lost one held has been copied again */
};

/* What helm did for a key. */
struct upgrade {
    char key[128];
    int changes, deployed;
};

struct promise {
    bool succeeded, rolled_back;
    bool persons; /* a person said how a step stands, or where it goes on: they promise the rest */
};

static struct chunk chunks[CHUNKS_MOST];
static struct upgrade upgrades[KEYS_MOST];
static int upgrade_count;
static struct promise runs[SIMULATION_RUNS_MOST + 1];
static int leaving;          /* the id of the chunk that the job takes away; -1: none */
static int forward;          /* upgrades that scaled, less those that scaled back */
static int taken;            /* chunks that were taken away */
static bool others;          /* somebody else scaled it */
static int64_t others_ms;    /* when somebody else last upgraded it; -1: nobody has */
static char late_key[128];   /* see shipped_judge_came_late */
static char *before, *after; /* the values file, as it was and as it becomes */

static bool is(const char *one, const char *other)
{
    return !strcmp(one, other);
}

static struct chunk *chunk_of(const json_t *of)
{
    int64_t id = json_int(of, "id", 0); /* 0: it is about none */
    assert(id >= 0 && id < CHUNKS_MOST);
    return &chunks[id];
}

static struct upgrade *upgrade_of(const char *key)
{
    for (int i = 0; i < upgrade_count; i++)
        if (is(upgrades[i].key, key))
            return &upgrades[i];
    assert(upgrade_count < KEYS_MOST);
    struct upgrade *upgrade = &upgrades[upgrade_count++];
    *upgrade = (struct upgrade){0};
    snprintf(upgrade->key, sizeof upgrade->key, "%s", key);
    return upgrade;
}

static const char *leaving_pod(void)
{
    static char pod[32];
    snprintf(pod, sizeof pod, "iomesh-chunk-%d", simulation.plan->to);
    return pod;
}

/* ---- the values file ---- */

static char *edited(const char *values, const char *set, int to)
{
    struct text text = {0};
    char section[16];
    snprintf(section, sizeof section, "%.*s:", (int)strcspn(set, "."), set);
    const char *at = strstr(strstr(values, section), "replicaCount: ") + strlen("replicaCount: ");
    text_append(&text, values, (size_t)(at - values));
    text_format(&text, "%d%s", to, at + strspn(at, "0123456789"));
    return text_take(&text);
}

void shipped_judge_file(void)
{
    char *values = shipped_values();
    if (!is(values, before) && !is(values, after))
        violate("the values file is neither what it was nor what the job makes of it: %s", values);
    free(values);
}

static bool file_is(const char *wanted)
{
    char *values = shipped_values();
    bool same = is(values, wanted);
    free(values);
    return same;
}

/* ---- the cluster ---- */

static int replicas(void)
{
    size_t index;
    json_t *set;
    const json_t *sets = json_at(shipped_state(), "objects", "statefulsets", NULL);
    json_array_foreach(sets, index, set)
    {
        if (is(json_text(json_object_get(set, "metadata"), "name", ""), shipped_job()->set))
            return (int)json_int(json_object_get(set, "spec"), "replicas", -1);
    }
    return -1;
}

static bool is_listed(int id)
{
    size_t index;
    json_t *chunk;
    json_array_foreach(json_object_get(shipped_state(), "chunks"), index, chunk)
    {
        if (json_int(chunk, "id", -1) == id)
            return true;
    }
    return false;
}

void shipped_judge_begin(void)
{
    size_t index;
    json_t *chunk;
    memset(chunks, 0, sizeof chunks);
    memset(runs, 0, sizeof runs);
    upgrade_count = forward = taken = 0;
    others = false;
    others_ms = -1;
    late_key[0] = '\0';
    leaving = -1;
    json_array_foreach(json_object_get(shipped_state(), "chunks"), index, chunk)
    {
        struct chunk *known = chunk_of(chunk);
        known->presence = THERE;
        snprintf(known->pod, sizeof known->pod, "%s", json_text(chunk, "pod", ""));
        if (shipped_job()->in && is(known->pod, leaving_pod()))
            leaving = (int)(known - chunks);
    }
    free(before);
    free(after);
    before = shipped_values();
    after = edited(before, shipped_job()->path, simulation.plan->to);
}

void shipped_judge_renumbered(void)
{
    struct chunk old[CHUNKS_MOST];
    size_t index;
    json_t *chunk;
    int before_it = leaving;
    memcpy(old, chunks, sizeof old);
    memset(chunks, 0, sizeof chunks);
    leaving = leaving < 0 ? -1 : 0; /* of none, where it has gone already */
    json_array_foreach(json_object_get(shipped_state(), "chunks"), index, chunk)
    {
        struct chunk *now = chunk_of(chunk);
        for (int id = 1; id < CHUNKS_MOST; id++)
            if (old[id].presence != ABSENT && is(old[id].pod, json_text(chunk, "pod", ""))) {
                *now = old[id];
                leaving = id == before_it ? (int)(now - chunks) : leaving;
            }
    }
}

/* ---- effects ---- */

/* A chunk that is missing is no surprise where it shows late, or went after the guards were asked: they are,
 * after the start is recorded. */
static bool had_shown(const struct chunk *chunk, const char *key)
{
    static const int shows_ms = 4000 + 10000 + 1000; /* its session expires; the status lags; a round */
    int64_t started_ms = judge_started_ms(key);
    return started_ms >= 0 && chunk->since_ms + shows_ms < started_ms;
}

static void check_away(const char *key, const char *what)
{
    for (int id = 1; id < CHUNKS_MOST; id++) {
        const struct chunk *chunk = &chunks[id];
        bool away = chunk->presence == DRAINS || chunk->presence == LOST;
        if (id != leaving && away && had_shown(chunk, key))
            violate("two chunks away at once: %s while chunk %d of %s is not there", what, id, chunk->pod);
    }
}

static void check_shrink(const char *key)
{
    const struct chunk *chunk = &chunks[leaving];
    check_away(key, "a pod is removed");
    if (!shipped_job()->drain)
        return;
    if (chunk->presence == DRAINS)
        violate("pod %s is removed while its chunk %d still gives its data away", chunk->pod, leaving);
    else if (chunk->presence != ABSENT)
        violate("pod %s is removed, and its chunk %d was never taken away", chunk->pod, leaving);
}

static void on_change(const json_t *more, const char *key)
{
    const struct plan *plan = simulation.plan;
    bool back = strstr(key, "/undo");
    const char *set;
    json_t *move;
    json_object_foreach(json_object_get(more, "replicas"), set, move)
    {
        int from = (int)json_integer_value(json_array_get(move, 0)),
            to = (int)json_integer_value(json_array_get(move, 1));
        bool right = back ? from == plan->to && to == plan->from : from == plan->from && to == plan->to;
        if (!others && (!right || !is(set, shipped_job()->set)))
            violate("helm scales %s from %d to %d for %s", set, from, to, key);
        forward += back ? -1 : 1;
    }
    /* Nothing keeps helm from upgrading over what came between the last look and its own first write. */
    bool overtaken = others_ms >= 0 && others_ms >= judge_started_ms(key);
    if (json_array_size(json_object_get(more, "restarts")) && !overtaken)
        violate("helm restarts pods for %s", key);
    if (++upgrade_of(key)->changes > 1 && !others)
        violate("helm has changed the cluster twice for %s", key);
    if (shipped_job()->in && !back)
        check_shrink(key);
}

static void on_taken(const json_t *more, const char *key, int64_t at_ms)
{
    struct chunk *chunk = chunk_of(more);
    bool drains = json_bool(more, "drain", false);
    int64_t id = json_int(more, "id", -1);
    if (++taken > 1)
        violate("%d chunks are unregistered", taken);
    if (id != leaving)
        violate("chunk %lld of %s is unregistered, and the one that leaves is %d", (long long)id, chunk->pod,
                leaving);
    if (drains && !shipped_job()->drain)
        violate("chunk %lld is unregistered while its pod runs", (long long)id);
    /* One that was to be drained, and was lost right before. */
    bool surprises = shipped_job()->drain && !had_shown(chunk, key);
    if (!drains && shipped_job()->drain && !surprises)
        violate("chunk %lld is to give its data away, and is not there any more", (long long)id);
    if (!drains && !surprises && simulation.now_ms < chunk->copied_ms)
        violate("chunk %lld is unregistered before what it held has been copied again", (long long)id);
    check_away(key, "a chunk is unregistered");
    if (drains) {
        chunk->presence = DRAINS;
        chunk->since_ms = at_ms;
    }
    judge_effect(key, "unregister", false);
}

void shipped_judge_effect(const char *effect, const json_t *more, const char *caller, int64_t at_ms)
{
    trace("CLUSTER %s for %s", effect, *caller ? caller : "nobody");
    if (is(caller, "other")) {
        others = others || json_object_size(json_object_get(more, "replicas"));
        others_ms = is(effect, "helm_upgrade") ? at_ms : others_ms;
        return;
    }
    if (helm_children_living() > (helm_child_inside() != NULL))
        violate("%s while a helm is at work", effect);
    if (is(effect, "helm_upgrade"))
        on_change(more, caller);
    else if (is(effect, "unregister"))
        on_taken(more, caller, at_ms);
    else if (is(effect, "helm_deployed")) {
        if (++upgrade_of(caller)->deployed > 1 + judge_repeats(caller))
            violate("helm has deployed twice for %s", caller);
        judge_effect(caller, "helm", false);
    } else if (!is(effect, "helm_recorded") && !is(effect, "helm_failed") && !is(effect, "record_removed"))
        violate("%s for %s: no job does that", effect, caller);
}

void shipped_judge_event(const char *event, const json_t *more, int64_t at_ms)
{
    struct chunk *chunk = chunk_of(more);
    trace("CLUSTER %s %s%lld", event, json_text(more, "pod", ""), (long long)json_int(more, "id", 0));
    if (strncmp(event, "chunk_", strlen("chunk_")))
        return;
    if (is(event, "chunk_registered") || is(event, "chunk_back"))
        chunk->presence = THERE;
    else if (is(event, "chunk_lost"))
        chunk->presence = LOST;
    else if (is(event, "chunk_removed"))
        chunk->presence = ABSENT;
    else
        violate("%s: nobody knows what that says of a chunk", event);
    if (is(event, "chunk_registered"))
        snprintf(chunk->pod, sizeof chunk->pod, "%s", json_text(more, "pod", ""));
    chunk->since_ms = at_ms;
    /* The cluster counts from when it was made, a second before the history. */
    chunk->copied_ms = json_int(more, "copied_ms", 0) - 1000;
}

bool shipped_judge_came_late(const char *key)
{
    return is(late_key, key);
}

void shipped_judge_sent(const char *key, int id)
{
    long long run = atoll(strchr(key, '/') + 1);
    const struct chunk *chunk = &chunks[leaving > 0 ? leaving : 0];
    if (taken && !runs[run].persons) {
        if (chunk->presence != ABSENT || had_shown(chunk, key))
            violate("a chunk is to be unregistered once more for %s", key);
        snprintf(late_key, sizeof late_key, "%s", key);
    }
    if (taken || !shipped_job()->in)
        return;
    if (id != leaving)
        violate("chunk %d is to be unregistered, and the one that leaves is %d", id, leaving);
    if (!shipped_job()->drain && (chunk->presence != LOST || simulation.now_ms < chunk->copied_ms))
        violate("chunk %d is to be unregistered before what it held has been copied again", id);
}

/* ---- what is recorded ---- */

void shipped_judge_person(int64_t run)
{
    runs[run].persons = true;
}

void shipped_judge_run_ended(int64_t run, const char *event, bool half_done)
{
    runs[run].succeeded = is(event, "run_succeeded");
    counts.shipped_successes += runs[run].succeeded;
    runs[run].rolled_back = is(event, "run_rolled_back") && !half_done;
}

void shipped_judge_succeeded(int64_t run, int step, const char *by)
{
    const struct plan *plan = simulation.plan;
    long long number = (long long)run;
    if (runs[run].persons || !(is(by, "body") || is(by, "probe")))
        return;
    const char *id = plan_step_id(plan, step);
    if (is(id, "edit") && !file_is(after))
        violate("run %lld: edit succeeded, and the values file is not edited", number);
    if (is(id, "upgrade") && !others && replicas() != plan->to)
        violate("run %lld: upgrade succeeded, and %s has %d replicas", number, shipped_job()->set,
                replicas());
    if (is(id, "unregister") && !taken)
        violate("run %lld: unregister succeeded, and no chunk was taken away", number);
    if ((is(id, "gone") || is(id, "confirm")) && is_listed(leaving))
        violate("run %lld: %s succeeded, and chunk %d is still there", number, id, leaving);
}

/* ---- at the end of a history ---- */

static void judge_success(int64_t run)
{
    const struct plan *plan = simulation.plan;
    long long number = (long long)run;
    if (!others && replicas() != plan->to)
        violate("run %lld succeeded, and %s has %d replicas", number, shipped_job()->set, replicas());
    if (!others && forward != 1)
        violate("run %lld succeeded, and helm scaled %d times", number, forward);
    if (!file_is(after))
        violate("run %lld succeeded, and the values file is not edited", number);
    if (shipped_job()->in && (taken != 1 || is_listed(leaving)))
        violate("run %lld succeeded, and chunk %d was taken away %d times", number, leaving, taken);
}

void shipped_judge_history(void)
{
    const struct plan *plan = simulation.plan;
    bool persons = false;
    shipped_judge_file();
    for (int64_t run = 1; run <= plan->runs; run++)
        persons = persons || runs[run].persons;
    counts.shipped_whole += !persons && !others;
    for (int64_t run = 1; run <= plan->runs; run++)
        if (runs[run].succeeded && !persons)
            judge_success(run);
    if (!others && (forward < 0 || forward > 1 || replicas() != (forward ? plan->to : plan->from)))
        violate("helm scaled %d times, and %s has %d replicas", forward, shipped_job()->set, replicas());
    if (plan->runs == 1 && runs[1].rolled_back && !persons && !others && (forward || !file_is(before)))
        violate("run 1 was rolled back, and the %s is not what it was", forward ? "cluster" : "values file");
}
