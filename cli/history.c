/* pawl history: the audit trail of one run, with its chain checked on the way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/run_view.h"
#include "cli/store_open.h"
#include "state/chain.h"

/* ---- what an event says ---- */

static char *say_nothing(const struct record *record, const json_t *body)
{
    (void)record;
    (void)body;
    return string_copy("");
}

static char *say_params(const struct record *record, const json_t *body)
{
    char *params = values_shown(json_object_get(body, "params"));
    char *said = string_format("%s%sby %s", params, *params ? ", " : "", record->actor);
    free(params);
    return said;
}

static char *say_claim(const struct record *record, const json_t *body)
{
    const json_t *driver = json_object_get(body, "driver");
    const char *reason = json_text(body, "reason", "");
    return string_format(
        "epoch %lld, driver %lld@%s%s%s%s%s", (long long)record->epoch, (long long)json_int(driver, "pid", 0),
        json_text(driver, "host", "?"), json_bool(body, "rebooted", false) ? ", the host was rebooted" : "",
        json_bool(body, "take_over", false) ? ", taken over" : "", *reason ? ": " : "", reason);
}

static char *say_start(const struct record *record, const json_t *body)
{
    struct text text = {0};
    text_format(&text, "attempt %d", record->attempt);
    if (record->visit > 1)
        text_format(&text, ", visit %d", record->visit);
    if (json_int(body, "start", 1) > 1)
        text_format(&text, ", start %lld", (long long)json_int(body, "start", 1));
    return text_take(&text);
}

static char *say_success(const struct record *record, const json_t *body)
{
    (void)record;
    char *outputs = values_shown(json_object_get(body, "outputs"));
    const char *summary = json_text(body, "summary", ""), *by = json_text(body, "by", "body");
    struct text text = {0};
    text_add(&text, *summary ? summary : outputs);
    if (strcmp(by, "body"))
        text_format(&text, "%s(by %s)", text.length ? " " : "", by);
    free(outputs);
    return text_take(&text);
}

static char *say_error(const struct record *record, const json_t *body)
{
    (void)record;
    const json_t *error = json_object_get(body, "error");
    return string_format("%s: %s", json_text(error, "code", "?"), json_text(error, "message", ""));
}

static char *say_retry(const struct record *record, const json_t *body)
{
    return string_format("attempt %d in %.1f s", record->attempt + 1,
                         (double)json_int(body, "delay_ms", 0) / 1000);
}

static char *say_probe(const struct record *record, const json_t *body)
{
    (void)record;
    const char *why = json_text(body, "why", "");
    char *said = string_format("%s%s%s", json_text(body, "answer", ""), *why ? ": " : "", why);
    for (char *at = said; *at && *at != ':'; at++)
        if (*at == '_')
            *at = ' ';
    return said;
}

static char *say_guard(const struct record *record, const json_t *body)
{
    (void)record;
    return string_format("%s %s", json_text(body, "guard", ""),
                         json_bool(body, "ok", false) ? "agrees" : json_text(body, "why", "refuses"));
}

static char *say_question(const struct record *record, const json_t *body)
{
    (void)record;
    return string_copy(json_text(body, "text", ""));
}

static char *say_person(const struct record *record, const json_t *body)
{
    const char *how = json_text(body, "how", json_text(body, "by_option", "")),
               *reason = json_text(body, "reason", "");
    return string_format("%s%sby %s%s%s", how, *how ? " " : "", record->actor, *reason ? ": " : "", reason);
}

static char *say_reason(const struct record *record, const json_t *body)
{
    (void)record;
    return string_copy(json_text(body, "reason", ""));
}

/* X(event, words, what is said behind them) */
static const struct {
    const char *event, *words;
    char *(*say)(const struct record *record, const json_t *body);
} SAYINGS[] = {
    {"run_submitted", "submitted", say_params},
    {"run_claimed", "claimed", say_claim},
    {"lock_acquired", "lock acquired", say_nothing},
    {"lock_released", "lock released", say_nothing},
    {"step_started", "started", say_start},
    {"step_prepared", "prepared", say_nothing},
    {"step_checkpoint", "checkpoint", say_nothing},
    {"step_succeeded", "succeeded", say_success},
    {"step_failed", "failed", say_error},
    {"step_retry_scheduled", "retry scheduled", say_retry},
    {"step_skipped", "skipped", say_nothing},
    {"step_interrupted", "interrupted", say_reason},
    {"step_probed", "probed", say_probe},
    {"guard_asked", "guard asked", say_guard},
    {"record_removed", "pending record removed", say_nothing},
    {"approval_requested", "approval requested", say_question},
    {"approved", "approved", say_person},
    {"rejected", "rejected", say_person},
    {"decision_requested", "decision requested", say_question},
    {"resolved", "resolved", say_person},
    {"paused", "paused", say_person},
    {"resumed", "resumed", say_person},
    {"cancel_requested", "cancel requested", say_person},
    {"rollback_started", "rollback started", say_person},
    {"undo_started", "undo started", say_start},
    {"step_undone", "undone", say_nothing},
    {"undo_failed", "undo failed", say_error},
    {"run_succeeded", "run succeeded", say_nothing},
    {"run_failed", "run failed", say_error},
    {"run_cancelled", "run cancelled", say_nothing},
    {"run_rolled_back", "run rolled back", say_nothing},
};

static void print_record(const struct record *record)
{
    char time[SHOWN_TIME_SIZE];
    shown_time(record->time_ms, time);
    json_t *body = json_read_stored(record->body, "the record", NULL);
    const char *words = record->event;
    char *said = NULL;
    for (size_t i = 0; i < sizeof SAYINGS / sizeof *SAYINGS && !said; i++) {
        if (strcmp(SAYINGS[i].event, record->event))
            continue;
        words = SAYINGS[i].words;
        said = SAYINGS[i].say(record, body);
    }
    char *who = string_format("%s%s%s", record->step ? record->step : "", record->step ? " " : "", words);
    char *clean = line_cleaned(said ? said : "");
    say(stdout, " %s  %-24s%s%s\n", time, who, *clean ? "  " : "", clean);
    free(who);
    free(said);
    free(clean);
    json_decref(body);
}

/* ---- the trail ---- */

struct trail {
    bool json;
    struct digest head;
    int64_t records, bad_seq; /* the first record that does not fit; 0: none */
    int64_t stored_seq;       /* as the run's row has it */
    struct digest stored_head;
};

static int note_run(void *context, const struct run_row *row)
{
    struct trail *trail = context;
    trail->stored_seq = row->seq;
    trail->stored_head = row->head;
    if (!trail->json)
        say(stdout, "run %lld %-30s job %.4s…%s, machine %.4s…%s, submitted by %s; times in UTC\n",
            (long long)row->run, row->job, row->job_digest,
            row->job_digest + (strlen(row->job_digest) > 2 ? strlen(row->job_digest) - 2 : 0),
            row->machine_digest,
            row->machine_digest + (strlen(row->machine_digest) > 2 ? strlen(row->machine_digest) - 2 : 0),
            row->actor);
    return 0;
}

static int take_record(void *context, const struct record *record)
{
    struct trail *trail = context;
    struct digest hash = chain_hash(&trail->head, record);
    trail->records++;
    if (!trail->bad_seq &&
        (record->seq != trail->records || memcmp(hash.bytes, record->hash.bytes, DIGEST_BYTES)))
        trail->bad_seq = record->seq;
    trail->head = record->hash;
    if (trail->json)
        report_json(record_json(record));
    else
        print_record(record);
    return 0; /* the chain is looked at to its end, whoever reads */
}

static int finish(const struct trail *trail)
{
    bool whole = trail->records == trail->stored_seq &&
                 !memcmp(trail->head.bytes, trail->stored_head.bytes, DIGEST_BYTES);
    if (!trail->bad_seq && whole) {
        if (!trail->json)
            printf("chain: %lld records, intact\n", (long long)trail->records);
        return EXIT_SUCCEEDED;
    }
    if (trail->bad_seq)
        fprintf(stderr, "pawl: chain: NOT intact: record %lld was changed, or the one before it\n",
                (long long)trail->bad_seq);
    else
        fprintf(stderr, "pawl: chain: NOT intact: %lld records are there, %lld were written\n",
                (long long)trail->records, (long long)trail->stored_seq);
    fputs("      pawl audit verify\n", stderr);
    return EXIT_SYSTEM;
}

int command_history(struct invocation *invocation)
{
    struct error error = {0};
    int status = EXIT_SUCCEEDED;
    struct trail trail = {.json = invocation->json};
    int64_t run = invocation_run(invocation, 0, &error);
    if (!run)
        return report_error(invocation, &error);
    struct store *store = invocation_store(invocation, STORE_READ, &status);
    if (!store)
        return status;
    if (store_begin_reading(store, &error) || store_read_run(store, run, note_run, &trail, &error) ||
        store_each_record(store, run, 0, take_record, &trail, &error) < 0)
        status = report_error(invocation, &error);
    else
        status = finish(&trail);
    store_close(store);
    return status;
}
