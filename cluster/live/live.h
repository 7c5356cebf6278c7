/* The live cluster: the Kubernetes API over libcurl, exec over WebSocket, and the helm program. */
#ifndef PAWL_CLUSTER_LIVE_LIVE_H
#define PAWL_CLUSTER_LIVE_LIVE_H

#include <jansson.h>

#include "base/error.h"
#include "cluster/cluster.h"

/* The cluster that the kubeconfig's context names; both may be NULL: kubectl's own rules. Asks for its
 * identity. NULL with the error filled. */
struct cluster *cluster_live_open(const char *kubeconfig, const char *context, struct error *error);
/* The cluster that a run recorded, in its context, with the caller's credentials: the kubeconfig given here,
 * else KUBECONFIG, else the recorded one where the caller can read it, else ~/.kube/config. Does not compare
 * identities. NULL with the error filled. */
struct cluster *cluster_live_open_recorded(const json_t *record, const char *kubeconfig, struct error *error);

#endif
