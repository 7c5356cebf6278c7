/* The machines that are explored: every step is a choice of one value for each policy; a machine is a list of
 * them. What no job file can say (a guard on a step that asks a person) falls back to the nearest that one
 * can. */
#ifndef PAWL_TESTS_EXPLORATION_POLICY_H
#define PAWL_TESTS_EXPLORATION_POLICY_H

#include <stdbool.h>

#include "base/text.h"
#include "engine/machine.h"

#define STEPS_MOST     4
#define VALUES_MOST    6
#define SETTLE_MS      20000
#define RETRY_DELAY_MS 10000
#define TIMEOUT_MS     3600000
#define ATTEMPT_MS     600000
#define VISITS_MOST    2

/* name, then its values; the first one is what a step has that says nothing. */
#define POLICIES(X)                                                                                          \
    X(EFFECT, "observe", "converge", "once")                                                                 \
    X(PROBE, "", "probe")                                                                                    \
    X(BEFORE, "", "prepare", "child", "child-may-finish")                                                    \
    X(GUARD, "", "guard")                                                                                    \
    X(ASK, "", "approve", "asks-only")                                                                       \
    X(FAILURE, "", "continue", "rollback", "goto")                                                           \
    X(RETRY, "", "retry", "retry-timeout")                                                                   \
    X(TIMEOUT, "", "timeout")                                                                                \
    X(CONDITION, "", "if", "broken-if")                                                                      \
    X(UNDO, "", "undo-converge", "undo-once-probe", "undo-once", "undo-child", "own-undo")                   \
    X(OUTPUT, "", "needed-output")                                                                           \
    X(MEND, "", "mends")                                                                                     \
    X(NEXT, "", "next-back")
enum policy {
#define X(name, ...) POLICY_##name,
    POLICIES(X)
#undef X
        POLICY_COUNT
};

struct recipe {
    int steps;
    bool lock;
    unsigned char values[STEPS_MOST][POLICY_COUNT];
};

int policy_value_count(enum policy policy);
/* Replaces combinations that cannot be by their nearest. */
void recipe_settle(struct recipe *recipe);
/* Whether there is nothing to replace. */
bool recipe_is_settled(const struct recipe *recipe);
/* Whether a step of it runs a program, under a keeper. */
bool recipe_has_child(const struct recipe *recipe);
/* Whether a failure rolls back what must never be repeated. */
bool recipe_undoes_once(const struct recipe *recipe);
/* The machine, read from JSON as a stored one is; machine_free() it. */
struct machine *recipe_machine(const struct recipe *recipe);
/* In words, one line. */
void recipe_print(const struct recipe *recipe, struct text *out);

/* Rows of a covering array: every two values of two factors stand together in some row. Deterministic.
 * Returns the count; *out_rows is the caller's, `count` rows of `factors` values. */
int covering_rows(const int *value_counts, int factors, unsigned char **out_rows);

#endif
