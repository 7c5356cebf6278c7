/* pawl submit: record a run, and drive it. */
#include "engine/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/store_open.h"
#include "cli/submission.h"

const struct option_declaration SUBMIT_OPTIONS[] = {
    {"param", 'p', "NAME=VALUE", "a param of the job; JSON for lists and maps"},
    {"params-file", 0, "FILE", "params as YAML or JSON; -p wins over it"},
    {"detach", 0, NULL, "record the run and leave it to be resumed"},
    {"paused", 0, NULL, "record the run paused"},
    {"key", 0, "TEXT", "a second submit with the same key returns the same run"},
    {"yes", 'y', NULL, "ask nothing; approve in the actor's name"},
    {NULL, 0, NULL, NULL},
};

static void print_number(const struct invocation *invocation, const struct submission *submission,
                         int64_t run, bool old)
{
    const json_t *record = submission->cluster->record;
    if (invocation->json) {
        report_json(json_pack("{s:s,s:I,s:s,s:O,s:b}", "event", "run_submitted", "run", (json_int_t)run,
                              "job", submission->job->name, "cluster", record, "existed", old));
        return;
    }
    const char *where = json_text(record, "context", json_text(record, "file", ""));
    const char *server = json_text(record, "server", NULL);
    printf("run %lld  %s  on %s%s%s%s%s\n", (long long)run, submission->job->name, where, server ? " (" : "",
           server ? server : "", server ? ")" : "", old ? "  (submitted before with this key)" : "");
    fflush(stdout);
}

static int drive(const struct invocation *invocation, struct store *store, int64_t run)
{
    struct session_run one = {.run = run};
    return session_drive(invocation, store, &one, 1);
}

/* What a person is asked once, on a terminal. */
static bool confirm(const struct invocation *invocation, const struct submission *submission)
{
    char *params = json_canonical(submission->params);
    char *question = string_format(
        "%s on %s with %s?", submission->job->name,
        json_text(submission->cluster->record, "context", json_text(submission->cluster->record, "file", "")),
        params);
    bool yes = session_confirm(invocation, question);
    free(question);
    free(params);
    return yes;
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
    } else {
        print_number(invocation, submission, run, old);
        if (!old && !submission->paused && !invocation_has(invocation, "detach"))
            status = drive(invocation, store, run);
    }
    store_close(store);
    return status;
}

int command_submit(struct invocation *invocation)
{
    struct opened_submission opened;
    int status = submission_open(invocation, &opened);
    if (!status) {
        opened.submission.key = invocation_value(invocation, "key");
        opened.submission.paused = invocation_has(invocation, "paused");
        opened.submission.waits = invocation->wait_ms > 0 || invocation_has(invocation, "detach");
        status = submit(invocation, &opened.submission);
    }
    submission_close(&opened);
    return status;
}
