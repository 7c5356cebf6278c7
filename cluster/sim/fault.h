/* Faults that a test scripts into a simulated cluster with `pawl sim fault FILE KIND key=value…`.
 *
 * Two sorts. Things that happen to the cluster: at once, `in=DURATION` from now, or `on=EFFECT` (with
 * count=N: the N-th from now; with delay=DURATION after it). And troubles of requests, consumed in the order
 * in which they were scripted: skip=N lets N matching ones pass, times=N meets N (1; 0: for ever). */
#ifndef PAWL_CLUSTER_SIM_FAULT_H
#define PAWL_CLUSTER_SIM_FAULT_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "cluster/sim/world.h"

struct fault_kind {
    const char *name;
    const char *keys; /* "pod|for": what it takes besides in, on, count, delay; a "!" behind: required */
    const char *help;
    /* NULL: it troubles requests */
    int (*happen)(struct world *, const json_t *keys, struct error *);
};

/* All of them, ended by a NULL name; for `pawl help sim fault`. */
extern const struct fault_kind fault_kinds[];

/* Scripts one; `words` as on the command line. */
int fault_add(struct world *world, const char *const *words, int count, struct error *error);

/* Lets happen what is due. True where something did. */
bool faults_step(struct world *world);
int64_t faults_due_ms(const struct world *world);

/* What somebody has scripted and has not happened so far, not even once where it meets every request: an
 * array of texts, as on the command line. A new reference. */
json_t *faults_pending(const struct world *world);

/* The trouble that this request meets, consumed; borrowed until the call ends; NULL: none. `arguments` are
 * an exec's command, else NULL. */
const json_t *fault_take(struct world *world, const char *verb, const char *resource, const char *name,
                         const json_t *arguments);
/* What is scripted for the end of this phase of helm's upgrade, consumed: "kill", "hang", "fail", "lie"; "":
 * nothing. */
const char *fault_take_phase(struct world *world, const char *phase);
/* Its code: "500", "cut", "timeout" … */
const char *fault_code(const json_t *fault);
/* Does the effect happen all the same? */
bool fault_has_effect(const json_t *fault);
/* Fills the error as the live cluster would for such an answer; returns -1. */
int fault_error(const json_t *fault, const char *what, struct error *error);
/* Is the verb denied by a `deny`? */
bool fault_denies(const struct world *world, const char *verb, const char *resource);
/* Something that happens later: {"do": KIND, …}, stolen. */
void fault_schedule(struct world *world, json_t *entry, int64_t at_ms);

#endif
