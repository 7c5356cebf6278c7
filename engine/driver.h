/* The driver: the process that drives runs now. One thread owns all runs that it drives:
 *
 *   1. collect what has completed: step results, timers, people's commands;
 *   2. feed each to the machine (decide.h);
 *   3. write *all* resulting events and projections in one transaction (group commit);
 *   4. only after the commit, start what was decided.
 *
 * A fenced run's rows are left out, the others commit. A commit that fails for any other reason stops the
 * driver: an effect is never started on a record that may not exist. Step bodies run on a pool of worker
 * threads. */
#ifndef PAWL_ENGINE_DRIVER_H
#define PAWL_ENGINE_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/run.h"
#include "state/store.h"

struct driver;

/* What the one who drives wants to see and be asked; every function may be NULL. */
struct driver_watcher {
    void *context;
    /* An event is durable. */
    void (*event)(void *context, const struct run *run, const struct event *event);
    /* What a step waits for, at each look at it (shown as progress); `what` is borrowed, "" where it does not
     * say. */
    void (*waits)(void *context, const struct run *run, const char *what);
    /* A question stands. 1: approve · 0: leave the run waiting. */
    int (*approve)(void *context, const struct run *run, const char *question);
    /* The driver lets the run go; error->code is ERROR_NONE unless it had to (fenced, another cluster). */
    void (*left)(void *context, const struct run *run, const struct error *error);
};

struct driver_options {
    const char *actor;
    const char *kubeconfig; /* NULL: kubectl's own rules */
    bool approves;          /* --yes: every approval, in the actor's name */
    int64_t lock_wait_ms;   /* how long a run may wait for its lock; -1: for ever, 0: not at all */
    struct driver_watcher watcher;
};

/* What a person wants of a run when it is taken up. */
struct driver_take {
    const char *command; /* "resume", or NULL: only go on */
    const json_t *body;  /* of that command */
    bool take_over;      /* end a driver that is alive; take a run last claimed on another host */
    const char *reason;  /* for it */
};

/* Whether there are the descriptors and the threads that a driver needs; where not, the error says so. */
bool driver_is_possible(struct error *error);
/* Takes the driver's own lock. NULL with the error filled. */
struct driver *driver_new(struct store *store, const struct driver_options *options, struct error *error);
/* Loads a run, opens its cluster, looks who drives it: driver_run will claim it. ERROR_DRIVEN where another
 * driver is alive, ERROR_NOT_ALLOWED_NOW where the run has ended. `take` is borrowed until driver_run
 * returns.
 */
int driver_take(struct driver *driver, int64_t run, const struct driver_take *take, struct error *error);
/* Claims all that were taken, in one transaction, and drives until every run has been let go; one that
 * another driver has claimed in between, or that refuses its command, is let go at once, with the error. -1
 * where the driver had to stop (the store failed). */
int driver_run(struct driver *driver, struct error *error);
/* A signal has arrived that it has not heeded yet: who asks a person in between gives up. */
bool driver_is_signalled(const struct driver *driver);
/* The signal that ended it; 0: none. */
int driver_signal(const struct driver *driver);
void driver_free(struct driver *driver);

/* Whether a person has said something to a run that nobody has taken up. Not where that cannot be read: a
 * driver is stopped by it at its next commit, and who only shows the run meets it again. */
bool run_has_command(struct store *store, int64_t run);
/* Why a command was refused, as its row keeps it: code, message, what to do next; free() it. */
char *refusal_write(const struct error *why);
/* The same for people, in *error; -1. A text of an earlier pawl is the message. */
int refusal_read(const char *text, struct error *error);

/* Whether the process that claimed a run last still drives it. */
enum holding {
    HOLDING_NOT,
    HOLDING_HERE,      /* its lock is held */
    HOLDING_ELSEWHERE, /* its lock is free, but it lives on this host: this store is a copy of the one that it
                          drives in. So it looks for a moment, too, when a driver ends. */
};

/* `row_driver` is run_row.driver. */
enum holding driver_holding(struct store *store, const char *row_driver);
/* The same of a claim's record as JSON. */
enum holding driver_record_holding(struct store *store, const json_t *driver);
/* Does some process drive this run, here or in the store that this one is a copy of? */
bool driver_lives(struct store *store, const char *row_driver);
/* How the run that holds a lock stands, and what frees it, as what to do next; -1. Waiting helps only where
 * somebody drives it. */
int lock_holder_next(struct store *store, int64_t holder, struct error *error);

#endif
