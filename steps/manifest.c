#include "steps/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cluster/yaml.h"
#include "steps/difference.h"

static const struct {
    const char *kind, *resource;
} WORKLOADS[] = {
    {"StatefulSet", "statefulsets"},
    {"Deployment", "deployments"},
    {"DaemonSet", "daemonsets"},
    {"ReplicaSet", "replicasets"},
};

/* "apps" of "apps/v1": a version alone makes no other object. */
static char *group_of(const json_t *object)
{
    const char *version = json_text(object, "apiVersion", "");
    const char *slash = strchr(version, '/');
    return slash ? string_format("%.*s", (int)(slash - version), version) : string_copy("");
}

static bool is_common_group(const char *group)
{
    return !*group || !strcmp(group, "apps") || !strcmp(group, "batch");
}

static int add_object(json_t *objects, json_t *object, const char *namespace, const char *what,
                      struct error *error)
{
    const char *kind = json_text(object, "kind", NULL);
    const char *name = json_text(json_object_get(object, "metadata"), "name", NULL);
    if (!kind || !name)
        return error_set(error, ERROR_CLUSTER_ANSWER, "%s holds an object without kind or name", what);
    char *group = group_of(object);
    char *key = string_format("%s%s%s %s/%s", kind, is_common_group(group) ? "" : ".",
                              is_common_group(group) ? "" : group,
                              json_text(json_object_get(object, "metadata"), "namespace", namespace), name);
    int result = json_object_get(objects, key)
                     ? error_set(error, ERROR_CLUSTER_ANSWER, "%s holds %s twice", what, key)
                     : json_object_set(objects, key, object);
    free(key);
    free(group);
    return result;
}

static int add_document(json_t *objects, json_t *document, const char *namespace, const char *what,
                        struct error *error)
{
    const json_t *items = json_object_get(document, "items");
    const char *kind = json_text(document, "kind", "");
    size_t index, length = strlen(kind);
    json_t *item;
    if (!json_is_array(items) || length < 4 || strcmp(kind + length - 4, "List"))
        return add_object(objects, document, namespace, what, error);
    json_array_foreach(items, index, item) if (add_object(objects, item, namespace, what, error)) return -1;
    return 0;
}

json_t *manifest_read(const char *text, const char *namespace, const char *what, struct error *error)
{
    json_t *documents = yaml_documents_read(text, strlen(text), what, error), *document;
    json_t *objects = documents ? json_object() : NULL;
    size_t index;
    json_array_foreach(documents, index, document)
    {
        if (add_document(objects, document, namespace, what, error)) {
            json_decref(objects);
            objects = NULL;
            break;
        }
    }
    json_decref(documents);
    return objects;
}

json_t *manifest_pod_template(const json_t *object)
{
    json_t *template = json_at(object, "spec", "template", NULL);
    return json_is_object(json_object_get(template, "spec")) ? template : NULL;
}

static json_t *describe(const char *key, const json_t *from, const json_t *to)
{
    json_t *differences = difference_of(from, to), *difference, *paths = json_array();
    size_t index;
    json_t *change = json_pack("{s:s,s:s}", "object", key, "change",
                               !from ? "added"
                               : !to ? "removed"
                                     : "changed");
    json_array_foreach(differences, index, difference) if (from && to)
        json_array_append(paths, json_object_get(difference, "path"));
    if (json_array_size(paths) == 1 && strncmp(key, "Secret ", strlen("Secret "))) {
        json_object_set(change, "from", json_object_get(json_array_get(differences, 0), "from"));
        json_object_set(change, "to", json_object_get(json_array_get(differences, 0), "to"));
    }
    json_object_set_new(change, "paths", paths);
    bool restarts = from && manifest_pod_template(from) &&
                    !difference_is_none(manifest_pod_template(from), manifest_pod_template(to));
    json_object_set_new(change, "restarts", json_boolean(restarts));
    json_decref(differences);
    return change;
}

json_t *manifest_compare(const json_t *from, const json_t *to)
{
    json_t *changes = json_array(), *object;
    const char *key;
    json_object_foreach((json_t *)from, key,
                        object) if (!difference_is_none(object, json_object_get(to, key)))
        json_array_append_new(changes, describe(key, object, json_object_get(to, key)));
    json_object_foreach((json_t *)to, key, object) if (!json_object_get(from, key))
        json_array_append_new(changes, describe(key, NULL, object));
    return changes;
}

bool manifest_workload(const json_t *object, const char *namespace, struct resource *resource)
{
    const json_t *metadata = json_object_get(object, "metadata");
    if (strcmp(json_text(object, "apiVersion", ""), "apps/v1"))
        return false;
    for (size_t i = 0; i < sizeof WORKLOADS / sizeof *WORKLOADS; i++) {
        if (strcmp(json_text(object, "kind", ""), WORKLOADS[i].kind))
            continue;
        *resource = (struct resource){.group = "apps",
                                      .version = "v1",
                                      .resource = WORKLOADS[i].resource,
                                      .namespace = json_text(metadata, "namespace", namespace),
                                      .name = json_text(metadata, "name", "")};
        return true;
    }
    return false;
}
