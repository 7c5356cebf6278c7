/* A run's state: the fold of its events, and nothing else.
 *
 * run_fold() only applies what an event says; it never decides. It is frozen for each event version, so that
 * old histories replay for ever. What decides is decide.h. */
#ifndef PAWL_ENGINE_RUN_H
#define PAWL_ENGINE_RUN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/event.h"
#include "engine/machine.h"

#define RUN_STATUSES(X)                                                                                      \
    X(QUEUED, "queued")                                                                                      \
    X(RUNNING, "running")                                                                                    \
    X(WAITING, "waiting")                                                                                    \
    X(SUCCEEDED, "succeeded")                                                                                \
    X(FAILED, "failed")                                                                                      \
    X(CANCELLED, "cancelled")                                                                                \
    X(ROLLED_BACK, "rolled_back")
enum run_status {
#define X(name, text) RUN_##name,
    RUN_STATUSES(X)
#undef X
};

#define STEP_STATUSES(X)                                                                                     \
    X(PENDING, "pending")                                                                                    \
    X(RUNNING, "running")                                                                                    \
    X(RETRYING, "retrying")                                                                                  \
    X(UNKNOWN, "unknown")                                                                                    \
    X(SUCCEEDED, "succeeded")                                                                                \
    X(FAILED, "failed")                                                                                      \
    X(SKIPPED, "skipped")                                                                                    \
    X(UNDONE, "undone")
enum step_status {
#define X(name, text) STEP_##name,
    STEP_STATUSES(X)
#undef X
};

#define WAIT_REASONS(X)                                                                                      \
    X(NOTHING, "nothing")                                                                                    \
    X(TIMER, "timer")                                                                                        \
    X(APPROVAL, "approval")                                                                                  \
    X(DECISION, "decision")                                                                                  \
    X(LOCK, "lock")                                                                                          \
    X(PAUSED, "paused")
enum wait_reason {
#define X(name, text) WAIT_##name,
    WAIT_REASONS(X)
#undef X
};

/* Where a run stands within the step in hand. The rows of the table in decide.c are keyed by it. */
#define PLACES(X)                                                                                            \
    X(ENTER)    /* the step in hand is to be started: a new visit, or the same one again */                  \
    X(APPROVAL) /* a question stands */                                                                      \
    X(STARTED)  /* step_started is durable; nothing has been prepared */                                     \
    X(PREPARED) /* step_prepared is durable; the effect may have begun */                                    \
    X(UNKNOWN)  /* a person must decide */                                                                   \
    X(STOPPED)  /* the run has failed here */                                                                \
    X(ENDED)    /* nothing follows */
enum place {
#define X(name) PLACE_##name,
    PLACES(X)
#undef X
        PLACE_COUNT
};

/* What is remembered of one act of a step: of the step itself, and of its undo. */
struct run_act {
    int64_t started_seq; /* of the latest start: the order of undoing; 0: never started */
    int starts;          /* step_started or undo_started events, ever: names a start's files */
    bool unproven;  /* started without a recorded success, and nothing has said since that it was not done */
    bool before;    /* an earlier start is in doubt still: what the latest leaves if it did not act */
    bool acted;     /* the latest start's effect may have begun (else: not done, without asking) */
    bool touched;   /* a start since the last success was not done, but may have changed something */
    bool answered;  /* the question whether it was done has been answered as far as it can be: start */
    bool granted;   /* a --retry that no start has used yet */
    json_t *inputs; /* of the latest start */
    json_t *checkpoint; /* of the latest start: step_prepared, then step_checkpoint */
    json_t *prepared;   /* array of {"visit","start","checkpoint"}: since the last recorded success */
};

struct run_step {
    enum step_status status;
    int visit;
    int attempt;      /* within the visit since a person last resumed */
    int failures;     /* attempts that failed since then, or since the last good look of one that waits */
    int extra_visits; /* a person's resume allows one more */
    bool approved;    /* this visit */
    bool earlier;     /* what an earlier visit did stands beside what the latest does: neither is undone */
    bool carry;       /* after --from: a success that may be carried over to the next visit */
    int64_t spent_ms; /* of the visit's timeout, as far as events prove it */
    int64_t attempt_spent_ms;
    int64_t started_ms, finished_ms; /* wall */
    struct run_act act;
    struct run_act undo;
    json_t *visit_starts;     /* array like run_act.prepared: this visit's starts, for its undo; NULL: none */
    json_t *outputs;          /* NULL: none */
    json_t *error;            /* error_json; NULL */
    json_t *failure;          /* of the latest start, or a rejection; a resume does not forget it; NULL */
    json_t *succeeded_inputs; /* of the last success: for --from */
    json_t *mend;             /* what a probe found and a mend must put away; NULL */
};

struct run {
    int64_t id;
    const struct machine *machine; /* borrowed */
    enum run_status status;
    enum place place;
    int step; /* in hand; -1 before the first and after the last */
    enum wait_reason waiting;
    int64_t wait_until_ms; /* wall, of WAIT_TIMER */
    int64_t wait_ms;       /* how long that wait was meant to be */
    bool paused;
    bool cancelling;
    bool undoing; /* a rollback has begun: it only goes back */
    bool entered; /* the visit in hand has begun; false: its first event begins a new one */
    bool holds_lock;
    bool began;         /* a step_started exists: no look ahead any more */
    bool clean;         /* the last driver let the run go */
    json_t *undo_order; /* step ids still to undo, next first */
    json_t *error;      /* error_json, with "step" and "used_up"; NULL */
    json_t *driver;     /* of the latest claim; NULL before */
    json_t *submitted;  /* run_submitted's body: params, vars, cluster, folder, lock, key … */
    json_t *names;      /* what expressions see: params, vars, steps, run */
    json_t *question;   /* of the approval or decision that stands: {"step","visit","digest","text"} */
    int64_t epoch;
    int64_t submitted_ms, finished_ms;
    int64_t seq; /* events folded */
    struct run_step *steps;
};

struct run *run_new(int64_t id, const struct machine *machine);
/* Applies one event. ERROR_STORE_CORRUPT where the event cannot follow what was folded before. */
int run_fold(struct run *run, const struct event *event, struct error *error);
void run_free(struct run *run);

bool run_is_ended(const struct run *run);
/* Whether its job has the step; ERROR_NOT_FOUND where not, which is not the same as one it has not reached.
 */
bool run_has_step(const struct run *run, const char *step, struct error *error);
/* A text of the tables above, as in projections and JSON. */
const char *run_status_text(enum run_status status);
/* The same for people: "rolled back". */
const char *run_status_words(enum run_status status);
const char *step_status_text(enum step_status status);
const char *wait_reason_text(enum wait_reason reason);
/* Whether a step may have changed something, and no record says that it is whole, or undone. */
bool run_step_is_half_done(const struct run *run, int step);
/* What a rollback goes by: the ids of all steps that were ever started and have an effect, the one that was
 * started last first. A new reference. */
json_t *run_undo_order(const struct run *run);
/* The first in that order that has been done for certain and has no undo: a rollback stops there, at the
 * latest; -1: none is known. */
int run_rollback_stop(const struct run *run);
/* The act in hand: the step's own, or its undo while the run rolls back. */
struct run_act *run_act_in_hand(const struct run *run);
const struct machine_act *machine_act_in_hand(const struct run *run);
/* STORE/RUN/STEP/VISIT, with /undo where the undo of the step in hand is meant; free() it. */
char *run_key(const struct run *run, const char *store_uuid, bool undo);

#endif
