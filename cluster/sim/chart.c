#include "cluster/sim/chart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/sim/merge.h"
#include "cluster/yaml.h"

#define ARCHIVE_HEAD "pawl-sim-chart 1\n"

/* ---- the default chart ---- */

static json_t *template_of(const char *component, const char *update_strategy)
{
    char name[32], replicas[64], image[32], file[64];
    snprintf(name, sizeof name, "iomesh-%s", component);
    snprintf(replicas, sizeof replicas, "{{ .Values.%s.replicaCount }}", component);
    snprintf(image, sizeof image, "iomesh/%s:1", component);
    snprintf(file, sizeof file, "templates/%s.yaml", component);
    json_t *labels = json_pack("{s:s, s:s}", "app.kubernetes.io/component", component,
                               "app.kubernetes.io/instance", "{{ .Release.Name }}");
    json_t *spec = json_pack("{s:i, s:[{s:s, s:s}, {s:s, s:s}]}", "terminationGracePeriodSeconds", 30,
                             "containers", "name", name, "image", image, "name", "agent", "image",
                             "iomesh/agent:1");
    json_t *object = json_pack(
        "{s:s, s:s, s:{s:s, s:{s:s}}, s:{s:s, s:s, s:s, s:{s:s}, s:{s:O}, s:{s:{s:o}, s:o}}}", "apiVersion",
        "apps/v1", "kind", "StatefulSet", "metadata", "name", name, "labels", "app", name, "spec", "replicas",
        replicas, "serviceName", name, "podManagementPolicy", "Parallel", "updateStrategy", "type",
        update_strategy, "selector", "matchLabels", labels, "template", "metadata", "labels", labels, "spec",
        spec);
    return json_pack("{s:s, s:o}", "file", file, "object", object);
}

json_t *chart_default(const char *update_strategy)
{
    return json_pack("{s:s, s:s, s:s, s:{s:{s:i, s:s}, s:{s:i}}, s:[o, o]}", "name", "iomesh", "version",
                     "1.0.0", "app_version", "1.0", "values", "chunk", "replicaCount", 3, "dataCIDR",
                     "192.168.29.0/24", "meta", "replicaCount", 3, "templates",
                     template_of("chunk", update_strategy), template_of("meta", update_strategy));
}

void chart_image_set(json_t *chart, const char *image)
{
    size_t i, j;
    json_t *item, *container;
    json_array_foreach(json_object_get(chart, "templates"), i, item)
    {
        json_array_foreach(json_at(item, "object", "spec", "template", "spec", "containers", NULL), j,
                           container)
        {
            json_object_set_new(container, "image", json_string(image));
        }
    }
}

/* ---- the repository ---- */

int version_compare(const char *one, const char *other)
{
    one += *one == 'v';
    other += *other == 'v';
    for (int part = 0; part < 3; part++) {
        char *end_one, *end_other;
        long a = strtol(one, &end_one, 10), b = strtol(other, &end_other, 10);
        if (a != b)
            return a < b ? -1 : 1;
        one = end_one + (*end_one == '.');
        other = end_other + (*end_other == '.');
    }
    return 0;
}

json_t *chart_find(const struct world *world, const char *name, const char *version, struct error *error)
{
    size_t i;
    json_t *chart, *found = NULL;
    json_array_foreach(json_object_get(world->state, "charts"), i, chart)
    {
        const char *own = json_text(chart, "version", "");
        if (strcmp(json_text(chart, "name", ""), name) || (version && version_compare(own, version)))
            continue;
        if (!found || version_compare(own, json_text(found, "version", "")) > 0)
            found = chart;
    }
    if (!found && version)
        error_set(error, ERROR_HELM,
                  "chart \"%s\" matching %s not found in iomesh index. (try 'helm repo update')", name,
                  version);
    else if (!found)
        error_set(error, ERROR_HELM, "chart \"%s\" not found in iomesh index. (try 'helm repo update')",
                  name);
    return found;
}

char *chart_archive(const json_t *chart)
{
    char *content = json_canonical(chart);
    char *archive = string_format(ARCHIVE_HEAD "%s\n", content);
    free(content);
    return archive;
}

json_t *chart_archive_read(const char *path, struct error *error)
{
    size_t length;
    struct error why;
    char *bytes = file_read(path, LIMIT_JSON_BYTES, &length, &why);
    if (!bytes) {
        error_set(error, ERROR_HELM, "path \"%s\" not found", path);
        return NULL;
    }
    json_t *chart = NULL;
    size_t head = strlen(ARCHIVE_HEAD);
    if (length < head || memcmp(bytes, ARCHIVE_HEAD, head))
        error_set(error, ERROR_HELM, "file \"%s\" does not appear to be a gzipped archive", path);
    else
        chart = json_read(bytes + head, length - head, LIMIT_JSON_BYTES, path, error);
    free(bytes);
    return chart;
}

/* ---- rendering ---- */

json_t *chart_values(const json_t *chart, const json_t *values)
{
    json_t *all = json_deep_copy(json_object_get(chart, "values"));
    if (json_is_object(values))
        merge_patch(all, values);
    return all;
}

/* The value at a dotted path; borrowed. */
static json_t *value_at(json_t *values, const char *path, size_t length)
{
    char *copy = string_format("%.*s", (int)length, path);
    char *rest = copy;
    json_t *at = values;
    for (char *key; at && (key = strsep(&rest, "."));)
        at = json_object_get(at, key);
    free(copy);
    return at;
}

static json_t *string_rendered(const char *text, const char *release, json_t *values)
{
    static const char value_head[] = "{{ .Values.", name[] = "{{ .Release.Name }}";
    if (!strncmp(text, value_head, strlen(value_head))) {
        const char *path = text + strlen(value_head);
        json_t *value = value_at(values, path, strcspn(path, " "));
        /* Templates write text that is then read as YAML: "4" becomes a number. */
        if (json_is_string(value))
            return yaml_scalar(json_string_value(value));
        return value ? json_incref(value) : json_null();
    }
    const char *place = strstr(text, name);
    if (!place)
        return json_string(text);
    return json_sprintf("%.*s%s%s", (int)(place - text), text, release, place + strlen(name));
}

/* Templates come from this file or a test's, not from users: their depth is small. */
static json_t *value_rendered(const json_t *template, const char *release, json_t *values)
{
    const char *key;
    size_t i;
    json_t *item, *result;
    if (json_is_string(template))
        return string_rendered(json_string_value(template), release, values);
    if (json_is_array(template)) {
        result = json_array();
        json_array_foreach(template, i, item)
            json_array_append_new(result, value_rendered(item, release, values));
        return result;
    }
    if (!json_is_object(template))
        return json_deep_copy(template);
    result = json_object();
    json_object_foreach((json_t *)template, key, item)
        json_object_set_new(result, key, value_rendered(item, release, values));
    return result;
}

/* What the API server's validation would say before anything is recorded. */
static int object_check(const json_t *object, struct error *error)
{
    const json_t *replicas = json_at(object, "spec", "replicas", NULL);
    if (replicas && !json_is_integer(replicas))
        return error_set(
            error, ERROR_HELM,
            "error validating \"\": error validating data: ValidationError(StatefulSet.spec.replicas): "
            "invalid type for io.k8s.api.apps.v1.StatefulSetSpec.replicas: got \"%s\", expected "
            "\"integer\"",
            json_is_string(replicas) ? "string" : "other");
    return 0;
}

char *chart_render(const json_t *chart, const char *release, const char *namespace, const json_t *values,
                   struct error *error)
{
    (void)namespace; /* manifests name none, as with the real chart */
    json_t *all = chart_values(chart, values), *item;
    struct text manifest = {0};
    bool failed = false;
    size_t i;
    json_array_foreach(json_object_get(chart, "templates"), i, item)
    {
        json_t *object = value_rendered(json_object_get(item, "object"), release, all);
        text_format(&manifest, "---\n# Source: %s/%s\n", json_text(chart, "name", ""),
                    json_text(item, "file", ""));
        yaml_write(&manifest, object);
        failed = failed || object_check(object, error);
        json_decref(object);
    }
    json_decref(all);
    if (failed) {
        text_clear(&manifest);
        return NULL;
    }
    return text_take(&manifest);
}
