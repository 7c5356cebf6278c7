#include "state/migrate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/memory.h"
#include "state/statement.h"

static const char SCHEMA[] =
#include "schema.sql.h"
    ;

/* MIGRATIONS[n] brings a store of version n to n + 1; version 0 is an empty file. */
static const char *const MIGRATIONS[SCHEMA_VERSION] = {SCHEMA};

static int read_version(struct store *store, int *out, struct error *error)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(store->database, "PRAGMA user_version", -1, &statement, NULL))
        return statement_error(store, error, "cannot read");
    int result = statement_row(store, statement, error);
    *out = result == 1 ? sqlite3_column_int(statement, 0) : 0;
    sqlite3_finalize(statement);
    return result < 0 ? -1 : 0;
}

static int is_empty(struct store *store, bool *out, struct error *error)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(store->database, "SELECT count(*) FROM sqlite_schema", -1, &statement, NULL))
        return statement_error(store, error, "cannot read");
    int result = statement_row(store, statement, error);
    *out = result == 1 && sqlite3_column_int(statement, 0) == 0;
    sqlite3_finalize(statement);
    return result < 0 ? -1 : 0;
}

/* A version 4 UUID: it names this store in keys, tokens and leases. */
static int put_identity(struct store *store, struct error *error)
{
    unsigned char b[16];
    char uuid[37];
    if (getrandom(b, sizeof b, 0) != sizeof b)
        return error_set_errno(error, ERROR_SYSTEM, "no random bits");
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
    snprintf(uuid, sizeof uuid, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(store->database, "INSERT INTO store VALUES (1, ?1, 0, zeroblob(32))", -1,
                           &statement, NULL))
        return statement_error(store, error, "cannot write");
    bind_text(statement, 1, uuid);
    int result = statement_run(store, statement, error);
    sqlite3_finalize(statement);
    return result;
}

static int bring_forward(struct store *store, int version, struct error *error)
{
    char *done = string_format("PRAGMA user_version = %d", version + 1);
    int result = sqlite3_exec(store->database, MIGRATIONS[version], NULL, NULL, NULL)
                     ? statement_error(store, error, "cannot migrate")
                     : 0;
    if (!result && version == 0)
        result = put_identity(store, error);
    if (!result && sqlite3_exec(store->database, done, NULL, NULL, NULL))
        result = statement_error(store, error, "cannot migrate");
    free(done);
    return result;
}

static int refuse_old(const struct store *store, int version, struct error *error)
{
    error_set(error, ERROR_STORE, "%s has the older schema %d, and is open for reading only", store->path,
              version);
    return error_next(error, "any command that writes brings it forward, `pawl resume` for one");
}

int check_is_store(struct store *store, enum store_mode mode, struct error *error)
{
    int version = 0;
    bool empty = false;
    if (read_version(store, &version, error)) {
        /* Only what comes before the write-ahead log is rolled back: a store whose making was cut off. */
        bool cut_off = sqlite3_extended_errcode(store->database) == SQLITE_READONLY_ROLLBACK;
        return cut_off ? refuse_missing(store, error) : -1;
    }
    if (version != 0)
        return 0;
    /* Asked again: another process may just have made it. */
    if (is_empty(store, &empty, error) || read_version(store, &version, error))
        return -1;
    if (!empty)
        return version == 0 ? refuse_foreign(store, error) : 0;
    return version != 0 || mode == STORE_CREATE ? 0 : refuse_missing(store, error);
}

/* ---- is it our schema? ---- */

/* One of the statements that the migrations are made of, whole. */
static bool is_ours(const char *sql)
{
    size_t length = strlen(sql);
    for (int i = 0; i < SCHEMA_VERSION; i++) {
        const char *found = strstr(MIGRATIONS[i], sql);
        if (found && (found == MIGRATIONS[i] || found[-1] == '\n') && found[length] == ';')
            return true;
    }
    return false;
}

static int count_tables(void)
{
    int count = 0;
    for (int i = 0; i < SCHEMA_VERSION; i++)
        for (const char *at = MIGRATIONS[i]; (at = strstr(at, "CREATE TABLE ")); at++)
            count++;
    return count;
}

/* A store is input: a trigger more would run with our rights, a table of another shape would give rows that
 * nothing expects. SQLite's own tables have no triggers and are not read. What is missing of triggers and
 * indexes only makes it weaker and slower, and the audit can still be read. */
static int check_schema(struct store *store, struct error *error)
{
    static const char all[] =
        "SELECT sql, type = 'table' FROM sqlite_schema WHERE sql IS NOT NULL AND NOT (type = 'table' AND name IN "
        "('sqlite_sequence', 'sqlite_stat1', 'sqlite_stat4'))";
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(store->database, all, -1, &statement, NULL))
        return statement_error(store, error, "cannot read");
    int result, tables = 0;
    bool ours = true;
    while (ours && (result = statement_row(store, statement, error)) == 1) {
        const char *sql = column_text(statement, 0);
        ours = sql && is_ours(sql);
        tables += sqlite3_column_int(statement, 1);
    }
    sqlite3_finalize(statement);
    if (ours && result < 0)
        return -1;
    if (ours && tables == count_tables())
        return 0;
    error_set(error, ERROR_STORE_CORRUPT, "%s has not the tables of a store of pawl", store->path);
    return error_next(error, "somebody changed its schema: go on with a copy from before that");
}

int migrate(struct store *store, enum store_mode mode, struct error *error)
{
    int version = 0;
    bool empty = false;
    if (read_version(store, &version, error))
        return -1;
    if (version == SCHEMA_VERSION)
        return check_schema(store, error);
    if (version > SCHEMA_VERSION) {
        error_set(error, ERROR_STORE_TOO_NEW, "%s was written by a newer pawl (schema %d, this one knows %d)",
                  store->path, version, SCHEMA_VERSION);
        return error_next(error, "use that pawl; nothing was changed");
    }
    if (mode == STORE_READ)
        return refuse_old(store, version, error);
    if (store_begin(store, error))
        return -1;
    /* Looked at again, now that nobody else writes: another process may have been faster. */
    int result = read_version(store, &version, error);
    if (!result)
        result = is_empty(store, &empty, error);
    if (!result && version == 0 && !empty)
        result = refuse_foreign(store, error);
    for (; !result && version < SCHEMA_VERSION; version++)
        result = bring_forward(store, version, error);
    if (!result)
        return store_commit(store, error);
    store_rollback(store);
    return -1;
}
