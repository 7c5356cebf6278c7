/* Where two JSON documents differ: as paths (`chunk.replicaCount`, `spec.template.spec.containers[0].image`).
 * What is null counts as missing, 3 and 3.0 are the same. */
#ifndef PAWL_STEPS_DIFFERENCE_H
#define PAWL_STEPS_DIFFERENCE_H

#include <jansson.h>
#include <stdbool.h>

/* Array of {"path", "from", "to"} (a missing side is null), in the order of the old document, then of what is
 * new. Lists of different lengths differ as a whole. A new reference. */
json_t *difference_of(const json_t *from, const json_t *to);
bool difference_is_none(const json_t *from, const json_t *to);

#endif
