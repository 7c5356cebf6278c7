#include "cli/commands.h"

#include <string.h>

#include "cli/sim.h"
#include "engine/keeper.h"

static const struct option_declaration EVAL_OPTIONS[] = {
    {"data", 0, "FILE", "a JSON object: its keys are the names in the expression"},
    {NULL, 0, NULL, NULL},
};

const struct command COMMANDS[] = {
    {.name = "submit",
     .synopsis = "JOB [-p name=value]…",
     .summary = "record a run and drive it",
     .help =
         "Checks the job file and its params, records a run, prints its number and drives it. Whatever happens to this\n"
         "process, `pawl resume` goes on where the run stood.",
     .options = SUBMIT_OPTIONS,
     .least = 1,
     .most = 1,
     .run = command_submit},
    {.name = "resume",
     .synopsis = "[RUN]",
     .summary = "continue an interrupted or failed run",
     .help =
         "Without RUN the only interrupted one. A run keeps the job and the params that it was submitted with, and its\n"
         "cluster.",
     .options = RESUME_OPTIONS,
     .most = 1,
     .run = command_resume},
    {.name = "approve",
     .synopsis = "RUN STEP [--reason TEXT]",
     .summary = "answer a question with yes",
     .options = APPROVE_OPTIONS,
     .least = 2,
     .most = 2,
     .run = command_approve},
    {.name = "reject",
     .synopsis = "RUN STEP --reason TEXT",
     .summary = "answer a question with no: the run fails, or rolls back",
     .options = REASON_OPTIONS,
     .least = 2,
     .most = 2,
     .run = command_reject},
    {.name = "resolve",
     .synopsis = "RUN STEP --done|--retry --reason TEXT",
     .summary = "decide about a step that is unknown, failed or pending",
     .options = RESOLVE_OPTIONS,
     .least = 2,
     .most = 2,
     .run = command_resolve},
    {.name = "pause",
     .synopsis = "RUN [--reason TEXT]",
     .summary = "start nothing more until `pawl resume`",
     .options = REASON_OPTIONS,
     .least = 1,
     .most = 1,
     .run = command_pause},
    {.name = "cancel",
     .synopsis = "RUN --reason TEXT",
     .summary = "end a run for good; undoes nothing",
     .options = REASON_OPTIONS,
     .least = 1,
     .most = 1,
     .run = command_cancel},
    {.name = "rollback",
     .synopsis = "RUN --reason TEXT",
     .summary = "undo what a run has done, newest first",
     .options = ROLLBACK_OPTIONS,
     .least = 1,
     .most = 1,
     .run = command_rollback},
    {.name = "audit",
     .synopsis = "verify|export|rebuild",
     .summary = "check the hash chain and the replay; write all records",
     .help = "verify   check every record's hash, and that replaying the records gives the stored state\n"
             "export   all records as JSON lines\n"
             "rebuild  write the stored state anew from the records",
     .least = 1,
     .most = 1,
     .run = command_audit},
    {.name = "list",
     .synopsis = "[--status STATUS] [--job NAME]…",
     .summary = "runs, newest first",
     .options = LIST_OPTIONS,
     .run = command_list},
    {.name = "status",
     .synopsis = "RUN [--watch]",
     .summary = "one run: its steps, and what it waits for",
     .help =
         "With --watch it leaves with the run's status: 0 succeeded, 1 failed, cancelled or rolled back,\n"
         "3 waits for a person, 130 interrupted.",
     .options = STATUS_OPTIONS,
     .least = 1,
     .most = 1,
     .run = command_status},
    {.name = "history",
     .synopsis = "RUN",
     .summary = "the audit trail of a run",
     .help = "Every record in order; the hash chain of the run is checked on the way.",
     .least = 1,
     .most = 1,
     .run = command_history},
    {.name = "logs",
     .synopsis = "RUN [STEP] [--follow]",
     .summary = "what the programs of a run wrote",
     .options = LOGS_OPTIONS,
     .least = 1,
     .most = 2,
     .run = command_logs},
    {.name = "steps",
     .synopsis = "[KIND]",
     .summary = "the step kinds, or what one takes and gives",
     .most = 1,
     .run = command_steps},
    {.name = "schema", .synopsis = "", .summary = "a JSON Schema of job files", .run = command_schema},
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
