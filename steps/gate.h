/* The gate: what a body passes before every request that changes something (docs/design.md).
 *
 * Under one mutex it tests the visit's stop flag and marks the effect begun; then the body sends. The loop
 * closes the gate under that mutex *before* it commits a cancel, pause or timeout, so that nothing is sent
 * after the commit. */
#ifndef PAWL_STEPS_GATE_H
#define PAWL_STEPS_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct gate {
    pthread_mutex_t mutex;
    bool closed;
    bool begun; /* an effect was let through */
};

void gate_init(struct gate *gate);
void gate_destroy(struct gate *gate);
/* For a new start, once it is recorded, and for each `prepare` of it: open, nothing begun. What an earlier
 * start let through is not this one's effect. */
void gate_open(struct gate *gate);
/* False: turned back; return ANSWER_TURNED_BACK. True: the effect counts as begun, send now. */
bool gate_pass(struct gate *gate);
/* Closes it; returns whether an effect had begun already, and so may still be in flight. */
bool gate_close(struct gate *gate);
/* Open again, what has begun stays begun: before every other body of the start that nothing has told to end
 * (one that something has told gets gate_close()), and where a command that closed the gate was refused. */
void gate_reopen(struct gate *gate);
/* Whether it is closed now: what is about to end is asked to return. */
bool gate_is_closed(struct gate *gate);
/* Whether an effect was let through since gate_open. */
bool gate_has_begun(struct gate *gate);

#endif
