/* A store's file that somebody else wrote in: what is not ours is refused, and nothing of it runs. */
#include <sqlite3.h>

#include "base/json.h"
#include "base/text.h"
#include "suite.h"
#include "tests/unit/store_support.h"

static void meddle(const char *sql)
{
    sqlite3 *database;
    ck_assert_int_eq(sqlite3_open(test_path, &database), SQLITE_OK);
    char *why = NULL;
    ck_assert_msg(sqlite3_exec(database, sql, NULL, NULL, &why) == SQLITE_OK, "%s: %s", sql, why);
    sqlite3_close(database);
}

static void make_store(void)
{
    make_folder();
    struct store *store = open_store(STORE_CREATE);
    put_run(store, 3);
    store_close(store);
}

static void expect_refused(enum store_mode mode)
{
    struct error error = {0};
    struct store *store = store_open(test_path, mode, &error);
    ck_assert_msg(!store && error.code == ERROR_STORE_CORRUPT, "%s", error.message);
}

START_TEST(schema_that_is_not_ours_is_refused)
{
    static const char *const meddlings[] = {
        "CREATE TABLE more (a)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TRIGGER evil AFTER INSERT ON events BEGIN DELETE FROM locks; END",
        "CREATE INDEX i ON runs (status)",
        "DROP TABLE locks",
        "DROP TABLE locks; CREATE VIEW locks AS SELECT 1 AS run",
        ("DROP TABLE locks; CREATE TABLE locks (identity TEXT NOT NULL, name TEXT NOT NULL, "
         "run INTEGER NOT NULL UNIQUE, PRIMARY KEY (identity, name))"),
    };
    for (size_t i = 0; i < sizeof meddlings / sizeof *meddlings; i++) {
        make_store();
        meddle(meddlings[i]);
        expect_refused(STORE_READ);
        expect_refused(STORE_WRITE);
    }
}
END_TEST

static int count(void *context, const struct record *record)
{
    (void)record;
    ++*(int *)context;
    return 0;
}

START_TEST(row_that_pawl_does_not_write_is_refused)
{
    static const char *const meddlings[] = {
        "UPDATE events SET actor = CAST(x'6dff' AS TEXT) WHERE seq = 2",
        "UPDATE events SET body = CAST(x'7b007d' AS TEXT) WHERE seq = 2",
        "UPDATE events SET time_ms = 9223372036854775807 WHERE seq = 2",
        "UPDATE events SET visit = -1 WHERE seq = 2",
        "UPDATE events SET hash = zeroblob(31) WHERE seq = 2",
    };
    for (size_t i = 0; i < sizeof meddlings / sizeof *meddlings; i++) {
        struct error error = {0};
        int seen = 0;
        make_store();
        meddle("DROP TRIGGER events_are_not_changed");
        meddle(meddlings[i]);
        struct store *store = open_store(STORE_READ);
        ck_assert_int_eq(store_each_record(store, 1, 0, count, &seen, &error), -1);
        ck_assert_msg(error.code == ERROR_STORE_CORRUPT && seen == 1, "%s: %d, %s", meddlings[i], seen,
                      error.message);
        store_close(store);
    }
}
END_TEST

START_TEST(json_that_is_damaged_is_the_store_s_fault)
{
    static const char *const damaged[] = {"{\"inputs\":", "{\"a\":1}}", "nul", "{\"a\":1,\"a\":2}"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        struct error error = {0};
        ck_assert_ptr_null(json_read_stored(damaged[i], "the record's body", &error));
        ck_assert_msg(error.code == ERROR_STORE_CORRUPT && strstr(error.message, "the record's body"),
                      "%s: %s", damaged[i], error.message);
    }
}
END_TEST

START_TEST(a_store_without_its_head_says_so)
{
    struct error error = {0};
    make_store();
    struct store *store = open_store(STORE_WRITE);
    meddle("DELETE FROM store");
    struct run_row row = plain_row(1);
    struct record record = plain_record(1, 4);
    DO(store_begin(store, &error));
    ck_assert_int_eq(store_append(store, &record, &row.head, &error), -1);
    ck_assert_msg(error.code == ERROR_STORE_CORRUPT && strstr(error.message, test_path), "\"%s\"",
                  error.message);
    store_rollback(store);
    store_close(store);
}
END_TEST

START_TEST(utf8_is_told_from_what_is_none)
{
    static const char *const good[] = {"", "a", "é", "€", "𐍈", "\xEF\xBF\xBF"};
    static const char *const bad[] = {
        "\x80", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF0\x9F\x98", "a\xFF"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(utf8_is_valid(good[i], strlen(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!utf8_is_valid(bad[i], strlen(bad[i])), "bad %zu", i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store: hostile");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_add_test(all, schema_that_is_not_ours_is_refused);
    tcase_add_test(all, row_that_pawl_does_not_write_is_refused);
    tcase_add_test(all, json_that_is_damaged_is_the_store_s_fault);
    tcase_add_test(all, a_store_without_its_head_says_so);
    tcase_add_test(all, utf8_is_told_from_what_is_none);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
