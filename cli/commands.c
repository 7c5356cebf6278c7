#include "cli/commands.h"

#include <string.h>

#include "cli/sim.h"
#include "engine/keeper.h"

static const struct option_declaration EVAL_OPTIONS[] = {
    {"data", 0, "FILE", "a JSON object: its keys are the names in the expression"},
    {NULL, 0, NULL, NULL},
};

const struct command COMMANDS[] = {
    {.name = "version", .synopsis = "", .summary = "print the version", .run = command_version},
    {.name = "help",
     .synopsis = "[COMMAND]",
     .summary = "explain pawl, or one command",
     .most = 1,
     .run = command_help},
    {.name = "eval",
     .synopsis = "EXPR [--data FILE]",
     .summary = "the value and type of an expression over a JSON document",
     .help = "EXPR is what would stand between ${ and } in a job file (docs/expressions.md). One that\n"
             "begins with a minus stands behind --.",
     .options = EVAL_OPTIONS,
     .least = 1,
     .most = 1,
     .run = command_eval},
    {.name = "sim",
     .synopsis = "init|show|fault FILE",
     .summary = "make a simulated cluster, look into it, script a fault into it",
     .raw = true,
     .run_raw = sim_command},
    {.name = "sim-helm", .hidden = true, .raw = true, .run_raw = sim_helm_command},
    {.name = "keeper", .hidden = true, .raw = true, .run_raw = keeper_main},
};
const int COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS;

const struct command *command_find(const char *name)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(COMMANDS[i].name, name))
            return &COMMANDS[i];
    return NULL;
}
