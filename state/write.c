/* Rows in: jobs, machines, runs, steps and events. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "state/chain.h"
#include "state/statement.h"

/* ---- jobs and machines ---- */

int store_put_job(struct store *store, const struct digest *digest, const char *source, size_t length,
                  struct error *error)
{
    char hex[DIGEST_HEX_SIZE];
    digest_hex(digest, hex);
    sqlite3_stmt *statement = statement_get(store, STATEMENT_PUT_JOB, error);
    if (!statement)
        return -1;
    bind_text(statement, 1, hex);
    sqlite3_bind_blob64(statement, 2, source, length, SQLITE_STATIC);
    return statement_run(store, statement, error);
}

int store_put_machine(struct store *store, const struct digest *digest, const char *json, struct error *error)
{
    char hex[DIGEST_HEX_SIZE];
    digest_hex(digest, hex);
    sqlite3_stmt *statement = statement_get(store, STATEMENT_PUT_MACHINE, error);
    if (!statement)
        return -1;
    bind_text(statement, 1, hex);
    bind_text(statement, 2, json);
    return statement_run(store, statement, error);
}

/* A text by its digest, and checked against it. */
static char *read_by_digest(struct store *store, enum statement which, const char *what,
                            const char *digest_text, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, which, error);
    if (!statement)
        return NULL;
    bind_text(statement, 1, digest_text);
    int result = statement_row(store, statement, error);
    char *text = NULL;
    if (result == 1) {
        const void *bytes = sqlite3_column_blob(statement, 0);
        size_t length = (size_t)sqlite3_column_bytes(statement, 0);
        text = memory_new(length + 1);
        if (length)
            memcpy(text, bytes, length);
        struct digest digest = digest_of(text, length);
        char hex[DIGEST_HEX_SIZE];
        digest_hex(&digest, hex);
        if (strcmp(hex, digest_text)) {
            error_set(error, ERROR_STORE_CORRUPT, "the stored %s %.12s… has been changed", what, digest_text);
            free(text);
            text = NULL;
        }
    } else if (result == 0) {
        error_set(error, ERROR_NOT_FOUND, "there is no %s %s in the store", what, digest_text);
    }
    sqlite3_reset(statement);
    return text;
}

char *store_read_job(struct store *store, const char *digest_text, struct error *error)
{
    return read_by_digest(store, STATEMENT_GET_JOB, "job", digest_text, error);
}

char *store_read_machine(struct store *store, const char *digest_text, struct error *error)
{
    return read_by_digest(store, STATEMENT_GET_MACHINE, "machine", digest_text, error);
}

/* ---- writing ---- */

/* A statement that gives one number. */
static int read_number(struct store *store, sqlite3_stmt *statement, int64_t *out, struct error *error)
{
    int result = statement_row(store, statement, error);
    *out = result == 1 ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return result < 0 ? -1 : 0;
}

int store_next_run(struct store *store, int64_t *out_run, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_NEXT_RUN, error);
    return statement ? read_number(store, statement, out_run, error) : -1;
}

int store_newest_seq(struct store *store, int64_t run, int64_t *out_seq, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_NEWEST_SEQ, error);
    if (!statement)
        return -1;
    bind_int(statement, 1, run);
    return read_number(store, statement, out_seq, error);
}

int store_newest_run(struct store *store, int64_t *out_run, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_NEWEST_RUN, error);
    return statement ? read_number(store, statement, out_run, error) : -1;
}

static int read_head(struct store *store, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_GET_HEAD, error);
    if (!statement)
        return -1;
    int result = statement_row(store, statement, error);
    if (result == 1) {
        store->records = sqlite3_column_int64(statement, 0);
        store->head = column_digest(statement, 1);
        store->head_known = true;
    }
    sqlite3_reset(statement);
    if (!result)
        error_set(error, ERROR_STORE_CORRUPT, "%s: the row that holds the head of its chain is gone",
                  store->path);
    return result == 1 ? 0 : -1;
}

int store_append(struct store *store, struct record *record, struct digest *head, struct error *error)
{
    if (!store->head_known && read_head(store, error))
        return -1;
    sqlite3_stmt *statement = statement_get(store, STATEMENT_APPEND, error);
    if (!statement)
        return -1;
    record->hash = chain_hash(head, record);
    bind_int(statement, 1, record->run);
    bind_int(statement, 2, record->seq);
    bind_int(statement, 3, record->time_ms);
    bind_text(statement, 4, record->event);
    bind_text(statement, 5, record->step);
    bind_int(statement, 6, record->visit);
    bind_int(statement, 7, record->attempt);
    bind_int(statement, 8, record->epoch);
    bind_text(statement, 9, record->actor);
    bind_text(statement, 10, record->body);
    bind_digest(statement, 11, &record->hash);
    if (statement_run(store, statement, error))
        return -1;
    *head = record->hash;
    store->head = chain_head(&store->head, &record->hash);
    store->records++;
    return 0;
}

/* An UPDATE that may find no row. (INSERT … ON CONFLICT would open a temporary table each time.) */
static int run_move(struct store *store, sqlite3_stmt *statement, bool *out_moved, struct error *error)
{
    int result = statement_run(store, statement, error);
    *out_moved = !result && sqlite3_changes(store->database);
    return result;
}

/* MOVE_RUN finds the run only where it keeps its status; then the index of open runs is not touched: a page
 * less to write. CHANGE_RUN finds it in any case. */
static int move_run(struct store *store, enum statement which, const struct run_row *row, bool *out_moved,
                    struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, which, error);
    if (!statement)
        return -1;
    bind_int(statement, 1, row->run);
    bind_text(statement, 2, row->status);
    bind_text(statement, 3, row->step);
    bind_text(statement, 4, row->waiting);
    bind_text(statement, 5, row->error);
    bind_text(statement, 6, row->driver);
    bind_int(statement, 7, row->epoch);
    bind_int(statement, 8, row->finished_ms);
    bind_int(statement, 9, row->seq);
    bind_digest(statement, 10, &row->head);
    return run_move(store, statement, out_moved, error);
}

static int put_whole_run(struct store *store, const struct run_row *row, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_PUT_RUN, error);
    if (!statement)
        return -1;
    bind_int(statement, 1, row->run);
    const char *const texts[] = {row->job,     row->job_digest, row->machine_digest, row->status, row->step,
                                 row->waiting, row->error,      row->cluster,        row->params, row->lock,
                                 row->key,     row->driver,     row->actor};
    for (int i = 0; i < 13; i++)
        bind_text(statement, i + 2, texts[i]);
    bind_int(statement, 15, row->epoch);
    bind_int(statement, 16, row->submitted_ms);
    bind_int(statement, 17, row->finished_ms);
    bind_int(statement, 18, row->seq);
    bind_digest(statement, 19, &row->head);
    return statement_run(store, statement, error);
}

int store_put_run(struct store *store, const struct run_row *row, struct error *error)
{
    bool moved;
    if (move_run(store, STATEMENT_MOVE_RUN, row, &moved, error) ||
        (!moved && move_run(store, STATEMENT_CHANGE_RUN, row, &moved, error)))
        return -1;
    return moved ? 0 : put_whole_run(store, row, error);
}

static int move_step(struct store *store, const struct step_row *row, bool *out_moved, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_MOVE_STEP, error);
    if (!statement)
        return -1;
    bind_int(statement, 1, row->run);
    bind_int(statement, 2, row->position);
    bind_text(statement, 3, row->status);
    bind_int(statement, 4, row->visit);
    bind_int(statement, 5, row->attempt);
    bind_int(statement, 6, row->started_ms);
    bind_int(statement, 7, row->finished_ms);
    bind_text(statement, 8, row->outputs);
    bind_text(statement, 9, row->error);
    return run_move(store, statement, out_moved, error);
}

int store_put_step(struct store *store, const struct step_row *row, struct error *error)
{
    bool moved;
    if (move_step(store, row, &moved, error))
        return -1;
    sqlite3_stmt *statement = moved ? NULL : statement_get(store, STATEMENT_PUT_STEP, error);
    if (!statement)
        return moved ? 0 : -1;
    bind_int(statement, 1, row->run);
    bind_int(statement, 2, row->position);
    bind_text(statement, 3, row->step);
    bind_text(statement, 4, row->uses);
    bind_text(statement, 5, row->status);
    bind_int(statement, 6, row->visit);
    bind_int(statement, 7, row->attempt);
    bind_int(statement, 8, row->started_ms);
    bind_int(statement, 9, row->finished_ms);
    bind_text(statement, 10, row->outputs);
    bind_text(statement, 11, row->error);
    return statement_run(store, statement, error);
}

int store_drop_projections(struct store *store, struct error *error)
{
    sqlite3_stmt *runs = statement_get(store, STATEMENT_DROP_RUNS, error);
    sqlite3_stmt *steps = statement_get(store, STATEMENT_DROP_STEPS, error);
    sqlite3_stmt *locks = statement_get(store, STATEMENT_DROP_LOCKS, error);
    if (!runs || !steps || !locks || statement_run(store, runs, error) || statement_run(store, steps, error))
        return -1;
    return statement_run(store, locks, error);
}

int store_find_key(struct store *store, const char *key, int64_t *out_run, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_FIND_KEY, error);
    if (!statement)
        return -1;
    bind_text(statement, 1, key);
    return read_number(store, statement, out_run, error);
}
