/* `params:`: typed names with their bounds and defaults. */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/memory.h"
#include "jobs/param.h"
#include "jobs/param_bounds.h"
#include "jobs/reading.h"

static const char *const PARAM_KEYS[] = {"type", "default", "help", "min", "max", "enum", "pattern", NULL};

static const char *const PARAM_TYPES[] = {"string", "int",  "float", "bool",   "duration",
                                          "path",   "list", "map",   "secret", NULL};

static bool parse_type(struct reading *reading, const struct document_entry *entry, struct job_param *param)
{
    char hint[128];
    const struct document_node *node = document_get(entry->value, "type");
    param->type = TYPE_ANY;
    if (!node) {
        report(reading, "E0102", entry->key_place, "{type: string}", "param \"%s\" has no \"type\"",
               entry->key);
        return false;
    }
    const char *text = read_text(reading, node, "a param's type");
    if (!text)
        return false;
    param->type = value_type_read(text);
    if (param->type != TYPE_COUNT && param->type != TYPE_ANY)
        return true;
    param->type = TYPE_ANY;
    report(reading, "E0103", node->place, hint_nearest(text, PARAM_TYPES, hint, sizeof hint),
           "\"%s\" is no type; there are string, int, float, bool, duration, path, list, map, secret", text);
    return false;
}

/* A literal of the param's own type; a secret is the reference's text. */
static json_t *param_literal(struct reading *reading, const struct document_node *node,
                             const struct job_param *param, const char *key)
{
    struct wish wish = {.type = param->type == TYPE_SECRET ? TYPE_STRING : param->type,
                        .what = reading_text(reading, "%s of param \"%s\"", key, param->name)};
    json_t *value = value_of_node(reading, node, &wish);
    if (!value || param->type != TYPE_SECRET)
        return value;
    if (secret_reference_is_good(json_string_value(value)))
        return job_memory_keep(reading->memory, json_pack("{s:O}", "secret", value));
    report(reading, "E0112", node->place, "env:NAME or file:PATH",
           "%s is a reference to the secret, never the secret itself", wish.what);
    return NULL;
}

static void parse_bounds(struct reading *reading, const struct document_node *node, struct job_param *param)
{
    const struct document_entry *least = document_entry(node, "min"), *most = document_entry(node, "max");
    bool has_bounds = param->type == TYPE_INT || param->type == TYPE_FLOAT || param->type == TYPE_DURATION;
    if (!has_bounds && (least || most)) {
        report(reading, "E0115", least ? least->key_place : most->key_place, NULL,
               "\"min\" and \"max\" are for the types int, float and duration");
        return;
    }
    if (least)
        param->min = param_literal(reading, least->value, param, "min");
    if (most)
        param->max = param_literal(reading, most->value, param, "max");
    if (least && most && param->min && param->max && value_compare(param->type, param->min, param->max) > 0)
        report(reading, "E0106", most->value->place, NULL, "%s: \"max\" is below \"min\"", param->name);
}

static void parse_enum(struct reading *reading, const struct document_node *node, struct job_param *param)
{
    if (param->type == TYPE_LIST || param->type == TYPE_MAP || param->type == TYPE_SECRET) {
        report(reading, "E0115", node->place, NULL, "\"enum\" is not for the type %s",
               value_type_text(param->type));
        return;
    }
    if (!is_list(reading, node, "\"enum\""))
        return;
    param->one_of = job_memory_keep(reading->memory, json_array());
    for (int i = 0; i < node->count; i++) {
        json_t *value = param_literal(reading, node->entries[i].value, param, "enum");
        if (value)
            json_array_append(param->one_of, value);
    }
    if (!node->count)
        report(reading, "E0106", node->place, NULL, "\"enum\" allows nothing");
}

static void parse_pattern(struct reading *reading, const struct document_node *node, struct job_param *param)
{
    char why[256];
    if (param->type != TYPE_STRING && param->type != TYPE_PATH) {
        report(reading, "E0115", node->place, NULL, "\"pattern\" is for the types string and path");
        return;
    }
    const char *pattern = read_text(reading, node, "\"pattern\"");
    if (!pattern)
        return;
    if (pattern_is_good(pattern, why, sizeof why))
        param->pattern = pattern;
    else
        report(reading, "E0118", node->place, NULL, "%s", why);
}

static void parse_default(struct reading *reading, const struct document_node *node, struct job_param *param)
{
    char why[512];
    json_t *value = param_literal(reading, node, param, "default");
    if (!value)
        return;
    param->fallback = value;
    if (!param_accepts(param, value, "default", why, sizeof why))
        report(reading, "E0107", node->place, NULL, "%s: %s", param->name, why);
}

static void parse_param(struct reading *reading, const struct document_entry *entry, struct job_param *param)
{
    const struct document_node *found, *node = entry->value;
    char what[128];
    snprintf(what, sizeof what, "param \"%.80s\"", entry->key);
    param->name = reading_text(reading, "%s", entry->key);
    param->type = TYPE_ANY;
    if (!name_is_good(entry->key))
        report(reading, "E0104", entry->key_place, strchr(entry->key, '-') ? "with _ in place of -" : NULL,
               "a param's name is made of letters, digits and _, and begins with a letter");
    if (!is_map(reading, node, what))
        return;
    keys_check(reading, node, PARAM_KEYS, what);
    if ((found = document_get(node, "help")))
        param->help = read_text(reading, found, "\"help\"");
    if (!parse_type(reading, entry, param))
        return;
    parse_bounds(reading, node, param);
    if ((found = document_get(node, "enum")))
        parse_enum(reading, found, param);
    if ((found = document_get(node, "pattern")))
        parse_pattern(reading, found, param);
    if ((found = document_get(node, "default")))
        parse_default(reading, found, param);
}

void parse_params(struct reading *reading, const struct document_node *node)
{
    struct job *job = reading->job;
    if (!is_map(reading, node, "\"params\""))
        return;
    if (node->count > LIMIT_PARAMS) {
        report(reading, "E0119", node->place, NULL, "%d params, at most %d are allowed", node->count,
               LIMIT_PARAMS);
        return;
    }
    job->params = job_memory_take(reading->memory, ((size_t)node->count + 1) * sizeof *job->params);
    for (int i = 0; i < node->count; i++)
        parse_param(reading, &node->entries[i], &job->params[job->param_count++]);
}
