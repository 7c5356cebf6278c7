/* What people say to a run: approve, reject, resolve, pause, cancel, rollback. Each is a row in the store,
 * which the run's driver takes up. Where nobody drives, cancel and rollback drive the run to their end; the
 * others say so. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/actor.h"
#include "cli/commands.h"
#include "cli/in_flight.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/store_open.h"
#include "cli/word.h"
#include "engine/decide.h"
#include "engine/load.h"

#define ANSWER_LOOK_MS 20
#define ANSWER_LATE_MS 1000 /* then it is said what is waited for */

const struct option_declaration REASON_OPTIONS[] = {{"reason", 0, "TEXT", "why; recorded"},
                                                    {NULL, 0, NULL, NULL}};
const struct option_declaration ROLLBACK_OPTIONS[] = {
    {"reason", 0, "TEXT", "why; recorded"}, {"yes", 'y', NULL, "ask nothing"}, {NULL, 0, NULL, NULL}};
const struct option_declaration RESOLVE_OPTIONS[] = {
    {"done", 0, NULL, "it has happened, or was put right by hand"},
    {"retry", 0, NULL, "it has not happened: start it again"},
    {"output", 0, "NAME=VALUE", "what the step would have given, for later steps"},
    {"reason", 0, "TEXT", "why; recorded"},
    {NULL, 0, NULL, NULL},
};

/* One word of a person, on its way. */
struct word {
    const struct invocation *invocation;
    struct store *store;
    const char *name;
    int64_t run_id;
    json_t *body;
    bool stops; /* the run starts nothing more */
    char *actor;
    struct run *run; /* as it stands */
    struct machine *machine;
};

/* ---- saying it ---- */

static int put_row(struct word *word, int64_t *out_id, struct error *error)
{
    char *body = json_canonical(word->body);
    struct command_row row = {.run = word->run_id,
                              .time_ms = clock_recorded_ms(clock_system()),
                              .name = word->name,
                              .body = body,
                              .actor = word->actor,
                              .uid = getuid()};
    int result = store_put_command(word->store, &row, error);
    *out_id = row.id;
    free(body);
    return result;
}

struct answer_seen {
    bool answered, accepted;
    struct error *error;
};

static int see_answer(void *context, const struct command_row *row)
{
    struct answer_seen *seen = context;
    seen->answered = row->outcome != NULL;
    seen->accepted = row->outcome && !strcmp(row->outcome, "accepted");
    if (seen->answered && !seen->accepted)
        refusal_read(row->answer ? row->answer : "", seen->error);
    return 0;
}

static int keep_driver(void *context, const struct run_row *row)
{
    *(char **)context = string_copy(row->driver);
    return 0;
}

/* The claim of the driver that reads this store, as JSON; NULL: nobody drives the run here. Of a copy, the
 * driver of the original does not count. */
static json_t *read_driver(const struct word *word)
{
    char *text = NULL;
    struct error ignored;
    store_read_run(word->store, word->run_id, keep_driver, &text, &ignored);
    json_t *driver = text && driver_holding(word->store, text) == HOLDING_HERE
                         ? json_read_stored(text, "the record", NULL)
                         : NULL;
    free(text);
    return driver;
}

static bool is_driven(const struct word *word)
{
    json_t *driver = read_driver(word);
    json_decref(driver);
    return driver != NULL;
}

/* One wait for an answer. */
struct waiting {
    json_t *driver;          /* as it was seen last; NULL: nobody drives the run here */
    struct in_flight flight; /* of a rollback, which is answered once the step in hand has been let go */
    int64_t since_ms, limit_ms;
    bool said;
};

static void waiting_begin(const struct word *word, struct waiting *waiting)
{
    *waiting = (struct waiting){.flight = {.at_most_ms = -1},
                                .since_ms = clock_system()->steady_ms(clock_system()),
                                .limit_ms = LIMIT_ANSWER_MS};
    if (strcmp(word->name, "rollback"))
        return;
    in_flight_read(word->store, word->run_id, true, &waiting->flight);
    if (waiting->flight.at_most_ms > 0)
        waiting->limit_ms += waiting->flight.at_most_ms;
}

/* "process 17 on bastion, which drives it," */
static char *driver_named(const struct waiting *waiting)
{
    return string_format("process %lld on %s, which drives it,",
                         (long long)json_int(waiting->driver, "pid", 0),
                         json_text(waiting->driver, "host", "?"));
}

static void say_waiting(const struct word *word, const struct waiting *waiting)
{
    if (word->invocation->json || word->invocation->quiet)
        return;
    if (waiting->flight.step) {
        char *text = in_flight_text(&waiting->flight);
        say(stderr, "run %lld %s\n", (long long)word->run_id, text);
        free(text);
        return;
    }
    char *driver = driver_named(waiting);
    say(stderr, "run %lld: waiting for %s for %d s at most\n", (long long)word->run_id, driver,
        LIMIT_ANSWER_MS / 1000);
    free(driver);
}

/* It lies in the store, and may yet be taken up. */
static int give_up_waiting(const struct word *word, const struct waiting *waiting, struct error *error)
{
    char limit[DURATION_TEXT_SIZE], *driver = driver_named(waiting);
    duration_write(waiting->limit_ms / 1000 * 1000, limit);
    error_set(error, ERROR_DRIVEN, "recorded; but %s has not answered for %s", driver, limit);
    error_next(error,
               "it takes it up when it can%s; where it is stuck: pawl resume %lld --take-over --reason \"…\"",
               waiting->flight.step ? ": what is in flight may not have ended" : "", (long long)word->run_id);
    free(driver);
    return -1;
}

#define NO_ANSWER_YET 2

/* NO_ANSWER_YET, or as wait_for_answer(). */
static int look_for_answer(const struct word *word, int64_t id, struct waiting *waiting, struct error *error)
{
    struct answer_seen seen = {.error = error};
    json_decref(waiting->driver);
    waiting->driver = read_driver(word); /* before the look: an answer given last is seen */
    if (store_read_command(word->store, id, see_answer, &seen, error))
        return -1;
    if (seen.answered)
        return seen.accepted ? 1 : -1;
    return waiting->driver ? NO_ANSWER_YET : 0;
}

/* Until the driver has committed its answer, is gone, or is out of patience. 1: answered, 0: nobody drives
 * any more, -1: refused, or not answered. */
static int wait_for_answer(const struct word *word, int64_t id, struct error *error)
{
    struct waiting waiting;
    int result;
    waiting_begin(word, &waiting);
    while ((result = look_for_answer(word, id, &waiting, error)) == NO_ANSWER_YET) {
        int64_t waited_ms = clock_system()->steady_ms(clock_system()) - waiting.since_ms;
        if (waited_ms >= waiting.limit_ms) {
            result = give_up_waiting(word, &waiting, error);
            break;
        }
        if (waited_ms >= ANSWER_LATE_MS && !waiting.said)
            say_waiting(word, &waiting);
        waiting.said = waited_ms >= ANSWER_LATE_MS;
        nanosleep(&(struct timespec){.tv_nsec = ANSWER_LOOK_MS * 1000000L}, NULL);
    }
    json_decref(waiting.driver);
    in_flight_clear(&waiting.flight);
    return result;
}

static int say_done(const struct word *word, const char *what)
{
    if (word->invocation->json)
        report_json(json_pack("{s:I,s:s,s:s}", "run", (json_int_t)word->run_id, "command", word->name,
                              "outcome", what));
    else if (!word->invocation->quiet)
        say(stdout, "run %lld: %s %s\n", (long long)word->run_id, word->name, what);
    return EXIT_SUCCEEDED;
}

/* Accepted is not done: a run that is to stop may have to wait first. */
static int say_accepted(const struct word *word)
{
    struct in_flight flight = {.at_most_ms = -1};
    if (word->stops)
        in_flight_read(word->store, word->run_id, strcmp(word->name, "pause") != 0, &flight);
    if (!flight.step)
        return say_done(word, "accepted");
    if (word->invocation->json) {
        json_t *limit = flight.at_most_ms < 0 ? json_null() : json_real((double)flight.at_most_ms / 1000);
        report_json(json_pack("{s:I,s:s,s:s,s:{s:s,s:o}}", "run", (json_int_t)word->run_id, "command",
                              word->name, "outcome", "accepted", "in_flight", "step", flight.step, "at_most",
                              limit));
    } else if (!word->invocation->quiet) {
        char *text = in_flight_text(&flight);
        printf("run %lld: %s accepted; it %s\n", (long long)word->run_id, word->name, text);
        free(text);
    }
    in_flight_clear(&flight);
    return EXIT_SUCCEEDED;
}

static int leave_to_resume(const struct word *word)
{
    if (!word->invocation->json)
        fprintf(stderr, "nobody drives run %lld: pawl resume %lld\n", (long long)word->run_id,
                (long long)word->run_id);
    return say_done(word, "recorded");
}

static int keep_status(void *context, const struct run_row *row)
{
    *(char **)context = string_copy(row->status);
    return 0;
}

/* Has the run ended as the word wanted? */
static bool has_ended_so(const struct word *word)
{
    struct error ignored; /* what cannot be seen has not happened */
    char *status = NULL;
    store_read_run(word->store, word->run_id, keep_status, &status, &ignored);
    const char *wanted = !strcmp(word->name, "cancel") ? "cancelled" : "rolled_back";
    bool so = status && !strcmp(status, wanted);
    free(status);
    return so;
}

/* Cancel and rollback do not wait for somebody to come: this process drives the run to their end. */
static int drive_to_end(const struct word *word)
{
    struct session_run one = {.run = word->run_id};
    int status = session_drive(word->invocation, word->store, &one, 1);
    return status == EXIT_FAILED && has_ended_so(word) ? EXIT_SUCCEEDED : status;
}

/* Another driver may take the run up first, and the command with it: then its answer counts. */
static int drive_or_wait(struct word *word, int64_t id)
{
    struct error error = {0};
    int status = drive_to_end(word);
    int answer = status == EXIT_SUCCEEDED ? 0 : wait_for_answer(word, id, &error);
    if (answer < 0)
        return report_error(word->invocation, &error);
    bool drove = status == EXIT_PERSON || status == EXIT_FAILED || status > 128; /* by a signal */
    return answer > 0 && !drove ? say_accepted(word) : status;
}

/* What lies in the store is nothing to one that drives the run itself: it is told what became of its word. */
static int check(const struct word *word, const struct run_command *command, bool drives, struct error *error)
{
    struct text overruled = {0};
    int result = drives ? word_check(word->store, word->run_id, command, error)
                        : word_check_beside_others(word->store, word->run_id, command, &overruled, error);
    if (!result && overruled.length && !word->invocation->json)
        say(stderr, "this overrules %s, which nobody has taken up\n", text_string(&overruled));
    text_clear(&overruled);
    return result;
}

static int speak(struct word *word, bool drives)
{
    struct error error = {0};
    int64_t id;
    const struct run_command command = {.name = word->name, .body = word->body, .actor = word->actor};
    if (!is_driven(word) && check(word, &command, drives, &error))
        return report_error(word->invocation, &error);
    if (put_row(word, &id, &error))
        return report_error(word->invocation, &error);
    int answer = wait_for_answer(word, id, &error);
    if (answer < 0)
        return report_error(word->invocation, &error);
    if (answer > 0)
        return say_accepted(word);
    return drives ? drive_or_wait(word, id) : leave_to_resume(word);
}

/* ---- the commands ---- */

static int word_open(struct word *word, struct invocation *invocation, const char *name, bool wants_reason)
{
    struct error error = {0};
    int status = EXIT_SUCCEEDED;
    *word = (struct word){.invocation = invocation, .name = name, .body = json_object()};
    word->stops = command_closes_gate(name);
    const char *reason = invocation_value(invocation, "reason");
    word->run_id = invocation_run(invocation, 0, &error);
    if (!word->run_id)
        return report_error(invocation, &error);
    if (wants_reason && invocation_need_reason(invocation, &error))
        return report_error(invocation, &error);
    if (reason)
        json_object_set_new(word->body, "reason", json_string(reason));
    if (!(word->store = invocation_store(invocation, STORE_WRITE, &status)))
        return status;
    word->actor = actor_read();
    word->run = run_open(word->store, word->run_id, &word->machine, &error);
    return word->run ? 0 : report_error(invocation, &error);
}

static void word_close(struct word *word)
{
    run_free(word->run);
    machine_free(word->machine);
    store_close(word->store);
    json_decref(word->body);
    free(word->actor);
}

/* The step that is meant, and the question that the person has seen. */
static void name_step(struct word *word, const char *step)
{
    assert(word->run); /* word_open has read it */
    json_object_set_new(word->body, "step", json_string(step));
    const char *asked = json_text(word->run->question, "step", "");
    if (strcmp(asked, step))
        return;
    json_object_set(word->body, "question", json_object_get(word->run->question, "digest"));
    json_object_set(word->body, "visit", json_object_get(word->run->question, "visit"));
}

static int say_plainly(struct invocation *invocation, const char *name, bool wants_reason, bool drives)
{
    struct word word;
    int status = word_open(&word, invocation, name, wants_reason);
    if (!status) {
        if (invocation->argument_count > 1)
            name_step(&word, invocation->arguments[1]);
        status = speak(&word, drives);
    }
    word_close(&word);
    return status;
}

int command_approve(struct invocation *invocation)
{
    return say_plainly(invocation, "approve", false, false);
}

int command_reject(struct invocation *invocation)
{
    return say_plainly(invocation, "reject", true, false);
}

int command_pause(struct invocation *invocation)
{
    return say_plainly(invocation, "pause", false, false);
}

int command_cancel(struct invocation *invocation)
{
    return say_plainly(invocation, "cancel", true, true);
}

static int read_outputs(const struct invocation *invocation, json_t *outputs, struct error *error)
{
    for (int i = 0; i < invocation->option_count; i++) {
        const struct given_option *option = &invocation->options[i];
        char *name;
        const char *value;
        if (strcmp(option->name, "output"))
            continue;
        if (option_split(option, &name, &value, error))
            return -1;
        json_object_set_new(outputs, name, json_string(value));
        free(name);
    }
    return 0;
}

int command_resolve(struct invocation *invocation)
{
    struct error error = {0};
    bool done = invocation_has(invocation, "done"), retry = invocation_has(invocation, "retry");
    if (done == retry) {
        error_set(&error, ERROR_USAGE, "resolve: %s",
                  done ? "both --done and --retry" : "neither --done nor --retry");
        error_next(&error, "--done: it has happened; --retry: it has not, and is done again");
        return report_error(invocation, &error);
    }
    struct word word;
    int status = word_open(&word, invocation, "resolve", true);
    if (!status) {
        json_t *outputs = json_object();
        name_step(&word, invocation->arguments[1]);
        json_object_set_new(word.body, "how", json_string(done ? "done" : "retry"));
        json_object_set_new(word.body, "outputs", outputs);
        status = read_outputs(invocation, outputs, &error) ? report_error(invocation, &error)
                                                           : speak(&word, false);
    }
    word_close(&word);
    return status;
}

/* "undo upgrade, edit?": just what the rollback will go by. */
static bool confirm_rollback(const struct word *word)
{
    assert(word->machine && word->run); /* word_open has read them */
    struct text text = {0};
    text_format(&text, "roll back run %lld:", (long long)word->run_id);
    json_t *order = run_undo_order(word->run), *id;
    size_t index;
    json_array_foreach(order, index, id)
    {
        int step = machine_step_index(word->machine, json_string_value(id));
        bool can = word->machine->steps[step].undo.uses != NULL;
        text_format(&text, "\n  %-12s %s", json_string_value(id),
                    can ? "is undone" : "CANNOT be undone: it stops there, with no way forward");
    }
    json_decref(order);
    text_add(&text, "\ngo on?");
    bool yes = session_confirm(word->invocation, text_string(&text));
    text_clear(&text);
    return yes;
}

/* A rollback never goes forward again: where it can only stop, it is not begun unless somebody has been told.
 */
static int check_way_back(const struct word *word, struct error *error)
{
    assert(word->machine && word->run); /* word_open has read them */
    const struct run *run = word->run;
    bool begins = !run_is_ended(run) && !run->undoing && !run->cancelling;
    int stop = begins ? run_rollback_stop(run) : -1;
    if (stop < 0 || person_is_there(word->invocation) || invocation_has(word->invocation, "yes"))
        return 0;
    const struct machine_step *step = &word->machine->steps[stop];
    long long id = word->run_id;
    error_set(
        error, ERROR_NOT_ALLOWED_NOW,
        "\"%s\" (%s) has been done and cannot be undone: a rollback would stop there, with no way forward "
        "any more",
        step->id, step->act.uses);
    return error_next(error,
                      "pawl resume %lld goes on, pawl cancel %lld --reason \"…\" leaves it as it is; "
                      "to roll back all the same, and undo \"%s\" by hand: add --yes",
                      id, id, step->id);
}

int command_rollback(struct invocation *invocation)
{
    struct error error = {0};
    struct word word;
    int status = word_open(&word, invocation, "rollback", true);
    if (!status) {
        if (check_way_back(&word, &error)) {
            status = report_error(invocation, &error);
        } else if (confirm_rollback(&word)) {
            status = speak(&word, true);
        } else {
            fputs("pawl: nothing was recorded\n", stderr);
            status = EXIT_USAGE;
        }
    }
    word_close(&word);
    return status;
}
