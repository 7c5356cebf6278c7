/* A program, run to its end by whoever waits for it: no shell, the stated environment, a process group of its
 * own, bounded output and time. For what only reads (helm history); what changes the world runs under a
 * keeper (engine/keeper.h), which outlives us. */
#ifndef PAWL_CLUSTER_PROCESS_H
#define PAWL_CLUSTER_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "cluster/cluster.h"

#define PROCESS_INHERITED 3 /* the descriptor that the program knows an inherited file by */

/* To a child of ours that has not been waited for, and to the process group that it was given: also where it
 * has left that. TERM reaches it once. */
void process_signal(pid_t child, int signal);

#define PROCESS_GRACE_MS 5000 /* between TERM and KILL */

struct process_limits {
    int64_t time_ms;  /* then TERM, and KILL after PROCESS_GRACE_MS: ERROR_TIMEOUT */
    size_t out_bytes; /* of stdout; more is ERROR_LIMIT, and the program is ended */
    size_t err_bytes; /* of stderr; what is more is counted and said at its end */
    /* Whether it is no longer wanted, asked again and again; from then on it has `unwanted_ms` at most, like
     * time_ms. NULL: it always is. */
    bool (*is_unwanted)(void *context);
    void *context;
    int64_t unwanted_ms;
};

/* Runs it with nothing on its stdin. `inherited` (-1: none) is a file of ours that it gets as descriptor
 * PROCESS_INHERITED. 0 also where it left with a non-zero status; -1 where it could not be started
 * (ERROR_SYSTEM), took too long or said too much. program_output_clear() in any case. */
int process_run(const struct program *program, int inherited, const struct process_limits *limits,
                struct program_output *out, struct error *error);
/* The same with a text on its stdin, and no inherited file. */
int process_run_with_input(const struct program *program, const char *input,
                           const struct process_limits *limits, struct program_output *out,
                           struct error *error);

#endif
