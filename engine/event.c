#include "engine/event.h"

#include <string.h>

static const char *const TEXTS[] = {
#define X(name, text) [EVENT_##name] = text,
    EVENT_TYPES(X)
#undef X
};

const char *event_type_text(enum event_type type)
{
    return TEXTS[type];
}

enum event_type event_type_read(const char *text)
{
    for (int type = 0; type < EVENT_TYPE_COUNT; type++)
        if (!strcmp(TEXTS[type], text))
            return (enum event_type)type;
    return EVENT_TYPE_COUNT;
}

void event_clear(struct event *event)
{
    json_decref(event->body);
    event->body = NULL;
}

json_t *error_json(const struct error *error)
{
    json_t *object = json_pack("{s:s,s:s}", "code", error_code_text(error->code), "message", error->message);
    if (error->next[0])
        json_object_set_new(object, "next", json_string(error->next));
    return object;
}
