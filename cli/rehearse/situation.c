/* One situation from its begin to its end: drivers one after another until the run rests, each a process of
 * its own. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/rehearse/rehearsal.h"

#define ROUNDS_MAX  8     /* drivers of one situation: cut off once, then resumed, also as a failed run */
#define ROUND_MS    60000 /* real time; virtual time makes a day of it */
#define LEFT_MS     5000  /* for a keeper and its program to end after the last driver */
#define LEFT_NAP_MS 2

/* ---- processes ---- */

/* Its exit status, 128 + signal, or -1 where it had to be ended. */
static int wait_for(pid_t pid, int within_ms)
{
    int status, handle = (int)syscall(SYS_pidfd_open, pid, 0), ready;
    struct pollfd ended = {.fd = handle, .events = POLLIN};
    do {
        ready = handle < 0 ? -1 : poll(&ended, 1, within_ms);
    } while (ready < 0 && handle >= 0 && errno == EINTR);
    bool late = ready <= 0; /* where it cannot be waited for it is ended as well: nothing waits for ever */
    if (late)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(handle);
    return late ? -1 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int act_in_process(const struct rehearsal *rehearsal, const struct situation *situation,
                          const char *place, int round, struct error *error)
{
    pid_t pid = fork();
    if (pid < 0)
        return error_set_errno(error, ERROR_SYSTEM, "cannot start a driver");
    if (!pid)
        act(rehearsal, situation, place, round);
    int status = wait_for(pid, ROUND_MS);
    if (status < 0)
        return error_set(error, ERROR_TIMEOUT, "a driver did not come to an end within %d s of real time",
                         ROUND_MS / 1000);
    return status;
}

/* Keepers whose driver died are children of this process: they end by themselves, or are ended. */
static bool await_left(void)
{
    struct clock *clock = clock_system();
    int64_t until_ms = clock->steady_ms(clock) + LEFT_MS;
    for (;;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0 && errno == ECHILD)
            return true;
        if (pid > 0)
            continue;
        if (clock->steady_ms(clock) > until_ms)
            return false;
        poll(NULL, 0, LEFT_NAP_MS);
    }
}

/* ---- the outcome ---- */

static char *read_said(const char *place, const char *name)
{
    char *path = string_format("%s/%s", place, name);
    char *text = file_read(path, 1024 * 1024, NULL, NULL);
    free(path);
    return text;
}

static const char *end_text(int status)
{
    static const char *const texts[] = {
        [ACT_SUCCEEDED - ACT_SUCCEEDED] = "succeeded",   [ACT_FAILED - ACT_SUCCEEDED] = "failed",
        [ACT_WAITS - ACT_SUCCEEDED] = END_APPROVAL,      [ACT_ASKS - ACT_SUCCEEDED] = "asks",
        [ACT_OTHER - ACT_SUCCEEDED] = "ended otherwise", [ACT_STOPPED - ACT_SUCCEEDED] = "stopped",
    };
    return status >= ACT_SUCCEEDED && status <= ACT_STOPPED ? texts[status - ACT_SUCCEEDED] : "died";
}

void finding_add(json_t *outcome, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *message = string_format_list(format, arguments);
    va_end(arguments);
    json_array_append_new(json_object_get(outcome, "findings"), json_string(message));
    free(message);
}

static void keep_trace(const char *place, json_t *outcome)
{
    char *text = read_said(place, "trace");
    json_t *trace = text ? json_loads(text, 0, NULL) : NULL;
    if (trace)
        json_object_set_new(outcome, "trace", trace);
    free(text);
}

void situation_break(json_t *outcome, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *message = string_format_list(format, arguments);
    va_end(arguments);
    json_object_set_new(outcome, "broken", json_string(message));
    free(message);
}

/* What a driver that stopped has said of it. */
static void object_to_stop(const char *place, int status, json_t *outcome)
{
    char *error = read_said(place, "error"), *said = read_said(place, "said");
    if (status == ACT_STOPPED)
        finding_add(outcome, "the driver stopped: %s", error ? error : "");
    else if (status == ACT_BROKEN)
        situation_break(outcome, "%s", error && *error ? error : "not even why could be written down");
    else
        situation_break(outcome, "the driver died (%d)%s%.500s", status, said && *said ? ": " : "",
                        said ? said : "");
    free(error);
    free(said);
}

/* Whether what the situation is about has come to pass: a step may be skipped, or its effect never be made.
 */
static bool has_happened(const struct situation *situation, const char *place, const json_t *outcome)
{
    bool only_helm = situation->victims && !strcmp(situation->victims, "helm");
    if (situation->cut)
        return only_helm || json_object_get(outcome, "cut");
    if (!json_array_size(situation->faults))
        return true;
    char *path = string_format("%s/met", place);
    bool met = !access(path, F_OK);
    free(path);
    return met;
}

/* ---- rounds ---- */

static void play(const struct rehearsal *rehearsal, const struct situation *situation, const char *place,
                 json_t *outcome)
{
    struct error error = {0};
    int status = -1, resumes = 0, decisions = 0;
    bool rests = false;
    for (int round = 0; !rests && round < ROUNDS_MAX; round++) {
        status = act_in_process(rehearsal, situation, place, round, &error);
        bool cut_off = status == 128 + SIGKILL && round == 0 && situation->cut;
        if (cut_off)
            json_object_set_new(outcome, "cut", json_true());
        /* A person resumes a failed run once the fault is over; without a fault none may fail. */
        bool resumed = status == ACT_FAILED && situation->faults && !situation->must_succeed && resumes < 2;
        bool decided = status == ACT_ASKS && decisions < 2;
        resumes += resumed;
        decisions += decided;
        rests = !cut_off && !resumed && !decided;
    }
    json_object_set_new(outcome, "resumes", json_integer(resumes));
    json_object_set_new(outcome, "decisions", json_integer(decisions));
    if (!has_happened(situation, place, outcome))
        json_object_set_new(outcome, "missed", json_true());
    json_object_set_new(outcome, "end", json_string(end_text(status)));
    if (status < 0)
        situation_break(outcome, "%s", error.message);
    else if (status < ACT_SUCCEEDED || status >= ACT_STOPPED)
        object_to_stop(place, status, outcome);
    if (!await_left())
        finding_add(outcome, "a program of the run was left behind");
}

json_t *situation_run(const struct rehearsal *rehearsal, const struct situation *situation)
{
    struct error error = {0};
    json_t *outcome = json_pack("{s:s,s:s,s:s,s:s,s:[]}", "name", situation->name, "step", situation->step,
                                "column", situation->column, "what", situation->what, "findings");
    struct clock *clock = clock_system();
    int64_t began_ms = clock->steady_ms(clock);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    char *place = place_new(rehearsal, situation, &error);
    if (place) {
        play(rehearsal, situation, place, outcome);
        keep_trace(place, outcome);
        judge(rehearsal, situation, place, outcome);
        if (!invocation_has(rehearsal->invocation, "keep"))
            folder_remove(place);
    } else {
        situation_break(outcome, "%s", error.message);
    }
    free(place);
    json_object_set_new(outcome, "seconds", json_real((double)(clock->steady_ms(clock) - began_ms) / 1000));
    return outcome;
}
