/* The machine: a compiled job. States and transitions by index, nothing left to resolve but `${…}`.
 *
 *   checked job → (compile.c) canonical JSON → digest, stored, pinned to its run → (machine.c) struct machine
 *
 * What the engine must know of a step kind to decide (does it prepare, can it be asked, does a child run?) is
 * in the machine too, so that a decision needs nothing but machine, run and stimulus. Immutable once read. */
#ifndef PAWL_ENGINE_MACHINE_H
#define PAWL_ENGINE_MACHINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/declaration.h"
#include "base/error.h"
#include "base/limits.h"
#include "jobs/job.h"

#define MACHINE_FORMAT 1

/* One thing that can be started: a step, or its undo. */
struct machine_act {
    const char *uses; /* the kind's name; NULL: there is none (no undo) */
    enum effect_class effect;
    json_t *with;          /* template object, borrowed from the document */
    bool prepares;         /* a second commit, with a checkpoint, before the effect */
    bool probes;           /* it can be asked whether its effect has happened */
    bool runs_child;       /* its effect is a program under a keeper */
    bool child_may_finish; /* a cancel waits for that program before it kills it */
    bool mends;            /* what a dead start left can be put away */
};

struct machine_output {
    const char *name;
    enum value_type type;
    const char *value;      /* `${…}` over the answer; NULL: the kind gives it */
    const json_t *fallback; /* NULL: none */
    bool needed;            /* some later step, or its text, refers to it */
};

struct machine_way {
    int target; /* -1: none */
    int max_visits;
};

struct machine_step {
    const char *id;
    struct machine_act act;
    struct machine_act undo;
    const char *condition; /* NULL: always */
    int guards[LIMIT_GUARDS];
    int guard_count;
    const char *approve; /* NULL: no question */
    bool asks_only;      /* the kind `approve`: the answer is the step */
    int64_t timeout_ms, attempt_timeout_ms, settle_ms;
    int attempts;
    int64_t delay_ms, max_delay_ms;
    double factor, jitter;
    const json_t *on_exit; /* array of exit statuses that are transient */
    struct machine_way next;
    enum on_failure on_failure;
    struct machine_way failure_way;
    /* of general kinds */
    const char *probe_uses;
    const json_t *probe_with;
    const char *probe_done, *probe_in_progress;
    struct machine_output *outputs;
    int output_count;
    bool evaluates_outputs; /* `outputs:` was given */
    const char *until;
    int64_t every_ms, stable_for_ms;
};

struct machine {
    json_t *document; /* owned; everything above borrows from it */
    const char *job;
    const char *lock; /* template; NULL */
    struct machine_step *steps;
    int step_count;
};

/* Compiles a checked job to canonical JSON; free() it. Fails only where a limit is met. */
char *machine_compile(const struct job *job, struct error *error);
/* Reads what machine_compile wrote; ERROR_STORE_CORRUPT where it is not that. machine_free() it. */
struct machine *machine_read(const char *json, struct error *error);
void machine_free(struct machine *machine);
int machine_step_index(const struct machine *machine, const char *id);

#endif
