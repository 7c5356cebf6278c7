/* A store with a long past: as many ended runs as wanted, ten events each, copied from one that pawl has
 * driven. They are written as a driver of many runs writes them, events of a thousand runs mingled. */
#ifndef PAWL_TESTS_BENCH_PAST_H
#define PAWL_TESTS_BENCH_PAST_H

#include "base/error.h"

#define PAST_EVENTS 10 /* of each run */

/* STORE holds one ended run, number 1; adds runs up to number `runs`. */
int past_add(const char *store, int runs, struct error *error);

/* The yardstick of `audit verify`: reads every column of every event in order with SQLite alone and hashes
 * its bytes, with those of the hash before. 0, or -1 with a line on stderr. */
int past_scan(const char *store);

#endif
