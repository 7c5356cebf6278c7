/* What a param accepts: min, max, enum, pattern. Private to jobs/. */
#ifndef PAWL_JOBS_PARAM_BOUNDS_H
#define PAWL_JOBS_PARAM_BOUNDS_H

#include <stdbool.h>
#include <stddef.h>

#include "jobs/job.h"

/* `env:NAME` or `file:PATH`. */
bool secret_reference_is_good(const char *text);
/* Below 0, 0, above 0; for ints, floats and durations. */
int value_compare(enum value_type type, const json_t *a, const json_t *b);
/* Whether a POSIX extended regular expression can be used: it compiles, and it cannot blow up. */
bool pattern_is_good(const char *pattern, char *why, size_t size);
/* Whether a value of the right type is within bounds; `what` ("default") begins the reason: "default 300 is
 * above max 255". */
bool param_accepts(const struct job_param *param, const json_t *value, const char *what, char *why,
                   size_t size);

#endif
