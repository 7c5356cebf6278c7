#include "promises.h"

#include <err.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/replay.h"
#include "state/statement.h"

#define STORE  "pawl.db"
#define VALUES "iomesh.yaml"

static const char *const STORE_FILES[] = {STORE, STORE "-wal", STORE "-journal"};

static const char *folder;
static uint64_t garbage;
static long opened;

void promises_begin(const char *scratch, uint64_t seed)
{
    folder = scratch;
    garbage = seed;
}

long promises_opened(void)
{
    return opened;
}

/* ---- the store ---- */

static void put_file(const char *name, const void *bytes, size_t length)
{
    char *path = string_format("%s/%s", folder, name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || write(file, bytes, length) != (ssize_t)length)
        err(2, "%s", path);
    close(file);
    free(path);
}

static void remove_file(const char *name)
{
    char *path = string_format("%s/%s", folder, name);
    unlink(path);
    free(path);
}

/* The WAL's index is shared memory: after a loss it may hold anything. */
static void put_index(void)
{
    uint64_t words[4096];
    garbage = garbage * 6364136223846793005ULL + 1442695040888963407ULL;
    if (garbage >> 62) {
        remove_file(STORE "-shm");
        return;
    }
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        words[i] = garbage = garbage * 6364136223846793005ULL + 1442695040888963407ULL;
    put_file(STORE "-shm", words, sizeof words);
}

static void put_store(const struct view *view)
{
    for (size_t i = 0; i < sizeof STORE_FILES / sizeof *STORE_FILES; i++) {
        const struct content *content = view_content(view, STORE_FILES[i]);
        if (content)
            put_file(STORE_FILES[i], content->bytes, content->length);
        else
            remove_file(STORE_FILES[i]);
    }
    put_index();
}

static void add_rows(struct text *text, sqlite3 *database, const char *table)
{
    char *sql = string_format("SELECT * FROM \"%s\"", table);
    sqlite3_stmt *rows = NULL;
    if (sqlite3_prepare_v2(database, sql, -1, &rows, NULL))
        errx(2, "%s: %s", sql, sqlite3_errmsg(database));
    text_format(text, "%s\n", table);
    while (sqlite3_step(rows) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(rows); i++) {
            int length = sqlite3_column_bytes(rows, i);
            text_format(text, "%d %d ", sqlite3_column_type(rows, i), length);
            if (length)
                text_append(text, sqlite3_column_blob(rows, i), (size_t)length);
        }
    if (sqlite3_finalize(rows))
        errx(2, "%s: %s", sql, sqlite3_errmsg(database));
    free(sql);
}

static struct digest rows_digest(sqlite3 *database)
{
    struct text text = {0};
    sqlite3_stmt *tables = NULL;
    if (sqlite3_prepare_v2(database, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1,
                           &tables, NULL))
        errx(2, "%s", sqlite3_errmsg(database));
    while (sqlite3_step(tables) == SQLITE_ROW)
        add_rows(&text, database, (const char *)sqlite3_column_text(tables, 0));
    sqlite3_finalize(tables);
    struct digest digest = digest_of(text.bytes, text.length);
    text_clear(&text);
    return digest;
}

static int read_rows(struct digest *out, char why[WHY_BYTES])
{
    char *path = string_format("%s/%s", folder, STORE);
    struct error error = {0};
    struct chain_report report = {0};
    struct store *store = store_open(path, STORE_READ, &error);
    free(path);
    *out = (struct digest){0};
    if (!store && error.code == ERROR_NOT_FOUND)
        return 0;
    if (!store) {
        snprintf(why, WHY_BYTES, "the store does not open: %s", error.message);
        return -1;
    }
    int result = replay_verify(store, &report, &error);
    if (result)
        snprintf(why, WHY_BYTES, "audit verify: %s", error.message);
    else if (!report.intact)
        snprintf(why, WHY_BYTES, "audit verify: run %lld, record %lld: %s", (long long)report.bad_run,
                 (long long)report.bad_seq, report.what);
    else
        *out = rows_digest(store->database);
    store_close(store);
    return result || !report.intact ? -1 : 0;
}

/* Stores that have been read, by the digest of their bytes: most losses of a sync point touch other files. */
static struct known {
    struct digest bytes, rows;
} known[512];
static size_t known_count;

static struct digest store_bytes(const struct view *view)
{
    struct digest all = {0};
    for (size_t i = 0; i < sizeof STORE_FILES / sizeof *STORE_FILES; i++) {
        const struct content *content = view_content(view, STORE_FILES[i]);
        struct digest one = content ? digest_of(content->bytes ? content->bytes : (const unsigned char *)"",
                                                content->length)
                                    : (struct digest){.bytes = {(unsigned char)(i + 1)}};
        all = digest_of_two(&all, sizeof all, &one, sizeof one);
    }
    return all;
}

int store_rows(const struct view *view, struct digest *out, char why[WHY_BYTES])
{
    struct digest bytes = store_bytes(view);
    size_t limit = known_count < 512 ? known_count : 512;
    for (size_t i = 0; i < limit; i++)
        if (!memcmp(&known[i].bytes, &bytes, sizeof bytes)) {
            *out = known[i].rows;
            return 0;
        }
    put_store(view);
    opened++;
    if (read_rows(out, why))
        return -1;
    known[known_count++ % 512] = (struct known){bytes, *out};
    return 0;
}

/* ---- the promises ---- */

static bool same(const struct digest *one, const struct digest *other)
{
    return !memcmp(one, other, sizeof *one);
}

/* What was committed is there; what was not yet is there whole or not at all. */
static int check_rows(const struct digest *rows, const struct history *history, int acknowledged,
                      char why[WHY_BYTES])
{
    for (int i = acknowledged; i <= acknowledged + 1 && i <= history->commits; i++)
        if (same(rows, &history->snapshots[i]))
            return 0;
    for (int i = 0; i <= history->commits; i++)
        if (same(rows, &history->snapshots[i])) {
            snprintf(why, WHY_BYTES, "the store is as after commit %d, but %d were acknowledged", i,
                     acknowledged);
            return -1;
        }
    snprintf(why, WHY_BYTES, "the store is as it never was (%d commits acknowledged)", acknowledged);
    return -1;
}

static int check_values(const struct view *view, const struct history *history, char why[WHY_BYTES])
{
    const struct content *content = view_content(view, VALUES);
    struct digest digest = content ? digest_of(content->bytes, content->length) : (struct digest){0};
    for (int i = 0; content && i < history->values_count; i++)
        if (same(&digest, &history->values[i]))
            return 0;
    snprintf(why, WHY_BYTES, "the values file is %s", content ? "neither the old nor the new one" : "gone");
    return -1;
}

/* One that is not there is read as empty. */
static bool equal(const struct content *one, const struct content *other)
{
    size_t length = one ? one->length : 0, other_length = other ? other->length : 0;
    return length == other_length && (!length || !memcmp(one->bytes, other->bytes, length));
}

static bool ends_with(const char *name, const char *ending)
{
    size_t length = strlen(name), ending_length = strlen(ending);
    return length >= ending_length && !strcmp(name + length - ending_length, ending);
}

/* An exit record is believed for ever: so it is whole, and so is the output that it speaks of. */
static int check_exit(const struct view *view, const struct view *whole, const char *name,
                      char why[WHY_BYTES])
{
    static const char *const endings[] = {"exit", "out", "err"};
    for (int i = 0; i < 3; i++) {
        char *file = string_format("%.*s%s", (int)(strlen(name) - strlen("exit")), name, endings[i]);
        bool fits = equal(view_content(view, file), view_content(whole, file));
        if (!fits)
            snprintf(why, WHY_BYTES, "%s is there, but %s is not whole", name, file);
        free(file);
        if (!fits)
            return -1;
    }
    return 0;
}

static int check_keepers(const struct view *view, const struct view *whole, char why[WHY_BYTES])
{
    const struct content *marks = view_content(view, "marks");
    bool started = false;
    for (int i = 0; i < view->names.count; i++) {
        const struct entry *entry = &view->names.entries[i];
        if (!view_has(view, entry))
            continue;
        started = started || ends_with(entry->name, ".started");
        if (ends_with(entry->name, ".exit") && check_exit(view, whole, entry->name, why))
            return -1;
    }
    if (!marks || !marks->length || started)
        return 0;
    snprintf(why, WHY_BYTES, "a `once` program has run, but there is no `started` record");
    return -1;
}

/* ---- which views are alike ---- */

static int by_name(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

/* What a keeper leaves; not its child's process, which is another each time. */
static void add_keepers(struct text *text, const struct view *view)
{
    static const char *const endings[] = {".started", ".exit", ".out", ".err", ".cancel"};
    const char *names[256];
    size_t count = 0;
    for (int i = 0; i < view->names.count && count < 256; i++)
        for (int j = 0; j < 5; j++)
            if (ends_with(view->names.entries[i].name, endings[j]) && view_has(view, &view->names.entries[i]))
                names[count++] = view->names.entries[i].name;
    qsort(names, count, sizeof *names, by_name);
    for (size_t i = 0; i < count; i++) {
        const struct content *content = view_content(view, names[i]);
        text_format(text, "%s %zu\n", names[i], content->length);
        text_append(text, content->bytes ? content->bytes : (const unsigned char *)"", content->length);
    }
}

static int effects(const struct view *view)
{
    const struct content *log = view_content(view, "sim.json.log");
    int count = 0;
    for (size_t at = 0; log && at + 9 < log->length; at++)
        count += !memcmp(log->bytes + at, "\"effect\":", 9);
    return count;
}

static struct digest key_of(const struct view *view, const struct digest *rows)
{
    const struct content *marks = view_content(view, "marks"), *values = view_content(view, VALUES);
    struct text text = {0};
    text_append(&text, rows, sizeof *rows);
    text_format(&text, "%d %zu\n", effects(view), marks ? marks->length : 0);
    if (values)
        text_append(&text, values->bytes, values->length);
    add_keepers(&text, view);
    struct digest digest = digest_of(text.bytes, text.length);
    text_clear(&text);
    return digest;
}

int promises_check(const struct view *view, const struct view *whole, const struct history *history,
                   int acknowledged, struct digest *out_key, char why[WHY_BYTES])
{
    struct digest rows;
    if (store_rows(view, &rows, why) || check_rows(&rows, history, acknowledged, why) ||
        check_values(view, history, why) || check_keepers(view, whole, why))
        return -1;
    *out_key = key_of(view, &rows);
    return 0;
}
