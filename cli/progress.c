#include "cli/progress.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/report.h"
#include "cli/standing.h"

#define TIME_COLUMN         92    /* where a step's time stands */
#define WAITS_LINE_EVERY_MS 10000 /* of lines about one wait, where they stay */

/* ---- colours ---- */

static const char *paint(const struct progress *progress, const char *code)
{
    return progress->invocation->colour ? code : "";
}

/* ---- one line ---- */

/* Outputs as "id=4 ip=192.168.29.23": what a step that says nothing of itself has found. */
static void add_outputs(struct text *text, const json_t *outputs)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)outputs, name, value)
    {
        char *shown = json_is_string(value) ? string_copy(json_string_value(value)) : json_canonical(value);
        if (strlen(shown) < 60)
            text_format(text, "%s%s=%s", text->length ? " " : "", name, shown);
        free(shown);
    }
}

static char *summary_of(const json_t *body)
{
    const char *summary = json_text(body, "summary", NULL);
    struct text text = {0};
    if (summary)
        text_add(&text, summary);
    else
        add_outputs(&text, json_object_get(body, "outputs"));
    const char *by = json_text(body, "by", "body");
    if (strcmp(by, "body"))
        text_format(&text, "%s(by %s)", text.length ? " " : "", by);
    return text_take(&text);
}

static char *error_line(const json_t *body)
{
    const json_t *error = json_object_get(body, "error");
    return string_copy(json_text(error, "message", ""));
}

static char *probed_line(const json_t *body)
{
    const char *why = json_text(body, "why", NULL);
    char *answer = string_copy(json_text(body, "answer", ""));
    for (char *at = answer; *at; at++)
        if (*at == '_')
            *at = ' ';
    char *line = string_format("asked whether it was done: %s%s%s", answer, why ? ": " : "", why ? why : "");
    free(answer);
    return line;
}

static char *retry_line(const json_t *body)
{
    return string_format("again in %.1f s", (double)json_int(body, "delay_ms", 0) / 1000);
}

static char *guard_line(const json_t *body)
{
    bool agrees = json_bool(body, "ok", false);
    return string_format("guard %s %s", json_text(body, "guard", ""),
                         agrees ? "agrees" : json_text(body, "why", "refuses"));
}

static char *no_line(const json_t *body)
{
    (void)body;
    return string_copy("");
}

static char *question_line(const json_t *body)
{
    return string_copy(json_text(body, "text", ""));
}

static char *reason_line(const json_t *body)
{
    return string_copy(json_text(body, "reason", ""));
}

static char *removed_line(const json_t *body)
{
    (void)body;
    return string_copy("removed the pending record (kept in the history); no workload was touched");
}

/* How an event looks: its mark, and what is said; events that are not here are not shown. */
static const struct shown {
    enum event_type type;
    const char *mark, *colour;
    char *(*line)(const json_t *body);
    const char *says; /* in front of the line */
} SHOWN[] = {
    {EVENT_STEP_SUCCEEDED, "✓", "\033[32m", summary_of, ""},
    {EVENT_STEP_SKIPPED, "–", "", no_line, "skipped"},
    {EVENT_STEP_FAILED, "✗", "\033[31m", error_line, ""},
    {EVENT_STEP_RETRY_SCHEDULED, "·", "", retry_line, ""},
    {EVENT_STEP_PROBED, "·", "", probed_line, ""},
    {EVENT_RECORD_REMOVED, "·", "", removed_line, ""},
    {EVENT_GUARD_ASKED, "·", "", guard_line, ""},
    {EVENT_APPROVAL_REQUESTED, "?", "\033[33m", question_line, ""},
    {EVENT_APPROVED, "✓", "", reason_line, "approved "},
    {EVENT_REJECTED, "✗", "\033[31m", error_line, ""},
    {EVENT_DECISION_REQUESTED, "?", "\033[33m", error_line, ""},
    {EVENT_RESOLVED, "·", "", reason_line, "resolved: "},
    {EVENT_PAUSED, "·", "", reason_line, "paused "},
    {EVENT_CANCEL_REQUESTED, "·", "", reason_line, "cancel requested: "},
    {EVENT_ROLLBACK_STARTED, "·", "", reason_line, "rolling back: "},
    {EVENT_STEP_UNDONE, "✓", "", no_line, "undone"},
    {EVENT_UNDO_FAILED, "✗", "\033[31m", error_line, ""},
};

static const struct shown *shown_as(enum event_type type)
{
    for (size_t i = 0; i < sizeof SHOWN / sizeof *SHOWN; i++)
        if (SHOWN[i].type == type)
            return &SHOWN[i];
    return NULL;
}

char *event_line(const struct machine *machine, const struct event *event)
{
    const struct shown *shown = shown_as(event->type);
    if (!shown)
        return string_copy("");
    char *said = shown->line(event->body);
    char *clean = line_cleaned(said);
    char *line = string_format("%s %-*s %s%s", shown->mark, STEP_NAME_WIDTH,
                               event->step >= 0 ? machine->steps[event->step].id : "", shown->says, clean);
    free(said);
    free(clean);
    return line;
}

/* ---- as JSON ---- */

static void print_json_event(const struct run *run, const struct event *event)
{
    char time[CLOCK_TEXT_SIZE];
    clock_write(event->time_ms, time);
    json_t *line = json_pack("{s:s,s:I,s:s,s:I,s:O}", "event", event_type_text(event->type), "run",
                             (json_int_t)run->id, "time", time, "epoch", (json_int_t)event->epoch, "body",
                             event->body);
    if (event->step >= 0) {
        json_object_set_new(line, "step", json_string(run->machine->steps[event->step].id));
        json_object_set_new(line, "visit", json_integer(event->visit));
        json_object_set_new(line, "attempt", json_integer(event->attempt));
    }
    report_json(line);
}

/* ---- the watcher ---- */

/* Lines of several runs stand between each other. */
static void print_margin(const struct progress *progress, const struct run *run)
{
    if (progress->many)
        fprintf(stderr, "  run %lld", (long long)run->id);
    fputs("  ", stderr);
}

static void print_line(struct progress *progress, const struct run *run, const struct event *event,
                       const char *line)
{
    const struct shown *shown = shown_as(event->type);
    int64_t started_ms = event->step < 0 ? 0 : run->steps[event->step].started_ms;
    live_line_clear(&progress->live);
    print_margin(progress, run);
    fprintf(stderr, "%s%s%s", paint(progress, shown->colour), line,
            *shown->colour ? paint(progress, "\033[0m") : "");
    if (event->type == EVENT_STEP_SUCCEEDED && started_ms) {
        int gap = TIME_COLUMN - (int)utf8_count(line, strlen(line));
        fprintf(stderr, "%*s%.1f s", gap > 2 ? gap : 2, "", (double)(event->time_ms - started_ms) / 1000);
    }
    fputc('\n', stderr);
}

/* The live line of a step that begins, or that this driver has found begun. */
static void show_beginning(struct progress *progress, const struct run *run, const struct event *event)
{
    bool starts = event->type == EVENT_STEP_STARTED || event->type == EVENT_UNDO_STARTED;
    if (event->type == EVENT_RUN_CLAIMED && run->step >= 0 && run->steps[run->step].started_ms)
        live_line_begin(&progress->live, run, run->step, event->time_ms - run->steps[run->step].started_ms);
    if (starts)
        live_line_begin(&progress->live, run, event->step, 0);
    if (starts && progress->terminal)
        live_line_show(&progress->live, run, store_folder(progress->store), "");
}

static void on_event(void *context, const struct run *run, const struct event *event)
{
    struct progress *progress = context;
    if (progress->invocation->json) {
        print_json_event(run, event);
        return;
    }
    if (progress->invocation->quiet)
        return;
    char *line = event_line(run->machine, event);
    if (*line)
        print_line(progress, run, event, line);
    free(line);
    if (event->type == EVENT_STEP_CHECKPOINT)
        return;
    progress->waits[0] = '\0';
    show_beginning(progress, run, event);
}

static void on_waits(void *context, const struct run *run, const char *what)
{
    struct progress *progress = context;
    if (progress->invocation->json || progress->invocation->quiet || run->step < 0)
        return;
    if (progress->terminal) {
        live_line_show(&progress->live, run, store_folder(progress->store), what);
        return;
    }
    if (!*what)
        return;
    /* Elsewhere each line stays: only what is new, and not too often. */
    int64_t now_ms = clock_system()->steady_ms(clock_system());
    bool often = progress->waits[0] && now_ms - progress->waits_at_ms < WAITS_LINE_EVERY_MS;
    if (often || !strncmp(progress->waits, what, sizeof progress->waits - 1))
        return;
    progress->waits_at_ms = now_ms;
    snprintf(progress->waits, sizeof progress->waits, "%s", what);
    char *clean = line_cleaned(what);
    print_margin(progress, run);
    fprintf(stderr, "· %-*s %s\n", STEP_NAME_WIDTH, run->machine->steps[run->step].id, clean);
    free(clean);
}

/* A signal ends the wait, as poll is not taken up again by itself: the driver looks at it next. */
static bool read_answer(char *answer, int size)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&in, 1, -1) == 1 && fgets(answer, size, stdin);
}

/* Enter and "n" leave the run waiting; only `pawl reject` rejects. */
static int on_approve(void *context, const struct run *run, const char *question)
{
    struct progress *progress = context;
    (void)run;
    (void)question; /* it has just been shown, as an event */
    if (!progress->asks)
        return 0;
    char answer[16] = "";
    fputs("    [y/N] ", stderr);
    if (!read_answer(answer, sizeof answer)) {
        fputc('\n', stderr);
        return 0;
    }
    return !strcmp(answer, "y\n") || !strcmp(answer, "Y\n") || !strcmp(answer, "yes\n");
}

int run_exit_status(const struct run *run)
{
    switch (run->status) {
    case RUN_SUCCEEDED:
        return EXIT_SUCCEEDED;
    case RUN_FAILED:
    case RUN_CANCELLED:
    case RUN_ROLLED_BACK:
        return EXIT_FAILED;
    case RUN_WAITING:
        return run->waiting == WAIT_LOCK ? EXIT_LOCKED : EXIT_PERSON;
    default:
        return EXIT_SUCCEEDED; /* left on the way: the signal says the rest */
    }
}

static void print_decision(const struct run *run)
{
    const char *step = json_text(run->question, "step", "");
    say(stderr, "run %lld waits for a decision at \"%s\"\n", (long long)run->id, step);
    say(stderr, "  pawl resolve %lld %s --done  --reason \"…\"    if it has happened\n", (long long)run->id,
        step);
    say(stderr, "  pawl resolve %lld %s --retry --reason \"…\"    if it has not\n", (long long)run->id, step);
}

static void print_half_done(const struct run *run)
{
    for (int i = 0; i < run->machine->step_count; i++)
        if (run_step_is_half_done(run, i))
            say(stderr, "  half done: %s\n", run->machine->steps[i].id);
}

/* The time since somebody first drove it: a run may have waited for that for days. */
static void print_success(struct store *store, const struct run *run)
{
    struct standing standing;
    struct error ignored;
    say(stderr, "run %lld succeeded", (long long)run->id);
    if (!standing_read(store, run->id, &standing, &ignored) && standing.ran_ms >= 0)
        fprintf(stderr, " in %.1f s", (double)standing.ran_ms / 1000);
    fprintf(stderr, " · history: pawl history %lld\n", (long long)run->id);
    standing_clear(&standing);
}

static void print_failure(const struct run *run)
{
    char *message = text_cleaned(json_text(run->error, "message", ""));
    say(stderr, "run %lld failed: %s\n      put it right, then: pawl resume %lld\n", (long long)run->id,
        message, (long long)run->id);
    free(message);
}

static void print_end(struct store *store, const struct run *run)
{
    long long id = run->id;
    if (run->status == RUN_SUCCEEDED)
        print_success(store, run);
    else if (run->status == RUN_FAILED)
        print_failure(run);
    else if (run->status == RUN_CANCELLED || run->status == RUN_ROLLED_BACK)
        say(stderr, "run %lld %s · history: pawl history %lld\n", id,
            run->status == RUN_CANCELLED ? "was cancelled: nothing was undone" : "was rolled back", id);
    else if (run->waiting == WAIT_APPROVAL)
        say(stderr, "run %lld waits for approval: pawl approve %lld %s\n", id, id,
            json_text(run->question, "step", ""));
    else if (run->waiting == WAIT_DECISION)
        print_decision(run);
    else if (run->waiting == WAIT_PAUSED)
        say(stderr, "run %lld is paused. Continue with: pawl resume %lld\n", id, id);
    else
        say(stderr, "run %lld stopped at \"%s\": nothing is lost. Continue with: pawl resume %lld\n", id,
            run->step >= 0 ? run->machine->steps[run->step].id : "its end", id);
    if (run->status == RUN_CANCELLED)
        print_half_done(run);
}

static void on_left(void *context, const struct run *run, const struct error *error)
{
    struct progress *progress = context;
    progress->left++;
    live_line_clear(&progress->live);
    int status = error->code ? error_exit_status(error->code) : run_exit_status(run);
    if (status > progress->status)
        progress->status = status;
    if (error->code)
        report_error(progress->invocation, error);
    else if (!progress->invocation->json && !(progress->invocation->quiet && run_is_ended(run)))
        print_end(progress->store, run); /* quiet: only what somebody has to do something about */
}

struct driver_watcher progress_watcher(struct progress *progress)
{
    return (struct driver_watcher){
        .context = progress, .event = on_event, .waits = on_waits, .approve = on_approve, .left = on_left};
}
