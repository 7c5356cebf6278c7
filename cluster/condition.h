/* The conditions of a Kubernetes object's status, a node's or a pod's. */
#ifndef PAWL_CLUSTER_CONDITION_H
#define PAWL_CLUSTER_CONDITION_H

#include <jansson.h>
#include <stdbool.h>

/* The condition of this type, borrowed; NULL where the object has none. */
const json_t *object_condition(const json_t *object, const char *type);
/* Whether its condition Ready is "True"; that of a pod is not where its node is lost, either. */
bool object_is_ready(const json_t *object);

#endif
