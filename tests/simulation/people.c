#include "simulation/people.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/load.h"
#include "simulation/simulation.h"

#define LOOK_MS    1000
#define WAITS_MOST (20 * 60 * 1000) /* where a shipped job waits on, for hours: it is cancelled */

static int64_t look_ms;
static int resumes[SIMULATION_RUNS_MOST + 1], words[SIMULATION_RUNS_MOST + 1];
static bool given_up[SIMULATION_RUNS_MOST + 1];
static char standing[256];

void people_begin(void)
{
    look_ms = 0;
    memset(resumes, 0, sizeof resumes);
    memset(words, 0, sizeof words);
    memset(given_up, 0, sizeof given_up);
}

void people_end(void)
{
}

int64_t people_next_ms(void)
{
    return look_ms;
}

/* ---- saying ---- */

static int put(int64_t run, const char *name, const json_t *body)
{
    struct error error = {0};
    char *text = json_canonical(body);
    struct command_row row = {.run = run, .time_ms = 1, .name = name, .body = text, .actor = "ann"};
    int result = store_put_command(simulation.store, &row, &error);
    trace("ann says %s %s to run %lld%s%s", name, text, (long long)run, result ? ": " : "", error.message);
    free(text);
    counts.commands += !result;
    return result;
}

/* The body of a word about the step in hand, as the command line fills it. */
static json_t *word_body(const struct run *run, const struct machine *machine, const char *how)
{
    json_t *body = json_pack("{s:s}", "reason", "because");
    if (run->step >= 0)
        json_object_set_new(body, "step", json_string(machine->steps[run->step].id));
    if (run->question) {
        json_object_set(body, "question", json_object_get(run->question, "digest"));
        json_object_set(body, "visit", json_object_get(run->question, "visit"));
    }
    if (!how)
        return body;
    json_object_set_new(body, "how", json_string(how));
    json_t *outputs = json_object();
    for (int i = 0; run->step >= 0 && i < machine->steps[run->step].output_count; i++)
        json_object_set_new(outputs, machine->steps[run->step].outputs[i].name, json_string("1"));
    json_object_set_new(body, "outputs", outputs);
    return body;
}

static void say(int64_t id, const char *name, const char *how)
{
    struct machine *machine = NULL;
    struct error error = {0};
    struct run *run = run_open(simulation.store, id, &machine, &error);
    if (!run) {
        violate("run %lld cannot be read: %s", (long long)id, error.message);
        return;
    }
    json_t *body = word_body(run, machine, how);
    put(id, name, body);
    json_decref(body);
    run_free(run);
    machine_free(machine);
}

void people_say(int64_t run, int64_t number)
{
    static const char *const names[] = {"approve", "approve", "reject",  "pause",   "pause",
                                        "cancel",  "cancel",  "resolve", "resolve", "rollback",
                                        "resume",  "resume",  "from",    "from"};
    const char *name = names[number % 14];
    bool again = number / 14 % 2;
    if (!strcmp(name, "resume")) {
        process_start(run, "resume", json_object(), false);
    } else if (!strcmp(name, "from")) {
        const char *step = plan_step_id(simulation.plan, (int)(number / 28 % simulation.plan->step_count));
        process_start(run, "resume", json_pack("{s:s,s:s}", "from", step, "reason", "again"), again);
    } else {
        say(run, name, strcmp(name, "resolve") ? NULL : again ? "retry" : "done");
        bool drives = !strcmp(name, "cancel") || !strcmp(name, "rollback");
        if (drives && !run_is_driven(run))
            process_start(run, NULL, NULL, false);
    }
}

/* ---- the operator ---- */

struct standing {
    char status[16], waiting[16];
};

static int read_row(void *context, const struct run_row *row)
{
    struct standing *found = context;
    json_t *waiting = row->waiting ? json_loads(row->waiting, 0, NULL) : NULL;
    snprintf(found->status, sizeof found->status, "%s", row->status);
    snprintf(found->waiting, sizeof found->waiting, "%s", json_text(waiting, "for", ""));
    json_decref(waiting);
    return 0;
}

static struct standing read_standing(int64_t run)
{
    struct standing found = {"", ""};
    struct error error = {0};
    if (store_read_run(simulation.store, run, read_row, &found, &error))
        violate("run %lld cannot be read: %s", (long long)run, error.message);
    return found;
}

const char *people_standing(void)
{
    standing[0] = '\0';
    for (int run = 1; run <= simulation.plan->runs; run++) {
        struct standing found = read_standing(run);
        size_t length = strlen(standing);
        snprintf(standing + length, sizeof standing - length, "%d %s %s%s ", run, found.status, found.waiting,
                 run_is_driven(run) ? ", driven" : "");
    }
    return standing;
}

static bool has_ended(const struct standing *found)
{
    return !strcmp(found->status, "succeeded") || !strcmp(found->status, "cancelled") ||
           !strcmp(found->status, "rolled_back");
}

static void start(int64_t run, const char *command)
{
    int code = process_start(run, command, json_object(), false);
    if (code == ERROR_DRIVEN) /* last driven on another host */
        process_start(run, command, json_object(), true);
}

/* What the operator does for a run that nobody drives, once all is quiet. True: something. */
static bool help(int64_t run, const struct standing *found)
{
    bool failed = !strcmp(found->status, "failed"), paused = !strcmp(found->waiting, "paused");
    bool asks = !strcmp(found->waiting, "approval"), doubts = !strcmp(found->waiting, "decision");
    bool locked = !strcmp(found->waiting, "lock");
    bool locked_out = locked && judge_lock_is_held();
    if ((failed || locked_out) && resumes[run]++ >= simulation.plan->patience)
        return false;
    if ((asks || doubts) && words[run]++ >= 2 + simulation.plan->patience)
        return false;
    if (asks)
        say(run, chance_percent(CHANCE_PEOPLE, 85) ? "approve" : "reject", NULL);
    if (doubts)
        say(run, "resolve", chance_percent(CHANCE_PEOPLE, 50) ? "retry" : "done");
    start(run, failed || paused ? "resume" : NULL);
    return true;
}

/* In the noise an interrupted run is resumed now and then. */
static void pass_by(int64_t run, const struct standing *found)
{
    bool person = !strcmp(found->status, "failed") || !strcmp(found->waiting, "paused") ||
                  !strcmp(found->waiting, "approval") || !strcmp(found->waiting, "decision");
    if ((!person || run_has_command(simulation.store, run)) && chance_percent(CHANCE_PEOPLE, 50))
        process_start(run, NULL, NULL, false);
}

/* What a person had told pawl was done, and is not, is waited for in vain. */
static void give_up(int64_t run)
{
    if (given_up[run] || !simulation.plan->shipped || simulation.now_ms < simulation.silence_ms + WAITS_MOST)
        return;
    given_up[run] = true;
    say(run, "cancel", NULL);
}

bool people_look(void)
{
    bool busy = !simulation.quiet;
    look_ms = simulation.now_ms + (simulation.quiet ? LOOK_MS : chance_time_ms(CHANCE_PEOPLE, 20000));
    for (int run = 1; run <= simulation.plan->runs && !simulation.violation[0]; run++) {
        struct standing found = read_standing(run);
        bool driven = run_is_driven(run);
        busy = busy || driven;
        if (driven)
            give_up(run);
        if (driven || has_ended(&found))
            continue;
        if (!simulation.quiet)
            pass_by(run, &found);
        else if (run_has_command(simulation.store, run)) {
            start(run, NULL);
            busy = true;
        } else {
            busy = help(run, &found) || busy;
        }
    }
    return busy || keepers_next_ms() >= 0 || outside_next_ms() >= 0;
}
