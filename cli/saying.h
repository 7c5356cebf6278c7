/* What an event says to people: one table for the history, and for what is shown while a run is driven. */
#ifndef PAWL_CLI_SAYING_H
#define PAWL_CLI_SAYING_H

#include <stdbool.h>

#include "engine/event.h"

struct saying {
    const char *words;         /* what happened, as the history names it */
    const char *mark, *colour; /* while it is driven; a NULL mark: it is not shown then */
    const char *says;          /* … in front of what it says */
    /* What it says beyond that; `whole`: all that a person could want to know (the history), else what is
     * news to those who look on. `event->actor` is always there. free() it. */
    char *(*say)(const struct event *event, bool whole);
};

const struct saying *saying_of(enum event_type type);

#endif
