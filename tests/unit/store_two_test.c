/* Two handles on one store, as two processes have them: fencing, locks, commands, waiting for each other; and
 * what others do to its file. */
#include <sqlite3.h>
#include <sys/wait.h>

#include "store_support.h"
#include "suite.h"

struct seen {
    int64_t runs[8];
    int count;
    char text[64];
};

START_TEST(a_driver_that_was_overtaken_is_fenced)
{
    struct store *mine = open_store(STORE_CREATE), *theirs = open_store(STORE_WRITE);
    struct error error = {0};
    int64_t run = put_run(mine, 1);
    DO(store_begin(mine, &error));
    DO(store_fence(mine, run, 1, &error));
    DO(store_commit(mine, &error));
    struct run_row row = plain_row(run);
    row.epoch = 2;
    DO(store_begin(theirs, &error));
    DO(store_put_run(theirs, &row, &error));
    DO(store_commit(theirs, &error));
    DO(store_begin(mine, &error));
    ck_assert_int_eq(store_fence(mine, run, 1, &error), -1);
    ck_assert_int_eq(error.code, ERROR_FENCED);
    store_rollback(mine);
    store_close(mine);
    store_close(theirs);
}
END_TEST

START_TEST(the_chain_goes_on_where_another_process_left_it)
{
    struct store *mine = open_store(STORE_CREATE), *theirs = open_store(STORE_WRITE);
    for (int i = 0; i < 5; i++) {
        put_run(mine, 2);
        put_run(theirs, 3);
    }
    store_close(mine);
    store_close(theirs);
    sqlite3 *database;
    ck_assert_int_eq(sqlite3_open(test_path, &database), 0);
    sqlite3_stmt *statement;
    sqlite3_prepare_v2(database, "SELECT records FROM store", -1, &statement, NULL);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int(statement, 0), 25);
    sqlite3_finalize(statement);
    sqlite3_close(database);
}
END_TEST

static int see_command(void *context, const struct command_row *row)
{
    struct seen *seen = context;
    seen->runs[seen->count++] = row->id;
    snprintf(seen->text, sizeof seen->text, "%s/%s/%s", row->name, row->outcome ? row->outcome : "-",
             row->answer ? row->answer : "-");
    return 0;
}

START_TEST(a_command_is_seen_once_and_answered)
{
    struct store *mine = open_store(STORE_CREATE), *theirs = open_store(STORE_WRITE);
    struct error error = {0};
    int64_t before = store_data_version(mine, &error);
    struct command_row row = {
        .run = 7, .time_ms = 1, .name = "pause", .body = "{}", .actor = "you", .uid = 5};
    DO(store_put_command(theirs, &row, &error));
    ck_assert_int_gt(row.id, 0);
    ck_assert_int_ne(store_data_version(mine, &error), before);
    struct seen seen = {0};
    DO(store_each_command(mine, 8, see_command, &seen, &error));
    ck_assert_int_eq(seen.count, 0);
    DO(store_each_command(mine, 7, see_command, &seen, &error));
    DO(store_each_command(mine, 0, see_command, &seen, &error));
    ck_assert_int_eq(seen.count, 2);
    ck_assert_str_eq(seen.text, "pause/-/-");
    DO(store_begin(mine, &error));
    DO(store_answer_command(mine, row.id, false, "no", &error));
    DO(store_commit(mine, &error));
    seen = (struct seen){0};
    DO(store_each_command(theirs, 0, see_command, &seen, &error));
    ck_assert_int_eq(seen.count, 0);
    DO(store_read_command(theirs, row.id, see_command, &seen, &error));
    ck_assert_str_eq(seen.text, "pause/refused/no");
    store_close(mine);
    store_close(theirs);
}
END_TEST

START_TEST(own_commits_do_not_change_the_data_version)
{
    struct store *store = open_store(STORE_CREATE);
    struct error error = {0};
    int64_t before = store_data_version(store, &error);
    put_run(store, 1);
    ck_assert_int_eq(store_data_version(store, &error), before);
    store_close(store);
}
END_TEST

START_TEST(a_lock_is_held_by_one_run_until_it_lets_go)
{
    struct store *store = open_store(STORE_CREATE);
    struct error error = {0};
    int64_t holder = 0;
    DO(store_begin(store, &error));
    DO(store_take_lock(store, "cluster", "ns/name", 1, &holder, &error));
    ck_assert_int_eq(holder, 1);
    DO(store_take_lock(store, "cluster", "ns/name", 2, &holder, &error));
    ck_assert_int_eq(holder, 1);
    DO(store_take_lock(store, "cluster", "ns/name", 1, &holder, &error));
    ck_assert_int_eq(holder, 1);
    DO(store_take_lock(store, "another", "ns/name", 2, &holder, &error));
    ck_assert_int_eq(holder, 2);
    DO(store_release_lock(store, 1, &error));
    DO(store_take_lock(store, "cluster", "ns/name", 3, &holder, &error));
    ck_assert_int_eq(holder, 3);
    DO(store_commit(store, &error));
    store_close(store);
}
END_TEST

static void hold_for_a_moment(int ready)
{
    struct store *store = open_store(STORE_WRITE);
    struct error error = {0};
    if (store_begin(store, &error) || write(ready, "x", 1) != 1)
        _exit(1);
    usleep(200000); /* the other one is in store_begin by then, or comes later: both must work */
    _exit(store_commit(store, &error) ? 1 : 0);
}

START_TEST(a_commit_waits_for_another_process)
{
    store_close(open_store(STORE_CREATE));
    int ends[2], status;
    char byte;
    ck_assert_int_eq(pipe(ends), 0);
    fflush(NULL);
    pid_t pid = fork();
    if (!pid)
        hold_for_a_moment(ends[1]);
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    struct store *store = open_store(STORE_WRITE);
    put_run(store, 1);
    store_close(store);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* Moved away by somebody, or another file in its place. */
START_TEST(nothing_is_committed_into_a_store_that_has_gone)
{
    struct store *store = open_store(STORE_CREATE);
    struct error error = {0};
    struct record record = plain_record(1, 2);
    struct digest head = {0};
    int64_t before, after;
    put_run(store, 1);
    DO(store_newest_seq(store, 1, &before, &error));
    char *aside = string_format("%s.aside", test_path);
    DO(store_begin(store, &error));
    DO(store_append(store, &record, &head, &error));
    ck_assert_int_eq(rename(test_path, aside), 0);
    ck_assert_int_eq(store_commit(store, &error), -1);
    ck_assert_msg(strstr(error.message, "was removed, renamed or replaced") != NULL, "%s", error.message);
    ck_assert_int_eq(rename(aside, test_path), 0);
    DO(store_newest_seq(store, 1, &after, &error));
    ck_assert_int_eq(before, after);
    put_run(store, 2); /* it is back */
    store_close(store);
    free(aside);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store: two processes");
    TCase *two = tcase_create("all");
    tcase_add_checked_fixture(two, make_folder, remove_folder);
    tcase_set_timeout(two, 60);
    tcase_add_test(two, a_driver_that_was_overtaken_is_fenced);
    tcase_add_test(two, the_chain_goes_on_where_another_process_left_it);
    tcase_add_test(two, a_command_is_seen_once_and_answered);
    tcase_add_test(two, own_commits_do_not_change_the_data_version);
    tcase_add_test(two, a_lock_is_held_by_one_run_until_it_lets_go);
    tcase_add_test(two, a_commit_waits_for_another_process);
    tcase_add_test(two, nothing_is_committed_into_a_store_that_has_gone);
    suite_add_tcase(suite, two);
    return suite_run(suite);
}
