/* pawl status: one run, its steps, and what it waits for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/run_view.h"
#include "cli/standing.h"
#include "cli/store_open.h"

#define WATCH_LOOK_MS 100
#define WATCH_LATE_MS 1000 /* nobody has come to drive it by then */

const struct option_declaration STATUS_OPTIONS[] = {
    {"watch", 'w', NULL, "until it ends or waits for a person; leaves with its status"},
    {NULL, 0, NULL, NULL},
};

/* ---- for people ---- */

static const struct {
    const char *status, *mark, *colour;
} MARKS[] = {
    {"pending", " ", ""},         {"running", ">", "\033[36m"},   {"retrying", "~", "\033[33m"},
    {"unknown", "?", "\033[33m"}, {"succeeded", "✓", "\033[32m"}, {"failed", "✗", "\033[31m"},
    {"skipped", "–", ""},         {"undone", "↶", "\033[33m"},
};

static void print_step(const json_t *step, bool colour)
{
    const char *status = json_text(step, "status", ""), *mark = " ", *paint = "";
    for (size_t i = 0; i < sizeof MARKS / sizeof *MARKS; i++) {
        if (!strcmp(MARKS[i].status, status)) {
            mark = MARKS[i].mark;
            paint = colour ? MARKS[i].colour : "";
        }
    }
    const json_t *error = json_object_get(step, "error");
    char *line = json_is_object(error) ? string_copy(json_text(error, "message", ""))
                                       : values_shown(json_object_get(step, "outputs"));
    char *clean = line_cleaned(line);
    printf("  %s%s%s", paint, mark, *paint ? "\033[0m" : "");
    say(stdout, " %-14s %-20s %-10s", json_text(step, "id", ""), json_text(step, "uses", ""), status);
    if (json_int(step, "visit", 0) > 1)
        printf(" visit %lld", (long long)json_int(step, "visit", 0));
    if (json_int(step, "attempt", 0) > 1)
        printf(" attempt %lld", (long long)json_int(step, "attempt", 0));
    printf("%s%s\n", *clean ? "  " : "", clean);
    free(line);
    free(clean);
}

static void print_standing(const struct standing *standing, bool colour)
{
    const json_t *run = standing->run;
    char *where = text_cleaned(cluster_name(json_object_get(run, "cluster")));
    char *actor = text_cleaned(standing->actor);
    say(stdout, "run %lld  %s  %s  on %s\n", (long long)json_int(run, "run", 0), json_text(run, "job", ""),
        status_shown(standing_status(standing)), where);
    say(stdout, "  submitted %s by %s", json_text(run, "submitted", ""), actor);
    const char *finished = json_text(run, "finished", NULL);
    if (finished)
        printf(" · finished %s", finished);
    if (standing->ran_ms >= 0)
        printf(" · took %.1f s", (double)standing->ran_ms / 1000);
    if (standing->lock)
        say(stdout, " · lock %s", standing->lock);
    if (standing->driver)
        say(stdout, " · driven by process %s", standing->driver);
    putchar('\n');
    size_t index;
    json_t *step;
    json_array_foreach(json_object_get(run, "steps"), index, step) print_step(step, colour);
    struct text next = {0};
    standing_say_next(standing, &next);
    say(stdout, "%s", text_string(&next));
    text_clear(&next);
    free(where);
    free(actor);
}

/* ---- watching ---- */

static void show(const struct invocation *invocation, const struct standing *standing, bool again)
{
    if (invocation->json) {
        report_json(json_incref(standing->run));
        return;
    }
    if (again && isatty(STDOUT_FILENO))
        fputs("\033[H\033[J", stdout);
    print_standing(standing, invocation->colour);
    fflush(stdout);
}

/* Nothing would ever change: whoever watches must know whose turn it is. */
static void say_undriven(int64_t run, const struct standing *standing)
{
    if (standing->holder)
        say(stderr, "pawl: run %lld waits for the lock %s, which run %lld holds, and nobody drives it\n",
            (long long)run, standing->lock, (long long)standing->holder);
    else
        say(stderr, "pawl: nobody drives run %lld\n", (long long)run);
    fprintf(stderr, "      watching until somebody does: pawl resume %lld%s\n", (long long)run,
            standing->holder ? " --wait DURATION" : "");
}

static int watch(const struct invocation *invocation, struct store *store, int64_t run)
{
    struct error error = {0};
    char *shown = NULL;
    int status, undriven_ms = 0;
    for (;;) {
        struct standing standing;
        if (standing_read(store, run, &standing, &error)) {
            standing_clear(&standing);
            status = report_error(invocation, &error);
            break;
        }
        char *text = json_canonical(standing.run);
        if (!shown || strcmp(shown, text))
            show(invocation, &standing, true);
        free(shown);
        shown = text;
        status = standing_exit_status(&standing);
        undriven_ms = standing_lacks_driver(&standing) ? undriven_ms + WATCH_LOOK_MS : 0;
        if (undriven_ms == WATCH_LATE_MS)
            say_undriven(run, &standing);
        standing_clear(&standing);
        if (status >= 0 || output_is_gone())
            break;
        nanosleep(&(struct timespec){.tv_nsec = WATCH_LOOK_MS * 1000000L}, NULL);
    }
    free(shown);
    return status < 0 ? EXIT_SYSTEM : status;
}

int command_status(struct invocation *invocation)
{
    struct error error = {0};
    int status = EXIT_SUCCEEDED;
    int64_t run = invocation_run(invocation, 0, &error);
    if (!run)
        return report_error(invocation, &error);
    struct store *store = invocation_store(invocation, STORE_READ, &status);
    if (!store)
        return status;
    if (invocation_has(invocation, "watch")) {
        status = watch(invocation, store, run);
    } else {
        struct standing standing;
        if (standing_read(store, run, &standing, &error))
            status = report_error(invocation, &error);
        else
            show(invocation, &standing, false);
        standing_clear(&standing);
    }
    store_close(store);
    return status;
}
