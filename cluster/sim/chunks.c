#include "cluster/sim/chunks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cluster/sim/objects.h"
#include "cluster/sim/workload.h"

#define LEADER_LABEL "iomesh.com/meta-leader"

/* ---- the leader ---- */

static json_t *leader_record(const struct world *world)
{
    return json_object_get(world->state, "leader");
}

const char *leader_name(const struct world *world)
{
    return json_text(leader_record(world), "pod", "");
}

static const char *leader_uid(const struct world *world)
{
    return json_text(leader_record(world), "uid", "");
}

static bool is_component(const json_t *pod, const char *component)
{
    return !strcmp(json_text(json_at(pod, "metadata", "labels", NULL), "app.kubernetes.io/component", ""),
                   component);
}

static void leader_label(struct world *world, json_t *pod, bool set)
{
    json_t *labels = object_labels(pod);
    if (!json_object_get(labels, LEADER_LABEL) == !set)
        return;
    if (set)
        json_object_set_new(labels, LEADER_LABEL, json_string(""));
    else
        json_object_del(labels, LEADER_LABEL);
    object_touch(world, pod);
}

void leader_set(struct world *world, const char *name)
{
    size_t i;
    json_t *pod;
    const char *uid = "";
    json_array_foreach(objects_of(world, "pods"), i, pod)
    {
        bool leads = !strcmp(object_name(pod), name);
        leader_label(world, pod, leads);
        if (leads)
            uid = json_text(json_object_get(pod, "metadata"), "uid", "");
    }
    json_object_set_new(world->state, "leader", json_pack("{s:s, s:s}", "pod", *uid ? name : "", "uid", uid));
    world_event(world, "leader", json_pack("{s:s}", "pod", *uid ? name : ""));
}

void leader_suspend(struct world *world, int64_t until_ms)
{
    leader_set(world, "");
    json_object_set_new(leader_record(world), "elect_at", json_integer(until_ms));
}

static bool leader_step(struct world *world)
{
    size_t i;
    json_t *pod;
    const char *name = leader_name(world);
    if (*name) {
        pod = object_find(world, "pods", NULL, name);
        if (pod && pod_is_running(pod) &&
            !strcmp(json_text(json_object_get(pod, "metadata"), "uid", ""), leader_uid(world)))
            return false;
        leader_suspend(world, world->now_ms + world_setting(world, "election_ms"));
        return true;
    }
    if (json_int(leader_record(world), "elect_at", 0) > world->now_ms)
        return false;
    json_array_foreach(objects_of(world, "pods"), i, pod)
    {
        if (is_component(pod, "meta") && pod_is_running(pod)) {
            leader_set(world, object_name(pod));
            return true;
        }
    }
    return false;
}

/* ---- chunks ---- */

static json_t *chunks_of(const struct world *world)
{
    return json_object_get(world->state, "chunks");
}

static bool chunk_is_lost(const json_t *chunk)
{
    return json_object_get(chunk, "lost_at");
}

static bool chunk_is_removing(const json_t *chunk)
{
    return json_object_get(chunk, "drained_at");
}

static json_t *chunk_of_pod(const struct world *world, const json_t *pod)
{
    const char *uid = json_text(json_object_get(pod, "metadata"), "uid", "");
    size_t i;
    json_t *chunk;
    json_array_foreach(chunks_of(world), i,
                       chunk) if (!strcmp(json_text(chunk, "pod_uid", ""), uid)) return chunk;
    return NULL;
}

static void extend_until(struct world *world, const char *key, int64_t until_ms)
{
    if (until_ms > json_int(world->state, key, 0))
        json_object_set_new(world->state, key, json_integer(until_ms));
    world->changed = true;
}

static void chunk_register(struct world *world, json_t *pod)
{
    int64_t id = json_int(world->state, "next_chunk_id", 1);
    json_object_set_new(world->state, "next_chunk_id", json_integer(id + 1));
    json_object_set_new(object_sim(pod), "served", json_true());
    int64_t used = world_setting(world, "used_gib");
    json_array_append_new(
        chunks_of(world),
        json_pack("{s:I, s:s, s:s, s:s, s:s, s:I, s:I}", "id", (json_int_t)id, "ip",
                  json_text(json_object_get(pod, "sim"), "data_ip", ""), "pod", object_name(pod), "pod_uid",
                  json_text(json_object_get(pod, "metadata"), "uid", ""), "session", leader_uid(world),
                  "capacity", (json_int_t)world_setting(world, "capacity_gib"), "used", (json_int_t)used));
    world_event(world, "chunk_registered",
                json_pack("{s:I, s:s}", "id", (json_int_t)id, "pod", object_name(pod)));
}

static int ordinals_read(const char *order, int count, int *ordinals, struct error *error)
{
    const char *at = order;
    for (int i = 0; i < count; i++) {
        char *end;
        long ordinal = strtol(at, &end, 10);
        bool bad = end == at || ordinal < 0 || ordinal >= count || (i + 1 < count ? *end != ',' : *end);
        for (int j = 0; j < i && !bad; j++)
            bad = ordinals[j] == ordinal;
        if (bad)
            return error_set(error, ERROR_USAGE, "chunk order \"%s\": each of 0 to %d once, with commas",
                             order, count - 1);
        ordinals[i] = (int)ordinal;
        at = end + 1;
    }
    return 0;
}

int chunks_register_all(struct world *world, const char *order, struct error *error)
{
    int ordinals[256], count = 0;
    size_t i;
    json_t *pod;
    char name[64];
    json_array_foreach(objects_of(world, "pods"), i, pod)
    {
        count += is_component(pod, "chunk");
    }
    for (int at = 0; at < count && !order; at++)
        ordinals[at] = (at + count - count / 2) % count;
    if (order && ordinals_read(order, count, ordinals, error))
        return -1;
    for (int at = 0; at < count; at++) {
        snprintf(name, sizeof name, "iomesh-chunk-%d", ordinals[at]);
        chunk_register(world, object_find(world, "pods", NULL, name));
    }
    return 0;
}

/* The data of a chunk that left is on the others now. */
static void space_share(struct world *world, const json_t *gone)
{
    size_t i;
    json_t *chunk;
    int64_t used = json_int(gone, "used", 0), others = 0;
    json_array_foreach(chunks_of(world), i, chunk) others += chunk != gone && !chunk_is_lost(chunk);
    if (!others)
        return;
    json_array_foreach(chunks_of(world), i, chunk)
    {
        if (chunk != gone && !chunk_is_lost(chunk))
            json_object_set_new(chunk, "used", json_integer(json_int(chunk, "used", 0) + used / others));
    }
    json_object_set_new((json_t *)gone, "used", json_integer(0));
}

static void chunk_lose(struct world *world, json_t *chunk)
{
    int64_t expire = world->now_ms + world_setting(world, "expire_ms");
    int64_t copied = json_int(chunk, "used", 0) ? expire + world_setting(world, "recover_ms") : world->now_ms;
    json_object_set_new(chunk, "lost_at", json_integer(world->now_ms));
    json_object_set_new(chunk, "expire_at", json_integer(expire));
    if (json_int(chunk, "used", 0))
        extend_until(world, "recover_until", copied);
    space_share(world, chunk);
    world_event(world, "chunk_lost",
                json_pack("{s:I, s:s, s:I}", "id", (json_int_t)json_int(chunk, "id", 0), "pod",
                          json_text(chunk, "pod", ""), "copied_ms", (json_int_t)copied));
}

/* What is new about one chunk: lost, drained, or a session with a new leader. */
static bool chunk_step(struct world *world, size_t index)
{
    json_t *chunk = json_array_get(chunks_of(world), index);
    const json_t *pod = object_find(world, "pods", NULL, json_text(chunk, "pod", ""));
    bool alive = pod && pod_is_running(pod) &&
                 !strcmp(json_text(json_object_get(pod, "metadata"), "uid", ""),
                         json_text(chunk, "pod_uid", ""));
    if (json_int(chunk, "drained_at", WORLD_NEVER) <= world->now_ms) {
        space_share(world, chunk);
        world_event(world, "chunk_removed",
                    json_pack("{s:I, s:s}", "id", (json_int_t)json_int(chunk, "id", 0), "pod",
                              json_text(chunk, "pod", "")));
        json_array_remove(chunks_of(world), index);
        return true;
    }
    if (!alive && !chunk_is_lost(chunk)) {
        chunk_lose(world, chunk);
        return true;
    }
    if (alive && chunk_is_lost(chunk)) {
        /* The same pod runs again: its chunk is the same and has its data. */
        json_object_del(chunk, "lost_at");
        json_object_del(chunk, "expire_at");
        json_object_set_new(chunk, "used", json_integer(world_setting(world, "used_gib")));
        world_event(world, "chunk_back", json_pack("{s:I}", "id", (json_int_t)json_int(chunk, "id", 0)));
        return true;
    }
    if (alive && *leader_uid(world) && strcmp(json_text(chunk, "session", ""), leader_uid(world))) {
        json_object_set_new(chunk, "session", json_string(leader_uid(world)));
        world->changed = true;
    }
    return false;
}

static const char *chunk_status(const struct world *world, const json_t *chunk)
{
    const char *scripted = json_text(chunk, "scripted", NULL);
    if (scripted)
        return scripted;
    if (!chunk_is_lost(chunk))
        return "CHUNK_STATUS_CONNECTED_HEALTHY";
    if (*leader_uid(world) && strcmp(json_text(chunk, "session", ""), leader_uid(world)))
        return "CHUNK_STATUS_INITIALIZING"; /* the present leader never heard of it */
    return json_int(chunk, "expire_at", 0) > world->now_ms ? "CHUNK_STATUS_CONNECTED_HEALTHY"
                                                           : "CHUNK_STATUS_SESSION_EXPIRED";
}

/* ---- the status, late by the lag ---- */

static json_t *status_now(const struct world *world)
{
    json_t *list = json_array(), *chunk;
    size_t i;
    json_array_foreach(chunks_of(world), i, chunk)
    {
        json_array_append_new(
            list, json_pack("{s:O, s:O, s:s, s:O, s:O}", "id", json_object_get(chunk, "id"), "ip",
                            json_object_get(chunk, "ip"), "status", chunk_status(world, chunk), "capacity",
                            json_object_get(chunk, "capacity"), "used", json_object_get(chunk, "used")));
    }
    return list;
}

static json_t *publishing_of(const struct world *world)
{
    return json_object_get(world->state, "publishing");
}

/* Queues the status where it differs from the latest queued, and publishes what is due. */
static bool status_step(struct world *world)
{
    json_t *queue = publishing_of(world);
    size_t queued = json_array_size(queue);
    const json_t *latest = queued ? json_object_get(json_array_get(queue, queued - 1), "chunks")
                                  : json_object_get(world->state, "published");
    json_t *now = status_now(world);
    bool changed = !json_equal(now, latest);
    if (changed)
        json_array_append_new(queue, json_pack("{s:I, s:O}", "at",
                                               (json_int_t)world->now_ms + world_setting(world, "lag_ms"),
                                               "chunks", now));
    json_decref(now);
    while (json_array_size(queue) && json_int(json_array_get(queue, 0), "at", 0) <= world->now_ms) {
        json_object_set(world->state, "published", json_object_get(json_array_get(queue, 0), "chunks"));
        json_array_remove(queue, 0);
        json_t *object = json_array_get(objects_of(world, "iomeshclusters"), 0);
        if (object)
            object_touch(world, object);
        changed = true;
    }
    return changed;
}

static json_t *quantity(int64_t gib)
{
    char text[32];
    if (!gib)
        return json_string("0B");
    if (gib % 1024 == 0)
        snprintf(text, sizeof text, "%lldTiB", (long long)(gib / 1024));
    else
        snprintf(text, sizeof text, "%.2fGiB", (double)gib);
    return json_string(text);
}

static json_t *space(const json_t *chunk)
{
    static const char *const nothing[] = {"dirtyCacheSpace",      "failureCacheSpace",  "failureDataSpace",
                                          "provisionedDataSpace", "totalCacheCapacity", "usedCacheSpace"};
    json_t *space = json_object();
    bool lost = strcmp(json_text(chunk, "status", ""), "CHUNK_STATUS_CONNECTED_HEALTHY");
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        json_object_set_new(space, nothing[i], json_string("0B"));
    json_object_set_new(space, "totalDataCapacity", quantity(lost ? 0 : json_int(chunk, "capacity", 0)));
    json_object_set_new(space, "usedDataSpace", quantity(lost ? 0 : json_int(chunk, "used", 0)));
    return space;
}

/* The spelling of the license's keys is not documented: some that a reader must cope with. NULL: none. */
static json_t *license_of(const struct world *world)
{
    static const struct {
        const char *style, *keys[4];
    } styles[] = {{"camel", {"softwareEdition", "licenseType", "expirationDate", "maxChunkNum"}},
                  {"snake", {"software_edition", "license_type", "expiration_date", "max_chunk_num"}},
                  {"spaced", {"Software Edition", "License Type", "Expiration Date", "Max Chunk Num"}}};
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        const char *const *keys = styles[i].keys;
        if (!strcmp(styles[i].style, world_setting_text(world, "license")))
            return json_pack("{s:s, s:s, s:s, s:I}", keys[0], world_setting_text(world, "edition"), keys[1],
                             "Subscription", keys[2], "2030-01-01T00:00:00Z", keys[3],
                             (json_int_t)world_setting(world, "max_chunks"));
    }
    return NULL;
}

json_t *chunks_status(const struct world *world)
{
    json_t *list = json_array(), *chunk;
    size_t i;
    json_array_foreach(json_object_get(world->state, "published"), i, chunk)
    {
        json_array_append_new(list, json_pack("{s:O, s:O, s:o, s:O}", "id", json_object_get(chunk, "id"),
                                              "ip", json_object_get(chunk, "ip"), "spaceInfo", space(chunk),
                                              "status", json_object_get(chunk, "status")));
    }
    json_t *status = json_pack("{s:{s:{s:o}}}", "summary", "chunkSummary", "chunks", list);
    json_t *license = license_of(world);
    if (license)
        json_object_set_new(status, "license", license);
    return status;
}

json_t *chunks_truth(const struct world *world)
{
    json_t *list = json_array(), *chunk;
    size_t i;
    json_array_foreach(chunks_of(world), i, chunk)
    {
        json_array_append_new(
            list, json_pack("{s:O, s:O, s:O, s:s, s:b}", "id", json_object_get(chunk, "id"), "ip",
                            json_object_get(chunk, "ip"), "pod", json_object_get(chunk, "pod"), "status",
                            chunk_status(world, chunk), "removing", chunk_is_removing(chunk)));
    }
    return list;
}

/* ---- rounds ---- */

bool chunks_step(struct world *world)
{
    bool changed = leader_step(world);
    size_t i;
    json_t *pod;
    for (i = json_array_size(chunks_of(world)); i-- > 0;)
        changed = chunk_step(world, i) || changed;
    json_array_foreach(objects_of(world, "pods"), i, pod)
    {
        /* A pod whose chunk was drained serves none until it starts anew: then it is another pod. */
        if (!is_component(pod, "chunk") || !pod_is_running(pod) ||
            json_object_get(world->state, "settling") ||
            json_object_get(json_object_get(pod, "sim"), "served") || chunk_of_pod(world, pod))
            continue;
        chunk_register(world, pod);
        extend_until(world, "migrate_until", world->now_ms + world_setting(world, "migrate_ms"));
        changed = true;
    }
    return status_step(world) || changed;
}

static int64_t sooner(const struct world *world, int64_t due, int64_t other)
{
    return other > world->now_ms && other < due ? other : due;
}

int64_t chunks_due_ms(const struct world *world)
{
    int64_t due = WORLD_NEVER;
    size_t i;
    json_t *item;
    json_array_foreach(chunks_of(world), i, item)
    {
        due = sooner(world, due, json_int(item, "expire_at", WORLD_NEVER));
        due = sooner(world, due, json_int(item, "drained_at", WORLD_NEVER));
    }
    json_array_foreach(publishing_of(world), i, item)
    {
        due = sooner(world, due, json_int(item, "at", WORLD_NEVER));
    }
    return sooner(world, due, json_int(leader_record(world), "elect_at", WORLD_NEVER));
}

/* ---- iomeshctl ---- */

static json_t *chunk_find(const struct world *world, int64_t id)
{
    size_t i;
    json_t *chunk;
    json_array_foreach(chunks_of(world), i, chunk) if (json_int(chunk, "id", -1) == id) return chunk;
    return NULL;
}

static int64_t chunk_unhealthy_beside(const struct world *world, const json_t *target)
{
    size_t i;
    json_t *chunk;
    json_array_foreach(chunks_of(world), i, chunk)
    {
        if (chunk != target && strcmp(chunk_status(world, chunk), "CHUNK_STATUS_CONNECTED_HEALTHY"))
            return json_int(chunk, "id", 0);
    }
    return -1;
}

int chunk_unregister(struct world *world, int64_t id, struct text *out)
{
    json_t *chunk = chunk_find(world, id);
    if (!chunk) {
        text_format(out, "error: chunk %lld not found\n", (long long)id);
        return 1;
    }
    if (chunk_is_removing(chunk)) {
        text_format(out, "error: chunk %lld is already being removed\n", (long long)id);
        return 1;
    }
    int64_t unhealthy = chunk_unhealthy_beside(world, chunk);
    if (unhealthy >= 0) {
        text_format(out, "error: chunk %lld is not healthy\n", (long long)unhealthy);
        return 1;
    }
    bool lost = chunk_is_lost(chunk);
    world_effect(world, "unregister",
                 json_pack("{s:I, s:s, s:b}", "id", (json_int_t)id, "pod", json_text(chunk, "pod", ""),
                           "drain", !lost));
    int64_t drain = lost ? 0 : world_setting(world, "drain_ms");
    json_object_set_new(chunk, "drained_at", json_integer(world->now_ms + drain));
    text_format(out, lost ? "ok: chunk %lld unregistered\n" : "ok: chunk %lld is being removed\n",
                (long long)id);
    return 0;
}

void chunks_summary(const struct world *world, struct text *out)
{
    size_t i;
    json_t *chunk;
    int moving = json_int(world->state, "migrate_until", 0) > world->now_ms;
    int recovering = json_int(world->state, "recover_until", 0) > world->now_ms;
    json_array_foreach(chunks_of(world), i, chunk) moving += chunk_is_removing(chunk);
    text_format(
        out,
        "cluster:\n  name: iomesh\n  num_chunks: %zu\n"
        "recover:\n  num_ongoing_recovers: %d\n  num_pending_recovers: 0\n  pending_recovers_bytes: %d\n"
        "migrate:\n  num_ongoing_migrates: %d\n  num_pending_migrates: 0\n  pending_migrates_bytes: %d\n",
        json_array_size(chunks_of(world)), recovering, recovering << 20, moving, moving << 20);
}
