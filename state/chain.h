/* The audit chain: what is hashed, and the check of it. */
#ifndef PAWL_STATE_CHAIN_H
#define PAWL_STATE_CHAIN_H

#include "state/store.h"

/* The hash of a record: SHA-256 over the run's previous hash (zeros for the first) and the record's canonical
 * text. Pure. */
struct digest chain_hash(const struct digest *previous, const struct record *record);
/* The store's head after one more record: SHA-256 over the head before and the record's hash. Pure. */
struct digest chain_head(const struct digest *head, const struct digest *record_hash);
/* The record as history and export print it (docs/pawl.1, "JSON"); a new reference. */
json_t *record_json(const struct record *record);

struct chain_report {
    int64_t records, runs;
    bool intact;
    int64_t bad_run, bad_seq; /* the first bad record; 0 where the fault is not in a record */
    char what[512];           /* what is wrong with it */
};

/* Reads all records once in commit order and checks hashes, numbering, each run's and the store's head (so
 * that a run, or the store, cut off at its end is noticed), within one view of the store, which the caller
 * has opened (store_begin_reading). -1 only where the store cannot be read at all. */
int chain_verify(struct store *store, struct chain_report *report, struct error *error);

#endif
