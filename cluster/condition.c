#include "cluster/condition.h"

#include <string.h>

#include "base/json.h"

const json_t *object_condition(const json_t *object, const char *type)
{
    size_t index;
    json_t *condition;
    json_array_foreach(json_at(object, "status", "conditions", NULL), index, condition)
    {
        if (!strcmp(json_text(condition, "type", ""), type))
            return condition;
    }
    return NULL;
}

bool object_is_ready(const json_t *object)
{
    return !strcmp(json_text(object_condition(object, "Ready"), "status", ""), "True");
}
