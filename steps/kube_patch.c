#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_kube_patch = {
    .declaration =
        {
            .name = "kube_patch",
            .help = "patches one object",
            .effect = EFFECT_ONCE,
            .inputs =
                {
                    {.name = "apiVersion",
                     .type = TYPE_STRING,
                     .help = "group and version, as in a manifest"},
                    {.name = "kind", .type = TYPE_STRING, .help = "kind, as in a manifest"},
                    {.name = "namespace",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "namespace; without it a cluster-wide object"},
                    {.name = "name", .type = TYPE_STRING, .help = "the object"},
                    {.name = "patch", .type = TYPE_ANY, .help = "a map, or a list for type json"},
                    {.name = "type",
                     .type = TYPE_STRING,
                     .fallback = "merge",
                     .one_of = "merge|json|strategic",
                     .help = "kind of patch"},
                },
            .general = true,
            .answers = "object",
            .later = true,
        },
};
