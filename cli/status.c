/* pawl status: one run, its steps, and what it waits for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/run_view.h"
#include "cli/store_open.h"
#include "engine/driver.h"

#define WATCH_LOOK_MS 100

const struct option_declaration STATUS_OPTIONS[] = {
    {"watch", 'w', NULL, "until it ends or waits for a person; leaves with its status"},
    {NULL, 0, NULL, NULL},
};

/* What a look at a run found. Owned: view_clear(). */
struct view {
    struct store *store;
    json_t *run;   /* as JSON, with "steps" */
    char *actor;   /* who submitted */
    char *lock;    /* NULL: none */
    char *driver;  /* "4711 on bastion"; NULL: none is there */
    json_t *steps; /* borrowed from run */
};

static void view_clear(struct view *view)
{
    json_decref(view->run);
    free(view->actor);
    free(view->lock);
    free(view->driver);
}

static int see_run(void *context, const struct run_row *row)
{
    struct view *view = context;
    const char *shown = run_shown_status(view->store, row);
    view->run = run_view_json(row, shown);
    view->actor = string_copy(row->actor);
    view->lock = string_copy(row->lock);
    json_t *driver = driver_lives(view->store, row->driver) ? json_loads(row->driver, 0, NULL) : NULL;
    if (driver)
        view->driver = string_format("%lld on %s", (long long)json_int(driver, "pid", 0),
                                     json_text(driver, "host", "?"));
    json_decref(driver);
    return 0;
}

static int see_step(void *context, const struct step_row *row)
{
    json_array_append_new(((struct view *)context)->steps, step_view_json(row));
    return 0;
}

static int look(struct store *store, int64_t run, struct view *view, struct error *error)
{
    *view = (struct view){.store = store};
    if (store_read_run(store, run, see_run, view, error))
        return -1;
    view->steps = json_array();
    json_object_set_new(view->run, "steps", view->steps);
    return store_each_step(store, run, see_step, view, error);
}

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
    char *clean = text_cleaned(line);
    printf("  %s%s%s %-14s %-20s %-10s", paint, mark, *paint ? "\033[0m" : "", json_text(step, "id", ""),
           json_text(step, "uses", ""), status);
    if (json_int(step, "visit", 0) > 1)
        printf(" visit %lld", (long long)json_int(step, "visit", 0));
    if (json_int(step, "attempt", 0) > 1)
        printf(" attempt %lld", (long long)json_int(step, "attempt", 0));
    printf("%s%s\n", *clean ? "  " : "", clean);
    free(line);
    free(clean);
}

static void print_next(const struct view *view)
{
    const json_t *waiting = json_object_get(view->run, "waiting"),
                 *error = json_object_get(view->run, "error");
    long long run = json_int(view->run, "run", 0);
    const char *status = json_text(view->run, "status", ""), *what = json_text(waiting, "for", "");
    const char *step = json_text(waiting, "step", "");
    if (!strcmp(status, "failed")) {
        char *message = text_cleaned(json_text(error, "message", ""));
        printf("failed at \"%s\": %s\n  put it right, then: pawl resume %lld\n", json_text(error, "step", ""),
               message, run);
        free(message);
    } else if (!strcmp(status, "interrupted")) {
        printf("nobody drives it: pawl resume %lld\n", run);
    } else if (!strcmp(status, "queued")) {
        printf("nobody has driven it yet: pawl resume %lld\n", run);
    } else if (strcmp(status, "waiting")) {
        return;
    } else if (!strcmp(what, "approval")) {
        printf("waits for approval: pawl approve %lld %s, or pawl reject %lld %s --reason \"…\"\n", run, step,
               run, step);
    } else if (!strcmp(what, "decision")) {
        printf("waits for a decision at \"%s\":\n  pawl resolve %lld %s --done  --reason \"…\"    if it has "
               "happened\n  pawl resolve %lld %s --retry --reason \"…\"    if it has not\n",
               step, run, step, run, step);
    } else if (!strcmp(what, "paused")) {
        printf("paused: pawl resume %lld\n", run);
    } else if (!strcmp(what, "lock")) {
        printf("waits for the lock %s\n", view->lock ? view->lock : "");
    } else if (!strcmp(what, "timer")) {
        printf("waits until %s\n", json_text(waiting, "until", "?"));
    }
}

static void print_view(const struct view *view, bool colour)
{
    size_t index;
    json_t *step;
    char *where = text_cleaned(cluster_name(json_object_get(view->run, "cluster")));
    char *actor = text_cleaned(view->actor);
    printf("run %lld  %s  %s  on %s\n", (long long)json_int(view->run, "run", 0),
           json_text(view->run, "job", ""), json_text(view->run, "status", ""), where);
    printf("  submitted %s by %s", json_text(view->run, "submitted", ""), actor);
    const char *finished = json_text(view->run, "finished", NULL);
    if (finished)
        printf(" · finished %s", finished);
    if (view->lock)
        printf(" · lock %s", view->lock);
    if (view->driver)
        printf(" · driven by process %s", view->driver);
    putchar('\n');
    json_array_foreach(view->steps, index, step) print_step(step, colour);
    print_next(view);
    free(where);
    free(actor);
}

/* ---- watching ---- */

/* The exit status that a shown status stands for; -1: it goes on by itself, keep watching. */
static int exit_status_of(const json_t *run)
{
    static const struct {
        const char *status;
        int exit;
    } exits[] = {{"succeeded", EXIT_SUCCEEDED},
                 {"failed", EXIT_FAILED},
                 {"cancelled", EXIT_FAILED},
                 {"rolled_back", EXIT_FAILED},
                 {"interrupted", 130},
                 {"queued", -1},
                 {"running", -1}};
    const char *status = json_text(run, "status", "");
    for (size_t i = 0; i < sizeof exits / sizeof *exits; i++)
        if (!strcmp(exits[i].status, status))
            return exits[i].exit;
    const char *what = json_text(json_object_get(run, "waiting"), "for", "");
    bool person = !strcmp(what, "approval") || !strcmp(what, "decision") || !strcmp(what, "paused");
    return person ? EXIT_PERSON : -1;
}

static void show(const struct invocation *invocation, const struct view *view, bool again)
{
    if (invocation->json) {
        report_json(json_incref(view->run));
        return;
    }
    if (again && isatty(STDOUT_FILENO))
        fputs("\033[H\033[J", stdout);
    print_view(view, invocation->colour);
    fflush(stdout);
}

static int watch(const struct invocation *invocation, struct store *store, int64_t run)
{
    struct error error = {0};
    char *shown = NULL;
    int status;
    for (;;) {
        struct view view;
        if (look(store, run, &view, &error)) {
            view_clear(&view);
            status = report_error(invocation, &error);
            break;
        }
        char *text = json_canonical(view.run);
        if (!shown || strcmp(shown, text))
            show(invocation, &view, true);
        free(shown);
        shown = text;
        status = exit_status_of(view.run);
        view_clear(&view);
        if (status >= 0 || ferror(stdout))
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
        struct view view;
        if (look(store, run, &view, &error))
            status = report_error(invocation, &error);
        else
            show(invocation, &view, false);
        view_clear(&view);
    }
    store_close(store);
    return status;
}
