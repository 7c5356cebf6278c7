/* The one table of step kinds, in the order in which they are shown. Each stands in a file of its own. */
#ifndef PAWL_STEPS_KINDS_H
#define PAWL_STEPS_KINDS_H

#include "steps/kind.h"

#define STEP_KINDS(X)                                                                                        \
    X(check_scale)                                                                                           \
    X(edit_values)                                                                                           \
    X(helm_upgrade)                                                                                          \
    X(verify_pods)                                                                                           \
    X(find_chunk)                                                                                            \
    X(find_expired_chunk)                                                                                    \
    X(locate_meta_leader)                                                                                    \
    X(verify_idle)                                                                                           \
    X(unregister_chunk)                                                                                      \
    X(confirm_removal)                                                                                       \
    X(command)                                                                                               \
    X(kube_get)                                                                                              \
    X(kube_exec)                                                                                             \
    X(kube_patch)                                                                                            \
    X(kube_scale)                                                                                            \
    X(http_request)                                                                                          \
    X(approve)                                                                                               \
    X(sleep)                                                                                                 \
    X(assert)

#define X(name) extern const struct step_kind kind_##name;
STEP_KINDS(X)
#undef X

#endif
