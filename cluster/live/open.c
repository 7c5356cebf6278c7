#include "cluster/live/live.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/live/live_cluster.h"

static void live_close(struct cluster *cluster)
{
    struct live_cluster *live = live_of(cluster);
    endpoint_free(live->endpoint);
    kubeconfig_free(live->kubeconfig);
    json_decref(cluster->record);
    free(live);
}

static const struct cluster_calls live_calls = {
    .get = live_get,
    .list = live_list,
    .patch = live_patch,
    .remove = live_remove,
    .create = live_create,
    .replace = live_replace,
    .allowed = live_allowed,
    .exec_begin = live_exec_begin,
    .exec_poll = live_exec_poll,
    .exec_output = live_exec_output,
    .exec_free = live_exec_free,
    .helm = live_helm,
    .helm_program = live_helm_program,
    .kubeconfig = live_kubeconfig,
    .helm_version = live_helm_version,
    .close = live_close,
};

/* A cluster's identity: the UID of its namespace kube-system, which lives as long as the cluster does. */
static int record_fill(struct live_cluster *live, struct error *error)
{
    static const struct resource kube_system = {"", "v1", "namespaces", NULL, "kube-system"};
    const struct kubeconfig *kubeconfig = live->kubeconfig;
    json_t *namespace;
    assert(kubeconfig);
    if (live_get(&live->cluster, &kube_system, &namespace, error))
        return error_context(error, "who is this cluster (context \"%s\")", kubeconfig->context);
    const char *identity = json_text(json_object_get(namespace, "metadata"), "uid", "");
    int result = 0;
    if (*identity)
        live->cluster.record = json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", "live", "context",
                                         kubeconfig->context, "server", kubeconfig->server, "identity",
                                         identity, "kubeconfig", kubeconfig->files);
    else
        result = error_set(error, ERROR_CLUSTER_ANSWER, "%s has no namespace kube-system with a uid",
                           kubeconfig->server);
    json_decref(namespace);
    return result;
}

struct cluster *cluster_live_open(const char *kubeconfig, const char *context, struct error *error)
{
    struct live_cluster *live = memory_new(sizeof *live);
    struct error cause = {0};
    live->cluster.calls = &live_calls;
    live->cluster.clock = clock_system();
    live->kubeconfig = kubeconfig_read(kubeconfig, context, &cause);
    if (live->kubeconfig)
        live->endpoint = endpoint_new(live->kubeconfig, &cause);
    if (live->endpoint && !record_fill(live, &cause))
        return &live->cluster;
    live_close(&live->cluster);
    if (error)
        *error = cause;
    return NULL;
}

/* Whether the caller can read one file of a list as KUBECONFIG spells it. */
static bool files_are_readable(const char *files)
{
    char *copy = string_copy(files), *rest = copy, *path;
    bool readable = !access(files, R_OK);
    while (!readable && (path = strsep(&rest, ":")))
        readable = *path && !access(path, R_OK);
    free(copy);
    return readable;
}

struct cluster *cluster_live_open_recorded(const json_t *record, const char *kubeconfig, struct error *error)
{
    const char *own = getenv("KUBECONFIG"), *recorded = json_text(record, "kubeconfig", "");
    const char *files = kubeconfig;
    if (!files && !(own && *own) && *recorded && files_are_readable(recorded))
        files = recorded;
    return cluster_live_open(files, json_text(record, "context", NULL), error);
}
