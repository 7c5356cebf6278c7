#include "steps/values_tree.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/memory.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

/* An open map or list. */
struct level {
    int node;
    bool is_map, has_key;
    bool in_flow;
    char *key; /* read, waits for its value; NULL also where the key is no scalar */
    int key_line;
};

struct reading {
    const char *bytes, *name;
    size_t length;
    struct values_tree *tree;
    struct level levels[LIMIT_JOB_DEPTH];
    int depth;
    int skipping;             /* levels below a key that is no scalar, which no path can name */
    size_t characters, place; /* libyaml counts characters: so many end at this byte */
    int documents;
    struct error *error;
};

/* Marks come in the order of the text, but for a little way back: a scalar's end lies before the next mark.
 */
static size_t byte_of(struct reading *reading, size_t character)
{
    while (reading->characters > character) {
        do
            reading->place--;
        while (((unsigned char)reading->bytes[reading->place] & 0xC0) == 0x80);
        reading->characters--;
    }
    while (reading->characters < character && reading->place < reading->length) {
        do
            reading->place++;
        while (reading->place < reading->length &&
               ((unsigned char)reading->bytes[reading->place] & 0xC0) == 0x80);
        reading->characters++;
    }
    return reading->place;
}

static int node_add(struct reading *reading, const struct values_node *node)
{
    struct values_tree *tree = reading->tree;
    if (tree->count >= LIMIT_JOB_NODES)
        return error_set(reading->error, ERROR_LIMIT, "%s holds more than %d values", reading->name,
                         LIMIT_JOB_NODES);
    if (tree->count == tree->capacity) {
        tree->capacity = tree->capacity ? 2 * tree->capacity : 64;
        tree->nodes = memory_resize(tree->nodes, (size_t)tree->capacity, sizeof *tree->nodes);
    }
    tree->nodes[tree->count] = *node;
    return tree->count++;
}

/* Where the next node stands: its key is taken from the level. */
static struct values_node place_node(struct reading *reading, const yaml_mark_t *mark)
{
    struct values_node node = {.parent = VALUES_NO_PARENT, .line = (int)mark->line + 1};
    if (!reading->depth)
        return node;
    struct level *level = &reading->levels[reading->depth - 1];
    node.parent = level->node;
    node.in_flow = level->in_flow;
    if (level->is_map) {
        node.key = level->key;
        if (node.key)
            node.line = level->key_line;
        level->key = NULL;
        level->has_key = false;
    }
    return node;
}

static bool awaits_key(const struct reading *reading)
{
    return reading->depth && reading->levels[reading->depth - 1].is_map &&
           !reading->levels[reading->depth - 1].has_key;
}

static char *copy_yaml(const yaml_char_t *text)
{
    return string_copy((const char *)text);
}

static enum values_style style_of(yaml_scalar_style_t style)
{
    switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
        return VALUES_SINGLE_QUOTED;
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        return VALUES_DOUBLE_QUOTED;
    case YAML_LITERAL_SCALAR_STYLE:
    case YAML_FOLDED_SCALAR_STYLE:
        return VALUES_BLOCK;
    default:
        return VALUES_PLAIN;
    }
}

static int take_key(struct reading *reading, const yaml_event_t *event)
{
    struct level *level = &reading->levels[reading->depth - 1];
    level->has_key = true;
    level->key_line = (int)event->start_mark.line + 1;
    if (event->type == YAML_SCALAR_EVENT)
        level->key = copy_yaml(event->data.scalar.value);
    else if (event->type != YAML_ALIAS_EVENT)
        reading->skipping = 1;
    return 0;
}

static int take_scalar(struct reading *reading, const yaml_event_t *event)
{
    struct values_node node = place_node(reading, &event->start_mark);
    node.kind = VALUES_SCALAR;
    node.text = copy_yaml(event->data.scalar.value);
    node.anchor = copy_yaml(event->data.scalar.anchor);
    node.has_tag = event->data.scalar.tag != NULL;
    node.style = style_of(event->data.scalar.style);
    node.start = byte_of(reading, event->start_mark.index);
    node.end = byte_of(reading, event->end_mark.index);
    return node_add(reading, &node) < 0 ? -1 : 0;
}

static int take_alias(struct reading *reading, const yaml_event_t *event)
{
    struct values_node node = place_node(reading, &event->start_mark);
    node.kind = VALUES_ALIAS;
    node.text = copy_yaml(event->data.alias.anchor);
    return node_add(reading, &node) < 0 ? -1 : 0;
}

static int open_level(struct reading *reading, const yaml_event_t *event)
{
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    bool in_flow = is_map ? event->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                          : event->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    if (reading->depth == LIMIT_JOB_DEPTH)
        return error_set(reading->error, ERROR_LIMIT, "%s, line %zu: nested deeper than %d levels",
                         reading->name, event->start_mark.line + 1, LIMIT_JOB_DEPTH);
    struct values_node node = place_node(reading, &event->start_mark);
    node.kind = is_map ? VALUES_MAP : VALUES_LIST;
    node.anchor = copy_yaml(is_map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor);
    int index = node_add(reading, &node);
    if (index < 0)
        return -1;
    reading->levels[reading->depth++] = (struct level){
        .node = index, .is_map = is_map, .in_flow = in_flow || node.in_flow};
    return 0;
}

/* Below a key that is no scalar: counted, so that its end is found. */
static void skip(struct reading *reading, yaml_event_type_t type)
{
    if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT)
        reading->skipping++;
    else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT)
        reading->skipping--;
}

static int take_event(struct reading *reading, const yaml_event_t *event)
{
    if (reading->skipping) {
        skip(reading, event->type);
        return 0;
    }
    bool ends = event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT;
    if (awaits_key(reading) && !ends)
        return take_key(reading, event);
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (reading->documents++)
            return error_set(reading->error, ERROR_REFUSED,
                             "%s, line %zu: a second document begins; a values file is one", reading->name,
                             event->start_mark.line + 1);
        return 0;
    case YAML_SCALAR_EVENT:
        return take_scalar(reading, event);
    case YAML_ALIAS_EVENT:
        return take_alias(reading, event);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return open_level(reading, event);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        assert(reading->depth > 0); /* the parser pairs beginnings and ends */
        free(reading->levels[--reading->depth].key);
        return 0;
    default:
        return 0;
    }
}

static int read_events(struct reading *reading, yaml_parser_t *parser)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return error_set(reading->error, ERROR_REFUSED, "%s, line %zu: not YAML: %s", reading->name,
                             parser->problem_mark.line + 1,
                             parser->problem ? parser->problem : "cannot be read");
        bool ended = event.type == YAML_STREAM_END_EVENT;
        int result = take_event(reading, &event);
        yaml_event_delete(&event);
        if (ended || result)
            return result;
    }
}

int values_tree_read(const char *bytes, size_t length, const char *name, struct values_tree *tree,
                     struct error *error)
{
    yaml_parser_t parser;
    struct reading reading = {.bytes = bytes, .name = name, .length = length, .tree = tree, .error = error};
    *tree = (struct values_tree){0};
    if (length >= 3 && !memcmp(bytes, BYTE_ORDER_MARK, 3))
        reading.place = 3; /* libyaml does not count it */
    yaml_parser_initialize(&parser);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes + reading.place,
                                 length - reading.place);
    int result = read_events(&reading, &parser);
    yaml_parser_delete(&parser);
    while (reading.depth)
        free(reading.levels[--reading.depth].key);
    return result;
}

void values_tree_clear(struct values_tree *tree)
{
    for (int i = 0; i < tree->count; i++) {
        free(tree->nodes[i].key);
        free(tree->nodes[i].text);
        free(tree->nodes[i].anchor);
    }
    free(tree->nodes);
    *tree = (struct values_tree){0};
}

/* From the last key back to the root. */
bool values_node_is_at(const struct values_tree *tree, int node, const char *path, size_t length)
{
    for (;;) {
        const struct values_node *at = &tree->nodes[node];
        size_t key_length = at->key ? strlen(at->key) : 0;
        if (!at->key || key_length > length || memcmp(path + length - key_length, at->key, key_length))
            return false;
        length -= key_length;
        node = at->parent;
        if (tree->nodes[node].parent == VALUES_NO_PARENT)
            return !length;
        if (!length || path[length - 1] != '.')
            return false;
        length--;
    }
}
