#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_kube_scale = {
    .declaration =
        {
            .name = "kube_scale",
            .help = "sets the replicas of a workload",
            .effect = EFFECT_CONVERGE,
            .inputs =
                {
                    {.name = "apiVersion",
                     .type = TYPE_STRING,
                     .help = "group and version, as in a manifest"},
                    {.name = "kind", .type = TYPE_STRING, .help = "kind, as in a manifest"},
                    {.name = "namespace", .type = TYPE_STRING, .help = "namespace of the workload"},
                    {.name = "name", .type = TYPE_STRING, .help = "the workload"},
                    {.name = "current_replicas", .type = TYPE_INT, .help = "what it must have before"},
                    {.name = "replicas", .type = TYPE_INT, .help = "what it shall have"},
                },
            .later = true,
        },
};
