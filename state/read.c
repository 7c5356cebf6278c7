/* Rows out: runs, steps and events, each handed to a visitor. */
#include <stdlib.h>

#include "base/memory.h"
#include "state/statement.h"

/* As the tables have them (schema.sql), and as EACH_RECORD asks for them. */
#define RUN_COLUMNS    "ittttTTTttTTTtimmib"
#define STEP_COLUMNS   "intttnnmmTT"
#define RECORD_COLUMNS "iimtTnnittb"

static int row_is_damaged(const struct store *store, const char *what, struct error *error)
{
    error_set(error, ERROR_STORE_CORRUPT, "%s: %s is not as pawl writes it", store->path, what);
    return error_next(error, "pawl audit verify tells where the store is damaged");
}

static struct run_row read_run_row(sqlite3_stmt *statement)
{
    return (struct run_row){
        .run = sqlite3_column_int64(statement, 0),
        .job = column_text(statement, 1),
        .job_digest = column_text(statement, 2),
        .machine_digest = column_text(statement, 3),
        .status = column_text(statement, 4),
        .step = column_text(statement, 5),
        .waiting = column_text(statement, 6),
        .error = column_text(statement, 7),
        .cluster = column_text(statement, 8),
        .params = column_text(statement, 9),
        .lock = column_text(statement, 10),
        .key = column_text(statement, 11),
        .driver = column_text(statement, 12),
        .actor = column_text(statement, 13),
        .epoch = sqlite3_column_int64(statement, 14),
        .submitted_ms = sqlite3_column_int64(statement, 15),
        .finished_ms = sqlite3_column_int64(statement, 16),
        .seq = sqlite3_column_int64(statement, 17),
        .head = column_digest(statement, 18),
    };
}

int store_read_run(struct store *store, int64_t run, run_visitor *visit, void *context, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_GET_RUN, error);
    if (!statement)
        return -1;
    bind_int(statement, 1, run);
    int result = statement_row(store, statement, error);
    if (result == 0) {
        error_set(error, ERROR_NOT_FOUND, "there is no run %lld in %s", (long long)run, store->path);
        error_next(error, "pawl list");
        return -1;
    }
    if (result == 1 && !row_is_whole(statement, RUN_COLUMNS)) {
        result = row_is_damaged(store, "a run's row", error);
    } else if (result == 1) {
        struct run_row row = read_run_row(statement);
        result = visit(context, &row);
    }
    sqlite3_reset(statement);
    return result;
}

/* The one statement that is built: its parts are fixed texts, its values are bound. */
static sqlite3_stmt *prepare_filtered(struct store *store, const struct run_filter *filter,
                                      struct error *error)
{
    char *sql = string_format(
        "SELECT * FROM runs WHERE (?1 IS NULL OR status = ?1) AND (?2 IS NULL OR job = ?2) "
        "AND (?3 IS NULL OR cluster ->> 'context' = ?3 OR cluster ->> 'server' = ?3 OR cluster ->> 'file' = ?3) "
        "AND (?4 = 0 OR submitted_ms >= ?4) AND (?5 = 0 OR submitted_ms < ?5) "
        "AND (?7 IS NULL OR lock = ?7) %s ORDER BY run DESC %s",
        filter->open_only ? "AND status <> 'succeeded' AND status <> 'cancelled' AND status <> 'rolled_back'"
                          : "",
        filter->limit ? "LIMIT ?6" : "");
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL))
        statement_error(store, error, "cannot read");
    free(sql);
    if (!statement)
        return NULL;
    bind_text(statement, 1, filter->status);
    bind_text(statement, 2, filter->job);
    bind_text(statement, 3, filter->cluster);
    bind_int(statement, 4, filter->since_ms);
    bind_int(statement, 5, filter->until_ms);
    if (filter->limit)
        bind_int(statement, 6, filter->limit);
    bind_text(statement, 7, filter->lock);
    return statement;
}

int store_each_run(struct store *store, const struct run_filter *filter, run_visitor *visit, void *context,
                   struct error *error)
{
    sqlite3_stmt *statement = prepare_filtered(store, filter, error);
    if (!statement)
        return -1;
    int result;
    while ((result = statement_row(store, statement, error)) == 1) {
        struct run_row row = read_run_row(statement);
        result = row_is_whole(statement, RUN_COLUMNS) ? visit(context, &row)
                                                      : row_is_damaged(store, "a run's row", error);
        if (result)
            break;
    }
    sqlite3_finalize(statement);
    return result;
}

int store_each_step(struct store *store, int64_t run, step_visitor *visit, void *context, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_EACH_STEP, error);
    if (!statement)
        return -1;
    bind_int(statement, 1, run);
    int result;
    while ((result = statement_row(store, statement, error)) == 1) {
        if (!row_is_whole(statement, STEP_COLUMNS)) {
            result = row_is_damaged(store, "a step's row", error);
            break;
        }
        struct step_row row = {
            .run = sqlite3_column_int64(statement, 0),
            .position = sqlite3_column_int(statement, 1),
            .step = column_text(statement, 2),
            .uses = column_text(statement, 3),
            .status = column_text(statement, 4),
            .visit = sqlite3_column_int(statement, 5),
            .attempt = sqlite3_column_int(statement, 6),
            .started_ms = sqlite3_column_int64(statement, 7),
            .finished_ms = sqlite3_column_int64(statement, 8),
            .outputs = column_text(statement, 9),
            .error = column_text(statement, 10),
        };
        if ((result = visit(context, &row)))
            break;
    }
    sqlite3_reset(statement);
    return result;
}

int store_each_record(struct store *store, int64_t run, int64_t after, record_visitor *visit, void *context,
                      struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, run ? STATEMENT_EACH_RECORD_OF_RUN : STATEMENT_EACH_RECORD,
                                            error);
    if (!statement)
        return -1;
    if (run) {
        bind_int(statement, 1, run);
        bind_int(statement, 2, after);
    }
    int result;
    while ((result = statement_row(store, statement, error)) == 1) {
        if (!row_is_whole(statement, RECORD_COLUMNS)) {
            result = row_is_damaged(store, "a record", error);
            break;
        }
        struct record record = {
            .run = sqlite3_column_int64(statement, 0),
            .seq = sqlite3_column_int64(statement, 1),
            .time_ms = sqlite3_column_int64(statement, 2),
            .event = column_text(statement, 3),
            .step = column_text(statement, 4),
            .visit = sqlite3_column_int(statement, 5),
            .attempt = sqlite3_column_int(statement, 6),
            .epoch = sqlite3_column_int64(statement, 7),
            .actor = column_text(statement, 8),
            .body = column_text(statement, 9),
            .hash = column_digest(statement, 10),
        };
        if ((result = visit(context, &record)))
            break;
    }
    sqlite3_reset(statement);
    return result;
}
