#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_sleep = {
    .declaration =
        {
            .name = "sleep",
            .help = "waits",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    {.name = "for", .type = TYPE_DURATION, .help = "how long"},
                },
        },
};
