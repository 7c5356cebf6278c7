/* The audit's second half: replaying the events through the same fold must give the stored projections. */
#ifndef PAWL_ENGINE_REPLAY_H
#define PAWL_ENGINE_REPLAY_H

#include "state/chain.h"
#include "state/store.h"

/* Checks the chain, then folds every run and compares its rows byte by byte. What is wrong is in the report.
 * The caller has opened one view (store_begin_reading): a driver that commits meanwhile must not look like a
 * fault. */
int replay_verify(struct store *store, struct chain_report *report, struct error *error);
/* Writes the projections (runs, steps, locks) anew from the events, in one transaction. */
int replay_rebuild(struct store *store, struct error *error);

#endif
