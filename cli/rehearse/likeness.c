/* What the stage's cluster shall be like, as far as the job and its values file tell: where it looks for it,
 * how many pods there are now. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/rehearse/rehearsal.h"
#include "cluster/sim/sim.h"
#include "cluster/yaml.h"
#include "jobs/template.h"

#define PODS_LEAST 3
#define CHUNKS     4 /* where nothing tells */

void note_add(struct rehearsal *rehearsal, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = string_format_list(format, arguments);
    va_end(arguments);
    json_array_append_new(rehearsal->notes, json_string(text));
    free(text);
}

/* ---- inputs that are known before anything runs ---- */

static json_t *names_of(const struct rehearsal *rehearsal)
{
    json_t *vars = json_object(), *steps = json_object();
    json_t *names = json_pack("{s:O,s:o,s:o,s:{s:i,s:s}}", "params", rehearsal->params, "vars", vars, "steps",
                              steps, "run", "id", 1, "actor", REHEARSAL_ACTOR);
    for (int i = 0; i < rehearsal->job->var_count; i++) {
        json_t *value = template_evaluate(rehearsal->job->vars[i].value, names, NULL);
        json_object_set_new(vars, rehearsal->job->vars[i].name, value ? value : json_null());
    }
    for (int i = 0; i < rehearsal->job->step_count; i++)
        json_object_set_new(steps, rehearsal->job->steps[i].id, json_object());
    return names;
}

/* Of the first step of this kind (NULL: of any) whose input is known; NULL: none. A new reference. */
static json_t *input_of(const struct rehearsal *rehearsal, const json_t *names, const char *kind,
                        const char *input)
{
    for (int i = 0; i < rehearsal->job->step_count; i++) {
        const struct job_step *step = &rehearsal->job->steps[i];
        const json_t *template = json_object_get(step->with, input);
        struct error unknown;
        if (!template || (kind && strcmp(step->kind->name, kind)))
            continue;
        json_t *value = template_evaluate(template, names, &unknown);
        if (value)
            return value;
    }
    return NULL;
}

static void take_text(const struct rehearsal *rehearsal, const json_t *names, const char *kind,
                      const char *input, const char *as, json_t *likeness)
{
    json_t *value = input_of(rehearsal, names, kind, input);
    if (json_is_string(value) && *json_string_value(value))
        json_object_set(likeness, as, value);
    json_decref(value);
}

/* ---- how many ---- */

static json_t *values_read(const char *path)
{
    size_t length;
    struct error ignored;
    char *text = path ? file_read(path, LIMIT_VALUES_FILE_BYTES, &length, &ignored) : NULL;
    json_t *documents = text ? yaml_documents_read(text, length, path, &ignored) : NULL;
    json_t *values = json_incref(json_array_get(documents, 0));
    json_decref(documents);
    free(text);
    return values;
}

static void take_count(json_t *likeness, const char *as, const json_t *count)
{
    if (json_is_integer(count) && json_integer_value(count) > 0 && !json_object_get(likeness, as))
        json_object_set(likeness, as, (json_t *)count);
}

/* From the scaling that the job checks: one more or one less than it wants. */
static void take_scaling(const struct rehearsal *rehearsal, const json_t *names, json_t *likeness)
{
    json_t *component = input_of(rehearsal, names, "check_scale", "component"),
           *direction = input_of(rehearsal, names, "check_scale", "direction"),
           *count = input_of(rehearsal, names, "check_scale", "count");
    if (json_is_integer(count) && json_is_string(component) && json_is_string(direction)) {
        bool is_in = !strcmp(json_string_value(direction), "in");
        int64_t wanted = json_integer_value(count), now = is_in ? wanted + 1 : wanted - 1;
        json_t *before = json_integer(now < PODS_LEAST && !is_in ? PODS_LEAST : now);
        take_count(likeness, !strcmp(json_string_value(component), "meta") ? "metas" : "chunks", before);
        json_object_set(likeness, "wanted", count);
        json_decref(before);
    }
    json_decref(component);
    json_decref(direction);
    json_decref(count);
}

/* ---- the values file ---- */

/* As the step kinds find it: relative paths start where the operator stands. */
static char *values_path(const struct rehearsal *rehearsal, const json_t *names)
{
    json_t *path = input_of(rehearsal, names, "helm_upgrade", "values");
    if (!path)
        path = input_of(rehearsal, names, "edit_values", "file");
    const char *text = json_string_value(path);
    char *found = !text          ? NULL
                  : *text == '/' ? string_copy(text)
                                 : string_format("%s/%s", rehearsal->working_folder, text);
    json_decref(path);
    return found;
}

json_t *likeness_of_job(struct rehearsal *rehearsal)
{
    json_t *likeness = json_object(), *names = names_of(rehearsal);
    char *path = values_path(rehearsal, names);
    json_t *values = values_read(path);
    take_text(rehearsal, names, NULL, "namespace", "namespace", likeness);
    take_text(rehearsal, names, "helm_upgrade", "namespace", "namespace", likeness);
    take_text(rehearsal, names, "helm_upgrade", "release", "release", likeness);
    take_text(rehearsal, names, "helm_upgrade", "chart", "chart", likeness);
    take_text(rehearsal, names, "helm_upgrade", "version", "chart_version", likeness);
    take_text(rehearsal, names, NULL, "object", "object", likeness);
    take_count(likeness, "chunks", json_at(values, "chunk", "replicaCount", NULL));
    take_count(likeness, "metas", json_at(values, "meta", "replicaCount", NULL));
    take_scaling(rehearsal, names, likeness);
    if (json_is_object(values))
        json_object_set(likeness, "values", values);
    if (path)
        json_object_set_new(likeness, "values_path", json_string(path));
    json_decref(values);
    json_decref(names);
    free(path);
    return likeness;
}

/* ---- the cluster ---- */

static int at_least(int one, int other)
{
    return one > other ? one : other;
}

static void fill_options(const json_t *likeness, struct sim_options *options)
{
    sim_options_default(options);
    struct {
        const char *name;
        const char **to;
    } texts[] = {{"namespace", &options->namespace},
                 {"release", &options->release},
                 {"object", &options->object},
                 {"chart", &options->chart},
                 {"edition", &options->edition},
                 {"chart_version", &options->chart_version},
                 {"helm", &options->helm}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i].to = json_text(likeness, texts[i].name, *texts[i].to);
    options->chunks = (int)json_int(likeness, "chunks", CHUNKS);
    options->metas = (int)json_int(likeness, "metas", PODS_LEAST);
    options->max_chunks = (int)json_int(likeness, "max_chunks", options->max_chunks);
    options->capacity_gib = json_int(likeness, "capacity_gib", options->capacity_gib);
    options->used_gib = json_int(likeness, "used_gib", options->used_gib);
    int pods = at_least(options->chunks, options->metas);
    int wanted = at_least(pods, (int)json_int(likeness, "wanted", 0)) + 1;
    int there = (int)json_array_size(json_object_get(likeness, "nodes"));
    options->nodes = there ? at_least(pods, there) : wanted;
    options->values = json_object_get(likeness, "values");
    options->seed = 7; /* the same at each time */
}

/* A values file that does not exist is made up, privately, so that there is one to edit. */
static int make_up_values(struct rehearsal *rehearsal, const json_t *likeness, struct error *error)
{
    const char *path = json_text(likeness, "values_path", NULL);
    if (!path || !access(path, F_OK))
        return 0;
    char *private = string_format("%s/files%s", rehearsal->stage, path);
    char *folder = path_folder(private);
    struct text text = {0};
    json_t *values = json_object_get(likeness, "values")
                         ? json_deep_copy(json_object_get(likeness, "values"))
                         : json_pack("{s:{s:i},s:{s:i}}", "chunk", "replicaCount",
                                     (int)json_int(likeness, "chunks", CHUNKS), "meta", "replicaCount",
                                     (int)json_int(likeness, "metas", PODS_LEAST));
    yaml_write(&text, values);
    int result = folder_make(folder, 0700, error) ||
                 file_replace(private, text_string(&text), text.length, 0600, error);
    note_add(rehearsal, "%s does not exist: rehearsed with one that holds the values of the release", path);
    json_decref(values);
    text_clear(&text);
    free(folder);
    free(private);
    return result ? -1 : 0;
}

int likeness_build(struct rehearsal *rehearsal, const json_t *likeness, const char *sim, struct error *error)
{
    struct sim_options options;
    fill_options(likeness, &options);
    return sim_create(sim, &options, error) || sim_dress(sim, likeness, error) ||
                   make_up_values(rehearsal, likeness, error)
               ? -1
               : 0;
}
