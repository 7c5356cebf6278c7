/* What a step must be allowed to do in the cluster, and whether the caller is: asked in the look ahead, each
 * once for a whole job (a SelfSubjectAccessReview), so that no run stops in the middle for want of it. */
#ifndef PAWL_STEPS_PERMISSION_H
#define PAWL_STEPS_PERMISSION_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "cluster/cluster.h"

struct permission {
    const char *verb, *group, *version, *resource; /* as RBAC spells them; a NULL verb ends a list */
    const char
        *only_from; /* the Kubernetes version from which on it is needed: missing, it is told, no refusal */
};

/* Running a command in a container. An exec over a WebSocket is a GET; newer servers ask for `create` as
 * well. */
extern const struct permission PERMISSIONS_EXEC[];

/* Asks, unless `asked` (may be NULL) says it already, and adds to it what was said:
 * [{"verb","resource","namespace","allowed": true|false|null where it could not be
 * asked,"why"?,"only_from"?}]. ERROR_CLUSTER_DENIED where it is refused; what could not be asked is no
 * refusal. */
int permission_ask(struct cluster *cluster, const struct permission *permission, const char *namespace,
                   json_t *asked, struct error *error);

#endif
