#include "jobs/reading.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/memory.h"
#include "base/text.h"
#include "jobs/scalar.h"
#include "jobs/template.h"

#define MESSAGE_SIZE 1024

void report(struct reading *reading, const char *code, struct document_place place, const char *hint,
            const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    diagnostics_add(reading->diagnostics, code, place.line, place.column, place.length, hint, "%s", message);
}

void report_later(struct reading *reading, struct document_place place, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    diagnostics_add(&reading->job->later, "E0120", place.line, place.column, place.length, NULL,
                    "%s: not in this version", message);
}

const char *hint_nearest(const char *wrong, const char *const *names, char *buffer, size_t size)
{
    const char *nearest = name_nearest(wrong, names);
    buffer[0] = '\0';
    if (nearest)
        snprintf(buffer, size, "did you mean \"%s\"?", nearest);
    return buffer;
}

const char *reading_text(struct reading *reading, const char *format, ...)
{
    char text[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return job_memory_text(reading->memory, text, strlen(text));
}

/* ---- maps and lists ---- */

static const char *kind_text(const struct document_node *node)
{
    if (node->kind == DOCUMENT_MAP)
        return "a map";
    if (node->kind == DOCUMENT_LIST)
        return "a list";
    return node->style == STYLE_PLAIN && !node->length ? "empty" : "a single value";
}

bool is_map(struct reading *reading, const struct document_node *node, const char *what)
{
    if (node->kind == DOCUMENT_MAP)
        return true;
    report(reading, "E0103", node->place, NULL, "%s must be a map, and is %s", what, kind_text(node));
    return false;
}

bool is_list(struct reading *reading, const struct document_node *node, const char *what)
{
    if (node->kind == DOCUMENT_LIST)
        return true;
    report(reading, "E0103", node->place, NULL, "%s must be a list, and is %s", what, kind_text(node));
    return false;
}

static bool is_among(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (!strcmp(*names, name))
            return true;
    return false;
}

void keys_check(struct reading *reading, const struct document_node *map, const char *const *keys,
                const char *what)
{
    char hint[128];
    for (int i = 0; i < map->count; i++)
        if (!is_among(map->entries[i].key, keys))
            report(reading, "E0101", map->entries[i].key_place,
                   hint_nearest(map->entries[i].key, keys, hint, sizeof hint), "%s has no key \"%s\"", what,
                   map->entries[i].key);
}

/* ---- literals of a fixed type ---- */

static bool is_scalar(struct reading *reading, const struct document_node *node, const char *what)
{
    if (node->kind != DOCUMENT_SCALAR) {
        report(reading, "E0103", node->place, NULL, "%s must be a single value, and is %s", what,
               kind_text(node));
        return false;
    }
    if (!template_has_expression(node->text))
        return true;
    report(reading, "E0209", node->place, NULL, "%s cannot hold an expression", what);
    return false;
}

const char *read_text(struct reading *reading, const struct document_node *node, const char *what)
{
    if (!is_scalar(reading, node, what))
        return NULL;
    if (node->length)
        return job_memory_text(reading->memory, node->text, node->length);
    report(reading, "E0103", node->place, NULL, "%s is empty", what);
    return NULL;
}

static json_t *read_number(struct reading *reading, const struct document_node *node, const char *what,
                           enum value_type type)
{
    enum scalar_fault fault;
    if (!is_scalar(reading, node, what))
        return NULL;
    json_t *value = scalar_as(node, type, &fault);
    if (!value)
        report(reading, "E0103", node->place, fault == SCALAR_QUOTED ? "without the quotes" : NULL,
               "%s must be %s", what, type == TYPE_INT ? "an int" : "a number");
    return job_memory_keep(reading->memory, value);
}

bool read_int(struct reading *reading, const struct document_node *node, const char *what, int64_t least,
              int64_t most, int64_t *out)
{
    json_t *value = read_number(reading, node, what, TYPE_INT);
    if (!value)
        return false;
    *out = json_integer_value(value);
    if (*out >= least && *out <= most)
        return true;
    report(reading, "E0106", node->place, NULL, "%s must be from %lld to %lld", what, (long long)least,
           (long long)most);
    return false;
}

bool read_float(struct reading *reading, const struct document_node *node, const char *what, double least,
                double most, double *out)
{
    json_t *value = read_number(reading, node, what, TYPE_FLOAT);
    if (!value)
        return false;
    *out = json_number_value(value);
    if (*out >= least && *out <= most)
        return true;
    report(reading, "E0106", node->place, NULL, "%s must be from %g to %g", what, least, most);
    return false;
}

bool read_duration(struct reading *reading, const struct document_node *node, const char *what,
                   int64_t *out_ms)
{
    if (!is_scalar(reading, node, what))
        return false;
    if (duration_read(node->text, out_ms))
        return true;
    report(reading, "E0117", node->place, "500ms, 2s, 10m, 6h, 1d, 1m30s", "%s: \"%s\" is no duration", what,
           node->text);
    return false;
}

/* ---- names ---- */

bool name_is_good(const char *name)
{
    static const char *const words[] = {"true", "false", "null", "in", NULL};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return *name && !(*name >= '0' && *name <= '9') && strspn(name, letters) == strlen(name) &&
           strlen(name) <= LIMIT_NAME_BYTES && !is_among(name, words);
}

const char *read_name(struct reading *reading, const struct document_node *node, const char *what)
{
    const char *name = read_text(reading, node, what);
    if (!name || name_is_good(name))
        return name;
    report(reading, "E0104", node->place, strchr(name, '-') ? "with _ in place of -" : NULL,
           "%s is made of letters, digits and _, begins with a letter, and has at most %d of them", what,
           LIMIT_NAME_BYTES);
    return NULL;
}
