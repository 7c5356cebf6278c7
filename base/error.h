/* What went wrong, in one small struct: filled where the cause is known, passed up unchanged or with context
 * in front, printed in one place (cli/report.c).
 *
 * Functions that can fail take a `struct error *` last and return 0, or -1 with the error filled. The codes
 * are one table; each carries the exit status that the command line leaves with. */
#ifndef PAWL_BASE_ERROR_H
#define PAWL_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

/* X(NAME, text in JSON and history, exit status, transient: a retry may help) */
#define ERROR_CODES(X)                                                                                       \
    X(NONE, "none", 0, false)                                                                                \
    X(USAGE, "usage", 2, false)                                                                              \
    X(JOB_INVALID, "job_invalid", 2, false)                                                                  \
    X(PARAM_INVALID, "param_invalid", 2, false)                                                              \
    X(NOT_FOUND, "not_found", 2, false)                                                                      \
    X(NOT_ALLOWED_NOW, "not_allowed_now", 2, false) /* the run's state does not admit the command */         \
    X(LOCKED, "locked", 4, false)                                                                            \
    X(DRIVEN, "driven", 4, false) /* another driver is alive */                                              \
    X(SYSTEM, "system", 5, false)                                                                            \
    X(STORE, "store", 5, false)                                                                              \
    X(STORE_CORRUPT, "store_corrupt", 5, false)                                                              \
    X(STORE_TOO_NEW, "store_too_new", 5, false)                                                              \
    X(FENCED, "fenced", 4, false) /* another driver has claimed the run since */                             \
    X(EXPRESSION, "expression", 1, false)                                                                    \
    X(LIMIT, "limit", 1, false)                                                                              \
    X(CLUSTER_UNREACHABLE, "cluster_unreachable", 5, true)                                                   \
    X(CLUSTER_BUSY, "cluster_busy", 5, true)          /* 429, 5xx */                                         \
    X(CLUSTER_DENIED, "cluster_denied", 5, false)     /* 401, 403 */                                         \
    X(CLUSTER_CONFLICT, "cluster_conflict", 5, false) /* 409: a precondition did not hold */                 \
    X(CLUSTER_ANSWER, "cluster_answer", 5, false)     /* malformed or unexpected */                          \
    X(CLUSTER_OTHER, "cluster_other", 5, false)       /* another cluster than recorded */                    \
    X(EXEC_BROKEN, "exec_broken", 5, false) /* the connection ended without a status: outcome unknown */     \
    X(REFUSED, "refused", 1, false)         /* a rule of the domain says no */                               \
    X(NOT_YET, "not_yet", 1, true)          /* what a step waits for is not so yet */                        \
    X(TIMEOUT, "timeout", 1, false)                                                                          \
    X(EXIT_STATUS, "exit_status", 1, false) /* a program left with a non-zero status */                      \
    X(HELM, "helm", 1, false)                                                                                \
    X(HELM_PENDING, "helm_pending", 1, false) /* somebody else's pending record */                           \
    X(HELM_CHANGED, "helm_changed", 1, false) /* the release moved under us */                               \
    X(PODS_NOT_READY, "pods_not_ready", 1, true)                                                             \
    X(REJECTED, "rejected", 1, false)                                                                        \
    X(MAX_VISITS, "max_visits", 1, false)                                                                    \
    X(GUARD, "guard", 1, false)                                                                              \
    X(ASSERTION, "assertion", 1, false)                                                                      \
    X(CANNOT_UNDO, "cannot_undo", 1, false)

enum error_code {
#define X(name, text, status, transient) ERROR_##name,
    ERROR_CODES(X)
#undef X
};

struct error {
    enum error_code code;
    char message[1024]; /* what and where; cut with "…" where longer */
    char next[512];     /* what to do next; may be empty */
};

/* Fills *error and returns -1, so that a function can `return error_set(…)`. A NULL error is fine. */
int error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Says what to do next; returns -1. */
int error_next(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "context: " in front of the message; returns -1. */
int error_context(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* error_set with ": strerror(errno)" behind the message, and what to do about a full disk, a limit and the
 * like. */
int error_set_errno(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Who compiles or analyses one file sees here, too, that these are always -1. */
static inline int error_minus_one(int minus_one)
{
    (void)minus_one;
    return -1;
}
#define error_set(...)       error_minus_one(error_set(__VA_ARGS__))
#define error_next(...)      error_minus_one(error_next(__VA_ARGS__))
#define error_context(...)   error_minus_one(error_context(__VA_ARGS__))
#define error_set_errno(...) error_minus_one(error_set_errno(__VA_ARGS__))

const char *error_code_text(enum error_code code);
int error_exit_status(enum error_code code);
bool error_is_transient(enum error_code code);

#endif
