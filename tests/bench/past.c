#include "tests/bench/past.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "engine/load.h"
#include "engine/project.h"
#include "state/store.h"

#define RUNS_PER_COMMIT 1000

struct past {
    struct store *store;
    struct machine *machine;
    struct run *run; /* the one that is copied */
    struct record records[PAST_EVENTS];
    int count;
    struct error *error;
};

static int keep_record(void *context, const struct record *record)
{
    struct past *past = context;
    if (past->count == PAST_EVENTS)
        return error_set(past->error, ERROR_LIMIT, "the run to copy has more than %d events", PAST_EVENTS);
    struct record *kept = &past->records[past->count++];
    *kept = *record;
    kept->event = string_copy(record->event);
    kept->step = string_copy(record->step);
    kept->actor = string_copy(record->actor);
    kept->body = string_copy(record->body);
    return 0;
}

static int append_records(struct past *past, int64_t first, int count, struct digest *heads)
{
    for (int i = 0; i < past->count; i++)
        for (int k = 0; k < count; k++) {
            struct record record = past->records[i];
            record.run = first + k;
            if (store_append(past->store, &record, &heads[k], past->error))
                return -1;
        }
    return 0;
}

static int put_rows(struct past *past, int64_t id, const struct digest *head, struct projection *projection)
{
    struct putting putting = {past->store, past->error};
    past->run->id = id;
    int result = project_run(past->run, projection, head, put_run_row, &putting);
    for (int i = 0; !result && i < past->machine->step_count; i++)
        result = project_step(past->run, i, put_step_row, &putting);
    return result;
}

static int add_group(struct past *past, int64_t first, int count, struct projection *projection)
{
    struct digest heads[RUNS_PER_COMMIT] = {0};
    if (store_begin(past->store, past->error))
        return -1;
    int result = append_records(past, first, count, heads);
    for (int k = 0; !result && k < count; k++)
        result = put_rows(past, first + k, &heads[k], projection);
    if (!result)
        return store_commit(past->store, past->error);
    store_rollback(past->store);
    return -1;
}

int past_add(const char *store, int runs, struct error *error)
{
    struct past past = {.store = store_open(store, STORE_WRITE, error), .error = error};
    struct projection projection = {0};
    past.run = past.store ? run_open(past.store, 1, &past.machine, error) : NULL;
    int result = past.run ? store_each_record(past.store, 1, 0, keep_record, &past, error) : -1;
    for (int64_t first = 2; !result && first <= runs; first += RUNS_PER_COMMIT) {
        int left = runs - (int)first + 1;
        result = add_group(&past, first, left < RUNS_PER_COMMIT ? left : RUNS_PER_COMMIT, &projection);
    }
    for (int i = 0; i < past.count; i++) {
        free((char *)past.records[i].event);
        free((char *)past.records[i].step);
        free((char *)past.records[i].actor);
        free((char *)past.records[i].body);
    }
    projection_clear(&projection);
    run_free(past.run);
    machine_free(past.machine);
    store_close(past.store);
    return result;
}

/* ---- the yardstick ---- */

#define COLUMNS 12

/* All that SQLite hands out of a row, one behind the other. */
static size_t gather(sqlite3_stmt *statement, unsigned char **buffer, size_t *capacity)
{
    size_t length = DIGEST_BYTES; /* the hash before stands in front */
    for (int i = 0; i < COLUMNS; i++) {
        int64_t number = sqlite3_column_int64(statement, i);
        bool is_number = sqlite3_column_type(statement, i) == SQLITE_INTEGER;
        const void *bytes = is_number ? &number : sqlite3_column_blob(statement, i);
        size_t size = is_number ? sizeof number : (size_t)sqlite3_column_bytes(statement, i);
        if (length + size > *capacity) {
            *capacity = 2 * (length + size);
            *buffer = memory_resize(*buffer, *capacity, 1);
        }
        if (size)
            memcpy(*buffer + length, bytes, size);
        length += size;
    }
    return length;
}

int past_scan(const char *store)
{
    static const char select[] =
        "SELECT id, run, seq, time_ms, event, step, visit, attempt, epoch, actor, body, "
        "hash FROM events ORDER BY id";
    sqlite3 *database;
    sqlite3_stmt *statement = NULL;
    size_t capacity = 4096;
    unsigned char *buffer = memory_new(capacity);
    struct digest hash = {0};
    int result = sqlite3_open_v2(store, &database, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (!result)
        result = sqlite3_prepare_v2(database, select, -1, &statement, NULL);
    while (!result && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        memcpy(buffer, hash.bytes, DIGEST_BYTES);
        size_t length = gather(statement, &buffer, &capacity);
        hash = digest_of(buffer, length);
        result = 0;
    }
    if (result != SQLITE_DONE)
        fprintf(stderr, "bench: %s: %s\n", store, sqlite3_errmsg(database));
    sqlite3_finalize(statement);
    sqlite3_close(database);
    free(buffer);
    return result == SQLITE_DONE ? 0 : -1;
}
