/* A stored run, folded from its first event to its newest. */
#ifndef PAWL_ENGINE_LOAD_H
#define PAWL_ENGINE_LOAD_H

#include "engine/run.h"
#include "state/store.h"

/* *head is the run's chain's. NULL with the error filled. */
struct run *run_load(struct store *store, int64_t id, const struct machine *machine, struct digest *head,
                     struct error *error);

/* A run by its number alone, for those who only look: *out_machine is the caller's too, to be freed after the
 * run. NULL with the error filled. */
struct run *run_open(struct store *store, int64_t id, struct machine **out_machine, struct error *error);

#endif
