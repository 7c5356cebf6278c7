/* The bodies of helm_upgrade that stand in files of their own. */
#ifndef PAWL_STEPS_HELM_BODIES_H
#define PAWL_STEPS_HELM_BODIES_H

#include "steps/kind.h"

void helm_plan(const struct visit *visit, const json_t *world, struct plan_answer *answer); /* helm_plan.c */
void helm_undo_prepare(const struct visit *visit, struct answer *answer);                   /* helm_undo.c */
/* The dotted paths that this visit may change: `expect_changes:`, or what its run's edit_values steps set in
 * this values file. A new reference. */
json_t *helm_expected_changes(const struct visit *visit); /* helm_upgrade.c */

#endif
