#include "steps/difference.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/memory.h"

static void compare(json_t *differences, const char *path, const json_t *from, const json_t *to, int depth);

static bool is_missing(const json_t *value)
{
    return !value || json_is_null(value);
}

static bool leaves_equal(const json_t *from, const json_t *to)
{
    if (json_is_number(from) && json_is_number(to) && json_typeof(from) != json_typeof(to))
        return json_number_value(from) == json_number_value(to);
    return json_equal(from, to);
}

static void compare_member(json_t *differences, const char *path, const char *key, const json_t *from,
                           const json_t *to, int depth)
{
    char *below = *path ? string_format("%s.%s", path, key) : string_copy(key);
    compare(differences, below, from, to, depth + 1);
    free(below);
}

static void compare_maps(json_t *differences, const char *path, const json_t *from, const json_t *to,
                         int depth)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)from, key, value)
        compare_member(differences, path, key, value, json_object_get(to, key), depth);
    json_object_foreach((json_t *)to, key, value) if (!json_object_get(from, key))
        compare_member(differences, path, key, NULL, value, depth);
}

static void compare_lists(json_t *differences, const char *path, const json_t *from, const json_t *to,
                          int depth)
{
    for (size_t i = 0; i < json_array_size(from); i++) {
        char *below = string_format("%s[%zu]", path, i);
        compare(differences, below, json_array_get(from, i), json_array_get(to, i), depth + 1);
        free(below);
    }
}

static void add(json_t *differences, const char *path, const json_t *from, const json_t *to)
{
    json_array_append_new(differences, json_pack("{s:s,s:o,s:o}", "path", path, "from",
                                                 from ? json_incref((json_t *)from) : json_null(), "to",
                                                 to ? json_incref((json_t *)to) : json_null()));
}

static void compare(json_t *differences, const char *path, const json_t *from, const json_t *to, int depth)
{
    bool deep = depth >= LIMIT_JOB_DEPTH; /* no document that we read is: compared as one value */
    if (is_missing(from) && is_missing(to))
        return;
    if (!deep && json_is_object(from) && json_is_object(to))
        compare_maps(differences, path, from, to, depth);
    else if (!deep && json_is_array(from) && json_array_size(from) == json_array_size(to))
        compare_lists(differences, path, from, to, depth);
    else if (is_missing(from) || is_missing(to) || !leaves_equal(from, to))
        add(differences, path, from, to);
}

json_t *difference_of(const json_t *from, const json_t *to)
{
    json_t *differences = json_array();
    compare(differences, "", from, to, 0);
    return differences;
}

bool difference_is_none(const json_t *from, const json_t *to)
{
    json_t *differences = difference_of(from, to);
    bool none = !json_array_size(differences);
    json_decref(differences);
    return none;
}
