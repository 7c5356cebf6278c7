/* One history: whatever is due next happens, one thing at a time, until all is settled. */
#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/drive.h"
#include "engine/submit.h"
#include "jobs/diagnostic.h"
#include "jobs/job.h"
#include "simulation/people.h"
#include "simulation/shipped.h"
#include "simulation/simulation.h"

#define LOOK_MS    100    /* as the driver looks */
#define SILENCE_MS 1500   /* after the last item the noise ends */
#define STEPS_MS   100000 /* … and after this where one counts from the start of a step */

struct simulation simulation;
struct counts counts;
static bool used[SIMULATION_ITEMS_MOST];      /* items that have come */
static int64_t due_ms[SIMULATION_ITEMS_MOST]; /* when they come; -1: not yet known */
static int64_t calls[SIMULATION_ITEMS_MOST];  /* at which call they come; -1: not yet known, or by time */

/* ---- saying what happens ---- */

void trace(const char *format, ...)
{
    if (!simulation.trace)
        return;
    va_list list;
    va_start(list, format);
    fprintf(simulation.trace, "%9.3f ", (double)simulation.now_ms / 1000);
    if (simulation.current)
        fprintf(simulation.trace, "p%d ", simulation.current->number);
    vfprintf(simulation.trace, format, list);
    fputc('\n', simulation.trace);
    va_end(list);
}

void violate(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    if (!simulation.violation[0])
        vsnprintf(simulation.violation, sizeof simulation.violation, format, list);
    va_end(list);
    trace("BROKEN: %s", simulation.violation);
}

/* ---- processes ---- */

bool is_dead(void)
{
    return simulation.current && simulation.current->dead;
}

void process_kill(struct process *process, const char *why)
{
    if (process->dead)
        return;
    trace("p%d is killed: %s", process->number, why);
    process->dead = true;
    counts.crashes++;
    keepers_pipe_closed(process);
}

void power_loss(void)
{
    trace("the host loses power");
    counts.power_losses++;
    for (int i = 0; i < simulation.process_count; i++)
        if (simulation.processes[i].used && simulation.processes[i].host == simulation.host)
            process_kill(&simulation.processes[i], "power");
    keepers_power_loss();
    simulation.boot++;
    simulation.booted_ms = simulation.now_ms;
}

bool rim(const char *what)
{
    struct process *current = simulation.current;
    if (!current)
        return false;
    if (current->dead)
        return true;
    if (call_strikes())
        process_kill(current, what);
    return current->dead;
}

bool call_strikes(void)
{
    bool strikes = false;
    simulation.calls++;
    counts.calls++;
    for (int i = 0; i < simulation.plan->item_count && !simulation.quiet; i++) {
        const struct plan_item *item = &simulation.plan->items[i];
        if (item->dropped || used[i] || calls[i] != simulation.calls)
            continue;
        if (item->kind == ITEM_CRASH)
            strikes = true;
        else if (item->kind == ITEM_POWER)
            power_loss();
        else
            due_ms[i] = simulation.now_ms + item->delay_ms;
        used[i] = item->kind == ITEM_CRASH || item->kind == ITEM_POWER;
    }
    return strikes;
}

/* By time, or at a call: while somebody is about something. */
static void count_from_here(int i)
{
    const struct plan_item *item = &simulation.plan->items[i];
    due_ms[i] = item->call ? -1 : simulation.now_ms + item->at_ms;
    calls[i] = item->call ? simulation.calls + item->call : -1;
}

void items_count_from(int step)
{
    for (int i = 0; i < simulation.plan->item_count; i++)
        if (simulation.plan->items[i].step == 1 + step)
            count_from_here(i);
}

void strike(const char *why)
{
    if (simulation.plan->curse && !simulation.quiet) { /* there it always may */
        process_kill(simulation.current, why);
        return;
    }
    for (int i = 0; i < simulation.plan->item_count && !simulation.quiet; i++) {
        const struct plan_item *item = &simulation.plan->items[i];
        if (item->kind != ITEM_CRASH || item->dropped || used[i])
            continue;
        used[i] = true;
        process_kill(simulation.current, why);
        return;
    }
}

void wake(struct process *process, int64_t after_ms)
{
    int64_t at_ms = simulation.now_ms + after_ms;
    if (process->draining)
        return;
    if (process->wake_ms < 0 || process->wake_ms > at_ms)
        process->wake_ms = at_ms;
}

void wake_all(void)
{
    for (int i = 0; i < simulation.process_count; i++) {
        struct process *process = &simulation.processes[i];
        if (process->used && !process->dead && process != simulation.current)
            wake(process, chance_below(CHANCE_SCHEDULE, 101));
    }
}

static void process_end(struct process *process)
{
    simulation.current = process;
    process->dead = true;
    keepers_pipe_closed(process);
    driver_free(process->driver);
    if (process->store)
        simulation_store_close(process->store);
    json_decref(process->body);
    process->driver = NULL;
    process->store = NULL;
    process->body = NULL;
    process->used = false;
    simulation.current = NULL;
}

static void process_go_to_sleep(struct process *process)
{
    int64_t wait_ms = driver_wait_ms(process->driver);
    /* It looks every 100 ms, and nothing comes of it but in these cases. */
    bool looks = process->driver->data_version < 0;
    for (const struct drive *drive = process->driver->drives; drive; drive = drive->next)
        looks = looks || drive->wants_lock || drive->leaving || drive->take;
    if (looks && (wait_ms < 0 || wait_ms > LOOK_MS))
        wait_ms = LOOK_MS;
    process->wake_ms = -1;
    if (wait_ms >= 0)
        wake(process, wait_ms ? wait_ms : chance_below(CHANCE_SCHEDULE, 3));
}

static void process_turn(struct process *process)
{
    simulation.current = process;
    process->wake_ms = -1;
    if (!process->begun)
        driver_begin(process->driver);
    process->begun = true;
    bool more = driver_turn(process->driver);
    if (more && !process->dead)
        process_go_to_sleep(process);
    simulation.current = NULL;
    if (process->dead || more)
        return;
    process->draining = true; /* bodies that are out come back first */
    if (process->driver->failed)
        trace("p%d stops: %s", process->number, process->driver->error.message);
}

static int watch_approve(void *context, const struct run *run, const char *question)
{
    (void)context;
    (void)run;
    (void)question;
    return 0;
}

static void watch_left(void *context, const struct run *run, const struct error *error)
{
    (void)context;
    trace("run %lld is let go%s%s", (long long)run->id, error->code ? ": " : "", error->message);
}

static struct process *free_slot(void)
{
    for (int i = 0; i < simulation.process_count; i++)
        if (!simulation.processes[i].used)
            return &simulation.processes[i];
    return simulation.process_count < SIMULATION_PROCESSES ? &simulation.processes[simulation.process_count++]
                                                           : NULL;
}

int process_start(int64_t run, const char *command, json_t *body, bool take_over)
{
    struct process *process = free_slot();
    struct error error = {0};
    if (!process) {
        json_decref(body);
        return ERROR_LIMIT;
    }
    *process = (struct process){.used = true,
                                .number = 100 + ++simulation.processes_ever,
                                .host = simulation.host,
                                .boot = simulation.boot,
                                .run = run,
                                .wake_ms = -1,
                                .body = body};
    process->take = (struct driver_take){
        .command = command, .body = body, .take_over = take_over, .reason = take_over ? "stuck" : NULL};
    struct driver_options options = {.actor = "driver",
                                     .approves = simulation.plan->yes,
                                     .lock_wait_ms = 3000,
                                     .watcher = {.approve = watch_approve, .left = watch_left}};
    simulation.current = process;
    trace("starts: run %lld %s%s", (long long)run, command ? command : "", take_over ? " --take-over" : "");
    process->store = simulation_store_open(&error);
    process->driver = process->store ? driver_new(process->store, &options, &error) : NULL;
    int result = process->driver ? driver_take(process->driver, run, &process->take, &error) : -1;
    if (result)
        trace("refused: %s", error.message);
    counts.takeovers += take_over && !result;
    simulation.current = NULL;
    if (process->dead)
        return ERROR_SYSTEM;
    if (!result) { /* it has looked; it claims a little later */
        wake(process, chance_time_ms(CHANCE_SCHEDULE, 300));
        return 0;
    }
    process_end(process);
    return error.code;
}

static void reap(void)
{
    for (int i = 0; i < simulation.process_count; i++) {
        struct process *process = &simulation.processes[i];
        bool drained = process->draining && !process->tasks;
        if (process->used && (process->dead || drained))
            process_end(process);
    }
}

struct process *process_some(int64_t number)
{
    int living = 0;
    for (int i = 0; i < simulation.process_count; i++)
        living += simulation.processes[i].used && !simulation.processes[i].dead;
    int64_t which = living ? number % living : 0;
    for (int i = 0; living && i < simulation.process_count; i++)
        if (simulation.processes[i].used && !simulation.processes[i].dead && which-- == 0)
            return &simulation.processes[i];
    return NULL;
}

bool run_is_driven(int64_t run)
{
    for (int i = 0; i < simulation.process_count; i++)
        if (simulation.processes[i].used && simulation.processes[i].run == run)
            return true;
    return false;
}

/* ---- items ---- */

#define HELM_CALLS 8 /* one upgrade makes about so many */

/* A keeper or its program: the helm of a shipped job runs for a moment only, and is waited for. */
static void die_beside(const struct plan_item *item)
{
    bool child = item->kind == ITEM_CHILD_DIES;
    if (!keepers_kill(child, item->number) && simulation.plan->shipped)
        helm_doom(child, 1 + (int)(item->number % HELM_CALLS));
}

static void befall(const struct plan_item *item)
{
    struct process *process = process_some(item->number);
    int64_t run = 1 + item->number % simulation.plan->runs;
    switch (item->kind) {
    case ITEM_SAY:
        people_say(run, item->number);
        break;
    case ITEM_COMMIT_LOST:
        simulation.commit_fault = 1;
        break;
    case ITEM_COMMIT_SAYS_LOST:
        simulation.commit_fault = 2;
        break;
    case ITEM_KEEPER_DIES:
    case ITEM_CHILD_DIES:
        die_beside(item);
        break;
    case ITEM_SIGNAL:
        if (process && !process->draining)
            loop_signal(process, SIGINT);
        break;
    case ITEM_STUCK:
        if (process) {
            process->stuck_ms = simulation.now_ms + item->number % 60000;
            trace("p%d is stopped", process->number);
        }
        break;
    case ITEM_TAKE_OVER:
        process_start(run, item->number % 2 ? "resume" : NULL,
                      item->number % 4 == 1 ? json_pack("{s:s,s:s}", "from", plan_step_id(simulation.plan, 0),
                                                        "reason", "again")
                                            : json_object(),
                      true);
        break;
    case ITEM_CLOCK:
        simulation.wall_shift_ms += item->number % 7200000 - 3600000;
        trace("the wall clock jumps");
        break;
    case ITEM_MOVE:
        trace("the host is lost");
        for (int i = 0; i < simulation.process_count; i++)
            if (simulation.processes[i].used)
                process_kill(&simulation.processes[i], "its host is lost");
        keepers_host_lost();
        simulation.host++;
        simulation.boot++;
        simulation.booted_ms = simulation.now_ms;
        break;
    case ITEM_CLUSTER:
        shipped_befall(item->number);
        break;
    default:
        break;
    }
}

static int next_item(void)
{
    int next = -1;
    for (int i = 0; i < simulation.plan->item_count && !simulation.quiet; i++)
        if (!simulation.plan->items[i].dropped && !used[i] && due_ms[i] >= 0 &&
            (next < 0 || due_ms[i] < due_ms[next]))
            next = i;
    return next;
}

/* ---- the loop of a history ---- */

static struct process *next_process(void)
{
    struct process *first = NULL;
    for (int i = 0; i < simulation.process_count; i++) {
        struct process *process = &simulation.processes[i];
        if (!process->used || process->dead || process->draining || process->wake_ms < 0)
            continue;
        if (process->wake_ms < process->stuck_ms)
            process->wake_ms = process->stuck_ms;
        if (!first || process->wake_ms < first->wake_ms)
            first = process;
    }
    return first;
}

static void fall_quiet(void)
{
    trace("all is quiet");
    simulation.quiet = true;
    simulation.commit_fault = 0;
    keepers_quiet();
    if (simulation.plan->shipped)
        shipped_quiet();
    for (int i = 0; i < simulation.process_count; i++)
        simulation.processes[i].stuck_ms = 0;
}

static bool step_history(void)
{
    struct process *process = next_process();
    int item = next_item();
    int64_t silence_ms = simulation.silence_ms;
    const int64_t nexts[] = {process ? process->wake_ms : -1,
                             loop_next_ms(),
                             keepers_next_ms(),
                             outside_next_ms(),
                             item >= 0 ? due_ms[item] : -1,
                             people_next_ms(),
                             simulation.quiet ? -1 : silence_ms};
    int first = -1;
    for (int i = 0; i < 7; i++)
        if (nexts[i] >= 0 && (first < 0 || nexts[i] < nexts[first]))
            first = i;
    if (first < 0)
        return false;
    if (nexts[first] > simulation.now_ms)
        simulation.now_ms = nexts[first];
    switch (first) {
    case 0:
        process_turn(process);
        break;
    case 1:
        loop_go_on();
        break;
    case 2:
        keepers_go_on();
        break;
    case 3:
        outside_go_on();
        break;
    case 4:
        used[item] = true;
        befall(&simulation.plan->items[item]);
        break;
    case 5:
        return people_look();
    default:
        fall_quiet();
    }
    return true;
}

/* ---- the runs ---- */

static struct job *compile(const struct plan *plan)
{
    struct diagnostics diagnostics = {0};
    char *yaml = plan_job(plan);
    struct job *job = job_read(yaml, strlen(yaml), "job.yaml", step_declaration_find, step_declarations,
                               &diagnostics);
    if (!job && simulation.trace) {
        struct text text = {0};
        diagnostics_print(&diagnostics, false, &text);
        fputs(text_string(&text), simulation.trace);
        text_clear(&text);
    }
    diagnostics_clear(&diagnostics);
    free(yaml);
    return job;
}

static void submit(const struct plan *plan, const struct job *job)
{
    json_t *params = plan->shipped ? shipped_params(job) : json_object();
    struct submission submission = {.job = job,
                                    .params = params,
                                    .cluster = outside_cluster(),
                                    .actor = "ann",
                                    .folder = "/simulated",
                                    .waits = true};
    for (int i = 0; i < plan->runs; i++) {
        int64_t run;
        bool old;
        struct error error = {0};
        if (run_submit(simulation.store, &submission, &run, &old, &error))
            violate("cannot submit: %s", error.message);
    }
    json_decref(params);
}

static void forget(void)
{
    for (int i = 0; i < simulation.process_count; i++)
        if (simulation.processes[i].used)
            process_end(&simulation.processes[i]);
    loop_forget();
    keepers_begin();
    people_end();
    outside_end();
    if (simulation.store)
        simulation_store_close(simulation.store);
    simulation.store = NULL;
    simulation_store_forget();
    machines_forget();
}

bool history_run(const struct plan *plan, FILE *to)
{
    struct error error = {0};
    simulation = (struct simulation){.plan = plan, .trace = to, .host = 1, .boot = 1};
    memset(used, 0, sizeof used);
    simulation.silence_ms = SILENCE_MS;
    for (int i = 0; i < plan->item_count; i++) {
        const struct plan_item *item = &plan->items[i];
        due_ms[i] = calls[i] = -1;
        if (!item->step)
            count_from_here(i);
        int64_t late_ms = item->step ? STEPS_MS : due_ms[i];
        if (!item->dropped && late_ms + SILENCE_MS > simulation.silence_ms)
            simulation.silence_ms = late_ms + SILENCE_MS;
    }
    struct job *job = compile(plan);
    if (!job) {
        counts.invalid++;
        return true;
    }
    simulation_store_begin();
    chance_begin(plan->seed);
    simulation.store = simulation_store_open(&error);
    if (!simulation.store)
        violate("cannot open the store: %s", error.message);
    outside_begin();
    keepers_begin();
    judge_begin();
    if (plan->shipped)
        shipped_judge_begin();
    people_begin();
    submit(plan, job);
    job_free(job);
    counts.histories++;
    counts.shipped += plan->shipped != SHIPPED_NOT;
    int events = 0, most = plan->shipped ? SHIPPED_EVENTS_MOST : SIMULATION_EVENTS_MOST;
    while (!simulation.violation[0] && step_history()) {
        reap();
        helm_children_reap();
        if (++events == most)
            violate("it does not come to rest: run %s", people_standing());
    }
    counts.schedules += (uint64_t)events;
    if (!simulation.violation[0])
        judge_history();
    if (!simulation.violation[0] && plan->shipped)
        shipped_judge_history();
    forget();
    return !simulation.violation[0];
}
