/* Driving runs to where they lead, as `submit` and `resume` do. */
#ifndef PAWL_CLI_SESSION_H
#define PAWL_CLI_SESSION_H

#include "cli/command.h"
#include "engine/driver.h"
#include "state/store.h"

struct session_run {
    int64_t run;
    struct driver_take take;
    const char *line; /* to show once it has been taken up; NULL: nothing */
};
/* Drives these runs until each has been let go; the exit status. A run that cannot be taken up is reported.
 */
int session_drive(const struct invocation *invocation, struct store *store, const struct session_run *runs,
                  int count);
/* Whether somebody at a terminal can be asked. */
bool person_is_there(const struct invocation *invocation);
/* Asks a person at the terminal; true without asking where nobody is there or --yes was given. */
bool session_confirm(const struct invocation *invocation, const char *question);

#endif
