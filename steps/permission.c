#include "steps/permission.h"

#include <string.h>

#include "base/json.h"

const struct permission PERMISSIONS_EXEC[] = {
    {"get", "", "v1", "pods/exec", NULL},
    {"create", "", "v1", "pods/exec", "1.35"},
    {0},
};

static json_t *find(const json_t *asked, const struct permission *permission, const char *namespace)
{
    size_t index;
    json_t *entry;
    json_array_foreach(asked, index, entry)
    {
        if (!strcmp(json_text(entry, "verb", ""), permission->verb) &&
            !strcmp(json_text(entry, "resource", ""), permission->resource) &&
            !strcmp(json_text(entry, "namespace", ""), namespace))
            return entry;
    }
    return NULL;
}

static json_t *ask(struct cluster *cluster, const struct permission *permission, const char *namespace)
{
    struct resource resource = {permission->group, permission->version, permission->resource, namespace,
                                NULL};
    bool allowed = false;
    char why[256] = "";
    struct error error = {0};
    json_t *entry = json_pack("{s:s,s:s,s:s}", "verb", permission->verb, "resource", permission->resource,
                              "namespace", namespace);
    bool said = !cluster->calls->allowed(cluster, permission->verb, &resource, &allowed, why, &error);
    json_object_set_new(entry, "allowed", said ? json_boolean(allowed) : json_null());
    if (!said || (!allowed && *why))
        json_object_set_new(entry, "why", json_string(said ? why : error.message));
    if (permission->only_from)
        json_object_set_new(entry, "only_from", json_string(permission->only_from));
    return entry;
}

int permission_ask(struct cluster *cluster, const struct permission *permission, const char *namespace,
                   json_t *asked, struct error *error)
{
    json_t *entry = json_incref(find(asked, permission, namespace));
    int result = 0;
    if (!entry) {
        entry = ask(cluster, permission, namespace);
        json_array_append(asked, entry);
    }
    const char *why = json_text(entry, "why", "");
    if (json_is_false(json_object_get(entry, "allowed")) && !permission->only_from)
        result = error_set(error, ERROR_CLUSTER_DENIED, "not allowed to %s %s in namespace %s%s%s",
                           permission->verb, permission->resource, namespace, *why ? ": " : "", why);
    json_decref(entry);
    return result;
}
