#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_kube_exec = {
    .declaration =
        {
            .name = "kube_exec",
            .help = "runs a command in a container",
            .effect = EFFECT_ONCE,
            .inputs =
                {
                    {.name = "namespace", .type = TYPE_STRING, .help = "namespace of the pod"},
                    {.name = "pod", .type = TYPE_STRING, .help = "name of the pod"},
                    {.name = "container",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "container; without it the first"},
                    {.name = "argv",
                     .type = TYPE_LIST,
                     .of_texts = true,
                     .help = "the command and its arguments"},
                    {.name = "stdin",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "what it reads on standard input"},
                },
            .outputs =
                {
                    {"exit_code", TYPE_INT, "its exit status"},
                    {"stdout", TYPE_STRING, "what it wrote, bounded"},
                },
            .general = true,
            .answers = "exit_code|stdout|json",
            .later = true,
        },
};
