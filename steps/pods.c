#include "steps/pods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cluster/condition.h"

/* ---- StatefulSets ---- */

void component_statefulset(const char *component, char statefulset[64])
{
    snprintf(statefulset, 64, "iomesh-%s", component);
}

json_t *statefulset_read(const struct visit *visit, const char *statefulset, struct error *error)
{
    const char *namespace = json_text(visit->inputs, "namespace", "");
    struct resource resource = {"apps", "v1", "statefulsets", namespace, statefulset};
    json_t *object = NULL;
    if (visit->cluster->calls->get(visit->cluster, &resource, &object, error))
        error_context(error, "StatefulSet %s/%s", namespace, statefulset);
    else if (!object)
        error_set(error, ERROR_NOT_FOUND, "there is no StatefulSet \"%s\" in namespace %s", statefulset,
                  namespace);
    return object;
}

int64_t statefulset_replicas(const json_t *statefulset)
{
    return json_int(json_object_get(statefulset, "spec"), "replicas", 1);
}

/* ---- its pods ---- */

static bool pod_is_owned(const json_t *pod, const char *statefulset)
{
    size_t index;
    json_t *owner;
    json_array_foreach(json_at(pod, "metadata", "ownerReferences", NULL), index, owner)
    {
        if (!strcmp(json_text(owner, "kind", ""), "StatefulSet") &&
            !strcmp(json_text(owner, "name", ""), statefulset))
            return true;
    }
    return false;
}

/* -1 where the name is not STATEFULSET-N. */
static int64_t pod_ordinal(const char *name, const char *statefulset)
{
    size_t length = strlen(statefulset);
    char *end;
    if (strncmp(name, statefulset, length) || name[length] != '-' || !strchr("0123456789", name[length + 1]))
        return -1;
    long long ordinal = strtoll(name + length + 1, &end, 10);
    return *end || end == name + length + 1 ? -1 : ordinal;
}

static int compare_ordinals(const void *left, const void *right)
{
    int64_t a = ((const struct pod *)left)->ordinal, b = ((const struct pod *)right)->ordinal;
    return (a > b) - (a < b);
}

int pods_read(const struct visit *visit, const char *statefulset, struct pods *out, struct error *error)
{
    const char *namespace = json_text(visit->inputs, "namespace", "");
    struct resource resource = {"", "v1", "pods", namespace, NULL};
    size_t index;
    json_t *pod;
    *out = (struct pods){0};
    if (visit->cluster->calls->list(visit->cluster, &resource, NULL, false, &out->list, error))
        return error_context(error, "pods in %s", namespace);
    const json_t *items = json_object_get(out->list, "items");
    out->pods = memory_new((json_array_size(items) + 1) * sizeof *out->pods);
    json_array_foreach(items, index, pod)
    {
        const char *name = json_text(json_object_get(pod, "metadata"), "name", "");
        int64_t ordinal = pod_ordinal(name, statefulset);
        if (ordinal >= 0 && pod_is_owned(pod, statefulset))
            out->pods[out->count++] = (struct pod){pod, name, ordinal};
    }
    qsort(out->pods, out->count, sizeof *out->pods, compare_ordinals);
    return 0;
}

void pods_clear(struct pods *pods)
{
    json_decref(pods->list);
    free(pods->pods);
    *pods = (struct pods){0};
}

int pod_exists(const struct visit *visit, const char *name, bool *out, struct error *error)
{
    const char *namespace = json_text(visit->inputs, "namespace", "");
    struct resource resource = {"", "v1", "pods", namespace, name};
    json_t *pod = NULL;
    if (visit->cluster->calls->get(visit->cluster, &resource, &pod, error))
        return error_context(error, "pod %s/%s", namespace, name);
    *out = pod;
    json_decref(pod);
    return 0;
}

/* ---- one pod ---- */

bool pod_is_terminating(const json_t *pod)
{
    return json_at(pod, "metadata", "deletionTimestamp", NULL);
}

const char *pod_node(const json_t *pod)
{
    return json_text(json_object_get(pod, "spec"), "nodeName", "");
}

bool pod_all_ready(const json_t *pod)
{
    const json_t *statuses = json_at(pod, "status", "containerStatuses", NULL);
    const json_t *containers = json_at(pod, "spec", "containers", NULL);
    size_t index;
    json_t *status;
    if (pod_is_terminating(pod) || !json_array_size(containers) ||
        json_array_size(statuses) != json_array_size(containers))
        return false;
    json_array_foreach(statuses, index, status)
    {
        if (!json_bool(status, "ready", false))
            return false;
    }
    return true;
}

/* What keeps one container from being ready: "container iomesh-chunk: CrashLoopBackOff (last exit 1)". */
static void describe_container(const json_t *status, struct text *text)
{
    const json_t *waiting = json_at(status, "state", "waiting", NULL);
    const json_t *ended = json_at(status, "state", "terminated", NULL);
    const json_t *last = json_at(status, "lastState", "terminated", NULL);
    char begins[256];
    text_fit(begins, sizeof begins, "%s", json_text(waiting, "message", ""));
    text_format(text, "%scontainer %s: ", text->length ? "; " : "", json_text(status, "name", "?"));
    if (waiting)
        text_add(text, json_text(waiting, "reason", "waiting"));
    else if (ended)
        text_format(text, "ended with %lld", (long long)json_int(ended, "exitCode", -1));
    else
        text_add(text, "runs, but is not ready");
    if (last)
        text_format(text, " (last exit %lld)", (long long)json_int(last, "exitCode", -1));
    else if (*begins)
        text_format(text, " (%s)", begins);
}

static void describe_containers(const json_t *pod, const char *list, struct text *text)
{
    size_t index;
    json_t *status;
    json_array_foreach(json_at(pod, "status", list, NULL), index, status)
    {
        bool has_ended_well = json_at(status, "state", "terminated", NULL) &&
                              !json_int(json_at(status, "state", "terminated", NULL), "exitCode", -1);
        if (!json_bool(status, "ready", false) && !(has_ended_well && !strncmp(list, "init", 4)))
            describe_container(status, text);
    }
}

void pod_describe_trouble(const json_t *pod, struct text *text)
{
    const json_t *scheduled = object_condition(pod, "PodScheduled");
    struct text why = {0};
    if (pod_is_terminating(pod)) {
        text_add(&why, "terminating");
    } else if (!strcmp(json_text(scheduled, "status", ""), "False")) {
        char begins[256];
        text_fit(begins, sizeof begins, "%s",
                 json_text(scheduled, "message", "the scheduler gives no reason"));
        text_format(&why, "%s: %s", json_text(scheduled, "reason", "not scheduled"), begins);
    } else {
        describe_containers(pod, "initContainerStatuses", &why);
        describe_containers(pod, "containerStatuses", &why);
    }
    if (!why.length)
        text_add(&why, json_text(json_object_get(pod, "status"), "phase", "no status yet"));
    text_add(text, text_string(&why));
    text_clear(&why);
}
