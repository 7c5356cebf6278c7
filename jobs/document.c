#include "jobs/document.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/limits.h"
#include "base/memory.h"
#include "jobs/source.h"

/* A map or list that is being read. */
struct frame {
    struct document_node *node;
    struct document_entry *entries;
    json_t *keys;    /* of a map: key → line */
    const char *key; /* the one whose value comes next; NULL: a key comes next */
    struct document_place key_place;
    const char *anchor;
    int nodes_before; /* of the whole document */
};

struct anchor {
    const char *name;
    struct document_node *node; /* NULL: it is still being read */
    int nodes;
};

struct reader {
    yaml_parser_t parser;
    struct document *document;
    struct diagnostics *diagnostics;
    struct frame frames[LIMIT_JOB_DEPTH];
    int depth;
    struct anchor *anchors;
    int anchor_count;
    int nodes;
    bool broken; /* nothing more can be read */
    struct {     /* where a scalar ended last: long lines are walked once */
        int line, column;
        const char *at;
    } last;
};

static struct document_place place_between(const struct reader *reader, const yaml_mark_t *from,
                                           const yaml_mark_t *to)
{
    struct document_place place = {(int)from->line + 1, (int)from->column + 1, 1};
    if (to->line == from->line && to->column > from->column) {
        place.length = (int)(to->column - from->column);
    } else if (to->line > from->line && place.line <= reader->document->line_count) {
        size_t length;
        long code;
        const char *line = source_line(reader->document->lines[place.line - 1], 1, &length);
        int characters = 0;
        for (size_t at = 0; at < length; at += source_character(line + at, &code))
            characters++;
        if (characters > (int)from->column)
            place.length = characters - (int)from->column;
    }
    return place;
}

static void complain(struct reader *reader, const char *code, struct document_place place, const char *hint,
                     const char *message)
{
    diagnostics_add(reader->diagnostics, code, place.line, place.column, place.length, hint, "%s", message);
}

static void give_up(struct reader *reader, const char *code, struct document_place place, const char *hint,
                    const char *message)
{
    complain(reader, code, place, hint, message);
    reader->broken = true;
}

/* ---- the bytes ---- */

static bool character_is_allowed(long code)
{
    return code == '\t' || code == '\n' || code == '\r' || (code >= 0x20 && code <= 0x7E) || code == 0x85 ||
           (code >= 0xA0 && code <= 0xFFFD && code != 0xFEFF) || code >= 0x10000;
}

static void index_lines(struct document *document, const char *source)
{
    int capacity = 0;
    document->source = source;
    for (const char *at = source;; at += source_break(at)) {
        if (document->line_count == capacity) {
            capacity = capacity ? 2 * capacity : 256;
            document->lines = memory_resize(document->lines, (size_t)capacity, sizeof *document->lines);
        }
        document->lines[document->line_count++] = at;
        while (*at && !source_break(at))
            at++;
        if (!*at)
            return;
    }
}

static bool bytes_are_text(struct reader *reader, const char *source, size_t length)
{
    struct document_place place = {1, 1, 1};
    char message[80];
    for (size_t at = 0, bytes; at < length; at += bytes) {
        long code;
        bytes = source_character(source + at, &code);
        size_t ending = source_break(source + at);
        if (ending) {
            bytes = ending;
            place.line++;
            place.column = 1;
            continue;
        }
        if (!character_is_allowed(code)) {
            if (code < 0)
                snprintf(message, sizeof message, "the byte 0x%02X is not UTF-8",
                         (unsigned)(unsigned char)source[at]);
            else
                snprintf(message, sizeof message, "the character U+%04lX is not allowed in YAML", code);
            give_up(reader, "E0002", place, code < 0 ? "save the file as UTF-8" : NULL, message);
            return false;
        }
        place.column++;
    }
    return true;
}

/* ---- what libyaml could not read ---- */

/* The source at a place; the end of the text where there is no such place. */
static const char *source_at(const struct document *document, int line, int column)
{
    if (line < 1 || line > document->line_count)
        return "";
    const char *at = document->lines[line - 1];
    long code;
    for (; column > 1 && *at && !source_break(at); column--)
        at += source_character(at, &code);
    return at;
}

static bool line_has_expression(const struct document *document, int line)
{
    size_t length;
    const char *at = source_line(document->lines[line - 1], 1, &length);
    for (size_t i = 0; i + 1 < length; i++)
        if (at[i] == '$' && at[i + 1] == '{')
            return true;
    return false;
}

static const char *syntax_hint(const struct reader *reader, struct document_place place)
{
    const struct document *document = reader->document;
    if (place.line > document->line_count)
        return NULL;
    const char *at = source_at(document, place.line, place.column);
    if (*at == '\t')
        return "YAML is indented with spaces, never with tabs";
    if (line_has_expression(document, place.line))
        return "`${…}` inside {} and [], or with `: ` in it, must be quoted, best in single quotes";
    if (*at == ':')
        return "a text that holds `: ` must be quoted";
    if (*at == '@' || *at == '`' || *at == '%')
        return "a text that begins with this must be quoted";
    return NULL;
}

static void report_syntax(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    struct document_place place = {(int)parser->problem_mark.line + 1, (int)parser->problem_mark.column + 1,
                                   1};
    char message[200];
    const char *problem = parser->problem ? parser->problem : "it cannot be read";
    if (place.line > reader->document->line_count ||
        (place.line > 1 && !*source_at(reader->document, place.line, place.column) && parser->context)) {
        place = (struct document_place){(int)parser->context_mark.line + 1,
                                        (int)parser->context_mark.column + 1, 1};
    }
    snprintf(message, sizeof message, "not valid YAML: %s%s%s", problem, parser->context ? ", " : "",
             parser->context ? parser->context : "");
    give_up(reader, "E0001", place, syntax_hint(reader, place), message);
}

/* ---- nodes ---- */

static struct document_node *node_new(struct reader *reader, enum document_kind kind,
                                      struct document_place place)
{
    struct document_node *node = job_memory_take(reader->document->memory, sizeof *node);
    node->kind = kind;
    node->place = place;
    return node;
}

static bool count_nodes(struct reader *reader, int more, struct document_place place)
{
    char message[120];
    if (more <= LIMIT_JOB_NODES - reader->nodes) {
        reader->nodes += more;
        return true;
    }
    snprintf(message, sizeof message, "more than %d values, with those that aliases repeat", LIMIT_JOB_NODES);
    give_up(reader, "E0003", place, NULL, message);
    return false;
}

static void add_entry(struct frame *frame, struct document_entry entry)
{
    int count = frame->node->count;
    if (entry.value->height >= frame->node->height)
        frame->node->height = entry.value->height + 1;
    if ((count & (count - 1)) == 0) /* 0, 1, 2, 4, …: full */
        frame->entries = memory_resize(frame->entries, count ? 2 * (size_t)count : 1, sizeof *frame->entries);
    frame->entries[frame->node->count++] = entry;
}

/* A finished or begun node takes its place in what holds it. */
static void place_node(struct reader *reader, struct document_node *node)
{
    if (!reader->depth) {
        reader->document->root = node;
        return;
    }
    struct frame *frame = &reader->frames[reader->depth - 1];
    if (frame->node->kind == DOCUMENT_LIST) {
        add_entry(frame, (struct document_entry){NULL, node->place, node});
        return;
    }
    if (*frame->key) /* "": a key that was refused */
        add_entry(frame, (struct document_entry){frame->key, frame->key_place, node});
    frame->key = NULL;
}

static bool expects_key(const struct reader *reader)
{
    const struct frame *frame = reader->depth ? &reader->frames[reader->depth - 1] : NULL;
    return frame && frame->node->kind == DOCUMENT_MAP && !frame->key;
}

static void take_key(struct reader *reader, const yaml_event_t *event, struct document_place place)
{
    struct frame *frame = &reader->frames[reader->depth - 1];
    const char *text = (const char *)event->data.scalar.value;
    char hint[64];
    frame->key_place = place;
    frame->key = "";
    if (!*text || strlen(text) != event->data.scalar.length) {
        complain(reader, "E0010", place, NULL, *text ? "a key with a NUL in it" : "a key is missing here");
    } else if (!strcmp(text, "<<") && event->data.scalar.plain_implicit &&
               event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        complain(reader, "E0008", place, "write the keys out", "merge keys are not allowed");
    } else if (json_object_get(frame->keys, text)) {
        char message[160];
        snprintf(message, sizeof message, "\"%.80s\" stands here twice", text);
        snprintf(hint, sizeof hint, "first in line %d",
                 (int)json_integer_value(json_object_get(frame->keys, text)));
        complain(reader, "E0007", place, hint, message);
    } else {
        json_object_set_new(frame->keys, text, json_integer(place.line));
        frame->key = job_memory_text(reader->document->memory, text, strlen(text));
    }
}

static void refuse_tag(struct reader *reader, const yaml_char_t *tag, struct document_place place)
{
    if (!tag)
        return;
    char message[160];
    snprintf(message, sizeof message, "YAML tags are not allowed: %.100s", (const char *)tag);
    complain(reader, "E0004", place, NULL, message);
}

/* ---- anchors ---- */

static int anchor_find(const struct reader *reader, const char *name)
{
    for (int i = reader->anchor_count - 1; i >= 0; i--)
        if (!strcmp(reader->anchors[i].name, name))
            return i;
    return -1;
}

static const char *anchor_begin(struct reader *reader, const yaml_char_t *name, struct document_place place)
{
    if (!name)
        return NULL;
    const char *text = job_memory_text(reader->document->memory, (const char *)name,
                                       strlen((const char *)name));
    int index = anchor_find(reader, text);
    if (index < 0 && reader->anchor_count == LIMIT_ANCHORS) {
        give_up(reader, "E0003", place, NULL, "too many anchors");
        return NULL;
    }
    if (index < 0) {
        reader->anchors = memory_resize(reader->anchors, (size_t)reader->anchor_count + 1,
                                        sizeof *reader->anchors);
        index = reader->anchor_count++;
    }
    reader->anchors[index] = (struct anchor){text, NULL, 0};
    return text;
}

static void anchor_end(struct reader *reader, const char *name, struct document_node *node, int nodes)
{
    int index = name ? anchor_find(reader, name) : -1;
    if (index >= 0) {
        reader->anchors[index].node = node;
        reader->anchors[index].nodes = nodes;
    }
}

static void read_alias(struct reader *reader, const yaml_event_t *event, struct document_place place)
{
    const char *name = (const char *)event->data.alias.anchor;
    int index = anchor_find(reader, name);
    if (expects_key(reader)) {
        give_up(reader, "E0010", place, NULL, "an alias cannot be a key");
    } else if (index < 0 || !reader->anchors[index].node) {
        char message[160];
        snprintf(message, sizeof message,
                 index < 0 ? "there is no anchor &%.80s before this alias"
                           : "the alias *%.80s stands within its own anchor",
                 name);
        give_up(reader, "E0009", place, NULL, message);
    } else if (reader->depth + reader->anchors[index].node->height > LIMIT_JOB_DEPTH) {
        give_up(reader, "E0003", place, NULL, "too deeply nested");
    } else if (count_nodes(reader, reader->anchors[index].nodes, place)) {
        place_node(reader, reader->anchors[index].node);
    }
}

/* ---- events ---- */

/* Whether a comment stands behind a plain scalar on its last line. */
static bool is_commented(struct reader *reader, const yaml_mark_t *end)
{
    int line = (int)end->line + 1, column = (int)end->column + 1;
    long code;
    if (reader->last.line != line || reader->last.column > column) {
        reader->last.line = line;
        reader->last.column = 1;
        reader->last.at = source_at(reader->document, line, 1);
    }
    for (; reader->last.column < column && *reader->last.at; reader->last.column++)
        reader->last.at += source_character(reader->last.at, &code);
    const char *at = reader->last.at;
    const char *blank = at;
    while (*at == ' ' || *at == '\t')
        at++;
    return at > blank && *at == '#';
}

static void read_scalar(struct reader *reader, const yaml_event_t *event, struct document_place place)
{
    static const enum document_style styles[] = {
        [YAML_PLAIN_SCALAR_STYLE] = STYLE_PLAIN,          [YAML_SINGLE_QUOTED_SCALAR_STYLE] = STYLE_SINGLE,
        [YAML_DOUBLE_QUOTED_SCALAR_STYLE] = STYLE_DOUBLE, [YAML_LITERAL_SCALAR_STYLE] = STYLE_LITERAL,
        [YAML_FOLDED_SCALAR_STYLE] = STYLE_FOLDED,
    };
    const char *text = (const char *)event->data.scalar.value;
    refuse_tag(reader, event->data.scalar.tag, place);
    if (expects_key(reader)) {
        if (event->data.scalar.anchor)
            complain(reader, "E0009", place, NULL, "a key cannot have an anchor");
        take_key(reader, event, place);
        return;
    }
    if (strlen(text) != event->data.scalar.length)
        complain(reader, "E0002", place, NULL, "a text with a NUL in it");
    struct document_node *node = node_new(reader, DOCUMENT_SCALAR, place);
    node->length = strlen(text);
    node->text = job_memory_text(reader->document->memory, text, node->length);
    node->style = styles[event->data.scalar.style];
    node->commented = node->style == STYLE_PLAIN && node->length && is_commented(reader, &event->end_mark);
    const char *anchor = anchor_begin(reader, event->data.scalar.anchor, place);
    if (count_nodes(reader, 1, place)) {
        place_node(reader, node);
        anchor_end(reader, anchor, node, 1);
    }
}

static void open_node(struct reader *reader, enum document_kind kind, const yaml_char_t *anchor,
                      const yaml_char_t *tag, struct document_place place)
{
    refuse_tag(reader, tag, place);
    if (expects_key(reader)) {
        give_up(reader, "E0010", place,
                line_has_expression(reader->document, place.line)
                    ? "`${…}` inside {} and [] must be quoted, best in single quotes"
                    : NULL,
                "a key must be plain text, not a map or a list");
        return;
    }
    if (reader->depth == LIMIT_JOB_DEPTH) {
        give_up(reader, "E0003", place, NULL, "too deeply nested");
        return;
    }
    struct frame *frame = &reader->frames[reader->depth];
    *frame = (struct frame){.node = node_new(reader, kind, place), .nodes_before = reader->nodes};
    frame->node->height = 1;
    if (!count_nodes(reader, 1, place))
        return;
    frame->anchor = anchor_begin(reader, anchor, place);
    frame->keys = kind == DOCUMENT_MAP ? json_object() : NULL;
    reader->depth++;
}

static void close_node(struct reader *reader)
{
    struct frame *frame = &reader->frames[--reader->depth];
    struct document_node *node = frame->node;
    size_t bytes = (size_t)node->count * sizeof *node->entries;
    node->entries = job_memory_take(reader->document->memory, bytes);
    if (bytes)
        memcpy(node->entries, frame->entries, bytes);
    free(frame->entries);
    json_decref(frame->keys);
    place_node(reader, node);
    anchor_end(reader, frame->anchor, node, reader->nodes - frame->nodes_before);
}

static void open_document(struct reader *reader, const yaml_event_t *event, struct document_place place)
{
    if (reader->document->root)
        give_up(reader, "E0006", place, "one job a file", "a second document");
    else if (event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end)
        give_up(reader, "E0004", place, NULL, "YAML tags are not allowed: %TAG");
}

static void read_event(struct reader *reader, const yaml_event_t *event)
{
    struct document_place place = place_between(reader, &event->start_mark, &event->end_mark);
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        open_document(reader, event, place);
        break;
    case YAML_SCALAR_EVENT:
        read_scalar(reader, event, place);
        break;
    case YAML_ALIAS_EVENT:
        read_alias(reader, event, place);
        break;
    case YAML_SEQUENCE_START_EVENT:
        open_node(reader, DOCUMENT_LIST, event->data.sequence_start.anchor, event->data.sequence_start.tag,
                  place);
        break;
    case YAML_MAPPING_START_EVENT:
        open_node(reader, DOCUMENT_MAP, event->data.mapping_start.anchor, event->data.mapping_start.tag,
                  place);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_node(reader);
        break;
    default:
        break;
    }
}

static void read_events(struct reader *reader)
{
    for (bool ended = false; !ended && !reader->broken;) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader->parser, &event)) {
            report_syntax(reader);
            return;
        }
        read_event(reader, &event);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
}

/* What was begun when the reading broke off. */
static void reader_close(struct reader *reader)
{
    while (reader->depth) {
        free(reader->frames[--reader->depth].entries);
        json_decref(reader->frames[reader->depth].keys);
    }
    free(reader->anchors);
    yaml_parser_delete(&reader->parser);
}

static bool is_empty(const struct document_node *root)
{
    return !root || (root->kind == DOCUMENT_SCALAR && root->style == STYLE_PLAIN && !root->length);
}

struct document *document_read(const char *source, size_t length, struct diagnostics *diagnostics)
{
    struct reader *reader = memory_new(sizeof *reader);
    struct document *document = memory_new(sizeof *document);
    static const struct document_place begin = {1, 1, 1};
    size_t mark = length >= 3 && !memcmp(source, "\xEF\xBB\xBF", 3) ? 3 : 0; /* of the byte order */
    reader->document = document;
    reader->diagnostics = diagnostics;
    document->memory = job_memory_new();
    index_lines(document, source + mark);
    if (!yaml_parser_initialize(&reader->parser))
        abort(); /* out of memory */
    yaml_parser_set_encoding(&reader->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader->parser, (const unsigned char *)source + mark, length - mark);
    if (length > LIMIT_JOB_BYTES)
        give_up(reader, "E0003", begin, NULL, "the file is larger than 1 MiB");
    else if (bytes_are_text(reader, source + mark, length - mark))
        read_events(reader);
    if (!reader->broken && is_empty(document->root))
        give_up(reader, "E0005", begin, NULL, "the file holds no document");
    bool broken = reader->broken;
    reader_close(reader);
    free(reader);
    if (!broken)
        return document;
    document_free(document);
    return NULL;
}

void document_free(struct document *document)
{
    if (!document)
        return;
    job_memory_free(document->memory);
    free(document->lines);
    free(document);
}

const struct document_entry *document_entry(const struct document_node *node, const char *key)
{
    for (int i = 0; node && node->kind == DOCUMENT_MAP && i < node->count; i++)
        if (!strcmp(node->entries[i].key, key))
            return &node->entries[i];
    return NULL;
}

const struct document_node *document_get(const struct document_node *node, const char *key)
{
    const struct document_entry *entry = document_entry(node, key);
    return entry ? entry->value : NULL;
}
