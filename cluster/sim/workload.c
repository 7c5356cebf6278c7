#include "cluster/sim/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/memory.h"
#include "cluster/condition.h"
#include "cluster/sim/objects.h"

/* ---- pods ---- */

static const char *pod_component(const json_t *pod)
{
    return json_text(json_at(pod, "metadata", "labels", NULL), "app.kubernetes.io/component", "");
}

bool pod_is_ready(const json_t *pod)
{
    return json_bool(json_object_get(pod, "sim"), "ready", false);
}

bool pod_is_running(const json_t *pod)
{
    return pod_is_ready(pod) && !object_is_going(pod);
}

static json_t *condition(const char *type, bool holds, const char *reason, const char *message)
{
    return json_pack("{s:s, s:s, s:s*, s:s*}", "type", type, "status", holds ? "True" : "False", "reason",
                     reason, "message", message);
}

/* What the kubelet says about a container that waits. */
static json_t *waiting_message(const json_t *container, const char *reason)
{
    const char *name = json_text(container, "name", ""), *image = json_text(container, "image", "");
    if (!strcmp(reason, "CrashLoopBackOff"))
        return json_sprintf("back-off 5m0s restarting failed container=%s", name);
    if (!strcmp(reason, "ImagePullBackOff"))
        return json_sprintf("Back-off pulling image \"%s\"", image);
    return json_string("");
}

/* status.containerStatuses; `waiting` NULL: they run. */
static json_t *containers_status(const struct world *world, const json_t *pod, const char *waiting)
{
    json_t *list = json_array();
    size_t i;
    json_t *container;
    json_array_foreach(json_at(pod, "spec", "containers", NULL), i, container)
    {
        json_t *state = waiting
                            ? json_pack("{s:{s:s, s:o}}", "waiting", "reason", waiting, "message",
                                        waiting_message(container, waiting))
                            : json_pack("{s:{s:o}}", "running", "startedAt", time_json(world, world->now_ms));
        bool crashing = waiting && !strcmp(waiting, "CrashLoopBackOff");
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b, s:i, s:o}", "name",
                                              json_text(container, "name", ""), "image",
                                              json_text(container, "image", ""), "ready", !waiting, "started",
                                              !waiting, "restartCount", crashing ? 5 : 0, "state", state));
    }
    return list;
}

static void pod_status_set(struct world *world, json_t *pod, const char *waiting)
{
    json_t *sim = object_sim(pod);
    bool ready = !waiting;
    json_object_set_new(sim, "ready", json_boolean(ready));
    json_t *status = json_pack("{s:s, s:[o, o, o, o], s:o, s:s, s:o}", "phase", ready ? "Running" : "Pending",
                               "conditions", condition("Initialized", true, NULL, NULL),
                               condition("Ready", ready, ready ? NULL : "ContainersNotReady", NULL),
                               condition("ContainersReady", ready, ready ? NULL : "ContainersNotReady", NULL),
                               condition("PodScheduled", true, NULL, NULL), "containerStatuses",
                               containers_status(world, pod, waiting), "hostIP",
                               json_text(sim, "host_ip", ""), "startTime", time_json(world, world->now_ms));
    if (ready)
        json_object_set(status, "podIP", json_object_get(sim, "pod_ip"));
    if (waiting && !strcmp(waiting, "CrashLoopBackOff"))
        json_object_set_new(status, "phase", json_string("Running"));
    json_object_set_new(pod, "status", status);
    object_touch(world, pod);
}

static void pod_unschedulable(struct world *world, json_t *pod, const char *message)
{
    if (!strcmp(json_text(json_object_get(pod, "sim"), "unschedulable", ""), message))
        return;
    json_object_set_new(object_sim(pod), "unschedulable", json_string(message));
    json_object_set_new(pod, "status",
                        json_pack("{s:s, s:[o]}", "phase", "Pending", "conditions",
                                  condition("PodScheduled", false, "Unschedulable", message)));
    object_touch(world, pod);
}

void pod_delete(struct world *world, json_t *pod)
{
    if (object_is_going(pod))
        return;
    json_t *metadata = json_object_get(pod, "metadata");
    bool scheduled = json_object_get(json_object_get(pod, "spec"), "nodeName");
    int64_t gone = world->now_ms + (scheduled ? world_setting(world, "terminate_ms") : 0);
    json_object_set_new(metadata, "deletionTimestamp", time_json(world, gone));
    json_object_set_new(metadata, "deletionGracePeriodSeconds", json_integer(30));
    json_object_set_new(object_sim(pod), "gone_at", json_integer(gone));
    json_object_del(object_sim(pod), "ready_at");
    object_touch(world, pod);
    world_event(world, "pod_terminating", json_pack("{s:s}", "pod", object_name(pod)));
}

/* ---- scheduling ---- */

static bool node_is_tainted(const json_t *node)
{
    size_t i;
    json_t *taint;
    json_array_foreach(json_at(node, "spec", "taints", NULL), i, taint)
    {
        if (strcmp(json_text(taint, "effect", ""), "PreferNoSchedule"))
            return true;
    }
    return false;
}

/* One meta pod and one chunk pod at most on each node, one that still ends included. */
static bool node_is_taken(const struct world *world, const json_t *node, const char *component)
{
    size_t i;
    json_t *pod;
    json_array_foreach(objects_of(world, "pods"), i, pod)
    {
        if (!strcmp(json_text(json_object_get(pod, "spec"), "nodeName", ""), object_name(node)) &&
            !strcmp(pod_component(pod), component))
            return true;
    }
    return false;
}

static const json_t *node_choose(const struct world *world, const json_t *pod, char why[256])
{
    int unready = 0, cordoned = 0, tainted = 0, taken = 0, all = 0;
    size_t i;
    json_t *node;
    json_array_foreach(objects_of(world, "nodes"), i, node)
    {
        all++;
        if (!object_is_ready(node))
            unready++;
        else if (json_bool(json_object_get(node, "spec"), "unschedulable", false))
            cordoned++;
        else if (node_is_tainted(node))
            tainted++;
        else if (node_is_taken(world, node, pod_component(pod)))
            taken++;
        else
            return node;
    }
    snprintf(
        why, 256,
        "0/%d nodes are available: %d node(s) didn't match pod anti-affinity rules, %d node(s) had taints "
        "that the pod didn't tolerate, %d node(s) were unschedulable, %d node(s) were not ready.",
        all, taken, tainted, cordoned, unready);
    return NULL;
}

/* What keeps this pod from running: its node, or a script (fault pod-stuck); NULL: nothing. */
static const char *pod_trouble(const struct world *world, const json_t *pod)
{
    const char *name = json_text(json_object_get(pod, "spec"), "nodeName", NULL);
    const json_t *node = name ? object_find(world, "nodes", NULL, name) : NULL;
    if (node && !object_is_ready(node))
        return "NodeNotReady";
    return json_text(json_object_get(world->state, "stuck"), object_name(pod), NULL);
}

static void pod_address(struct world *world, json_t *pod)
{
    int64_t number = json_int(world->state, "addresses", 0) + 1;
    char text[32];
    json_object_set_new(world->state, "addresses", json_integer(number));
    snprintf(text, sizeof text, "10.244.%d.%d", (int)(number / 200), (int)(number % 200 + 2));
    json_object_set_new(object_sim(pod), "pod_ip", json_string(text));
    /* The data network's addresses run against the pods', so that nobody takes one for the other. */
    snprintf(text, sizeof text, "192.168.%d.%d", (int)(29 + number / 200), (int)(240 - number % 200));
    json_object_set_new(object_sim(pod), "data_ip", json_string(text));
}

/* Places a pod that waits for a node, or ends its wait for its start. True where something changed. */
static bool pod_step(struct world *world, json_t *pod)
{
    json_t *sim = object_sim(pod);
    const char *trouble = pod_trouble(world, pod);
    if (object_is_going(pod) || (trouble && !strcmp(trouble, json_text(sim, "trouble", ""))))
        return false;
    if (!json_object_get(json_object_get(pod, "spec"), "nodeName")) {
        char why[256];
        bool stuck = trouble && !strcmp(trouble, "Unschedulable");
        const json_t *node = stuck ? NULL : node_choose(world, pod, why);
        if (!node) {
            pod_unschedulable(world, pod, stuck ? "0/5 nodes are available: 5 Insufficient memory." : why);
            return false;
        }
        json_object_set_new(json_object_get(pod, "spec"), "nodeName", json_string(object_name(node)));
        json_object_set_new(sim, "host_ip", json_string(json_text(json_object_get(node, "sim"), "ip", "")));
        pod_address(world, pod);
        json_object_set_new(sim, "ready_at", json_integer(world->now_ms + world_setting(world, "start_ms")));
        pod_status_set(world, pod, "ContainerCreating");
        return true;
    }
    if (trouble && strcmp(trouble, "Unschedulable")) {
        json_object_set_new(sim, "trouble", json_string(trouble));
        json_object_del(sim, "ready_at");
        pod_status_set(world, pod, trouble);
        return true;
    }
    if (json_object_get(sim, "trouble") && !trouble) {
        json_object_del(sim, "trouble");
        json_object_set_new(sim, "ready_at", json_integer(world->now_ms + world_setting(world, "start_ms")));
        return true;
    }
    if (json_int(sim, "ready_at", WORLD_NEVER) > world->now_ms)
        return false;
    json_object_del(sim, "ready_at");
    pod_status_set(world, pod, NULL);
    world_event(world, "pod_ready", json_pack("{s:s}", "pod", object_name(pod)));
    return true;
}

/* ---- StatefulSets ---- */

static void template_revision(const json_t *statefulset, char text[80])
{
    char *bytes = json_canonical(json_at(statefulset, "spec", "template", NULL));
    struct digest digest = digest_of(bytes, strlen(bytes));
    char hex[DIGEST_HEX_SIZE];
    digest_hex(&digest, hex);
    snprintf(text, 80, "%.60s-%.10s", object_name(statefulset), hex);
    free(bytes);
}

static const char *pod_revision(const json_t *pod)
{
    return json_text(json_at(pod, "metadata", "labels", NULL), "controller-revision-hash", "");
}

static void pod_create(struct world *world, const json_t *statefulset, const char *name, const char *revision)
{
    const json_t *given = json_at(statefulset, "spec", "template", NULL);
    json_t *template = json_is_object(given) ? json_deep_copy(given) : json_object();
    const json_t *owner = json_object_get(statefulset, "metadata");
    json_t *labels = json_incref(object_labels(template));
    json_object_set_new(labels, "controller-revision-hash", json_string(revision));
    json_object_set_new(labels, "statefulset.kubernetes.io/pod-name", json_string(name));
    json_t *spec = json_object_get(template, "spec");
    spec = json_is_object(spec) ? json_incref(spec) : json_object();
    json_t *pod = json_pack("{s:{s:s, s:s, s:o, s:[{s:s, s:s, s:s, s:s, s:b}]}, s:o, s:{s:s}}", "metadata",
                            "name", name, "namespace", json_text(owner, "namespace", ""), "labels", labels,
                            "ownerReferences", "apiVersion", "apps/v1", "kind", "StatefulSet", "name",
                            object_name(statefulset), "uid", json_text(owner, "uid", ""), "controller", true,
                            "spec", spec, "status", "phase", "Pending");
    json_object_set_new(json_object_get(pod, "spec"), "hostname", json_string(name));
    json_decref(template);
    object_add(world, "pods", pod);
    world_event(world, "pod_created", json_pack("{s:s}", "pod", name));
}

/* The pod of an ordinal, NULL where there is none; borrowed. */
static json_t *statefulset_pod(const struct world *world, const json_t *statefulset, int64_t ordinal)
{
    char name[128];
    snprintf(name, sizeof name, "%s-%lld", object_name(statefulset), (long long)ordinal);
    return object_find(world, "pods", json_text(json_object_get(statefulset, "metadata"), "namespace", ""),
                       name);
}

static int64_t pod_ordinal(const json_t *pod)
{
    const char *dash = strrchr(object_name(pod), '-');
    return dash ? strtoll(dash + 1, NULL, 10) : -1;
}

static bool pod_belongs(const json_t *pod, const json_t *statefulset)
{
    const json_t *owner = json_array_get(json_at(pod, "metadata", "ownerReferences", NULL), 0);
    return !strcmp(json_text(owner, "name", ""), object_name(statefulset));
}

static int64_t statefulset_highest(const struct world *world, const json_t *statefulset)
{
    int64_t highest = -1;
    size_t i;
    json_t *pod;
    json_array_foreach(objects_of(world, "pods"), i, pod)
    {
        if (pod_belongs(pod, statefulset) && pod_ordinal(pod) > highest)
            highest = pod_ordinal(pod);
    }
    return highest;
}

static void statefulset_report(struct world *world, json_t *statefulset, const char *revision)
{
    int replicas = 0, ready = 0, updated = 0;
    size_t i;
    json_t *pod;
    json_array_foreach(objects_of(world, "pods"), i, pod)
    {
        if (!pod_belongs(pod, statefulset))
            continue;
        replicas++;
        ready += pod_is_running(pod);
        updated += !strcmp(pod_revision(pod), revision);
    }
    const char *current = updated == replicas ? revision
                                              : json_text(json_object_get(statefulset, "status"),
                                                          "currentRevision", revision);
    json_t *status = json_pack(
        "{s:i, s:i, s:i, s:i, s:i, s:s, s:s, s:I}", "replicas", replicas, "readyReplicas", ready,
        "availableReplicas", ready, "currentReplicas", updated == replicas ? replicas : replicas - updated,
        "updatedReplicas", updated, "currentRevision", current, "updateRevision", revision,
        "observedGeneration",
        (json_int_t)json_int(json_object_get(statefulset, "metadata"), "generation", 1));
    if (json_equal(status, json_object_get(statefulset, "status"))) {
        json_decref(status);
        return;
    }
    json_object_set_new(statefulset, "status", status);
    object_touch(world, statefulset);
}

/* The next thing its controller does: highest ordinal first away, lowest first made, then the rolling update.
 */
static bool statefulset_step(struct world *world, json_t *statefulset)
{
    const json_t *spec = json_object_get(statefulset, "spec");
    int64_t replicas = json_int(spec, "replicas", 1);
    bool parallel = !strcmp(json_text(spec, "podManagementPolicy", "OrderedReady"), "Parallel");
    char revision[80], name[128];
    template_revision(statefulset, revision);
    statefulset_report(world, statefulset, revision);
    for (int64_t i = statefulset_highest(world, statefulset); i >= replicas; i--) {
        json_t *pod = statefulset_pod(world, statefulset, i);
        if (pod && !object_is_going(pod)) {
            pod_delete(world, pod);
            return true;
        }
        if (pod && !parallel)
            return false;
    }
    for (int64_t i = 0; i < replicas; i++) {
        json_t *pod = statefulset_pod(world, statefulset, i);
        if (!pod) {
            snprintf(name, sizeof name, "%s-%lld", object_name(statefulset), (long long)i);
            pod_create(world, statefulset, name, revision);
            return true;
        }
        if (!parallel && !pod_is_running(pod))
            return false;
    }
    if (!strcmp(json_text(json_object_get(spec, "updateStrategy"), "type", "RollingUpdate"), "OnDelete"))
        return false;
    for (int64_t i = replicas - 1; i >= 0; i--) {
        json_t *pod = statefulset_pod(world, statefulset, i);
        if (!object_is_going(pod) && strcmp(pod_revision(pod), revision)) {
            pod_delete(world, pod);
            return true;
        }
        if (!pod_is_running(pod))
            return false;
    }
    return false;
}

void statefulset_changed(struct world *world, json_t *statefulset)
{
    json_t *metadata = json_object_get(statefulset, "metadata");
    json_object_set_new(metadata, "generation", json_integer(json_int(metadata, "generation", 0) + 1));
    object_touch(world, statefulset);
}

bool workload_step(struct world *world)
{
    json_t *pods = objects_of(world, "pods"), *object;
    size_t i;
    bool changed = false;
    for (i = json_array_size(pods); i-- > 0;) {
        object = json_array_get(pods, i);
        if (json_int(json_object_get(object, "sim"), "gone_at", WORLD_NEVER) > world->now_ms)
            continue;
        world_event(world, "pod_gone", json_pack("{s:s}", "pod", object_name(object)));
        json_array_remove(pods, i);
        changed = true;
    }
    json_array_foreach(pods, i, object)
    {
        changed = pod_step(world, object) || changed;
    }
    json_array_foreach(objects_of(world, "statefulsets"), i, object)
    {
        changed = statefulset_step(world, object) || changed;
    }
    return changed;
}

int64_t workload_due_ms(const struct world *world)
{
    int64_t due = WORLD_NEVER;
    size_t i;
    json_t *pod;
    json_array_foreach(objects_of(world, "pods"), i, pod)
    {
        const json_t *sim = json_object_get(pod, "sim");
        int64_t gone = json_int(sim, "gone_at", WORLD_NEVER), ready = json_int(sim, "ready_at", WORLD_NEVER);
        due = gone < due ? gone : due;
        due = ready < due ? ready : due;
    }
    return due;
}
