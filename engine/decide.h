/* What happens next. The one place in the program where a transition is decided: a table (decide.c), read
 * from top to bottom, the first row that fits wins.
 *
 *     machine_next(run, live, stimulus) → decision: the events to record, and one order to carry out
 *
 * The contract with the driver, in four steps: it hands in what has completed; it commits *all* events of the
 * decision; only then it carries out the order; it never acts otherwise. Pure: no I/O, no clock, no
 * randomness; time and random bits are in `live`. The run is folded forward by the events as they are
 * decided. */
#ifndef PAWL_ENGINE_DECIDE_H
#define PAWL_ENGINE_DECIDE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/run.h"
#include "steps/kind.h"

/* What has completed. */
#define STIMULI(X)                                                                                           \
    X(TICK) /* nothing new: look at the run, a timer may be due */                                           \
    X(LOCK_TAKEN)                                                                                            \
    X(PLAN_OK)                                                                                               \
    X(PLAN_REFUSED)                                                                                          \
    X(PROBE_DONE)                                                                                            \
    X(PROBE_NOT_DONE)                                                                                        \
    X(PROBE_IN_PROGRESS)                                                                                     \
    X(PROBE_CANNOT_TELL)                                                                                     \
    X(MENDED)                                                                                                \
    X(MEND_FAILED)                                                                                           \
    X(PREPARED) /* and every guard agrees */                                                                 \
    X(PREPARE_FAILED)                                                                                        \
    X(GUARD_REFUSED)                                                                                         \
    X(BODY_DONE)                                                                                             \
    X(BODY_FAILED)                                                                                           \
    X(BODY_AGAIN)                                                                                            \
    X(BODY_UNKNOWN)                                                                                          \
    X(TURNED_BACK) /* a body met a closed gate: nothing was done */
enum stimulus_kind {
#define X(name) STIMULUS_##name,
    STIMULI(X)
#undef X
        STIMULUS_COUNT
};

struct stimulus {
    enum stimulus_kind kind;
    struct answer *answer;      /* of prepare, guards, body, mend; borrowed */
    struct probe_answer *probe; /* borrowed */
    json_t *guards;             /* answers of guards: [{"guard","ok","why"}]; borrowed, NULL: none */
    const struct error *error;  /* of PLAN_REFUSED */
};

/* What to do once the events are durable. */
#define ORDERS(X)                                                                                            \
    X(NOTHING)    /* wait: for a stimulus, or until live.due_ms */                                           \
    X(LOCK)       /* try to take the lock */                                                                 \
    X(PLAN)       /* look at the whole run, read-only */                                                     \
    X(PROBE)      /* ask whether the effect in hand has happened */                                          \
    X(MEND)       /* put away what a dead start left */                                                      \
    X(PREPARE)    /* prepare, then ask the guards */                                                         \
    X(APPLY)      /* the body; the go byte first, where a keeper stands ready */                             \
    X(STOP_CHILD) /* ask the child to stop */                                                                \
    X(LEAVE)      /* let the run go */
enum order {
#define X(name) ORDER_##name,
    ORDERS(X)
#undef X
};

/* Why the step in hand is being let go, apart from a cancel (which is in the run). */
enum ending { ENDING_NONE, ENDING_TIMEOUT, ENDING_ATTEMPT_TIMEOUT, ENDING_ROLLBACK, ENDING_FROM };

/* What is known only while a driver lives. The machine keeps the first part, the driver the second. */
struct live {
    enum order out;        /* handed out and not come back; ORDER_NOTHING: nothing */
    enum order after_wait; /* to be given when due; ORDER_NOTHING: look again */
    int64_t due_ms;        /* steady; -1: no timer */
    bool fresh;            /* this driver has made the start in hand, or adopted it */
    bool acting;           /* the body waits for an effect that it sent */
    bool planned;          /* the look at the start of the run has been taken */
    bool asks_undo;        /* the probe that is out asks for the undo */
    int64_t counted_to_ms; /* steady: the visit's time is accounted for up to here; -1: it stands still */
    int64_t act_ended_ms;  /* steady: when the latest start could last act */
    int64_t asked_ms;      /* steady: when the latest probe was handed out; it has looked no earlier */
    int64_t recorded_ms;   /* steady: of the last step event, for the rate of checkpoints */
    int probe_failures;    /* in a row, of transient kind */
    bool looked;           /* the start in hand only observes, and has had a good look: it waits */
    int blind_looks;       /* in a row: starts of a step that observes, and could not tell what it saw */
    int64_t held_since_ms; /* since when an `until:` holds; -1: it does not */
    bool half_done;        /* letting go: the cluster may still carry the effect on */
    bool asked_children;   /* the body has seen the child, or its exit record, and could not tell */
    enum ending ending;
    json_t *ending_body;      /* owned: of ENDING_FROM and ENDING_ROLLBACK: actor, reason, from */
    json_t *inputs;           /* owned: evaluated for the visit that is about to begin; NULL */
    json_t *checkpoint;       /* owned: newest, not yet durable; NULL: the run's */
    json_t *probe_checkpoint; /* owned: between two probes of one question */
    struct error wait_error;  /* what a waiting body waits for, for people */

    int64_t now_ms; /* steady */
    int64_t wall_ms;
    uint64_t random;         /* new for every call */
    bool effect_begun;       /* the gate let an effect through in the start in hand */
    bool stopping;           /* the driver wants to leave */
    const char *stop_reason; /* "Ctrl-C" */
    enum child_state child;  /* of the latest prepared start, looked at just now */
    bool foreign_keeper;     /* its keeper was recorded on another host: it never counts as gone */
    const char *actor;
    const char *store_uuid;
};

#define DECISION_EVENTS_LIMIT 64

struct decision {
    struct event events[DECISION_EVENTS_LIMIT];
    int event_count;
    enum order order;
    bool more; /* the limit of events is near: commit, then call again with a TICK */
    bool failed;
    struct error error; /* the machine met its own limits, or an event could not be folded */
};

struct live *live_new(void);
void live_free(struct live *live);

/* Decides. decision_clear() the result. */
void machine_next(struct run *run, struct live *live, const struct stimulus *stimulus,
                  struct decision *decision);
/* Is the visit's (or its attempt's) time up? The driver then closes the gate, sets live.ending and ticks. */
enum ending machine_time_is_up(const struct run *run, const struct live *live);
/* When that will be (steady); -1: never, as things stand. */
int64_t machine_deadline_ms(const struct run *run, const struct live *live);
void decision_clear(struct decision *decision);

/* How many rows the table has, and how often each was taken: for tests that want every row taken. */
int machine_row_count(void);
const char *machine_row_name(int row);
extern uint64_t machine_rows_taken[];

/* ---- people's commands (command.c) ---- */
struct run_command {
    const char *name; /* "approve", "reject", "resolve", "pause", "cancel", "rollback", "resume" */
    const json_t *body;
    const char *actor;
};
enum command_outcome {
    COMMAND_ACCEPTED,
    COMMAND_REFUSED,  /* error says why */
    COMMAND_DEFERRED, /* what is in flight is let go first: ask again when the decision is made */
};
/* The gate has been closed before, for those that stop something (command_closes_gate). */
enum command_outcome machine_command(struct run *run, struct live *live, const struct run_command *command,
                                     struct decision *decision, struct error *error);
bool command_closes_gate(const char *name);
/* Words that lie side by side, and nobody has taken up, are taken up in this order, and within it as they
 * came: what stops is never overtaken by what goes on, whoever was first. */
enum command_rank { RANK_STOPS, RANK_SETTLES, RANK_GOES_ON, RANK_COUNT };
enum command_rank command_rank(const struct run_command *command);

#endif
