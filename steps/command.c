#include "steps/kind.h"
#include "steps/kinds.h"

const struct step_kind kind_command = {
    .declaration =
        {
            .name = "command",
            .help = "runs a program: argument list, no shell",
            .effect = EFFECT_ONCE,
            .inputs =
                {
                    {.name = "argv",
                     .type = TYPE_LIST,
                     .of_texts = true,
                     .help = "the program and its arguments"},
                    {.name = "env",
                     .type = TYPE_MAP,
                     .of_texts = true,
                     .optional = true,
                     .allows_secret = true,
                     .help = "environment, beside the stated minimum"},
                    {.name = "cwd", .type = TYPE_PATH, .optional = true, .help = "working folder"},
                    {.name = "stdin",
                     .type = TYPE_STRING,
                     .optional = true,
                     .allows_secret = true,
                     .help = "what it reads on standard input"},
                },
            .outputs =
                {
                    {"exit_code", TYPE_INT, "its exit status"},
                    {"stdout", TYPE_STRING, "what it wrote, bounded"},
                },
            .general = true,
            .answers = "exit_code|stdout|json",
        },
};
