/* What values are among themselves: reading JSON in place, order, equality, and the way back to JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "jobs/expression_private.h"

#define TWO_TO_63 9223372036854775808.0

const char *value_tag_text(enum value_tag tag)
{
    static const char *const texts[] = {"null", "bool", "int", "double", "string", "list", "map"};
    return texts[tag];
}

struct value value_of_json(const json_t *json)
{
    struct value value = {.source = json};
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        value.tag = VALUE_MAP;
        break;
    case JSON_ARRAY:
        value.tag = VALUE_LIST;
        break;
    case JSON_STRING:
        value.tag = VALUE_STRING;
        value.string.bytes = json_string_value(json);
        value.string.length = json_string_length(json);
        break;
    case JSON_INTEGER:
        value.tag = VALUE_INT;
        value.number = json_integer_value(json);
        break;
    case JSON_REAL:
        value.tag = VALUE_DOUBLE;
        value.real = json_real_value(json);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        value.tag = VALUE_BOOL;
        value.truth = json_is_true(json);
        break;
    case JSON_NULL:
        value.tag = VALUE_NULL;
        break;
    }
    return value;
}

size_t value_count(const struct value *container)
{
    if (!container->source)
        return container->built.count;
    return container->tag == VALUE_LIST ? json_array_size(container->source)
                                        : json_object_size(container->source);
}

struct value value_at(const struct value *list, size_t index)
{
    return list->source ? value_of_json(json_array_get(list->source, index)) : list->built.items[index];
}

static bool string_equal(const struct value *a, const struct value *b)
{
    return a->string.length == b->string.length &&
           !memcmp(a->string.bytes, b->string.bytes, a->string.length);
}

static bool key_equal(const struct value *a, const struct value *b)
{
    if (a->tag == VALUE_STRING && b->tag == VALUE_STRING)
        return string_equal(a, b);
    if (a->tag == VALUE_BOOL || b->tag == VALUE_BOOL)
        return a->tag == b->tag && a->truth == b->truth;
    return value_order(a, b) == 0;
}

bool value_find(const struct value *map, const struct value *key, struct value *out)
{
    if (map->source) {
        const json_t *found = key->tag == VALUE_STRING
                                  ? json_object_getn(map->source, key->string.bytes, key->string.length)
                                  : NULL;
        if (found)
            *out = value_of_json(found);
        return found;
    }
    for (size_t i = 0; i < map->built.count; i++)
        if (key_equal(&map->built.items[2 * i], key)) {
            *out = map->built.items[2 * i + 1];
            return true;
        }
    return false;
}

bool value_next_key(const struct value *map, void **cursor, size_t *index, struct value *out)
{
    if (!map->source) {
        if (*index == map->built.count)
            return false;
        *out = map->built.items[2 * (*index)++];
        return true;
    }
    json_t *object = (json_t *)map->source; /* jansson iterates without changing it */
    *cursor = (*index)++ ? json_object_iter_next(object, *cursor) : json_object_iter(object);
    if (!*cursor)
        return false;
    *out = (struct value){.tag = VALUE_STRING};
    out->string.bytes = json_object_iter_key(*cursor);
    out->string.length = json_object_iter_key_len(*cursor);
    return true;
}

/* Exact: never through a double that cannot hold the integer. */
static int order_int_double(int64_t number, double real)
{
    if (isnan(real))
        return 2;
    if (real >= TWO_TO_63)
        return -1;
    if (real < -TWO_TO_63)
        return 1;
    int64_t whole = (int64_t)real;
    if (number != whole)
        return number < whole ? -1 : 1;
    double rest = real - (double)whole;
    return rest > 0 ? -1 : rest < 0 ? 1 : 0;
}

static int order_strings(const struct value *a, const struct value *b)
{
    size_t length = a->string.length < b->string.length ? a->string.length : b->string.length;
    int order = memcmp(a->string.bytes, b->string.bytes, length);
    if (order)
        return order < 0 ? -1 : 1;
    return (a->string.length > b->string.length) - (a->string.length < b->string.length);
}

int value_order(const struct value *a, const struct value *b)
{
    if (a->tag == VALUE_INT && b->tag == VALUE_DOUBLE)
        return order_int_double(a->number, b->real);
    if (a->tag == VALUE_DOUBLE && b->tag == VALUE_INT) {
        int order = order_int_double(b->number, a->real);
        return order == 2 ? 2 : -order;
    }
    if (a->tag != b->tag)
        return 2;
    switch (a->tag) {
    case VALUE_BOOL:
        return (a->truth > b->truth) - (a->truth < b->truth);
    case VALUE_INT:
        return (a->number > b->number) - (a->number < b->number);
    case VALUE_DOUBLE:
        if (isnan(a->real) || isnan(b->real))
            return 2;
        return (a->real > b->real) - (a->real < b->real);
    case VALUE_STRING:
        return order_strings(a, b);
    default:
        return 2;
    }
}

static int lists_equal(const struct value *a, const struct value *b, int64_t *budget, int depth)
{
    size_t count = value_count(a);
    if (count != value_count(b))
        return 0;
    for (size_t i = 0; i < count; i++) {
        struct value left = value_at(a, i), right = value_at(b, i);
        int equal = value_equal(&left, &right, budget, depth);
        if (equal != 1)
            return equal;
    }
    return 1;
}

static int maps_equal(const struct value *a, const struct value *b, int64_t *budget, int depth)
{
    if (value_count(a) != value_count(b))
        return 0;
    void *cursor = NULL;
    size_t index = 0;
    struct value key, left, right;
    while (value_next_key(a, &cursor, &index, &key)) {
        if (!value_find(b, &key, &right))
            return 0;
        value_find(a, &key, &left);
        if (!a->source || !b->source)
            *budget -= (int64_t)value_count(a); /* a built map is searched in order */
        int equal = value_equal(&left, &right, budget, depth);
        if (equal != 1)
            return equal;
    }
    return 1;
}

int value_equal(const struct value *a, const struct value *b, int64_t *budget, int depth)
{
    if (--*budget < 0 || depth > LIMIT_VALUE_DEPTH)
        return -1;
    if (a->source && a->source == b->source && a->tag == VALUE_STRING)
        return 1;
    if (a->tag == VALUE_LIST && b->tag == VALUE_LIST)
        return lists_equal(a, b, budget, depth + 1);
    if (a->tag == VALUE_MAP && b->tag == VALUE_MAP)
        return maps_equal(a, b, budget, depth + 1);
    if (a->tag == VALUE_NULL && b->tag == VALUE_NULL)
        return 1;
    if (a->tag == VALUE_STRING && b->tag == VALUE_STRING) {
        *budget -= (int64_t)(a->string.length / 64);
        return string_equal(a, b);
    }
    return value_order(a, b) == 0;
}

int64_t value_string_size(const struct value *string)
{
    return (int64_t)utf8_count(string->string.bytes, string->string.length);
}

size_t value_double_text(double real, char text[DOUBLE_TEXT_SIZE])
{
    if (isnan(real))
        return (size_t)snprintf(text, DOUBLE_TEXT_SIZE, "NaN");
    if (isinf(real))
        return (size_t)snprintf(text, DOUBLE_TEXT_SIZE, real < 0 ? "-Infinity" : "Infinity");
    size_t length = 0;
    for (int digits = 15; digits <= 17; digits++) {
        length = (size_t)snprintf(text, DOUBLE_TEXT_SIZE, "%.*g", digits, real);
        if (strtod(text, NULL) == real)
            break;
    }
    return length;
}

/* --- back to JSON; what is built counts, what is borrowed inside it too --- */

struct conversion {
    int64_t room; /* bytes left */
    struct error *error;
};

static json_t *conversion_fail(struct conversion *conversion, enum error_code code, const char *message)
{
    error_set(conversion->error, code, "%s", message);
    return NULL;
}

static bool conversion_charge(struct conversion *conversion, size_t bytes)
{
    conversion->room -= (int64_t)bytes;
    if (conversion->room >= 0)
        return true;
    error_set(conversion->error, ERROR_LIMIT, "the value would take more than %d KiB",
              LIMIT_VALUE_BYTES / 1024);
    error_next(conversion->error, "select less of it");
    return false;
}

/* The size of borrowed JSON, about. */
static bool charge_json(struct conversion *conversion, const json_t *json, int depth)
{
    size_t index;
    const char *key;
    const json_t *item;
    json_t *object = (json_t *)json; /* json_object_foreach takes no const */
    if (depth > LIMIT_VALUE_DEPTH) {
        conversion_fail(conversion, ERROR_LIMIT, "the value is nested too deeply");
        return false;
    }
    if (!conversion_charge(conversion, 4 + (json_is_string(json) ? json_string_length(json) : 0)))
        return false;
    json_array_foreach(json, index, item) if (!charge_json(conversion, item, depth + 1)) return false;
    json_object_foreach(object, key, item) if (!conversion_charge(conversion, strlen(key) + 4) ||
                                               !charge_json(conversion, item, depth + 1)) return false;
    return true;
}

static json_t *convert(struct conversion *conversion, const struct value *value, int depth);

static json_t *convert_list(struct conversion *conversion, const struct value *value, int depth)
{
    json_t *list = json_array();
    for (size_t i = 0; i < value->built.count; i++) {
        json_t *item = convert(conversion, &value->built.items[i], depth + 1);
        if (!item) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, item);
    }
    return list;
}

/* JSON's keys are strings: an int or bool key becomes its text. */
static const char *key_text(const struct value *key, char buffer[32], size_t *length)
{
    if (key->tag == VALUE_STRING) {
        *length = key->string.length;
        return key->string.bytes;
    }
    if (key->tag == VALUE_BOOL)
        *length = (size_t)snprintf(buffer, 32, "%s", key->truth ? "true" : "false");
    else
        *length = (size_t)snprintf(buffer, 32, "%lld", (long long)key->number);
    return buffer;
}

static json_t *convert_map(struct conversion *conversion, const struct value *value, int depth)
{
    json_t *object = json_object();
    for (size_t i = 0; i < value->built.count; i++) {
        char buffer[32];
        size_t length;
        const char *key = key_text(&value->built.items[2 * i], buffer, &length);
        json_t *item = NULL;
        if (json_object_getn(object, key, length))
            conversion_fail(conversion, ERROR_EXPRESSION, "two keys of a map become the same text");
        else if (conversion_charge(conversion, length + 4))
            item = convert(conversion, &value->built.items[2 * i + 1], depth + 1);
        if (!item || json_object_setn_new(object, key, length, item)) {
            if (item)
                conversion_fail(conversion, ERROR_EXPRESSION, "a key is not UTF-8");
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *convert_scalar(struct conversion *conversion, const struct value *value)
{
    json_t *json;
    switch (value->tag) {
    case VALUE_BOOL:
        return json_boolean(value->truth);
    case VALUE_INT:
        return json_integer(value->number);
    case VALUE_DOUBLE:
        if (!isfinite(value->real))
            return conversion_fail(conversion, ERROR_EXPRESSION,
                                   isnan(value->real) ? "the result is not a number (NaN)"
                                                      : "the result is infinite");
        return json_real(value->real);
    case VALUE_STRING:
        json = json_stringn(value->string.bytes, value->string.length);
        return json ? json : conversion_fail(conversion, ERROR_EXPRESSION, "the string is not UTF-8");
    default:
        return json_null();
    }
}

static json_t *convert(struct conversion *conversion, const struct value *value, int depth)
{
    if (depth > LIMIT_VALUE_DEPTH)
        return conversion_fail(conversion, ERROR_LIMIT, "the value is nested too deeply");
    if (value->source) {
        if (depth && !charge_json(conversion, value->source, depth))
            return NULL;
        return json_incref((json_t *)value->source); /* shared; whoever takes it only reads it */
    }
    if (!conversion_charge(conversion, 4 + (value->tag == VALUE_STRING ? value->string.length : 0)))
        return NULL;
    if (value->tag == VALUE_LIST)
        return convert_list(conversion, value, depth);
    if (value->tag == VALUE_MAP)
        return convert_map(conversion, value, depth);
    return convert_scalar(conversion, value);
}

json_t *value_to_json(const struct value *value, struct error *error)
{
    struct conversion conversion = {.room = LIMIT_VALUE_BYTES, .error = error};
    return convert(&conversion, value, 0);
}
