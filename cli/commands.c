#include "cli/commands.h"

#include <limits.h>
#include <string.h>

#include "cli/sim.h"
#include "engine/keeper.h"

static const struct option_declaration EVAL_OPTIONS[] = {
    {"data", 0, "FILE", "a JSON object: its keys are the names in the expression"},
    {NULL, 0, NULL, NULL},
};

static const struct command AUDIT_COMMANDS[] = {
    {.name = "audit verify",
     .synopsis = "[--chain-only]",
     .summary = "check the hash chain and the replay",
     .help =
         "Checks every record's hash, and that replaying the records gives the stored state. 0: intact; 1: not,\n"
         "and the first record that is at fault is named.",
     .options = AUDIT_VERIFY_OPTIONS,
     .run = command_audit_verify},
    {.name = "audit export",
     .synopsis = "",
     .summary = "all records as JSON lines",
     .help = "Writes the records of all runs in the order in which they were made, one JSON object a line.",
     .run = command_audit_export},
    {.name = "audit rebuild",
     .synopsis = "",
     .summary = "write the stored state anew from the records",
     .help =
         "Drops what the store says about each run, and writes it anew by replaying the records. The records\n"
         "stay as they are.",
     .run = command_audit_rebuild},
    {.name = NULL},
};

static const struct command SIM_COMMANDS[] = {
    {.name = "sim init",
     .synopsis = "FILE [--chunks N] [--values FILE]…",
     .summary = "make a simulated cluster",
     .help =
         "Makes a cluster that is one file, for --cluster sim:FILE. What exists is replaced only with --force.",
     .options = SIM_INIT_OPTIONS,
     .least = 1,
     .most = 1,
     .run = command_sim_init},
    {.name = "sim show",
     .synopsis = "FILE [--json]",
     .summary = "look into a simulated cluster",
     .help = "How it stands, and its own log of effects; with --json of requests and events, too.",
     .least = 1,
     .most = 1,
     .run = command_sim_show},
    {.name = "sim fault",
     .synopsis = "FILE FAULT [key=value]…",
     .summary = "script a fault into a simulated cluster",
     .help =
         "What happens to the cluster takes in=DURATION, or on=EFFECT with count=N and delay=DURATION, too;\n"
         "requests meet trouble in the order of the script: skip=N, times=N (0: for ever).",
     .tell_more = sim_fault_kinds_print,
     .least = 2,
     .most = INT_MAX,
     .run = command_sim_fault},
    {.name = NULL},
};

const struct command COMMANDS[] = {
    {.name = "validate",
     .synopsis = "JOB",
     .summary = "check a job file; contacts nothing",
     .least = 1,
     .most = 1,
     .run = command_validate},
    {.name = "plan",
     .synopsis = "JOB [-p name=value]…",
     .summary = "what a run would do, read-only, against the cluster",
     .help = "Each step is asked what it would find and change, in order, each seeing what those before it\n"
             "would change. Nothing is changed or recorded.",
     .options = PLAN_OPTIONS,
     .least = 1,
     .most = 1,
     .run = command_plan},
    {.name = "rehearse",
     .synopsis = "JOB [-p name=value]…",
     .summary = "run it on a simulated cluster, cut off everywhere",
     .help =
         "Runs the job on simulated clusters of its own: straight through, then killed before and after every commit\n"
         "and every effect, and resumed. Programs and requests that the job spells out are never run: their\n"
         "`rehearse:` answers. 0: resume-safe (with --only: nothing found in those) · 1: not.",
     .options = REHEARSE_OPTIONS,
     .least = 1,
     .most = 1,
     .run = command_rehearse},
    {.name = "submit",
     .synopsis = "JOB [-p name=value]…",
     .summary = "record a run and drive it",
     .help =
         "Checks the job file and its params, records a run, prints its number and drives it. Whatever happens to this\n"
         "process, `pawl resume` goes on where the run stood.\n\n"
         "A second submit with the same --key drives nothing: it prints that run, and leaves with what it stands for:\n"
         "0 succeeded, 1 failed, 3 waits for a person, 4 driven by another process, 130 nobody drives it.",
     .options = SUBMIT_OPTIONS,
     .least = 1,
     .most = 1,
     .acts = true,
     .run = command_submit},
    {.name = "resume",
     .synopsis = "[RUN]",
     .summary = "continue an interrupted or failed run",
     .help =
         "Without RUN the only interrupted one. A run keeps the job and the params that it was submitted with, and its\n"
         "cluster.",
     .options = RESUME_OPTIONS,
     .most = 1,
     .acts = true,
     .run = command_resume},
    {.name = "approve",
     .synopsis = "RUN STEP [--reason TEXT]",
     .summary = "answer a question with yes",
     .options = REASON_OPTIONS,
     .least = 2,
     .most = 2,
     .acts = true,
     .run = command_approve},
    {.name = "reject",
     .synopsis = "RUN STEP --reason TEXT",
     .summary = "answer a question with no: the run fails, or rolls back",
     .options = REASON_OPTIONS,
     .least = 2,
     .most = 2,
     .acts = true,
     .run = command_reject},
    {.name = "resolve",
     .synopsis = "RUN STEP --done|--retry --reason TEXT",
     .summary = "decide about a step that is unknown, failed or pending",
     .options = RESOLVE_OPTIONS,
     .least = 2,
     .most = 2,
     .acts = true,
     .run = command_resolve},
    {.name = "pause",
     .synopsis = "RUN [--reason TEXT]",
     .summary = "start nothing more until `pawl resume`",
     .options = REASON_OPTIONS,
     .least = 1,
     .most = 1,
     .acts = true,
     .run = command_pause},
    {.name = "cancel",
     .synopsis = "RUN --reason TEXT",
     .summary = "end a run for good; undoes nothing",
     .options = REASON_OPTIONS,
     .least = 1,
     .most = 1,
     .acts = true,
     .run = command_cancel},
    {.name = "rollback",
     .synopsis = "RUN --reason TEXT",
     .summary = "undo what a run has done, newest first",
     .options = ROLLBACK_OPTIONS,
     .least = 1,
     .most = 1,
     .acts = true,
     .run = command_rollback},
    {.name = "audit",
     .synopsis = "verify|export|rebuild",
     .summary = "check the hash chain and the replay; write all records",
     .help = "The records of all runs, and what the store says that they lead to.",
     .parts = AUDIT_COMMANDS,
     .least = 1},
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
     .most = 2,
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
     .parts = SIM_COMMANDS,
     .least = 1},
    {.name = "completion",
     .synopsis = "",
     .summary = "a bash completion script",
     .help = "For this shell: source <(pawl completion)\n"
             "For all: make install puts it where bash finds it.",
     .run = command_completion},
    {.name = "sim-helm", .hidden = true, .raw = true, .run_raw = sim_helm_command},
    {.name = "keeper", .hidden = true, .raw = true, .run_raw = keeper_main},
};
const int COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS;

const struct command *command_find(const char *name)
{
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (!strcmp(COMMANDS[i].name, name))
            return &COMMANDS[i];
        for (const struct command *part = COMMANDS[i].parts; part && part->name; part++)
            if (!strcmp(part->name, name))
                return part;
    }
    return NULL;
}
