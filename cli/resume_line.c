#include "cli/resume_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/host.h"

struct halt {
    char *job, *step, *status;
    json_t *driver;
    int64_t seq;
    int steps_done;
    char *interrupted_by; /* of a driver that let the run go; NULL: it did not */
    int64_t latest_ms;
};

static int see_run(void *context, const struct run_row *row)
{
    struct halt *halt = context;
    halt->job = string_copy(row->job);
    halt->step = string_copy(row->step);
    halt->status = string_copy(row->status);
    halt->driver = json_read_stored(row->driver, "the record", NULL);
    halt->seq = row->seq;
    return 0;
}

static int see_step(void *context, const struct step_row *row)
{
    ((struct halt *)context)->steps_done += !strcmp(row->status, "succeeded");
    return 0;
}

static int see_latest(void *context, const struct record *record)
{
    struct halt *halt = context;
    halt->latest_ms = record->time_ms;
    if (!strcmp(record->event, "step_interrupted"))
        halt->interrupted_by = string_copy(record->actor);
    return 0;
}

/* "2m5s ago", to the second. */
static char *ago(int64_t then_ms)
{
    char text[DURATION_TEXT_SIZE];
    int64_t passed_ms = clock_system()->wall_ms(clock_system()) - then_ms;
    if (passed_ms < 1000) /* of a simulated cluster, or a clock that was set */
        return string_copy("just now");
    duration_write(passed_ms / 1000 * 1000, text);
    return string_format("%s ago", text);
}

static char *cause_of(const struct halt *halt)
{
    char *when = ago(halt->latest_ms), *cause;
    if (!strcmp(halt->status, "failed"))
        cause = string_format("it failed %s", when);
    else if (halt->interrupted_by)
        cause = string_format("was interrupted %s by %s", when, halt->interrupted_by);
    else if (!strcmp(halt->status, "waiting"))
        cause = string_copy("it waited");
    else if (host_was_rebooted(halt->driver))
        cause = string_copy("the host was rebooted");
    else
        cause = string_format("driver %lld on %s died; last seen %s",
                              (long long)json_int(halt->driver, "pid", 0),
                              json_text(halt->driver, "host", "?"), when);
    free(when);
    return cause;
}

char *resume_line(struct store *store, int64_t run)
{
    struct halt halt = {0};
    struct error ignored; /* whoever takes the run up meets it again */
    struct text text = {0};
    if (!store_read_run(store, run, see_run, &halt, &ignored) &&
        !store_each_step(store, run, see_step, &halt, &ignored) &&
        !store_each_record(store, run, halt.seq - 1, see_latest, &halt, &ignored)) {
        text_format(&text, "run %lld  %s", (long long)run, halt.job);
        if (halt.driver && halt.step) {
            char *cause = cause_of(&halt);
            text_format(&text, "  resumed at \"%s\" (%s)", halt.step, cause);
            free(cause);
        }
        text_add(&text, "\n");
        if (halt.steps_done)
            text_format(&text, "  · %d step%s done before\n", halt.steps_done,
                        halt.steps_done == 1 ? "" : "s");
    }
    free(halt.job);
    free(halt.step);
    free(halt.status);
    free(halt.interrupted_by);
    json_decref(halt.driver);
    return text.length ? text_take(&text) : NULL;
}
