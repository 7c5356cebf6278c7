#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_edit_values = {
    .declaration =
        {
            .name = "edit_values",
            .help = "sets values in a Helm values file; comments, order and quoting stay",
            .effect = EFFECT_CONVERGE,
            .inputs =
                {
                    {.name = "file", .type = TYPE_PATH, .help = "the values file"},
                    {.name = "set", .type = TYPE_MAP, .as_spelled = true, .help = "dotted path → scalar"},
                },
            .outputs =
                {
                    {"changed", TYPE_BOOL, "whether the file was changed"},
                    {"before", TYPE_MAP, "dotted path → the scalar that was there"},
                    {"sha256", TYPE_STRING, "of the file as it is now"},
                },
        },
};
