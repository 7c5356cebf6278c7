#include "steps/iomesh_inputs.h"
#include "steps/kind.h"
#include "steps/kinds.h"

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
                    {.name = "allow_below_minimum",
                     .type = TYPE_BOOL,
                     .fallback = "false",
                     .help = "go below 3 chunk servers"},
                    {.name = "edition",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "the software edition, where the cluster object does not tell it"},
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
};
