/* One run in the driver's hands: its state, what is out for it, and what the next commit shall hold. Private
 * to the driver (driver.c, hear.c, take.c, claim.c, drive.c, body.c). */
#ifndef PAWL_ENGINE_DRIVE_H
#define PAWL_ENGINE_DRIVE_H

#include "cluster/cluster.h"
#include "engine/decide.h"
#include "engine/driver.h"
#include "engine/keeper.h"
#include "engine/load.h"
#include "engine/loop.h"
#include "engine/project.h"

struct drive {
    struct driver *driver;
    struct machine *machine; /* shared: the driver's */
    struct run *run;
    struct live *live;
    struct cluster *cluster;        /* shared: the driver's */
    const struct driver_take *take; /* how it is taken up, borrowed; NULL once its command has been said */
    struct gate gate;
    struct digest head;    /* of the run's chain */
    struct child child;    /* of the latest prepared start */
    int64_t stop_asked_ms; /* steady, real: since when this driver asks that child to stop; -1: it does not */
    struct keeper *keeper; /* stands ready, not told to go */
    struct body *body;     /* out on the pool; NULL: nothing */
    void *handle;          /* the visit's volatile handle */
    void (*handle_free)(void *handle);
    struct projection projection;
    struct decision *decision; /* being recorded */
    json_t *answers;           /* commands that the decision answers: [{"id","accepted","why"}] */
    char *command_actor;       /* who said the command that is being recorded */
    bool stood_failed;         /* it had failed when it was taken up, and no word has been accepted since */
    json_t *deferred_word;     /* {"name","actor","body"} of it; NULL */
    int64_t deferred;      /* a command that is answered when the step in flight has been let go; 0: none */
    int64_t lock_tried_ms; /* steady, real */
    int64_t lock_since_ms;
    bool ready;  /* in the driver's list of what has a stimulus */
    bool to_act; /* its decision is (being made) durable: carry out the order */
    bool wants_lock;
    bool leaving;
    bool let_go;        /* nothing more is done for it: its body is waited for, then it leaves */
    struct error error; /* why it is let go, where not by itself */
    struct drive *next;
};

struct machine_entry {
    char *digest;
    struct machine *machine;
    struct machine_entry *next;
};

struct cluster_entry {
    char *record; /* canonical JSON, as in the run's row */
    struct cluster *cluster;
    struct cluster_entry *next;
};

struct driver {
    struct store *store;
    struct driver_options options;
    char *actor, *kubeconfig;
    int lock;         /* our own lock file */
    json_t *identity; /* what run_claimed records about us */
    struct drive *drives;
    struct machine_entry *machines;
    struct cluster_entry *clusters;
    int bodies_out;
    void *spare_body; /* memory of one that came back, for the next (body.c) */
    int64_t data_version;
    uint64_t random; /* state of the generator for jitter and tokens */
    struct loop *loop;
    int signal, signal_count;
    bool failed;
    struct error error;
};

/* ---- drive.c: decide, record, act ---- */
struct drive *drive_new(struct driver *driver, struct run *run, struct machine *machine,
                        struct cluster *cluster);
void drive_free(struct drive *drive);
/* Brings live up to date: time, random bits, the child. */
void drive_look(struct drive *drive);
/* Feeds a stimulus to the machine; the decision is kept in the drive until it is recorded. */
void drive_decide(struct drive *drive, const struct stimulus *stimulus);
/* Writes a drive's decided events and projections within the open transaction. ERROR_FENCED: nothing was
 * written. */
int drive_record(struct drive *drive, struct error *error);
/* The same without the fence: for the claim, which has looked itself. */
int drive_write(struct drive *drive, struct error *error);
/* After the commit: tells the watcher, forgets the events, carries out the order. */
void drive_act(struct drive *drive);
/* Applies a person's command. */
enum command_outcome drive_command(struct drive *drive, const struct run_command *command,
                                   struct error *error);

/* ---- body.c: what runs on the pool ---- */
/* Hands out the body that the order names; its answer comes back through drive_returned (driver.c). */
void body_start(struct drive *drive, enum order order);
void drive_returned(struct drive *drive, const struct stimulus *stimulus);
/* The keeper record of the latest prepared start; NULL: none. Borrowed. */
const json_t *drive_keeper_record(const struct drive *drive);
/* Removes the private folders of a step that has ended. */
void drive_remove_folders(struct drive *drive, int step);

/* ---- hear.c: what people say through the store ---- */
/* Takes up the commands that have come since the last look. */
void hear_commands(struct driver *driver);
/* Says the word that came with a run, once those that lay in the store before it have been heard. */
void hear_what_was_kept(struct driver *driver);
/* Answers a rollback that waited for what was in flight, once the machine has begun it or given it up. */
void hear_out_deferred(struct drive *drive);
/* The event that tells of a word that was refused. event_clear() it; the actor is borrowed. */
void drive_refusal(const struct drive *drive, const struct run_command *command, const struct error *why,
                   struct event *event);
/* Whether something has been decided that is not durable yet. */
bool drive_is_undurable(const struct drive *drive);

/* ---- take.c ---- */
/* Claims what driver_take has taken. -1 where the store failed. */
int driver_claim_all(struct driver *driver);
/* Whether words of other processes lie in the store that nobody has taken up. */
bool drive_has_open_command(const struct drive *drive);
/* The run leaves the driver, which does nothing for it any more. */
void drive_let_go(struct drive *drive, const struct error *error);

/* ---- claim.c ---- */
/* Within a transaction: the run's lock, where it lacks it and it is free. *out_holder is the run that holds
 * it then; 0: none is wanted. */
int drive_take_lock(struct drive *drive, int64_t *out_holder, struct error *error);
/* May this process claim the run? Ends the present holder where drive->take says so. */
int drive_check_holder(struct drive *drive, struct error *error);
/* Within a transaction: decides the claim, which drive_write then records, or fails with nothing decided. */
int drive_claim(struct drive *drive, struct error *error);

/* ---- driver.c: driver_run by the piece, for the simulation, which waits by itself ---- */
/* Claims what was taken. */
void driver_begin(struct driver *driver);
/* Collects people's words, decides, commits, acts. False: every run has been let go, or the driver failed. */
bool driver_turn(struct driver *driver);
/* How long nothing is due, in ms; -1: not before something comes back or is said. A virtual clock jumps, when
 * no body and no keeper is out. */
int64_t driver_wait_ms(struct driver *driver);
uint64_t driver_random(struct driver *driver);

#endif
