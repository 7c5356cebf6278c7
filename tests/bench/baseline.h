/* The yardstick: SQLite alone, writing the very rows that pawl has written, with the same pragmas and nothing
 * around it. What pawl's engine costs is the difference. */
#ifndef PAWL_TESTS_BENCH_BASELINE_H
#define PAWL_TESTS_BENCH_BASELINE_H

#include "base/error.h"

struct baseline; /* rows in memory, and a store to write them to */

/* Copies a store in which runs have been submitted and not driven; the copy is COPY. */
int baseline_copy(const char *store, const char *copy, struct error *error);
/* Reads what a driver has written to `store` since the copy was made. NULL with the error filled. */
struct baseline *baseline_read(const char *store, const char *copy, struct error *error);
/* Writes it to the copy, a commit for each `steps` steps: 0, -1 with a line on stderr. */
int baseline_write(const struct baseline *baseline, int steps);
/* Fails where the copy's rows are not those of the store. */
int baseline_check(const struct baseline *baseline, struct error *error);
void baseline_free(struct baseline *baseline);

#endif
