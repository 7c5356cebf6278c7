#include "tests/bench/baseline.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/memory.h"

struct row { /* of `events`, and what it does to its row of `steps` */
    int64_t run, seq, time_ms, visit, attempt, epoch;
    char *event, *step, *actor, *body;
    unsigned char hash[DIGEST_BYTES];
    int64_t position;
};

struct baseline {
    char *store, *copy;
    struct row *rows;
    int count, capacity;
    int64_t records; /* in the copy at the beginning */
};

static int fail(sqlite3 *database, const char *path, struct error *error)
{
    error_set(error, ERROR_STORE, "%s: %s", path, sqlite3_errmsg(database));
    sqlite3_close(database);
    return -1;
}

int baseline_copy(const char *store, const char *copy, struct error *error)
{
    sqlite3 *database;
    char *sql = string_format("VACUUM INTO '%s'", copy);
    unlink(copy);
    int result = sqlite3_open_v2(store, &database, SQLITE_OPEN_READWRITE, NULL) ||
                         sqlite3_exec(database, sql, NULL, NULL, NULL)
                     ? fail(database, store, error)
                     : sqlite3_close(database);
    int file = result ? -1 : open(copy, O_RDONLY | O_CLOEXEC);
    if (file >= 0) { /* the copying is not on the writer's account */
        fsync(file);
        close(file);
    }
    free(sql);
    return result;
}

/* ---- reading ---- */

static char *text_of(sqlite3_stmt *statement, int column)
{
    return string_copy((const char *)sqlite3_column_text(statement, column));
}

static void add_row(struct baseline *baseline, sqlite3_stmt *statement)
{
    if (baseline->count == baseline->capacity) {
        baseline->capacity = baseline->capacity ? 2 * baseline->capacity : 1024;
        baseline->rows = memory_resize(baseline->rows, (size_t)baseline->capacity, sizeof *baseline->rows);
    }
    if (!baseline->count)
        baseline->records = sqlite3_column_int64(statement, 12) - 1;
    struct row *row = &baseline->rows[baseline->count++];
    *row = (struct row){
        .run = sqlite3_column_int64(statement, 0),
        .seq = sqlite3_column_int64(statement, 1),
        .time_ms = sqlite3_column_int64(statement, 2),
        .event = text_of(statement, 3),
        .step = text_of(statement, 4),
        .visit = sqlite3_column_int64(statement, 5),
        .attempt = sqlite3_column_int64(statement, 6),
        .epoch = sqlite3_column_int64(statement, 7),
        .actor = text_of(statement, 8),
        .body = text_of(statement, 9),
        .position = sqlite3_column_int64(statement, 11),
    };
    memcpy(row->hash, sqlite3_column_blob(statement, 10), DIGEST_BYTES);
}

struct baseline *baseline_read(const char *store, const char *copy, struct error *error)
{
    static const char select[] =
        "SELECT e.run, e.seq, e.time_ms, e.event, e.step, e.visit, e.attempt, e.epoch, e.actor, e.body, "
        "e.hash, s.position, e.id FROM events e LEFT JOIN steps s ON s.run = e.run AND s.step = e.step "
        "WHERE e.id > (SELECT records FROM before.store) ORDER BY e.id";
    struct baseline *baseline = memory_new(sizeof *baseline);
    baseline->store = string_copy(store);
    baseline->copy = string_copy(copy);
    sqlite3 *database;
    sqlite3_stmt *statement = NULL;
    char *attach = string_format("ATTACH '%s' AS before", copy);
    bool read = !sqlite3_open_v2(store, &database, SQLITE_OPEN_READWRITE, NULL) &&
                !sqlite3_exec(database, attach, NULL, NULL, NULL) &&
                !sqlite3_prepare_v2(database, select, -1, &statement, NULL);
    while (read && sqlite3_step(statement) == SQLITE_ROW)
        add_row(baseline, statement);
    sqlite3_finalize(statement);
    free(attach);
    if (read) {
        sqlite3_close(database);
        return baseline;
    }
    fail(database, store, error);
    baseline_free(baseline);
    return NULL;
}

void baseline_free(struct baseline *baseline)
{
    if (!baseline)
        return;
    for (int i = 0; i < baseline->count; i++) {
        struct row *row = &baseline->rows[i];
        free(row->event);
        free(row->step);
        free(row->actor);
        free(row->body);
    }
    free(baseline->rows);
    free(baseline->store);
    free(baseline->copy);
    free(baseline);
}

/* ---- writing ---- */

/* As state/open.c sets them. */
static const char PRAGMAS[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
    "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 16777216;"
    "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";

enum written { BEGIN, COMMIT, EVENT, STEP_STARTED, STEP_ENDED, RUN, RUN_STATUS, HEAD, WRITTEN_COUNT };
static const char *const SQL[WRITTEN_COUNT] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [EVENT] = "INSERT INTO events (run, seq, time_ms, event, step, visit, attempt, epoch, actor, body, hash) "
              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [STEP_STARTED] = "UPDATE steps SET status = 'running', visit = ?3, attempt = ?4, started_ms = ?5 "
                     "WHERE run = ?1 AND position = ?2",
    [STEP_ENDED] = "UPDATE steps SET status = 'succeeded', finished_ms = ?5, outputs = '{}' "
                   "WHERE run = ?1 AND position = ?2",
    [RUN] = "UPDATE runs SET step = ?3, seq = ?6, head = ?7 WHERE run = ?1",
    [RUN_STATUS] =
        "UPDATE runs SET step = ?3, seq = ?6, head = ?7, status = ?2, epoch = ?4, finished_ms = ?5 "
        "WHERE run = ?1",
    [HEAD] = "UPDATE store SET records = ?1, head = ?2 WHERE one = 1",
};

static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

static bool run(sqlite3_stmt *statement)
{
    bool done = sqlite3_step(statement) == SQLITE_DONE;
    sqlite3_reset(statement);
    return done;
}

static bool write_event(sqlite3_stmt *const *statements, const struct row *row)
{
    sqlite3_stmt *event = statements[EVENT];
    const int64_t numbers[] = {row->run, row->seq, row->time_ms, 0, 0, row->visit, row->attempt, row->epoch};
    for (int i = 0; i < 8; i++)
        sqlite3_bind_int64(event, i + 1, numbers[i]);
    bind_text(event, 4, row->event);
    bind_text(event, 5, row->step);
    bind_text(event, 9, row->actor);
    bind_text(event, 10, row->body);
    sqlite3_bind_blob(event, 11, row->hash, DIGEST_BYTES, SQLITE_STATIC);
    if (!run(event) || !row->step)
        return row->step == NULL;
    sqlite3_stmt *step = statements[strcmp(row->event, "step_started") ? STEP_ENDED : STEP_STARTED];
    const int64_t values[] = {row->run, row->position, row->visit, row->attempt, row->time_ms};
    for (int i = 0; i < 5; i++)
        sqlite3_bind_int64(step, i + 1, values[i]);
    return run(step);
}

static bool write_run(sqlite3_stmt *const *statements, const struct row *last)
{
    bool ended = !strcmp(last->event, "run_succeeded");
    sqlite3_stmt *statement = statements[last->step ? RUN : RUN_STATUS];
    sqlite3_bind_int64(statement, 1, last->run);
    bind_text(statement, 2, ended ? "succeeded" : "running");
    bind_text(statement, 3, last->step);
    sqlite3_bind_int64(statement, 4, last->epoch);
    sqlite3_bind_int64(statement, 5, ended ? last->time_ms : 0);
    sqlite3_bind_int64(statement, 6, last->seq);
    sqlite3_bind_blob(statement, 7, last->hash, DIGEST_BYTES, SQLITE_STATIC);
    return run(statement);
}

static bool write_head(sqlite3_stmt *const *statements, int64_t records, const struct row *last)
{
    sqlite3_bind_int64(statements[HEAD], 1, records);
    sqlite3_bind_blob(statements[HEAD], 2, last->hash, DIGEST_BYTES, SQLITE_STATIC);
    return run(statements[HEAD]);
}

/* What pawl writes at once for one run: a step's result and what follows from it, in one row of `runs`. */
static bool goes_on(const struct baseline *baseline, int next)
{
    return next < baseline->count && baseline->rows[next].run == baseline->rows[next - 1].run &&
           strcmp(baseline->rows[next].event, "step_succeeded") != 0;
}

static bool write_rows(const struct baseline *baseline, sqlite3_stmt *const *statements, int steps)
{
    int written = 0;
    for (int i = 0; i < baseline->count;) {
        if (!written && !run(statements[BEGIN]))
            return false;
        do
            if (!write_event(statements, &baseline->rows[i]))
                return false;
        while (goes_on(baseline, ++i));
        const struct row *last = &baseline->rows[i - 1];
        if (!write_run(statements, last))
            return false;
        if (++written < steps && i < baseline->count)
            continue;
        if (!write_head(statements, baseline->records + i, last) || !run(statements[COMMIT]))
            return false;
        written = 0;
    }
    return true;
}

int baseline_write(const struct baseline *baseline, int steps)
{
    sqlite3 *database;
    sqlite3_stmt *statements[WRITTEN_COUNT] = {0};
    bool done = !sqlite3_open_v2(baseline->copy, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                                 NULL) &&
                !sqlite3_exec(database, PRAGMAS, NULL, NULL, NULL);
    for (int i = 0; done && i < WRITTEN_COUNT; i++)
        done = !sqlite3_prepare_v3(database, SQL[i], -1, SQLITE_PREPARE_PERSISTENT, &statements[i], NULL);
    done = done && write_rows(baseline, statements, steps);
    if (!done)
        fprintf(stderr, "bench: %s: %s\n", baseline->copy, sqlite3_errmsg(database));
    for (int i = 0; i < WRITTEN_COUNT; i++)
        sqlite3_finalize(statements[i]);
    sqlite3_close(database);
    return done ? 0 : -1;
}

/* ---- the same rows ---- */

int baseline_check(const struct baseline *baseline, struct error *error)
{
    static const char differing[] =
        "SELECT (SELECT count(*) FROM (SELECT * FROM events EXCEPT SELECT * FROM raw.events)) + "
        "(SELECT count(*) FROM (SELECT * FROM steps EXCEPT SELECT * FROM raw.steps)) + "
        "(SELECT count(*) FROM (SELECT run, status, epoch, finished_ms, seq, head FROM runs "
        "EXCEPT SELECT run, status, epoch, finished_ms, seq, head FROM raw.runs)) + "
        "(SELECT abs(records - (SELECT records FROM raw.store)) FROM store)";
    sqlite3 *database;
    sqlite3_stmt *statement = NULL;
    char *attach = string_format("ATTACH '%s' AS raw", baseline->copy);
    bool asked = !sqlite3_open_v2(baseline->store, &database, SQLITE_OPEN_READWRITE, NULL) &&
                 !sqlite3_exec(database, attach, NULL, NULL, NULL) &&
                 !sqlite3_prepare_v2(database, differing, -1, &statement, NULL) &&
                 sqlite3_step(statement) == SQLITE_ROW;
    int64_t rows = asked ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    free(attach);
    if (!asked)
        return fail(database, baseline->store, error);
    sqlite3_close(database);
    return rows ? error_set(error, ERROR_STORE_CORRUPT, "%lld rows of %s are not those of %s",
                            (long long)rows, baseline->copy, baseline->store)
                : 0;
}
