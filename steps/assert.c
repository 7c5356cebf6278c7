#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_assert = {
    .declaration =
        {
            .name = "assert",
            .help = "fails unless a condition holds",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    {.name = "that", .type = TYPE_BOOL, .help = "the condition"},
                    {.name = "message",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "what it means where it does not hold"},
                },
        },
};
