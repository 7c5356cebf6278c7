/* Commands in the simulated containers: `ip`, `cat /proc/net/fib_trie`, iomeshctl. */
#ifndef PAWL_CLUSTER_SIM_EXEC_H
#define PAWL_CLUSTER_SIM_EXEC_H

#include "base/error.h"
#include "base/text.h"
#include "cluster/sim/world.h"

/* Runs a command in a container and appends what it prints; *status is its exit status. -1 where it cannot be
 * started at all (no such pod, not running, no such container). */
int command_run(struct world *world, const char *namespace, const char *pod, const char *container,
                const char *const *arguments, struct text *out, struct text *err, int *status,
                struct error *error);
/* What a command that arrives `late_ms` later will do; for a connection that is cut. */
void command_delay(struct world *world, const char *const *arguments, int64_t late_ms);

#endif
