#include "cluster/sim/happening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/json.h"
#include "cluster/sim/chart.h"
#include "cluster/sim/chunks.h"
#include "cluster/sim/fault.h"
#include "cluster/sim/objects.h"
#include "cluster/sim/release.h"
#include "cluster/sim/workload.h"

static json_t *need(struct world *world, const char *resource, const json_t *keys, const char *key,
                    struct error *error)
{
    const char *name = json_text(keys, key, "");
    json_t *object = object_find(world, resource, NULL, name);
    if (!object)
        error_set(error, ERROR_NOT_FOUND, "the simulated cluster has no %s %s", key, name);
    return object;
}

/* Schedules what ends it, where the fault has a `for`. */
static void end_later(struct world *world, const json_t *keys, const char *kind)
{
    int64_t for_ms = json_int(keys, "for_ms", -1);
    if (for_ms < 0)
        return;
    json_t *entry = json_deep_copy(keys);
    json_object_set_new(entry, "do", json_string(kind));
    json_object_del(entry, "for_ms");
    fault_schedule(world, entry, world->now_ms + for_ms);
}

/* ---- the leader ---- */

int happen_leader_move(struct world *world, const json_t *keys, struct error *error)
{
    json_t *pod = need(world, "pods", keys, "pod", error);
    if (pod)
        leader_set(world, object_name(pod));
    return pod ? 0 : -1;
}

int happen_leader_none(struct world *world, const json_t *keys, struct error *error)
{
    (void)error;
    leader_suspend(world, world->now_ms + json_int(keys, "for_ms", 0));
    return 0;
}

static int leader_mark(struct world *world, const json_t *keys, bool set, struct error *error)
{
    json_t *pod = need(world, "pods", keys, "pod", error);
    if (!pod)
        return -1;
    if (set)
        json_object_set_new(object_labels(pod), "iomesh.com/meta-leader", json_string(""));
    else if (strcmp(object_name(pod), leader_name(world)))
        json_object_del(object_labels(pod), "iomesh.com/meta-leader");
    object_touch(world, pod);
    return 0;
}

int happen_leader_two(struct world *world, const json_t *keys, struct error *error)
{
    if (leader_mark(world, keys, true, error))
        return -1;
    end_later(world, keys, "leader-one");
    return 0;
}

int happen_leader_one(struct world *world, const json_t *keys, struct error *error)
{
    return leader_mark(world, keys, false, error);
}

/* ---- nodes ---- */

static json_t *ready_condition(bool ready)
{
    return json_pack("[{s:s, s:s, s:s}]", "type", "Ready", "status", ready ? "True" : "Unknown", "reason",
                     ready ? "KubeletReady" : "NodeStatusUnknown");
}

static void taint_set(json_t *node, const char *key, const char *effect)
{
    json_object_set_new(json_object_get(node, "spec"), "taints",
                        json_pack("[{s:s, s:s}]", "key", key, "effect", effect));
}

void node_add(struct world *world, const char *name, int number, bool control_plane)
{
    char ip[32];
    snprintf(ip, sizeof ip, "10.1.%d.%d", number / 200, number % 200 + 10);
    json_t *node = json_pack("{s:{s:s, s:{s:s, s:s}}, s:{}, s:{s:o, s:[{s:s, s:s}]}, s:{s:s}}", "metadata",
                             "name", name, "labels", "kubernetes.io/hostname", name, "kubernetes.io/os",
                             "linux", "spec", "status", "conditions", ready_condition(true), "addresses",
                             "type", "InternalIP", "address", ip, "sim", "ip", ip);
    if (control_plane) {
        taint_set(node, "node-role.kubernetes.io/control-plane", "NoSchedule");
        json_object_set_new(object_labels(node), "node-role.kubernetes.io/control-plane", json_string(""));
    }
    object_add(world, "nodes", node);
}

static int node_spec(struct world *world, const json_t *keys, const char *key, json_t *value,
                     struct error *error)
{
    json_t *node = need(world, "nodes", keys, "node", error);
    if (node) {
        json_object_set(json_object_get(node, "spec"), key, value);
        object_touch(world, node);
    }
    json_decref(value);
    return node ? 0 : -1;
}

int happen_node_cordon(struct world *world, const json_t *keys, struct error *error)
{
    return node_spec(world, keys, "unschedulable", json_true(), error);
}

int happen_node_uncordon(struct world *world, const json_t *keys, struct error *error)
{
    return node_spec(world, keys, "unschedulable", json_false(), error);
}

int happen_node_taint(struct world *world, const json_t *keys, struct error *error)
{
    return node_spec(
        world, keys, "taints",
        json_pack("[{s:s, s:s, s:s}]", "key", "dedicated", "value", "other", "effect", "NoSchedule"), error);
}

static int node_condition(struct world *world, const json_t *keys, bool ready, struct error *error)
{
    json_t *node = need(world, "nodes", keys, "node", error);
    if (!node)
        return -1;
    json_object_set_new(json_object_get(node, "status"), "conditions", ready_condition(ready));
    object_touch(world, node);
    return 0;
}

int happen_node_down(struct world *world, const json_t *keys, struct error *error)
{
    return node_condition(world, keys, false, error);
}

int happen_node_up(struct world *world, const json_t *keys, struct error *error)
{
    return node_condition(world, keys, true, error);
}

int happen_node_add(struct world *world, const json_t *keys, struct error *error)
{
    const char *name = json_text(keys, "node", "");
    if (object_find(world, "nodes", NULL, name))
        return error_set(error, ERROR_USAGE, "the simulated cluster has a node %s already", name);
    node_add(world, name, (int)json_array_size(objects_of(world, "nodes")), false);
    return 0;
}

/* ---- pods and StatefulSets ---- */

int happen_pod_stuck(struct world *world, const json_t *keys, struct error *error)
{
    (void)error;
    json_object_set(json_object_get(world->state, "stuck"), json_text(keys, "pod", ""),
                    json_object_get(keys, "reason"));
    end_later(world, keys, "pod-free");
    return 0;
}

int happen_pod_free(struct world *world, const json_t *keys, struct error *error)
{
    (void)error;
    json_object_del(json_object_get(world->state, "stuck"), json_text(keys, "pod", ""));
    return 0;
}

int happen_pod_delete(struct world *world, const json_t *keys, struct error *error)
{
    json_t *pod = need(world, "pods", keys, "pod", error);
    if (pod)
        pod_delete(world, pod);
    return pod ? 0 : -1;
}

int happen_set_image(struct world *world, const json_t *keys, struct error *error)
{
    json_t *set = need(world, "statefulsets", keys, "statefulset", error), *container;
    const char *name = json_text(keys, "container", NULL);
    size_t i;
    if (!set)
        return -1;
    json_array_foreach(json_at(set, "spec", "template", "spec", "containers", NULL), i, container)
    {
        if (!name || !strcmp(name, json_text(container, "name", "")))
            json_object_set(container, "image", json_object_get(keys, "image"));
    }
    statefulset_changed(world, set);
    return 0;
}

int happen_scale(struct world *world, const json_t *keys, struct error *error)
{
    json_t *set = need(world, "statefulsets", keys, "statefulset", error);
    if (!set)
        return -1;
    json_object_set(json_object_get(set, "spec"), "replicas", json_object_get(keys, "replicas"));
    statefulset_changed(world, set);
    return 0;
}

/* ---- charts and releases ---- */

int happen_chart_template(struct world *world, const json_t *keys, struct error *error)
{
    json_t *chart = chart_find(world, "iomesh", json_text(keys, "version", NULL), error);
    if (!chart)
        return -1;
    chart_image_set(chart, json_text(keys, "image", ""));
    world->changed = true;
    return 0;
}

int happen_chart_add(struct world *world, const json_t *keys, struct error *error)
{
    json_t *chart = chart_find(world, "iomesh", NULL, error);
    if (!chart)
        return -1;
    chart = json_deep_copy(chart);
    json_object_set(chart, "version", json_object_get(keys, "version"));
    if (json_object_get(keys, "image"))
        chart_image_set(chart, json_text(keys, "image", ""));
    json_array_append_new(json_object_get(world->state, "charts"), chart);
    world->changed = true;
    return 0;
}

int happen_other_upgrade(struct world *world, const json_t *keys, struct error *error)
{
    const char *description = json_text(keys, "description", "Upgrade complete");
    return release_upgrade_by_other(world, json_text(keys, "set", NULL),
                                    json_text(keys, "status", "deployed"), description, error);
}

/* ---- chunks ---- */

int happen_unregister(struct world *world, const json_t *keys, struct error *error)
{
    struct text out = {0};
    int status = chunk_unregister(world, json_int(keys, "id", -1), &out);
    if (status)
        error_set(error, ERROR_REFUSED, "%.*s", (int)strcspn(text_string(&out), "\n"), text_string(&out));
    text_clear(&out);
    return status ? -1 : 0;
}

static json_t *chunk_need(struct world *world, const json_t *keys, struct error *error)
{
    size_t i;
    json_t *chunk;
    json_array_foreach(json_object_get(world->state, "chunks"), i, chunk)
    {
        if (json_int(chunk, "id", -1) == json_int(keys, "id", -2))
            return chunk;
    }
    error_set(error, ERROR_NOT_FOUND, "the simulated cluster has no chunk %lld",
              (long long)json_int(keys, "id", -1));
    return NULL;
}

int happen_chunk_status(struct world *world, const json_t *keys, struct error *error)
{
    json_t *chunk = chunk_need(world, keys, error);
    if (!chunk)
        return -1;
    json_object_set(chunk, "scripted", json_object_get(keys, "status"));
    end_later(world, keys, "chunk-status-end");
    return 0;
}

int happen_chunk_status_end(struct world *world, const json_t *keys, struct error *error)
{
    json_t *chunk = chunk_need(world, keys, error);
    if (chunk)
        json_object_del(chunk, "scripted");
    return chunk ? 0 : -1;
}

static void renumber(json_t *list, int64_t sum)
{
    size_t i;
    json_t *chunk;
    json_array_foreach(list, i, chunk)
        json_object_set_new(chunk, "id", json_integer(sum - json_int(chunk, "id", 0)));
}

int happen_chunk_renumber(struct world *world, const json_t *keys, struct error *error)
{
    json_t *chunks = json_object_get(world->state, "chunks"), *chunk;
    int64_t least = INT64_MAX, most = 0;
    size_t i;
    (void)keys;
    (void)error;
    json_array_foreach(chunks, i, chunk)
    {
        int64_t id = json_int(chunk, "id", 0);
        least = id < least ? id : least;
        most = id > most ? id : most;
    }
    renumber(chunks, least + most);
    json_object_set_new(world->state, "published",
                        json_deep_copy(json_object_get(world->state, "published")));
    renumber(json_object_get(world->state, "published"), least + most);
    return 0;
}

int happen_setting(struct world *world, const json_t *keys, struct error *error)
{
    json_t *settings = json_object_get(world->state, "settings");
    const char *name = json_text(keys, "name", ""), *value = json_text(keys, "value", "");
    const json_t *old = json_object_get(settings, name);
    if (!old)
        return error_set(error, ERROR_USAGE, "the simulated cluster has no setting %s", name);
    if (json_is_string(old)) {
        json_object_set_new(settings, name, json_string(value));
        return 0;
    }
    char *end;
    int64_t number = strtoll(value, &end, 10);
    if ((end == value || *end) && !duration_read(value, &number))
        return error_set(error, ERROR_USAGE, "%s=%s: neither a number nor a duration", name, value);
    json_object_set_new(settings, name, json_integer(number));
    return 0;
}

int happen_time(struct world *world, const json_t *keys, struct error *error)
{
    if (world->resting || !world->virtual_time)
        return error_set(error, ERROR_USAGE, "time goes on by itself then");
    world_advance(world, world->now_ms + json_int(keys, "for_ms", 0));
    return 0;
}
