/* Events: what a run's history is made of. An event says what happened, and where that leads; it never leaves
 * a decision to the fold (run.h). One table names them all. */
#ifndef PAWL_ENGINE_EVENT_H
#define PAWL_ENGINE_EVENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The reason in a rollback_started that no person began, but the policy of the step that failed. */
#define ROLLBACK_BY_POLICY "on_failure: rollback"

/* Those of a step are about the step in hand, and name it. */
#define EVENT_TYPES(X)                                                                                       \
    X(RUN_SUBMITTED, "run_submitted", OF_RUN)                                                                \
    X(RUN_CLAIMED, "run_claimed", OF_RUN)                                                                    \
    X(LOCK_ACQUIRED, "lock_acquired", OF_RUN)                                                                \
    X(LOCK_RELEASED, "lock_released", OF_RUN)                                                                \
    X(STEP_STARTED, "step_started", OF_STEP)                                                                 \
    X(STEP_PREPARED, "step_prepared", OF_STEP)                                                               \
    X(STEP_CHECKPOINT, "step_checkpoint", OF_STEP)                                                           \
    X(STEP_SUCCEEDED, "step_succeeded", OF_STEP)                                                             \
    X(STEP_FAILED, "step_failed", OF_STEP)                                                                   \
    X(STEP_RETRY_SCHEDULED, "step_retry_scheduled", OF_STEP)                                                 \
    X(STEP_SKIPPED, "step_skipped", OF_STEP)                                                                 \
    X(STEP_INTERRUPTED, "step_interrupted", OF_RUN)                                                          \
    X(STEP_PROBED, "step_probed", OF_STEP)                                                                   \
    X(GUARD_ASKED, "guard_asked", OF_STEP)                                                                   \
    X(RECORD_REMOVED, "record_removed", OF_STEP)                                                             \
    X(APPROVAL_REQUESTED, "approval_requested", OF_STEP)                                                     \
    X(APPROVED, "approved", OF_STEP)                                                                         \
    X(REJECTED, "rejected", OF_STEP)                                                                         \
    X(DECISION_REQUESTED, "decision_requested", OF_STEP)                                                     \
    X(RESOLVED, "resolved", OF_STEP)                                                                         \
    X(PAUSED, "paused", OF_RUN)                                                                              \
    X(RESUMED, "resumed", OF_RUN)                                                                            \
    X(CANCEL_REQUESTED, "cancel_requested", OF_RUN)                                                          \
    X(ROLLBACK_STARTED, "rollback_started", OF_RUN)                                                          \
    X(UNDO_STARTED, "undo_started", OF_STEP)                                                                 \
    X(STEP_UNDONE, "step_undone", OF_STEP)                                                                   \
    X(UNDO_FAILED, "undo_failed", OF_STEP)                                                                   \
    X(RUN_SUCCEEDED, "run_succeeded", OF_RUN)                                                                \
    X(RUN_FAILED, "run_failed", OF_RUN)                                                                      \
    X(RUN_CANCELLED, "run_cancelled", OF_RUN)                                                                \
    X(RUN_ROLLED_BACK, "run_rolled_back", OF_RUN)                                                            \
    X(COMMAND_REFUSED, "command_refused", OF_RUN)

enum event_type {
#define X(name, text, of) EVENT_##name,
    EVENT_TYPES(X)
#undef X
        EVENT_TYPE_COUNT
};

struct event {
    enum event_type type;
    int step; /* index in the machine; -1: of the run */
    int visit, attempt;
    int64_t time_ms; /* wall */
    int64_t epoch;
    const char *actor; /* borrowed */
    json_t *body;      /* owned: event_clear() */
};

const char *event_type_text(enum event_type type);
/* EVENT_TYPE_COUNT where the text names none. */
enum event_type event_type_read(const char *text);
/* Whether it is about the step in hand, and names it. */
bool event_is_of_step(enum event_type type);
/* What moves nothing: it may stand behind the end, and whoever says it may have let the run go before. */
bool event_is_aside(enum event_type type);
void event_clear(struct event *event);
/* An error as records keep it: {"code","message","next"}; a new reference. */
json_t *error_json(const struct error *error);

#endif
