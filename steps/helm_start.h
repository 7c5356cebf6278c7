/* Getting a helm upgrade ready under a keeper: its token, how the token gets into the record, its command
 * line. */
#ifndef PAWL_STEPS_HELM_START_H
#define PAWL_STEPS_HELM_START_H

#include "steps/helm_look.h"
#include "steps/kind.h"

/* The last thing that a prepare does: spawns the keeper. The checkpoint:
 * {"token","marked_by","base_revision","deployed_revision","base_chart","chart","chart_sha256","keeper"};
 * NULL with the error filled. A new reference. */
json_t *helm_start(const struct visit *visit, const struct helm_look *look, struct error *error);

#endif
