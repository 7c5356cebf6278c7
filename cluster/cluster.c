#include "cluster/cluster.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cluster/live/live.h"
#include "cluster/sim/sim.h"

#define EXEC_POLL_MS 1000

struct cluster *cluster_open(const char *spec, const char *kubeconfig, const char *context,
                             struct error *error)
{
    if (!strcmp(spec, "live"))
        return cluster_live_open(kubeconfig, context, error);
    if (!strncmp(spec, "sim:", strlen("sim:")) && spec[strlen("sim:")])
        return cluster_sim_open(spec + strlen("sim:"), error);
    error_set(error, ERROR_USAGE, "\"%s\" names no cluster", spec);
    error_next(error, "use --cluster live or --cluster sim:FILE");
    return NULL;
}

/* What a person knows a cluster by. */
static const char *record_name(const json_t *record)
{
    return json_text(record, "server", json_text(record, "context", "?"));
}

bool cluster_is_simulated(const json_t *record)
{
    return !strcmp(json_text(record, "kind", ""), "sim");
}

struct cluster *cluster_open_recorded(const json_t *record, const char *kubeconfig, struct error *error)
{
    struct cluster *cluster = cluster_is_simulated(record)
                                  ? cluster_sim_open(json_text(record, "file", ""), error)
                                  : cluster_live_open_recorded(record, kubeconfig, error);
    const char *wanted = json_text(record, "identity", ""), *found = "";
    if (!cluster)
        return NULL;
    found = json_text(cluster->record, "identity", "");
    if (!strcmp(wanted, found) && *wanted)
        return cluster;
    error_set(error, ERROR_CLUSTER_OTHER, "the run belongs to cluster %s (%s), but %s (%s) answers",
              record_name(record), wanted, record_name(cluster->record), found);
    error_next(error, "give a --kubeconfig whose context \"%s\" is that cluster",
               json_text(record, "context", "?"));
    cluster_close(cluster);
    return NULL;
}

void cluster_close(struct cluster *cluster)
{
    if (cluster)
        cluster->calls->close(cluster);
}

/* Polls to the end or the deadline. -1: it did not end in time. */
static int exec_wait(struct cluster *cluster, struct exec *exec, int64_t wait_ms, struct exec_result *result)
{
    struct clock *clock = cluster->clock;
    int64_t until = clock->steady_ms(clock) + wait_ms;
    for (;;) {
        int64_t left = until - clock->steady_ms(clock);
        cluster->calls->exec_poll(exec, left < 0 ? 0 : left < EXEC_POLL_MS ? left : EXEC_POLL_MS, result);
        if (result->ended)
            return 0;
        if (left <= 0)
            return -1;
    }
}

int cluster_read_exec(struct cluster *cluster, const char *namespace, const char *pod, const char *container,
                      const char *const *arguments, int64_t wait_ms, char **out, struct error *error)
{
    struct exec *exec = NULL;
    struct exec_result result = {0};
    const char *written, *complaint;
    int code = -1;
    *out = NULL;
    if (cluster->calls->exec_begin(cluster, namespace, pod, container, arguments, &exec, error))
        goto out;
    if (exec_wait(cluster, exec, wait_ms, &result)) {
        error_set(error, ERROR_EXEC_BROKEN, "%s in %s/%s did not end in %lld ms", arguments[0], namespace,
                  pod, (long long)wait_ms);
        goto out;
    }
    cluster->calls->exec_output(exec, &written, &complaint);
    if (!result.known) {
        *error = result.error;
        error->code = ERROR_EXEC_BROKEN;
        error_context(error, "%s in %s/%s", arguments[0], namespace, pod);
    } else if (result.exit_status) {
        error_set(error, ERROR_EXIT_STATUS, "%s in %s/%s left with %d: %s", arguments[0], namespace, pod,
                  result.exit_status, *complaint ? complaint : written);
    } else {
        *out = string_copy(written);
        code = 0;
    }
out:
    cluster->calls->exec_free(exec);
    return code;
}

static void texts_free(char **texts)
{
    for (char **text = texts; text && *text; text++)
        free(*text);
    free(texts);
}

void program_clear(struct program *program)
{
    texts_free(program->arguments);
    texts_free(program->environment);
    free(program->folder);
    *program = (struct program){0};
}

void program_output_clear(struct program_output *output)
{
    free(output->out);
    free(output->err);
    *output = (struct program_output){0};
}
