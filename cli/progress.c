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
#include "cli/advice.h"
#include "cli/last_output.h"
#include "cli/outlet.h"
#include "cli/report.h"
#include "cli/run_view.h"
#include "cli/saying.h"
#include "cli/standing.h"

#define TIME_COLUMN         92    /* where a step's time stands */
#define WAITS_LINE_EVERY_MS 10000 /* of lines about one wait, where they stay */
#define WORDS_LOOK_MS       100   /* for what is said elsewhere, while somebody is asked here */

/* ---- colours ---- */

static const char *paint(const struct progress *progress, const char *code)
{
    return progress->invocation->colour ? code : "";
}

/* ---- one line ---- */

/* Without what stands between two parts, where the second one is missing. */
static void cut_end(char *line)
{
    size_t length = strlen(line);
    while (length && strchr(" :", line[length - 1]))
        line[--length] = '\0';
}

char *event_line(const struct machine *machine, const struct event *event)
{
    const struct saying *saying = saying_of(event->type);
    if (!saying->mark)
        return string_copy("");
    char *said = saying->say(event, false);
    char *clean = line_cleaned(said);
    char *line = event->step < 0 ? string_format("%s %s%s", saying->mark, saying->says, clean)
                                 : string_format("%s %-*s %s%s", saying->mark, STEP_NAME_WIDTH,
                                                 machine->steps[event->step].id, saying->says, clean);
    cut_end(line);
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
    const char *colour = saying_of(event->type)->colour;
    int64_t started_ms = event->step < 0 ? 0 : run->steps[event->step].started_ms;
    live_line_clear(&progress->live);
    print_margin(progress, run);
    fprintf(stderr, "%s%s%s", paint(progress, colour), line, *colour ? paint(progress, "\033[0m") : "");
    /* Less than nothing: the clock was set back. */
    if (event->type == EVENT_STEP_SUCCEEDED && started_ms && event->time_ms >= started_ms) {
        int gap = TIME_COLUMN - (int)utf8_count(line, strlen(line));
        fprintf(stderr, "%*s%.1f s", gap > 2 ? gap : 2, "", (double)(event->time_ms - started_ms) / 1000);
    }
    fputc('\n', stderr);
}

static int64_t since(const struct event *event, const struct run_step *step)
{
    int64_t passed_ms = event->time_ms - step->started_ms;
    return passed_ms > 0 ? passed_ms : 0;
}

/* The live line of a step that begins, or that this driver has found begun. */
static void show_beginning(struct progress *progress, const struct run *run, const struct event *event)
{
    bool starts = event->type == EVENT_STEP_STARTED || event->type == EVENT_UNDO_STARTED;
    if (event->type == EVENT_RUN_CLAIMED && run->step >= 0 && run->steps[run->step].started_ms)
        live_line_begin(&progress->live, run, run->step, since(event, &run->steps[run->step]));
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
    if (!*what || outlet_lags())
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

/* A signal ends the wait, also one that came right before it: the driver looks at it next. So does what
 * somebody says elsewhere: it comes first, and may be the answer. */
static bool read_answer(const struct progress *progress, const struct run *run, char *answer, int size)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    int ready;
    do {
        ready = poll(&in, 1, WORDS_LOOK_MS);
    } while (!ready && !driver_is_signalled(progress->driver) && !run_has_command(progress->store, run->id));
    return ready == 1 && fgets(answer, size, stdin);
}

bool answer_is_yes(const char *line)
{
    return !strcmp(line, "y\n") || !strcmp(line, "Y\n") || !strcmp(line, "yes\n");
}

/* Enter and "n" leave the run waiting; only `pawl reject` rejects. */
static int on_approve(void *context, const struct run *run, const char *question)
{
    struct progress *progress = context;
    (void)question; /* it has just been shown, as an event */
    if (!progress->asks)
        return 0;
    char answer[16] = "";
    fputs("    [y/N] ", stderr);
    if (!read_answer(progress, run, answer, sizeof answer)) {
        fputc('\n', stderr);
        return 0;
    }
    return answer_is_yes(answer);
}

/* The exit status that a run's state stands for. */
static int run_exit_status(const struct run *run)
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
    struct text advice = {0};
    char *message = text_cleaned(json_text(run->error, "message", ""));
    advice_say_failure(run, &advice);
    say(stderr, "run %lld failed: %s\n%s", (long long)run->id, message, text_string(&advice));
    text_clear(&advice);
    free(message);
}

static void print_wait(const struct run *run)
{
    struct text advice = {0};
    advice_say_wait(run, &advice);
    say(stderr, "run %lld %s", (long long)run->id, text_string(&advice));
    text_clear(&advice);
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
    else if (run->waiting == WAIT_APPROVAL || run->waiting == WAIT_DECISION || run->waiting == WAIT_PAUSED)
        print_wait(run);
    else
        say(stderr, "run %lld stopped at \"%s\": nothing is lost%s. Continue with: pawl resume %lld\n", id,
            run->step >= 0 ? run->machine->steps[run->step].id : "its end",
            program_goes_on(run, store_folder(store)) ? "; its program goes on under its keeper" : "", id);
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
