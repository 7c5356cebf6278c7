#include <stdio.h>

#include "base/json.h"
#include "steps/iomesh_inputs.h"
#include "steps/iomesh_object.h"
#include "steps/kinds.h"
#include "steps/stability.h"

static json_t *ids_of(const struct iomesh_object *object)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < object->count; i++)
        json_array_append_new(ids, json_integer(object->chunks[i].id));
    return ids;
}

static void judge(const struct visit *visit, const struct iomesh_object *object, struct answer *answer)
{
    int64_t id = json_int(visit->inputs, "chunk_id", -1);
    const struct chunk *chunk = chunk_find(object, id);
    char what[64];
    snprintf(what, sizeof what, "chunk %lld is gone from the list", (long long)id);
    if (chunk) {
        struct error listed;
        error_set(&listed, ERROR_NOT_YET, "chunk %lld (%s) is still listed, %s", (long long)id, chunk->ip,
                  chunk->status);
        stability_wait(visit, &listed, answer);
    } else if (stability_reached(visit, input_duration_ms(visit, "stable_for"), what, answer)) {
        answer_done(answer, json_pack("{s:o}", "remaining", ids_of(object)));
        summary_set(&answer->summary, "%s, for %s", what,
                    visit->single_look ? "now" : json_text(visit->inputs, "stable_for", "0s"));
    }
}

static void apply(const struct visit *visit, struct answer *answer)
{
    struct iomesh_object object;
    struct error error = {0};
    if (iomesh_object_read(visit, &object, &error)) {
        stability_failed(visit, &error, answer);
        return;
    }
    judge(visit, &object, answer);
    iomesh_object_clear(&object);
}

const struct step_kind kind_confirm_removal = {
    .declaration =
        {
            .name = "confirm_removal",
            .help = "waits until a chunk is gone from the list and stays gone",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    INPUT_NAMESPACE,
                    INPUT_OBJECT,
                    {.name = "chunk_id", .type = TYPE_INT, .help = "the chunk"},
                    {.name = "stable_for",
                     .type = TYPE_DURATION,
                     .fallback = "10s",
                     .help = "how long it must stay so"},
                },
            .outputs =
                {
                    {"remaining", TYPE_LIST, "ids of the chunks that are left"},
                },
        },
    .apply = apply,
};
