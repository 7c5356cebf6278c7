/* pawl submit: record a run and drive it. */
#include "engine/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/run_view.h"
#include "cli/session.h"
#include "cli/standing.h"
#include "cli/store_open.h"
#include "cli/submission.h"
#include "cluster/sim/sim.h"

const struct option_declaration SUBMIT_OPTIONS[] = {
    {"param", 'p', "NAME=VALUE", "a param of the job; JSON for lists and maps"},
    {"params-file", 0, "FILE", "params as YAML or JSON; -p wins over it"},
    {"detach", 0, NULL, "record the run and leave it to be resumed"},
    {"paused", 0, NULL, "record the run paused"},
    {"key", 0, "TEXT", "a second submit with the same key returns the same run"},
    {"yes", 'y', NULL, "ask nothing; approve in the actor's name"},
    {NULL, 0, NULL, NULL},
};

/* The first line, before anything is driven. `standing`: of a run that was submitted before with this key. */
static void print_number(const struct invocation *invocation, const struct submission *submission,
                         int64_t run, const struct standing *standing)
{
    const json_t *record = submission->cluster->record;
    if (invocation->json) {
        report_json(json_pack("{s:s,s:I,s:s,s:O,s:b,s:s?}", "event", "run_submitted", "run", (json_int_t)run,
                              "job", submission->job->name, "cluster", record, "existed", standing != NULL,
                              "status", standing ? standing_status(standing) : NULL));
        return;
    }
    const char *server = json_text(record, "server", NULL);
    say(stdout, "run %lld  %s  on %s%s%s%s%s\n", (long long)run, submission->job->name, cluster_name(record),
        server ? " (" : "", server ? server : "", server ? ")" : "",
        standing ? "  (submitted before with this key)" : "");
    fflush(stdout);
}

/* What a person is asked once, on a terminal. */
static bool confirm(const struct invocation *invocation, const struct submission *submission)
{
    char *params = json_canonical(submission->params);
    bool any = json_object_size(submission->params) > 0;
    char *question = string_format("Run %s on %s%s%s?", submission->job->name,
                                   cluster_name(submission->cluster->record), any ? " with " : "",
                                   any ? params : "");
    bool yes = session_confirm(invocation, question);
    free(question);
    free(params);
    return yes;
}

/* ---- a run that was submitted before with this key: it is not driven, only told ---- */

/* What a run that somebody else drives, or will, leaves with: 0 where this call would have left it so, too.
 */
static int exit_status_of_open(const struct invocation *invocation, const struct standing *standing)
{
    if (invocation_has(invocation, "detach"))
        return EXIT_SUCCEEDED;
    return standing->driver ? EXIT_LOCKED : EXIT_INTERRUPTED;
}

static void print_standing(const struct invocation *invocation, const struct standing *standing)
{
    struct text next = {0};
    standing_say_next(standing, &next);
    if (!invocation->json) {
        fprintf(stderr, "run %lld: %s", (long long)json_int(standing->run, "run", 0),
                standing_status(standing));
        if (standing->driver)
            fprintf(stderr, ", driven by process %s", standing->driver);
        fprintf(stderr, "\n%s", text_string(&next));
    }
    text_clear(&next);
}

static int tell_old(const struct invocation *invocation, struct store *store,
                    const struct submission *submission, int64_t run)
{
    struct error error = {0};
    struct standing standing;
    int status;
    if (standing_read(store, run, &standing, &error)) {
        status = report_error(invocation, &error);
    } else {
        print_number(invocation, submission, run, &standing);
        print_standing(invocation, &standing);
        status = standing_exit_status(&standing);
        if (status < 0)
            status = exit_status_of_open(invocation, &standing);
    }
    standing_clear(&standing);
    return status;
}

/* ---- submitting ---- */

/* What somebody has to do is said to the quiet, too. */
static void say_left(const struct invocation *invocation, const struct submission *submission, int64_t run)
{
    if (!invocation->json)
        fprintf(stderr, "run %lld %s: pawl resume %lld\n", (long long)run,
                submission->paused ? "is paused" : "is recorded, nobody drives it yet", (long long)run);
}

/* On a simulated cluster: a fault that was mistyped would never happen, and nobody would know. Not where the
 * run waits for a person: it may yet meet them. */
static void say_faults_pending(const struct invocation *invocation, int status)
{
    static const char sim[] = "sim:";
    const char *spec = invocation->cluster;
    bool ended = status == EXIT_SUCCEEDED || status == EXIT_FAILED;
    if (!ended || invocation->json || invocation->quiet || !spec || strncmp(spec, sim, strlen(sim)))
        return;
    struct error ignored;
    size_t index;
    json_t *pending = sim_faults_pending(spec + strlen(sim), &ignored), *fault;
    json_array_foreach(pending, index, fault)
        say(stderr, "note: a fault of %s has not happened: %s\n", spec, json_string_value(fault));
    json_decref(pending);
}

static int submit(const struct invocation *invocation, const struct submission *submission)
{
    struct error error = {0};
    int status = EXIT_SUCCEEDED;
    int64_t run = 0;
    bool old = false;
    if (!confirm(invocation, submission)) {
        fputs("pawl: nothing was recorded\n", stderr);
        return EXIT_USAGE;
    }
    struct store *store = invocation_store(invocation, STORE_CREATE, &status);
    if (!store)
        return status;
    if (run_submit(store, submission, &run, &old, &error)) {
        status = report_error(invocation, &error);
    } else if (old) {
        status = tell_old(invocation, store, submission, run);
    } else {
        print_number(invocation, submission, run, NULL);
        if (submission->paused || invocation_has(invocation, "detach")) {
            say_left(invocation, submission, run);
        } else {
            status = session_drive(invocation, store, &(struct session_run){.run = run}, 1);
            say_faults_pending(invocation, status);
        }
    }
    store_close(store);
    return status;
}

int command_submit(struct invocation *invocation)
{
    struct error error = {0};
    const char *key = invocation_value(invocation, "key");
    if (key && identifier_check("--key", key, &error))
        return report_error(invocation, &error);
    struct opened_submission opened;
    int status = submission_open(invocation, &opened);
    if (!status) {
        opened.submission.key = key;
        opened.submission.paused = invocation_has(invocation, "paused");
        opened.submission.waits = invocation->wait_ms > 0 || invocation_has(invocation, "detach");
        status = submit(invocation, &opened.submission);
    }
    submission_close(&opened);
    return status;
}
