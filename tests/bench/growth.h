/* What a long past costs: commands on a store of a million events beside the same ones on an empty store, and
 * the audit of it beside a plain scan. */
#ifndef PAWL_TESTS_BENCH_GROWTH_H
#define PAWL_TESTS_BENCH_GROWTH_H

#include "base/error.h"

/* Makes both stores below FOLDER, measures, and prints. BENCH_RUNS in the environment: how many ended runs,
 * of ten events each, the large one holds. */
int growth_measure(const char *pawl, const char *folder, struct error *error);

#endif
