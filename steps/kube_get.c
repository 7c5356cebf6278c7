#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_kube_get = {
    .declaration =
        {
            .name = "kube_get",
            .help = "reads one object, or a list by selector",
            .effect = EFFECT_OBSERVE,
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
                    {.name = "name", .type = TYPE_STRING, .optional = true, .help = "one object"},
                    {.name = "selector",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "all objects with these labels"},
                },
            .alternatives = "name|selector",
            .general = true,
            .answers = "object|objects",
            .later = true,
        },
};
