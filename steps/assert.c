#include "base/json.h"
#include "steps/kinds.h"

static void apply(const struct visit *visit, struct answer *answer)
{
    struct error error = {0};
    if (json_bool(visit->inputs, "that", false)) {
        answer_done(answer, NULL);
        return;
    }
    error_set(&error, ERROR_ASSERTION, "%s",
              json_text(visit->inputs, "message", "the assertion does not hold"));
    answer_failed(answer, &error);
}

/* What does not hold now may hold by then: no refusal. */
static void plan(const struct visit *visit, const json_t *world, struct plan_answer *answer)
{
    (void)world;
    bool holds = json_bool(visit->inputs, "that", false);
    answer->kind = holds ? PLAN_OK : PLAN_UNKNOWN;
    summary_set(&answer->summary, "%s%s%s", holds ? "holds" : "does not hold now", holds ? "" : ": ",
                holds ? "" : json_text(visit->inputs, "message", "the assertion"));
}

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
    .plan = plan,
    .apply = apply,
    .only_computes = true,
};
