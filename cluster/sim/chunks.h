/* IOMesh: chunks with their ids and sessions, data that moves, the meta leader, the cluster object's status.
 *
 * state["chunks"]: {"id", "ip", "pod", "pod_uid", "session" (uid of the leader that last had one with it),
 * "lost_at", "expire_at", "drained_at", "capacity", "used"}. */
#ifndef PAWL_CLUSTER_SIM_CHUNKS_H
#define PAWL_CLUSTER_SIM_CHUNKS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/text.h"
#include "cluster/sim/world.h"

/* One round: chunks registered, lost, drained; sessions; elections; the status written. True where something
 * changed. */
bool chunks_step(struct world *world);
int64_t chunks_due_ms(const struct world *world);
/* Registers the chunks of all running pods in this order ("2,0,1"; NULL: an order that is not the ordinals').
 */
int chunks_register_all(struct world *world, const char *order, struct error *error);

/* The status of the cluster object as it is published (late by the lag); a new reference. */
json_t *chunks_status(const struct world *world);
/* As they are: [{"id","ip","status","pod",…}] with what no status says ("removing"); a new reference. */
json_t *chunks_truth(const struct world *world);
/* `iomeshctl chunk unregister ID`: appends what it prints, returns its exit status. */
int chunk_unregister(struct world *world, int64_t id, struct text *out);
/* `iomeshctl summary cluster` */
void chunks_summary(const struct world *world, struct text *out);

/* The pod that leads now, "" while there is none. */
const char *leader_name(const struct world *world);
/* Makes this pod the leader ("" : none), with its label. */
void leader_set(struct world *world, const char *pod);
/* No leader until the sim's time `until_ms`. */
void leader_suspend(struct world *world, int64_t until_ms);

#endif
