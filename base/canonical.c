/* The canonical text of a value, byte for byte what jansson's json_dumps gives, in a fraction of its time:
 * the engine writes several for each step of a run. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#define MEMBERS_HERE 32 /* an object with more takes its list from the heap */

static void write_value(struct text *text, const json_t *value);

static void write_escape(struct text *text, unsigned char byte)
{
    static const char shorts[][2] = {{'"', '"'},  {'\\', '\\'}, {'\b', 'b'}, {'\f', 'f'},
                                     {'\n', 'n'}, {'\r', 'r'},  {'\t', 't'}};
    for (size_t i = 0; i < sizeof shorts / sizeof *shorts; i++)
        if (shorts[i][0] == (char)byte) {
            text_append(text, (char[]){'\\', shorts[i][1]}, 2);
            return;
        }
    text_format(text, "\\u%04X", byte);
}

static void write_string(struct text *text, const char *bytes, size_t length)
{
    text_append(text, "\"", 1);
    for (size_t begin = 0, at = 0; at <= length; at++) {
        unsigned char byte = at < length ? (unsigned char)bytes[at] : '"';
        if (byte >= ' ' && byte != '"' && byte != '\\')
            continue;
        text_append(text, bytes + begin, at - begin);
        begin = at + 1;
        if (at < length)
            write_escape(text, byte);
    }
    text_append(text, "\"", 1);
}

struct member {
    const char *key;
    json_t *value;
};

static int compare_keys(const void *left, const void *right)
{
    return strcmp(((const struct member *)left)->key, ((const struct member *)right)->key);
}

/* Most objects have a handful: qsort's ceremony would cost more than the sorting. */
static void sort_members(struct member *members, size_t count)
{
    if (count > MEMBERS_HERE) {
        qsort(members, count, sizeof *members, compare_keys);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct member member = members[i];
        size_t to = i;
        for (; to > 0 && compare_keys(&members[to - 1], &member) > 0; to--)
            members[to] = members[to - 1];
        members[to] = member;
    }
}

static void write_object(struct text *text, json_t *object)
{
    struct member here[MEMBERS_HERE], *members = here;
    size_t size = json_object_size(object), count = 0;
    const char *key;
    json_t *value;
    if (size > MEMBERS_HERE)
        members = memory_new(size * sizeof *members);
    json_object_foreach(object, key, value) members[count++] = (struct member){key, value};
    sort_members(members, count);
    text_append(text, "{", 1);
    for (size_t i = 0; i < count; i++) {
        if (i)
            text_append(text, ",", 1);
        write_string(text, members[i].key, strlen(members[i].key));
        text_append(text, ":", 1);
        write_value(text, members[i].value);
    }
    text_append(text, "}", 1);
    if (members != here)
        free(members);
}

static void write_array(struct text *text, const json_t *array)
{
    text_append(text, "[", 1);
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i)
            text_append(text, ",", 1);
        write_value(text, json_array_get(array, i));
    }
    text_append(text, "]", 1);
}

static void write_integer(struct text *text, json_int_t number)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, number);
    text_append(text, digits, (size_t)length);
}

/* How a real is spelled is jansson's business. */
static void write_real(struct text *text, const json_t *value)
{
    char *number = json_dumps(value, JSON_ENCODE_ANY);
    text_add(text, number);
    free(number);
}

/* Values are as deep as jansson reads them, at most 2,048. */
static void write_value(struct text *text, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(text, (json_t *)value);
        break;
    case JSON_ARRAY:
        write_array(text, value);
        break;
    case JSON_STRING:
        write_string(text, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        write_integer(text, json_integer_value(value));
        break;
    case JSON_REAL:
        write_real(text, value);
        break;
    case JSON_TRUE:
        text_add(text, "true");
        break;
    case JSON_FALSE:
        text_add(text, "false");
        break;
    case JSON_NULL:
        text_add(text, "null");
        break;
    }
}

char *json_canonical(const json_t *value)
{
    struct text text = {0};
    if (value)
        write_value(&text, value);
    else
        text_add(&text, "null");
    return text_take(&text);
}

size_t json_size(const json_t *value)
{
    char *text = json_canonical(value);
    size_t size = strlen(text);
    free(text);
    return size;
}
