/* One moment of a history: the real machine's state (run and live), beside it what is really so (bodies,
 * children, effects that were sent and have arrived or not), and what the oracle has seen become durable. A
 * moment is copied for each thing that may happen next. What is done around machine_next is what drive.c,
 * body.c and claim.c do. */
#ifndef PAWL_TESTS_EXPLORATION_MOMENT_H
#define PAWL_TESTS_EXPLORATION_MOMENT_H

#include "engine/decide.h"
#include "exploration/policy.h"

#define AGAIN_MS                                                                                             \
    40000 /* longer than CHECKPOINT_EVERY_MS: whether time was recorded does not depend on the path */
#define RECORDED_MOST 128
#define MOMENT_SIZE   512 /* at most, written down */

enum body { BODY_NONE, BODY_OUT, BODY_SENT };
/* KEEPER_LEAVES: it was not told to go, or is dying before that; its lock is still held. */
enum child_truth {
    NO_CHILD,
    KEEPER_READY,
    KEEPER_LEAVES,
    NEVER_RAN,
    CHILD_LIVES,
    EXIT_OK,
    EXIT_BAD,
    CHILD_DIED
};

/* Of a step, and of its undo. */
struct effect {
    bool in_flight;     /* sent, and neither arrived nor lost */
    unsigned char done; /* arrived since the last success on record; more than 2 count as 2 */
    bool sent;          /* by the latest start */
    bool intent;        /* step_started is durable, by this driver, and nothing has ended that start */
    bool open;          /* begun, by what events say, and none has said what became of it */
    bool open_before;   /* likewise, but for the latest start */
    bool left;          /* a record of it was found, and is still to be removed */
    bool prepared;
    unsigned char agreeing; /* bits of the step's guards, by their latest answers since the latest start */
    unsigned char failures; /* in a row, of this visit, since a person last said go on */
    bool granted, by_retry; /* a person's --retry: not used yet; used by the latest start */
};

struct step_truth {
    struct effect act, undo;
    bool present; /* the step's effect is there, not undone */
    bool several; /* as are those of earlier visits, which the undo of the latest does not take back */
    int present_visit;
    bool by_person; /* a person answers for how it stands */
    bool succeeded; /* ever */
    unsigned char visit, approved_visit;
    unsigned char rank; /* by its latest start: 1 is the oldest; 0: never started */
};

struct moment {
    const struct recipe *recipe;
    const struct machine *machine;
    struct run *run;
    struct live *live; /* NULL: nobody drives */
    bool gate_closed, gate_begun;
    bool left; /* the driver has let the run go, and is still there: words may reach it */
    bool stopping, wants_lock;
    bool foreign;      /* the child's keeper was started on another host than the one that drives */
    bool rollback_row; /* a rollback lies in the store, not answered yet */
    enum body body;
    bool body_undo;
    enum child_truth child;
    int64_t now_ms;
    int64_t ended_ms;  /* when what was sent could last act; -1: it still can */
    int64_t asked_ms;  /* when the latest probe was handed out: it may have looked then, or later */
    int words, faults; /* left */
    struct step_truth steps[STEPS_MOST];
    bool lock, cancelling, paused, rolling, failed, ended, started; /* as events said */
    signed char in_hand; /* likewise: the step that was started last; -1: none */
};

/* What happened in the step that is being taken: all events that became durable, and what is wrong. */
struct happening {
    struct event events[RECORDED_MOST];
    int event_count;
    char broken[300]; /* "": nothing */
    bool crashes;     /* the driver dies after the commit, before it says go */
    bool keeper_dies; /* before the go byte reaches it */
};

struct moment *moment_new(const struct recipe *recipe, const struct machine *machine, int words, int faults,
                          struct happening *happening);
struct moment *moment_copy(const struct moment *moment);
void moment_free(struct moment *moment);
struct run *run_copy(const struct run *run);
/* NULL where both are the same; else what differs. */
const char *run_difference(const struct run *run, const struct run *other);
/* Everything that what may follow depends on, in bytes; returns the length, at most `size`. */
size_t moment_write(const struct moment *moment, unsigned char *bytes, size_t size);

/* ---- the driver's part ---- */
void moment_decide(struct moment *moment, const struct stimulus *stimulus, struct happening *happening);
/* The body that is out comes back. */
void moment_return(struct moment *moment, const struct stimulus *stimulus, struct happening *happening);
void moment_tick(struct moment *moment, struct happening *happening);
/* A look though nothing has completed and no timer is due: a driver looks after each body that came back. */
void moment_look_again(struct moment *moment, struct happening *happening);
/* A driver takes the run up, knowing only what is durable. */
void moment_claim(struct moment *moment, bool ticks, struct happening *happening);
void moment_crash(struct moment *moment);
/* The driver is gone without having been killed: it let the run go. */
void moment_let_go(struct moment *moment);
/* Whether its lock is held, as far as the host that drives can see. */
bool moment_child_is_held(const struct moment *moment);
bool moment_child_is_held_elsewhere(const struct moment *moment);
/* True where it was not refused. */
bool moment_say(struct moment *moment, const char *name, json_t *body, struct happening *happening);
/* The body passes the gate and sends; false where it is turned back. */
bool moment_send(struct moment *moment, struct happening *happening);
struct effect *moment_effect(struct moment *moment);
const struct machine_act *moment_act(const struct moment *moment);
/* The effect that is on its way arrives. */
void moment_arrive(struct moment *moment, struct effect *effect);
void happening_clear(struct happening *happening);
void happening_break(struct happening *happening, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- oracle.c ---- */
void oracle_event(struct moment *moment, const struct event *event, struct happening *happening);
/* Right before an effect leaves: its intent must be durable, nothing may forbid it. */
void oracle_send(struct moment *moment, struct happening *happening);

#endif
