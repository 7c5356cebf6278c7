#include "steps/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "cluster/yaml.h"

json_t *manifest_read(const char *text, struct error *error)
{
    return yaml_documents_read(text, strlen(text), "the manifest", error);
}

static json_t *pod_template(const json_t *object)
{
    return json_at(object, "spec", "template", NULL);
}

bool object_is_workload(const json_t *object)
{
    static const char *const kinds[] = {"StatefulSet", "Deployment", "DaemonSet", "ReplicaSet",
                                        "ReplicationController"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (!strcmp(json_text(object, "kind", ""), kinds[i]))
            return true;
    return false;
}

static const char *name_of(const json_t *object)
{
    return json_text(json_object_get(object, "metadata"), "name", "");
}

char *object_title(const json_t *object)
{
    return string_format("%s/%s", json_text(object, "kind", "?"), name_of(object));
}

/* "apps" of "apps/v1": a version may change without another object. */
static bool same_group(const json_t *one, const json_t *other)
{
    const char *a = json_text(one, "apiVersion", ""), *b = json_text(other, "apiVersion", "");
    size_t length = strchr(a, '/') ? strcspn(a, "/") : 0;
    return length == (strchr(b, '/') ? strcspn(b, "/") : 0) && !strncmp(a, b, length);
}

const json_t *manifest_find(const json_t *manifest, const json_t *object)
{
    size_t index;
    json_t *candidate;
    json_array_foreach(manifest, index, candidate)
    {
        const char *namespace = json_text(json_object_get(object, "metadata"), "namespace", "");
        if (same_group(candidate, object) && !strcmp(name_of(candidate), name_of(object)) &&
            !strcmp(json_text(candidate, "kind", ""), json_text(object, "kind", "")) &&
            !strcmp(json_text(json_object_get(candidate, "metadata"), "namespace", ""), namespace))
            return candidate;
    }
    return NULL;
}

json_t *manifest_changed_templates(const json_t *before, const json_t *after)
{
    json_t *titles = json_array();
    size_t index;
    json_t *object;
    json_array_foreach(after, index, object)
    {
        const json_t *old = object_is_workload(object) ? manifest_find(before, object) : NULL;
        if (!old || json_equal(pod_template(old), pod_template(object)))
            continue;
        char *title = object_title(object);
        json_array_append_new(titles, json_string(title));
        free(title);
    }
    return titles;
}

/* ---- differences ---- */

struct comparing {
    json_t *paths;
    char path[1024];
};

static bool is_nothing(const json_t *value)
{
    return !value || json_is_null(value) || (json_is_object(value) && !json_object_size(value));
}

static void compare(struct comparing *comparing, const json_t *one, const json_t *other, int depth);

static void compare_members(struct comparing *comparing, const json_t *one, const json_t *other,
                            bool missing_only, int depth)
{
    size_t length = strlen(comparing->path);
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)one, key, value)
    {
        const json_t *counterpart = json_object_get(other, key);
        if (missing_only && counterpart)
            continue;
        snprintf(comparing->path + length, sizeof comparing->path - length, "%s%s", length ? "." : "", key);
        compare(comparing, value, counterpart, depth + 1);
        comparing->path[length] = '\0';
    }
}

/* Bounded: what is nested deeper counts as one value. */
static void compare(struct comparing *comparing, const json_t *one, const json_t *other, int depth)
{
    if ((is_nothing(one) && is_nothing(other)) || json_equal(one, other))
        return;
    bool maps = (json_is_object(one) || is_nothing(one)) && (json_is_object(other) || is_nothing(other));
    if (!maps || depth >= LIMIT_JOB_DEPTH) {
        json_array_append_new(comparing->paths, json_string(comparing->path));
        return;
    }
    compare_members(comparing, one, other, false, depth);
    compare_members(comparing, other, one, true, depth);
}

json_t *json_differences(const json_t *one, const json_t *other)
{
    struct comparing comparing = {.paths = json_array()};
    compare(&comparing, one, other, 0);
    return comparing.paths;
}

/* The value at a dotted path; keys that hold dots are not found, and shown as absent. */
static const json_t *value_at(const json_t *object, const char *path)
{
    char *copy = string_copy(path), *rest = copy;
    for (char *key = strsep(&rest, "."); key && object; key = strsep(&rest, "."))
        object = json_object_get(object, key);
    free(copy);
    return object;
}

static void add_change(json_t *changes, const char *title, const char *path, const json_t *from,
                       const json_t *to)
{
    char *before = json_canonical(from), *after = json_canonical(to);
    json_array_append_new(
        changes, json_pack("{s:s,s:s,s:s,s:s}", "what", title, "path", path, "from", before, "to", after));
    free(before);
    free(after);
}

json_t *manifest_changes(const json_t *before, const json_t *after)
{
    json_t *changes = json_array();
    size_t index, place;
    json_t *object, *path;
    json_array_foreach(after, index, object)
    {
        const json_t *old = manifest_find(before, object);
        char *title = object_title(object);
        json_t *paths = old ? json_differences(old, object) : json_pack("[s]", "");
        json_array_foreach(paths, place, path) add_change(
            changes, title, json_string_value(path), old ? value_at(old, json_string_value(path)) : NULL,
            old ? value_at(object, json_string_value(path)) : object);
        json_decref(paths);
        free(title);
    }
    json_array_foreach(before, index, object)
    {
        if (manifest_find(after, object))
            continue;
        char *title = object_title(object);
        add_change(changes, title, "", object, NULL);
        free(title);
    }
    return changes;
}
