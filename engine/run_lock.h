/* A run's lock NAMESPACE/NAME. Who holds it follows from the records; the store's table `locks` is what makes
 * two runs exclude each other, and is a projection like any other: it is compared where it is relied on. */
#ifndef PAWL_ENGINE_RUN_LOCK_H
#define PAWL_ENGINE_RUN_LOCK_H

#include "engine/run.h"
#include "state/store.h"

/* Within a transaction: takes the lock for a run where it is free. *out_holder is the run that holds it then.
 * ERROR_STORE_CORRUPT where the table says that it is free, and the records of an open run that it holds it.
 */
int run_lock_take(struct store *store, const json_t *cluster, const char *lock, int64_t run,
                  int64_t *out_holder, struct error *error);
/* For a rebuild of the table: enters a run that holds its lock by its records. Where two runs have got one
 * lock, the first that is entered keeps it until it ends; the other is refused until then. */
int run_lock_rebuild(struct store *store, const struct run *run, struct error *error);
/* Does the table say of this run what its records say? 0: yes, 1: no, -1 with the error filled. */
int run_lock_compare(struct store *store, const struct run *run, struct error *error);
/* The same before the run is relied on to hold it; ERROR_STORE_CORRUPT where the table says otherwise. */
int run_lock_check(struct store *store, const struct run *run, struct error *error);

#endif
