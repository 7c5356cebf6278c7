/* helm_upgrade: brings a release to a values file, as `helm upgrade` does, and restarts no pod.
 *
 * prepare looks at what would change, and refuses; the keeper runs helm; whether it has happened is read off
 * the release's history by a token (helm_marks.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "steps/helm_bodies.h"
#include "steps/helm_look.h"
#include "steps/helm_marks.h"
#include "steps/helm_start.h"
#include "steps/kind.h"
#include "steps/kinds.h"

/* ---- prepare ---- */

static bool is_same_file(const char *one, const char *other)
{
    char *a = realpath(one, NULL), *b = realpath(other, NULL);
    bool same = !strcmp(a ? a : one, b ? b : other);
    free(a);
    free(b);
    return same;
}

json_t *helm_expected_changes(const struct visit *visit)
{
    json_t *given = json_object_get(visit->inputs, "expect_changes"), *expected = json_array();
    const char *values = json_text(visit->inputs, "values", ""), *path;
    size_t index;
    json_t *edit, *value;
    if (json_is_array(given))
        json_array_extend(expected, given);
    json_array_foreach(visit->edits, index, edit)
    {
        if (json_is_array(given) || !is_same_file(json_text(edit, "file", ""), values))
            continue;
        json_object_foreach(json_object_get(edit, "set"), path, value)
            json_array_append_new(expected, json_string(path));
    }
    return expected;
}

static int look_at_values(const struct visit *visit, struct helm_look *look, struct error *error)
{
    size_t length;
    char *values = file_read(json_text(visit->inputs, "values", ""), LIMIT_VALUES_FILE_BYTES, &length, error);
    int result = values ? helm_look_ahead(look, values, length, error) : -1;
    free(values);
    return result;
}

static int check(const struct visit *visit, struct helm_look *look, struct error *error)
{
    json_t *expected = helm_expected_changes(visit);
    int result = helm_look_check_values(look, expected, error);
    json_decref(expected);
    if (!result && !json_bool(visit->inputs, "allow_restarts", false))
        result = helm_look_check_restarts(look, error);
    return result;
}

static void prepare(const struct visit *visit, struct answer *answer)
{
    struct helm_look look;
    struct error error = {0};
    json_t *checkpoint = NULL;
    helm_look_begin(&look, visit, visit->folder);
    if (!helm_look_at_base(&look, &error) &&
        !helm_look_at_chart(&look, json_text(visit->inputs, "chart", ""),
                            json_text(visit->inputs, "version", NULL), look.base_chart, &error) &&
        !look_at_values(visit, &look, &error) && !check(visit, &look, &error))
        checkpoint = helm_start(visit, &look, &error);
    if (checkpoint) {
        answer_done(answer, NULL);
        answer->checkpoint = checkpoint;
    } else {
        answer_failed(answer, &error);
    }
    helm_look_clear(&look);
}

/* ---- what the history says ---- */

static struct release release_of(const struct visit *visit)
{
    return (struct release){.cluster = visit->cluster,
                            .namespace = json_text(visit->inputs, "namespace", ""),
                            .name = json_text(visit->inputs, "release", "")};
}

static json_t *outputs_of(const struct mark *mark)
{
    return json_pack("{s:I,s:I,s:s,s:s}", "revision", (json_int_t)mark->revision, "base_revision",
                     (json_int_t)json_int(mark->checkpoint, "base_revision", 0), "chart",
                     json_text(mark->checkpoint, "chart", ""), "chart_sha256",
                     json_text(mark->checkpoint, "chart_sha256", ""));
}

static void summarize(const struct mark *mark, struct summary *summary)
{
    int64_t base = json_int(mark->checkpoint, "base_revision", 0);
    summary_set(summary, "revision %lld → %lld, chart %s (%.12s)%s", (long long)base,
                (long long)mark->revision, json_text(mark->checkpoint, "chart", ""),
                json_text(mark->checkpoint, "chart_sha256", ""),
                mark->revision > base + 1 ? "; somebody else upgraded in between" : "");
}

static int judge(const struct visit *visit, const json_t *starts, struct mark *mark, json_t **history,
                 struct error *error)
{
    struct release release = release_of(visit);
    *mark = (struct mark){.state = MARK_ABSENT};
    *history = helm_history(&release, error);
    return *history ? marks_judge(&release, *history, starts, mark, error) : -1;
}

/* ---- apply: the keeper runs helm ---- */

/* Right before helm is told to go: what was looked at is still what stands. */
static bool confirm(const struct visit *visit, struct error *error)
{
    struct release release = release_of(visit);
    return !helm_check_base(&release, json_int(visit->checkpoint, "base_revision", 0), error);
}

/* Ended without a success in the history: what it said, and what it left. */
static void explain_failure(const struct visit *visit, const struct mark *mark, struct answer *answer)
{
    const struct child *child = visit->child;
    struct error error = {0};
    bool killed = child->exit_status >= 128;
    const char *name = json_text(visit->inputs, "release", "");
    if (killed)
        error_set(&error, ERROR_HELM, "helm upgrade %s was killed by signal %d", name,
                  child->exit_status - 128);
    else if (child->exit_status)
        helm_explain("helm upgrade", child->exit_status, child->err ? child->err : "", &error);
    else
        error_set(&error, ERROR_HELM,
                  "helm left with 0, but no revision of %s above %lld is one that this start made", name,
                  (long long)json_int(visit->checkpoint, "base_revision", 0));
    if (mark->state == MARK_PENDING || mark->state == MARK_FAILED) {
        char *cause = string_copy(error.message);
        error_set(&error, error.code, "%s (revision %lld is left %s)", cause, (long long)mark->revision,
                  mark->state == MARK_PENDING ? "pending" : "failed");
        free(cause);
    }
    answer_failed(answer, &error);
    answer->transient = answer->transient || killed;
}

static void take_exit(const struct visit *visit, struct answer *answer)
{
    json_t *starts = json_pack("[{s:O}]", "checkpoint", visit->checkpoint), *history = NULL;
    struct mark mark;
    struct error error = {0};
    if (judge(visit, starts, &mark, &history, &error)) {
        error_context(&error, "helm has ended, but what it did cannot be seen");
        answer_unknown(answer, &error);
    } else if (mark.state == MARK_DONE) {
        answer_done(answer, outputs_of(&mark));
        summarize(&mark, &answer->summary);
    } else {
        explain_failure(visit, &mark, answer);
    }
    mark_clear(&mark);
    json_decref(history);
    json_decref(starts);
}

static void apply(const struct visit *visit, struct answer *answer)
{
    struct error error = {0};
    switch (visit->child->state) {
    case CHILD_RUNNING:
        answer_again(answer, CHILD_LOOK_MS);
        answer->acting = true;
        break;
    case CHILD_EXITED:
        take_exit(visit, answer);
        break;
    case CHILD_NONE:
    case CHILD_LOST:
        error_set(&error, ERROR_HELM, "helm's keeper ended without saying how helm ended");
        answer_unknown(answer, &error);
        break;
    }
}

/* ---- probe and mend ---- */

/* Revisions vanish from the history's old end: where the base is gone, ours may be too. */
static bool reaches_back(const json_t *history, const json_t *starts)
{
    size_t index;
    json_t *start;
    json_array_foreach(starts, index, start)
    {
        int64_t base = json_int(json_object_get(start, "checkpoint"), "base_revision", 0);
        if (base && !history_revision(history, base))
            return false;
    }
    return true;
}

static json_t *found_of(const struct visit *visit, const struct mark *mark)
{
    json_t *found = json_copy(mark->record);
    json_object_set(found, "namespace", json_object_get(visit->inputs, "namespace"));
    return found;
}

static void tell(const struct visit *visit, const struct mark *mark, const json_t *history,
                 struct probe_answer *answer)
{
    if (mark->state == MARK_DONE) {
        answer->kind = PROBE_DONE;
        answer->outputs = outputs_of(mark);
        return;
    }
    if (mark->state == MARK_ABSENT && !reaches_back(history, visit->starts)) {
        answer->kind = PROBE_CANNOT_TELL;
        error_set(&answer->error, ERROR_HELM,
                  "helm's history of %s no longer reaches back to where it started",
                  json_text(visit->inputs, "release", ""));
        return;
    }
    /* Failed is not done either: an upgrade over it is fine. */
    answer->kind = PROBE_NOT_DONE;
    answer->mend = mark->state == MARK_PENDING && mark->record;
    /* Its record exists: helm may have patched objects. */
    answer->touched = mark->state != MARK_ABSENT || marks_may_be_missing(history, visit->starts);
    if (answer->mend)
        answer->found = found_of(visit, mark);
}

static void probe(const struct visit *visit, struct probe_answer *answer)
{
    struct mark mark;
    json_t *history = NULL;
    if (visit->child && visit->child->state == CHILD_RUNNING) {
        answer->kind = PROBE_IN_PROGRESS;
        answer->after_ms = CHILD_LOOK_MS;
        return;
    }
    if (judge(visit, visit->starts, &mark, &history, &answer->error))
        answer->kind = PROBE_CANNOT_TELL;
    else
        tell(visit, &mark, history, answer);
    mark_clear(&mark);
    json_decref(history);
}

/* Only the record goes, and only as it was seen: the objects stay where helm left them, and the next start
 * brings them to the end. */
static void mend(const struct visit *visit, const json_t *found, struct answer *answer)
{
    struct error error = {0};
    struct resource record = {"", "v1", "secrets", json_text(found, "namespace", ""),
                              json_text(found, "name", "")};
    if (!visit_passes(visit, answer))
        return;
    if (visit->cluster->calls->remove(visit->cluster, &record, json_text(found, "uid", ""),
                                      json_text(found, "resourceVersion", ""), &error)) {
        error_context(&error, "remove the pending record %s", record.name);
        answer_failed(answer, &error);
        answer->transient = answer->transient || error.code == ERROR_CLUSTER_CONFLICT; /* looked at anew */
    } else {
        answer_done(answer, NULL);
        summary_set(&answer->summary, "removed the pending record %s", record.name);
    }
}

const struct step_kind kind_helm_upgrade = {
    .declaration =
        {
            .name = "helm_upgrade",
            .help = "upgrades a release to the values file, its chart pinned, no pod restarted",
            .effect = EFFECT_CONVERGE,
            .inputs =
                {
                    {.name = "namespace", .type = TYPE_STRING, .help = "namespace of the release"},
                    {.name = "release", .type = TYPE_STRING, .help = "name of the release"},
                    {.name = "chart", .type = TYPE_STRING, .help = "the chart, as helm takes it"},
                    {.name = "values", .type = TYPE_PATH, .help = "the values file"},
                    {.name = "version",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "chart version; without it the deployed one"},
                    {.name = "expect_changes",
                     .type = TYPE_LIST,
                     .of_texts = true,
                     .optional = true,
                     .help =
                         "dotted paths that may change; without it what this run's edit_values steps set"},
                    {.name = "allow_restarts",
                     .type = TYPE_BOOL,
                     .fallback = "false",
                     .help = "pod templates may change"},
                    {.name = "allow_shrink",
                     .type = TYPE_BOOL,
                     .fallback = "false",
                     .help = "an undo may take pods away from a StatefulSet"},
                    {.name = "wait",
                     .type = TYPE_BOOL,
                     .fallback = "false",
                     .help = "helm waits until the workloads are ready"},
                },
            .outputs =
                {
                    {"revision", TYPE_INT, "the revision that was made"},
                    {"base_revision", TYPE_INT, "the revision before it"},
                    {"chart", TYPE_STRING, "chart and version"},
                    {"chart_sha256", TYPE_STRING, "of the chart's archive"},
                },
            .timeout_ms = 15 * 60 * 1000,
        },
    .plan = helm_plan,
    .prepare = prepare,
    .probe = probe,
    .confirm = confirm,
    .apply = apply,
    .mend = mend,
    .undo_prepare = helm_undo_prepare,
    .undo_probe = probe,
    .undo = apply,
    .runs_child = true,
    .child_may_finish = true,
    .undo_effect = EFFECT_CONVERGE,
};
