/* In the place of engine/keeper.c and the keeper's own process: a keeper stands ready, is told to go or finds
 * its pipe closed, writes its records, minds its child; either may die at any moment. */
#include "engine/keeper.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "simulation/kinds.h"
#include "simulation/shipped.h"
#include "simulation/simulation.h"

#define GRACE_MS 10000

enum keeper_state {
    KEEPER_READY,
    KEEPER_LEAVING, /* its pipe was closed */
    KEEPER_TOLD,
    KEEPER_MINDING,
    KEEPER_ENDING, /* the child has ended, its exit is not yet recorded */
    KEEPER_GONE,
};

struct kept {
    char base[64];
    int number, host, boot, start;
    const struct process *owner; /* who holds the pipe's other end; NULL: nobody */
    enum keeper_state state;
    bool killed; /* the keeper's process is gone, its child may live */
    bool once, started, child_lives, has_exit, cancelled, killing;
    int64_t at_ms; /* when it goes on; -1: never by itself */
    int64_t cancelled_ms;
    int exit_status;
    struct performance performance;
    struct helm_child *helm; /* of a shipped job, in the place of a performance */
    bool interrupted;        /* it was sent SIGTERM */
};

static struct kept keepers[SIMULATION_KEEPERS];
static int keeper_count;

static bool holds_lock(const struct kept *kept)
{
    return kept->child_lives || (!kept->killed && kept->state != KEEPER_GONE);
}

static struct kept *find(const json_t *record)
{
    const char *base = json_text(record, "base", "");
    int64_t number = json_int(json_object_get(record, "process"), "pid", 0);
    for (int i = keeper_count - 1; i >= 0; i--)
        if (keepers[i].number == number && !strcmp(keepers[i].base, base))
            return &keepers[i];
    return NULL;
}

/* ---- the driver's side ---- */

static void program_begins(struct kept *kept, const struct program *program, const char *key)
{
    json_t *arguments = json_array();
    for (char **text = program->arguments; *text; text++)
        json_array_append_new(arguments, json_string(*text));
    performance_begin(&kept->performance, arguments, key);
    json_decref(arguments);
}

static void helm_begins(struct kept *kept, const struct program *program, const char *key)
{
    kept->helm = helm_child_new(program, key);
    strcpy(kept->performance.program, "helm");
    snprintf(kept->performance.key, sizeof kept->performance.key, "%s", key);
}

struct keeper *keeper_spawn(const char *folder, const char *base, const struct program *program,
                            const char *input, bool once, struct error *error)
{
    (void)folder;
    (void)input;
    bool cursed = outside_cursed(CURSE_PREPARES);
    held_up(cursed ? chance_below(CHANCE_SCHEDULE, 2000) : chance_time_ms(CHANCE_SCHEDULE, 50));
    if (rim("spawn"))
        return NULL;
    if (keeper_count == SIMULATION_KEEPERS || cursed ||
        chance_percent(CHANCE_WORLD, simulation.plan->trouble / 8)) {
        error_set(error, ERROR_SYSTEM, "cannot start a keeper");
        return NULL;
    }
    const char *key = "";
    for (char **text = program->environment; text && *text; text++)
        if (!strncmp(*text, "PAWL_KEY=", 9))
            key = *text + 9;
    struct kept *kept = &keepers[keeper_count++];
    *kept = (struct kept){.number = 1000 + keeper_count,
                          .host = simulation.host,
                          .boot = simulation.boot,
                          .owner = simulation.current,
                          .once = once,
                          .at_ms = -1};
    snprintf(kept->base, sizeof kept->base, "%s", base);
    const char *dot = strrchr(base, '.');
    kept->start = dot ? atoi(dot + 1) : 0;
    if (shipped_job())
        helm_begins(kept, program, key);
    else
        program_begins(kept, program, key);
    counts.keepers++;
    trace("a keeper stands ready for %s", base);
    struct keeper *keeper = memory_new(sizeof *keeper);
    keeper->pipe = keeper_count - 1;
    keeper->record = json_pack("{s:s,s:o}", "base", base, "process",
                               process_record(kept->number, kept->host, kept->boot));
    if (rim("spawned")) {
        keeper_dismiss(keeper);
        return NULL;
    }
    return keeper;
}

static void close_pipe(struct kept *kept)
{
    kept->owner = NULL;
    if (kept->state != KEEPER_READY)
        return;
    kept->state = KEEPER_LEAVING;
    kept->at_ms = simulation.now_ms + chance_time_ms(CHANCE_SCHEDULE, 2000);
}

void keeper_reap(void)
{
}

static void keeper_drop(struct keeper *keeper)
{
    json_decref(keeper->record);
    free(keeper);
}

void keeper_dismiss(struct keeper *keeper)
{
    if (!keeper)
        return;
    struct kept *kept = &keepers[keeper->pipe];
    if (kept->owner == simulation.current)
        close_pipe(kept);
    keeper_drop(keeper);
}

bool keeper_go(struct keeper *keeper)
{
    struct kept *kept = &keepers[keeper->pipe];
    bool gone = kept->killed || kept->state != KEEPER_READY;
    if (rim("go")) {
        keeper_drop(keeper);
        return false;
    }
    if (!gone) {
        judge_begins(kept->performance.key, kept->performance.program, kept->start);
        kept->state = KEEPER_TOLD;
        kept->at_ms = simulation.now_ms + chance_time_ms(CHANCE_SCHEDULE, 500);
        trace("go: %s", kept->base);
    }
    kept->owner = NULL;
    keeper_drop(keeper);
    return !gone && !rim("gone");
}

void keeper_look(const char *folder, const json_t *record, bool once, struct child *child)
{
    (void)folder;
    *child = (struct child){.state = CHILD_NONE};
    const struct kept *kept = find(record);
    bool here = kept && kept->host == simulation.host;
    if (!kept)
        return;
    /* What was written on another host has moved with the store's folder; its locks have not. */
    if (kept->has_exit)
        child->state = CHILD_EXITED;
    else if (here && kept->boot == simulation.boot && holds_lock(kept))
        child->state = CHILD_RUNNING;
    else
        child->state = once && !kept->started ? CHILD_NONE : CHILD_LOST;
    if (child->state != CHILD_EXITED)
        return;
    child->exit_status = kept->exit_status;
    child->cancelled = kept->cancelled;
    const char *out = kept->helm ? helm_child_out(kept->helm, false) : kept->performance.out;
    child->out = string_copy(out ? out : "");
    child->err = string_copy(kept->helm ? helm_child_out(kept->helm, true) : "");
    child->out_length = strlen(child->out);
    child->err_length = strlen(child->err);
}

void child_clear(struct child *child)
{
    free(child->out);
    free(child->err);
    *child = (struct child){.state = CHILD_NONE};
}

void keeper_cancel(const char *folder, const json_t *record, int64_t asked_ms)
{
    (void)folder;
    (void)asked_ms;
    struct kept *kept = find(record);
    if (!kept || is_dead() || kept->host != simulation.host)
        return;
    if (!kept->cancelled) {
        kept->cancelled = true;
        kept->cancelled_ms = simulation.now_ms + chance_below(CHANCE_SCHEDULE, 100);
        trace("%s is asked to stop", kept->base);
    }
    if (kept->at_ms < 0 || kept->at_ms > simulation.now_ms + 100)
        kept->at_ms = simulation.now_ms + 100;
}

/* ---- the keeper's side ---- */

static void child_ends(struct kept *kept, int exit_status)
{
    kept->child_lives = false;
    helm_child_kill(kept->helm);
    kept->exit_status = exit_status;
    if (kept->killed) {
        kept->state = KEEPER_GONE;
        kept->at_ms = -1;
        return;
    }
    kept->state = KEEPER_ENDING;
    kept->at_ms = simulation.now_ms + chance_time_ms(CHANCE_SCHEDULE, 300);
}

static void child_starts(struct kept *kept)
{
    struct performance *performance = &kept->performance;
    kept->state = KEEPER_MINDING;
    kept->child_lives = true;
    if (kept->helm)
        helm_child_begins(kept->helm);
    performance->records_at_ms += simulation.now_ms;
    performance->acts_at_ms += simulation.now_ms;
    performance->ends_at_ms += simulation.now_ms;
    kept->at_ms = simulation.now_ms;
}

/* The child's next moment, and the next look for a cancel. */
static int64_t child_next_ms(const struct kept *kept)
{
    const struct performance *performance = &kept->performance;
    int64_t next_ms = performance->hangs ? INT64_MAX : performance->ends_at_ms;
    if (performance->records && !performance->recorded)
        next_ms = performance->records_at_ms;
    else if (performance->acts && !performance->acted)
        next_ms = performance->acts_at_ms;
    if (kept->cancelled) {
        int64_t signal_ms = kept->cancelled_ms + (performance->ignores_term || kept->killing ? GRACE_MS : 0);
        next_ms = signal_ms < next_ms ? signal_ms : next_ms;
    }
    return next_ms == INT64_MAX ? -1 : next_ms > simulation.now_ms ? next_ms : simulation.now_ms;
}

/* helm: SIGTERM when it is asked to stop, SIGKILL after the grace. */
static void helm_goes_on(struct kept *kept)
{
    int exit_status;
    int64_t kill_ms = kept->cancelled_ms + GRACE_MS;
    if (kept->cancelled && simulation.now_ms >= kill_ms) {
        trace("%s: helm is killed", kept->base);
        child_ends(kept, 137);
        return;
    }
    if (kept->cancelled && !kept->interrupted && simulation.now_ms >= kept->cancelled_ms) {
        kept->interrupted = true;
        helm_child_interrupt(kept->helm);
    }
    if (helm_child_next_ms(kept->helm) <= simulation.now_ms)
        helm_child_go_on(kept->helm);
    if (!kept->child_lives) /* the host lost power at a call of it */
        return;
    if (helm_child_has_ended(kept->helm, &exit_status)) {
        child_ends(kept, exit_status);
        return;
    }
    kept->at_ms = helm_child_next_ms(kept->helm);
    int64_t signal_ms = kept->interrupted ? kill_ms : kept->cancelled_ms;
    if (kept->cancelled && signal_ms < kept->at_ms)
        kept->at_ms = signal_ms;
    if (kept->at_ms < simulation.now_ms)
        kept->at_ms = simulation.now_ms;
}

static void child_goes_on(struct kept *kept)
{
    if (kept->helm) {
        helm_goes_on(kept);
        return;
    }
    struct performance *performance = &kept->performance;
    bool foreign = kept->host != simulation.host;
    int64_t signal_ms = kept->cancelled_ms + (performance->ignores_term ? GRACE_MS : 0);
    if (kept->cancelled && simulation.now_ms >= signal_ms) {
        trace("%s: its program is killed", kept->base);
        child_ends(kept, performance->ignores_term ? 137 : 143);
        return;
    }
    performance_go_on(performance, foreign);
    bool whole = (!performance->acts || performance->acted) &&
                 (!performance->records || performance->recorded);
    if (whole && !performance->hangs && simulation.now_ms >= performance->ends_at_ms) {
        kept->killed = kept->killed || performance->vanishes;
        child_ends(kept, performance->exit_status);
        return;
    }
    kept->at_ms = child_next_ms(kept);
}

static void keeper_goes_on(struct kept *kept)
{
    switch (kept->state) {
    case KEEPER_LEAVING:
        kept->state = KEEPER_GONE;
        kept->at_ms = -1;
        break;
    case KEEPER_TOLD:
        if (kept->once && !kept->started) {
            kept->started = true;
            kept->at_ms = simulation.now_ms + chance_time_ms(CHANCE_SCHEDULE, 200);
        } else {
            child_starts(kept);
        }
        break;
    case KEEPER_MINDING:
        child_goes_on(kept);
        break;
    case KEEPER_ENDING:
        kept->has_exit = true;
        kept->state = KEEPER_GONE;
        kept->at_ms = -1;
        trace("%s: its program left with %d", kept->base, kept->exit_status);
        break;
    default:
        kept->at_ms = -1;
    }
}

static struct kept *next_keeper(void)
{
    struct kept *first = NULL;
    for (int i = 0; i < keeper_count; i++)
        if (keepers[i].at_ms >= 0 && (!first || keepers[i].at_ms < first->at_ms))
            first = &keepers[i];
    return first;
}

int64_t keepers_next_ms(void)
{
    const struct kept *kept = next_keeper();
    return kept ? kept->at_ms : -1;
}

void keepers_go_on(void)
{
    keeper_goes_on(next_keeper());
}

/* ---- what befalls them ---- */

void keepers_pipe_closed(const struct process *process)
{
    for (int i = 0; i < keeper_count; i++)
        if (keepers[i].owner == process)
            close_pipe(&keepers[i]);
}

static void lose_host(void)
{
    for (int i = 0; i < keeper_count; i++) {
        struct kept *kept = &keepers[i];
        if (kept->host != simulation.host)
            continue;
        kept->child_lives = false;
        helm_child_kill(kept->helm);
        kept->killed = true;
        kept->state = KEEPER_GONE;
        kept->owner = NULL;
        kept->at_ms = -1;
    }
}

void keepers_power_loss(void)
{
    lose_host();
}

void keepers_host_lost(void)
{
    if (shipped_job())
        lose_host();
}

bool keepers_kill(bool child, int64_t number)
{
    int living = 0;
    for (int i = 0; i < keeper_count; i++)
        living += child ? keepers[i].child_lives : !keepers[i].killed && keepers[i].state != KEEPER_GONE;
    if (!living)
        return false;
    int64_t which = number % living;
    for (int i = 0; i < keeper_count; i++) {
        struct kept *kept = &keepers[i];
        bool lives = child ? kept->child_lives : !kept->killed && kept->state != KEEPER_GONE;
        if (!lives || which-- > 0)
            continue;
        trace("%s of %s dies", child ? "the program" : "the keeper", kept->base);
        if (child) {
            child_ends(kept, 137);
            return true;
        }
        kept->killed = true;
        kept->owner = NULL;
        if (!kept->child_lives) {
            kept->state = KEEPER_GONE;
            kept->at_ms = -1;
        }
        return true;
    }
    return false;
}

void keepers_quiet(void)
{
    for (int i = 0; i < keeper_count; i++) {
        struct kept *kept = &keepers[i];
        if (!kept->performance.hangs)
            continue;
        kept->performance.hangs = false;
        kept->performance.exit_status = 137;
        if (kept->state == KEEPER_MINDING)
            kept->at_ms = simulation.now_ms;
    }
}

bool keepers_has_child(int64_t run)
{
    for (int i = 0; i < keeper_count; i++) {
        const struct kept *kept = &keepers[i];
        bool runs = kept->child_lives || (kept->state == KEEPER_TOLD && !kept->killed);
        if (runs && kept->host == simulation.host && atoll(kept->base) == run)
            return true;
    }
    return false;
}

void keepers_begin(void)
{
    for (int i = 0; i < keeper_count; i++)
        helm_child_free(keepers[i].helm);
    keeper_count = 0;
}
