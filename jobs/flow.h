/* Which steps have surely run when a step begins: a data flow over the graph of steps, to its fixpoint.
 *
 * Ways: list order, `next:`, `on_failure:` goto and continue, and past a step whose `if:` is false. A step's
 * success makes its outputs known; every new visit, also one that is skipped or fails, clears them. */
#ifndef PAWL_JOBS_FLOW_H
#define PAWL_JOBS_FLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "jobs/job.h"

struct flow; /* flow_free() */

/* Reads the ways, conditions and lines of job->steps, which it borrows. */
struct flow *flow_new(const struct job *job);
void flow_free(struct flow *flow);

/* Whether any way leads to the step. */
bool flow_reaches(const struct flow *flow, int step);
/* Whether any way leads to the end of the job. */
bool flow_ends(const struct flow *flow);
/* Whether the latest visit of `other` has succeeded on every way to `step`. */
bool flow_has_succeeded(const struct flow *flow, int step, int other);
/* Whether the step may be visited again after a visit. */
bool flow_repeats(const struct flow *flow, int step);
/* Why flow_has_succeeded() is false: `reached from "expired" by next:, which skips "leader" (line 19)`. */
void flow_explain(const struct flow *flow, int step, int other, char *text, size_t size);

#endif
