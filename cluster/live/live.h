/* The live cluster: the Kubernetes API and the helm program. */
#ifndef PAWL_CLUSTER_LIVE_LIVE_H
#define PAWL_CLUSTER_LIVE_LIVE_H

#include "base/error.h"
#include "cluster/cluster.h"

/* The cluster that the kubeconfig's context names; both may be NULL: kubectl's own rules. Asks for its
 * identity. NULL with the error filled. */
struct cluster *cluster_live_open(const char *kubeconfig, const char *context, struct error *error);

#endif
