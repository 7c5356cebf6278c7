/* StatefulSets, pods and nodes: what Kubernetes' own controllers do. */
#ifndef PAWL_CLUSTER_SIM_WORKLOAD_H
#define PAWL_CLUSTER_SIM_WORKLOAD_H

#include <jansson.h>
#include <stdbool.h>

#include "cluster/sim/world.h"

/* One round of the controllers: pods made, taken away, scheduled, started. True where something changed. */
bool workload_step(struct world *world);
/* When the next pod starts or ends; WORLD_NEVER: none will. */
int64_t workload_due_ms(const struct world *world);

/* Begins to end a pod. */
void pod_delete(struct world *world, json_t *pod);
bool pod_is_ready(const json_t *pod);
/* Its containers run (ready or not) and it is not going. */
bool pod_is_running(const json_t *pod);
/* After spec was changed: generation + 1. */
void statefulset_changed(struct world *world, json_t *statefulset);

#endif
