#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_helm_upgrade = {
    .declaration =
        {
            .name = "helm_upgrade",
            .help = "upgrades a release to the values file, its chart pinned, no pod restarted",
            .effect = EFFECT_CONVERGE,
            .inputs =
                {
                    {.name = "namespace", .type = TYPE_STRING, .help = "namespace of the release"},
                    {.name = "release", .type = TYPE_STRING, .help = "name of the release"},
                    {.name = "chart", .type = TYPE_STRING, .help = "the chart, as helm takes it"},
                    {.name = "values", .type = TYPE_PATH, .help = "the values file"},
                    {.name = "version",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "chart version; without it the deployed one"},
                    {.name = "expect_changes",
                     .type = TYPE_LIST,
                     .of_texts = true,
                     .optional = true,
                     .help =
                         "dotted paths that may change; without it what this run's edit_values steps set"},
                    {.name = "allow_restarts",
                     .type = TYPE_BOOL,
                     .fallback = "false",
                     .help = "pod templates may change"},
                    {.name = "wait",
                     .type = TYPE_BOOL,
                     .fallback = "false",
                     .help = "helm waits until the workloads are ready"},
                },
            .outputs =
                {
                    {"revision", TYPE_INT, "the revision that was made"},
                    {"base_revision", TYPE_INT, "the revision before it"},
                    {"chart", TYPE_STRING, "chart and version"},
                    {"chart_sha256", TYPE_STRING, "of the chart's archive"},
                },
            .timeout_ms = 15 * 60 * 1000,
        },
};
