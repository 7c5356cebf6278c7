/* Manifests compared as objects: which pod templates would change, and so which pods would restart? Pure. */
#ifndef PAWL_STEPS_MANIFEST_H
#define PAWL_STEPS_MANIFEST_H

#include <jansson.h>

#include "base/error.h"

/* A manifest's objects as an array; NULL with the error filled. A new reference. */
json_t *manifest_read(const char *text, struct error *error);
/* Objects whose pods follow a template (StatefulSet, Deployment, DaemonSet, …)? */
bool object_is_workload(const json_t *object);
/* The object of the same apiVersion group, kind, namespace and name; NULL: none. Borrowed. */
const json_t *manifest_find(const json_t *manifest, const json_t *object);
/* Names ("StatefulSet/iomesh-chunk") of the workloads whose pod template differs between two manifests, a new
 * array. */
json_t *manifest_changed_templates(const json_t *before, const json_t *after);
/* What differs at all, for people: [{"what": "StatefulSet/iomesh-chunk", "path": "spec.replicas", "from",
 * "to"}]. */
json_t *manifest_changes(const json_t *before, const json_t *after);
/* Dotted paths at which two JSON values differ, a new array of texts; lists count as one value. */
json_t *json_differences(const json_t *one, const json_t *other);
/* "StatefulSet/iomesh-chunk"; free() it. */
char *object_title(const json_t *object);

#endif
