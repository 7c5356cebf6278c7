#include "cluster/live/kubeconfig_file.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/file.h"
#include "base/limits.h"

struct reading {
    const char *path;
    yaml_document_t *document;
    int nodes_left;
    struct error *error;
};

static json_t *node_read(struct reading *reading, int index, int depth);

static json_t *scalar_read(struct reading *reading, const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
        (!*text || !strcmp(text, "~") || !strcmp(text, "null")))
        return json_null();
    json_t *value = strlen(text) == node->data.scalar.length ? json_string(text) : NULL;
    if (!value)
        error_set(reading->error, ERROR_USAGE, "%s:%zu: not text in UTF-8", reading->path,
                  node->start_mark.line + 1);
    return value;
}

static json_t *sequence_read(struct reading *reading, const yaml_node_t *node, int depth)
{
    json_t *list = json_array();
    yaml_node_item_t *item = node->data.sequence.items.start;
    for (; item < node->data.sequence.items.top; item++) {
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
        const char *name = key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : NULL;
        json_t *value = NULL;
        if (!name || json_object_get(map, name))
            error_set(reading->error, ERROR_USAGE, "%s:%zu: %s", reading->path, key->start_mark.line + 1,
                      name ? "a key stands twice" : "a key is no text");
        else
            value = node_read(reading, pair->value, depth + 1);
        if (value && json_object_set_new(map, name, value)) {
            error_set(reading->error, ERROR_USAGE, "%s:%zu: not text in UTF-8", reading->path,
                      key->start_mark.line + 1);
            value = NULL;
        }
        if (!value) {
            json_decref(map);
            return NULL;
        }
    }
    return map;
}

/* Depth is bounded, so recursion is. */
static json_t *node_read(struct reading *reading, int index, int depth)
{
    const yaml_node_t *node = yaml_document_get_node(reading->document, index);
    if (depth > LIMIT_KUBECONFIG_DEPTH || --reading->nodes_left < 0) {
        error_set(reading->error, ERROR_LIMIT, "%s:%zu: nested deeper than %d, or more than %d values",
                  reading->path, node->start_mark.line + 1, LIMIT_KUBECONFIG_DEPTH, LIMIT_KUBECONFIG_NODES);
        return NULL;
    }
    if (node->type == YAML_SEQUENCE_NODE)
        return sequence_read(reading, node, depth);
    if (node->type == YAML_MAPPING_NODE)
        return mapping_read(reading, node, depth);
    return scalar_read(reading, node);
}

static json_t *document_read(yaml_parser_t *parser, const char *path, struct error *error)
{
    yaml_document_t document;
    if (!yaml_parser_load(parser, &document)) {
        error_set(error, ERROR_USAGE, "%s:%zu: %s", path, parser->problem_mark.line + 1,
                  parser->problem ? parser->problem : "not YAML");
        return NULL;
    }
    json_t *value;
    if (yaml_document_get_root_node(&document)) {
        struct reading reading = {path, &document, LIMIT_KUBECONFIG_NODES, error};
        value = node_read(&reading, 1, 0);
    } else {
        value = json_object();
    }
    yaml_document_delete(&document);
    if (value && !json_is_object(value)) {
        json_decref(value);
        error_set(error, ERROR_USAGE, "%s: not a kubeconfig (a map was expected)", path);
        return NULL;
    }
    return value;
}

json_t *kubeconfig_file_read(const char *path, struct error *error)
{
    size_t length;
    char *text = file_read(path, LIMIT_KUBECONFIG_BYTES, &length, error);
    if (!text)
        return NULL;
    yaml_parser_t parser;
    yaml_parser_initialize(&parser);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    json_t *document = document_read(&parser, path, error);
    yaml_parser_delete(&parser);
    free(text);
    return document;
}
