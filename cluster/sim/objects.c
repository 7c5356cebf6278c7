#include "cluster/sim/objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/memory.h"
#include "cluster/sim/chunks.h"

static const struct object_type object_types[] = {
    {"", "v1", "namespaces", "Namespace", false},
    {"", "v1", "nodes", "Node", false},
    {"", "v1", "pods", "Pod", true},
    {"", "v1", "secrets", "Secret", true},
    {"", "v1", "configmaps", "ConfigMap", true},
    {"", "v1", "events", "Event", true},
    {"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true},
    {"apps", "v1", "statefulsets", "StatefulSet", true},
    {"apps", "v1", "deployments", "Deployment", true},
    {"apps", "v1", "daemonsets", "DaemonSet", true},
    {"coordination.k8s.io", "v1", "leases", "Lease", true},
    {"iomesh.com", "v1alpha1", "iomeshclusters", "IOMeshCluster", true},
};

const struct object_type *object_type_find(const struct resource *resource)
{
    for (size_t i = 0; i < sizeof object_types / sizeof *object_types; i++) {
        const struct object_type *type = &object_types[i];
        if (!strcmp(type->group, resource->group ? resource->group : "") &&
            !strcmp(type->resource, resource->resource) && !strcmp(type->version, resource->version))
            return type;
    }
    return NULL;
}

void object_type_version(const struct object_type *type, char text[64])
{
    snprintf(text, 64, "%s%s%s", type->group, *type->group ? "/" : "", type->version);
}

json_t *objects_of(const struct world *world, const char *resource)
{
    json_t *all = json_object_get(world->state, "objects");
    json_t *list = json_object_get(all, resource);
    if (!list) {
        list = json_array();
        json_object_set_new(all, resource, list);
    }
    return list;
}

const char *object_name(const json_t *object)
{
    return json_text(json_object_get(object, "metadata"), "name", "");
}

json_t *object_find(const struct world *world, const char *resource, const char *namespace, const char *name)
{
    size_t i;
    json_t *object;
    json_array_foreach(objects_of(world, resource), i, object)
    {
        const json_t *metadata = json_object_get(object, "metadata");
        if (!strcmp(json_text(metadata, "name", ""), name) &&
            (!namespace || !strcmp(json_text(metadata, "namespace", ""), namespace)))
            return object;
    }
    return NULL;
}

static json_t *member_made(json_t *object, const char *key)
{
    json_t *member = json_object_get(object, key);
    if (!json_is_object(member)) { /* of a file that somebody wrote, too: no member of what is no object */
        member = json_object();
        if (json_object_set_new(object, key, member))
            return NULL;
    }
    return member;
}

json_t *object_labels(json_t *object)
{
    return member_made(member_made(object, "metadata"), "labels");
}

json_t *object_sim(json_t *object)
{
    return member_made(object, "sim");
}

bool object_is_going(const json_t *object)
{
    return json_at(object, "metadata", "deletionTimestamp", NULL);
}

/* One requirement: "key", "!key", "key=value", "key==value", "key!=value". */
static bool requirement_holds(const json_t *labels, const char *requirement)
{
    char key[256];
    size_t length = strcspn(requirement, "=!");
    if (*requirement == '!')
        return !json_object_get(labels, requirement + 1);
    if (length >= sizeof key)
        return false;
    memcpy(key, requirement, length);
    key[length] = '\0';
    const char *value = json_text(labels, key, NULL);
    const char *operator= requirement + length;
    if (!*operator)
        return value;
    if (!strncmp(operator, "!=", 2))
        return !value || strcmp(value, operator+ 2);
    return value && !strcmp(value, operator+(operator[1] == '=' ? 2 : 1));
}

bool object_matches(const json_t *object, const char *label_selector)
{
    const json_t *labels = json_at(object, "metadata", "labels", NULL);
    char *selector = string_copy(label_selector ? label_selector : "");
    bool matches = true;
    char *rest = selector;
    for (char *part; matches && (part = strsep(&rest, ","));)
        if (*part)
            matches = requirement_holds(labels, part);
    free(selector);
    return matches;
}

void object_touch(struct world *world, json_t *object)
{
    int64_t version = json_int(world->state, "resource_version", 1000) + 1;
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)version);
    json_object_set_new(world->state, "resource_version", json_integer(version));
    json_object_set_new(json_object_get(object, "metadata"), "resourceVersion", json_string(text));
    world->changed = true;
}

/* The next identity, looks like a UUID, follows from the sim's seed. */
static void uid_next(struct world *world, char text[37])
{
    int64_t number = json_int(world->state, "uids", 0) + 1;
    json_object_set_new(world->state, "uids", json_integer(number));
    char name[64], hex[DIGEST_HEX_SIZE];
    int length = snprintf(name, sizeof name, "%lld/%lld", (long long)json_int(world->state, "seed", 0),
                          (long long)number);
    struct digest digest = digest_of(name, (size_t)length);
    digest_hex(&digest, hex);
    snprintf(text, 37, "%.8s-%.4s-4%.3s-a%.3s-%.12s", hex, hex + 8, hex + 12, hex + 15, hex + 18);
}

json_t *time_json(const struct world *world, int64_t at_ms)
{
    char text[CLOCK_TEXT_SIZE];
    int64_t wall = world_wall_ms(world) - world->now_ms + at_ms;
    clock_write(wall - wall % 1000, text);
    memcpy(strchr(text, '.'), "Z", sizeof "Z");
    return json_string(text);
}

json_t *object_add(struct world *world, const char *resource, json_t *object)
{
    char uid[37];
    uid_next(world, uid);
    json_t *metadata = member_made(object, "metadata");
    json_object_set_new(metadata, "uid", json_string(uid));
    json_object_set_new(metadata, "creationTimestamp", time_json(world, world->now_ms));
    object_touch(world, object);
    json_array_append_new(objects_of(world, resource), object);
    return object;
}

void object_remove(struct world *world, const char *resource, const json_t *object)
{
    json_t *list = objects_of(world, resource);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_array_get(list, i) == object) {
            json_array_remove(list, i);
            world->changed = true;
            return;
        }
}

json_t *object_copy_out(const struct world *world, const struct object_type *type, const json_t *object)
{
    json_t *copy = json_copy((json_t *)object);
    char version[64];
    object_type_version(type, version);
    json_object_del(copy, "sim");
    if (!strcmp(type->resource, "iomeshclusters"))
        json_object_set_new(copy, "status", chunks_status(world));
    json_object_set_new(copy, "apiVersion", json_string(version));
    json_object_set_new(copy, "kind", json_string(type->kind));
    json_t *whole = json_deep_copy(copy);
    json_decref(copy);
    return whole;
}
