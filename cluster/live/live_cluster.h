/* The live cluster's own state, and the calls that its files contribute. Private to cluster/live. */
#ifndef PAWL_CLUSTER_LIVE_LIVE_CLUSTER_H
#define PAWL_CLUSTER_LIVE_LIVE_CLUSTER_H

#include "base/text.h"
#include "cluster/cluster.h"
#include "cluster/live/kubeconfig.h"
#include "cluster/live/request.h"

struct live_cluster {
    struct cluster cluster; /* first, so that one converts to the other */
    struct kubeconfig *kubeconfig;
    struct endpoint *endpoint;
};

static inline struct live_cluster *live_of(struct cluster *cluster)
{
    return (struct live_cluster *)cluster;
}

/* The path of a resource, or of its collection where it has no name, escaped; `rest` ("/exec") and `query`
 * ("?a=b") stand behind it. NULL with the error filled where a part is empty or no path segment; free() it.
 */
char *resource_path(const struct resource *resource, const char *rest, const char *query,
                    struct error *error);
/* Appends text so that it can stand in a path or a query. */
void escape_add(struct text *text, const char *raw);

/* As in struct cluster_calls. */
int live_get(struct cluster *, const struct resource *, json_t **out, struct error *);
int live_list(struct cluster *, const struct resource *, const char *label_selector, bool metadata_only,
              json_t **out, struct error *);
int live_patch(struct cluster *, const struct resource *, enum patch_type, const json_t *patch, bool dry_run,
               json_t **out, struct error *);
int live_remove(struct cluster *, const struct resource *, const char *uid, const char *resource_version,
                struct error *);
int live_create(struct cluster *, const struct resource *, const json_t *object, json_t **out,
                struct error *);
int live_replace(struct cluster *, const struct resource *, const json_t *object, json_t **out,
                 struct error *);
int live_allowed(struct cluster *, const char *verb, const struct resource *, bool *out, char why[256],
                 struct error *);

int live_exec_begin(struct cluster *, const char *namespace, const char *pod, const char *container,
                    const char *const *arguments, struct exec **out, struct error *);
void live_exec_poll(struct exec *, int64_t wait_ms, struct exec_result *result);
void live_exec_output(const struct exec *, const char **out, const char **err);
void live_exec_free(struct exec *);

int live_helm(struct cluster *, const char *const *arguments, const char *folder, struct program_output *out,
              struct error *);
int live_kubeconfig(struct cluster *, const char *folder, char **out_path, struct error *error);
int live_helm_program(struct cluster *, const char *const *arguments, const char *folder, struct program *out,
                      struct error *);
char *live_helm_version(struct cluster *, struct error *);

#endif
