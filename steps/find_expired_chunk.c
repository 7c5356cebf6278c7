#include "steps/iomesh_inputs.h"
#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_find_expired_chunk = {
    .declaration =
        {
            .name = "find_expired_chunk",
            .help = "waits for the one chunk whose session has expired",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    INPUT_NAMESPACE,
                    INPUT_OBJECT,
                    {.name = "expect_id",
                     .type = TYPE_INT,
                     .optional = true,
                     .help = "it must be this chunk"},
                    {.name = "expect_ip",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "it must have this data IP"},
                    {.name = "pod",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help =
                         "the pod that served it: with id and ip, and once it is gone, INITIALIZING counts as expired"},
                },
            .outputs =
                {
                    {"id", TYPE_INT, "of the chunk"},
                    {"ip", TYPE_STRING, "its data IP"},
                    {"status", TYPE_STRING, "CHUNK_STATUS_…"},
                },
        },
};
