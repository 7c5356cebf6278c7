/* The events that decisions make: each function records one thing and says where it leads. Private to the
 * machine (command.c, then.c, answered.c). */
#ifndef PAWL_ENGINE_EMIT_H
#define PAWL_ENGINE_EMIT_H

#include "engine/decide.h"

/* One decision in the making. */
struct deciding {
    struct run *run;
    struct live *live;
    const struct stimulus *stimulus;
    struct decision *decision;
    const char *actor; /* of the events: the driver's, or a person's */
};

/* Records an event (body is taken over) and folds it. */
void emit(struct deciding *d, enum event_type type, int step, json_t *body);

/* Starts the step in hand or its undo; evaluates what it needs. Fails the step where that cannot be. */
void emit_start(struct deciding *d);
/* Success with these outputs (borrowed), by = "body", "probe", "person" …; goes on to what follows. */
void emit_success(struct deciding *d, const json_t *outputs, const char *by, const char *summary);
/* Failure: a retry where `transient` and attempts are left, else what on_failure says. */
void emit_failure(struct deciding *d, const struct error *error, bool transient, bool acted);
/* Fails the run at the step in hand. */
void emit_run_failed(struct deciding *d, const struct error *error);
/* The same where the step has failed already: with the error that it recorded. */
void emit_run_failed_with_step(struct deciding *d);
void emit_decision(struct deciding *d, const struct error *error);
void emit_approval(struct deciding *d);
void emit_skip(struct deciding *d);
void emit_undone(struct deciding *d, const char *by);
void emit_rollback(struct deciding *d, const char *reason);
/* The end of a run, and of its lock. */
void emit_end(struct deciding *d, enum event_type type, json_t *body);
/* What a probe has answered, which while a run rolls back asks for the undo or still for the step
 * (live.asks_undo). Adds the visit's time, as does the next. */
void emit_probed(struct deciding *d, const char *answer, bool again);
/* What is known of the act in hand without asking a probe. */
void emit_probed_unasked(struct deciding *d, const char *answer, bool again, const char *why);

/* Inputs of the act in hand: the recorded ones of this visit, or evaluated now (kept in live). NULL with the
 * error filled. Borrowed. */
const json_t *inputs_in_hand(struct deciding *d, struct error *error);
/* Does a success lack an output that a later step needs? Fills in defaults; a new reference. */
json_t *complete_outputs(const struct machine_step *step, const json_t *outputs, const char **missing);
/* Whether the record takes them (LIMIT_OUTPUTS_BYTES); else false, and the error says how large they are. */
bool outputs_fit(const json_t *outputs, struct error *error);
bool step_is_timed(const struct run *run);
/* Adds the time that has passed to a step event's body, and accounts for it. */
void add_time(struct deciding *d, json_t *body);

static inline const struct machine_step *step_in_hand(const struct deciding *d)
{
    return &d->run->machine->steps[d->run->step];
}

#endif
