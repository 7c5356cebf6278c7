#include "base/json.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/memory.h"

json_t *json_read(const char *bytes, size_t length, size_t limit, const char *what, struct error *error)
{
    if (length > limit) {
        error_set(error, ERROR_LIMIT, "%s: %zu bytes of JSON, at most %zu are read", what, length, limit);
        return NULL;
    }
    json_error_t fault;
    json_t *value = json_loadb(bytes, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &fault);
    if (!value)
        error_set(error, ERROR_CLUSTER_ANSWER, "%s: not JSON: %s (line %d)", what, fault.text, fault.line);
    return value;
}

const char *json_text(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : otherwise;
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
