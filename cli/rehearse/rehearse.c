/* pawl rehearse: a job, run on simulated clusters and cut off everywhere, before it meets production. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/job_file.h"
#include "cli/rehearse/rehearsal.h"
#include "cli/report.h"

const struct option_declaration REHEARSE_OPTIONS[] = {
    {"param", 'p', "NAME=VALUE", "a param of the job; JSON for lists and maps"},
    {"params-file", 0, "FILE", "params as YAML or JSON; -p wins over it"},
    {"like-live", 0, NULL, "on a cluster like the one that --cluster names, as far as it can be read (live)"},
    {"only", 0, "NAME", "only those of this name, or of this sort: straight, crash:7, crash"},
    {"fault", 0, "NAME", "the same: chunk-lost, leader-moves@unregister"},
    {"all", 0, NULL, "every crash and fault, however long the job is"},
    {"no-approvals", 0, NULL, "approve nothing: the run waits where it asks"},
    {"keep", 0, NULL, "keep the private folder, with stores and simulated clusters, and say where it is"},
    {NULL, 0, NULL, NULL},
};

/* A whole name, or the part before its number or its step. */
static bool is_named(const struct situation *situation, const char *name)
{
    size_t length = strlen(name);
    return !strncmp(situation->name, name, length) && strchr(":@", situation->name[length]);
}

static bool is_wanted(const struct rehearsal *rehearsal, const struct situation *situation)
{
    const struct invocation *invocation = rehearsal->invocation;
    bool wanted = !rehearsal->chosen;
    for (int i = 0; i < invocation->option_count; i++) {
        const struct given_option *option = &invocation->options[i];
        bool names = !strcmp(option->name, "only") || !strcmp(option->name, "fault");
        wanted = wanted || (names && is_named(situation, option->value));
    }
    return wanted;
}

/* The straight run stays in any case: the others are held against it. */
static void choose(const struct rehearsal *rehearsal, struct situations *all)
{
    struct situations chosen = {0};
    for (int i = 0; i < all->count; i++)
        if (i == 0 || is_wanted(rehearsal, &all->list[i]))
            situations_add(&chosen, &all->list[i]);
    situations_clear(all);
    *all = chosen;
}

/* What no job has is refused before anything is run: where the straight run fails, no other name is looked
 * up. */
static int check_sorts(const struct invocation *invocation, struct error *error)
{
    for (int i = 0; i < invocation->option_count; i++) {
        const struct given_option *option = &invocation->options[i];
        bool names = !strcmp(option->name, "only") || !strcmp(option->name, "fault");
        if (!names || situations_have_sort(option->value, strcspn(option->value, ":@")))
            continue;
        char *sorts = situations_sorts();
        error_set(error, ERROR_USAGE, "no rehearsal is named \"%s\"", option->value);
        error_next(error, "they are named %s", sorts);
        free(sorts);
        return -1;
    }
    return 0;
}

/* A name that is mistyped would rehearse nothing, and look safe. */
static int check_names(const struct rehearsal *rehearsal, const struct situations *all, struct error *error)
{
    const struct invocation *invocation = rehearsal->invocation;
    for (int i = 0; i < invocation->option_count; i++) {
        const struct given_option *option = &invocation->options[i];
        bool names = !strcmp(option->name, "only") || !strcmp(option->name, "fault"), found = !names;
        for (int k = 0; k < all->count && !found; k++)
            found = is_named(&all->list[k], option->value);
        if (found)
            continue;
        error_set(error, ERROR_USAGE, "no rehearsal of this job is named \"%s\"", option->value);
        return error_next(error, "pawl rehearse JOB --json names them all");
    }
    return 0;
}

static bool straight_succeeded(const json_t *outcome)
{
    return !json_array_size(json_object_get(outcome, "findings"));
}

/* Where one could not be carried out, nothing is said of the job. */
static int check_carried_out(json_t *const *outcomes, int count, struct error *error)
{
    for (int i = 0; i < count; i++) {
        const char *broken = json_text(outcomes[i], "broken", NULL);
        if (!broken)
            continue;
        error_set(error, ERROR_SYSTEM, "the rehearsal %s could not be carried out: %s",
                  json_text(outcomes[i], "name", ""), broken);
        return error_next(error,
                          "that is this machine's, not the job's: is a disk full, or a limit too low?");
    }
    return 0;
}

static void note_pending(struct rehearsal *rehearsal)
{
    size_t index;
    json_t *fault;
    json_array_foreach(json_object_get(rehearsal->straight, "pending"), index, fault) note_add(
        rehearsal, "a fault that was scripted into the cluster does not happen in the straight run: %s",
        json_string_value(fault));
}

static int play_all(struct rehearsal *rehearsal, struct error *error)
{
    struct clock *clock = clock_system();
    int64_t began_ms = clock->steady_ms(clock);
    struct situations situations = {0};
    json_t *straight = NULL, **outcomes;
    int status = EXIT_SYSTEM;
    situations_begin(&situations);
    if (troupe_run(rehearsal, &situations, 0, &straight, error) || check_carried_out(&straight, 1, error)) {
        situations_clear(&situations);
        json_decref(straight);
        return EXIT_SYSTEM;
    }
    rehearsal->straight = straight;
    note_pending(rehearsal);
    if (straight_succeeded(straight)) {
        situations_plan(&situations, rehearsal);
        if (check_names(rehearsal, &situations, error)) {
            situations_clear(&situations);
            json_decref(straight);
            return EXIT_USAGE;
        }
        choose(rehearsal, &situations);
    }
    outcomes = memory_new((size_t)situations.count * sizeof(json_t *));
    outcomes[0] = straight;
    if (!troupe_run(rehearsal, &situations, 1, outcomes, error) &&
        !check_carried_out(outcomes, situations.count, error))
        status = verdict_print(rehearsal, &situations, outcomes, clock->steady_ms(clock) - began_ms);
    for (int i = 0; i < situations.count; i++)
        json_decref(outcomes[i]);
    free(outcomes);
    situations_clear(&situations);
    return status;
}

/* What is not rehearsed, said beforehand. */
static void note_limits(struct rehearsal *rehearsal)
{
    const struct job *job = rehearsal->job;
    const char *hook;
    json_t *steps;
    for (int i = 0; i < job->step_count; i++) {
        const struct job_step *step = &job->steps[i];
        bool changes = step->effect != EFFECT_OBSERVE;
        if (step->kind->later)
            note_add(rehearsal,
                     "\"%s\": %s is not in this version: only its stand-in is rehearsed, and pawl submit "
                     "refuses the job",
                     step->id, step->kind->name);
        if (!step->kind->general || !step->kind->answers || step->rehearse)
            continue;
        rehearsal->unplayed += changes;
        note_add(rehearsal,
                 "\"%s\" is not rehearsed: %s is never run, and it has no `rehearse:` that answers%s; "
                 "add to the step what it would answer: rehearse: {%s}",
                 step->id, step->kind->name, changes ? "" : "; taken for a success",
                 strstr(step->kind->answers, "exit_code") ? "exit_code: 0, stdout: …"
                                                          : "status: 200, body: …");
    }
    json_object_foreach(job->hooks, hook, steps)
        note_add(rehearsal,
                 "the hook %s is not in this version: it is not rehearsed, and pawl submit refuses "
                 "the job as long as it is there",
                 hook);
}

static int rehearse(struct rehearsal *rehearsal)
{
    struct error error = {0};
    int status;
    if (check_sorts(rehearsal->invocation, &error) || stage_set(rehearsal, &error)) {
        status = report_error(rehearsal->invocation, &error);
    } else {
        note_limits(rehearsal);
        stand_ins_install(rehearsal);
        status = play_all(rehearsal, &error);
        if (troupe_signal()) {
            status = 128 + troupe_signal();
            fputs("pawl: interrupted; nothing is left behind\n", stderr);
        } else if (error.code)
            status = report_error(rehearsal->invocation, &error);
        if (invocation_has(rehearsal->invocation, "keep"))
            fprintf(stderr, "kept: %s, with a folder for each rehearsal, by its name (straight, crash-7)\n",
                    rehearsal->folder);
    }
    stage_strike(rehearsal);
    return status;
}

int command_rehearse(struct invocation *invocation)
{
    int status = EXIT_SUCCEEDED;
    struct job *job = job_file_read(invocation, invocation->arguments[0], &status);
    if (!job)
        return status;
    char *folder = getcwd(NULL, 0);
    json_t *params = job_params_read(invocation, job, folder, &status);
    if (params) {
        struct rehearsal rehearsal = {.invocation = invocation,
                                      .job = job,
                                      .params = params,
                                      .working_folder = folder,
                                      .lock = -1,
                                      .chosen = invocation_has(invocation, "only") ||
                                                invocation_has(invocation, "fault"),
                                      .approves = !invocation_has(invocation, "no-approvals"),
                                      .notes = json_array()};
        status = rehearse(&rehearsal);
        json_decref(rehearsal.notes);
    }
    json_decref(params);
    job_free(job);
    free(folder);
    return status;
}
