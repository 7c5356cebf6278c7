/* A watcher of the simulated storage: reads the log of what was done to it, and says what nobody who runs
 * storage would have done. Only effects of the job count; what a fault did ("caller": "other") makes the
 * situation that they meet. */
#ifndef PAWL_CLUSTER_SIM_WATCH_H
#define PAWL_CLUSTER_SIM_WATCH_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

struct sim_watching {
    bool below_minimum; /* the job was told that it may leave fewer than the minimum */
    bool goes_back;     /* the run was rolled back: workloads move back */
};

/* What was done and what happened, in order: the lines of FILE.log but for the requests. A new reference;
 * NULL with the error filled. */
json_t *sim_log_read(const char *file, struct error *error);
/* The same of a log's text. */
json_t *sim_log_lines(const char *log);
/* How many chunk pods there were before the first line, where there are so many now. */
int sim_first_chunk_pods(const json_t *lines, int now);
/* An array of texts, one for each objection, a new reference. `chunk_pods` is how many there were at the
 * begin. */
json_t *sim_watch(const json_t *lines, int chunk_pods, const struct sim_watching *watching);

#endif
