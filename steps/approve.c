#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_approve = {
    .declaration =
        {
            .name = "approve",
            .help = "asks a person",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    {.name = "message", .type = TYPE_STRING, .help = "the question"},
                },
            .outputs =
                {
                    {"by", TYPE_STRING, "who agreed"},
                    {"reason", TYPE_STRING, "and why"},
                },
        },
};
