#include "cluster/sim/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cluster/sim/fault.h"
#include "cluster/sim/merge.h"
#include "cluster/sim/objects.h"
#include "cluster/sim/workload.h"

/* ---- how a request arrives ---- */

struct arrival {
    const struct object_type *type;
    const json_t *fault;
    char what[256]; /* "get pods iomesh-system/iomesh-chunk-0" */
};

static void request_name(const char *verb, const struct resource *resource, char what[256])
{
    snprintf(what, 256, "%s %s %s%s%s", verb, resource->resource,
             resource->namespace ? resource->namespace : "", resource->namespace && resource->name ? "/" : "",
             resource->name ? resource->name : "");
}

/* Logs the request and meets its trouble. -1: it ends here, without effect. */
static int arrive(struct world *world, const char *verb, const struct resource *resource, bool dry_run,
                  struct arrival *arrival, struct error *error)
{
    request_name(verb, resource, arrival->what);
    arrival->type = object_type_find(resource);
    arrival->fault = fault_take(world, verb, resource->resource, resource->name, NULL);
    bool denied = !arrival->fault && fault_denies(world, verb, resource->resource);
    world_request(world, verb, resource->resource, resource->namespace, resource->name,
                  denied ? "403" : fault_code(arrival->fault),
                  dry_run ? json_pack("{s:b}", "dry_run", 1) : NULL);
    if (denied)
        return error_set(error, ERROR_CLUSTER_DENIED, "%s: forbidden: User \"sim\" cannot %s resource \"%s\"",
                         arrival->what, verb, resource->resource);
    if (!arrival->type)
        return error_set(error, ERROR_NOT_FOUND, "%s: the server could not find the requested resource",
                         arrival->what);
    bool answered = !strcmp(verb, "get") && (!strcmp(json_text(arrival->fault, "code", ""), "empty") ||
                                             !strcmp(json_text(arrival->fault, "code", ""), "half"));
    if (arrival->fault && !fault_has_effect(arrival->fault) && !answered)
        return fault_error(arrival->fault, arrival->what, error);
    return 0;
}

/* The answer to a request that took effect; a trouble may lose it. */
static int answer(const struct world *world, const struct arrival *arrival, const json_t *object,
                  json_t **out, struct error *error)
{
    if (arrival->fault && fault_has_effect(arrival->fault))
        return fault_error(arrival->fault, arrival->what, error);
    if (out)
        *out = object ? object_copy_out(world, arrival->type, object) : NULL;
    return 0;
}

/* helm's records, where helm does not keep them in Secrets. */
static bool is_hidden(const struct world *world, const json_t *object)
{
    return !strcmp(json_text(object, "type", ""), "helm.sh/release.v1") &&
           strcmp(world_setting_text(world, "helm_driver"), "secret");
}

static json_t *find(const struct world *world, const struct resource *resource)
{
    json_t *object = object_find(world, resource->resource, resource->namespace, resource->name);
    return is_hidden(world, object) ? NULL : object;
}

/* ---- reading ---- */

/* An operator that writes its status in pieces: a part of the list, a part of the members. */
static void status_tear(json_t *object, const char *code)
{
    json_t *chunks = json_at(object, "status", "summary", "chunkSummary", "chunks", NULL);
    if (!strcmp(code, "empty")) {
        json_object_set_new(object, "status", json_object());
        return;
    }
    size_t half = (json_array_size(chunks) + 1) / 2;
    while (json_array_size(chunks) > half)
        json_array_remove(chunks, half);
    json_object_del(json_array_get(chunks, 0), "ip");
    json_object_del(json_array_get(chunks, 0), "status");
}

int server_get(struct world *world, const struct resource *resource, json_t **out, struct error *error)
{
    struct arrival arrival;
    if (arrive(world, "get", resource, false, &arrival, error))
        return -1;
    const json_t *object = find(world, resource);
    if (answer(world, &arrival, object, out, error))
        return -1;
    if (arrival.fault && *out)
        status_tear(*out, fault_code(arrival.fault));
    return 0;
}

int server_list(struct world *world, const struct resource *resource, const char *selector,
                bool metadata_only, json_t **out, struct error *error)
{
    struct arrival arrival;
    if (arrive(world, "list", resource, false, &arrival, error))
        return -1;
    if (arrival.fault)
        return fault_error(arrival.fault, arrival.what, error);
    json_t *items = json_array(), *object;
    size_t i;
    json_array_foreach(objects_of(world, resource->resource), i, object)
    {
        const char *namespace = json_text(json_object_get(object, "metadata"), "namespace", "");
        if ((resource->namespace && arrival.type->namespaced && strcmp(namespace, resource->namespace)) ||
            !object_matches(object, selector) || is_hidden(world, object))
            continue;
        if (metadata_only)
            json_array_append_new(items, json_pack("{s:s, s:s, s:o}", "apiVersion", "meta.k8s.io/v1", "kind",
                                                   "PartialObjectMetadata", "metadata",
                                                   json_deep_copy(json_object_get(object, "metadata"))));
        else
            json_array_append_new(items, object_copy_out(world, arrival.type, object));
    }
    char version[64], revision[24];
    object_type_version(arrival.type, version);
    snprintf(revision, sizeof revision, "%lld", (long long)json_int(world->state, "resource_version", 0));
    *out = json_pack("{s:s, s:o, s:{s:s}, s:o}", "apiVersion", version, "kind",
                     json_sprintf("%sList", arrival.type->kind), "metadata", "resourceVersion", revision,
                     "items", items);
    return 0;
}

/* ---- changing ---- */

static int conflict(const struct arrival *arrival, const json_t *object, struct error *error)
{
    return error_set(
        error, ERROR_CLUSTER_CONFLICT,
        "%s: the object has been modified; please apply your changes to the latest version (%s is at "
        "resourceVersion %s)",
        arrival->what, object_name(object),
        json_text(json_object_get(object, "metadata"), "resourceVersion", "?"));
}

static bool moved(const json_t *object, const char *key, const char *wanted)
{
    return wanted && strcmp(json_text(json_object_get(object, "metadata"), key, ""), wanted);
}

static void effect_log(struct world *world, const char *effect, const struct resource *resource,
                       const char *name)
{
    world_effect(world, effect,
                 json_pack("{s:s, s:s, s:s*}", "resource", resource->resource, "name", name, "namespace",
                           resource->namespace));
}

/* After `object` was changed to what `old` was before: generation, resourceVersion. */
static void changed(struct world *world, const struct resource *resource, json_t *object, const json_t *old)
{
    bool respecified = !json_equal(json_object_get(object, "spec"), json_object_get(old, "spec"));
    if (respecified && !strcmp(resource->resource, "statefulsets"))
        statefulset_changed(world, object);
    else
        object_touch(world, object);
    world_settle(world);
}

static int patch_apply(json_t *object, enum patch_type type, const json_t *patch, struct error *error)
{
    if (type == PATCH_JSON)
        return operations_patch(object, patch, error);
    if (type == PATCH_MERGE)
        merge_patch(object, patch);
    else
        strategic_patch(object, patch);
    const json_t *replicas = json_at(object, "spec", "replicas", NULL);
    if (replicas && !json_is_integer(replicas))
        return error_set(error, ERROR_CLUSTER_ANSWER, "spec.replicas: Invalid value: not an integer");
    return 0;
}

int server_patch(struct world *world, const struct resource *resource, enum patch_type type,
                 const json_t *patch, bool dry_run, json_t **out, struct error *error)
{
    struct arrival arrival;
    if (arrive(world, "patch", resource, dry_run, &arrival, error))
        return -1;
    json_t *object = find(world, resource);
    if (!object)
        return error_set(error, ERROR_NOT_FOUND, "%s: not found", arrival.what);
    json_t *tried = json_deep_copy(object);
    int result = patch_apply(tried, type, patch, error);
    if (!result && moved(object, "resourceVersion",
                         json_text(json_object_get(tried, "metadata"), "resourceVersion", NULL)))
        result = conflict(&arrival, object, error);
    if (!result && !dry_run && !json_equal(tried, object)) {
        effect_log(world, "patch", resource, resource->name);
        json_t *old = json_deep_copy(object);
        json_object_update(object, tried);
        changed(world, resource, object, old);
        json_decref(old);
    }
    if (!result)
        result = answer(world, &arrival, dry_run ? tried : object, out, error);
    json_decref(tried);
    return result;
}

int server_remove(struct world *world, const struct resource *resource, const char *uid,
                  const char *resource_version, struct error *error)
{
    struct arrival arrival;
    if (arrive(world, "delete", resource, false, &arrival, error))
        return -1;
    json_t *object = find(world, resource);
    if (!object)
        return answer(world, &arrival, NULL, NULL, error);
    if (moved(object, "uid", uid) || moved(object, "resourceVersion", resource_version))
        return conflict(&arrival, object, error);
    bool is_record = !strcmp(json_text(object, "type", ""), "helm.sh/release.v1");
    effect_log(world, is_record ? "record_removed" : "delete", resource, resource->name);
    if (!strcmp(resource->resource, "pods"))
        pod_delete(world, object);
    else
        object_remove(world, resource->resource, object);
    world_settle(world);
    return answer(world, &arrival, NULL, NULL, error);
}

int server_create(struct world *world, const struct resource *resource, const json_t *object, json_t **out,
                  struct error *error)
{
    struct arrival arrival;
    if (arrive(world, "create", resource, false, &arrival, error))
        return -1;
    const char *name = object_name(object);
    if (object_find(world, resource->resource, resource->namespace, name))
        return error_set(error, ERROR_CLUSTER_CONFLICT, "%s: %s \"%s\" already exists", arrival.what,
                         resource->resource, name);
    effect_log(world, "create", resource, name);
    json_t *added = json_deep_copy(object);
    json_t *metadata = json_object_get(added, "metadata");
    if (resource->namespace)
        json_object_set_new(metadata, "namespace", json_string(resource->namespace));
    if (!strcmp(resource->resource, "statefulsets"))
        json_object_set_new(metadata, "generation", json_integer(1));
    added = object_add(world, resource->resource, added);
    world_settle(world);
    return answer(world, &arrival, added, out, error);
}

int server_replace(struct world *world, const struct resource *resource, const json_t *object, json_t **out,
                   struct error *error)
{
    struct arrival arrival;
    if (arrive(world, "update", resource, false, &arrival, error))
        return -1;
    json_t *present = find(world, resource);
    if (!present)
        return error_set(error, ERROR_NOT_FOUND, "%s: not found", arrival.what);
    const json_t *metadata = json_object_get(object, "metadata");
    if (moved(present, "resourceVersion", json_text(metadata, "resourceVersion", NULL)) ||
        moved(present, "uid", json_text(metadata, "uid", NULL)))
        return conflict(&arrival, present, error);
    effect_log(world, "update", resource, resource->name);
    json_t *old = json_deep_copy(present), *fresh = json_deep_copy(object);
    json_object_del(json_object_get(fresh, "metadata"), "resourceVersion");
    /* What only the server writes stays. */
    json_object_update_missing(json_object_get(fresh, "metadata"), json_object_get(old, "metadata"));
    if (!json_object_get(fresh, "status") && json_object_get(old, "status"))
        json_object_set(fresh, "status", json_object_get(old, "status"));
    if (json_object_get(old, "sim"))
        json_object_set(fresh, "sim", json_object_get(old, "sim"));
    json_object_clear(present);
    json_object_update(present, fresh);
    changed(world, resource, present, old);
    json_decref(old);
    json_decref(fresh);
    return answer(world, &arrival, present, out, error);
}
