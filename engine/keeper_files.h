/* What a keeper and those who look at it agree upon: the names of its files, and how long it takes to stop a
 * program; and what it and the driver that spawns it do alone: the descriptors and the bytes between them. */
#ifndef PAWL_ENGINE_KEEPER_FILES_H
#define PAWL_ENGINE_KEEPER_FILES_H

#include <jansson.h>

#define KEEPER_LOCK_FD   3
#define KEEPER_PIPE_FD   4
#define KEEPER_IS_READY  'R'
#define KEEPER_GO        'G'
#define KEEPER_READY_MS  10000 /* for exec and reading the order */
#define KEEPER_GRACE_MS  10000 /* between TERM and KILL */
#define KEEPER_LATE_MS   2000  /* … behind which the driver kills the program, and once more: the keeper */
#define KEEPER_END_MS    15000 /* from the request on: all of it, with what it takes until that is seen */
#define KEEPER_RECORD_MS 60000 /* to write the exit record, where the disk does not take it at once */

enum keeper_file_kind {
    KEEPER_LOCK,    /* held while keeper or child live */
    KEEPER_STARTED, /* synced before a `once` program runs */
    KEEPER_CHILD,   /* the child's process, for children that close what they inherit */
    KEEPER_OUT,     /* bounded output */
    KEEPER_ERR,
    KEEPER_CANCEL, /* a request to stop: TERM, after a grace KILL */
    KEEPER_EXIT,   /* how it ended, atomic and synced: believed for ever. "why": it could not be started */
};

/* The base path of a keeper's files, by its record (struct keeper). The record comes from the store: NULL
 * where it names none, or one that leads out of `folder`, the store's. free() it. */
char *keeper_path(const char *folder, const json_t *record);
/* The path of one of them, by the base path. free() it. */
char *keeper_file(const char *base, enum keeper_file_kind kind);

#endif
