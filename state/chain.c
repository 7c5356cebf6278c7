#include "state/chain.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "state/statement.h"

/* ---- what is hashed ---- */

/* The canonical text of a record: its fields in a fixed order, each text behind its length, so that no two
 * records share one. The body is canonical JSON already. The audit hashes hundreds of thousands of records a
 * second: no printf, one buffer. */
#define NUMBER_BYTES 21 /* of the longest 64-bit integer, and a separator */
#define NUMBERS      6
#define TEXTS        4
#define STACK_BYTES  2048

static char *add_number(char *to, int64_t number, char separator)
{
    char digits[NUMBER_BYTES];
    int length = 0;
    uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do
        digits[length++] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        digits[length++] = '-';
    while (length)
        *to++ = digits[--length];
    *to++ = separator;
    return to;
}

static char *add_field(char *to, const char *field, size_t length)
{
    if (!field) {
        *to++ = '-';
    } else {
        to = add_number(to, (int64_t)length, ':');
        memcpy(to, field, length);
        to += length;
    }
    *to++ = ',';
    return to;
}

struct digest chain_hash(const struct digest *previous, const struct record *record)
{
    const int64_t numbers[NUMBERS] = {record->run,   record->seq,     record->time_ms,
                                      record->visit, record->attempt, record->epoch};
    const char *texts[TEXTS] = {record->event, record->step, record->actor, record->body};
    size_t lengths[TEXTS], most = DIGEST_BYTES + NUMBERS * NUMBER_BYTES;
    for (int i = 0; i < TEXTS; i++) {
        lengths[i] = texts[i] ? strlen(texts[i]) : 0;
        most += lengths[i] + NUMBER_BYTES + 1;
    }
    char here[STACK_BYTES], *buffer = most <= sizeof here ? here : memory_new(most), *to = buffer;
    memcpy(to, previous->bytes, DIGEST_BYTES);
    to += DIGEST_BYTES;
    for (int i = 0; i < NUMBERS; i++)
        to = add_number(to, numbers[i], i < NUMBERS - 1 ? ' ' : ';');
    for (int i = 0; i < TEXTS; i++)
        to = add_field(to, texts[i], lengths[i]);
    struct digest hash = digest_of(buffer, (size_t)(to - buffer));
    if (buffer != here)
        free(buffer);
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
    json_t *body = json_read_stored(record->body, "the record", NULL);
    json_t *object = json_pack("{s:I,s:s,s:I,s:s,s:s?,s:i,s:i,s:I,s:s,s:o,s:s}", "seq",
                               (json_int_t)record->seq, "time", time, "run", (json_int_t)record->run, "event",
                               record->event, "step", record->step, "visit", record->visit, "attempt",
                               record->attempt, "epoch", (json_int_t)record->epoch, "actor", record->actor,
                               "body", body ? body : json_null(), "hash", hash);
    return object;
}

/* ---- the check ---- */

enum audited_column { /* of STATEMENT_AUDIT_RECORDS */
                      AUDITED_ID,
                      AUDITED_RUN,
                      AUDITED_SEQ,
                      AUDITED_TIME,
                      AUDITED_EVENT,
                      AUDITED_STEP,
                      AUDITED_VISIT,
                      AUDITED_ATTEMPT,
                      AUDITED_EPOCH,
                      AUDITED_ACTOR,
                      AUDITED_BODY,
                      AUDITED_HASH,
};

/* What has been read of one run. Runs are numbered from 1 without gaps, so an array by number holds them. */
struct run_end {
    int64_t seq;
    struct digest hash;
};

struct verifying {
    struct chain_report *report;
    struct run_end *ends; /* by run number */
    int64_t capacity;
    int64_t last_run; /* of the last good record; 0: none yet */
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

/* Everything about a row that a hash does not see: its place in the order of commits, and the storage class
 * of its columns (a text turned into a blob by one flipped bit reads the same). */
static bool row_is_sound(sqlite3_stmt *statement, int64_t expected_id)
{
    static const int types[] = {SQLITE_INTEGER, SQLITE_INTEGER, SQLITE_INTEGER, SQLITE_INTEGER,
                                SQLITE_TEXT,    SQLITE_TEXT,    SQLITE_INTEGER, SQLITE_INTEGER,
                                SQLITE_INTEGER, SQLITE_TEXT,    SQLITE_TEXT,    SQLITE_BLOB};
    for (int i = 0; i < (int)(sizeof types / sizeof *types); i++) {
        int type = sqlite3_column_type(statement, i);
        bool may_be_null = i == AUDITED_STEP;
        if (type != types[i] && !(may_be_null && type == SQLITE_NULL))
            return false;
        if (type == SQLITE_TEXT &&
            strlen(column_text(statement, i)) != (size_t)sqlite3_column_bytes(statement, i))
            return false;
    }
    return sqlite3_column_int64(statement, 0) == expected_id &&
           sqlite3_column_int64(statement, AUDITED_VISIT) <= INT_MAX &&
           sqlite3_column_int64(statement, AUDITED_ATTEMPT) <= INT_MAX;
}

static int verify_record(struct verifying *verifying, const struct record *record, bool sound)
{
    /* A run begins with the next number: anything else is a damaged number, and must not size an array. */
    if (record->run < 1 || record->run > verifying->report->runs + 1)
        return report_bad(verifying, record, "its run number does not follow those before it");
    struct run_end *end = run_end(verifying, record->run);
    if (record->run > verifying->report->runs)
        verifying->report->runs = record->run;
    if (record->seq != end->seq + 1)
        return report_bad(verifying, record, "a record is missing before it");
    if (!sound)
        return report_bad(verifying, record, "it is not as it was written");
    struct digest hash = chain_hash(&end->hash, record);
    if (memcmp(hash.bytes, record->hash.bytes, DIGEST_BYTES))
        return report_bad(verifying, record,
                          "its hash does not fit: it, or the record before it, was changed");
    *end = (struct run_end){record->seq, hash};
    verifying->head = chain_head(&verifying->head, &hash);
    verifying->report->records++;
    verifying->last_run = record->run;
    return 0;
}

/* The file is damaged where the next record should be. */
static int report_damage(struct verifying *verifying, const char *what)
{
    struct chain_report *report = verifying->report;
    report->intact = false;
    report->bad_run = verifying->last_run;
    report->bad_seq = verifying->last_run ? verifying->ends[verifying->last_run].seq + 1 : 0;
    snprintf(report->what, sizeof report->what, "the file is damaged behind %lld good records: %.300s",
             (long long)report->records, what);
    return 1;
}

/* 0: all are good, 1: the report says what is not, -1: the store cannot be read. */
static int verify_records(struct verifying *verifying, struct store *store, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_AUDIT_RECORDS, error);
    if (!statement)
        return error->code == ERROR_STORE_CORRUPT ? report_damage(verifying, error->message) : -1;
    int result;
    while ((result = statement_row(store, statement, error)) == 1) {
        bool sound = row_is_sound(statement, verifying->report->records + 1);
        struct record record = {
            .run = sqlite3_column_int64(statement, AUDITED_RUN),
            .seq = sqlite3_column_int64(statement, AUDITED_SEQ),
            .time_ms = sqlite3_column_int64(statement, AUDITED_TIME),
            .event = column_text(statement, AUDITED_EVENT),
            .step = column_text(statement, AUDITED_STEP),
            .visit = sqlite3_column_int(statement, AUDITED_VISIT),
            .attempt = sqlite3_column_int(statement, AUDITED_ATTEMPT),
            .epoch = sqlite3_column_int64(statement, AUDITED_EPOCH),
            .actor = column_text(statement, AUDITED_ACTOR),
            .body = column_text(statement, AUDITED_BODY),
            .hash = column_digest(statement, AUDITED_HASH),
        };
        if ((result = verify_record(verifying, &record, sound)))
            break;
    }
    sqlite3_reset(statement);
    if (result < 0 && error->code == ERROR_STORE_CORRUPT)
        return report_damage(verifying, error->message);
    return result;
}

/* The tree and the index of `events`: a scan does not look at all of their pages. */
static int verify_pages(struct verifying *verifying, struct store *store, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_CHECK_PAGES, error);
    if (!statement)
        return error->code == ERROR_STORE_CORRUPT ? report_damage(verifying, error->message) : -1;
    int result = statement_row(store, statement, error);
    if (result == 1 && !strcmp(column_text(statement, 0), "ok"))
        result = 0;
    else if (result == 1 || error->code == ERROR_STORE_CORRUPT) {
        verifying->report->intact = false;
        snprintf(verifying->report->what, sizeof verifying->report->what, "the file is damaged: %.400s",
                 result == 1 ? column_text(statement, 0) : error->message);
        result = 1;
    }
    sqlite3_reset(statement);
    return result;
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
    int result = verify_records(&verifying, store, error);
    if (result == 0)
        result = verify_pages(&verifying, store, error);
    if (result == 0)
        result = store_each_run(store, &(struct run_filter){0}, verify_run_end, &verifying, error);
    if (result == 0)
        result = verify_store_end(&verifying, store, error);
    free(verifying.ends);
    return result < 0 ? -1 : 0;
}
