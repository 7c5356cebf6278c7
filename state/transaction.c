/* Transactions, fencing, and the store's head, which lives for one transaction. */
#include <string.h>

#include "state/statement.h"

static int run_plain(struct store *store, enum statement which, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, which, error);
    return statement ? statement_run(store, statement, error) : -1;
}

static int begin(struct store *store, enum statement which, struct error *error)
{
    store->head_known = false;
    if (run_plain(store, which, error))
        return -1;
    store->in_transaction = true;
    return 0;
}

int store_begin(struct store *store, struct error *error)
{
    return begin(store, STATEMENT_BEGIN, error);
}

int store_begin_reading(struct store *store, struct error *error)
{
    return begin(store, STATEMENT_BEGIN_READING, error);
}

static int write_head(struct store *store, struct error *error)
{
    if (!store->head_known)
        return 0;
    sqlite3_stmt *statement = statement_get(store, STATEMENT_SET_HEAD, error);
    if (!statement)
        return -1;
    bind_int(statement, 1, store->records);
    bind_digest(statement, 2, &store->head);
    return statement_run(store, statement, error);
}

void store_watch_commits(struct store *store, void (*tell)(void *context, bool committed), void *context)
{
    store->tell_commit = tell;
    store->tell_context = context;
}

static void tell_commit(struct store *store, bool committed)
{
    if (store->tell_commit)
        store->tell_commit(store->tell_context, committed);
}

/* What is committed into a file that has gone from its place is durable for nobody: what follows from it must
 * not happen. */
static int check_place(struct store *store, struct error *error)
{
    int moved = 0;
    sqlite3_file_control(store->database, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (!moved)
        return 0;
    error_set(error, ERROR_STORE, "the store %s was removed, renamed or replaced while it was open",
              store->path);
    return error_next(error, "put it back, with the files beside it, then: pawl resume");
}

int store_commit(struct store *store, struct error *error)
{
    tell_commit(store, false);
    if (write_head(store, error) || check_place(store, error) || run_plain(store, STATEMENT_COMMIT, error)) {
        store_rollback(store);
        return -1;
    }
    store->in_transaction = false;
    tell_commit(store, true);
    return 0;
}

void store_rollback(struct store *store)
{
    struct error ignored; /* what was not committed is gone either way */
    if (store->in_transaction)
        run_plain(store, STATEMENT_ROLLBACK, &ignored);
    store->in_transaction = false;
    store->head_known = false;
}

int64_t store_data_version(struct store *store, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_DATA_VERSION, error);
    int64_t version = statement && statement_row(store, statement, error) == 1
                          ? sqlite3_column_int64(statement, 0)
                          : -1;
    if (statement)
        sqlite3_reset(statement);
    return version;
}

int store_fence(struct store *store, int64_t run, int64_t epoch, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_GET_EPOCH, error);
    if (!statement)
        return -1;
    bind_int(statement, 1, run);
    int result = statement_row(store, statement, error);
    int64_t stored = result == 1 ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_reset(statement);
    if (result < 0)
        return -1;
    if (stored == epoch)
        return 0;
    error_set(error, ERROR_FENCED, "run %lld has been taken over by another driver", (long long)run);
    return error_next(error, "pawl status %lld", (long long)run);
}
