#include "engine/inputs.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "jobs/param.h"
#include "jobs/template.h"
#include "steps/kind.h"

/* Left as it is: a secret stays a reference until right before it is used. */
static bool is_secret(const json_t *value)
{
    return json_object_get(value, "secret") || json_object_get(value, "secret_text");
}

static path_mapper *mapper;

void inputs_map_paths(path_mapper *map)
{
    mapper = map;
}

static json_t *map_path(json_t *path)
{
    if (!mapper || !json_is_string(path))
        return path;
    char *mapped = mapper(json_string_value(path));
    json_decref(path);
    path = json_string(mapped);
    free(mapped);
    return path;
}

static json_t *conform(const struct kind_declaration *kind, const char *name, json_t *value,
                       const char *folder, struct error *error)
{
    const struct declared_input *input = declaration_input(kind, name);
    if (!input || input->type == TYPE_ANY || is_secret(value))
        return json_incref(value);
    json_t *fit = value_conform(input->type, name, value, folder, error);
    return input->type == TYPE_PATH ? map_path(fit) : fit;
}

json_t *inputs_evaluate(const char *uses, const json_t *with, const json_t *names, const char *folder,
                        struct error *error)
{
    const struct kind_declaration *kind = step_declaration_find(uses);
    if (!kind) {
        error_set(error, ERROR_STORE_CORRUPT, "there is no step kind \"%s\"", uses);
        return NULL;
    }
    json_t *values = template_evaluate(with, names, error);
    if (!values)
        return NULL;
    json_t *inputs = json_object();
    const char *name;
    json_t *value;
    json_object_foreach(values, name, value)
    {
        json_t *fit = json_is_null(value) ? json_null() : conform(kind, name, value, folder, error);
        if (!fit) {
            json_decref(inputs);
            json_decref(values);
            return NULL;
        }
        json_object_set_new(inputs, name, fit);
    }
    json_decref(values);
    if (json_size(inputs) <= LIMIT_INPUTS_BYTES)
        return inputs;
    error_set(error, ERROR_LIMIT, "the inputs take %zu bytes; at most %d are recorded", json_size(inputs),
              LIMIT_INPUTS_BYTES);
    error_next(error, "what is so large belongs into a file");
    json_decref(inputs);
    return NULL;
}
