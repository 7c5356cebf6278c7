/* A step kind: the code behind `uses:`. A declaration and its bodies, in one C file each; one table
 * (kinds.c) lists them.
 *
 * Bodies are plain sequential C on a worker thread. A body never blocks for long (one request): what it would
 * wait for it answers with AGAIN. It keeps nothing between calls but the checkpoint it returned and the one
 * volatile handle. It reads `visit`, returns an `answer`, and passes the gate before every request that
 * changes something. */
#ifndef PAWL_STEPS_KIND_H
#define PAWL_STEPS_KIND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/declaration.h"
#include "base/error.h"
#include "cluster/cluster.h"
#include "steps/gate.h"
#include "steps/permission.h"

#define CHILD_LOOK_MS 100 /* between two looks at a child that runs */

/* How the child program of a visit stands (keeper.h in engine/ fills it in: record, lock, record again). */
enum child_state {
    CHILD_NONE,    /* this visit has no keeper, or nothing of it ran */
    CHILD_RUNNING, /* its lock is held or its process is there: in progress, for everybody */
    CHILD_EXITED,  /* an exit record exists */
    CHILD_LOST,    /* free, without a record: the kind's probe decides */
};

struct child {
    enum child_state state;
    int exit_status; /* of CHILD_EXITED; 128 + signal where it was killed */
    bool cancelled;  /* it was asked to stop */
    char *out, *err; /* captured so far, bounded, a NUL behind the last byte; owned by the visit */
    size_t out_length, err_length;
    bool truncated; /* it wrote more than is kept */
    char *unread; /* why what it wrote to stdout cannot be read back, which leaves `out` empty; NULL; owned */
};

/* What a body is given. Everything is borrowed, and lives until the body returns. */
struct visit {
    const char *store_uuid;
    int64_t run;
    const char *job;
    const char *step;
    int visit, attempt;
    int start;       /* counts this run's starts of the step, from 1 */
    const char *key; /* STORE/RUN/STEP/VISIT */
    const char *actor;
    const json_t *inputs;     /* as recorded in step_started; secrets are references */
    const json_t *checkpoint; /* of the latest step_prepared or step_checkpoint of this start; NULL: none */
    /* Array: the checkpoints that `prepare` returned for the starts since the last recorded success, oldest
     * first, earlier visits' included: [{"visit","start","checkpoint"}]. */
    const json_t *starts;
    const json_t *edits;  /* kinds that prepare: array of the `set` objects of this run's edit_values steps
                             so far, with "file"; else NULL */
    int64_t act_ended_ms; /* steady: when the latest start could last act (its body returned, or the claim
                             that found its driver dead); -1: not known to have ended */
    int64_t settle_ms;
    int64_t now_ms; /* steady, when the body was called */
    int64_t wall_ms;
    uint64_t random;    /* of the run's seed, new for every call */
    const char *folder; /* private to the visit and start, 0700, exists; removed when the step has ended */
    struct cluster *cluster;
    struct gate *gate;
    /* Passes the gate: call it right before a request that changes something. False with nothing in *error
     * where it is closed. */
    bool (*pass)(const struct visit *, struct error *);
    /* prepare only: spawns the keeper that stands ready; it runs the program when the loop says go. What is
     * returned goes into the checkpoint as "keeper". A new reference, or NULL with the error filled. */
    json_t *(*keep)(const struct visit *, const struct program *, const char *input, struct error *);
    /* apply, probe: how the child of the latest prepared start stands. */
    const struct child *child;
    int64_t
        *held_since_ms;  /* steady: since when `until:` has held; -1: it did not. Not kept across restarts */
    json_t *permissions; /* plan only: what has been asked about so far, for permission_ask to add to */
    int64_t look_until_ms; /* steady: when the step's time is over; 0: it has none, or not by this clock */
    bool single_look; /* asked once, as a guard or a `probe:`: what would have to stay so for a while only has
                         to be so now */
    bool is_probe;    /* … as a `probe:` */
    void *engine;     /* for pass and keep */
    void **handle; /* the visit's one volatile handle; NULL after a restart, which means that it was lost */
};

/* One line for people: "revision 12 → 13, chart iomesh-1.0.0 (pinned)"; "" where there is nothing to say. */
struct summary {
    char text[256]; /* whole UTF-8: JSON takes nothing else */
};
/* What does not fit is cut at a character, with "…" at the end. */
void summary_set(struct summary *summary, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum answer_kind {
    ANSWER_DONE,        /* outputs; with an error: it has happened, and why not all of them are known */
    ANSWER_FAILED,      /* error; transient where error_is_transient(code) or `transient` */
    ANSWER_AGAIN,       /* call me again after after_ms, with this checkpoint */
    ANSWER_UNKNOWN,     /* whether the effect happened is not known: error says why */
    ANSWER_TURNED_BACK, /* the gate was closed: nothing was done */
};

struct answer {
    enum answer_kind kind;
    json_t *outputs;    /* owned; DONE */
    json_t *checkpoint; /* owned; AGAIN: NULL keeps the old one */
    int64_t after_ms;   /* AGAIN */
    bool transient;     /* FAILED */
    bool acting; /* AGAIN: waits for an effect that was sent; false: before it, the guards are asked again */
    struct error error; /* FAILED, UNKNOWN; AGAIN: what it waits for (shown as progress) */
    struct summary summary;
};

enum probe_kind { PROBE_DONE, PROBE_NOT_DONE, PROBE_IN_PROGRESS, PROBE_CANNOT_TELL };

struct probe_answer {
    enum probe_kind kind;
    json_t *outputs;    /* owned; DONE: as far as they can be known */
    json_t *checkpoint; /* owned; what the next probe of the same question shall find; NULL: as before */
    int64_t after_ms;   /* IN_PROGRESS */
    json_t *found;      /* owned; recorded in step_probed (metadata of a pending record); NULL: nothing */
    bool mend;          /* NOT_DONE, and `mend` must run, behind the gate, before the next start */
    bool touched;       /* NOT_DONE, but it may have changed something: there is something to undo */
    struct error error; /* why it cannot tell, or what is in progress */
};

/* A look ahead: what would this step do? Read-only. */
struct plan_answer {
    enum { PLAN_OK, PLAN_REFUSED, PLAN_UNKNOWN } kind; /* UNKNOWN: known only after earlier steps */
    json_t *outputs;                                   /* owned: what it would give, as far as known */
    json_t *changes; /* owned: array of {"what": …, "from": …, "to": …} for people */
    json_t
        *world; /* owned: what later plans shall see, merged over the earlier ones' ("files": {PATH: text}) */
    struct error error; /* REFUSED: why */
    struct summary summary;
};

struct step_kind {
    struct kind_declaration declaration;
    /* What it must be allowed in the namespace that its input of that name says, whatever else its inputs
     * are; what depends on them its plan asks itself. NULL: nothing. */
    const struct permission *permissions;
    /* Read-only. `world` is what earlier steps' plans would have changed. NULL: nothing to say. */
    void (*plan)(const struct visit *, const json_t *world, struct plan_answer *);
    /* What must be remembered before the effect; DONE with .checkpoint, which is durable before apply. */
    void (*prepare)(const struct visit *, struct answer *);
    void (*probe)(const struct visit *, struct probe_answer *);
    void (*apply)(const struct visit *, struct answer *);
    /* Kinds that run a child, where they only observe (a `probe:`, an `until:`, a guard): the whole of it at
     * once, without a keeper; DONE or FAILED. Bounded by LIMIT_ASK_MS and the step's time, and once the
     * gate is closed: TURNED_BACK then. NULL: `apply` serves. */
    void (*ask)(const struct visit *, struct answer *);
    /* After a probe that said `mend`: puts away what a dead start left (helm's pending record). */
    void (*mend)(const struct visit *, const json_t *found, struct answer *);
    /* Undoes the visit; `visit->checkpoint` is the *first* start's prepare. With its own prepare and probe
     * where the undo is like a step of its own. */
    void (*undo_prepare)(const struct visit *, struct answer *);
    void (*undo_probe)(const struct visit *, struct probe_answer *);
    void (*undo)(const struct visit *, struct answer *);
    void (*handle_free)(void *handle);
    /* Kinds that run a child: the last look before its go byte, the undo's too. False, with the error filled,
     * where the world is no longer what `prepare` saw: the step fails without having acted. */
    bool (*confirm)(const struct visit *, struct error *);
    bool runs_child;       /* prepare keeps a program; apply begins with the go byte */
    bool child_may_finish; /* at a cancel or timeout the child is waited for (helm: timeout_ms), not killed at
                              once */
    bool only_computes;    /* `apply` asks nobody and never blocks: it needs no worker */
    enum effect_class undo_effect;
};

const struct step_kind *step_kind_find(const char *name);
/* Who answers in place of a kind, asked at each step_kind_find: a rehearsal's, set once before any run. It
 * returns the kind itself where nobody stands in for it. */
typedef const struct step_kind *step_kind_replacer(const struct step_kind *kind);
void step_kinds_replace(step_kind_replacer *replace);
/* The kind_finder and kind_lister of base/declaration.h. */
const struct kind_declaration *step_declaration_find(const char *name);
const struct kind_declaration *const *step_declarations(void);

/* ---- for bodies ---- */
void answer_done(struct answer *answer, json_t *outputs);
void answer_again(struct answer *answer, int64_t after_ms);
/* FAILED with *error, transient as its code says. */
void answer_failed(struct answer *answer, const struct error *error);
void answer_unknown(struct answer *answer, const struct error *error);
/* visit->pass; false where it does not let the effect pass: the answer is TURNED_BACK, or FAILED and why. */
bool visit_passes(const struct visit *visit, struct answer *answer);
void answer_clear(struct answer *answer);
void probe_answer_clear(struct probe_answer *answer);
void plan_answer_clear(struct plan_answer *answer);
/* REFUSED with *error; UNKNOWN where it is of a kind that would only be waited for. */
void plan_answer_failed(struct plan_answer *answer, const struct error *error);
/* A recorded duration input in ms. */
int64_t input_duration_ms(const struct visit *visit, const char *name);

#endif
