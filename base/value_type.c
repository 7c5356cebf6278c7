#include "base/value_type.h"

#include <string.h>

static const char *const TEXTS[] = {
#define X(name, text) [TYPE_##name] = text,
    VALUE_TYPES(X)
#undef X
};

const char *value_type_text(enum value_type type)
{
    return TEXTS[type];
}

enum value_type value_type_read(const char *text)
{
    for (int type = 0; type < TYPE_COUNT; type++)
        if (!strcmp(TEXTS[type], text))
            return (enum value_type)type;
    return TYPE_COUNT;
}
