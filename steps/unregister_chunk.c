#include "steps/iomesh_inputs.h"
#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_unregister_chunk = {
    .declaration =
        {
            .name = "unregister_chunk",
            .help = "takes a chunk out of the cluster for ever",
            .effect = EFFECT_ONCE,
            .inputs =
                {
                    INPUT_NAMESPACE,
                    INPUT_OBJECT,
                    {.name = "leader", .type = TYPE_STRING, .help = "the meta leader pod"},
                    {.name = "chunk_id", .type = TYPE_INT, .help = "the chunk"},
                    {.name = "chunk_ip", .type = TYPE_STRING, .help = "its data IP, checked again"},
                    {.name = "pod",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "the pod that served it: once it is gone, INITIALIZING counts as expired"},
                    {.name = "expect_status",
                     .type = TYPE_LIST,
                     .of_texts = true,
                     .fallback = "[CHUNK_STATUS_SESSION_EXPIRED]",
                     .help = "the states it may be in"},
                },
            .outputs =
                {
                    {"output", TYPE_STRING, "what iomeshctl said; empty after a success by probe"},
                },
        },
};
