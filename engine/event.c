#include "engine/event.h"

#include <string.h>

static const struct {
    const char *text;
    enum { OF_RUN, OF_STEP } of;
} TYPES[] = {
#define X(name, text, of) [EVENT_##name] = {text, of},
    EVENT_TYPES(X)
#undef X
};

const char *event_type_text(enum event_type type)
{
    return TYPES[type].text;
}

enum event_type event_type_read(const char *text)
{
    for (int type = 0; type < EVENT_TYPE_COUNT; type++)
        if (!strcmp(TYPES[type].text, text))
            return (enum event_type)type;
    return EVENT_TYPE_COUNT;
}

bool event_is_of_step(enum event_type type)
{
    return TYPES[type].of == OF_STEP;
}

bool event_is_aside(enum event_type type)
{
    return type == EVENT_LOCK_RELEASED || type == EVENT_COMMAND_REFUSED;
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
