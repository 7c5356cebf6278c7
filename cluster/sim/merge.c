#include "cluster/sim/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"

void merge_patch(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)patch, key, value)
    {
        json_t *old = json_object_get(target, key);
        if (json_is_null(value)) {
            json_object_del(target, key);
        } else if (json_is_object(value)) {
            if (!json_is_object(old)) {
                old = json_object();
                json_object_set_new(target, key, old);
            }
            merge_patch(old, value);
        } else {
            json_object_set_new(target, key, json_deep_copy(value));
        }
    }
}

static bool is_named_list(const json_t *list)
{
    size_t i;
    json_t *item;
    if (!json_is_array(list) || !json_array_size(list))
        return false;
    json_array_foreach(list, i, item) if (!json_is_string(json_object_get(item, "name"))) return false;
    return true;
}

static json_t *list_named(const json_t *list, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) if (!strcmp(json_text(item, "name", ""), name)) return item;
    return NULL;
}

void strategic_patch(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)patch, key, value)
    {
        json_t *old = json_object_get(target, key);
        if (json_is_null(value)) {
            json_object_del(target, key);
        } else if (json_is_object(value) && json_is_object(old)) {
            strategic_patch(old, value);
        } else if (is_named_list(value) && is_named_list(old)) {
            size_t i;
            json_t *item;
            json_array_foreach(value, i, item)
            {
                json_t *same = list_named(old, json_text(item, "name", ""));
                if (same)
                    strategic_patch(same, item);
                else
                    json_array_append_new(old, json_deep_copy(item));
            }
        } else {
            json_object_set_new(target, key, json_deep_copy(value));
        }
    }
}

static void list_prune(json_t *target, const json_t *before, const json_t *wanted);

/* Removes from `target` what `before` has and `wanted` lacks. */
static void prune(json_t *target, const json_t *before, const json_t *wanted)
{
    const char *key;
    json_t *old;
    json_object_foreach((json_t *)before, key, old)
    {
        json_t *new = json_object_get(wanted, key);
        json_t *present = json_object_get(target, key);
        if (!new)
            json_object_del(target, key);
        else if (json_is_object(old) && json_is_object(new) && json_is_object(present))
            prune(present, old, new);
        else if (is_named_list(old) && is_named_list(new) && is_named_list(present))
            list_prune(present, old, new);
    }
}

static void list_prune(json_t *target, const json_t *before, const json_t *wanted)
{
    for (size_t i = json_array_size(target); i-- > 0;) {
        json_t *present = json_array_get(target, i);
        const char *name = json_text(present, "name", "");
        const json_t *old = list_named(before, name), *new = list_named(wanted, name);
        if (old && !new)
            json_array_remove(target, i);
        else if (old)
            prune(present, old, new);
    }
}

void three_way_patch(json_t *target, const json_t *before, const json_t *wanted)
{
    prune(target, before, wanted);
    strategic_patch(target, wanted);
}

/* ---- JSON patch ---- */

/* One step of a pointer: unescapes up to the next slash into `key`. */
static const char *pointer_step(const char *pointer, char *key, size_t size)
{
    size_t length = 0;
    for (pointer++; *pointer && *pointer != '/'; pointer++) {
        char byte = *pointer;
        if (byte == '~' && (pointer[1] == '0' || pointer[1] == '1'))
            byte = *++pointer == '0' ? '~' : '/';
        if (length + 1 < size)
            key[length++] = byte;
    }
    key[length] = '\0';
    return pointer;
}

static json_t *child_of(json_t *parent, const char *key)
{
    return json_is_array(parent) ? json_array_get(parent, strtoul(key, NULL, 10))
                                 : json_object_get(parent, key);
}

static int child_change(json_t *parent, const char *key, const char *operation, json_t *value)
{
    json_t *old = child_of(parent, key);
    if (!strcmp(operation, "test"))
        return old && json_equal(old, value) ? 0 : -1;
    if (!strcmp(operation, "remove"))
        return json_is_array(parent) ? json_array_remove(parent, strtoul(key, NULL, 10))
                                     : json_object_del(parent, key);
    bool add = !strcmp(operation, "add");
    if ((!add && strcmp(operation, "replace")) || (!add && !old))
        return -1;
    if (!json_is_array(parent))
        return json_object_set(parent, key, value);
    if (!add)
        return json_array_set(parent, strtoul(key, NULL, 10), value);
    return !strcmp(key, "-") ? json_array_append(parent, value)
                             : json_array_insert(parent, strtoul(key, NULL, 10), value);
}

int operations_patch(json_t *target, const json_t *operations, struct error *error)
{
    size_t i;
    json_t *operation;
    json_array_foreach(operations, i, operation)
    {
        const char *path = json_text(operation, "path", "");
        json_t *parent = target;
        char key[256];
        bool applied = *path == '/';
        while (applied && *(path = pointer_step(path, key, sizeof key)))
            if (!(parent = child_of(parent, key)))
                break;
        json_t *value = json_deep_copy(json_object_get(operation, "value"));
        applied = applied && parent && !child_change(parent, key, json_text(operation, "op", ""), value);
        json_decref(value);
        if (!applied)
            return error_set(error, ERROR_CLUSTER_ANSWER,
                             "the server rejected our request: JSON patch %zu (%s %s) "
                             "does not apply",
                             i + 1, json_text(operation, "op", "?"), json_text(operation, "path", "?"));
    }
    return 0;
}
