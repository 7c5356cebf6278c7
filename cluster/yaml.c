#include "cluster/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/limits.h"

/* ---- reading ---- */

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(text, *words))
            return true;
    return false;
}

json_t *yaml_scalar(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", "no",  "No",
                                         "NO",    "off",   "Off",   "OFF", NULL};
    if (is_one_of(text, nulls))
        return json_null();
    if (is_one_of(text, trues))
        return json_true();
    if (is_one_of(text, falses))
        return json_false();
    const char *digits = text + (*text == '-' || *text == '+');
    if (!isdigit((unsigned char)*digits) && *digits != '.')
        return json_string(text);
    char *end;
    errno = 0;
    long long whole = strtoll(text, &end, 0);
    if (!*end && !errno)
        return json_integer(whole);
    double real = strtod(text, &end);
    bool is_number = !*end && strcmp(text, ".") != 0 && isfinite(real); /* JSON has no infinity */
    return is_number ? json_real(real) : json_string(text);
}

struct reading {
    yaml_document_t *document;
    int nodes_left; /* aliases are followed: a bomb must end somewhere */
    const char *what;
    struct error *error;
};

static json_t *node_read(struct reading *reading, int index, int depth);

static json_t *sequence_read(struct reading *reading, const yaml_node_t *node, int depth)
{
    json_t *list = json_array();
    for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top;
         item++) {
        json_t *value = node_read(reading, *item, depth + 1);
        if (!value) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, value);
    }
    return list;
}

static json_t *mapping_read(struct reading *reading, const yaml_node_t *node, int depth)
{
    json_t *map = json_object();
    yaml_node_pair_t *pair = node->data.mapping.pairs.start;
    for (; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(reading->document, pair->key);
        json_t *value = NULL;
        if (key->type != YAML_SCALAR_NODE)
            error_set(reading->error, ERROR_HELM, "%s: a key that is no text", reading->what);
        else if (json_object_get(map, (const char *)key->data.scalar.value))
            error_set(reading->error, ERROR_HELM, "%s: key \"%s\" already set in map", reading->what,
                      (const char *)key->data.scalar.value);
        else
            value = node_read(reading, pair->value, depth + 1);
        if (!value) {
            json_decref(map);
            return NULL;
        }
        json_object_set_new(map, (const char *)key->data.scalar.value, value);
    }
    return map;
}

static json_t *node_read(struct reading *reading, int index, int depth)
{
    const yaml_node_t *node = yaml_document_get_node(reading->document, index);
    if (depth > LIMIT_JOB_DEPTH || --reading->nodes_left < 0) {
        error_set(reading->error, ERROR_LIMIT, "%s: nested too deeply or too large", reading->what);
        return NULL;
    }
    if (node->type == YAML_SEQUENCE_NODE)
        return sequence_read(reading, node, depth);
    if (node->type == YAML_MAPPING_NODE)
        return mapping_read(reading, node, depth);
    const char *text = (const char *)node->data.scalar.value;
    return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? yaml_scalar(text) : json_string(text);
}

/* 1: a document was added; 0: there are no more; -1: the error is filled. */
static int document_read(yaml_parser_t *parser, json_t *documents, const char *what, struct error *error)
{
    yaml_document_t document;
    if (!yaml_parser_load(parser, &document))
        return error_set(error, ERROR_HELM, "%s: yaml: line %zu: %s", what, parser->problem_mark.line + 1,
                         parser->problem ? parser->problem : "not YAML");
    int result = 0;
    if (yaml_document_get_root_node(&document)) {
        struct reading reading = {&document, LIMIT_JOB_NODES, what, error};
        json_t *value = node_read(&reading, 1, 0);
        result = value ? 1 : -1;
        if (value && !json_is_null(value))
            json_array_append_new(documents, value);
    }
    yaml_document_delete(&document);
    return result;
}

json_t *yaml_documents_read(const char *text, size_t length, const char *what, struct error *error)
{
    yaml_parser_t parser;
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    json_t *documents = json_array();
    int result;
    while ((result = document_read(&parser, documents, what, error)) > 0)
        ;
    yaml_parser_delete(&parser);
    if (result < 0) {
        json_decref(documents);
        return NULL;
    }
    return documents;
}

/* ---- writing ---- */

static bool is_plain(const char *text)
{
    if (!isalpha((unsigned char)*text) && *text != '/')
        return false;
    for (const char *at = text; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("._-/", *at))
            return false;
    json_t *as_read = yaml_scalar(text);
    bool plain = json_is_string(as_read);
    json_decref(as_read);
    return plain;
}

static void scalar_write(struct text *text, const json_t *value)
{
    if (json_is_string(value) && is_plain(json_string_value(value))) {
        text_add(text, json_string_value(value));
        return;
    }
    char *bytes = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    text_add(text, bytes ? bytes : "null"); /* nothing, where there is none */
    free(bytes);
}

static bool is_nested(const json_t *value)
{
    return (json_is_object(value) && json_object_size(value)) ||
           (json_is_array(value) && json_array_size(value));
}

/* The text stands behind "key:" or "-" at `indent`; ends with a line end. Values are as deep as what
 * yaml_documents_read and the chart admit. */
static void block_write(struct text *text, const json_t *value, int indent, bool in_list)
{
    if (!is_nested(value)) {
        text_add(text, " ");
        scalar_write(text, value);
        text_add(text, "\n");
        return;
    }
    bool first = true;
    if (json_is_array(value)) {
        size_t i;
        json_t *item;
        text_add(text, "\n");
        json_array_foreach(value, i, item)
        {
            text_format(text, "%*s-", indent, "");
            block_write(text, item, indent + 2, true);
        }
        return;
    }
    const char *key;
    json_t *member;
    if (!in_list)
        text_add(text, "\n");
    json_object_foreach((json_t *)value, key, member)
    {
        if (in_list && first)
            text_add(text, " ");
        else
            text_format(text, "%*s", indent, "");
        first = false;
        json_t *name = json_string(key);
        scalar_write(text, name);
        json_decref(name);
        text_add(text, ":");
        block_write(text, member, json_is_array(member) ? indent : indent + 2, false);
    }
}

void yaml_write(struct text *text, const json_t *value)
{
    struct text block = {0};
    block_write(&block, value, 0, false);
    const char *bytes = text_string(&block);
    text_add(text, *bytes == '\n' || *bytes == ' ' ? bytes + 1 : bytes);
    text_clear(&block);
}
