/* --like-live: what the cluster tells that the job is meant for, read and never changed. What cannot be read
 * is noted, and stays as it would be without. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/rehearse/rehearsal.h"
#include "cluster/condition.h"
#include "steps/chunk_of_pod.h"
#include "steps/helm.h"
#include "steps/helm_look.h"
#include "steps/iomesh_object.h"
#include "steps/leader.h"
#include "steps/pods.h"

#define GIB (1024.0 * 1024 * 1024)

struct reading {
    struct rehearsal *rehearsal;
    json_t *likeness;
    struct visit visit; /* what the readers of steps/ are asked with */
};

static void cannot_read(struct reading *reading, const char *what, const struct error *error)
{
    note_add(reading->rehearsal, "not like the live cluster: %s cannot be read: %s", what, error->message);
}

/* ---- workloads ---- */

static void read_replicas(struct reading *reading, const char *component, const char *as)
{
    char set[64];
    struct error error = {0};
    component_statefulset(component, set);
    json_t *object = statefulset_read(&reading->visit, set, &error);
    if (object)
        json_object_set_new(reading->likeness, as, json_integer(statefulset_replicas(object)));
    else
        cannot_read(reading, set, &error);
    json_decref(object);
}

static bool is_tainted(const json_t *node, bool *control_plane)
{
    size_t index;
    json_t *taint;
    bool tainted = false;
    json_array_foreach(json_at(node, "spec", "taints", NULL), index, taint)
    {
        *control_plane = *control_plane || strstr(json_text(taint, "key", ""), "control-plane") ||
                         strstr(json_text(taint, "key", ""), "role.kubernetes.io/master");
        tainted = tainted || !strcmp(json_text(taint, "effect", ""), "NoSchedule") ||
                  !strcmp(json_text(taint, "effect", ""), "NoExecute");
    }
    return tainted;
}

/* Worker nodes; one that is not ready takes no pods, as if it were cordoned. */
static void read_nodes(struct reading *reading)
{
    struct resource resource = {"", "v1", "nodes", NULL, NULL};
    struct cluster *cluster = reading->visit.cluster;
    json_t *list = NULL, *node, *nodes = json_array();
    struct error error = {0};
    size_t index;
    if (cluster->calls->list(cluster, &resource, NULL, false, &list, &error))
        cannot_read(reading, "its nodes", &error);
    json_array_foreach(json_object_get(list, "items"), index, node)
    {
        bool control_plane = false, tainted = is_tainted(node, &control_plane);
        bool cordoned = json_bool(json_object_get(node, "spec"), "unschedulable", false) ||
                        !object_is_ready(node);
        if (!control_plane)
            json_array_append_new(nodes, json_pack("{s:s,s:b,s:b}", "name",
                                                   json_text(json_object_get(node, "metadata"), "name", ""),
                                                   "cordoned", cordoned, "tainted", tainted));
    }
    if (json_array_size(nodes))
        json_object_set(reading->likeness, "nodes", nodes);
    json_decref(nodes);
    json_decref(list);
}

/* ---- the storage ---- */

static void read_license(struct reading *reading, const struct iomesh_object *object)
{
    struct license license = license_of(object);
    if (license.edition != EDITION_UNREADABLE)
        json_object_set_new(reading->likeness, "edition",
                            json_string(license.edition == EDITION_COMMUNITY ? "Community" : "Enterprise"));
    if (license.chunks_max >= 0)
        json_object_set_new(reading->likeness, "max_chunks", json_integer(license.chunks_max));
}

static json_t *chunk_like(const struct chunk *chunk, const char *pod)
{
    json_t *like = json_pack("{s:s,s:I,s:s,s:s}", "pod", pod, "id", (json_int_t)chunk->id, "ip", chunk->ip,
                             "status", chunk->status);
    if (chunk->sized) {
        json_object_set_new(like, "capacity", json_integer((json_int_t)llround(chunk->capacity / GIB)));
        json_object_set_new(like, "used", json_integer((json_int_t)llround(chunk->used / GIB)));
    }
    return like;
}

static bool is_served(const json_t *list, int64_t id)
{
    size_t index;
    json_t *like;
    json_array_foreach(list, index, like)
    {
        if (json_int(like, "id", -1) == id)
            return true;
    }
    return false;
}

/* Which pod serves which chunk; those that no pod serves are what is left of pods that went. */
static void read_chunks_of_pods(struct reading *reading, const struct iomesh_object *object,
                                const struct pods *pods)
{
    json_t *list = json_array(), *nodes = json_object();
    for (size_t i = 0; i < pods->count; i++) {
        const struct pod *pod = &pods->pods[i];
        const struct chunk *chunk = NULL;
        struct error error = {0};
        json_object_set_new(nodes, pod->name, json_string(pod_node(pod->object)));
        if (chunk_of_pod(&reading->visit, object, pod->object, NULL, &chunk, &error))
            cannot_read(reading, pod->name, &error);
        else if (chunk)
            json_array_append_new(list, chunk_like(chunk, pod->name));
    }
    for (size_t i = 0; i < object->count; i++)
        if (json_array_size(list) && !is_served(list, object->chunks[i].id))
            json_array_append_new(list, chunk_like(&object->chunks[i], ""));
    json_object_set_new(reading->likeness, "chunk_list", list);
    json_object_set_new(reading->likeness, "nodes_of_pods", nodes);
}

static void read_storage(struct reading *reading)
{
    struct iomesh_object object;
    struct pods pods;
    struct error error = {0};
    if (iomesh_object_read(&reading->visit, &object, &error)) {
        cannot_read(reading, "its cluster object", &error);
        return;
    }
    read_license(reading, &object);
    if (pods_read(&reading->visit, "iomesh-chunk", &pods, &error)) {
        cannot_read(reading, "its chunk pods", &error);
    } else {
        read_chunks_of_pods(reading, &object, &pods);
        pods_clear(&pods);
    }
    iomesh_object_clear(&object);
}

static void read_leader(struct reading *reading)
{
    struct leader leader;
    struct error error = {0};
    if (leader_read(&reading->visit, LEADER_SELECTOR, &leader, &error))
        cannot_read(reading, "its meta leader", &error);
    else
        json_object_set_new(reading->likeness, "leader", json_string(leader.pod));
}

/* ---- the release ---- */

static void read_release(struct reading *reading)
{
    const char *name = json_text(reading->likeness, "release", "iomesh");
    struct release release = {.cluster = reading->visit.cluster,
                              .namespace = json_text(reading->visit.inputs, "namespace", ""),
                              .name = name};
    struct error error = {0};
    json_t *history = helm_history(&release, &error);
    const json_t *newest = history_newest(history);
    json_t *values = newest ? helm_values(&release, json_int(newest, "revision", 0), &error) : NULL;
    const char *version = chart_version_of(json_text(newest, "chart", ""));
    if (!values)
        cannot_read(reading, "its release", &error);
    else
        json_object_set(reading->likeness, "values", values);
    if (version && !json_object_get(reading->likeness, "chart_version"))
        json_object_set_new(reading->likeness, "chart_version", json_string(version));
    char *helm = reading->visit.cluster->calls->helm_version(reading->visit.cluster, &error);
    if (helm)
        json_object_set_new(reading->likeness, "helm", json_string(helm));
    free(helm);
    json_decref(values);
    json_decref(history);
}

void likeness_read(struct rehearsal *rehearsal, struct cluster *cluster, json_t *likeness)
{
    json_t *inputs = json_pack("{s:s,s:s}", "namespace", json_text(likeness, "namespace", "iomesh-system"),
                               "object", json_text(likeness, "object", "iomesh"));
    struct child no_child = {.state = CHILD_NONE};
    int64_t held_since_ms = -1;
    void *handle = NULL;
    struct reading reading = {.rehearsal = rehearsal,
                              .likeness = likeness,
                              .visit = {.inputs = inputs,
                                        .cluster = cluster,
                                        .child = &no_child,
                                        .held_since_ms = &held_since_ms,
                                        .single_look = true,
                                        .handle = &handle,
                                        .now_ms = cluster->clock->steady_ms(cluster->clock)}};
    read_replicas(&reading, "chunk", "chunks");
    read_replicas(&reading, "meta", "metas");
    read_nodes(&reading);
    read_storage(&reading);
    read_leader(&reading);
    read_release(&reading);
    json_decref(inputs);
}
