/* The keeper: the small process that runs a child program, outlives the driver and records the exit.
 *
 * It is this same binary in a session of its own. It is spawned first and holds its lock, which its child
 * inherits; it starts the program only on a byte that the driver writes *after* step_prepared is durable, and
 * leaves on end-of-file instead. Its files (keeper_files.h) share one base path, RUN/STEP.VISIT.START-NONCE
 * beside the store, which step_prepared names; no two starts ever share one. */
#ifndef PAWL_ENGINE_KEEPER_H
#define PAWL_ENGINE_KEEPER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cluster/cluster.h"
#include "steps/kind.h"

/* A keeper that stands ready: what the driver holds of it until it says go. */
struct keeper {
    int pipe;       /* the go byte's; closed: it leaves */
    json_t *record; /* {"base": …, "process": {…}}: into the prepared checkpoint */
};

/* Spawns a keeper for this program and waits until it stands ready. `start` names the start that it is for
 * ("RUN/STEP.VISIT.START"). `input` goes to the program's stdin (NULL: none). `once`: a `started` record is
 * synced first. NULL with the error filled; keeper_dismiss() or keeper_go() it. */
struct keeper *keeper_spawn(const char *folder, const char *start, const struct program *program,
                            const char *input, bool once, struct error *error);
/* Writes the go byte; false where the keeper has gone. Frees the keeper. */
bool keeper_go(struct keeper *keeper);
/* It leaves without having run anything. Frees the keeper; NULL is fine. */
void keeper_dismiss(struct keeper *keeper);

/* How a keeper's child stands: record, lock, record again. CHILD_LOST where the lock is free, no end is
 * recorded and nothing proves that nothing has run: also where the keeper's files are not there, or `record`
 * names none that could be (a path that leads out of the folder). CHILD_NONE without a record. `record` is
 * what keeper_spawn gave; `folder` the store's. Output is read where it has ended (child_clear()). */
void keeper_look(const char *folder, const json_t *record, bool once, struct child *child);
/* Asks it to stop, first with `asked_ms` 0, then again and again with how long this driver has asked already
 * (steady) until keeper_look() says that it has ended. TERM at once, KILL after KEEPER_GRACE_MS, to the child
 * and its process group: by the keeper, by the driver where that has gone. A keeper that does not do it is
 * woken first (it may have been stopped), and killed in the end, with whatever else holds its lock. What may
 * not be signalled (a child of another user) or seen (of another container) is waited for. */
void keeper_cancel(const char *folder, const json_t *record, int64_t asked_ms);
void child_clear(struct child *child);
/* Lets the system forget those of this process's keepers that have ended; never waits. */
void keeper_reap(void);

/* The keeper's own main (hidden command `keeper`): descriptors 3 (lock) and 4 (pipe), the program on the
 * pipe. */
int keeper_main(int argument_count, char **arguments);

#endif
