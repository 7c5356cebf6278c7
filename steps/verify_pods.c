#include "steps/iomesh_inputs.h"
#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_verify_pods = {
    .declaration =
        {
            .name = "verify_pods",
            .help = "waits until exactly the expected pods are there, ready and stable",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    INPUT_NAMESPACE,
                    {.name = "component",
                     .type = TYPE_STRING,
                     .optional = true,
                     .one_of = "chunk|meta",
                     .help = "which servers"},
                    {.name = "statefulset",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "name of any other StatefulSet"},
                    {.name = "count", .type = TYPE_INT, .help = "pods to expect: ordinals 0 to count - 1"},
                    {.name = "stable_for",
                     .type = TYPE_DURATION,
                     .fallback = "10s",
                     .help = "how long it must stay so"},
                },
            .outputs =
                {
                    {"pods", TYPE_LIST, "names of the pods"},
                    {"nodes", TYPE_LIST, "names of their nodes, in the same order"},
                },
            .alternatives = "component|statefulset",
        },
};
