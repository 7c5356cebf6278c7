#include "cli/standing.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/advice.h"
#include "cli/command.h"
#include "cli/last_output.h"
#include "cli/report.h"
#include "cli/run_view.h"
#include "cli/word.h"
#include "engine/driver.h"
#include "engine/event.h"
#include "engine/load.h"

/* ---- reading ---- */

struct reading {
    struct store *store;
    struct standing *standing;
    json_t *steps, *recorded;
    int64_t began_ms, finished_ms, newest_seq;
    char *failed_step, *failed_message; /* of the newest failure */
    json_t *reason;
};

static int see_run(void *context, const struct run_row *row)
{
    struct reading *reading = context;
    struct standing *standing = reading->standing;
    standing->run = run_view_json(row, run_shown_status(reading->store, row));
    standing->actor = string_copy(row->actor);
    standing->lock = status_is_over(row->status) ? NULL : string_copy(row->lock);
    reading->finished_ms = row->finished_ms;
    reading->newest_seq = row->seq;
    json_t *driver = driver_lives(reading->store, row->driver)
                         ? json_read_stored(row->driver, "the record", NULL)
                         : NULL;
    if (driver)
        standing->driver = string_format("%lld on %s", (long long)json_int(driver, "pid", 0),
                                         json_text(driver, "host", "?"));
    json_decref(driver);
    return 0;
}

/* Said, and not taken up by any driver yet. */
static int see_command(void *context, const struct command_row *row)
{
    struct reading *reading = context;
    json_t *body = json_read_stored(row->body, "the record", NULL);
    json_array_append_new(reading->recorded,
                          json_pack("{s:s,s:s?,s:s?,s:s,s:s?,s:o}", "command", row->name, "step",
                                    json_text(body, "step", NULL), "how", json_text(body, "how", NULL),
                                    "actor", row->actor, "reason", json_text(body, "reason", NULL), "time",
                                    instant_json(row->time_ms)));
    json_decref(body);
    return 0;
}

static int see_step(void *context, const struct step_row *row)
{
    json_array_append_new(((struct reading *)context)->steps, step_view_json(row));
    return 0;
}

/* The first claim: what lies before it, nobody has spent on the run. */
static int see_beginning(void *context, const struct record *record)
{
    struct reading *reading = context;
    if (strcmp(record->event, "run_claimed"))
        return 0;
    reading->began_ms = record->time_ms;
    return 1;
}

static void keep_failure(struct reading *reading, const struct record *record, const json_t *body)
{
    free(reading->failed_step);
    free(reading->failed_message);
    reading->failed_step = string_copy(record->step);
    reading->failed_message = string_copy(json_text(json_object_get(body, "error"), "message", ""));
}

/* A person's word, or the failure that the step's policy answered. */
static void keep_reason(struct reading *reading, const struct record *record, const json_t *body)
{
    const char *text = json_text(body, "reason", "");
    const char *word = !strcmp(record->event, "cancel_requested") ? "cancel" : "rollback";
    json_decref(reading->reason);
    if (strcmp(text, ROLLBACK_BY_POLICY)) {
        reading->reason = json_pack("{s:s,s:s,s:s}", "word", word, "actor", record->actor, "text", text);
        return;
    }
    char *failure = string_format("\"%s\" failed: %s", reading->failed_step ? reading->failed_step : "",
                                  reading->failed_message ? reading->failed_message : "");
    reading->reason = json_pack("{s:s,s:n,s:o}", "word", word, "actor", "text", text_json(failure));
    free(failure);
}

static int see_reason(void *context, const struct record *record)
{
    struct reading *reading = context;
    bool fails = !strcmp(record->event, "step_failed");
    bool ends = !strcmp(record->event, "cancel_requested") || !strcmp(record->event, "rollback_started");
    json_t *body = fails || ends ? json_read_stored(record->body, "the record", NULL) : NULL;
    if (fails)
        keep_failure(reading, record, body);
    if (ends)
        keep_reason(reading, record, body);
    json_decref(body);
    return 0;
}

/* Where a step was cut off, its effect may still be going on: that is what the run waits for. */
static int see_newest(void *context, const struct record *record)
{
    struct standing *standing = ((struct reading *)context)->standing;
    json_t *body = strcmp(record->event, "step_probed") ? NULL
                                                        : json_read_stored(record->body, "the record", NULL);
    if (!strcmp(json_text(body, "answer", ""), "in_progress"))
        json_object_set_new(standing->run, "waiting",
                            json_pack("{s:s,s:s?,s:n,s:s?}", "for", "effect", "step", record->step, "until",
                                      "why", json_text(body, "why", NULL)));
    json_decref(body);
    return 0;
}

static int read_wait(struct reading *reading, int64_t run, struct error *error)
{
    if (strcmp(standing_status(reading->standing), "running"))
        return 0;
    return store_each_record(reading->store, run, reading->newest_seq - 1, see_newest, reading, error) < 0
               ? -1
               : 0;
}

/* Why it was, or is being, ended as it was not meant to. There is no way back from either word. */
static int read_reason(struct reading *reading, int64_t run, struct error *error)
{
    const char *status = standing_status(reading->standing);
    if (!strcmp(status, "succeeded") || !strcmp(status, "queued"))
        return 0;
    return store_each_record(reading->store, run, 0, see_reason, reading, error) < 0 ? -1 : 0;
}

/* Where its history is damaged they are shown without. */
static void mark_overruled(struct reading *reading, int64_t run)
{
    struct error ignored;
    if (json_array_size(reading->recorded))
        word_mark_overruled(reading->store, run, reading->recorded, &ignored);
}

/* Of a run that has failed, waits for a person, or was left: its machine knows what can be said to it, and
 * what program it has. Where its history is damaged it is shown without. */
static void read_advice(struct reading *reading, int64_t id)
{
    struct standing *standing = reading->standing;
    const char *status = json_text(standing->run, "status", "");
    bool failed = !strcmp(status, "failed"), left = !strcmp(status, "interrupted");
    if (!failed && !left && strcmp(status, "waiting"))
        return;
    struct error ignored;
    struct machine *machine = NULL;
    struct run *run = run_open(reading->store, id, &machine, &ignored);
    struct text text = {0};
    if (run && failed)
        advice_say_failure(run, &text);
    else if (run && left)
        standing->program = program_goes_on(run, store_folder(reading->store));
    else if (run)
        advice_say_wait(run, &text);
    if (run && !run->holds_lock && failed) { /* it gave it back: nothing was begun */
        free(standing->lock);
        standing->lock = NULL;
    }
    standing->advice = text.length ? text_take(&text) : NULL;
    run_free(run);
    machine_free(machine);
}

/* Of the runs that name this lock the one that holds it, on the same cluster. */
struct holding_search {
    struct store *store;
    const char *identity;
    int64_t holder;
};

static int see_other(void *context, const struct run_row *row)
{
    struct holding_search *search = context;
    char *identity = NULL, *name = NULL;
    struct error ignored; /* what cannot be read is not told */
    bool holds = !store_read_lock(search->store, row->run, &identity, &name, &ignored) && identity &&
                 !strcmp(identity, search->identity);
    if (holds)
        search->holder = row->run;
    free(identity);
    free(name);
    return holds;
}

static void read_holder(struct reading *reading)
{
    struct standing *standing = reading->standing;
    struct run_filter filter = {.lock = standing->lock, .open_only = true};
    struct holding_search search = {
        .store = reading->store,
        .identity = json_text(json_object_get(standing->run, "cluster"), "identity", "")};
    struct error ignored;
    if (standing->lock && !strcmp(json_text(json_object_get(standing->run, "waiting"), "for", ""), "lock") &&
        store_each_run(reading->store, &filter, see_other, &search, &ignored) >= 0)
        standing->holder = search.holder;
}

int standing_read(struct store *store, int64_t run, struct standing *standing, struct error *error)
{
    struct reading reading = {
        .store = store, .standing = standing, .steps = json_array(), .recorded = json_array()};
    *standing = (struct standing){.ran_ms = -1};
    int result = -1;
    if (!store_begin_reading(store, error) && !store_read_run(store, run, see_run, &reading, error) &&
        !store_each_step(store, run, see_step, &reading, error) &&
        store_each_record(store, run, 0, see_beginning, &reading, error) >= 0 &&
        !read_wait(&reading, run, error) && !read_reason(&reading, run, error) &&
        !store_each_command(store, run, see_command, &reading, error)) {
        mark_overruled(&reading, run);
        read_advice(&reading, run);
        read_holder(&reading);
        json_object_set(standing->run, "steps", reading.steps);
        json_object_set(standing->run, "recorded", reading.recorded);
        json_object_set_new(standing->run, "began", instant_json(reading.began_ms));
        json_object_set_new(standing->run, "reason", reading.reason ? reading.reason : json_null());
        reading.reason = NULL;
        if (reading.finished_ms && reading.began_ms)
            standing->ran_ms = reading.finished_ms - reading.began_ms;
        result = 0;
    }
    store_rollback(store); /* the end of the view */
    json_decref(reading.steps);
    json_decref(reading.recorded);
    json_decref(reading.reason);
    free(reading.failed_step);
    free(reading.failed_message);
    return result;
}

void standing_clear(struct standing *standing)
{
    json_decref(standing->run);
    free(standing->actor);
    free(standing->lock);
    free(standing->driver);
    free(standing->advice);
}

const char *standing_status(const struct standing *standing)
{
    return json_text(standing->run, "status", "");
}

/* ---- saying ---- */

static bool has_recorded(const struct standing *standing)
{
    return json_array_size(json_object_get(standing->run, "recorded")) > 0;
}

/* Where its history cannot be read, as far as its row goes. Not where something has been recorded: that is
 * what comes next. */
static void say_advice(const struct standing *standing, struct text *out)
{
    int64_t run = json_int(standing->run, "run", 0);
    const json_t *waiting = json_object_get(standing->run, "waiting");
    if (has_recorded(standing))
        return;
    if (standing->advice)
        text_add(out, standing->advice);
    else if (!strcmp(standing_status(standing), "failed"))
        text_format(out, "  put it right, then: pawl resume %lld\n", (long long)run);
    else if (!strcmp(json_text(waiting, "for", ""), "approval"))
        advice_say_approval(run, json_text(waiting, "step", ""), out);
}

static void say_failure(const struct standing *standing, struct text *out)
{
    const json_t *error = json_object_get(standing->run, "error");
    char *message = text_cleaned(json_text(error, "message", ""));
    text_format(out, "failed at \"%s\": %s\n", json_text(error, "step", ""), message);
    free(message);
    say_advice(standing, out);
}

/* What a recorded word is called; where it is about a step, behind that. */
static const char *word_said(const json_t *word)
{
    static const char *const said[][2] = {
        {"approve", "approved"},
        {"reject", "rejected"},
        {"pause", "pause asked for"},
        {"cancel", "cancel asked for"},
        {"rollback", "rollback asked for"},
    };
    const char *name = json_text(word, "command", "");
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (!strcmp(said[i][0], name))
            return said[i][1];
    return !strcmp(json_text(word, "how", ""), "done") ? "resolved as done" : "resolved to be tried again";
}

/* "unregister" approved by ops@bastion: looked at it; taken up by: pawl resume 7 */
static void say_recorded(const struct standing *standing, struct text *out)
{
    const json_t *words = json_object_get(standing->run, "recorded");
    size_t index;
    json_t *word;
    json_array_foreach((json_t *)words, index, word)
    {
        const char *step = json_text(word, "step", ""), *reason = json_text(word, "reason", "");
        bool pauses = !strcmp(json_text(word, "command", ""), "pause");
        struct text line = {0};
        if (*step)
            text_format(&line, "\"%s\" ", step);
        text_format(&line, "%s by %s", word_said(word), json_text(word, "actor", ""));
        if (*reason)
            text_format(&line, ": %s", reason);
        if (json_bool(word, "overruled", false))
            text_add(&line, "; overruled");
        else if (standing->driver)
            text_add(&line, "; its driver has not taken it up yet");
        else
            text_format(&line, "; %s: pawl resume %lld", pauses ? "lifted by" : "taken up by",
                        (long long)json_int(standing->run, "run", 0));
        char *clean = line_cleaned(text_string(&line));
        text_format(out, "%s\n", clean);
        free(clean);
        text_clear(&line);
    }
}

static void say_reason(const struct standing *standing, struct text *out)
{
    const json_t *reason = json_object_get(standing->run, "reason");
    const char *actor = json_text(reason, "actor", NULL);
    bool cancel = !strcmp(json_text(reason, "word", ""), "cancel");
    bool ended = !strcmp(standing_status(standing), cancel ? "cancelled" : "rolled_back");
    char *line = string_format("%s%s%s%s: %s", ended ? "" : "is being ", cancel ? "cancelled" : "rolled back",
                               actor ? " by " : "", actor ? actor : "", json_text(reason, "text", ""));
    char *clean = line_cleaned(line);
    text_format(out, "%s\n", clean);
    free(clean);
    free(line);
}

static void say_effect(const json_t *waiting, struct text *out)
{
    const char *why = json_text(waiting, "why", "");
    char *line = string_format("waits for what \"%s\" has begun%s%s", json_text(waiting, "step", ""),
                               *why ? ": " : "", why);
    char *clean = line_cleaned(line);
    text_format(out, "%s\n", clean);
    free(clean);
    free(line);
}

static void say_lock(const struct standing *standing, struct text *out)
{
    long long holder = standing->holder, id = json_int(standing->run, "run", 0);
    if (holder)
        text_format(out, "waits for the lock %s, which run %lld holds: pawl status %lld\n", standing->lock,
                    holder, holder);
    else
        text_format(out, "waits for the lock %s, which nobody holds now\n",
                    standing->lock ? standing->lock : "");
    if (!standing->driver)
        text_format(out, "nobody drives it yet: pawl resume %lld%s\n", id, holder ? " --wait DURATION" : "");
}

static void say_wait(const struct standing *standing, struct text *out)
{
    const json_t *waiting = json_object_get(standing->run, "waiting");
    const char *what = json_text(waiting, "for", "");
    if (!strcmp(what, "approval") || !strcmp(what, "decision") || !strcmp(what, "paused"))
        say_advice(standing, out);
    else if (!strcmp(what, "lock"))
        say_lock(standing, out);
    else if (!strcmp(what, "timer"))
        text_format(out, "waits until %s\n", json_text(waiting, "until", "?"));
    else if (!strcmp(what, "effect"))
        say_effect(waiting, out);
}

static void say_interruption(const struct standing *standing, struct text *out)
{
    if (standing->program)
        text_add(out, "its program goes on under its keeper; the next driver takes up how it ends\n");
    if (!has_recorded(standing)) /* its line says it */
        text_format(out, "nobody drives it: pawl resume %lld\n",
                    (long long)json_int(standing->run, "run", 0));
}

static void say_queue(const struct standing *standing, struct text *out)
{
    text_format(out, "nobody has driven it yet: pawl resume %lld\n",
                (long long)json_int(standing->run, "run", 0));
}

#define GOES_ON (-1)

/* What each shown status leads to. One that waits depends on what it waits for. */
static const struct {
    const char *status;
    int exit_status;
    void (*say)(const struct standing *standing, struct text *out);
} STATUSES[] = {
    {"succeeded", EXIT_SUCCEEDED, NULL},
    {"failed", EXIT_FAILED, say_failure},
    {"cancelled", EXIT_FAILED, NULL},
    {"rolled_back", EXIT_FAILED, NULL},
    {"interrupted", EXIT_INTERRUPTED, say_interruption},
    {"queued", GOES_ON, say_queue},
    {"running", GOES_ON, say_wait},
    {"waiting", EXIT_PERSON, say_wait},
};

static int find_status(const struct standing *standing)
{
    int last = sizeof STATUSES / sizeof *STATUSES - 1;
    for (int i = 0; i < last; i++)
        if (!strcmp(STATUSES[i].status, standing_status(standing)))
            return i;
    return last;
}

void standing_say_next(const struct standing *standing, struct text *out)
{
    int found = find_status(standing);
    if (STATUSES[found].say)
        STATUSES[found].say(standing, out);
    say_recorded(standing, out);
    if (json_is_object(json_object_get(standing->run, "reason")))
        say_reason(standing, out);
}

int standing_exit_status(const struct standing *standing)
{
    int status = STATUSES[find_status(standing)].exit_status;
    const char *what = json_text(json_object_get(standing->run, "waiting"), "for", "");
    bool by_itself = !strcmp(what, "timer") || !strcmp(what, "lock");
    return status == EXIT_PERSON && by_itself ? GOES_ON : status;
}

bool standing_lacks_driver(const struct standing *standing)
{
    return standing_exit_status(standing) == GOES_ON && !standing->driver;
}
