/* What `submit` and `resume` show while they drive: on a terminal and elsewhere one line a step as it ends,
 * and what a step waits for as it changes; under --json one object an event. */
#ifndef PAWL_CLI_PROGRESS_H
#define PAWL_CLI_PROGRESS_H

#include "cli/command.h"
#include "cli/live_line.h"
#include "engine/driver.h"

struct progress {
    const struct invocation *invocation;
    struct store *store;
    const struct driver *driver;
    bool asks;  /* a person is at the terminal */
    bool many;  /* several runs are driven */
    int status; /* the exit status so far: the worst of all runs that have left */
    int left;
    char waits[300];     /* the line shown last */
    int64_t waits_at_ms; /* steady; when */
    bool terminal;       /* stderr is one: what is waited for stands in a line that is written over */
    struct live_line live;
};

/* The watcher of a driver; `progress` must outlive it. */
struct driver_watcher progress_watcher(struct progress *progress);
/* Whether the line that somebody typed at [y/N] says yes. */
bool answer_is_yes(const char *line);
/* One event as a line of text for people, "" where it needs none; free() it. */
char *event_line(const struct machine *machine, const struct event *event);

#endif
