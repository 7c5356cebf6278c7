#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "cluster/condition.h"
#include "steps/chunk_of_pod.h"
#include "steps/iomesh_inputs.h"
#include "steps/kinds.h"
#include "steps/pods.h"
#include "steps/scale_rules.h"

/* ---- nodes ---- */

static bool node_keeps_pods_off(const json_t *node)
{
    size_t index;
    json_t *taint;
    json_array_foreach(json_at(node, "spec", "taints", NULL), index, taint)
    {
        const char *effect = json_text(taint, "effect", "");
        if (!strcmp(effect, "NoSchedule") || !strcmp(effect, "NoExecute"))
            return true;
    }
    return json_bool(json_object_get(node, "spec"), "unschedulable", false);
}

static int nodes_read(const struct visit *visit, int64_t *out, struct error *error)
{
    struct resource resource = {"", "v1", "nodes", NULL, NULL};
    json_t *list = NULL, *node;
    size_t index;
    *out = 0;
    if (visit->cluster->calls->list(visit->cluster, &resource, NULL, false, &list, error))
        return error_context(error, "nodes");
    json_array_foreach(json_object_get(list, "items"), index, node) *out += object_is_ready(node) &&
                                                                            !node_keeps_pods_off(node);
    json_decref(list);
    return 0;
}

/* ---- the rest of what is judged ---- */

static int wanted_read(const struct visit *visit, struct scale *scale, struct error *error)
{
    const char *edition = json_text(visit->inputs, "edition", "");
    *scale = (struct scale){
        .is_chunk = !strcmp(json_text(visit->inputs, "component", ""), "chunk"),
        .is_in = !strcmp(json_text(visit->inputs, "direction", ""), "in"),
        .count = json_int(visit->inputs, "count", 0),
        .leaving_chunk = json_int(visit->inputs, "leaving_chunk", -1),
        .below_minimum = json_bool(visit->inputs, "allow_below_minimum", false),
        .usage_max = json_number_value(json_object_get(visit->inputs, "max_usage")),
        .edition = edition_read(edition),
    };
    if (*edition && scale->edition == EDITION_UNREADABLE)
        return error_set(error, ERROR_REFUSED, "edition is \"%s\", but must be enterprise or community",
                         edition);
    return 0;
}

static int replicas_read(const struct visit *visit, const char *component, int64_t *out, struct error *error)
{
    char statefulset[64];
    component_statefulset(component, statefulset);
    json_t *object = statefulset_read(visit, statefulset, error);
    if (!object)
        return -1;
    *out = statefulset_replicas(object);
    json_decref(object);
    return 0;
}

/* The highest ordinal goes; a pod that is not there serves nothing. */
static int served_read(const struct visit *visit, struct scale *scale, struct error *error)
{
    char statefulset[64];
    struct pods pods;
    int result = 0;
    component_statefulset("chunk", statefulset);
    snprintf(scale->leaving_pod, sizeof scale->leaving_pod, "%s-%lld", statefulset,
             (long long)scale->present - 1);
    if (pods_read(visit, statefulset, &pods, error))
        return -1;
    for (size_t i = 0; i < pods.count && !result; i++)
        if (pods.pods[i].ordinal == scale->present - 1)
            result = chunk_of_pod(visit, &scale->object, pods.pods[i].object,
                                  json_text(visit->inputs, "leaving_ip", NULL), &scale->served, error);
    pods_clear(&pods);
    return result;
}

/* What is asked only while the scaling is still ahead. */
static int moving_read(const struct visit *visit, struct scale *scale, struct error *error)
{
    if (scale->is_in && scale->is_chunk && served_read(visit, scale, error))
        return -1;
    return iomesh_summary_read_leader(visit, &scale->moving, error);
}

static int found_read(const struct visit *visit, struct scale *scale, struct error *error)
{
    if (replicas_read(visit, scale->is_chunk ? "chunk" : "meta", &scale->present, error) ||
        replicas_read(visit, "meta", &scale->meta_present, error) ||
        nodes_read(visit, &scale->worker_nodes, error) || iomesh_object_read(visit, &scale->object, error))
        return -1;
    scale->license = license_of(&scale->object);
    if (scale->license.edition != EDITION_UNREADABLE)
        scale->edition = scale->license.edition;
    return scale_is_settled(scale) ? 0 : moving_read(visit, scale, error);
}

/* ---- the answer ---- */

static json_t *outputs_of(const struct scale *scale)
{
    return json_pack("{s:I,s:I,s:s,s:f,s:f,s:o}", "present", (json_int_t)scale->present, "worker_nodes",
                     (json_int_t)scale->worker_nodes, "edition", edition_text(scale->edition), "usage",
                     scale_usage(scale), "usage_after", scale_usage_after(scale), "advice",
                     scale_advice(scale));
}

/* "4 → 3 chunk pods · enterprise · 5 worker nodes · 61 % used after removal" */
static void describe(const struct scale *scale, struct summary *summary)
{
    const char *component = scale->is_chunk ? "chunk" : "meta", *edition = edition_text(scale->edition);
    char pods[80];
    if (scale_is_settled(scale))
        snprintf(pods, sizeof pods, "%lld %s pods already", (long long)scale->count, component);
    else
        snprintf(pods, sizeof pods, "%lld → %lld %s pods", (long long)scale->present, (long long)scale->count,
                 component);
    summary_set(summary, "%s · %s · %lld worker nodes · %.0f %% used%s%s", pods,
                *edition ? edition : "edition unknown", (long long)scale->worker_nodes,
                scale_usage_after(scale) * 100, scale->is_in ? " after removal" : "",
                scale->is_in && scale->is_chunk && scale->count < 3 ? " · below the minimum of 3" : "");
}

static int judge(const struct scale *scale, struct error *error)
{
    struct verdict verdict;
    int result = 0;
    scale_judge(scale, &verdict);
    if (verdict.against.length)
        result = error_set(error, verdict.is_final ? ERROR_REFUSED : ERROR_NOT_YET, "%s",
                           text_string(&verdict.against));
    text_clear(&verdict.against);
    return result;
}

static int look(const struct visit *visit, json_t **outputs, struct summary *summary, struct error *error)
{
    struct scale scale;
    int result = wanted_read(visit, &scale, error);
    if (!result)
        result = found_read(visit, &scale, error);
    if (!result)
        result = judge(&scale, error);
    if (!result) {
        *outputs = outputs_of(&scale);
        describe(&scale, summary);
    }
    iomesh_object_clear(&scale.object);
    return result;
}

static void apply(const struct visit *visit, struct answer *answer)
{
    struct error error = {0};
    json_t *outputs = NULL;
    if (look(visit, &outputs, &answer->summary, &error))
        answer_failed(answer, &error);
    else
        answer_done(answer, outputs);
}

static void plan(const struct visit *visit, const json_t *world, struct plan_answer *answer)
{
    struct error error = {0};
    (void)world;
    if (look(visit, &answer->outputs, &answer->summary, &error))
        plan_answer_failed(answer, &error);
}

const struct step_kind kind_check_scale = {
    .declaration =
        {
            .name = "check_scale",
            .help = "checks the rules of a scaling before anything is touched",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    INPUT_NAMESPACE,
                    INPUT_OBJECT,
                    {.name = "component",
                     .type = TYPE_STRING,
                     .one_of = "chunk|meta",
                     .help = "which servers are scaled"},
                    {.name = "count", .type = TYPE_INT, .help = "servers to end with"},
                    {.name = "direction",
                     .type = TYPE_STRING,
                     .one_of = "in|out",
                     .help = "whether servers are added or one is taken away"},
                    {.name = "leaving_chunk",
                     .type = TYPE_INT,
                     .optional = true,
                     .help = "id of the chunk that goes; its state is not judged"},
                    {.name = "leaving_ip",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "its data IP: tells which chunk the pod serves where the pod cannot be asked"},
                    {.name = "allow_below_minimum",
                     .type = TYPE_BOOL,
                     .fallback = "false",
                     .help = "go below 3 chunk servers"},
                    {.name = "edition",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help =
                         "enterprise or community, where the cluster object does not tell it; \"\": not given"},
                    {.name = "max_usage",
                     .type = TYPE_FLOAT,
                     .fallback = "0.8",
                     .help = "the share of the data space that may be used after a removal"},
                },
            .outputs =
                {
                    {"present", TYPE_INT, "servers that the workload asks for now"},
                    {"worker_nodes", TYPE_INT, "nodes that can take a server"},
                    {"edition", TYPE_STRING, "community or enterprise"},
                    {"usage", TYPE_FLOAT, "used share of the data space now"},
                    {"usage_after", TYPE_FLOAT, "used share of the data space afterwards"},
                    {"advice", TYPE_LIST, "what the procedure recommends"},
                },
        },
    .permissions = PERMISSIONS_EXEC,
    .plan = plan,
    .apply = apply,
};
