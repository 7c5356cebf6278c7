/* pawl resume: continue interrupted and failed runs. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/actor.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/resume_line.h"
#include "cli/run_view.h"
#include "cli/session.h"
#include "cli/store_open.h"
#include "cli/word.h"

const struct option_declaration RESUME_OPTIONS[] = {
    {"all", 0, NULL, "every interrupted run, never a failed one"},
    {"from", 0, "STEP", "re-enter an earlier step as a new visit (with --reason)"},
    {"take-over", 0, NULL,
     "end a driver that is alive but stuck, or take a run of another host (with --reason)"},
    {"reason", 0, "TEXT", "why; recorded"},
    {"yes", 'y', NULL, "approve in the actor's name"},
    {NULL, 0, NULL, NULL},
};

/* Runs that could go on by themselves: not ended, not failed, not waiting for a person (but for an approval
 * that --yes gives), and nobody drives them. */
struct finding {
    struct store *store;
    bool approves;
    struct session_run *runs;
    int count, capacity;
};

static int note_run(void *context, const struct run_row *row)
{
    struct finding *finding = context;
    bool waits = run_waits_for_person(row, finding->approves) && !run_has_command(finding->store, row->run);
    if (waits || !strcmp(row->status, "failed") || driver_lives(finding->store, row->driver))
        return 0;
    if (finding->count == finding->capacity) {
        finding->capacity = finding->capacity ? 2 * finding->capacity : 16;
        finding->runs = memory_resize(finding->runs, (size_t)finding->capacity, sizeof *finding->runs);
    }
    finding->runs[finding->count++] = (struct session_run){.run = row->run};
    return 0;
}

static int find_runs(const struct invocation *invocation, struct store *store, struct finding *finding,
                     struct error *error)
{
    *finding = (struct finding){.store = store, .approves = invocation_has(invocation, "yes")};
    struct run_filter filter = {.open_only = true};
    return store_each_run(store, &filter, note_run, finding, error);
}

static int refuse_choice(const struct invocation *invocation, const struct finding *finding)
{
    enum { SHOWN = 20 };
    struct error error;
    struct text list = {0};
    for (int i = 0; i < finding->count && i < SHOWN; i++)
        text_format(&list, "%s%lld", i ? ", " : "", (long long)finding->runs[i].run);
    if (finding->count) {
        error_set(&error, ERROR_USAGE, "%d runs are interrupted: which one?", finding->count);
        error_next(&error, "pawl resume RUN, or --all; interrupted: %s%s", text_string(&list),
                   finding->count > SHOWN ? " …" : "");
    } else {
        error_set(&error, ERROR_USAGE, "no run is interrupted");
        error_next(&error, "pawl list");
    }
    text_clear(&list);
    return report_error(invocation, &error);
}

/* What a person says with it. */
static json_t *resume_body(const struct invocation *invocation)
{
    static const char *const members[] = {"from", "reason"};
    json_t *body = json_object();
    for (int i = 0; i < 2; i++)
        if (invocation_has(invocation, members[i]))
            json_object_set_new(body, members[i], json_string(invocation_value(invocation, members[i])));
    return body;
}

/* Asked before the run is claimed: a step that cannot be entered again leaves no record. */
static int check_from(const struct invocation *invocation, struct store *store, int64_t run,
                      const json_t *body, struct error *error)
{
    if (!invocation_has(invocation, "from"))
        return 0;
    char *actor = actor_read();
    const struct run_command word = {.name = "resume", .body = body, .actor = actor};
    int result = word_check(store, run, &word, error);
    free(actor);
    return result;
}

/* A person's resume of one run: goes on from a failed step, ends a pause, or re-enters an earlier step. */
static int resume_one(const struct invocation *invocation, struct store *store, int64_t run)
{
    struct error error = {0};
    json_t *body = resume_body(invocation);
    int status;
    if (check_from(invocation, store, run, body, &error)) {
        status = report_error(invocation, &error);
    } else {
        char *line = invocation->json || invocation->quiet
                         ? NULL
                         : resume_line(store, run, invocation_value(invocation, "from"),
                                       invocation_has(invocation, "take-over"));
        struct session_run one = {
            .run = run,
            .line = line,
            .take = {.command = "resume",
                     .body = body,
                     .take_over = invocation_has(invocation, "take-over"),
                     .reason = invocation_value(invocation, "reason")},
        };
        status = session_drive(invocation, store, &one, 1);
        free(line);
    }
    json_decref(body);
    return status;
}

static int check_options(const struct invocation *invocation, struct error *error)
{
    bool all = invocation_has(invocation, "all"), from = invocation_has(invocation, "from");
    bool take_over = invocation_has(invocation, "take-over");
    if (all && (invocation->argument_count || from)) {
        error_set(error, ERROR_USAGE, "resume: --all takes neither a run nor --from");
        return error_next(error, "pawl resume --all, or pawl resume RUN --from STEP --reason \"…\"");
    }
    if (from || take_over)
        return invocation_need_reason(invocation, error);
    return 0;
}

static int say_nothing_to_resume(const struct invocation *invocation)
{
    if (!invocation->json && !invocation->quiet)
        puts("no run is interrupted: nothing to resume");
    return EXIT_SUCCEEDED;
}

static int resume_found(const struct invocation *invocation, struct store *store)
{
    struct error error = {0};
    struct finding finding;
    int status;
    if (find_runs(invocation, store, &finding, &error))
        status = report_error(invocation, &error);
    else if (invocation_has(invocation, "all") && !finding.count)
        status = say_nothing_to_resume(invocation);
    else if (invocation_has(invocation, "all"))
        status = session_drive(invocation, store, finding.runs, finding.count);
    else if (finding.count == 1)
        status = resume_one(invocation, store, finding.runs[0].run);
    else
        status = refuse_choice(invocation, &finding);
    free(finding.runs);
    return status;
}

int command_resume(struct invocation *invocation)
{
    struct error error = {0};
    int status = EXIT_SUCCEEDED;
    if (check_options(invocation, &error))
        return report_error(invocation, &error);
    int64_t run = invocation->argument_count ? invocation_run(invocation, 0, &error) : 0;
    if (invocation->argument_count && !run)
        return report_error(invocation, &error);
    struct store *store = invocation_store(invocation, STORE_WRITE, &status);
    if (!store)
        return status;
    status = run ? resume_one(invocation, store, run) : resume_found(invocation, store);
    store_close(store);
    return status;
}
