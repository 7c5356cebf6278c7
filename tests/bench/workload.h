/* What is measured: a store with submitted runs of a job of `assert` steps, which do nothing themselves, so
 * that what is left is the engine and its disk. */
#ifndef PAWL_TESTS_BENCH_WORKLOAD_H
#define PAWL_TESTS_BENCH_WORKLOAD_H

#include <stdbool.h>

#include "base/error.h"

struct workload {
    const char *name; /* of its folder */
    int runs;
    int steps;       /* of each */
    bool skips_last; /* the last step's condition leaves it out */
};

/* Makes FOLDER/pawl.db with all runs submitted and none driven, on FOLDER/cluster.json, a simulated cluster
 * in real time, with the job in FOLDER/job.yaml. The folder is made too; what it held before is removed. */
int workload_make(const struct workload *workload, const char *folder, struct error *error);

#endif
