/* Requests to the API server. An endpoint is the server as one context reaches it: address, credentials and
 * the few connections that stand idle; any thread may use it at any time.
 *
 * A request ends within LIMIT_REQUEST_MS. Nothing that changes something is ever sent twice: neither by us
 * nor by libcurl, which sends again what failed on an old connection; so changes go over a fresh one. A read
 * that the server turns away with Retry-After is made again when that time is over, within the same limit. */
#ifndef PAWL_CLUSTER_LIVE_REQUEST_H
#define PAWL_CLUSTER_LIVE_REQUEST_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "cluster/live/kubeconfig.h"
#include "cluster/live/library.h"

struct endpoint;

/* The kubeconfig is borrowed and must outlive it. NULL with the error filled. */
struct endpoint *endpoint_new(const struct kubeconfig *kubeconfig, struct error *error);
void endpoint_free(struct endpoint *endpoint);

struct request {
    const char *method;       /* "GET" */
    const char *path;         /* "/api/v1/pods?limit=500", escaped */
    const char *accept;       /* NULL: application/json */
    const char *content_type; /* NULL: application/json, where there is a body */
    const json_t *body;       /* NULL: none */
    const char *what;         /* for messages: "get pods iomesh-system/iomesh-chunk-0" */
};

/* Sends it and reads the answer, a JSON value; a new reference. 0 for a status below 300, else -1 with the
 * error of that status and the server's own message: 401 403 DENIED, 404 NOT_FOUND, 409 CONFLICT, 429 5xx
 * BUSY, others ANSWER. *status (may be NULL) is the HTTP status, 0 where none arrived. */
int request_send(struct endpoint *endpoint, const struct request *request, json_t **out, long *status,
                 struct error *error);

/* The error of an HTTP status, with the message of the Status object in the body (may be NULL); returns -1.
 */
int request_refused(const char *what, long status, const json_t *body, struct error *error);

/* A connection of its own to the server, TLS done, for a protocol that is not HTTP; timeouts set. The caller
 * writes the request itself. curl.easy_cleanup() it. NULL with the error filled. */
CURL *endpoint_connect(struct endpoint *endpoint, const char *what, struct error *error);
/* "host:port" for a Host header. Borrowed. */
const char *endpoint_host(const struct endpoint *endpoint);
/* What stands between the host and the API's own paths, "" mostly. Borrowed. */
const char *endpoint_prefix(const struct endpoint *endpoint);
/* The token to present, NULL where there is none; *failed where its file cannot be read (the error is
 * filled). free() it. */
char *endpoint_token(const struct endpoint *endpoint, bool *failed, struct error *error);

#endif
