/* The state of a simulated cluster, held for one call: locked, read, brought up to now; changed; written.
 *
 * world_begin … world_end enclose a call; everything between works on `state` in memory and must settle what
 * it changed with world_settle(). A process that is killed anywhere leaves the state before or after the
 * call, and the log agrees with it: the lines of the latest write are kept in the state too, and whoever
 * comes next completes the log from there. */
#ifndef PAWL_CLUSTER_SIM_WORLD_H
#define PAWL_CLUSTER_SIM_WORLD_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

#define WORLD_NEVER INT64_MAX

/* PAWL_SIM_KILL=before-effect:N and so on: the process that makes it kills itself there; with stop-… it stops
 * itself, after it has let go of the lock. N counts the sim's requests or effects, of all processes, from 1.
 */
enum kill_point {
    KILL_NOT,
    KILL_BEFORE_EFFECT,
    KILL_AFTER_EFFECT,
    KILL_BEFORE_REQUEST,
    KILL_AFTER_REQUEST,
    STOP_AFTER_EFFECT,
    STOP_AFTER_REQUEST,
};

/* The head of FILE.lock: tells whether a state that was read before is still the present one. Where nothing
 * but virtual time has moved it is here alone: the state need not be written for that. */
struct world_head {
    uint64_t generation, requests, effects;
    int64_t now_ms;
};

struct world {
    char *path;
    int lock, log; /* descriptors of FILE.lock and FILE.log */
    pthread_mutex_t mutex;
    json_t *state;
    struct world_head head, known; /* as on the disk; as of `state` */
    bool virtual_time;
    int64_t now_ms; /* the sim's own time, from its creation on */
    bool changed;   /* the state must be written */
    bool moved;     /* virtual time was moved */
    bool resting;   /* controllers are at work: time cannot be moved */
    bool restless;  /* they do not come to an end: the call cannot be carried out */
    struct text lines;
    const char *caller; /* PAWL_SIM_CALLER; NULL: none */
    enum kill_point kill_point;
    uint64_t kill_number;
    int signal; /* to raise after the write: SIGKILL, SIGSTOP; 0: none */
};

struct world *world_open(const char *path, struct error *error);
void world_close(struct world *world);

/* Creates the files for a new state (stolen) that is at its time 0. */
int world_create(const char *path, json_t *state, struct error *error);

int world_begin(struct world *world, struct error *error);
/* What virtual time it is, without a call: true where nobody has changed the state since this process read
 * it. */
bool world_glance(struct world *world, int64_t *now_ms, int64_t *wall_ms);
/* Writes what changed. -1: the call has not happened. */
int world_end(struct world *world, struct error *error);
/* Instead of world_end: forgets what was changed since world_begin. */
void world_abandon(struct world *world);

int64_t world_wall_ms(const struct world *world);
/* A setting of `pawl sim init`, by its name in the state ("drain_ms"). */
int64_t world_setting(const struct world *world, const char *name);
const char *world_setting_text(const struct world *world, const char *name);

/* Logs a request. `name` and `fault` (what it met) may be NULL; `more` (stolen, may be NULL) adds members. */
void world_request(struct world *world, const char *verb, const char *resource, const char *namespace,
                   const char *name, const char *fault, json_t *more);
/* The names of effects: changes that a request made. helm_recorded: a pending revision was written;
 * helm_upgrade: an upgrade's patch changed at least one object ("changed" lists them), counted once however
 * the upgrade goes on; helm_deployed, helm_failed: the revision was marked; unregister: a request that was
 * accepted; record_removed: a helm record was deleted; the others: API requests that changed an object;
 * stand_in: what a rehearsal pretends. */
#define WORLD_EFFECTS                                                                                        \
    "helm_recorded|helm_upgrade|helm_deployed|helm_failed|unregister|record_removed|patch|create|update|"    \
    "delete|stand_in"
/* The names of what the cluster does by itself. */
#define WORLD_EVENTS                                                                                         \
    "pod_created|pod_ready|pod_terminating|pod_gone|chunk_registered|chunk_lost|chunk_back|chunk_removed|"   \
    "leader|fault_failed"

/* Logs a change that a request made to the cluster, and starts what a fault tied to it; `more` is stolen. */
void world_effect(struct world *world, const char *effect, json_t *more);
/* The same for what the cluster did by itself. */
void world_event(struct world *world, const char *event, json_t *more);

/* evolve.c: lets controllers come to rest, then what is due until `now`, in order. */
void world_settle(struct world *world);
/* Moves virtual time forward (never back) and lets happen what is due. */
void world_advance(struct world *world, int64_t to_ms);

#endif
