#include "steps/helm_look.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "steps/difference.h"
#include "steps/manifest.h"

#define NAMED_LIMIT 700 /* bytes of a list of names within an error */

void helm_look_begin(struct helm_look *look, const struct visit *visit, const char *folder)
{
    *look = (struct helm_look){.release = {.cluster = visit->cluster,
                                           .namespace = json_text(visit->inputs, "namespace", ""),
                                           .name = json_text(visit->inputs, "release", "")},
                               .folder = folder};
}

void helm_look_clear(struct helm_look *look)
{
    json_decref(look->history);
    free(look->base_chart);
    free(look->archive);
    free(look->chart);
    free(look->values_path);
    json_decref(look->values_before);
    json_decref(look->values_after);
    json_decref(look->value_changes);
    json_decref(look->objects);
    json_decref(look->object_changes);
    *look = (struct helm_look){0};
}

/* ---- the base ---- */

static int pending_error(const struct release *release, const json_t *revision, struct error *error)
{
    long long number = json_int(revision, "revision", 0);
    error_set(error, ERROR_HELM_PENDING,
              "release %s/%s: revision %lld is %s since %s (%s), and not of this step", release->namespace,
              release->name, number, json_text(revision, "status", "pending"),
              json_text(revision, "updated", "?"), json_text(revision, "description", ""));
    return error_next(error,
                      "find out whose it is; where nobody's helm runs any more, remove its record "
                      "(Secret sh.helm.release.v1.%s.v%lld) or roll back, then resume",
                      release->name, number);
}

int helm_look_at_base(struct helm_look *look, struct error *error)
{
    look->history = helm_history(&look->release, error);
    const json_t *newest = history_newest(look->history);
    if (!look->history)
        return -1;
    if (revision_is_pending(newest))
        return pending_error(&look->release, newest, error);
    const json_t *deployed = history_newest_deployed(look->history);
    if (!deployed)
        return error_set(error, ERROR_REFUSED, "release %s/%s has no deployed revision, its newest is %s",
                         look->release.namespace, look->release.name, json_text(newest, "status", "?"));
    look->base_revision = json_int(newest, "revision", 0);
    look->deployed_revision = json_int(deployed, "revision", 0);
    look->base_chart = string_copy(json_text(deployed, "chart", ""));
    return 0;
}

int helm_check_base(const struct release *release, int64_t base_revision, struct error *error)
{
    json_t *history = helm_history(release, error);
    const json_t *newest = history_newest(history);
    int64_t revision = json_int(newest, "revision", 0);
    int result = history ? 0 : -1;
    if (history && revision_is_pending(newest))
        result = pending_error(release, newest, error);
    else if (history && revision != base_revision)
        result = error_set(error, ERROR_HELM_CHANGED,
                           "release %s/%s was upgraded by somebody else just now: revision %lld, not %lld",
                           release->namespace, release->name, (long long)revision, (long long)base_revision);
    json_decref(history);
    return result;
}

/* ---- the chart ---- */

/* Behind the first "-" that digits and dots follow as in 1.0.0: names hold dashes, versions too. */
const char *chart_version_of(const char *chart)
{
    for (const char *dash = chart; (dash = strchr(dash, '-')); dash++) {
        const char *version = dash + 1, *at = version + (*version == 'v');
        size_t major = strspn(at, "0123456789");
        size_t minor = major && at[major] == '.' ? strspn(at + major + 1, "0123456789") : 0;
        if (major && minor && at[major + 1 + minor] == '.' && isdigit((unsigned char)at[major + minor + 2]))
            return version;
    }
    return NULL;
}

static char *name_of_archive(const char *archive)
{
    const char *name = strrchr(archive, '/') + 1;
    return string_format("%.*s", (int)(strlen(name) - strlen(".tgz")), name);
}

int helm_look_at_chart(struct helm_look *look, const char *chart, const char *version, const char *like,
                       struct error *error)
{
    const char *wanted = version ? version : chart_version_of(like);
    char *folder = string_format("%s/chart", look->folder);
    struct digest digest;
    int result = -1;
    if (!wanted)
        error_set(error, ERROR_REFUSED, "the deployed chart \"%s\" shows no version: give version:", like);
    else
        look->archive = helm_pull(&look->release, chart, wanted, folder, error);
    if (look->archive && !digest_of_file(look->archive, &digest, error)) {
        digest_hex(&digest, look->sha256);
        look->chart = name_of_archive(look->archive);
        result = 0;
    }
    if (!result && !version && strcmp(look->chart, like)) {
        result = error_set(error, ERROR_REFUSED, "the release's chart is %s, but %s gives %s", like, chart,
                           look->chart);
        error_next(error, "name the release's own chart, or say version: to change it");
    }
    free(folder);
    return result;
}

/* ---- what would change ---- */

static int compare_values(struct helm_look *look, const json_t *rendered, struct error *error)
{
    json_t *given = json_object_get(rendered, "config");
    look->values_before = helm_values(&look->release, look->deployed_revision, error);
    if (!look->values_before)
        return -1;
    look->values_after = json_is_object(given) ? json_incref(given) : json_object();
    look->value_changes = difference_of(look->values_before, look->values_after);
    return 0;
}

static int compare_objects(struct helm_look *look, const json_t *rendered, struct error *error)
{
    const char *text = json_text(rendered, "manifest", NULL);
    char *manifest = helm_manifest(&look->release, look->deployed_revision, error);
    json_t *before = manifest
                         ? manifest_read(manifest, look->release.namespace, "the deployed manifest", error)
                         : NULL;
    if (before && !text)
        error_set(error, ERROR_CLUSTER_ANSWER, "helm's dry run printed no manifest");
    else if (before)
        look->objects = manifest_read(text, look->release.namespace, "the new manifest", error);
    if (look->objects)
        look->object_changes = manifest_compare(before, look->objects);
    json_decref(before);
    free(manifest);
    return look->objects ? 0 : -1;
}

int helm_look_ahead(struct helm_look *look, const char *values, size_t length, struct error *error)
{
    look->values_path = string_format("%s/values.yaml", look->folder);
    if (file_replace(look->values_path, values, length, 0600, error))
        return -1;
    json_t *rendered = helm_dry_run(&look->release, look->archive, look->values_path, look->folder, error);
    int result = rendered && !compare_values(look, rendered, error) && !compare_objects(look, rendered, error)
                     ? 0
                     : -1;
    json_decref(rendered);
    return result;
}

/* ---- whether it may ---- */

/* The path itself, or something below it. */
static bool is_covered(const char *path, const json_t *expected)
{
    size_t index;
    json_t *entry;
    json_array_foreach(expected, index, entry)
    {
        const char *text = json_string_value(entry);
        size_t length = text ? strlen(text) : 0;
        if (length && !strncmp(path, text, length) &&
            (!path[length] || path[length] == '.' || path[length] == '['))
            return true;
    }
    return false;
}

/* Names are added up to the limit; what does not fit is counted. */
struct names {
    struct text text;
    int left_out;
};

static void names_add(struct names *names, const char *name)
{
    if (names->text.length + strlen(name) > NAMED_LIMIT)
        names->left_out++;
    else
        text_format(&names->text, "%s%s", names->text.length ? ", " : "", name);
}

static const char *names_end(struct names *names)
{
    if (names->left_out)
        text_format(&names->text, " and %d more", names->left_out);
    return text_string(&names->text);
}

static bool names_any(const struct names *names)
{
    return names->text.length || names->left_out;
}

int helm_look_check_values(const struct helm_look *look, const json_t *expected, struct error *error)
{
    struct names names = {0};
    size_t index;
    json_t *change;
    json_array_foreach(look->value_changes, index,
                       change) if (!is_covered(json_text(change, "path", ""), expected))
        names_add(&names, json_text(change, "path", ""));
    int result = 0;
    if (names_any(&names)) {
        result = error_set(
            error, ERROR_REFUSED,
            "the values file differs from revision %lld of %s/%s in more than this run sets: %s",
            (long long)look->deployed_revision, look->release.namespace, look->release.name,
            names_end(&names));
        error_next(error,
                   "compare it with `helm get values %s -n %s`, put it right, or list what may change in "
                   "expect_changes:",
                   look->release.name, look->release.namespace);
    }
    text_clear(&names.text);
    return result;
}

/* 1: the live object's pods would be replaced; 0: not; -1: the error is filled. */
static int live_restarts(const struct helm_look *look, const json_t *object, struct error *error)
{
    struct resource resource;
    json_t *template = manifest_pod_template(object), *live = NULL, *after = NULL;
    const struct cluster_calls *calls = look->release.cluster->calls;
    if (!template || !manifest_workload(object, look->release.namespace, &resource))
        return 0;
    if (calls->get(look->release.cluster, &resource, &live, error))
        return -1;
    if (!live)
        return 0; /* nothing runs that could be restarted */
    json_t *patch = json_pack("{s:{s:O}}", "spec", "template", template);
    int result = calls->patch(look->release.cluster, &resource, PATCH_STRATEGIC, patch, true, &after, error);
    if (!result)
        result = !difference_is_none(json_at(live, "spec", "template", NULL),
                                     json_at(after, "spec", "template", NULL));
    json_decref(patch);
    json_decref(after);
    json_decref(live);
    return result;
}

static bool restarts_by_manifest(const struct helm_look *look, const char *key)
{
    size_t index;
    json_t *change;
    json_array_foreach(look->object_changes, index,
                       change) if (!strcmp(json_text(change, "object", ""),
                                           key)) return json_bool(change, "restarts", false);
    return false;
}

static int find_restarts(const struct helm_look *look, struct names *names, struct error *error)
{
    size_t index;
    json_t *change, *object;
    const char *key;
    json_array_foreach(look->object_changes, index, change) if (json_bool(change, "restarts", false))
        names_add(names, json_text(change, "object", ""));
    json_object_foreach(look->objects, key, object)
    {
        int restarts = restarts_by_manifest(look, key) ? 0 : live_restarts(look, object, error);
        if (restarts < 0)
            return error_context(error, "%s", key);
        if (restarts) {
            char *name = string_format("%s (changed by hand since it was deployed)", key);
            names_add(names, name);
            free(name);
        }
    }
    return 0;
}

int helm_look_check_restarts(const struct helm_look *look, struct error *error)
{
    struct names names = {0};
    int result = find_restarts(look, &names, error);
    if (!result && names_any(&names)) {
        result = error_set(error, ERROR_REFUSED,
                           "the upgrade with chart %s (%.12s) would restart the pods of: %s", look->chart,
                           look->sha256, names_end(&names));
        error_next(error,
                   "use the chart that was deployed; say allow_restarts: true where that is what you want");
    }
    text_clear(&names.text);
    return result;
}
