#include "steps/iomesh_inputs.h"
#include "steps/kind.h"
#include "steps/kinds.h"

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
                    {"status", TYPE_STRING, "CHUNK_STATUS_…"},
                },
        },
};
