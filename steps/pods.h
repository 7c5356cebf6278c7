/* The pods of a StatefulSet, as a person would judge them: "ready" means every container, a pod that is being
 * deleted does not count, and one that does not get ready says why. */
#ifndef PAWL_STEPS_PODS_H
#define PAWL_STEPS_PODS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "steps/kind.h"

struct pod {
    const json_t *object; /* borrowed from the list */
    const char *name;
    int64_t ordinal;
};

struct pods {
    json_t *list;     /* the answer of the API, which the pods are borrowed from */
    struct pod *pods; /* by ordinal, those that are being deleted included */
    size_t count;
};

/* "iomesh-chunk" for "chunk". */
void component_statefulset(const char *component, char statefulset[64]);
/* The StatefulSet itself, a new reference; ERROR_NOT_FOUND where there is none. */
json_t *statefulset_read(const struct visit *visit, const char *statefulset, struct error *error);
/* spec.replicas. */
int64_t statefulset_replicas(const json_t *statefulset);

/* All pods that the StatefulSet owns. Clear them after a success. */
int pods_read(const struct visit *visit, const char *statefulset, struct pods *out, struct error *error);
void pods_clear(struct pods *pods);
/* Whether a pod of this name exists, one that is being deleted included. */
int pod_exists(const struct visit *visit, const char *name, bool *out, struct error *error);

bool pod_is_terminating(const json_t *pod);
bool pod_all_ready(const json_t *pod);
const char *pod_node(const json_t *pod);
/* Why it is not ready, one phrase: the scheduler's message, CrashLoopBackOff and the last exit, …. */
void pod_describe_trouble(const json_t *pod, struct text *text);

#endif
