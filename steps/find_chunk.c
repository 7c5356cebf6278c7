#include "base/json.h"
#include "steps/chunk_of_pod.h"
#include "steps/iomesh_inputs.h"
#include "steps/iomesh_object.h"
#include "steps/kinds.h"

static json_t *pod_read(const struct visit *visit, const char *name, struct error *error)
{
    const char *namespace = json_text(visit->inputs, "namespace", "");
    struct resource resource = {"", "v1", "pods", namespace, name};
    json_t *pod = NULL;
    if (visit->cluster->calls->get(visit->cluster, &resource, &pod, error)) {
        error_context(error, "pod %s/%s", namespace, name);
    } else if (!pod) {
        error_set(error, ERROR_NOT_FOUND, "there is no pod %s in namespace %s", name, namespace);
        error_next(error, "has it been scaled away before? Then there is nothing left to do");
    }
    return pod;
}

static int find(const struct visit *visit, const struct iomesh_object *object, json_t **outputs,
                struct summary *summary, struct error *error)
{
    const char *name = json_text(visit->inputs, "pod", "");
    const struct chunk *chunk;
    json_t *pod = pod_read(visit, name, error);
    int result = pod ? chunk_of_pod(visit, object, pod, NULL, &chunk, error) : -1;
    json_decref(pod);
    if (!result && !chunk)
        result = error_set(error, ERROR_NOT_YET, "none of the %zu chunks listed has an address of pod %s",
                           object->count, name);
    if (result && error->code == ERROR_NOT_YET)
        error_next(
            error,
            "where it stays so, find out which chunk of the list is the pod's, and tell it: pawl resolve %lld %s "
            "--done --output id=… --output ip=… --reason \"…\"",
            (long long)visit->run, visit->step);
    if (result)
        return -1;
    *outputs = json_pack("{s:I,s:s,s:s}", "id", (json_int_t)chunk->id, "ip", chunk->ip, "chunk_status",
                         chunk->status);
    summary_set(summary, "%s serves chunk %lld (%s)", name, (long long)chunk->id, chunk->ip);
    return 0;
}

static int look(const struct visit *visit, json_t **outputs, struct summary *summary, struct error *error)
{
    struct iomesh_object object;
    if (iomesh_object_read(visit, &object, error))
        return -1;
    int result = find(visit, &object, outputs, summary, error);
    iomesh_object_clear(&object);
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

const struct step_kind kind_find_chunk = {
    .declaration =
        {
            .name = "find_chunk",
            .help = "finds the chunk that a pod serves, by its data IP",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    INPUT_NAMESPACE,
                    INPUT_OBJECT,
                    {.name = "pod", .type = TYPE_STRING, .help = "name of the chunk pod"},
                },
            .outputs =
                {
                    {"id", TYPE_INT, "of the chunk"},
                    {"ip", TYPE_STRING, "its data IP"},
                    {"chunk_status", TYPE_STRING, "CHUNK_STATUS_…"},
                },
        },
    .permissions = PERMISSIONS_EXEC,
    .plan = plan,
    .apply = apply,
};
