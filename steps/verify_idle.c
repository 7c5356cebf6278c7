#include "base/json.h"
#include "steps/iomesh_inputs.h"
#include "steps/iomesh_summary.h"
#include "steps/kinds.h"
#include "steps/stability.h"

/* The leader may move while data does: it is looked up anew at each look. */
static int look(const struct visit *visit, struct error *error)
{
    struct iomesh_summary summary;
    struct text moving = {0};
    if (iomesh_summary_read_leader(visit, &summary, error))
        return -1;
    int result = 0;
    iomesh_summary_describe(&summary, &moving);
    if (!iomesh_summary_is_idle(&summary))
        result = error_set(error, ERROR_NOT_YET, "%s", text_string(&moving));
    text_clear(&moving);
    return result;
}

static void apply(const struct visit *visit, struct answer *answer)
{
    struct error error = {0};
    if (look(visit, &error)) {
        stability_failed(visit, &error, answer);
        return;
    }
    if (!stability_reached(visit, input_duration_ms(visit, "stable_for"), "no recovery or migration", answer))
        return;
    answer_done(answer, NULL);
    summary_set(&answer->summary, "no recovery or migration going on for %s",
                json_text(visit->inputs, "stable_for", "0s"));
}

static void plan(const struct visit *visit, const json_t *world, struct plan_answer *answer)
{
    struct error error = {0};
    (void)world;
    if (look(visit, &error))
        plan_answer_failed(answer, &error);
    else
        summary_set(&answer->summary, "no recovery or migration now");
}

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
    .permissions = PERMISSIONS_EXEC,
    .plan = plan,
    .apply = apply,
};
