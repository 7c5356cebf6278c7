/* pawl plan: what a run would do, read-only, against the cluster. Nothing is recorded. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/run_view.h"
#include "cli/submission.h"
#include "engine/look_ahead.h"
#include "engine/submit.h"

#define SOMETHING_TO_DO 10 /* of --detailed-exitcode */

const struct option_declaration PLAN_OPTIONS[] = {
    {"param", 'p', "NAME=VALUE", "a param of the job; JSON for lists and maps"},
    {"params-file", 0, "FILE", "params as YAML or JSON; -p wins over it"},
    {"detailed-exitcode", 0, NULL, "leave with 10 where there is something to do"},
    {NULL, 0, NULL, NULL},
};

struct planning {
    const struct invocation *invocation;
    const struct submission *submission;
    struct machine *machine;
    struct run *run;
    json_t *told;        /* as look_ahead tells it */
    json_t *permissions; /* as permission_ask tells them */
    bool refused;
    struct error error;
    int64_t took_ms;
};

/* ---- looking ---- */

static bool refuse_pass(const struct visit *visit, struct error *error)
{
    (void)visit;
    error_set(error, ERROR_NOT_ALLOWED_NOW, "a plan changes nothing");
    return false;
}

static json_t *refuse_keep(const struct visit *visit, const struct program *program, const char *input,
                           struct error *error)
{
    (void)visit;
    (void)program;
    (void)input;
    error_set(error, ERROR_NOT_ALLOWED_NOW, "a plan starts nothing");
    return NULL;
}

/* The frame that plans are called with: a visit of a run that does not exist. */
static int look(struct planning *planning)
{
    struct cluster *cluster = planning->submission->cluster;
    char *folder = folder_temporary("pawl-plan", &planning->error);
    if (!folder)
        return -1;
    struct gate gate;
    struct child child = {.state = CHILD_NONE};
    json_t *starts = json_array(), *edits = json_array();
    void *handle = NULL;
    int64_t held_since_ms = -1, began_ms = clock_system()->steady_ms(clock_system());
    gate_init(&gate);
    struct visit visit = {
        .store_uuid = "plan",
        .job = planning->machine->job,
        .key = "plan",
        .actor = planning->submission->actor,
        .visit = 1,
        .attempt = 1,
        .start = 1,
        .starts = starts,
        .edits = edits,
        .permissions = planning->permissions,
        .act_ended_ms = -1,
        .now_ms = cluster->clock->steady_ms(cluster->clock),
        .wall_ms = cluster->clock->wall_ms(cluster->clock),
        .folder = folder,
        .cluster = cluster,
        .gate = &gate,
        .pass = refuse_pass,
        .keep = refuse_keep,
        .child = &child,
        .held_since_ms = &held_since_ms,
        .single_look = true,
        .handle = &handle,
    };
    planning->told = look_ahead(planning->run, &visit, &planning->refused, &planning->error);
    planning->took_ms = clock_system()->steady_ms(clock_system()) - began_ms;
    gate_destroy(&gate);
    json_decref(starts);
    json_decref(edits);
    folder_remove(folder);
    free(folder);
    return 0;
}

/* ---- is there something to do? ---- */

static bool change_is_real(const json_t *change)
{
    const json_t *from = json_object_get(change, "from"), *to = json_object_get(change, "to");
    return !from || !to || !json_equal(from, to);
}

/* A step that has an effect, unless its plan says that there is nothing to change. */
static bool acts(const struct planning *planning, const json_t *told)
{
    int index = machine_step_index(planning->machine, json_text(told, "id", ""));
    const char *state = json_text(told, "state", "");
    if (index < 0 || planning->machine->steps[index].act.effect == EFFECT_OBSERVE ||
        !strcmp(state, "skipped"))
        return false;
    const json_t *changes = json_object_get(told, "changes");
    if (strcmp(state, "ok") || !changes)
        return true;
    size_t at;
    json_t *change;
    json_array_foreach(changes, at, change) if (change_is_real(change)) return true;
    return false;
}

static bool has_work(const struct planning *planning)
{
    size_t index;
    json_t *told;
    json_array_foreach(planning->told, index, told) if (acts(planning, told)) return true;
    return false;
}

/* ---- telling ---- */

static char *shown_value(const json_t *value)
{
    char *text = json_is_string(value) ? string_copy(json_string_value(value)) : json_canonical(value);
    char *clean = line_cleaned(text);
    free(text);
    return clean;
}

static void print_change(const json_t *change, bool colour)
{
    char *what = line_cleaned(json_text(change, "what", "")),
         *path = line_cleaned(json_text(change, "path", "")),
         *from = shown_value(json_object_get(change, "from")),
         *to = shown_value(json_object_get(change, "to"));
    printf("                 %s%s%s  %s%s%s → %s%s%s%s\n", what, *path ? "  " : "", path,
           colour ? "\033[31m" : "", from, colour ? "\033[0m" : "", colour ? "\033[32m" : "", to,
           colour ? "\033[0m" : "", change_is_real(change) ? "" : "  (as it is)");
    free(what);
    free(path);
    free(from);
    free(to);
}

static void print_beside(const char *before, const char *text)
{
    char *clean = line_cleaned(text);
    printf("                 %s%s\n", before, clean);
    free(clean);
}

static void print_told(const json_t *told, bool colour)
{
    const char *state = json_text(told, "state", ""), *says = json_text(told, "summary", "");
    if (json_bool(told, "point_of_no_return", false))
        puts("  ── point of no return ────────────────────────────────────────────────");
    const char *question = json_text(told, "question", NULL), *undo = json_text(told, "undo", NULL);
    if (!strcmp(state, "unknown") && !*says)
        says = strcmp(json_text(told, "uses", ""), "approve") ? "known when it is reached" : "asks a person";
    if (!strcmp(state, "skipped"))
        says = "skipped: its condition does not hold";
    if (!strcmp(state, "refused"))
        says = json_text(told, "error", "");
    char *clean = line_cleaned(says);
    printf("  %s%-12s %s%s%s%s\n", !strcmp(state, "refused") && colour ? "\033[31m" : "",
           json_text(told, "id", ""), !strcmp(state, "refused") ? "REFUSED: " : "", clean,
           json_bool(told, "approve", false) ? ", after approval" : "",
           !strcmp(state, "refused") && colour ? "\033[0m" : "");
    free(clean);
    size_t index;
    json_t *change;
    json_array_foreach(json_object_get(told, "changes"), index, change) print_change(change, colour);
    if (question)
        print_beside("asks: ", question);
    if (undo)
        print_beside("undo: ", *undo ? undo : "known when it is reached");
}

/* How many are refused, or could not be asked about, is told by name. */
static void print_permissions(const struct planning *planning)
{
    size_t all = json_array_size(planning->permissions), allowed = 0, index;
    json_t *entry;
    json_array_foreach(planning->permissions, index, entry)
        allowed += json_is_true(json_object_get(entry, "allowed"));
    if (all)
        printf(all == allowed ? "permissions: all %zu allowed\n" : "permissions: %zu of %zu allowed\n",
               allowed, all);
    json_array_foreach(planning->permissions, index, entry)
    {
        const json_t *answer = json_object_get(entry, "allowed");
        if (json_is_true(answer))
            continue;
        const char *only_from = json_text(entry, "only_from", "");
        char *why = text_cleaned(json_text(entry, "why", ""));
        printf("  %s %s in %s: %s%s%s%s%s\n", json_text(entry, "verb", ""), json_text(entry, "resource", ""),
               json_text(entry, "namespace", ""),
               json_is_false(answer) ? "NOT ALLOWED" : "could not be asked",
               *only_from ? ", needed only from Kubernetes " : "", only_from, *why ? ": " : "", why);
        free(why);
    }
}

static void print_plan(const struct planning *planning)
{
    const json_t *record = planning->submission->cluster->record;
    const char *lock = json_text(planning->run->submitted, "lock", NULL);
    char *where = text_cleaned(cluster_name(record));
    say(stdout, "%s on %s%s%s    read-only, %.1f s\n", planning->machine->job, where, lock ? ", " : "",
        lock ? lock : "", (double)planning->took_ms / 1000);
    free(where);
    size_t index;
    json_t *told;
    json_array_foreach(planning->told, index, told) print_told(told, planning->invocation->colour);
    print_permissions(planning);
    if (!planning->refused)
        puts(has_work(planning) ? "nothing was changed or recorded" : "there is nothing to change");
}

static int tell(struct planning *planning)
{
    const struct invocation *invocation = planning->invocation;
    bool work = has_work(planning);
    if (invocation->json)
        report_json(json_pack("{s:s,s:O,s:O,s:O,s:b,s:b,s:s?}", "job", planning->machine->job, "cluster",
                              planning->submission->cluster->record, "steps", planning->told, "permissions",
                              planning->permissions, "refused", planning->refused, "changes", work, "error",
                              planning->refused ? planning->error.message : NULL));
    else
        print_plan(planning);
    if (planning->refused) {
        if (!invocation->json)
            report_error(invocation, &planning->error);
        /* Whatever it was that refuses: nothing is wrong with how pawl was called. */
        return error_exit_status(planning->error.code) == EXIT_SYSTEM ? EXIT_SYSTEM : EXIT_FAILED;
    }
    return work && invocation_has(invocation, "detailed-exitcode") ? SOMETHING_TO_DO : EXIT_SUCCEEDED;
}

static int plan(const struct invocation *invocation, const struct submission *submission)
{
    struct planning planning = {
        .invocation = invocation, .submission = submission, .permissions = json_array()};
    int status;
    planning.run = run_preview(submission, &planning.machine, &planning.error);
    if (!planning.run || look(&planning))
        status = report_error(invocation, &planning.error);
    else
        status = tell(&planning);
    json_decref(planning.told);
    json_decref(planning.permissions);
    run_free(planning.run);
    machine_free(planning.machine);
    return status;
}

int command_plan(struct invocation *invocation)
{
    struct opened_submission opened;
    int status = submission_open(invocation, &opened);
    if (!status)
        status = plan(invocation, &opened.submission);
    submission_close(&opened);
    return status;
}
