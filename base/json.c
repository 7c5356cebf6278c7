#include "base/json.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"

/* How deep brackets stand within each other, those in strings not counted: what reads, compares and frees
 * values recurses. */
static int depth_of(const char *bytes, size_t length)
{
    int depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        if (in_string && bytes[i] == '\\')
            i++;
        else if (bytes[i] == '"')
            in_string = !in_string;
        else if (!in_string && (bytes[i] == '[' || bytes[i] == '{'))
            deepest = ++depth > deepest ? depth : deepest;
        else if (!in_string && (bytes[i] == ']' || bytes[i] == '}'))
            depth--;
    }
    return deepest;
}

/* `malformed` says whose bytes they are. */
static json_t *read_value(const char *bytes, size_t length, int depth, enum error_code malformed,
                          const char *what, struct error *error)
{
    if (depth_of(bytes, length) > depth) {
        error_set(error, ERROR_LIMIT, "%s: JSON nested deeper than %d levels", what, depth);
        return NULL;
    }
    json_error_t fault;
    json_t *value = json_loadb(bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (!value)
        error_set(error, malformed, "%s: not JSON: %s (line %d)", what, fault.text, fault.line);
    return value;
}

json_t *json_read(const char *bytes, size_t length, size_t limit, const char *what, struct error *error)
{
    if (length > limit) {
        error_set(error, ERROR_LIMIT, "%s: %zu bytes of JSON, at most %zu are read", what, length, limit);
        return NULL;
    }
    return read_value(bytes, length, LIMIT_JSON_DEPTH, ERROR_CLUSTER_ANSWER, what, error);
}

json_t *json_read_stored(const char *text, const char *what, struct error *error)
{
    size_t length = text ? strlen(text) : 0;
    if (length <= LIMIT_STORE_VALUE_BYTES) {
        json_t *plain = text ? json_read_plain(text) : NULL;
        return plain || !text
                   ? plain
                   : read_value(text, length, LIMIT_STORED_DEPTH, ERROR_STORE_CORRUPT, what, error);
    }
    error_set(error, ERROR_LIMIT, "%s: %zu bytes of JSON, at most %d are read", what, length,
              LIMIT_STORE_VALUE_BYTES);
    return NULL;
}

const char *json_text(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : otherwise;
}

bool json_list_has(const json_t *list, const char *text)
{
    size_t index;
    json_t *entry;
    json_array_foreach(list, index, entry)
    {
        if (json_is_string(entry) && !strcmp(json_string_value(entry), text))
            return true;
    }
    return false;
}

int64_t json_int(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool json_bool(const json_t *object, const char *key, bool otherwise)
{
    const json_t *value = json_object_get(object, key);
    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}

json_t *json_at(const json_t *object, ...)
{
    va_list keys;
    va_start(keys, object);
    json_t *at = (json_t *)object;
    for (const char *key = va_arg(keys, const char *); key && at; key = va_arg(keys, const char *))
        at = json_object_get(at, key);
    va_end(keys);
    return at;
}
