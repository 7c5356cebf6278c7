#include "cli/resume_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/decide.h"
#include "engine/driver.h"
#include "engine/host.h"

struct halt {
    struct store *store;
    char *job, *step, *status;
    json_t *driver;
    int steps_done;
    char *interrupted_by; /* of a driver that let the run go; NULL: it did not */
    char *paused_by;      /* of a pause that stands, or that nobody has taken up yet; NULL: none */
    int64_t latest_ms, paused_ms;
    enum holding holding;
    bool taken_over;
    bool simulated; /* its times are those of the simulated cluster */
    bool stops;     /* it is heard to end, or to fail, before this resume is */
};

static int see_run(void *context, const struct run_row *row)
{
    struct halt *halt = context;
    halt->job = string_copy(row->job);
    halt->step = string_copy(row->step);
    halt->status = string_copy(row->status);
    halt->driver = json_read_stored(row->driver, "the record", NULL);
    halt->holding = row->driver ? driver_holding(halt->store, row->driver) : HOLDING_NOT;
    json_t *cluster = json_read_stored(row->cluster, "the record", NULL);
    halt->simulated = cluster_is_simulated(cluster);
    json_decref(cluster);
    return 0;
}

static int see_step(void *context, const struct step_row *row)
{
    ((struct halt *)context)->steps_done += !strcmp(row->status, "succeeded");
    return 0;
}

static void keep_pause(struct halt *halt, const char *actor, int64_t time_ms)
{
    free(halt->paused_by);
    halt->paused_by = string_copy(actor);
    halt->paused_ms = time_ms;
}

static int see_record(void *context, const struct record *record)
{
    struct halt *halt = context;
    if (!strcmp(record->event, "command_refused")) /* it has moved nothing */
        return 0;
    halt->latest_ms = record->time_ms;
    free(halt->interrupted_by);
    bool interrupts = !strcmp(record->event, "step_interrupted");
    bool submits = !strcmp(record->event, "run_submitted");
    json_t *body = interrupts || submits ? json_read_stored(record->body, "the record", NULL) : NULL;
    /* Else the step was to look again: its driver went on. */
    bool leaves = interrupts && json_bool(body, "rests", false);
    halt->interrupted_by = leaves ? string_copy(record->actor) : NULL;
    if (!strcmp(record->event, "paused") || (submits && json_bool(body, "paused", false)))
        keep_pause(halt, record->actor, record->time_ms);
    json_decref(body);
    bool lifts = !strcmp(record->event, "resumed") || !strcmp(record->event, "cancel_requested") ||
                 !strcmp(record->event, "rollback_started");
    if (lifts) {
        free(halt->paused_by);
        halt->paused_by = NULL;
    }
    return 0;
}

/* Taken up before the resume is heard, which lifts it then. */
static int see_command(void *context, const struct command_row *row)
{
    struct halt *halt = context;
    bool pauses = !strcmp(row->name, "pause");
    const struct run_command command = {.name = row->name};
    if (pauses)
        keep_pause(halt, row->actor, row->time_ms);
    halt->stops = halt->stops || (!pauses && command_rank(&command) == RANK_STOPS);
    return 0;
}

/* " 2m5s ago", to the second; "" where the times of the run are not ours. */
static char *ago(const struct halt *halt, int64_t then_ms)
{
    char text[DURATION_TEXT_SIZE];
    int64_t passed_ms = clock_system()->wall_ms(clock_system()) - then_ms;
    if (halt->simulated)
        return string_copy("");
    if (passed_ms < 1000) /* or a clock that was set */
        return string_copy(" just now");
    duration_write(passed_ms / 1000 * 1000, text);
    return string_format(" %s ago", text);
}

static char *cause_of(const struct halt *halt)
{
    char *when = ago(halt, halt->paused_by ? halt->paused_ms : halt->latest_ms), *cause;
    long long pid = json_int(halt->driver, "pid", 0);
    const char *host = json_text(halt->driver, "host", "?");
    if (halt->taken_over && halt->holding == HOLDING_ELSEWHERE)
        cause = string_format("taken over in a copy of the store; process %lld on %s goes on in the other",
                              pid, host);
    else if (halt->taken_over && halt->holding == HOLDING_HERE)
        cause = string_format("taken over from process %lld on %s, which is ended", pid, host);
    else if (halt->paused_by)
        cause = string_format("was paused%s by %s%s", when, halt->paused_by,
                              halt->stops ? "" : ": that is lifted");
    else if (!strcmp(halt->status, "failed"))
        cause = string_format("it failed%s", when);
    else if (halt->interrupted_by)
        cause = string_format("was interrupted%s by %s", when, halt->interrupted_by);
    else if (halt->taken_over && !host_is_this(halt->driver))
        cause = string_format("taken over from %s, where process %lld drove it last", host, pid);
    else if (!strcmp(halt->status, "waiting"))
        cause = string_copy("it waited");
    else if (host_was_rebooted(halt->driver))
        cause = string_copy("the host was rebooted");
    else
        cause = string_format("driver %lld on %s died%s%s", pid, host, *when ? "; last seen" : "", when);
    free(when);
    return cause;
}

/* Where it goes on, and what had happened to it. */
static void say_place(const struct halt *halt, const char *from, struct text *text)
{
    char *cause = cause_of(halt);
    if (from)
        text_format(text, "  resumed from \"%s\" (it stood at \"%s\": %s)", from, halt->step, cause);
    else
        text_format(text, "  resumed at \"%s\" (%s)", halt->step, cause);
    free(cause);
}

char *resume_line(struct store *store, int64_t run, const char *from, bool taken_over)
{
    struct halt halt = {.store = store, .taken_over = taken_over};
    struct error ignored; /* whoever takes the run up meets it again */
    struct text text = {0};
    if (!store_read_run(store, run, see_run, &halt, &ignored) &&
        !store_each_step(store, run, see_step, &halt, &ignored) &&
        !store_each_record(store, run, 0, see_record, &halt, &ignored) &&
        !store_each_command(store, run, see_command, &halt, &ignored)) {
        text_format(&text, "run %lld  %s", (long long)run, halt.job);
        if ((halt.driver || halt.paused_by) && halt.step)
            say_place(&halt, from, &text);
        text_add(&text, "\n");
        if (halt.steps_done)
            text_format(&text, "  · %d step%s done before\n", halt.steps_done,
                        halt.steps_done == 1 ? "" : "s");
    }
    free(halt.job);
    free(halt.step);
    free(halt.status);
    free(halt.interrupted_by);
    free(halt.paused_by);
    json_decref(halt.driver);
    return text.length ? text_take(&text) : NULL;
}
