/* pawl logs: what the programs of a run wrote, one start after the other. Their files lie beside the store,
 * named in the checkpoint of the start that they belong to (engine/keeper.h). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/run_view.h"
#include "cli/store_open.h"
#include "engine/keeper_files.h"
#include "engine/load.h"

#define FOLLOW_LOOK_MS 100

const struct option_declaration LOGS_OPTIONS[] = {
    {"follow", 'f', NULL, "go on until nobody drives the run any more"},
    {NULL, 0, NULL, NULL},
};

/* One start of a program: its two files, and how far they have been shown. */
struct capture {
    char *step;
    int visit, attempt;
    char *paths[2]; /* stdout, stderr */
    off_t shown[2];
    bool announced;
};

struct logs {
    const struct invocation *invocation;
    struct store *store;
    int64_t run, seq; /* the newest record looked at */
    const char *step; /* only of this one; NULL: all */
    bool step_exists;
    struct capture *captures;
    int count, latest; /* latest: the capture that was shown last */
};

/* ---- finding them ---- */

/* The base path of the keeper's files that a record names; NULL: none. */
static char *path_in(const struct record *record, const char *folder)
{
    if (strcmp(record->event, "step_prepared") || !record->step)
        return NULL;
    json_t *body = json_read_stored(record->body, "the record", NULL);
    char *path = keeper_path(folder, json_at(body, "checkpoint", "keeper", NULL));
    json_decref(body);
    return path;
}

static int note_record(void *context, const struct record *record)
{
    struct logs *logs = context;
    logs->seq = record->seq;
    logs->step_exists = logs->step_exists ||
                        (record->step && logs->step && !strcmp(record->step, logs->step));
    char *path = path_in(record, store_folder(logs->store));
    if (path && (!logs->step || !strcmp(logs->step, record->step))) {
        logs->captures = memory_resize(logs->captures, (size_t)logs->count + 1, sizeof *logs->captures);
        logs->captures[logs->count++] = (struct capture){
            .step = string_copy(record->step),
            .visit = record->visit,
            .attempt = record->attempt,
            .paths = {keeper_file(path, KEEPER_OUT), keeper_file(path, KEEPER_ERR)},
        };
    }
    free(path);
    return 0;
}

static void logs_clear(struct logs *logs)
{
    for (int i = 0; i < logs->count; i++) {
        free(logs->captures[i].step);
        free(logs->captures[i].paths[0]);
        free(logs->captures[i].paths[1]);
    }
    free(logs->captures);
}

/* ---- showing them ---- */

/* What is new in a file, at most LIMIT_CAPTURE_BYTES; NULL: nothing. free() it. */
static char *read_new(const char *path, off_t *shown)
{
    int file = file_open_regular(path, O_NOFOLLOW, NULL);
    char *bytes = file < 0 ? NULL : memory_new(LIMIT_CAPTURE_BYTES + 1);
    ssize_t length = bytes ? pread(file, bytes, LIMIT_CAPTURE_BYTES, *shown) : 0;
    if (file >= 0)
        close(file);
    if (length <= 0) {
        free(bytes);
        return NULL;
    }
    *shown += length;
    for (ssize_t i = 0; i < length; i++)
        if (!bytes[i])
            bytes[i] = '?';
    return bytes;
}

static void show_text(struct logs *logs, struct capture *capture, int which, const char *text)
{
    static const char *const names[] = {"stdout", "stderr"};
    if (logs->invocation->json) {
        report_json(json_pack("{s:I,s:s,s:i,s:i,s:s,s:o}", "run", (json_int_t)logs->run, "step",
                              capture->step, "visit", capture->visit, "attempt", capture->attempt, "stream",
                              names[which], "text", text_json(text)));
        return;
    }
    if (!capture->announced || logs->latest != capture - logs->captures) {
        say(stdout, "== %s, visit %d, attempt %d\n", capture->step, capture->visit, capture->attempt);
        capture->announced = true;
        logs->latest = (int)(capture - logs->captures);
    }
    bool plain = !isatty(STDOUT_FILENO); /* a terminal is not handed foreign control sequences */
    char *clean = plain ? NULL : text_cleaned(text);
    fputs(plain ? text : clean, stdout);
    if (*text && text[strlen(text) - 1] != '\n')
        putchar('\n');
    free(clean);
    fflush(stdout);
}

static int show_new(struct logs *logs, struct error *error)
{
    if (store_each_record(logs->store, logs->run, logs->seq, note_record, logs, error) < 0)
        return -1;
    for (int i = 0; i < logs->count; i++) {
        for (int which = 0; which < 2; which++) {
            char *text = read_new(logs->captures[i].paths[which], &logs->captures[i].shown[which]);
            if (text)
                show_text(logs, &logs->captures[i], which, text);
            free(text);
        }
    }
    return 0;
}

/* ---- following ---- */

struct liveness {
    struct store *store;
    bool goes_on;
};

static int see_run(void *context, const struct run_row *row)
{
    struct liveness *liveness = context;
    const char *shown = run_shown_status(liveness->store, row);
    liveness->goes_on = !strcmp(shown, "running") ||
                        (!strcmp(shown, "waiting") && row->waiting && strstr(row->waiting, "\"timer\""));
    return 0;
}

static int follow(struct logs *logs, struct error *error)
{
    for (;;) {
        struct liveness liveness = {.store = logs->store};
        /* Looked at first: what was written before the end is shown. */
        if (store_read_run(logs->store, logs->run, see_run, &liveness, error) || show_new(logs, error))
            return -1;
        if (!liveness.goes_on || output_is_gone())
            return 0;
        nanosleep(&(struct timespec){.tv_nsec = FOLLOW_LOOK_MS * 1000000L}, NULL);
    }
}

/* Of a run whose history can be read: otherwise the step was not started, which is as far as we know. */
static void explain_no_step(const struct logs *logs, struct error *error)
{
    struct machine *machine = NULL;
    struct error ignored;
    struct run *run = run_open(logs->store, logs->run, &machine, &ignored);
    if (!run || run_has_step(run, logs->step, error)) {
        error_set(error, ERROR_NOT_FOUND, "run %lld has not started a step \"%s\"", (long long)logs->run,
                  logs->step);
        error_next(error, "pawl status %lld", (long long)logs->run);
    }
    run_free(run);
    machine_free(machine);
}

static int show_logs(struct logs *logs)
{
    struct error error = {0};
    struct liveness ignored = {.store = logs->store};
    if (store_read_run(logs->store, logs->run, see_run, &ignored, &error) || show_new(logs, &error))
        return report_error(logs->invocation, &error);
    if (logs->step && !logs->step_exists && !invocation_has(logs->invocation, "follow")) {
        explain_no_step(logs, &error);
        return report_error(logs->invocation, &error);
    }
    if (invocation_has(logs->invocation, "follow") && follow(logs, &error))
        return report_error(logs->invocation, &error);
    if (logs->latest < 0 && !logs->invocation->json && !logs->invocation->quiet)
        fputs("no output was captured\n", stderr);
    return EXIT_SUCCEEDED;
}

int command_logs(struct invocation *invocation)
{
    struct error error = {0};
    int status = EXIT_SUCCEEDED;
    struct logs logs = {.invocation = invocation, .latest = -1};
    logs.run = invocation_run(invocation, 0, &error);
    if (!logs.run)
        return report_error(invocation, &error);
    logs.step = invocation->argument_count > 1 ? invocation->arguments[1] : NULL;
    logs.store = invocation_store(invocation, STORE_READ, &status);
    if (!logs.store)
        return status;
    status = show_logs(&logs);
    logs_clear(&logs);
    store_close(logs.store);
    return status;
}
