#include "state/statement.h"

#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/text.h"

static const char *const SQL[] = {
#define X(name, sql) sql,
    STATEMENTS(X)
#undef X
};

int refuse_missing(const struct store *store, struct error *error)
{
    error_set(error, ERROR_NOT_FOUND, "there is no store at %s", store->path);
    return error_next(error, "`pawl submit` makes one; --store PATH or PAWL_STORE names another");
}

int refuse_foreign(const struct store *store, struct error *error)
{
    error_set(error, ERROR_STORE_CORRUPT, "%s is not a store of pawl", store->path);
    return error_next(error, "--store PATH or PAWL_STORE names another");
}

/* What to do about SQLite's answers. */
static const struct {
    int code;
    const char *next;
} NEXTS[] = {
    {SQLITE_BUSY, "another process has held the store for too long; nothing is lost, try again"},
    {SQLITE_FULL,
     "free some disk space, then try again; a run that was driven: pawl resume. What is recorded "
     "is not lost"},
    {SQLITE_IOERR,
     "look at the disk, the file size limit and the kernel's log, then try again; a run that was "
     "driven: pawl resume. What is recorded is not lost"},
    {SQLITE_CANTOPEN,
     "is its folder there, may it be written, and are there free file descriptors? Then try again"},
    {SQLITE_READONLY, "make it, its folder and its file system writable for this user, then try again"},
    {SQLITE_NOMEM,
     "give it more memory, then try again; a run that was driven: pawl resume. What is recorded "
     "is not lost"},
};

int statement_error(struct store *store, struct error *error, const char *doing)
{
    int code = sqlite3_errcode(store->database) & 0xFF;
    enum error_code kind = code == SQLITE_CORRUPT ? ERROR_STORE_CORRUPT : ERROR_STORE;
    if (code == SQLITE_NOTADB)
        return refuse_foreign(store, error);
    error_set(error, kind, "%s: %s: %s", store->path, doing, sqlite3_errmsg(store->database));
    for (size_t i = 0; i < sizeof NEXTS / sizeof *NEXTS; i++)
        if (NEXTS[i].code == code)
            error_next(error, "%s", NEXTS[i].next);
    return -1;
}

sqlite3_stmt *statement_get(struct store *store, enum statement which, struct error *error)
{
    sqlite3_stmt **statement = &store->statements[which];
    if (!*statement &&
        sqlite3_prepare_v3(store->database, SQL[which], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL)) {
        statement_error(store, error, "cannot prepare");
        return NULL;
    }
    sqlite3_reset(*statement);
    return *statement;
}

int statement_run(struct store *store, sqlite3_stmt *statement, struct error *error)
{
    int result = sqlite3_step(statement);
    if (result == SQLITE_DONE || result == SQLITE_ROW) {
        sqlite3_reset(statement);
        return 0;
    }
    statement_error(store, error, "cannot write");
    sqlite3_reset(statement);
    return -1;
}

int statement_row(struct store *store, sqlite3_stmt *statement, struct error *error)
{
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        return 1;
    if (result != SQLITE_DONE)
        statement_error(store, error, "cannot read");
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? 0 : -1;
}

void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    if (text)
        sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(statement, index);
}

void bind_int(sqlite3_stmt *statement, int index, int64_t number)
{
    sqlite3_bind_int64(statement, index, number);
}

void bind_digest(sqlite3_stmt *statement, int index, const struct digest *digest)
{
    sqlite3_bind_blob(statement, index, digest->bytes, DIGEST_BYTES, SQLITE_STATIC);
}

const char *column_text(sqlite3_stmt *statement, int index)
{
    return (const char *)sqlite3_column_text(statement, index);
}

static bool text_is_whole(sqlite3_stmt *statement, int index)
{
    const char *text = column_text(statement, index);
    size_t length = (size_t)sqlite3_column_bytes(statement, index);
    return text && strlen(text) == length && utf8_is_valid(text, length);
}

static bool column_is_whole(sqlite3_stmt *statement, int index, char wanted)
{
    int type = sqlite3_column_type(statement, index);
    int64_t number = type == SQLITE_INTEGER ? sqlite3_column_int64(statement, index) : -1;
    switch (wanted) {
    case 'i':
        return type == SQLITE_INTEGER;
    case 'n':
        return number >= 0 && number <= LIMIT_COUNT;
    case 'm':
        return number >= 0 && number <= CLOCK_LATEST_MS;
    case 'b':
        return type == SQLITE_BLOB && sqlite3_column_bytes(statement, index) == DIGEST_BYTES;
    default:
        return type == SQLITE_TEXT ? text_is_whole(statement, index) : wanted == 'T' && type == SQLITE_NULL;
    }
}

bool row_is_whole(sqlite3_stmt *statement, const char *columns)
{
    for (int i = 0; columns[i]; i++)
        if (!column_is_whole(statement, i, columns[i]))
            return false;
    return true;
}

/* Another length than a digest's gives zeros: it will not match. */
struct digest column_digest(sqlite3_stmt *statement, int index)
{
    struct digest digest = {0};
    const void *bytes = sqlite3_column_blob(statement, index);
    if (bytes && sqlite3_column_bytes(statement, index) == DIGEST_BYTES)
        memcpy(digest.bytes, bytes, DIGEST_BYTES);
    return digest;
}
