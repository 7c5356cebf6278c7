/* A release's manifest as objects, and what changes from one manifest to another. */
#ifndef PAWL_STEPS_MANIFEST_H
#define PAWL_STEPS_MANIFEST_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "cluster/cluster.h"

/* The objects of a manifest by name: {"StatefulSet iomesh-system/iomesh-chunk": {…}}. `namespace` is the
 * release's, for those that name none. NULL with the error filled; a new reference. */
json_t *manifest_read(const char *text, const char *namespace, const char *what, struct error *error);

/* The pod template of a workload: whatever object has spec.template.spec (a CronJob's is not running).
 * Borrowed; NULL where it has none. */
json_t *manifest_pod_template(const json_t *object);

/* What differs: array of {"object", "change": "changed"|"added"|"removed", "paths": […], "from", "to" (where
 * one path differs), "restarts": a running pod would be replaced}. The values of Secrets are never in it. A
 * new reference. */
json_t *manifest_compare(const json_t *from, const json_t *to);

/* How the API finds a workload that helm may patch; false for kinds that are not known to have pods. The
 * texts are borrowed from `object`. */
bool manifest_workload(const json_t *object, const char *namespace, struct resource *resource);

#endif
