/* The connections of an endpoint: how they are made, which stand idle, what their failures mean. Private to
 * request.c and exec.c. */
#ifndef PAWL_CLUSTER_LIVE_CONNECTION_H
#define PAWL_CLUSTER_LIVE_CONNECTION_H

#include <signal.h>

#include "cluster/live/request.h"

/* "https://host:6443". Borrowed. */
const char *endpoint_server(const struct endpoint *endpoint);

/* One that stands idle, or a new one, ready for this URL; `reason` receives libcurl's words. */
CURL *connection_take(struct endpoint *endpoint, const char *url, char *reason);
/* `reusable`: it may serve another request. */
void connection_give_back(struct endpoint *endpoint, CURL *connection, bool reusable);
/* Says what a failure of libcurl means; returns -1. */
int connection_failed(const struct endpoint *endpoint, const char *what, CURLcode code, const char *reason,
                      struct error *error);

/* A peer that hangs up makes TLS raise SIGPIPE: held back in this thread, and swallowed. */
void pipe_signal_hold(sigset_t *before);
void pipe_signal_release(const sigset_t *before);

#endif
