/* The API objects of the simulated cluster, kept whole in state["objects"][RESOURCE]. A member "sim" of an
 * object is the simulation's own and is left out of what callers get. */
#ifndef PAWL_CLUSTER_SIM_OBJECTS_H
#define PAWL_CLUSTER_SIM_OBJECTS_H

#include <jansson.h>
#include <stdbool.h>

#include "cluster/cluster.h"
#include "cluster/sim/world.h"

struct object_type {
    const char *group, *version, *resource, *kind;
    bool namespaced;
};

/* NULL: the API server does not know it. */
const struct object_type *object_type_find(const struct resource *resource);
/* "apps/v1", "v1" */
void object_type_version(const struct object_type *type, char text[64]);

/* The array of all objects of a resource; borrowed. */
json_t *objects_of(const struct world *world, const char *resource);
/* Borrowed; NULL where there is none. `namespace` NULL: any. */
json_t *object_find(const struct world *world, const char *resource, const char *namespace, const char *name);
const char *object_name(const json_t *object);
/* metadata.labels, made where missing; borrowed. */
json_t *object_labels(json_t *object);
bool object_is_going(const json_t *object);
bool object_matches(const json_t *object, const char *label_selector);
/* The simulation's own member of an object, made where missing; borrowed. */
json_t *object_sim(json_t *object);

/* A new resourceVersion: the object has changed. */
void object_touch(struct world *world, json_t *object);
/* Fills in uid, resourceVersion, creationTimestamp and adds it; the object is stolen, the result borrowed. */
json_t *object_add(struct world *world, const char *resource, json_t *object);
void object_remove(struct world *world, const char *resource, const json_t *object);
/* What a caller gets: a copy without "sim". */
json_t *object_copy_out(const struct world *world, const struct object_type *type, const json_t *object);
/* The sim's time as Kubernetes writes it, in seconds; a new reference. */
json_t *time_json(const struct world *world, int64_t at_ms);

#endif
