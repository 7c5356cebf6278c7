/* A kubeconfig as kubectl reads it, brought down to the one context that a run uses.
 *
 * Several files are merged: the first that names a context, cluster or user wins; relative paths count from
 * the file that they stand in. What a later version of pawl will do (exec plugins, auth providers, proxy-url)
 * is an error that names the key. */
#ifndef PAWL_CLUSTER_LIVE_KUBECONFIG_H
#define PAWL_CLUSTER_LIVE_KUBECONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* A certificate or key: in the kubeconfig itself (decoded) or in a file of its own. */
struct credential {
    char *path;  /* absolute; NULL: none, or inline */
    char *bytes; /* NUL-terminated; NULL: none, or in a file */
    size_t length;
};

struct kubeconfig {
    char *files; /* where it was read from, absolute, ':' between; as KUBECONFIG would spell it */
    char *context, *cluster, *user;
    char *namespace; /* "default" where the context names none */
    char *server;    /* "https://host:6443", without a slash at its end */
    char *tls_server_name;
    bool insecure_skip_tls_verify;
    struct credential authority, certificate, key;
    char *token;      /* NULL: none, or in a file */
    char *token_file; /* absolute; read before every request, since others renew it */
};

/* `files`: a path, or several with ':' between (a path that exists as it stands is one); NULL: KUBECONFIG,
 * else ~/.kube/config. `context` NULL: current-context. Of several files, those that do not exist are passed
 * over, as kubectl does. NULL with the error filled. */
struct kubeconfig *kubeconfig_read(const char *files, const char *context, struct error *error);
/* A kubeconfig document that holds only this context, with absolute paths and inline bytes: for helm. A new
 * reference. */
json_t *kubeconfig_document(const struct kubeconfig *kubeconfig);
void kubeconfig_free(struct kubeconfig *kubeconfig);

#endif
