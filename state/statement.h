/* Prepared statements: one table names them all, each is prepared at its first use and kept for the life of
 * the handle. Private to state/. */
#ifndef PAWL_STATE_STATEMENT_H
#define PAWL_STATE_STATEMENT_H

#include <sqlite3.h>

#include "state/store.h"

#define STATEMENTS(X)                                                                                        \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                              \
    X(BEGIN_READING, "BEGIN")                                                                                \
    X(COMMIT, "COMMIT")                                                                                      \
    X(ROLLBACK, "ROLLBACK")                                                                                  \
    X(DATA_VERSION, "PRAGMA data_version")                                                                   \
    X(PUT_JOB, "INSERT INTO jobs VALUES (?1, ?2) ON CONFLICT DO NOTHING")                                    \
    X(PUT_MACHINE, "INSERT INTO machines VALUES (?1, ?2) ON CONFLICT DO NOTHING")                            \
    X(GET_JOB, "SELECT source FROM jobs WHERE digest = ?1")                                                  \
    X(GET_MACHINE, "SELECT json FROM machines WHERE digest = ?1")                                            \
    X(NEXT_RUN, "SELECT max(coalesce((SELECT max(run) FROM runs), 0), "                                      \
                "coalesce((SELECT max(run) FROM events), 0)) + 1")                                           \
    X(APPEND,                                                                                                \
      "INSERT INTO events (run, seq, time_ms, event, step, visit, attempt, epoch, actor, body, hash) "       \
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")                                               \
    X(GET_HEAD, "SELECT records, head FROM store")                                                           \
    X(SET_HEAD, "UPDATE store SET records = ?1, head = ?2 WHERE one = 1")                                    \
    X(PUT_RUN, "INSERT INTO runs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, " \
               "?16, ?17, ?18, ?19)")                                                                        \
    X(PUT_STEP, "INSERT INTO steps VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")                   \
    X(MOVE_RUN, "UPDATE runs SET step = ?3, waiting = ?4, error = ?5, driver = ?6, epoch = ?7, "             \
                "finished_ms = ?8, seq = ?9, head = ?10 WHERE run = ?1 AND status = ?2")                     \
    X(CHANGE_RUN,                                                                                            \
      "UPDATE runs SET status = ?2, step = ?3, waiting = ?4, error = ?5, driver = ?6, epoch = ?7, "          \
      "finished_ms = ?8, seq = ?9, head = ?10 WHERE run = ?1")                                               \
    X(MOVE_STEP, "UPDATE steps SET status = ?3, visit = ?4, attempt = ?5, started_ms = ?6, "                 \
                 "finished_ms = ?7, outputs = ?8, error = ?9 WHERE run = ?1 AND position = ?2")              \
    X(GET_EPOCH, "SELECT epoch FROM runs WHERE run = ?1")                                                    \
    X(NEWEST_SEQ, "SELECT coalesce(max(seq), 0) FROM events WHERE run = ?1")                                 \
    X(NEWEST_RUN, "SELECT coalesce(max(run), 0) FROM events")                                                \
    X(DROP_RUNS, "DELETE FROM runs")                                                                         \
    X(DROP_STEPS, "DELETE FROM steps")                                                                       \
    X(GET_RUN, "SELECT * FROM runs WHERE run = ?1")                                                          \
    X(EACH_STEP, "SELECT * FROM steps WHERE run = ?1 ORDER BY position")                                     \
    X(EACH_RECORD, "SELECT run, seq, time_ms, event, step, visit, attempt, epoch, actor, body, hash "        \
                   "FROM events ORDER BY id")                                                                \
    X(EACH_RECORD_OF_RUN, "SELECT run, seq, time_ms, event, step, visit, attempt, epoch, actor, body, hash " \
                          "FROM events WHERE run = ?1 AND seq > ?2 ORDER BY seq")                            \
    X(AUDIT_RECORDS, "SELECT id, run, seq, time_ms, event, step, visit, attempt, epoch, actor, body, hash "  \
                     "FROM events ORDER BY id")                                                              \
    X(CHECK_PAGES, "PRAGMA integrity_check(events)")                                                         \
    X(FIND_KEY, "SELECT run FROM runs WHERE key = ?1")                                                       \
    X(TAKE_LOCK, "INSERT INTO locks VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")                             \
    X(LOCK_OF_RUN, "SELECT identity, name FROM locks WHERE run = ?1")                                        \
    X(COUNT_LOCKS, "SELECT count(*) FROM locks")                                                             \
    X(DROP_LOCKS, "DELETE FROM locks")                                                                       \
    X(LOCK_HOLDER, "SELECT run FROM locks WHERE identity = ?1 AND name = ?2")                                \
    X(RELEASE_LOCK, "DELETE FROM locks WHERE run = ?1")                                                      \
    X(PUT_COMMAND,                                                                                           \
      "INSERT INTO commands (run, time_ms, name, body, actor, uid) SELECT ?1, ?2, ?3, ?4, ?5, ?6 "           \
      "WHERE NOT EXISTS (SELECT 1 FROM runs WHERE run = ?1 AND status IN ('succeeded', 'cancelled', "        \
      "'rolled_back'))")                                                                                     \
    X(OPEN_COMMANDS, "SELECT * FROM commands INDEXED BY open_commands WHERE outcome IS NULL ORDER BY id")    \
    X(OPEN_COMMANDS_OF_RUN, "SELECT * FROM commands WHERE run = ?1 AND outcome IS NULL ORDER BY id")         \
    X(ANSWER_COMMAND, "UPDATE commands SET outcome = ?2, answer = ?3 WHERE id = ?1")                         \
    X(GET_COMMAND, "SELECT * FROM commands WHERE id = ?1")

enum statement {
#define X(name, sql) STATEMENT_##name,
    STATEMENTS(X)
#undef X
        STATEMENT_COUNT
};

struct store {
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    char *path, *folder, *uuid;
    bool is_team;       /* the path that was named is the team's */
    struct digest head; /* of the store's chain, within the open transaction */
    int64_t records;
    bool head_known; /* read in this transaction */
    bool in_transaction;
    void (*tell_commit)(void *context, bool committed); /* NULL: nobody wants to know */
    void *tell_context;
};

/* Ready to bind; NULL with the error filled. Reset by the next call for the same statement. */
sqlite3_stmt *statement_get(struct store *store, enum statement which, struct error *error);
/* Steps a statement that gives no rows, and resets it. */
int statement_run(struct store *store, sqlite3_stmt *statement, struct error *error);
/* Steps to the next row: 1, 0 at the end, -1 with the error filled. Not reset. */
int statement_row(struct store *store, sqlite3_stmt *statement, struct error *error);
/* SQLite's own message as an error of the store. */
int statement_error(struct store *store, struct error *error, const char *doing);
/* There is nothing yet: no file, or an empty one, as a store is whose making was cut off. */
int refuse_missing(const struct store *store, struct error *error);
/* The file is something else than a store. */
int refuse_foreign(const struct store *store, struct error *error);

/* Binding: NULL text binds NULL; nothing is copied, so the text must outlive the step. */
void bind_text(sqlite3_stmt *statement, int index, const char *text);
void bind_int(sqlite3_stmt *statement, int index, int64_t number);
void bind_digest(sqlite3_stmt *statement, int index, const struct digest *digest);
/* Whether the row's columns hold what pawl writes there, one letter each: i an integer, n a small count, m a
 * time, t text in UTF-8, T text or NULL, b a digest. A damaged or hostile file may hold anything anywhere. */
bool row_is_whole(sqlite3_stmt *statement, const char *columns);
/* Columns: borrowed until the next step. */
const char *column_text(sqlite3_stmt *statement, int index);
struct digest column_digest(sqlite3_stmt *statement, int index);

#endif
