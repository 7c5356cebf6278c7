/* What people say to a run: one row a command. A command that no longer fits is refused, and says why. */
#include <string.h>

#include "base/json.h"
#include "engine/emit.h"
#include "engine/table.h"
#include "jobs/param.h"

typedef enum command_outcome obey(struct deciding *d, const struct run_command *command, struct error *error);

static enum command_outcome refuse(struct error *error, const char *why)
{
    error_set(error, ERROR_NOT_ALLOWED_NOW, "%s", why);
    return COMMAND_REFUSED;
}

/* Whoever came first has answered the question: how, and what can be said now. */
static void say_answered(const struct deciding *d, const struct run_command *command, struct error *error)
{
    const struct run *run = d->run;
    const json_t *found = run->steps[run->step].error;
    long long id = run->id;
    bool rejected = !strcmp(json_text(found, "code", ""), error_code_text(ERROR_REJECTED));
    if (run->place == PLACE_STOPPED && rejected)
        error_set(error, ERROR_NOT_ALLOWED_NOW, "it was %s", json_text(found, "message", "rejected"));
    else
        error_set(error, ERROR_NOT_ALLOWED_NOW, "the question of step \"%s\" has been answered before",
                  step_in_hand(d)->id);
    if (!strcmp(command->name, "reject") && run->place != PLACE_STOPPED)
        error_next(error, "to stop what goes on: pawl pause %lld, or pawl cancel %lld --reason \"…\"", id,
                   id);
}

/* An answer must fit the question that stands now: its step, its visit, its text. */
static bool fits_question(const struct deciding *d, const struct run_command *command, struct error *error)
{
    const struct run *run = d->run;
    const char *step = json_text(command->body, "step", "");
    if (!run_has_step(run, step, error))
        return false;
    if (run->step < 0 || strcmp(step, step_in_hand(d)->id)) {
        error_set(error, ERROR_NOT_ALLOWED_NOW, "run %lld is not at step \"%s\" but at \"%s\"",
                  (long long)run->id, step, run->step < 0 ? "its end" : step_in_hand(d)->id);
        error_next(error, "pawl status %lld says what it waits for", (long long)run->id);
        return false;
    }
    const char *digest = json_text(command->body, "question", NULL);
    const char *stands = json_text(run->question, "digest", NULL);
    if (digest && !stands) {
        say_answered(d, command, error);
        return false;
    }
    if (digest && stands && strcmp(digest, stands)) {
        error_set(error, ERROR_NOT_ALLOWED_NOW, "the question has changed since: step \"%s\" now asks: %s",
                  step, json_text(run->question, "text", ""));
        return false;
    }
    int64_t visit = json_int(command->body, "visit", run->steps[run->step].visit);
    if (visit != run->steps[run->step].visit) {
        error_set(error, ERROR_NOT_ALLOWED_NOW,
                  "step \"%s\" has been entered again since (visit %d, not %lld)", step,
                  run->steps[run->step].visit, (long long)visit);
        return false;
    }
    return true;
}

static json_t *reason_body(const struct run_command *command)
{
    json_t *body = json_object();
    json_t *reason = json_object_get(command->body, "reason");
    if (reason)
        json_object_set(body, "reason", reason);
    return body;
}

static bool waits_for_approval(const struct deciding *d, const struct run_command *command,
                               struct error *error)
{
    if (!fits_question(d, command, error))
        return false;
    bool ends = d->run->cancelling || d->live->ending == ENDING_ROLLBACK;
    if (d->run->place == PLACE_APPROVAL && !ends)
        return true;
    error_set(error, ERROR_NOT_ALLOWED_NOW, "%s",
              d->run->cancelling ? "it is being cancelled"
              : ends             ? "it is being rolled back"
                                 : "it does not wait for an approval");
    if (!ends)
        error_next(error, "pawl status %lld says what it waits for", (long long)d->run->id);
    return false;
}

static enum command_outcome approve(struct deciding *d, const struct run_command *command,
                                    struct error *error)
{
    if (!waits_for_approval(d, command, error))
        return COMMAND_REFUSED;
    json_t *body = reason_body(command);
    json_object_set(body, "question", json_object_get(d->run->question, "digest"));
    if (json_bool(command->body, "by_option", false))
        json_object_set_new(body, "by_option", json_string("--yes"));
    emit(d, EVENT_APPROVED, d->run->step, body);
    if (step_in_hand(d)->asks_only) {
        json_t *outputs = json_pack("{s:s,s:s}", "by", command->actor, "reason",
                                    json_text(command->body, "reason", ""));
        emit_success(d, outputs, "person", NULL);
        json_decref(outputs);
    }
    return COMMAND_ACCEPTED;
}

static enum command_outcome reject(struct deciding *d, const struct run_command *command, struct error *error)
{
    if (!waits_for_approval(d, command, error))
        return COMMAND_REFUSED;
    struct error rejection;
    error_set(&rejection, ERROR_REJECTED, "rejected by %s: %s", command->actor,
              json_text(command->body, "reason", "no reason given"));
    json_t *body = reason_body(command);
    json_object_set_new(body, "error", error_json(&rejection));
    bool back = step_in_hand(d)->on_failure == ON_FAILURE_ROLLBACK;
    emit(d, EVENT_REJECTED, d->run->step, body);
    if (back)
        emit_rollback(d, rejection.message);
    else
        emit_run_failed(d, &rejection);
    return COMMAND_ACCEPTED;
}

/* The outputs that a person gives: known names, the declared types, all that later steps need. */
static json_t *read_outputs(const struct deciding *d, const struct run_command *command, struct error *error)
{
    const struct machine_step *step = step_in_hand(d);
    json_t *given = json_object_get(command->body, "outputs");
    json_t *outputs = json_object();
    const char *name, *missing;
    json_t *value;
    json_object_foreach(given, name, value)
    {
        const struct machine_output *declared = NULL;
        for (int i = 0; i < step->output_count; i++)
            if (!strcmp(step->outputs[i].name, name))
                declared = &step->outputs[i];
        if (!declared)
            error_set(error, ERROR_PARAM_INVALID, "step \"%s\" has no output \"%s\"", step->id, name);
        json_t *read = NULL;
        if (declared && json_is_string(value))
            read = value_read(declared->type, name, json_string_value(value), "/", error);
        else if (declared)
            read = value_conform(declared->type, name, value, "/", error);
        if (!read) {
            json_decref(outputs);
            return NULL;
        }
        json_object_set_new(outputs, name, read);
    }
    json_t *whole = complete_outputs(step, outputs, &missing);
    json_decref(outputs);
    if (!outputs_fit(whole, error)) {
        json_decref(whole);
        return NULL;
    }
    if (!missing || d->run->undoing)
        return whole;
    json_decref(whole);
    error_set(error, ERROR_PARAM_INVALID, "later steps need the output \"%s\" of \"%s\"", missing, step->id);
    error_next(error, "add --output %s=VALUE", missing);
    return NULL;
}

/* In a rollback a --retry runs the undo. */
static enum command_outcome refuse_retry_of_no_undo(const struct deciding *d, struct error *error)
{
    const char *step = step_in_hand(d)->id;
    error_set(error, ERROR_NOT_ALLOWED_NOW, "the run rolls back, and \"%s\" has no undo that could be run",
              step);
    error_next(error, "undo by hand what is left of it, then: pawl resolve %lld %s --done --reason \"…\"",
               (long long)d->run->id, step);
    return COMMAND_REFUSED;
}

static enum command_outcome resolve(struct deciding *d, const struct run_command *command,
                                    struct error *error)
{
    struct run *run = d->run;
    if (!fits_question(d, command, error))
        return COMMAND_REFUSED;
    bool standing = run->place == PLACE_UNKNOWN || run->place == PLACE_STOPPED ||
                    run->place == PLACE_APPROVAL || (run->place == PLACE_ENTER && run->paused);
    /* A probe that is out would come back to whatever is in hand then. */
    if (!standing || d->live->out != ORDER_NOTHING) {
        refuse(error, "the step is under way; a person decides about one that is unknown, failed or pending");
        error_next(error, "pawl resume %lld goes on with it where nobody drives it; pawl cancel %lld ends it",
                   (long long)run->id, (long long)run->id);
        return COMMAND_REFUSED;
    }
    if (child_lives(d)) /* seen again, after a driver elsewhere had asked about it */
        return refuse(error, "its program is running here: decide when it has ended; a cancel or a rollback "
                             "would stop it");
    const char *how = json_text(command->body, "how", "");
    if (run->undoing && !strcmp(how, "retry") && !machine_act_in_hand(run)->uses)
        return refuse_retry_of_no_undo(d, error);
    json_t *outputs = NULL;
    if (!strcmp(how, "done") && !(outputs = read_outputs(d, command, error)))
        return COMMAND_REFUSED;
    if (keeper_is_elsewhere(d)) /* a person answers for its end: nobody here has seen it */
        d->live->act_ended_ms = d->live->now_ms;
    json_t *body = reason_body(command);
    json_object_set_new(body, "how", json_string(how));
    emit(d, EVENT_RESOLVED, run->step, body);
    if (outputs)
        emit_success(d, outputs, "person", NULL);
    json_decref(outputs);
    return COMMAND_ACCEPTED;
}

/* Where the effect has begun already, the run waits for what is in flight, and the event says so. */
static void say_in_flight(const struct deciding *d, json_t *body)
{
    const struct live *live = d->live;
    if (live->effect_begun && (live->out == ORDER_APPLY || (live->fresh && live->acting)))
        json_object_set_new(body, "in_flight", json_string(step_in_hand(d)->id));
}

static enum command_outcome pause(struct deciding *d, const struct run_command *command, struct error *error)
{
    if (d->run->paused)
        return refuse(error, "it is paused already");
    if (d->run->place == PLACE_STOPPED)
        return refuse(error, "it has failed: there is nothing to pause");
    if (d->run->cancelling)
        return refuse(error, "it is being cancelled");
    json_t *body = reason_body(command);
    say_in_flight(d, body);
    emit(d, EVENT_PAUSED, -1, body);
    return COMMAND_ACCEPTED;
}

static enum command_outcome cancel(struct deciding *d, const struct run_command *command, struct error *error)
{
    if (d->run->cancelling)
        return refuse(error, "it is being cancelled already");
    json_t *body = reason_body(command);
    say_in_flight(d, body);
    emit(d, EVENT_CANCEL_REQUESTED, -1, body);
    return COMMAND_ACCEPTED;
}

static void remember_ending(struct deciding *d, enum ending ending, const struct run_command *command)
{
    d->live->ending = ending;
    json_decref(d->live->ending_body);
    d->live->ending_body = json_deep_copy(command->body);
    json_object_set_new(d->live->ending_body, "actor", json_string(command->actor));
}

static enum command_outcome rollback(struct deciding *d, const struct run_command *command,
                                     struct error *error)
{
    if (d->run->undoing || d->live->ending == ENDING_ROLLBACK)
        return refuse(error, "it is being rolled back already");
    if (d->run->cancelling)
        return refuse(error, "it is being cancelled");
    if (d->run->step >= 0) {
        remember_ending(d, ENDING_ROLLBACK, command);
        return COMMAND_DEFERRED;
    }
    emit_rollback(d, json_text(command->body, "reason", ""));
    return COMMAND_ACCEPTED;
}

static enum command_outcome refuse_way_forward(const struct run *run, struct error *error)
{
    refuse(error, "it rolls back: --from is not possible any more");
    error_next(
        error,
        "pawl resume %lld goes on with what is left to undo; pawl cancel %lld --reason \"…\" leaves it as "
        "it is",
        (long long)run->id, (long long)run->id);
    return COMMAND_REFUSED;
}

/* A person's resume: of a failed run, of a paused one, from an earlier step. */
static enum command_outcome resume(struct deciding *d, const struct run_command *command, struct error *error)
{
    struct run *run = d->run;
    const char *from = json_text(command->body, "from", NULL);
    if (from && run->undoing)
        return refuse_way_forward(run, error);
    int target = from ? machine_step_index(run->machine, from) : -1;
    if (from && !run_has_step(run, from, error))
        return COMMAND_REFUSED;
    if (from && !run->steps[target].visit) {
        error_set(error, ERROR_NOT_FOUND, "run %lld has not entered step \"%s\"", (long long)run->id, from);
        error_next(error, "--from takes a step that it has entered: pawl status %lld", (long long)run->id);
        return COMMAND_REFUSED;
    }
    if (run->place == PLACE_STOPPED || run->paused) {
        json_t *body = reason_body(command);
        json_t *used_up = json_object_get(run->error, "used_up");
        if (used_up && run->place == PLACE_STOPPED)
            json_object_set(body, "allow", used_up);
        emit(d, EVENT_RESUMED, -1, body);
    }
    if (from)
        remember_ending(d, ENDING_FROM, command);
    return from ? COMMAND_DEFERRED : COMMAND_ACCEPTED;
}

static const struct {
    const char *name;
    obey *obey;
    bool closes_gate; /* what it stops must not send any more once it is recorded */
    enum command_rank rank;
} COMMANDS[] = {
    {"approve", approve, false, RANK_GOES_ON}, {"reject", reject, false, RANK_STOPS},
    {"resolve", resolve, false, RANK_GOES_ON}, /* with --done it settles */
    {"pause", pause, true, RANK_STOPS},        {"cancel", cancel, true, RANK_STOPS},
    {"resume", resume, false, RANK_GOES_ON},   {"rollback", rollback, true, RANK_STOPS},
};
#define COMMAND_COUNT (sizeof COMMANDS / sizeof *COMMANDS)

bool command_closes_gate(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(COMMANDS[i].name, name))
            return COMMANDS[i].closes_gate;
    return false;
}

enum command_rank command_rank(const struct run_command *command)
{
    if (!strcmp(json_text(command->body, "how", ""), "done")) /* nothing is started for it */
        return RANK_SETTLES;
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(COMMANDS[i].name, command->name))
            return COMMANDS[i].rank;
    return RANK_GOES_ON;
}

enum command_outcome machine_command(struct run *run, struct live *live, const struct run_command *command,
                                     struct decision *decision, struct error *error)
{
    struct deciding d = {.run = run, .live = live, .decision = decision, .actor = command->actor};
    if (run_is_ended(run)) {
        error_set(error, ERROR_NOT_ALLOWED_NOW, "run %lld has ended: %s", (long long)run->id,
                  run_status_words(run->status));
        error_next(error, "pawl history %lld tells how", (long long)run->id);
        return COMMAND_REFUSED;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(COMMANDS[i].name, command->name))
            return COMMANDS[i].obey(&d, command, error);
    error_set(error, ERROR_STORE_CORRUPT, "there is no command \"%s\"", command->name);
    return COMMAND_REFUSED;
}
