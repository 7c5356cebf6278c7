/* What a helm_upgrade would do: a dry run with the values as the steps before it would leave them, and
 * whether the caller may do it. Nothing is kept: what is fetched lies in a private folder that is removed
 * again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "steps/helm_bodies.h"
#include "steps/helm_look.h"
#include "steps/manifest.h"

/* ---- the values as they will be ---- */

/* free() it. */
static char *values_text(const struct visit *visit, const json_t *world, size_t *length, struct error *error)
{
    const char *path = json_text(visit->inputs, "values", "");
    const json_t *files = json_object_get(world, "files");
    char *real = realpath(path, NULL);
    const json_t *edited = json_object_get(files, path);
    if (!edited && real)
        edited = json_object_get(files, real);
    free(real);
    if (!edited)
        return file_read(path, LIMIT_VALUES_FILE_BYTES, length, error);
    *length = json_string_length(edited);
    return string_copy(json_string_value(edited));
}

/* ---- permissions ---- */

/* What helm does with its records, and what we do where one is left pending. */
static int ask_about_records(const struct visit *visit, const struct helm_look *look, struct error *error)
{
    static const struct permission needed[] = {
        {"list", "", "v1", "secrets", NULL},   {"get", "", "v1", "secrets", NULL},
        {"create", "", "v1", "secrets", NULL}, {"update", "", "v1", "secrets", NULL},
        {"delete", "", "v1", "secrets", NULL},
    };
    json_t *records = helm_records(&look->release, error);
    bool elsewhere = !json_array_size(records);
    int result = records ? 0 : -1;
    json_decref(records);
    for (size_t i = 0; i < sizeof needed / sizeof *needed && !elsewhere && !result; i++)
        result = permission_ask(visit->cluster, &needed[i], look->release.namespace, visit->permissions,
                                error);
    return result;
}

static int ask_about_workloads(const struct visit *visit, const struct helm_look *look, struct error *error)
{
    static const char *const verbs[] = {"get", "patch"};
    size_t index;
    json_t *change;
    json_array_foreach(look->object_changes, index, change)
    {
        struct resource resource;
        json_t *object = json_object_get(look->objects, json_text(change, "object", ""));
        if (!object || !manifest_workload(object, look->release.namespace, &resource))
            continue;
        for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
            struct permission needed = {verbs[i], resource.group, resource.version, resource.resource, NULL};
            if (permission_ask(visit->cluster, &needed, resource.namespace, visit->permissions, error))
                return -1;
        }
    }
    return 0;
}

/* ---- what is told ---- */

static json_t *as_text(const json_t *value)
{
    if (json_is_string(value))
        return json_string(json_string_value(value));
    char *text = json_canonical(value);
    json_t *string = json_string(text);
    free(text);
    return string;
}

static void tell(json_t *changes, const char *what, const char *path, const json_t *from, const json_t *to)
{
    json_array_append_new(changes, json_pack("{s:o,s:o,s:o}", "what",
                                             json_sprintf("%s%s%s", what, *path ? " " : "", path), "from",
                                             as_text(from), "to", as_text(to)));
}

/* An object's change: with both sides where it is one value, else the paths. */
static void tell_object(json_t *changes, const json_t *change)
{
    const json_t *paths = json_object_get(change, "paths");
    const char *name = json_text(change, "object", "");
    if (json_object_get(change, "to")) {
        tell(changes, name, json_string_value(json_array_get(paths, 0)), json_object_get(change, "from"),
             json_object_get(change, "to"));
        return;
    }
    json_array_append_new(changes, json_pack("{s:s,s:s,s:O,s:O}", "what", name, "from", "", "to",
                                             json_object_get(change, "change"), "paths",
                                             json_object_get(change, "paths")));
}

static void tell_all(const struct helm_look *look, struct plan_answer *answer)
{
    size_t index;
    json_t *change;
    answer->kind = PLAN_OK;
    answer->changes = json_array();
    json_array_foreach(look->value_changes, index, change)
        tell(answer->changes, "values", json_text(change, "path", ""), json_object_get(change, "from"),
             json_object_get(change, "to"));
    json_array_foreach(look->object_changes, index, change) tell_object(answer->changes, change);
    answer->outputs = json_pack("{s:I,s:I,s:s,s:s}", "revision", (json_int_t)look->base_revision + 1,
                                "base_revision", (json_int_t)look->base_revision, "chart", look->chart,
                                "chart_sha256", look->sha256);
    summary_set(&answer->summary, "%s/%s revision %lld → %lld, chart %s (pinned, %.12s)%s",
                look->release.namespace, look->release.name, (long long)look->base_revision,
                (long long)look->base_revision + 1, look->chart, look->sha256,
                json_array_size(look->object_changes) ? "" : ": no object changes");
}

/* ---- looking ---- */

static int look(const struct visit *visit, const json_t *world, struct helm_look *look, struct error *error)
{
    size_t length = 0;
    bool allow_restarts = json_bool(visit->inputs, "allow_restarts", false);
    char *values = values_text(visit, world, &length, error);
    json_t *expected = helm_expected_changes(visit);
    int result = values && !helm_look_at_base(look, error) &&
                         !helm_look_at_chart(look, json_text(visit->inputs, "chart", ""),
                                             json_text(visit->inputs, "version", NULL), look->base_chart,
                                             error) &&
                         !helm_look_ahead(look, values, length, error) &&
                         !helm_look_check_values(look, expected, error) &&
                         (allow_restarts || !helm_look_check_restarts(look, error)) &&
                         !ask_about_records(visit, look, error) && !ask_about_workloads(visit, look, error)
                     ? 0
                     : -1;
    json_decref(expected);
    free(values);
    return result;
}

void helm_plan(const struct visit *visit, const json_t *world, struct plan_answer *answer)
{
    struct helm_look seen;
    answer->kind = PLAN_REFUSED;
    char *folder = folder_temporary("pawl-plan", &answer->error);
    if (!folder)
        return;
    helm_look_begin(&seen, visit, folder);
    if (!look(visit, world, &seen, &answer->error))
        tell_all(&seen, answer);
    helm_look_clear(&seen);
    folder_remove(folder);
    free(folder);
}
