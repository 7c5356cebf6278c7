#include "steps/iomesh_inputs.h"
#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_locate_meta_leader = {
    .declaration =
        {
            .name = "locate_meta_leader",
            .help = "finds the one ready pod that is labelled as the meta leader",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    INPUT_NAMESPACE,
                    {.name = "selector",
                     .type = TYPE_STRING,
                     .fallback = "iomesh.com/meta-leader",
                     .help = "label selector of the leader"},
                },
            .outputs =
                {
                    {"pod", TYPE_STRING, "name of the pod"},
                    {"node", TYPE_STRING, "its node"},
                },
        },
};
