/* What is settled before helm runs: the base, the chart's bytes, the values, and that no pod would restart.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "steps/helm_upgrade.h"
#include "steps/manifest.h"

/* ---- the base ---- */

static int settle_base(const struct release *release, struct settled_upgrade *settled, struct error *error)
{
    settled->history = helm_history(release, error);
    if (!settled->history)
        return -1;
    settled->base = history_newest(settled->history);
    settled->deployed = history_deployed(settled->history);
    if (revision_is_pending(settled->base)) {
        error_set(error, ERROR_HELM_PENDING,
                  "revision %lld of %s is %s since %s (\"%s\"), and was not made by this run",
                  (long long)json_int(settled->base, "revision", 0), release->name,
                  json_text(settled->base, "status", ""), json_text(settled->base, "updated", "?"),
                  json_text(settled->base, "description", ""));
        return error_next(error, "find out whose helm that is; pawl never touches it");
    }
    if (!settled->deployed)
        return error_set(error, ERROR_REFUSED, "release %s has no deployed revision to go on from",
                         release->name);
    return 0;
}

/* ---- chart and values ---- */

static int settle_chart(const struct visit *visit, const struct release *release,
                        const struct upgrade_goal *goal, struct settled_upgrade *settled, struct error *error)
{
    const char *version = goal->version ? goal->version : revision_chart_version(settled->base, goal->chart);
    if (!version)
        return error_set(error, ERROR_REFUSED,
                         "the version of the deployed chart \"%s\" cannot be told: give `version:`",
                         json_text(settled->base, "chart", ""));
    return helm_pull(release, goal->chart, version, visit->folder, &settled->chart, error);
}

static int settle_values(const struct visit *visit, const struct upgrade_goal *goal,
                         struct settled_upgrade *settled, struct error *error)
{
    settled->values_path = string_format("%s/values.yaml", visit->folder);
    return file_replace(settled->values_path, goal->values, goal->values_length, 0600, error);
}

/* ---- values that change ---- */

/* Is `path` one of the expected ones, or below one? */
static bool is_expected(const json_t *expected, const char *path)
{
    size_t index;
    json_t *one;
    json_array_foreach(expected, index, one)
    {
        const char *text = json_string_value(one);
        size_t length = text ? strlen(text) : 0;
        if (length && !strncmp(path, text, length) && (path[length] == '\0' || path[length] == '.'))
            return true;
    }
    return false;
}

/* `expect_changes:`, or what this run's edit_values steps have set in this file. A new reference. */
static json_t *expected_changes(const struct visit *visit)
{
    json_t *given = json_object_get(visit->inputs, "expect_changes");
    if (json_is_array(given))
        return json_incref(given);
    json_t *expected = json_array();
    size_t index;
    json_t *edit;
    json_array_foreach(visit->edits, index, edit)
    {
        const char *path;
        json_t *value;
        if (strcmp(json_text(edit, "file", ""), json_text(visit->inputs, "values", "")))
            continue;
        json_object_foreach(json_object_get(edit, "set"), path, value)
            json_array_append_new(expected, json_string(path));
    }
    return expected;
}

static void join(const json_t *list, struct text *text)
{
    size_t index;
    json_t *one;
    json_array_foreach(list, index, one) text_format(text, "%s%s", index ? ", " : "", json_string_value(one));
}

static int check_values(const struct visit *visit, const struct release *release,
                        const struct settled_upgrade *settled, const json_t *dry_run, struct error *error)
{
    json_t *before = helm_values(release, json_int(settled->base, "revision", 0), error);
    if (!before)
        return -1;
    json_t *expected = expected_changes(visit), *unexpected = json_array();
    json_t *paths = json_differences(before, json_object_get(dry_run, "config"));
    size_t index;
    json_t *path;
    json_array_foreach(paths, index, path) if (!is_expected(expected, json_string_value(path)))
        json_array_append(unexpected, path);
    int result = 0;
    if (json_array_size(unexpected)) {
        struct text list = {0};
        join(unexpected, &list);
        result = error_set(error, ERROR_REFUSED, "%s would change more than this run has set: %s",
                           json_text(visit->inputs, "values", ""), text_string(&list));
        error_next(
            error,
            "compare it with `helm get values %s -n %s`; what shall change belongs into expect_changes:",
            release->name, release->namespace);
        text_clear(&list);
    }
    json_decref(paths);
    json_decref(unexpected);
    json_decref(expected);
    json_decref(before);
    return result;
}

/* ---- pods that would restart ---- */

/* "statefulsets" of "StatefulSet": these kinds' plurals are regular. */
static struct resource workload_resource(const json_t *object, const char *namespace, char group[64],
                                         char version[32], char plural[64])
{
    const char *api = json_text(object, "apiVersion", "v1"), *slash = strchr(api, '/');
    const json_t *metadata = json_object_get(object, "metadata");
    snprintf(group, 64, "%.*s", slash ? (int)(slash - api) : 0, api);
    snprintf(version, 32, "%s", slash ? slash + 1 : api);
    snprintf(plural, 64, "%ss", json_text(object, "kind", ""));
    for (char *at = plural; *at; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
    return (struct resource){group, version, plural, json_text(metadata, "namespace", namespace),
                             json_text(metadata, "name", "")};
}

/* Would the live object's pod template change if the new one were laid over it? helm takes back what others
 * changed by hand, so the manifests alone do not tell (tried: `kubectl set image`, then a scale-out). */
static int live_template_changes(const struct release *release, const json_t *object, bool *out,
                                 struct error *error)
{
    char group[64], version[32], plural[64];
    struct resource resource = workload_resource(object, release->namespace, group, version, plural);
    const struct cluster_calls *calls = release->cluster->calls;
    json_t *live = NULL, *after = NULL;
    *out = false;
    if (calls->get(release->cluster, &resource, &live, error))
        return -1;
    int result = 0;
    if (live) {
        json_t *patch = json_pack("{s:{s:O}}", "spec", "template", json_at(object, "spec", "template", NULL));
        result = calls->patch(release->cluster, &resource, PATCH_STRATEGIC, patch, true, &after, error);
        *out = !result &&
               !json_equal(json_at(live, "spec", "template", NULL), json_at(after, "spec", "template", NULL));
        json_decref(patch);
    }
    json_decref(live);
    json_decref(after);
    return result;
}

static int add_live_changes(const struct release *release, const json_t *manifest, json_t *titles,
                            struct error *error)
{
    size_t index;
    json_t *object;
    json_array_foreach(manifest, index, object)
    {
        bool changes = false;
        if (!object_is_workload(object) || !json_at(object, "spec", "template", NULL))
            continue;
        if (live_template_changes(release, object, &changes, error))
            return -1;
        if (!changes)
            continue;
        char *title = object_title(object);
        json_t *text = json_string_nocheck(title);
        bool known = false;
        size_t place;
        json_t *other;
        json_array_foreach(titles, place, other) known = known || json_equal(other, text);
        if (!known)
            json_array_append(titles, text);
        json_decref(text);
        free(title);
    }
    return 0;
}

static int refuse_restarts(const json_t *titles, struct error *error)
{
    if (!json_array_size(titles))
        return 0;
    struct text list = {0};
    join(titles, &list);
    error_set(error, ERROR_REFUSED, "the upgrade would change the pod template of %s: its pods would restart",
              text_string(&list));
    error_next(error,
               "a scaling must not restart a pod: look at `helm diff`, or at what was changed by hand; "
               "allow_restarts: true where it is meant");
    text_clear(&list);
    return -1;
}

static int check_restarts(const struct visit *visit, const struct release *release,
                          struct settled_upgrade *settled, const json_t *dry_run, struct error *error)
{
    char *deployed = helm_manifest(release, json_int(settled->deployed, "revision", 0), error);
    json_t *before = deployed ? manifest_read(deployed, error) : NULL;
    json_t *after = before ? manifest_read(json_text(dry_run, "manifest", ""), error) : NULL;
    int result = after ? 0 : -1;
    if (after) {
        settled->changes = manifest_changes(before, after);
        json_t *titles = manifest_changed_templates(before, after);
        if (!json_bool(visit->inputs, "allow_restarts", false)) {
            result = add_live_changes(release, after, titles, error);
            if (!result)
                result = refuse_restarts(titles, error);
        }
        json_decref(titles);
    }
    free(deployed);
    json_decref(before);
    json_decref(after);
    return result;
}

int upgrade_settle(const struct visit *visit, const struct release *release, const struct upgrade_goal *goal,
                   struct settled_upgrade *settled, struct error *error)
{
    *settled = (struct settled_upgrade){0};
    if (settle_base(release, settled, error) || settle_chart(visit, release, goal, settled, error) ||
        settle_values(visit, goal, settled, error))
        return -1;
    json_t *dry_run = helm_dry_run(release, settled->chart.path, settled->values_path, error);
    if (!dry_run)
        return -1;
    int result = 0;
    if (goal->checks)
        result = check_values(visit, release, settled, dry_run, error);
    if (!result && goal->checks)
        result = check_restarts(visit, release, settled, dry_run, error);
    json_decref(dry_run);
    return result;
}

void settled_upgrade_clear(struct settled_upgrade *settled)
{
    json_decref(settled->history);
    json_decref(settled->changes);
    chart_clear(&settled->chart);
    free(settled->values_path);
}

/* ---- the keeper ---- */

/* 160 bits, new for every start: the key and the start's number name it among all stores, the random bits
 * keep two restored copies of one store apart. */
static void make_token(const struct visit *visit, char token[TOKEN_HEX_SIZE])
{
    char *seed = string_format("%s/%d/%llu/%lld", visit->key, visit->start, (unsigned long long)visit->random,
                               (long long)visit->wall_ms);
    struct digest digest = digest_of(seed, strlen(seed));
    char hex[DIGEST_HEX_SIZE];
    digest_hex(&digest, hex);
    snprintf(token, TOKEN_HEX_SIZE, "%.40s", hex);
    free(seed);
}

static void add_environment(struct program *program, const char *name, const char *value)
{
    size_t count = 0;
    while (program->environment && program->environment[count])
        count++;
    program->environment = memory_resize(program->environment, count + 2, sizeof *program->environment);
    program->environment[count] = string_format("%s=%s", name, value);
    program->environment[count + 1] = NULL;
}

/* pawl's own path, for helm's post-renderer. */
static char *own_path(void)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    return length > 0 ? string_format("%.*s", (int)length, path) : string_copy("/proc/self/exe");
}

json_t *upgrade_keep(const struct visit *visit, const struct release *release,
                     const struct upgrade_goal *goal, const struct settled_upgrade *settled,
                     struct error *error)
{
    int labels = helm_has_labels(release->cluster, error);
    if (labels < 0)
        return NULL;
    char token[TOKEN_HEX_SIZE];
    make_token(visit, token);
    char *description = string_format("pawl %s by %s, %s", visit->key, visit->actor, token);
    char *label = string_format(TOKEN_LABEL "=%s", token), *self = own_path();
    const char *arguments[] = {"upgrade",
                               release->name,
                               settled->chart.path,
                               "-n",
                               release->namespace,
                               "-f",
                               settled->values_path,
                               "--description",
                               description,
                               labels ? "--labels" : "--post-renderer",
                               labels ? label : self,
                               goal->waits ? "--wait" : NULL,
                               NULL};
    struct program program = {0};
    json_t *keeper = NULL, *checkpoint = NULL;
    char hex[DIGEST_HEX_SIZE];
    digest_hex(&settled->chart.digest, hex);
    if (!release->cluster->calls->helm_program(release->cluster, arguments, visit->folder, &program, error)) {
        char run[24];
        snprintf(run, sizeof run, "%lld", (long long)visit->run);
        add_environment(&program, "PAWL_RUN", run);
        add_environment(&program, "PAWL_KEY", visit->key);
        if (!labels)
            add_environment(&program, TOKEN_VARIABLE, token);
        keeper = visit->keep(visit, &program, NULL, error);
    }
    if (keeper)
        checkpoint = json_pack("{s:o,s:s,s:b,s:I,s:s,s:s,s:s}", "keeper", keeper, "token", token, "labelled",
                               labels, "base_revision", (json_int_t)json_int(settled->base, "revision", 0),
                               "base_chart", json_text(settled->base, "chart", ""), "version",
                               settled->chart.version, "chart_sha256", hex);
    program_clear(&program);
    free(description);
    free(label);
    free(self);
    return checkpoint;
}
