#include "jobs/param.h"

#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/json.h"
#include "base/memory.h"
#include "jobs/document.h"
#include "jobs/param_bounds.h"
#include "jobs/scalar.h"

/* ---- one value ---- */

/* Takes "." and empty names out of an absolute path; ".." stays: what it means depends on links. */
static void path_clean(char *path)
{
    char *to = path;
    for (const char *at = path; *at;) {
        size_t slashes = strspn(at, "/"), length = strcspn(at + slashes, "/");
        if (length && (length != 1 || at[slashes] != '.')) {
            *to++ = '/';
            memmove(to, at + slashes, length);
            to += length;
        }
        at += slashes + length;
    }
    if (to == path)
        *to++ = '/';
    *to = '\0';
}

static json_t *path_absolute(const char *text, const char *folder)
{
    char *path = *text == '/' ? string_copy(text) : string_format("%s/%s", folder, text);
    path_clean(path);
    json_t *value = json_string(path);
    free(path);
    return value;
}

static json_t *misfit(enum value_type type, const char *name, const char *text, struct error *error)
{
    static const char *const nexts[TYPE_COUNT] = {[TYPE_BOOL] = "true or false",
                                                  [TYPE_DURATION] = "500ms, 2s, 10m, 6h, 1d, 1m30s",
                                                  [TYPE_LIST] = "JSON: '[\"a\", \"b\"]'",
                                                  [TYPE_MAP] = "JSON: '{\"a\": 1}'",
                                                  [TYPE_SECRET] = "env:NAME or file:PATH"};
    error_set(error, ERROR_PARAM_INVALID, "%s: \"%.200s\" is no %s", name, text, value_type_text(type));
    if (nexts[type])
        error_next(error, "%s", nexts[type]);
    return NULL;
}

/* A text by the spelling of a type, as a plain scalar of a job file is read. */
static json_t *value_spelled(enum value_type type, const char *name, const char *text, struct error *error)
{
    enum scalar_fault fault;
    struct document_node node = {.kind = DOCUMENT_SCALAR, .text = text, .length = strlen(text)};
    json_t *value = scalar_as(&node, type, &fault);
    return value ? value : misfit(type, name, text, error);
}

static json_t *value_spelled_text(const char *name, const char *text, struct error *error)
{
    json_t *value = json_string(text);
    if (!value)
        error_set(error, ERROR_PARAM_INVALID, "%s is not UTF-8", name);
    return value;
}

static json_t *secret_read(const char *name, const char *text, struct error *error)
{
    if (secret_reference_is_good(text))
        return json_pack("{s:s}", "secret", text);
    /* Not the text: it may be the secret itself. */
    error_set(error, ERROR_PARAM_INVALID, "%s is a secret: give a reference to it, never the secret itself",
              name);
    error_next(error, "env:NAME or file:PATH");
    return NULL;
}

static json_t *container_read(enum value_type type, const char *name, const char *text, struct error *error)
{
    json_t *value = json_read(text, strlen(text), LIMIT_VALUE_BYTES, name, NULL);
    if (type == TYPE_ANY)
        return value ? value : json_string(text);
    if (value && (type == TYPE_LIST ? json_is_array(value) : json_is_object(value)))
        return value;
    json_decref(value);
    return misfit(type, name, text, error);
}

json_t *value_read(enum value_type type, const char *name, const char *text, const char *folder,
                   struct error *error)
{
    switch (type) {
    case TYPE_STRING:
        return value_spelled_text(name, text, error);
    case TYPE_PATH:
        return *text ? path_absolute(text, folder) : misfit(type, name, text, error);
    case TYPE_SECRET:
        return secret_read(name, text, error);
    case TYPE_LIST:
    case TYPE_MAP:
    case TYPE_ANY:
        return container_read(type, name, text, error);
    default:
        return value_spelled(type, name, text, error);
    }
}

static json_t *value_refused(enum value_type type, const char *name, const json_t *value, struct error *error)
{
    char *shown = json_canonical(value);
    error_set(error, ERROR_EXPRESSION, "%s must be a value of the type %s, and is %.200s", name,
              value_type_text(type), shown);
    free(shown);
    return NULL;
}

static bool value_is_of(enum value_type type, const json_t *value)
{
    switch (type) {
    case TYPE_INT:
        return json_is_integer(value);
    case TYPE_BOOL:
        return json_is_boolean(value);
    case TYPE_STRING:
        return json_is_string(value);
    case TYPE_LIST:
        return json_is_array(value);
    case TYPE_MAP:
        return json_is_object(value);
    case TYPE_SECRET:
        return json_is_object(value) && json_object_get(value, "secret");
    default:
        return type == TYPE_ANY;
    }
}

json_t *value_conform(enum value_type type, const char *name, const json_t *value, const char *folder,
                      struct error *error)
{
    int64_t ms;
    char text[DURATION_TEXT_SIZE];
    if (type == TYPE_FLOAT && json_is_number(value))
        return json_is_real(value) ? json_incref((json_t *)value) : json_real(json_number_value(value));
    if (type == TYPE_PATH && json_is_string(value) && json_string_length(value))
        return path_absolute(json_string_value(value), folder);
    if (type == TYPE_DURATION && json_is_string(value) && duration_read(json_string_value(value), &ms)) {
        duration_write(ms, text);
        return json_string(text);
    }
    return value_is_of(type, value) ? json_incref((json_t *)value) : value_refused(type, name, value, error);
}

/* ---- the params file ---- */

static json_t *plain_value(const struct document_node *node, struct diagnostics *diagnostics)
{
    if (node->kind == DOCUMENT_SCALAR) {
        json_t *value = scalar_value(node);
        if (!value)
            diagnostics_add(diagnostics, "E0106", node->place.line, node->place.column, node->place.length,
                            NULL, "the number %s cannot be held", node->text);
        return value ? value : json_null();
    }
    json_t *value = node->kind == DOCUMENT_LIST ? json_array() : json_object();
    for (int i = 0; i < node->count; i++) { /* no deeper than LIMIT_JOB_DEPTH */
        json_t *member = plain_value(node->entries[i].value, diagnostics);
        if (node->kind == DOCUMENT_LIST)
            json_array_append_new(value, member);
        else
            json_object_set_new(value, node->entries[i].key, member);
    }
    return value;
}

/* A param's type is not known here: what JSON would not keep of a spelling stays as it is spelled. */
static json_t *file_values(const struct document_node *root, struct diagnostics *diagnostics)
{
    json_t *values = json_object();
    for (int i = 0; i < root->count; i++) {
        const struct document_node *node = root->entries[i].value;
        bool keep = node->kind == DOCUMENT_SCALAR && !scalar_is_canonical(node);
        json_object_set_new(values, root->entries[i].key,
                            keep ? json_pack("{s:s}", "spelled", node->text)
                                 : plain_value(node, diagnostics));
    }
    return values;
}

json_t *params_file_read(const char *text, size_t length, const char *file, struct error *error)
{
    struct diagnostics diagnostics = {0};
    json_t *values = NULL;
    char *copy = memory_new(length + 1);
    memcpy(copy, text, length);
    struct document *document = document_read(copy, length, &diagnostics);
    if (document && document->root->kind != DOCUMENT_MAP)
        error_set(error, ERROR_PARAM_INVALID, "%s: a params file is a map of names and values", file);
    else if (document)
        values = file_values(document->root, &diagnostics);
    if (diagnostics.count) {
        const struct diagnostic *first = &diagnostics.list[0];
        json_decref(values);
        values = NULL;
        error_set(error, ERROR_PARAM_INVALID, "%s:%d:%d: %s", file, first->line, first->column,
                  first->message);
        if (first->hint)
            error_next(error, "%s", first->hint);
    }
    document_free(document);
    diagnostics_clear(&diagnostics);
    free(copy);
    return values;
}

/* A value of the params file by the param's type: its spelling decides, as in a job file. */
static json_t *file_value(const struct job_param *param, const json_t *value, const char *folder,
                          struct error *error)
{
    const char *spelled = json_string_value(json_object_get(value, "spelled"));
    if (spelled && json_object_size(value) == 1)
        return value_read(param->type == TYPE_ANY ? TYPE_STRING : param->type, param->name, spelled, folder,
                          error);
    bool wants_text = param->type == TYPE_STRING || param->type == TYPE_PATH || param->type == TYPE_SECRET;
    if (json_is_string(value) && (wants_text || param->type == TYPE_DURATION))
        return value_read(param->type, param->name, json_string_value(value), folder, error);
    if (wants_text && (json_is_integer(value) || json_is_boolean(value))) {
        char *text = json_canonical(value);
        json_t *read = value_read(param->type, param->name, text, folder, error);
        free(text);
        return read;
    }
    return value_conform(param->type, param->name, value, folder, error);
}

/* ---- all params ---- */

static const struct job_param *param_find(const struct job *job, const char *name)
{
    for (int i = 0; i < job->param_count; i++)
        if (!strcmp(job->params[i].name, name))
            return &job->params[i];
    return NULL;
}

static void refuse(struct diagnostics *diagnostics, const char *hint, const char *message)
{
    diagnostics_add(diagnostics, "E0121", 0, 0, 1, hint, "%s", message);
}

static void refuse_unknown(const struct job *job, const char *name, struct diagnostics *diagnostics)
{
    const char *names[LIMIT_PARAMS + 1] = {0};
    for (int i = 0; i < job->param_count; i++)
        names[i] = job->params[i].name;
    const char *nearest = name_nearest(name, names);
    char *hint = nearest ? string_format("did you mean \"%s\"?", nearest) : NULL;
    char *message = string_format("the job has no param \"%.100s\"", name);
    refuse(diagnostics, hint, message);
    free(message);
    free(hint);
}

static const struct param_given *given_find(const struct param_given *given, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(given[i].name, name))
            return &given[i];
    return NULL;
}

static void check_names(const struct job *job, const struct param_given *given, int given_count,
                        const json_t *file, struct diagnostics *diagnostics)
{
    const char *name;
    json_t *value;
    for (int i = 0; i < given_count; i++) {
        if (!param_find(job, given[i].name)) {
            refuse_unknown(job, given[i].name, diagnostics);
        } else if (given_find(given, i, given[i].name)) {
            char *message = string_format("the param \"%s\" is given twice", given[i].name);
            refuse(diagnostics, NULL, message);
            free(message);
        }
    }
    json_object_foreach((json_t *)file, name, value) if (!param_find(job, name))
        refuse_unknown(job, name, diagnostics);
}

/* The value of one param from where it is given; NULL with the error filled. */
static json_t *param_value(const struct job_param *param, const struct param_given *given, const json_t *file,
                           const char *folder, struct error *error)
{
    if (given)
        return value_read(param->type, param->name, given->text, folder, error);
    if (file)
        return file_value(param, file, folder, error);
    if (param->fallback)
        return value_conform(param->type, param->name, param->fallback, folder, error);
    error_set(error, ERROR_PARAM_INVALID, "the param \"%s\" (%s) is required", param->name,
              value_type_text(param->type));
    error_next(error, "-p %s=…", param->name);
    return NULL;
}

static json_t *param_read(const struct job_param *param, const struct param_given *given, const json_t *file,
                          const char *folder, struct diagnostics *diagnostics)
{
    char why[512], message[600];
    struct error error = {0};
    json_t *value = param_value(param, given, file, folder, &error);
    if (!value) {
        refuse(diagnostics, error.next[0] ? error.next : NULL, error.message);
        return NULL;
    }
    if (param_accepts(param, value, param->name, why, sizeof why))
        return value;
    snprintf(message, sizeof message, "param %s", why);
    refuse(diagnostics, param->help, message);
    json_decref(value);
    return NULL;
}

json_t *params_read(const struct job *job, const struct param_given *given, int given_count,
                    const json_t *file_given, const char *folder, struct diagnostics *diagnostics)
{
    int before = diagnostics->count;
    json_t *params = json_object();
    check_names(job, given, given_count, file_given, diagnostics);
    for (int i = 0; i < job->param_count; i++) {
        const struct job_param *param = &job->params[i];
        json_t *value = param_read(param, given_find(given, given_count, param->name),
                                   json_object_get(file_given, param->name), folder, diagnostics);
        if (value)
            json_object_set_new(params, param->name, value);
    }
    if (diagnostics->count == before)
        return params;
    json_decref(params);
    return NULL;
}
