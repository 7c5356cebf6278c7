/* Locks and people's commands: the rows through which processes speak to each other. */
#include "base/memory.h"
#include "state/statement.h"

int store_take_lock(struct store *store, const char *identity, const char *name, int64_t run,
                    int64_t *out_holder, struct error *error)
{
    sqlite3_stmt *take = statement_get(store, STATEMENT_TAKE_LOCK, error);
    if (!take)
        return -1;
    bind_text(take, 1, identity);
    bind_text(take, 2, name);
    bind_int(take, 3, run);
    if (statement_run(store, take, error))
        return -1;
    sqlite3_stmt *holder = statement_get(store, STATEMENT_LOCK_HOLDER, error);
    if (!holder)
        return -1;
    bind_text(holder, 1, identity);
    bind_text(holder, 2, name);
    int result = statement_row(store, holder, error);
    *out_holder = result == 1 ? sqlite3_column_int64(holder, 0) : 0;
    sqlite3_reset(holder);
    return result < 0 ? -1 : 0;
}

int store_release_lock(struct store *store, int64_t run, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_RELEASE_LOCK, error);
    if (!statement)
        return -1;
    bind_int(statement, 1, run);
    return statement_run(store, statement, error);
}

int store_read_lock(struct store *store, int64_t run, char **out_identity, char **out_name,
                    struct error *error)
{
    *out_identity = *out_name = NULL;
    sqlite3_stmt *statement = statement_get(store, STATEMENT_LOCK_OF_RUN, error);
    if (!statement)
        return -1;
    bind_int(statement, 1, run);
    int result = statement_row(store, statement, error);
    if (result == 1) {
        *out_identity = string_copy(column_text(statement, 0));
        *out_name = string_copy(column_text(statement, 1));
    }
    sqlite3_reset(statement);
    return result < 0 ? -1 : 0;
}

int store_count_locks(struct store *store, int64_t *out_count, struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_COUNT_LOCKS, error);
    int result = statement ? statement_row(store, statement, error) : -1;
    *out_count = result == 1 ? sqlite3_column_int64(statement, 0) : 0;
    if (statement)
        sqlite3_reset(statement);
    return result < 0 ? -1 : 0;
}

int store_put_command(struct store *store, struct command_row *row, struct error *error)
{
    if (store_begin(store, error))
        return -1;
    sqlite3_stmt *statement = statement_get(store, STATEMENT_PUT_COMMAND, error);
    if (statement) {
        bind_int(statement, 1, row->run);
        bind_int(statement, 2, row->time_ms);
        bind_text(statement, 3, row->name);
        bind_text(statement, 4, row->body);
        bind_text(statement, 5, row->actor);
        bind_int(statement, 6, row->uid);
        int result = statement_run(store, statement, error);
        if (!result && !sqlite3_changes(store->database))
            result = error_set(error, ERROR_NOT_ALLOWED_NOW, "run %lld has ended", (long long)row->run);
        if (!result) {
            row->id = sqlite3_last_insert_rowid(store->database);
            return store_commit(store, error);
        }
    }
    store_rollback(store);
    return -1;
}

#define COMMAND_COLUMNS "iimtttiTT" /* schema.sql */

static struct command_row read_command_row(sqlite3_stmt *statement)
{
    return (struct command_row){
        .id = sqlite3_column_int64(statement, 0),
        .run = sqlite3_column_int64(statement, 1),
        .time_ms = sqlite3_column_int64(statement, 2),
        .name = column_text(statement, 3),
        .body = column_text(statement, 4),
        .actor = column_text(statement, 5),
        .uid = sqlite3_column_int64(statement, 6),
        .outcome = column_text(statement, 7),
        .answer = column_text(statement, 8),
    };
}

int store_each_command(struct store *store, int64_t run, command_visitor *visit, void *context,
                       struct error *error)
{
    sqlite3_stmt *statement = statement_get(
        store, run ? STATEMENT_OPEN_COMMANDS_OF_RUN : STATEMENT_OPEN_COMMANDS, error);
    if (!statement)
        return -1;
    if (run)
        bind_int(statement, 1, run);
    int result;
    while ((result = statement_row(store, statement, error)) == 1) {
        if (!row_is_whole(statement, COMMAND_COLUMNS)) {
            result = error_set(error, ERROR_STORE_CORRUPT, "%s: a command is not as pawl writes it",
                               store->path);
            break;
        }
        struct command_row row = read_command_row(statement);
        if ((result = visit(context, &row)))
            break;
    }
    sqlite3_reset(statement);
    return result;
}

int store_answer_command(struct store *store, int64_t id, bool accepted, const char *answer,
                         struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_ANSWER_COMMAND, error);
    if (!statement)
        return -1;
    bind_int(statement, 1, id);
    bind_text(statement, 2, accepted ? "accepted" : "refused");
    bind_text(statement, 3, answer);
    return statement_run(store, statement, error);
}

int store_read_command(struct store *store, int64_t id, command_visitor *visit, void *context,
                       struct error *error)
{
    sqlite3_stmt *statement = statement_get(store, STATEMENT_GET_COMMAND, error);
    if (!statement)
        return -1;
    bind_int(statement, 1, id);
    int result = statement_row(store, statement, error);
    if (result == 1 && !row_is_whole(statement, COMMAND_COLUMNS)) {
        result = error_set(error, ERROR_STORE_CORRUPT, "%s: command %lld is not as pawl writes it",
                           store->path, (long long)id);
    } else if (result == 1) {
        struct command_row row = read_command_row(statement);
        result = visit(context, &row);
    } else if (result == 0) {
        result = error_set(error, ERROR_NOT_FOUND, "there is no command %lld", (long long)id);
    }
    sqlite3_reset(statement);
    return result;
}
