/* The API server of the simulated cluster: requests about objects, with their troubles, logged. All are made
 * inside a call (world_begin … world_end). */
#ifndef PAWL_CLUSTER_SIM_SERVER_H
#define PAWL_CLUSTER_SIM_SERVER_H

#include <jansson.h>
#include <stdbool.h>

#include "cluster/cluster.h"
#include "cluster/sim/world.h"

/* As in struct cluster_calls. -1: the error is filled; what has happened all the same is in the world. */
int server_get(struct world *, const struct resource *, json_t **out, struct error *);
int server_list(struct world *, const struct resource *, const char *selector, bool metadata_only,
                json_t **out, struct error *);
int server_patch(struct world *, const struct resource *, enum patch_type, const json_t *patch, bool dry_run,
                 json_t **out, struct error *);
int server_remove(struct world *, const struct resource *, const char *uid, const char *resource_version,
                  struct error *);
int server_create(struct world *, const struct resource *, const json_t *object, json_t **out,
                  struct error *);
int server_replace(struct world *, const struct resource *, const json_t *object, json_t **out,
                   struct error *);

#endif
