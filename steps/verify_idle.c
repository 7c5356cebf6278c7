#include "steps/iomesh_inputs.h"
#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_verify_idle = {
    .declaration =
        {
            .name = "verify_idle",
            .help = "waits until no recovery or migration is going on or pending",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    INPUT_NAMESPACE,
                    {.name = "stable_for",
                     .type = TYPE_DURATION,
                     .fallback = "10s",
                     .help = "how long it must stay so"},
                },
        },
};
