#include "cli/resume_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/host.h"

struct standing {
    char *job, *step, *status;
    json_t *driver;
    int64_t seq;
    int steps_done;
    char *interrupted_by; /* of a driver that let the run go; NULL: it did not */
    int64_t latest_ms;
};

static int see_run(void *context, const struct run_row *row)
{
    struct standing *standing = context;
    standing->job = string_copy(row->job);
    standing->step = string_copy(row->step);
    standing->status = string_copy(row->status);
    standing->driver = row->driver ? json_loads(row->driver, 0, NULL) : NULL;
    standing->seq = row->seq;
    return 0;
}

static int see_step(void *context, const struct step_row *row)
{
    ((struct standing *)context)->steps_done += !strcmp(row->status, "succeeded");
    return 0;
}

static int see_latest(void *context, const struct record *record)
{
    struct standing *standing = context;
    standing->latest_ms = record->time_ms;
    if (!strcmp(record->event, "step_interrupted"))
        standing->interrupted_by = string_copy(record->actor);
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

static char *cause_of(const struct standing *standing)
{
    char *when = ago(standing->latest_ms), *cause;
    if (!strcmp(standing->status, "failed"))
        cause = string_format("it failed %s", when);
    else if (standing->interrupted_by)
        cause = string_format("was interrupted %s by %s", when, standing->interrupted_by);
    else if (!strcmp(standing->status, "waiting"))
        cause = string_copy("it waited");
    else if (host_was_rebooted(standing->driver))
        cause = string_copy("the host was rebooted");
    else
        cause = string_format("driver %lld on %s died; last seen %s",
                              (long long)json_int(standing->driver, "pid", 0),
                              json_text(standing->driver, "host", "?"), when);
    free(when);
    return cause;
}

char *resume_line(struct store *store, int64_t run)
{
    struct standing standing = {0};
    struct error ignored; /* whoever takes the run up meets it again */
    struct text text = {0};
    if (!store_read_run(store, run, see_run, &standing, &ignored) &&
        !store_each_step(store, run, see_step, &standing, &ignored) &&
        !store_each_record(store, run, standing.seq - 1, see_latest, &standing, &ignored)) {
        text_format(&text, "run %lld  %s", (long long)run, standing.job);
        if (standing.driver && standing.step) {
            char *cause = cause_of(&standing);
            text_format(&text, "  resumed at \"%s\" (%s)", standing.step, cause);
            free(cause);
        }
        text_add(&text, "\n");
        if (standing.steps_done)
            text_format(&text, "  · %d step%s done before\n", standing.steps_done,
                        standing.steps_done == 1 ? "" : "s");
    }
    free(standing.job);
    free(standing.step);
    free(standing.status);
    free(standing.interrupted_by);
    json_decref(standing.driver);
    return text.length ? text_take(&text) : NULL;
}
