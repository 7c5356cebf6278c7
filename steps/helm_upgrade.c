/* helm_upgrade: `helm upgrade` as in the procedure, but pinned, checked and marked (design: "helm_upgrade").
 * The helm program runs under a keeper; what it did is asked of helm's own history, by a token. */
#include "steps/helm_upgrade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "steps/kinds.h"

#define CHILD_LOOK_MS 200

static struct release release_of(const struct visit *visit)
{
    return (struct release){visit->cluster, json_text(visit->inputs, "namespace", ""),
                            json_text(visit->inputs, "release", "")};
}

/* The step's own goal; the values' bytes are read from the file, or from what the plan knows of it. free()
 * *out_bytes. */
static int goal_of(const struct visit *visit, const json_t *world, struct upgrade_goal *goal,
                   char **out_bytes, struct error *error)
{
    const char *path = json_text(visit->inputs, "values", "");
    const char *planned = json_string_value(json_object_get(json_object_get(world, "files"), path));
    *goal = (struct upgrade_goal){
        .chart = json_text(visit->inputs, "chart", ""),
        .version = json_text(visit->inputs, "version", NULL),
        .checks = true,
        .waits = json_bool(visit->inputs, "wait", false),
    };
    *out_bytes = planned ? string_copy(planned)
                         : file_read(path, LIMIT_VALUES_FILE_BYTES, &goal->values_length, error);
    if (planned)
        goal->values_length = strlen(planned);
    goal->values = *out_bytes;
    return *out_bytes ? 0 : -1;
}

/* ---- plan ---- */

static int check_permissions(const struct release *release, struct error *error)
{
    static const struct {
        const char *verb, *group, *version, *resource;
    } NEEDED[] = {{"list", "", "v1", "secrets"},
                  {"create", "", "v1", "secrets"},
                  {"update", "", "v1", "secrets"},
                  {"patch", "apps", "v1", "statefulsets"}};
    for (size_t i = 0; i < sizeof NEEDED / sizeof *NEEDED; i++) {
        const struct resource resource = {NEEDED[i].group, NEEDED[i].version, NEEDED[i].resource,
                                          release->namespace, NULL};
        bool allowed = false;
        char why[256] = "";
        if (release->cluster->calls->allowed(release->cluster, NEEDED[i].verb, &resource, &allowed, why,
                                             error))
            return -1;
        if (!allowed)
            return error_set(error, ERROR_CLUSTER_DENIED, "not allowed to %s %s in %s%s%s", NEEDED[i].verb,
                             NEEDED[i].resource, release->namespace, *why ? ": " : "", why);
    }
    return 0;
}

static void plan(const struct visit *visit, const json_t *world, struct plan_answer *answer)
{
    struct release release = release_of(visit);
    struct upgrade_goal goal;
    struct settled_upgrade settled = {0};
    char *bytes = NULL;
    answer->kind = PLAN_REFUSED;
    if (!goal_of(visit, world, &goal, &bytes, &answer->error) &&
        !check_permissions(&release, &answer->error) &&
        !upgrade_settle(visit, &release, &goal, &settled, &answer->error)) {
        int64_t base = json_int(settled.base, "revision", 0);
        char hex[DIGEST_HEX_SIZE];
        digest_hex(&settled.chart.digest, hex);
        answer->kind = PLAN_OK;
        answer->changes = json_incref(settled.changes);
        answer->outputs = json_pack("{s:I,s:I,s:s+++,s:s}", "revision", (json_int_t)base + 1, "base_revision",
                                    (json_int_t)base, "chart", settled.chart.name, "-", settled.chart.version,
                                    "", "chart_sha256", hex);
        snprintf(answer->summary, sizeof answer->summary,
                 "revision %lld → %lld, chart %s-%s (pinned), %zu change%s", (long long)base,
                 (long long)base + 1, settled.chart.name, settled.chart.version,
                 json_array_size(settled.changes), json_array_size(settled.changes) == 1 ? "" : "s");
    }
    settled_upgrade_clear(&settled);
    free(bytes);
}

/* ---- prepare, apply ---- */

static void keep_upgrade(const struct visit *visit, const struct upgrade_goal *goal, struct answer *answer)
{
    struct release release = release_of(visit);
    struct settled_upgrade settled = {0};
    struct error error = {0};
    json_t *checkpoint = NULL;
    if (!upgrade_settle(visit, &release, goal, &settled, &error))
        checkpoint = upgrade_keep(visit, &release, goal, &settled, &error);
    if (checkpoint) {
        answer_done(answer, NULL);
        answer->checkpoint = checkpoint;
    } else {
        answer_failed(answer, &error);
    }
    settled_upgrade_clear(&settled);
}

static void prepare(const struct visit *visit, struct answer *answer)
{
    struct upgrade_goal goal;
    struct error error = {0};
    char *bytes = NULL;
    if (goal_of(visit, NULL, &goal, &bytes, &error))
        answer_failed(answer, &error);
    else
        keep_upgrade(visit, &goal, answer);
    free(bytes);
}

static json_t *outputs_of(const json_t *revision, const json_t *checkpoint)
{
    return json_pack("{s:I,s:O,s:s,s:O}", "revision", (json_int_t)json_int(revision, "revision", 0),
                     "base_revision", json_object_get(checkpoint, "base_revision"), "chart",
                     json_text(revision, "chart", ""), "chart_sha256",
                     json_object_get(checkpoint, "chart_sha256"));
}

static void say_done(const json_t *revision, const json_t *checkpoint, char summary[256])
{
    snprintf(summary, 256, "revision %lld → %lld, chart %s (pinned)",
             (long long)json_int(checkpoint, "base_revision", 0),
             (long long)json_int(revision, "revision", 0), json_text(revision, "chart", ""));
}

/* helm has left: its history says what it did, its exit status only why not. */
static void judge_exit(const struct visit *visit, struct answer *answer)
{
    struct release release = release_of(visit);
    struct error error = {0};
    json_t *history = helm_history(&release, &error);
    json_t *this_start = json_pack("[{s:O}]", "checkpoint", visit->checkpoint);
    const json_t *checkpoint = NULL;
    const json_t *made = history ? token_success(history, this_start, &checkpoint) : NULL;
    const json_t *newest = history ? history_newest(history) : NULL;
    if (made) {
        answer_done(answer, outputs_of(made, checkpoint));
        say_done(made, checkpoint, answer->summary);
    } else if (!history || visit->child->exit_status == 0 || revision_is_pending(newest)) {
        if (history)
            error_set(&error, ERROR_HELM,
                      "helm left with status %d, and its history does not say what became of it",
                      visit->child->exit_status);
        answer_unknown(answer, &error);
    } else {
        helm_error("upgrade", visit->child->exit_status, visit->child->err ? visit->child->err : "", &error);
        answer_failed(answer, &error);
    }
    json_decref(this_start);
    json_decref(history);
}

static void apply(const struct visit *visit, struct answer *answer)
{
    struct error error;
    switch (visit->child->state) {
    case CHILD_RUNNING:
        answer_again(answer, CHILD_LOOK_MS);
        answer->acting = true;
        error_set(&answer->error, ERROR_NOT_YET, "helm is running");
        break;
    case CHILD_EXITED:
        judge_exit(visit, answer);
        break;
    default:
        error_set(&error, ERROR_HELM, "helm is gone, and left no record of its end");
        answer_unknown(answer, &error);
    }
}

/* ---- probe, mend ---- */

static void probe(const struct visit *visit, struct probe_answer *answer)
{
    struct release release = release_of(visit);
    json_t *history = helm_history(&release, &answer->error);
    const json_t *checkpoint = NULL;
    answer->kind = PROBE_CANNOT_TELL;
    if (!history)
        return;
    const json_t *made = token_success(history, visit->starts, &checkpoint);
    if (made) {
        answer->kind = PROBE_DONE;
        answer->outputs = outputs_of(made, checkpoint);
    } else if (!token_leftover(&release, history, visit->starts, &answer->found, &answer->error)) {
        answer->kind = PROBE_NOT_DONE;
        answer->mend = !strncmp(json_text(answer->found, "status", ""), "pending-", strlen("pending-"));
    }
    json_decref(history);
}

/* Deleting just the pending record and upgrading again moves no workload; a rollback would (tried on helm 3.6
 * to 4.1). */
static void mend(const struct visit *visit, const json_t *found, struct answer *answer)
{
    struct cluster *cluster = visit->cluster;
    struct error error = {0};
    const struct resource secret = {"", "v1", "secrets", json_text(found, "namespace", ""),
                                    json_text(found, "secret", "")};
    if (!visit->pass(visit, &error))
        answer->kind = ANSWER_TURNED_BACK;
    else if (cluster->calls->remove(cluster, &secret, json_text(found, "uid", ""),
                                    json_text(found, "resource_version", ""), &error))
        answer_failed(answer, &error);
    else
        answer_done(answer, NULL);
}

/* ---- undo ---- */

/* Only what is still ours may be taken back: the newest revision must be one of this step's. */
static int check_newest_is_ours(const struct release *release, const json_t *starts, struct error *error)
{
    json_t *history = helm_history(release, error);
    const json_t *checkpoint = NULL;
    if (!history)
        return -1;
    const json_t *made = token_success(history, starts, &checkpoint);
    int result = 0;
    if (made && made != history_newest(history))
        result = error_set(error, ERROR_CANNOT_UNDO,
                           "release %s has been upgraded by somebody else since (revision %lld)",
                           release->name, (long long)json_int(history_newest(history), "revision", 0));
    json_decref(history);
    return result;
}

/* To the chart and values of the base of the visit's first start. */
static void undo_prepare(const struct visit *visit, struct answer *answer)
{
    struct release release = release_of(visit);
    struct error error = {0};
    json_t *values = NULL;
    char *bytes = NULL;
    if (!check_newest_is_ours(&release, visit->starts, &error))
        values = helm_values(&release, json_int(visit->checkpoint, "base_revision", 0), &error);
    if (values) {
        bytes = json_canonical(values); /* JSON is YAML */
        const char *chart = json_text(visit->inputs, "chart", "");
        json_t *base = json_pack("{s:O}", "chart", json_object_get(visit->checkpoint, "base_chart"));
        const char *version = revision_chart_version(base, chart);
        struct upgrade_goal goal = {
            .chart = chart, .version = version, .values = bytes, .values_length = strlen(bytes)};
        keep_upgrade(visit, &goal, answer);
        json_decref(base);
    } else {
        answer_failed(answer, &error);
    }
    free(bytes);
    json_decref(values);
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
    .plan = plan,
    .prepare = prepare,
    .probe = probe,
    .apply = apply,
    .mend = mend,
    .undo_prepare = undo_prepare,
    .undo_probe = probe,
    .undo = apply,
    .runs_child = true,
    .child_may_finish = true,
    .undo_effect = EFFECT_CONVERGE,
};
