#include "steps/values_splice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#define DEPTH_LIMIT LIMIT_JOB_DEPTH

/* ---- finding ---- */

/* Where a path leads in the file. */
struct target {
    const char *path;
    int found;          /* how often */
    const char *refuse; /* why it cannot be spliced; NULL: it can */
    int line;           /* from 1 */
    size_t start, end;  /* characters, as libyaml counts them: without the byte order mark */
    yaml_scalar_style_t style;
    char *text;
};

/* A collection that is open, and the key whose value comes next. */
struct level {
    bool is_map;
    bool wants_key;
    char *key; /* owned; NULL: not a scalar */
};

struct search {
    struct target *targets;
    size_t target_count;
    struct level levels[DEPTH_LIMIT];
    int depth;
    int documents;
};

/* Does `path` spell the keys of the open maps, joined by dots? A key that holds a dot itself never matches.
 */
static bool path_is_here(const struct search *search, const char *path)
{
    for (int i = 0; i < search->depth; i++) {
        const struct level *level = &search->levels[i];
        if (!level->is_map || !level->key || strchr(level->key, '.'))
            return false;
        size_t length = strlen(level->key);
        if (strncmp(path, level->key, length))
            return false;
        path += length;
        bool last = i == search->depth - 1;
        if (*path != (last ? '\0' : '.'))
            return false;
        path++;
    }
    return search->depth > 0;
}

static struct target *target_here(struct search *search)
{
    for (size_t i = 0; i < search->target_count; i++)
        if (path_is_here(search, search->targets[i].path))
            return &search->targets[i];
    return NULL;
}

static const char *why_not_scalar(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return "holds an alias: the value stands elsewhere";
    case YAML_MAPPING_START_EVENT:
        return "holds a map, not a scalar";
    case YAML_SEQUENCE_START_EVENT:
        return "holds a list, not a scalar";
    default:
        break;
    }
    if (event->data.scalar.anchor)
        return "holds an anchor: other places may follow it";
    if (event->data.scalar.tag)
        return "holds a tagged scalar";
    yaml_scalar_style_t style = event->data.scalar.style;
    return style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE ? "holds a block scalar"
                                                                                   : NULL;
}

static void note_target(struct search *search, const yaml_event_t *event)
{
    struct target *target = target_here(search);
    if (!target)
        return;
    target->found++;
    target->line = (int)event->start_mark.line + 1;
    target->refuse = why_not_scalar(event);
    if (event->type != YAML_SCALAR_EVENT)
        return;
    target->start = event->start_mark.index;
    target->end = event->end_mark.index;
    target->style = event->data.scalar.style;
    free(target->text);
    target->text = string_copy((const char *)event->data.scalar.value);
}

static void take_key(struct level *level, const yaml_event_t *event)
{
    free(level->key);
    level->key = event->type == YAML_SCALAR_EVENT ? string_copy((const char *)event->data.scalar.value)
                                                  : NULL;
    level->wants_key = false;
}

/* A node of the level above has ended: its map wants the next key. */
static void end_node(struct search *search)
{
    if (search->depth)
        search->levels[search->depth - 1].wants_key = search->levels[search->depth - 1].is_map;
}

static int open_collection(struct search *search, bool is_map, struct error *error)
{
    if (search->depth == DEPTH_LIMIT)
        return error_set(error, ERROR_LIMIT, "nested deeper than %d levels", DEPTH_LIMIT);
    search->levels[search->depth++] = (struct level){.is_map = is_map, .wants_key = is_map};
    return 0;
}

static void close_collection(struct search *search)
{
    free(search->levels[--search->depth].key);
    end_node(search);
}

static int take_event(struct search *search, const yaml_event_t *event, struct error *error)
{
    struct level *level = search->depth ? &search->levels[search->depth - 1] : NULL;
    bool opens = event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT;
    bool is_key = level && level->is_map && level->wants_key;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++search->documents > 1)
            return error_set(error, ERROR_REFUSED, "line %d: a second document; helm reads one",
                             (int)event->start_mark.line + 1);
        return 0;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        close_collection(search);
        return 0;
    case YAML_SCALAR_EVENT:
    case YAML_ALIAS_EVENT:
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        break;
    default:
        return 0;
    }
    if (is_key && opens)
        return error_set(error, ERROR_REFUSED, "line %d: a key that is no scalar",
                         (int)event->start_mark.line + 1);
    if (is_key) {
        take_key(level, event);
        return 0;
    }
    note_target(search, event);
    if (opens)
        return open_collection(search, event->type == YAML_MAPPING_START_EVENT, error);
    end_node(search);
    return 0;
}

static int parse(struct search *search, const char *bytes, size_t length, struct error *error)
{
    yaml_parser_t parser;
    int result = 0;
    bool ended = false;
    yaml_parser_initialize(&parser);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, length);
    while (!result && !ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            result = error_set(error, ERROR_REFUSED, "line %d: not YAML: %s",
                               (int)parser.problem_mark.line + 1,
                               parser.problem ? parser.problem : "unreadable");
            break;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        result = take_event(search, &event, error);
        yaml_event_delete(&event);
    }
    while (search->depth)
        free(search->levels[--search->depth].key);
    yaml_parser_delete(&parser);
    return result;
}

static bool has_mark(const char *bytes, size_t length)
{
    return length >= 3 && !memcmp(bytes, "\xEF\xBB\xBF", 3);
}

static int find_targets(struct search *search, const char *bytes, size_t length, struct error *error)
{
    size_t mark = has_mark(bytes, length) ? 3 : 0;
    if (length > LIMIT_VALUES_FILE_BYTES)
        return error_set(error, ERROR_LIMIT, "%zu bytes, at most %d are edited", length,
                         LIMIT_VALUES_FILE_BYTES);
    return parse(search, bytes + mark, length - mark, error);
}

static int check_target(const struct target *target, struct error *error)
{
    if (!target->found)
        return error_set(error, ERROR_REFUSED, "there is no key \"%s\"", target->path);
    if (target->found > 1)
        return error_set(error, ERROR_REFUSED, "line %d: the key \"%s\" exists %d times", target->line,
                         target->path, target->found);
    if (target->refuse)
        return error_set(error, ERROR_REFUSED, "line %d: \"%s\" %s", target->line, target->path,
                         target->refuse);
    return 0;
}

/* ---- writing ---- */

char *value_spelled(const json_t *value)
{
    const char *spelled = json_text(value, "spelled", NULL);
    if (spelled)
        return string_copy(spelled);
    if (json_is_string(value))
        return string_copy(json_string_value(value));
    if (json_is_real(value))
        return json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    return json_canonical(value);
}

/* Would a plain scalar of this text be read as a string, and as the same one, wherever it stands? */
static bool is_plain_string(const char *text)
{
    static const char *const not_strings[] = {
        "",    "~",   "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", "yes",
        "Yes", "YES", "no",   "No",   "NO",   "on",   "On",   "ON",   "off",   "Off",   "OFF",   "y",
        "Y",   "n",   "N",    ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN",  "<<",    "="};
    for (size_t i = 0; i < sizeof not_strings / sizeof *not_strings; i++)
        if (!strcmp(text, not_strings[i]))
            return false;
    /* Letters lead, and only what never means anything in YAML follows: quoted is always right, plain only
     * here. */
    if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || *text == '/'))
        return false;
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-") == strlen(text);
}

static void write_single_quoted(struct text *out, const char *text)
{
    text_add(out, "'");
    for (; *text; text++)
        text_append(out, *text == '\'' ? "''" : text, *text == '\'' ? 2 : 1);
    text_add(out, "'");
}

static void write_double_quoted(struct text *out, const char *text)
{
    text_add(out, "\"");
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            text_format(out, "\\%c", byte);
        else if (byte < 0x20)
            text_format(out, "\\x%02x", byte);
        else
            text_append(out, text, 1);
    }
    text_add(out, "\"");
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20)
            return true;
    return false;
}

static void write_scalar(struct text *out, const struct target *target, const json_t *value)
{
    char *spelled = value_spelled(value);
    bool single = target->style == YAML_SINGLE_QUOTED_SCALAR_STYLE;
    bool twice = target->style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    if (target->start == target->end && !single && !twice)
        text_add(out, " "); /* `key:` holds nothing yet */
    if (twice || has_control(spelled))
        write_double_quoted(out, spelled);
    else if (single || (json_is_string(value) && !is_plain_string(spelled)))
        write_single_quoted(out, spelled);
    else
        text_add(out, spelled);
    free(spelled);
}

/* From characters, as libyaml counts, to bytes. */
static size_t byte_of(const char *bytes, size_t length, size_t character)
{
    size_t at = has_mark(bytes, length) ? 3 : 0;
    for (; character && at < length; character--)
        for (at++; at < length && ((unsigned char)bytes[at] & 0xC0) == 0x80;)
            at++;
    return at;
}

static int by_place(const void *one, const void *other)
{
    const struct target *a = one, *b = other;
    return a->start < b->start ? -1 : a->start > b->start;
}

static bool same_scalar(const struct target *target, const json_t *value)
{
    char *spelled = value_spelled(value);
    bool same = !strcmp(spelled, target->text) && (target->start != target->end || *target->text == *spelled);
    /* a plain 3 is no "3" */
    bool plain = target->style == YAML_PLAIN_SCALAR_STYLE;
    same = same && !(plain && json_is_string(value) && !is_plain_string(spelled));
    free(spelled);
    return same;
}

static void splice(const struct search *search, const char *bytes, size_t length, const json_t *set,
                   struct text *out, json_t *before)
{
    size_t copied = 0;
    for (size_t i = 0; i < search->target_count; i++) {
        const struct target *target = &search->targets[i];
        const json_t *value = json_object_get(set, target->path);
        json_object_set_new(before, target->path, json_string(target->text));
        if (same_scalar(target, value))
            continue;
        size_t start = byte_of(bytes, length, target->start), end = byte_of(bytes, length, target->end);
        text_append(out, bytes + copied, start - copied);
        write_scalar(out, target, value);
        copied = end;
    }
    text_append(out, bytes + copied, length - copied);
}

/* What was written must read as what was meant: the last line of defence against an odd corner of YAML. */
static int check_result(const struct text *out, const json_t *set, struct search *search, struct error *error)
{
    struct search again = {.targets = memory_new(search->target_count * sizeof *again.targets),
                           .target_count = search->target_count};
    for (size_t i = 0; i < again.target_count; i++)
        again.targets[i].path = search->targets[i].path;
    int result = find_targets(&again, out->bytes, out->length, error);
    for (size_t i = 0; !result && i < again.target_count; i++) {
        char *spelled = value_spelled(json_object_get(set, again.targets[i].path));
        result = check_target(&again.targets[i], error);
        if (!result && strcmp(spelled, again.targets[i].text))
            result = error_set(error, ERROR_REFUSED, "line %d: \"%s\" cannot be set to %s there",
                               again.targets[i].line, again.targets[i].path, spelled);
        free(spelled);
    }
    for (size_t i = 0; i < again.target_count; i++)
        free(again.targets[i].text);
    free(again.targets);
    return result;
}

static void search_begin(struct search *search, const json_t *set)
{
    const char *path;
    json_t *value;
    *search = (struct search){.targets = memory_new(json_object_size(set) * sizeof *search->targets)};
    json_object_foreach((json_t *)set, path, value) search->targets[search->target_count++].path = path;
}

static void search_end(struct search *search)
{
    for (size_t i = 0; i < search->target_count; i++)
        free(search->targets[i].text);
    free(search->targets);
}

int values_splice(const char *bytes, size_t length, const json_t *set, char **out_bytes, size_t *out_length,
                  json_t **out_before, struct error *error)
{
    struct search search;
    struct text out = {0};
    json_t *before = json_object();
    search_begin(&search, set);
    int result = find_targets(&search, bytes, length, error);
    for (size_t i = 0; !result && i < search.target_count; i++)
        result = check_target(&search.targets[i], error);
    if (!result) {
        qsort(search.targets, search.target_count, sizeof *search.targets, by_place);
        splice(&search, bytes, length, set, &out, before);
        result = check_result(&out, set, &search, error);
    }
    search_end(&search);
    if (result) {
        text_clear(&out);
        json_decref(before);
        return -1;
    }
    *out_length = out.length;
    *out_bytes = text_take(&out);
    *out_before = before;
    return 0;
}

int values_line(const char *bytes, size_t length, const char *path)
{
    struct target target = {.path = path};
    struct search search = {.targets = &target, .target_count = 1};
    int line = find_targets(&search, bytes, length, &(struct error){0}) || !target.found ? 0 : target.line;
    free(target.text);
    return line;
}
