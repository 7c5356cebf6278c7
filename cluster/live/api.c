/* Objects: what the API server's verbs are over HTTP. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/live/live_cluster.h"

#define PAGE_ITEMS       500
#define LIST_STARTS_MAX  3 /* a list whose pages expire while they are read is begun again */
#define FIELD_MANAGER    "fieldManager=pawl"
#define METADATA_OBJECTS "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

/* ---- paths ---- */

void escape_add(struct text *text, const char *raw)
{
    for (; *raw; raw++) {
        if (isalnum((unsigned char)*raw) || strchr("-._~", *raw))
            text_append(text, raw, 1);
        else
            text_format(text, "%%%02X", (unsigned char)*raw);
    }
}

/* An empty part would turn a request for one object into one for all of them. */
static int segment_add(struct text *path, const char *segment, const char *noun, struct error *error)
{
    if (!*segment || !strcmp(segment, ".") || !strcmp(segment, ".."))
        return error_set(error, ERROR_USAGE, "\"%s\" is no %s", segment, noun);
    text_add(path, "/");
    escape_add(path, segment);
    return 0;
}

char *resource_path(const struct resource *resource, const char *rest, const char *query, struct error *error)
{
    struct text path = {0};
    int result = 0;
    text_add(&path, *resource->group ? "/apis" : "/api");
    if (*resource->group)
        result = segment_add(&path, resource->group, "API group", error);
    if (!result)
        result = segment_add(&path, resource->version, "API version", error);
    if (!result && resource->namespace) {
        text_add(&path, "/namespaces");
        result = segment_add(&path, resource->namespace, "namespace", error);
    }
    if (!result)
        result = segment_add(&path, resource->resource, "resource", error);
    if (!result && resource->name)
        result = segment_add(&path, resource->name, "name of an object", error);
    if (result) {
        text_clear(&path);
        return NULL;
    }
    text_add(&path, rest);
    text_add(&path, query);
    return text_take(&path);
}

/* "get pods iomesh-system/iomesh-chunk-0" */
static void what_write(char what[256], const char *verb, const struct resource *resource)
{
    const char *namespace = resource->namespace ? resource->namespace : "";
    const char *name = resource->name ? resource->name : "";
    snprintf(what, 256, "%s %s%s%s%s%s", verb, resource->resource, *namespace || *name ? " " : "", namespace,
             *namespace && *name ? "/" : "", name);
}

/* One request about this resource; `query` starts with '?' or is "". */
static int ask(struct cluster *cluster, const char *verb, const struct request *wanted,
               const struct resource *resource, const char *query, json_t **out, struct error *error)
{
    char what[256];
    char *path = resource_path(resource, "", query, error);
    *out = NULL;
    if (!path)
        return -1;
    what_write(what, verb, resource);
    struct request request = *wanted;
    request.path = path;
    request.what = what;
    int result = request_send(live_of(cluster)->endpoint, &request, out, NULL, error);
    free(path);
    if (!result && !json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        result = error_set(error, ERROR_CLUSTER_ANSWER, "%s: the answer is no object", what);
    }
    return result;
}

/* ---- reading ---- */

int live_get(struct cluster *cluster, const struct resource *resource, json_t **out, struct error *error)
{
    struct request request = {.method = "GET"};
    struct error cause = {0};
    int result = ask(cluster, "get", &request, resource, "", out, &cause);
    if (result && cause.code == ERROR_NOT_FOUND && resource->name)
        return 0;
    if (result && error)
        *error = cause;
    return result;
}

/* One page's items behind those so far; *more is where the next page begins, NULL behind the last. */
static int page_add(json_t *list, json_t *page, char **more, const struct resource *resource,
                    struct error *error)
{
    json_t *items = json_object_get(page, "items"), *kept = json_object_get(list, "items");
    const char *next = json_text(json_object_get(page, "metadata"), "continue", "");
    free(*more);
    *more = *next ? string_copy(next) : NULL;
    if (!json_is_array(items) && !json_is_null(items))
        return error_set(error, ERROR_CLUSTER_ANSWER, "list %s: the answer has no items", resource->resource);
    if (json_is_array(items)) /* Go writes an empty list as null */
        json_array_extend(kept, items);
    if (json_array_size(kept) > LIMIT_LIST_ITEMS)
        return error_set(error, ERROR_LIMIT, "list %s: more than %d objects", resource->resource,
                         LIMIT_LIST_ITEMS);
    json_object_update_missing(list, page);
    json_object_set(list, "metadata", json_object_get(page, "metadata"));
    return 0;
}

static char *list_query(const char *selector, const char *more)
{
    struct text query = {0};
    text_format(&query, "?limit=%d", PAGE_ITEMS);
    if (selector && *selector) {
        text_add(&query, "&labelSelector=");
        escape_add(&query, selector);
    }
    if (more) {
        text_add(&query, "&continue=");
        escape_add(&query, more);
    }
    return text_take(&query);
}

/* All pages of a list. -1 with *expired where one was gone before it could be read. */
static int list_pages(struct cluster *cluster, const struct resource *resource, const char *selector,
                      bool metadata_only, json_t *list, bool *expired, struct error *error)
{
    char *more = NULL;
    int result;
    do {
        struct request request = {.method = "GET", .accept = metadata_only ? METADATA_OBJECTS : NULL};
        char *query = list_query(selector, more);
        json_t *page;
        result = ask(cluster, "list", &request, resource, query, &page, error);
        free(query);
        *expired = result && more && strstr(error->message, "HTTP status 410");
        if (!result)
            result = page_add(list, page, &more, resource, error);
        json_decref(page);
    } while (!result && more);
    free(more);
    return result;
}

int live_list(struct cluster *cluster, const struct resource *resource, const char *label_selector,
              bool metadata_only, json_t **out, struct error *error)
{
    struct resource collection = *resource;
    struct error cause = {0};
    bool expired = true;
    int result = -1;
    collection.name = NULL;
    *out = NULL;
    for (int start = 0; expired && start < LIST_STARTS_MAX; start++) {
        json_decref(*out);
        *out = json_pack("{s:[]}", "items");
        result = list_pages(cluster, &collection, label_selector, metadata_only, *out, &expired, &cause);
    }
    if (!result)
        return 0;
    json_decref(*out);
    *out = NULL;
    if (expired)
        cause.code = ERROR_CLUSTER_BUSY;
    if (error)
        *error = cause;
    return -1;
}

/* ---- changing ---- */

int live_patch(struct cluster *cluster, const struct resource *resource, enum patch_type type,
               const json_t *patch, bool dry_run, json_t **out, struct error *error)
{
    static const char *const types[] = {
        [PATCH_MERGE] = "application/merge-patch+json",
        [PATCH_STRATEGIC] = "application/strategic-merge-patch+json",
        [PATCH_JSON] = "application/json-patch+json",
    };
    struct request request = {.method = "PATCH", .content_type = types[type], .body = patch};
    return ask(cluster, "patch", &request, resource,
               dry_run ? "?" FIELD_MANAGER "&dryRun=All" : "?" FIELD_MANAGER, out, error);
}

int live_create(struct cluster *cluster, const struct resource *resource, const json_t *object, json_t **out,
                struct error *error)
{
    struct request request = {.method = "POST", .body = object};
    struct resource collection = *resource;
    collection.name = NULL;
    return ask(cluster, "create", &request, &collection, "?" FIELD_MANAGER, out, error);
}

int live_replace(struct cluster *cluster, const struct resource *resource, const json_t *object, json_t **out,
                 struct error *error)
{
    struct request request = {.method = "PUT", .body = object};
    return ask(cluster, "replace", &request, resource, "?" FIELD_MANAGER, out, error);
}

int live_remove(struct cluster *cluster, const struct resource *resource, const char *uid,
                const char *resource_version, struct error *error)
{
    if (!resource->name) /* would delete all of them */
        return error_set(error, ERROR_USAGE, "delete %s: no name", resource->resource);
    json_t *preconditions = json_object(), *answer;
    struct error cause = {0};
    if (uid)
        json_object_set_new(preconditions, "uid", json_string(uid));
    if (resource_version)
        json_object_set_new(preconditions, "resourceVersion", json_string(resource_version));
    json_t *options = json_pack("{s:s, s:s, s:o, s:s}", "apiVersion", "v1", "kind", "DeleteOptions",
                                "preconditions", preconditions, "propagationPolicy", "Background");
    struct request request = {.method = "DELETE", .body = options};
    int result = ask(cluster, "delete", &request, resource, "", &answer, &cause);
    json_decref(answer);
    json_decref(options);
    if (result && cause.code == ERROR_NOT_FOUND)
        return 0;
    if (result && error)
        *error = cause;
    return result;
}

/* ---- permissions ---- */

static void attribute_set(json_t *attributes, const char *key, const char *value)
{
    if (value && *value)
        json_object_set_new(attributes, key, json_string(value));
}

static json_t *review_make(const char *verb, const struct resource *resource)
{
    const char *slash = strchr(resource->resource, '/');
    char *plain = slash ? string_format("%.*s", (int)(slash - resource->resource), resource->resource)
                        : string_copy(resource->resource);
    json_t *attributes = json_object();
    attribute_set(attributes, "verb", verb);
    attribute_set(attributes, "group", resource->group);
    attribute_set(attributes, "resource", plain);
    attribute_set(attributes, "subresource", slash ? slash + 1 : NULL);
    attribute_set(attributes, "namespace", resource->namespace);
    attribute_set(attributes, "name", resource->name);
    free(plain);
    return json_pack("{s:s, s:s, s:{s:o}}", "apiVersion", "authorization.k8s.io/v1", "kind",
                     "SelfSubjectAccessReview", "spec", "resourceAttributes", attributes);
}

int live_allowed(struct cluster *cluster, const char *verb, const struct resource *resource, bool *out,
                 char why[256], struct error *error)
{
    static const struct resource reviews = {"authorization.k8s.io", "v1", "selfsubjectaccessreviews", NULL,
                                            NULL};
    json_t *review = review_make(verb, resource), *answer;
    struct request request = {.method = "POST", .body = review};
    int result = ask(cluster, "create", &request, &reviews, "", &answer, error);
    json_decref(review);
    if (result)
        return -1;
    const json_t *status = json_object_get(answer, "status");
    const char *reason = json_text(status, "reason", "");
    const char *trouble = json_text(status, "evaluationError", "");
    if (!json_is_boolean(json_object_get(status, "allowed")))
        result = error_set(error, ERROR_CLUSTER_ANSWER, "the answer of the access review has no status");
    *out = json_bool(status, "allowed", false);
    text_fit(why, 256, "%s", *reason ? reason : *trouble ? trouble : *out ? "" : "no rule allows it");
    json_decref(answer);
    return result;
}
