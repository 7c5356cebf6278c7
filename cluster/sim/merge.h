/* Patches as the API server applies them. All change `target` in place. */
#ifndef PAWL_CLUSTER_SIM_MERGE_H
#define PAWL_CLUSTER_SIM_MERGE_H

#include <jansson.h>

#include "base/error.h"

/* RFC 7396: null removes. */
void merge_patch(json_t *target, const json_t *patch);
/* Like it, but lists whose elements have a "name" are merged by name. */
void strategic_patch(json_t *target, const json_t *patch);
/* RFC 6902: add, replace, remove, test. -1 where it does not apply. */
int operations_patch(json_t *target, const json_t *operations, struct error *error);
/* What helm does: everything that `wanted` says is set in `target`, whatever it was; what `before` said and
 * `wanted` no longer says is removed. */
void three_way_patch(json_t *target, const json_t *before, const json_t *wanted);

#endif
