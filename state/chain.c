#include "state/chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "state/statement.h"

/* ---- what is hashed ---- */

/* The canonical text of a record: its fields in a fixed order, each behind its length, so that no two records
 * share one. The body is canonical JSON already. */
static void add_field(struct text *text, const char *field)
{
    if (field)
        text_format(text, "%zu:%s,", strlen(field), field);
    else
        text_add(text, "-,");
}

struct digest chain_hash(const struct digest *previous, const struct record *record)
{
    struct text text = {0};
    text_format(&text, "%lld %lld %lld %d %d %lld;", (long long)record->run, (long long)record->seq,
                (long long)record->time_ms, record->visit, record->attempt, (long long)record->epoch);
    add_field(&text, record->event);
    add_field(&text, record->step);
    add_field(&text, record->actor);
    add_field(&text, record->body);
    struct digest hash = digest_of_two(previous->bytes, DIGEST_BYTES, text.bytes, text.length);
    text_clear(&text);
    return hash;
}

struct digest chain_head(const struct digest *head, const struct digest *record_hash)
{
    return digest_of_two(head->bytes, DIGEST_BYTES, record_hash->bytes, DIGEST_BYTES);
}

json_t *record_json(const struct record *record)
{
    char time[CLOCK_TEXT_SIZE], hash[DIGEST_HEX_SIZE];
    clock_write(record->time_ms, time);
    digest_hex(&record->hash, hash);
    json_t *body = json_loads(record->body, JSON_DECODE_ANY, NULL);
    json_t *object = json_pack("{s:I,s:s,s:I,s:s,s:s?,s:i,s:i,s:I,s:s,s:o,s:s}", "seq",
                               (json_int_t)record->seq, "time", time, "run", (json_int_t)record->run, "event",
                               record->event, "step", record->step, "visit", record->visit, "attempt",
                               record->attempt, "epoch", (json_int_t)record->epoch, "actor", record->actor,
                               "body", body ? body : json_null(), "hash", hash);
    return object;
}

/* ---- the check ---- */

/* What has been read of one run. Runs are numbered from 1 without gaps, so an array by number holds them. */
struct run_end {
    int64_t seq;
    struct digest hash;
};

struct verifying {
    struct chain_report *report;
    struct run_end *ends; /* by run number */
    int64_t capacity;
    struct digest head;
};

static int report_bad(struct verifying *verifying, const struct record *record, const char *what)
{
    struct chain_report *report = verifying->report;
    report->intact = false;
    report->bad_run = record->run;
    report->bad_seq = record->seq;
    snprintf(report->what, sizeof report->what, "%s", what);
    return 1;
}

static struct run_end *run_end(struct verifying *verifying, int64_t run)
{
    if (run >= verifying->capacity) {
        int64_t capacity = run + 1 > 2 * verifying->capacity ? run + 1 : 2 * verifying->capacity;
        verifying->ends = memory_resize(verifying->ends, (size_t)capacity, sizeof *verifying->ends);
        memset(verifying->ends + verifying->capacity, 0,
               (size_t)(capacity - verifying->capacity) * sizeof *verifying->ends);
        verifying->capacity = capacity;
    }
    return &verifying->ends[run];
}

static int verify_record(void *context, const struct record *record)
{
    struct verifying *verifying = context;
    /* A run begins with the next number: anything else is a damaged number, and must not size an array. */
    if (record->run < 1 || record->run > verifying->report->runs + 1)
        return report_bad(verifying, record, "its run number does not follow those before it");
    struct run_end *end = run_end(verifying, record->run);
    if (record->run > verifying->report->runs)
        verifying->report->runs = record->run;
    if (record->seq != end->seq + 1)
        return report_bad(verifying, record, "a record is missing before it");
    if (!record->event || !record->actor || !record->body)
        return report_bad(verifying, record, "it is not whole");
    struct digest hash = chain_hash(&end->hash, record);
    if (memcmp(hash.bytes, record->hash.bytes, DIGEST_BYTES))
        return report_bad(verifying, record,
                          "its hash does not fit: it, or the record before it, was changed");
    *end = (struct run_end){record->seq, hash};
    verifying->head = chain_head(&verifying->head, &hash);
    verifying->report->records++;
    return 0;
}

static int verify_run_end(void *context, const struct run_row *row)
{
    struct verifying *verifying = context;
    struct chain_report *report = verifying->report;
    struct run_end none = {0};
    struct run_end *end = row->run < verifying->capacity && row->run > 0 ? &verifying->ends[row->run] : &none;
    if (row->seq == end->seq && !memcmp(row->head.bytes, end->hash.bytes, DIGEST_BYTES))
        return 0;
    report->intact = false;
    report->bad_run = row->run;
    report->bad_seq = end->seq + 1;
    snprintf(report->what, sizeof report->what,
             "the run was cut off: %lld records are there, %lld were written", (long long)end->seq,
             (long long)row->seq);
    return 1;
}

static int verify_store_end(struct verifying *verifying, struct store *store, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_GET_HEAD, error);
    if (!statement)
        return -1;
    int result = statement_row(store, statement, error);
    int64_t records = result == 1 ? sqlite3_column_int64(statement, 0) : -1;
    struct digest head = result == 1 ? column_digest(statement, 1) : (struct digest){0};
    sqlite3_reset(statement);
    if (result < 0)
        return -1;
    struct chain_report *report = verifying->report;
    if (records == report->records && !memcmp(head.bytes, verifying->head.bytes, DIGEST_BYTES))
        return 0;
    report->intact = false;
    snprintf(report->what, sizeof report->what,
             "the store was cut off: %lld records are there, %lld were written", (long long)report->records,
             (long long)records);
    return 0;
}

int chain_verify(struct store *store, struct chain_report *report, struct error *error)
{
    *report = (struct chain_report){.intact = true};
    struct verifying verifying = {.report = report};
    int result = store_each_record(store, 0, 0, verify_record, &verifying, error);
    if (result == 0)
        result = store_each_run(store, &(struct run_filter){0}, verify_run_end, &verifying, error);
    if (result == 0)
        result = verify_store_end(&verifying, store, error);
    free(verifying.ends);
    return result < 0 ? -1 : 0;
}
