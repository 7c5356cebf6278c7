/* The meta leader: the one pod that carries the leader's label and is ready. During an election there may be
 * none, or for a moment two; who needs the leader waits for exactly one. */
#ifndef PAWL_STEPS_LEADER_H
#define PAWL_STEPS_LEADER_H

#include "steps/kind.h"

#define LEADER_SELECTOR "iomesh.com/meta-leader"

struct leader {
    char pod[254];
    char node[254];
};

/* ERROR_NOT_YET where there is not exactly one; the message says which pods carry the label. */
int leader_read(const struct visit *visit, const char *selector, struct leader *out, struct error *error);

#endif
