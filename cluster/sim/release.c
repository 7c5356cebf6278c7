#include "cluster/sim/release.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "cluster/sim/chart.h"
#include "cluster/sim/merge.h"
#include "cluster/sim/objects.h"
#include "cluster/sim/workload.h"
#include "cluster/yaml.h"

#define SECRET_TYPE "helm.sh/release.v1"

/* ---- records ---- */

static const char *label(const json_t *record, const char *key)
{
    return json_text(json_at(record, "metadata", "labels", NULL), key, "");
}

int64_t release_revision(const json_t *record)
{
    return strtoll(label(record, "version"), NULL, 10);
}

static bool record_is_of(const json_t *record, const char *namespace, const char *release)
{
    return !strcmp(json_text(record, "type", ""), SECRET_TYPE) && !strcmp(label(record, "name"), release) &&
           !strcmp(json_text(json_object_get(record, "metadata"), "namespace", ""), namespace);
}

/* The newest revision of which `status` is true (NULL: any). */
static json_t *newest(const struct world *world, const char *namespace, const char *release,
                      const char *status)
{
    size_t i;
    json_t *record, *found = NULL;
    json_array_foreach(objects_of(world, "secrets"), i, record)
    {
        if (record_is_of(record, namespace, release) &&
            (!status || !strcmp(label(record, "status"), status)) &&
            (!found || release_revision(record) > release_revision(found)))
            found = record;
    }
    return found;
}

json_t *release_find(const struct world *world, const char *namespace, const char *release, int64_t revision)
{
    size_t i;
    json_t *record;
    if (!revision)
        return newest(world, namespace, release, NULL);
    json_array_foreach(objects_of(world, "secrets"), i, record)
    {
        if (record_is_of(record, namespace, release) && release_revision(record) == revision)
            return record;
    }
    return NULL;
}

static void record_mark(struct world *world, json_t *record, const char *status, const char *description)
{
    json_object_set_new(object_labels(record), "status", json_string(status));
    if (description)
        json_object_set_new(object_sim(record), "description", json_string(description));
    object_touch(world, record);
}

static void record_add(struct world *world, const struct upgrade *upgrade, const char *status,
                       const char *description, json_t *labels)
{
    char name[160], revision[24], updated[CLOCK_TEXT_SIZE];
    snprintf(name, sizeof name, "sh.helm.release.v1.%.80s.v%lld", upgrade->release,
             (long long)upgrade->revision);
    snprintf(revision, sizeof revision, "%lld", (long long)upgrade->revision);
    clock_write(world_wall_ms(world), updated);
    json_object_update_new(labels, json_pack("{s:s, s:s, s:s, s:s}", "owner", "helm", "name",
                                             upgrade->release, "status", status, "version", revision));
    json_t *sim = json_pack("{s:{s:O?, s:O?, s:O?, s:O?}, s:O?, s:s?, s:s?, s:s}", "chart", "name",
                            json_object_get(upgrade->chart, "name"), "version",
                            json_object_get(upgrade->chart, "version"), "app_version",
                            json_object_get(upgrade->chart, "app_version"), "values",
                            json_object_get(upgrade->chart, "values"), "values", upgrade->values, "manifest",
                            upgrade->manifest, "description", description, "updated", updated);
    json_t *secret = json_pack("{s:{s:s, s:s, s:o}, s:s, s:{s:s}, s:o}", "metadata", "name", name,
                               "namespace", upgrade->namespace, "labels", labels, "type", SECRET_TYPE, "data",
                               "release", "c2ltdWxhdGVk", "sim", sim);
    object_add(world, "secrets", secret);
}

/* Old revisions vanish; the deployed one stays. */
static void history_prune(struct world *world, const struct upgrade *upgrade)
{
    for (;;) {
        size_t i, count = 0;
        json_t *record, *oldest = NULL;
        json_array_foreach(objects_of(world, "secrets"), i, record)
        {
            if (!record_is_of(record, upgrade->namespace, upgrade->release))
                continue;
            count++;
            if (strcmp(label(record, "status"), "deployed") &&
                (!oldest || release_revision(record) < release_revision(oldest)))
                oldest = record;
        }
        if (!upgrade->history_max || (int64_t)count < upgrade->history_max || !oldest)
            return;
        object_remove(world, "secrets", oldest);
    }
}

/* ---- phases ---- */

void upgrade_clear(struct upgrade *upgrade)
{
    json_decref(upgrade->chart);
    json_decref(upgrade->values);
    json_decref(upgrade->labels);
    free(upgrade->manifest);
    *upgrade = (struct upgrade){0};
}

int upgrade_begin(struct world *world, struct upgrade *upgrade, struct error *error)
{
    const json_t *last = newest(world, upgrade->namespace, upgrade->release, NULL);
    if (!last)
        return error_set(error, ERROR_HELM, "UPGRADE FAILED: \"%s\" has no deployed releases",
                         upgrade->release);
    if (!strncmp(label(last, "status"), "pending-", strlen("pending-")))
        return error_set(error, ERROR_HELM,
                         "UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress");
    upgrade->base = release_revision(last);
    upgrade->revision = upgrade->base + 1;
    upgrade->manifest = chart_render(upgrade->chart, upgrade->release, upgrade->namespace, upgrade->values,
                                     error);
    return upgrade->manifest ? 0 : error_context(error, "UPGRADE FAILED");
}

int upgrade_record(struct world *world, struct upgrade *upgrade, const char *status, struct error *error)
{
    const json_t *last = newest(world, upgrade->namespace, upgrade->release, NULL);
    if (!last || release_revision(last) != upgrade->base)
        return error_set(error, ERROR_HELM,
                         "UPGRADE FAILED: create: failed to create: secrets "
                         "\"sh.helm.release.v1.%s.v%lld\" already exists",
                         upgrade->release, (long long)upgrade->revision);
    history_prune(world, upgrade);
    last = newest(world, upgrade->namespace, upgrade->release, NULL);
    /* The trap: labels are inherited from the newest revision, whatever became of it. */
    json_t *labels = json_deep_copy(json_at(last, "metadata", "labels", NULL));
    if (upgrade->labels)
        json_object_update(labels, upgrade->labels);
    world_effect(world, "helm_recorded",
                 json_pack("{s:I, s:s}", "revision", (json_int_t)upgrade->revision, "status", status));
    record_add(world, upgrade, status, "Preparing upgrade", labels);
    return 0;
}

static json_t *manifest_object(const json_t *documents, const json_t *like)
{
    size_t i;
    json_t *object;
    json_array_foreach(documents, i, object)
    {
        if (!strcmp(object_name(object), object_name(like)) &&
            !strcmp(json_text(object, "kind", ""), json_text(like, "kind", "")))
            return object;
    }
    return NULL;
}

static json_t *manifest_read(const char *manifest, struct error *error)
{
    return yaml_documents_read(manifest, strlen(manifest), "the manifest", error);
}

/* Patches one object of the manifest; true where it changed. */
static bool object_patch(struct world *world, const char *namespace, const json_t *before,
                         const json_t *wanted)
{
    json_t *live = object_find(world, "statefulsets", namespace, object_name(wanted));
    if (!live) {
        live = json_deep_copy(wanted);
        json_object_set_new(json_object_get(live, "metadata"), "namespace", json_string(namespace));
        json_object_set_new(json_object_get(live, "metadata"), "generation", json_integer(1));
        object_add(world, "statefulsets", live);
        return true;
    }
    json_t *spec = json_deep_copy(json_object_get(live, "spec"));
    json_t *labels = json_deep_copy(object_labels(live));
    three_way_patch(live, before, wanted);
    bool respecified = !json_equal(spec, json_object_get(live, "spec"));
    bool changed = respecified || !json_equal(labels, object_labels(live));
    json_decref(spec);
    json_decref(labels);
    if (respecified)
        statefulset_changed(world, live);
    else if (changed)
        object_touch(world, live);
    return changed;
}

/* The objects that the patch would change: tried on a copy. */
static json_t *changes_of(struct world *world, const char *namespace, const json_t *before,
                          const json_t *wanted)
{
    json_t *changed = json_array(), *object;
    size_t i;
    json_array_foreach(wanted, i, object)
    {
        const json_t *live = object_find(world, "statefulsets", namespace, object_name(object));
        json_t *tried = json_deep_copy(live);
        if (tried)
            three_way_patch(tried, manifest_object(before, object), object);
        if (!tried || !json_equal(tried, live))
            json_array_append_new(changed,
                                  json_sprintf("%s/%s", json_text(object, "kind", "?"), object_name(object)));
        json_decref(tried);
    }
    return changed;
}

static const json_t *template_of(const json_t *object)
{
    return json_at(object, "spec", "template", NULL);
}

/* What a patch means for the workloads: {"replicas": {SET: [from, to]}, "restarts": [SET]}. */
static void moves_add(struct world *world, const char *namespace, const json_t *before, const json_t *wanted,
                      json_t *more)
{
    json_t *replicas = json_object(), *restarts = json_array(), *object;
    size_t i;
    json_array_foreach(wanted, i, object)
    {
        const json_t *live = object_find(world, "statefulsets", namespace, object_name(object));
        json_t *tried = json_deep_copy(live);
        if (!tried)
            continue;
        three_way_patch(tried, manifest_object(before, object), object);
        int64_t from = json_int(json_object_get(live, "spec"), "replicas", 1),
                to = json_int(json_object_get(tried, "spec"), "replicas", 1);
        if (from != to)
            json_object_set_new(replicas, object_name(object),
                                json_pack("[I, I]", (json_int_t)from, (json_int_t)to));
        if (!json_equal(template_of(live), template_of(tried)))
            json_array_append_new(restarts, json_string(object_name(object)));
        json_decref(tried);
    }
    json_object_set_new(more, "replicas", replicas);
    json_object_set_new(more, "restarts", restarts);
}

int upgrade_patch(struct world *world, struct upgrade *upgrade, struct error *error)
{
    const json_t *deployed = newest(world, upgrade->namespace, upgrade->release, "deployed");
    json_t *before = manifest_read(json_text(json_object_get(deployed, "sim"), "manifest", ""), error);
    json_t *wanted = before ? manifest_read(upgrade->manifest, error) : NULL, *object;
    if (!wanted) {
        json_decref(before);
        return -1;
    }
    json_t *changed = changes_of(world, upgrade->namespace, before, wanted);
    bool changes = json_array_size(changed);
    if (changes) {
        json_t *more = json_pack("{s:I, s:O}", "revision", (json_int_t)upgrade->revision, "changed", changed);
        moves_add(world, upgrade->namespace, before, wanted, more);
        world_effect(world, "helm_upgrade", more);
    }
    size_t i;
    json_array_foreach(wanted, i, object)
    {
        if (changes)
            object_patch(world, upgrade->namespace, manifest_object(before, object), object);
    }
    json_decref(changed);
    json_decref(before);
    json_decref(wanted);
    world_settle(world);
    return 0;
}

void upgrade_finish(struct world *world, struct upgrade *upgrade, const char *status, const char *description)
{
    bool deployed = !strcmp(status, "deployed");
    world_effect(world, deployed ? "helm_deployed" : "helm_failed",
                 json_pack("{s:I}", "revision", (json_int_t)upgrade->revision));
    json_t *own = release_find(world, upgrade->namespace, upgrade->release, upgrade->revision);
    json_t *old;
    while (deployed && (old = newest(world, upgrade->namespace, upgrade->release, "deployed")) && old != own)
        record_mark(world, old, "superseded", NULL);
    if (own)
        record_mark(world, own, status, description);
}

bool upgrade_is_ready(const struct world *world, const struct upgrade *upgrade)
{
    size_t i;
    json_t *set;
    json_array_foreach(objects_of(world, "statefulsets"), i, set)
    {
        const json_t *status = json_object_get(set, "status");
        int64_t replicas = json_int(json_object_get(set, "spec"), "replicas", 1);
        if (strcmp(json_text(json_object_get(set, "metadata"), "namespace", ""), upgrade->namespace))
            continue;
        if (json_int(status, "readyReplicas", 0) != replicas ||
            json_int(status, "updatedReplicas", 0) != replicas)
            return false;
    }
    return true;
}

/* ---- at once ---- */

int release_install(struct world *world, const char *namespace, const char *release, json_t *chart,
                    json_t *values, struct error *error)
{
    struct upgrade install = {.namespace = namespace,
                              .release = release,
                              .chart = json_incref(chart),
                              .values = json_incref(values),
                              .revision = 1};
    int result = -1;
    install.manifest = chart_render(chart, release, namespace, values, error);
    if (install.manifest && !upgrade_patch(world, &install, error)) {
        record_add(world, &install, "deployed", "Install complete", json_object());
        result = 0;
    }
    upgrade_clear(&install);
    return result;
}

/* "chunk.replicaCount:5" into values. */
static void value_set(json_t *values, const char *set)
{
    const char *colon = strchr(set, ':');
    char *path = string_format("%.*s", (int)(colon ? colon - set : (long)strlen(set)), set), *rest = path;
    json_t *at = values;
    for (char *key; (key = strsep(&rest, "."));) {
        if (!rest)
            json_object_set_new(at, key, yaml_scalar(colon ? colon + 1 : ""));
        else if (!json_is_object(json_object_get(at, key)))
            json_object_set_new(at, key, json_object());
        at = json_object_get(at, key);
    }
    free(path);
}

int release_upgrade_by_other(struct world *world, const char *set, const char *status,
                             const char *description, struct error *error)
{
    const char *namespace = world_setting_text(world, "namespace"),
               *release = world_setting_text(world, "release");
    const json_t *last = newest(world, namespace, release, NULL);
    const json_t *sim = json_object_get(last, "sim");
    json_t *chart = chart_find(world, "iomesh", json_text(json_object_get(sim, "chart"), "version", NULL),
                               error);
    if (!chart)
        return -1;
    struct upgrade upgrade = {.namespace = namespace,
                              .release = release,
                              .chart = json_incref(chart),
                              .values = json_deep_copy(json_object_get(sim, "values")),
                              .history_max = 10};
    bool pending = !strncmp(status, "pending-", strlen("pending-"));
    if (set)
        value_set(upgrade.values, set);
    int result = upgrade_begin(world, &upgrade, error);
    if (!result)
        result = upgrade_record(world, &upgrade, pending ? status : "pending-upgrade", error);
    if (!result && !pending)
        result = upgrade_patch(world, &upgrade, error);
    if (!result && !pending)
        upgrade_finish(world, &upgrade, status, description);
    upgrade_clear(&upgrade);
    return result;
}

/* ---- listing ---- */

static int revision_compare(const void *one, const void *other)
{
    int64_t a = release_revision(*(json_t *const *)one), b = release_revision(*(json_t *const *)other);
    return (a > b) - (a < b);
}

/* The records of a release (NULL: of all), oldest first; free() it. */
static json_t **records(const struct world *world, const char *namespace, const char *release, size_t *count)
{
    json_t *all = objects_of(world, "secrets"), *record;
    json_t **list = memory_new((json_array_size(all) + 1) * sizeof *list);
    size_t i;
    *count = 0;
    json_array_foreach(all, i, record)
    {
        if (release ? record_is_of(record, namespace, release)
                    : !strcmp(json_text(record, "type", ""), SECRET_TYPE))
            list[(*count)++] = record;
    }
    qsort(list, *count, sizeof *list, revision_compare);
    return list;
}

static json_t *history_entry(const json_t *record)
{
    const json_t *sim = json_object_get(record, "sim"), *chart = json_object_get(sim, "chart");
    return json_pack("{s:I, s:s, s:s, s:o, s:s, s:s}", "revision", (json_int_t)release_revision(record),
                     "updated", json_text(sim, "updated", ""), "status", label(record, "status"), "chart",
                     json_sprintf("%s-%s", json_text(chart, "name", ""), json_text(chart, "version", "")),
                     "app_version", json_text(chart, "app_version", ""), "description",
                     json_text(sim, "description", ""));
}

json_t *release_history(const struct world *world, const char *namespace, const char *release)
{
    size_t count;
    json_t **list = records(world, namespace, release, &count), *history = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(history, history_entry(list[i]));
    free(list);
    return history;
}

json_t *release_list(const struct world *world)
{
    size_t count;
    json_t **list = records(world, NULL, NULL, &count), *all = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *entry = history_entry(list[i]);
        json_object_set_new(entry, "name", json_string(label(list[i], "name")));
        json_object_set(entry, "values", json_object_get(json_object_get(list[i], "sim"), "values"));
        json_object_set(entry, "labels", json_at(list[i], "metadata", "labels", NULL));
        json_array_append_new(all, entry);
    }
    free(list);
    return all;
}
