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

bool event_is_of_step(enum event_type type)
{
    static const enum event_type others[] = {
        EVENT_RUN_SUBMITTED,    EVENT_RUN_CLAIMED,    EVENT_LOCK_ACQUIRED, EVENT_LOCK_RELEASED,
        EVENT_STEP_INTERRUPTED, EVENT_PAUSED,         EVENT_RESUMED,       EVENT_CANCEL_REQUESTED,
        EVENT_ROLLBACK_STARTED, EVENT_RUN_SUCCEEDED,  EVENT_RUN_FAILED,    EVENT_RUN_CANCELLED,
        EVENT_RUN_ROLLED_BACK,  EVENT_COMMAND_REFUSED};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i] == type)
            return false;
    return true;
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
