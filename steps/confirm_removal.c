#include "steps/iomesh_inputs.h"
#include "steps/kind.h"
#include "steps/kinds.h"

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
};
