/* What a run that is cancelled, paused or rolled back still waits for: the effect of the step in hand. */
#ifndef PAWL_CLI_IN_FLIGHT_H
#define PAWL_CLI_IN_FLIGHT_H

#include "state/store.h"

struct in_flight {
    char *step;         /* NULL: nothing is */
    char *what;         /* for people: "helm_upgrade may finish" */
    int64_t at_most_ms; /* from now; -1: there is no limit */
};

/* `ends`: the run lets go of it (a pause waits for its end). Where the run cannot be read nothing is said. */
void in_flight_read(struct store *store, int64_t run, bool ends, struct in_flight *flight);
/* "waits for \"upgrade\": helm_upgrade may finish, for 9m40s at most"; free() it. */
char *in_flight_text(const struct in_flight *flight);
void in_flight_clear(struct in_flight *flight);

#endif
