#include "cli/saying.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/run_view.h"

/* ---- parts ---- */

/* Behind a comma where something stands before it. */
static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *part = string_format_list(format, arguments);
    va_end(arguments);
    text_format(text, "%s%s", text->length ? ", " : "", part);
    free(part);
}

/* One of the body's texts, where it is there. */
static void add_text(struct text *text, const json_t *body, const char *before, const char *key)
{
    const char *value = json_text(body, key, "");
    if (*value)
        add(text, "%s%s", before, value);
}

static void add_if(struct text *text, const json_t *body, const char *key, const char *words)
{
    if (json_bool(body, key, false))
        add(text, "%s", words);
}

/* A list of steps. */
static void add_steps(struct text *text, const char *before, const json_t *steps)
{
    size_t index;
    json_t *step;
    json_array_foreach(steps, index, step)
        add(text, "%s%s", index ? "" : before, json_string_value(step) ? json_string_value(step) : "?");
}

/* "cannot_tell" as "cannot tell". */
static void add_words(struct text *text, const char *name)
{
    char *words = string_copy(name);
    for (char *at = words; *at; at++)
        if (*at == '_')
            *at = ' ';
    add(text, "%s", words);
    free(words);
}

/* What was said behind what was found. */
static void add_why(struct text *text, const json_t *body, const char *key)
{
    const char *why = json_text(body, key, "");
    if (*why)
        text_format(text, "%s%s", text->length ? ": " : "", why);
}

/* Who or what says that it is so, where it is not the step's own body. */
static void add_by(struct text *text, const json_t *body)
{
    const char *by = json_text(body, "by", "body");
    bool names = !strcmp(by, "probe") || !strcmp(by, "person");
    if (strcmp(by, "body"))
        text_format(text, "%s(%s%s)", text->length ? " " : "", names ? "by " : "", by);
}

/* ---- the run ---- */

static char *say_nothing(const struct event *event, bool whole)
{
    (void)event;
    (void)whole;
    return string_copy("");
}

static char *say_submission(const struct event *event, bool whole)
{
    (void)whole;
    const json_t *body = event->body;
    struct text text = {0};
    char *params = values_shown(json_object_get(body, "params"));
    const char *cluster = cluster_name(json_object_get(body, "cluster"));
    if (*params)
        add(&text, "%s", params);
    if (*cluster)
        add(&text, "on %s", cluster);
    add_text(&text, body, "lock ", "lock");
    add_if(&text, body, "waits_for_lock", "which another run holds");
    add_text(&text, body, "key ", "key");
    add_if(&text, body, "paused", "paused");
    add(&text, "by %s", event->actor);
    free(params);
    return text_take(&text);
}

static char *say_claim(const struct event *event, bool whole)
{
    (void)whole;
    const json_t *driver = json_object_get(event->body, "driver");
    struct text text = {0};
    add(&text, "epoch %lld", (long long)event->epoch);
    add(&text, "driver %lld@%s", (long long)json_int(driver, "pid", 0), json_text(driver, "host", "?"));
    add_if(&text, event->body, "rebooted", "the host was rebooted");
    add_if(&text, event->body, "take_over", "taken over");
    add_why(&text, event->body, "reason");
    return text_take(&text);
}

static char *say_error(const struct event *event, bool whole)
{
    const json_t *error = json_object_get(event->body, "error");
    const char *message = json_text(error, "message", "");
    if (!whole)
        return string_copy(message);
    struct text text = {0};
    text_format(&text, "%s: %s", json_text(error, "code", "?"), message);
    const char *next = json_text(error, "next", "");
    if (*next)
        text_format(&text, " (%s)", next);
    add_text(&text, event->body, "goes on with ", "then");
    add_text(&text, error, "at ", "step");
    add_text(&text, error, "may not be visited again: ", "used_up");
    return text_take(&text);
}

static char *say_half_done(const struct event *event, bool whole)
{
    (void)whole;
    struct text text = {0};
    add_steps(&text, "half done: ", json_object_get(event->body, "half_done"));
    return text_take(&text);
}

/* ---- a step ---- */

static char *say_start(const struct event *event, bool whole)
{
    (void)whole;
    struct text text = {0};
    int64_t start = json_int(event->body, "start", 1);
    add(&text, "attempt %d", event->attempt);
    if (event->visit > 1)
        add(&text, "visit %d", event->visit);
    if (start > 1)
        add(&text, "start %lld", (long long)start);
    return text_take(&text);
}

static char *say_success(const struct event *event, bool whole)
{
    (void)whole;
    char *outputs = values_shown(json_object_get(event->body, "outputs"));
    const char *summary = json_text(event->body, "summary", "");
    struct text text = {0};
    text_add(&text, *summary ? summary : outputs);
    add_by(&text, event->body);
    free(outputs);
    return text_take(&text);
}

static char *say_retry(const struct event *event, bool whole)
{
    double delay_s = (double)json_int(event->body, "delay_ms", 0) / 1000;
    return whole ? string_format("attempt %d in %.1f s", event->attempt + 1, delay_s)
                 : string_format("again in %.1f s", delay_s);
}

/* Of a step that was cut off, or by a driver that was asked to leave. */
static char *say_interruption(const struct event *event, bool whole)
{
    (void)whole;
    const json_t *body = event->body;
    struct text text = {0};
    int64_t delay_ms = json_int(body, "delay_ms", 0);
    if (json_bool(body, "rests", false))
        add(&text, "its driver left");
    else if (!json_bool(body, "acted", true))
        add(&text, "it had changed nothing");
    add_why(&text, body, "why");
    if (delay_ms)
        add(&text, "again in %.1f s", (double)delay_ms / 1000);
    return text_take(&text);
}

static char *say_probe(const struct event *event, bool whole)
{
    const json_t *body = event->body;
    struct text text = {0};
    add_words(&text, json_text(body, "answer", ""));
    if (whole) {
        add_if(&text, body, "undo", "asked for going back");
        add_if(&text, body, "again", "so it is done again");
        add_if(&text, body, "touched", "it has left something behind");
        add_if(&text, body, "mend", "which is removed first");
    }
    add_why(&text, body, "why");
    return text_take(&text);
}

static char *say_guard(const struct event *event, bool whole)
{
    (void)whole;
    bool agrees = json_bool(event->body, "ok", false);
    return string_format("%s %s", json_text(event->body, "guard", ""),
                         agrees ? "agrees" : json_text(event->body, "why", "refuses"));
}

static char *say_removal(const struct event *event, bool whole)
{
    static const char *const kept = "kept in the history; no workload was touched";
    const char *name = json_text(json_object_get(event->body, "record"), "name", "");
    if (!whole)
        return string_format("removed the pending record (%s)", kept);
    return string_format("%s%s%s", name, *name ? ", " : "", kept);
}

static char *say_undone(const struct event *event, bool whole)
{
    (void)whole;
    struct text text = {0};
    add_by(&text, event->body);
    return text_take(&text);
}

/* ---- people ---- */

static char *say_question(const struct event *event, bool whole)
{
    const char *next = json_text(json_object_get(event->body, "error"), "next", "");
    struct text text = {0};
    text_add(&text, json_text(event->body, "text", ""));
    if (whole && *next)
        text_format(&text, " (%s)", next);
    if (whole)
        add_if(&text, event->body, "undo", "asked for going back");
    return text_take(&text);
}

static char *say_person(const struct event *event, bool whole)
{
    const json_t *body = event->body;
    const char *reason = json_text(body, "reason", "");
    if (!whole)
        return string_copy(*reason ? reason : json_text(body, "by_option", ""));
    const char *how = json_text(body, "how", json_text(body, "by_option", ""));
    struct text text = {0};
    text_format(&text, "%s%sby %s", how, *how ? " " : "", event->actor);
    add_text(&text, body, "from ", "from");
    add_text(&text, body, "one visit more of ", "allow");
    add_text(&text, body, "in flight: ", "in_flight");
    add_steps(&text, "to undo: ", json_object_get(body, "steps"));
    add_why(&text, body, "reason");
    return text_take(&text);
}

/* What was said, and why it counts for nothing. */
static char *say_refusal(const struct event *event, bool whole)
{
    (void)whole;
    const json_t *body = event->body;
    struct text text = {0};
    text_add(&text, json_text(body, "command", "?"));
    if (*json_text(body, "how", ""))
        text_format(&text, " --%s", json_text(body, "how", ""));
    if (*json_text(body, "step", ""))
        text_format(&text, " %s", json_text(body, "step", ""));
    text_format(&text, " by %s", event->actor);
    add_why(&text, body, "reason");
    add_text(&text, body, "refused: ", "why");
    return text_take(&text);
}

static char *say_rejection(const struct event *event, bool whole)
{
    return whole ? say_person(event, whole) : say_error(event, whole);
}

/* ---- the table ---- */

#define GREEN  "\033[32m"
#define RED    "\033[31m"
#define YELLOW "\033[33m"

static const struct saying SAYINGS[EVENT_TYPE_COUNT] = {
    [EVENT_RUN_SUBMITTED] = {"submitted", NULL, "", "", say_submission},
    [EVENT_RUN_CLAIMED] = {"claimed", NULL, "", "", say_claim},
    [EVENT_LOCK_ACQUIRED] = {"lock acquired", NULL, "", "", say_nothing},
    [EVENT_LOCK_RELEASED] = {"lock released", NULL, "", "", say_nothing},
    [EVENT_STEP_STARTED] = {"started", NULL, "", "", say_start},
    [EVENT_STEP_PREPARED] = {"prepared", NULL, "", "", say_nothing},
    [EVENT_STEP_CHECKPOINT] = {"checkpoint", NULL, "", "", say_nothing},
    [EVENT_STEP_SUCCEEDED] = {"succeeded", "✓", GREEN, "", say_success},
    [EVENT_STEP_FAILED] = {"failed", "✗", RED, "", say_error},
    [EVENT_STEP_RETRY_SCHEDULED] = {"retry scheduled", "·", "", "", say_retry},
    [EVENT_STEP_SKIPPED] = {"skipped", "–", "", "skipped", say_nothing},
    [EVENT_STEP_INTERRUPTED] = {"interrupted", NULL, "", "", say_interruption},
    [EVENT_STEP_PROBED] = {"probed", "·", "", "asked whether it was done: ", say_probe},
    [EVENT_GUARD_ASKED] = {"guard asked", "·", "", "guard ", say_guard},
    [EVENT_RECORD_REMOVED] = {"pending record removed", "·", "", "", say_removal},
    [EVENT_APPROVAL_REQUESTED] = {"approval requested", "?", YELLOW, "", say_question},
    [EVENT_APPROVED] = {"approved", "✓", "", "approved ", say_person},
    [EVENT_REJECTED] = {"rejected", "✗", RED, "", say_rejection},
    [EVENT_DECISION_REQUESTED] = {"decision requested", "?", YELLOW, "", say_question},
    [EVENT_RESOLVED] = {"resolved", "·", "", "resolved: ", say_person},
    [EVENT_PAUSED] = {"paused", "·", "", "paused ", say_person},
    [EVENT_RESUMED] = {"resumed", NULL, "", "", say_person},
    [EVENT_CANCEL_REQUESTED] = {"cancel requested", "·", "", "cancel requested: ", say_person},
    [EVENT_ROLLBACK_STARTED] = {"rollback started", "·", "", "rolling back: ", say_person},
    [EVENT_UNDO_STARTED] = {"undo started", NULL, "", "", say_start},
    [EVENT_STEP_UNDONE] = {"undone", "✓", "", "undone ", say_undone},
    [EVENT_UNDO_FAILED] = {"undo failed", "✗", RED, "", say_error},
    [EVENT_RUN_SUCCEEDED] = {"run succeeded", NULL, "", "", say_nothing},
    [EVENT_RUN_FAILED] = {"run failed", NULL, "", "", say_error},
    [EVENT_RUN_CANCELLED] = {"run cancelled", NULL, "", "", say_half_done},
    [EVENT_RUN_ROLLED_BACK] = {"run rolled back", NULL, "", "", say_nothing},
    [EVENT_COMMAND_REFUSED] = {"refused", "·", YELLOW, "not heeded: ", say_refusal},
};

const struct saying *saying_of(enum event_type type)
{
    return &SAYINGS[type];
}
