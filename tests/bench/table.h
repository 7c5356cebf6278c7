/* The lines that `make bench` prints. */
#ifndef PAWL_TESTS_BENCH_TABLE_H
#define PAWL_TESTS_BENCH_TABLE_H

#include <stdbool.h>

/* A number with its target beside it; one that is missed is said. */
void table_target(const char *what, double value, const char *unit, bool met, const char *target);
/* A number without one. */
void table_number(const char *what, double value, int decimals, const char *unit);

#endif
