#include "base/json.h"
#include "steps/iomesh_inputs.h"
#include "steps/kinds.h"
#include "steps/leader.h"
#include "steps/stability.h"

static json_t *outputs_of(const struct leader *leader)
{
    return json_pack("{s:s,s:s}", "pod", leader->pod, "node", leader->node);
}

static void apply(const struct visit *visit, struct answer *answer)
{
    struct leader leader;
    struct error error = {0};
    if (leader_read(visit, json_text(visit->inputs, "selector", ""), &leader, &error)) {
        stability_failed(visit, &error, answer);
        return;
    }
    answer_done(answer, outputs_of(&leader));
    summary_set(&answer->summary, "%s", leader.pod);
}

static void plan(const struct visit *visit, const json_t *world, struct plan_answer *answer)
{
    struct leader leader;
    struct error error = {0};
    (void)world;
    if (leader_read(visit, json_text(visit->inputs, "selector", ""), &leader, &error)) {
        plan_answer_failed(answer, &error);
        return;
    }
    answer->outputs = outputs_of(&leader);
    summary_set(&answer->summary, "%s now", leader.pod);
}

const struct step_kind kind_locate_meta_leader = {
    .declaration =
        {
            .name = "locate_meta_leader",
            .help = "finds the one ready pod that is labelled as the meta leader",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    INPUT_NAMESPACE,
                    {.name = "selector",
                     .type = TYPE_STRING,
                     .fallback = "iomesh.com/meta-leader",
                     .help = "label selector of the leader"},
                },
            .outputs =
                {
                    {"pod", TYPE_STRING, "name of the pod"},
                    {"node", TYPE_STRING, "its node"},
                },
        },
    .plan = plan,
    .apply = apply,
};
