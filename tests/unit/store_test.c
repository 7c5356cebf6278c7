#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "store_support.h"
#include "suite.h"

static sqlite3 *raw_open(void)
{
    sqlite3 *database;
    ck_assert_int_eq(sqlite3_open(test_path, &database), 0);
    return database;
}

static int raw(const char *sql)
{
    sqlite3 *database = raw_open();
    int result = sqlite3_exec(database, sql, NULL, NULL, NULL);
    sqlite3_close(database);
    return result;
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    ck_assert_msg(stat(path, &status) == 0, "%s", path);
    return status.st_mode & 07777;
}

/* Runs `body` in a process of its own; its exit status. */
static int in_child(void (*body)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        body();
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* ---- opening ---- */

START_TEST(a_new_store_has_its_modes_whatever_the_umask)
{
    static const mode_t masks[] = {0, 022, 077, 0777 & ~0700};
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        make_folder();
        mode_t old = umask(masks[i]);
        store_close(open_store(STORE_CREATE));
        umask(old);
        char *folder = string_format("%s/state", test_folder), *beside = string_format("%s.d", test_path),
             *log = string_format("%s-wal", test_path);
        ck_assert_uint_eq(mode_of(folder), 0700);
        ck_assert_uint_eq(mode_of(beside), 0700);
        ck_assert_uint_eq(mode_of(test_path), 0600);
        ck_assert_uint_eq(mode_of(log), 0600);
        free(folder);
        free(beside);
        free(log);
        remove_folder();
    }
    make_folder();
}
END_TEST

START_TEST(what_is_made_in_a_team_s_folder_is_the_team_s)
{
    struct error error = {0};
    char *shared = string_format("%s/shared", test_folder), *own = string_format("%s/own", test_folder),
         *lock_path = string_format("%s/a.lock", shared), *folder = string_format("%s/b", shared);
    mode_t old = umask(077);
    DO(folder_make(shared, 02770, &error));
    DO(folder_make(own, 0700, &error));
    ck_assert_uint_eq(mode_of(shared), 02770);
    int lock = lock_take(lock_path, file_mode_at(lock_path), &error);
    ck_assert_uint_eq(mode_of(lock_path), 0660);
    ck_assert_uint_eq(folder_mode_at(folder), 02770);
    close(lock);
    free(lock_path);
    lock_path = string_format("%s/a.lock", own);
    ck_assert_uint_eq(file_mode_at(lock_path), 0600);
    ck_assert_uint_eq(folder_mode_at(lock_path), 0700);
    umask(old);
    free(shared);
    free(own);
    free(lock_path);
    free(folder);
}
END_TEST

static void look_at_lock_as_nobody(void)
{
    char *path = string_format("%s/own/a.lock", test_folder);
    if (!geteuid() && (setgid(65534) || setuid(65534)))
        _exit(2);
    _exit(lock_is_held(path) ? 0 : 1);
}

START_TEST(a_lock_that_may_not_be_looked_at_counts_as_held)
{
    struct error error = {0};
    char *own = string_format("%s/own", test_folder), *path = string_format("%s/a.lock", own);
    chmod(test_folder, 0755);
    DO(folder_make(own, 0700, &error));
    ck_assert(!lock_is_held(path));
    if (!geteuid())
        ck_assert_int_eq(in_child(look_at_lock_as_nobody), 0);
    free(own);
    free(path);
}
END_TEST

START_TEST(a_missing_store_is_not_made_by_a_reader)
{
    struct error error = {0};
    ck_assert_ptr_null(store_open(test_path, STORE_READ, &error));
    ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
    ck_assert_ptr_null(store_open(test_path, STORE_WRITE, &error));
    ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
    ck_assert_int_ne(access(test_path, F_OK), 0);
}
END_TEST

START_TEST(a_symlink_in_the_place_of_the_store_is_refused)
{
    char *elsewhere = string_format("%s/elsewhere.db", test_folder);
    char *folder = string_format("%s/state", test_folder);
    struct error error = {0};
    mkdir(folder, 0700);
    ck_assert_int_eq(symlink(elsewhere, test_path), 0);
    ck_assert_ptr_null(store_open(test_path, STORE_CREATE, &error));
    ck_assert_int_ne(access(elsewhere, F_OK), 0);
    close(open(elsewhere, O_CREAT | O_WRONLY, 0600));
    ck_assert_ptr_null(store_open(test_path, STORE_CREATE, &error));
    ck_assert_int_eq(error.code, ERROR_STORE);
    free(elsewhere);
    free(folder);
}
END_TEST

START_TEST(another_program_s_database_is_left_alone)
{
    char *folder = string_format("%s/state", test_folder);
    struct error error = {0};
    mkdir(folder, 0700);
    free(folder);
    ck_assert_int_eq(raw("CREATE TABLE theirs (a)"), 0);
    ck_assert_ptr_null(store_open(test_path, STORE_WRITE, &error));
    ck_assert_int_eq(error.code, ERROR_STORE_CORRUPT);
    ck_assert_int_eq(raw("INSERT INTO theirs VALUES (1)"), 0);
    ck_assert_int_ne(raw("SELECT * FROM events"), 0);
}
END_TEST

START_TEST(a_newer_store_is_refused_and_not_changed)
{
    struct error error = {0};
    store_close(open_store(STORE_CREATE));
    ck_assert_int_eq(raw("PRAGMA user_version = 99"), 0);
    static const enum store_mode modes[] = {STORE_READ, STORE_WRITE, STORE_CREATE};
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_null(store_open(test_path, modes[i], &error));
        ck_assert_int_eq(error.code, ERROR_STORE_TOO_NEW);
        ck_assert_ptr_nonnull(strstr(error.message, "99"));
    }
    ck_assert_int_eq(raw("PRAGMA user_version = 1"), 0);
    store_close(open_store(STORE_READ));
}
END_TEST

/* As a store is whose making was cut off. */
START_TEST(an_empty_file_is_no_store_yet)
{
    char *folder = string_format("%s/state", test_folder);
    struct error error = {0};
    mkdir(folder, 0700);
    free(folder);
    close(open(test_path, O_CREAT | O_WRONLY, 0600));
    static const enum store_mode modes[] = {STORE_READ, STORE_WRITE};
    struct stat status;
    for (int i = 0; i < 2; i++) {
        ck_assert_ptr_null(store_open(test_path, modes[i], &error));
        ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
        ck_assert_ptr_nonnull(strstr(error.message, "there is no store"));
        ck_assert(!stat(test_path, &status) && status.st_size == 0);
    }
    struct store *store = open_store(STORE_CREATE);
    put_run(store, 1);
    store_close(store);
}
END_TEST

/* SQLite makes an empty file ready for its log under a journal: killed there, it leaves one that is to be
 * rolled back. */
static void leave_hot_journal(void)
{
    sqlite3 *database;
    char *aside = string_format("%s/aside.db", test_folder), *command;
    ck_assert_int_eq(sqlite3_open(aside, &database), 0);
    ck_assert_int_eq(sqlite3_exec(database,
                                  "PRAGMA cache_size = 1; BEGIN; CREATE TABLE t (x);"
                                  "INSERT INTO t VALUES (zeroblob(1000000));",
                                  NULL, NULL, NULL),
                     0);
    command = string_format("mkdir -p '%s/state' && cp '%s' '%s' && cp '%s-journal' '%s-journal'",
                            test_folder, aside, test_path, aside, test_path);
    ck_assert_int_eq(system(command), 0);
    sqlite3_close(database);
    free(command);
    free(aside);
}

START_TEST(a_store_whose_making_was_cut_off_is_no_store_yet)
{
    struct error error = {0};
    leave_hot_journal();
    ck_assert_ptr_null(store_open(test_path, STORE_READ, &error));
    ck_assert_msg(strstr(error.message, "there is no store") != NULL, "%s", error.message);
    ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
    store_close(open_store(STORE_CREATE));
    store_close(open_store(STORE_READ));
}
END_TEST

/* Names and contents of all files. */
static char *folder_sum(const char *folder)
{
    char *command = string_format("cd '%s' && ls -A && cksum *", folder);
    FILE *from = popen(command, "r");
    char *sum = memory_new(4096);
    sum[fread(sum, 1, 4095, from)] = '\0';
    ck_assert_int_eq(pclose(from), 0);
    free(command);
    return sum;
}

static void put_foreign_database(void)
{
    ck_assert_int_eq(raw("CREATE TABLE t (x)"), 0);
}

static void put_text(void)
{
    ck_assert_int_eq(file_replace(test_path, "text", 4, 0600, NULL), 0);
}

static void put_link(void)
{
    ck_assert_int_eq(symlink("/etc/hostname", test_path), 0);
}

START_TEST(what_is_refused_is_left_as_it_was)
{
    static void (*const puts[])(void) = {put_foreign_database, put_text, put_link};
    for (size_t i = 0; i < sizeof puts / sizeof *puts; i++) {
        make_folder();
        char *folder = string_format("%s/state", test_folder);
        ck_assert_int_eq(mkdir(folder, 0700), 0);
        puts[i]();
        char *before = folder_sum(folder);
        struct error error = {0};
        ck_assert_ptr_null(store_open(test_path, STORE_CREATE, &error));
        ck_assert_ptr_null(store_open(test_path, STORE_WRITE, &error));
        char *after = folder_sum(folder);
        ck_assert_str_eq(before, after);
        free(before);
        free(after);
        free(folder);
    }
}
END_TEST

static void open_at_once(void)
{
    struct error error = {0};
    struct store *store = store_open(test_path, STORE_CREATE, &error);
    if (!store) {
        fprintf(stderr, "%s\n", error.message);
        _exit(1);
    }
    int64_t run;
    if (store_begin(store, &error) || store_next_run(store, &run, &error))
        _exit(1);
    struct run_row row = plain_row(run);
    if (store_put_run(store, &row, &error) || store_commit(store, &error))
        _exit(1);
    store_close(store);
}

START_TEST(twenty_processes_make_one_store_at_once)
{
    pid_t pids[20];
    fflush(NULL);
    for (int i = 0; i < 20; i++) {
        if (!(pids[i] = fork())) {
            open_at_once();
            _exit(0);
        }
    }
    for (int i = 0; i < 20; i++) {
        int status;
        ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
        ck_assert_int_eq(status, 0);
    }
    struct store *store = open_store(STORE_WRITE);
    struct error error = {0};
    int64_t run;
    DO(store_begin(store, &error));
    DO(store_next_run(store, &run, &error));
    store_rollback(store);
    ck_assert_int_eq(run, 21);
    store_close(store);
}
END_TEST

static void read_as_nobody(void)
{
    if (!geteuid() && (setgid(65534) || setuid(65534)))
        _exit(2);
    struct error error = {0};
    struct store *store = store_open(test_path, STORE_READ, &error);
    if (!store) {
        fprintf(stderr, "%s\n", error.message);
        _exit(1);
    }
    int64_t seq = 0;
    if (store_newest_seq(store, 1, &seq, &error) || seq != 3)
        _exit(3);
    struct run_row row = plain_row(1);
    if (!store_put_run(store, &row, &error))
        _exit(4); /* a reader must not be able to write */
    store_close(store);
}

START_TEST(a_reader_needs_no_permission_to_write)
{
    struct store *store = open_store(STORE_CREATE);
    put_run(store, 3);
    store_close(store);
    char *folder = string_format("%s/state", test_folder), *log = string_format("%s-wal", test_path),
         *index = string_format("%s-shm", test_path);
    chmod(test_folder, 0755);
    chmod(folder, 0555);
    chmod(test_path, 0444);
    chmod(log, 0444);
    chmod(index, 0444);
    ck_assert_int_eq(in_child(read_as_nobody), 0);
    chmod(folder, 0755);
    free(folder);
    free(log);
    free(index);
}
END_TEST

START_TEST(the_path_is_the_option_then_the_environment_then_the_user_s)
{
    setenv("PAWL_STORE", "/a/b.db", 1);
    char *path = store_path("/c/d.db");
    ck_assert_str_eq(path, "/c/d.db");
    free(path);
    path = store_path(NULL);
    ck_assert_str_eq(path, "/a/b.db");
    free(path);
    unsetenv("PAWL_STORE");
    if (!access("/var/lib/pawl", F_OK))
        return;
    setenv("XDG_STATE_HOME", "/x", 1);
    path = store_path(NULL);
    ck_assert_str_eq(path, "/x/pawl/pawl.db");
    free(path);
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", "/h", 1);
    path = store_path(NULL);
    ck_assert_str_eq(path, "/h/.local/state/pawl/pawl.db");
    free(path);
}
END_TEST

/* ---- writing ---- */

START_TEST(events_are_neither_changed_nor_deleted)
{
    struct store *store = open_store(STORE_CREATE);
    put_run(store, 3);
    store_close(store);
    ck_assert_int_eq(raw("UPDATE events SET body = '{}' WHERE seq = 2"), SQLITE_CONSTRAINT);
    ck_assert_int_eq(raw("DELETE FROM events WHERE seq = 3"), SQLITE_CONSTRAINT);
    ck_assert_int_eq(raw("UPDATE OR REPLACE events SET seq = 1 WHERE seq = 2"), SQLITE_CONSTRAINT);
}
END_TEST

START_TEST(columns_refuse_values_of_another_type)
{
    store_close(open_store(STORE_CREATE));
    ck_assert_int_ne(raw("INSERT INTO events VALUES (1, 1, 'x', 0, 'e', NULL, 0, 0, 0, 'a', '{}', x'00')"),
                     0);
    ck_assert_int_ne(raw("INSERT INTO events VALUES (1, 1, 1, 0, 'e', NULL, 0, 0, 0, NULL, '{}', x'00')"), 0);
}
END_TEST

struct seen {
    int64_t runs[8], seqs[8];
    int count;
    char text[64];
};

static int see_record(void *context, const struct record *record)
{
    struct seen *seen = context;
    seen->runs[seen->count] = record->run;
    seen->seqs[seen->count++] = record->seq;
    return 0;
}

static int see_run(void *context, const struct run_row *row)
{
    struct seen *seen = context;
    seen->runs[seen->count++] = row->run;
    snprintf(seen->text, sizeof seen->text, "%s", row->status);
    return 0;
}

START_TEST(records_come_back_in_the_order_of_their_commits)
{
    struct store *store = open_store(STORE_CREATE);
    struct error error = {0};
    put_run(store, 2);
    put_run(store, 1);
    struct seen seen = {0};
    DO(store_each_record(store, 0, 0, see_record, &seen, &error));
    ck_assert_int_eq(seen.count, 3);
    ck_assert_int_eq(seen.runs[1], 1);
    ck_assert_int_eq(seen.runs[2], 2);
    seen = (struct seen){0};
    DO(store_each_record(store, 1, 1, see_record, &seen, &error));
    ck_assert_int_eq(seen.count, 1);
    ck_assert_int_eq(seen.seqs[0], 2);
    store_close(store);
}
END_TEST

START_TEST(what_was_rolled_back_leaves_no_gap)
{
    struct store *store = open_store(STORE_CREATE);
    struct error error = {0};
    struct run_row row = plain_row(1);
    struct record record = plain_record(1, 1);
    DO(store_begin(store, &error));
    DO(store_append(store, &record, &row.head, &error));
    store_rollback(store);
    put_run(store, 2);
    store_close(store);
    sqlite3 *database = raw_open();
    sqlite3_stmt *statement;
    sqlite3_prepare_v2(database, "SELECT (SELECT max(id) FROM events), (SELECT records FROM store)", -1,
                       &statement, NULL);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int(statement, 0), 2);
    ck_assert_int_eq(sqlite3_column_int(statement, 1), 2);
    sqlite3_finalize(statement);
    sqlite3_close(database);
}
END_TEST

START_TEST(runs_are_filtered_and_newest_first)
{
    struct store *store = open_store(STORE_CREATE);
    struct error error = {0};
    for (int i = 0; i < 4; i++)
        put_run(store, 1);
    struct run_row row = plain_row(2);
    row.status = "succeeded";
    DO(store_begin(store, &error));
    DO(store_put_run(store, &row, &error));
    DO(store_commit(store, &error));
    static const struct {
        struct run_filter filter;
        int count;
        int64_t first;
    } cases[] = {
        {{0}, 4, 4},
        {{.status = "succeeded"}, 1, 2},
        {{.open_only = true}, 3, 4},
        {{.limit = 2}, 2, 4},
        {{.since_ms = 3000}, 2, 4},
        {{.until_ms = 3000}, 2, 2},
        {{.job = "job", .cluster = "a"}, 4, 4},
        {{.cluster = "b"}, 0, 0},
        {{.job = "job' OR 1=1"}, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen seen = {0};
        DO(store_each_run(store, &cases[i].filter, see_run, &seen, &error));
        ck_assert_msg(seen.count == cases[i].count && seen.runs[0] == cases[i].first, "case %zu: %d", i,
                      seen.count);
    }
    ck_assert_int_lt(store_read_run(store, 99, see_run, &(struct seen){0}, &error), 0);
    ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
    store_close(store);
}
END_TEST

static int keep_seq(void *context, const struct run_row *row)
{
    *(int64_t *)context = row->seq;
    return 0;
}

START_TEST(a_view_does_not_see_what_others_commit_meanwhile)
{
    struct error error = {0};
    int64_t seq = 0, runs = 0;
    struct store *writer = open_store(STORE_CREATE);
    put_run(writer, 1);
    struct store *reader = open_store(STORE_READ);
    DO(store_begin_reading(reader, &error));
    DO(store_read_run(reader, 1, keep_seq, &seq, &error));
    ck_assert_int_eq(put_run(writer, 1), 2);
    ck_assert_int_eq(store_read_run(reader, 2, keep_seq, &seq, &error), -1);
    DO(store_newest_run(reader, &runs, &error));
    ck_assert_int_eq(runs, 1);
    store_rollback(reader);
    DO(store_read_run(reader, 2, keep_seq, &seq, &error));
    DO(store_newest_run(reader, &runs, &error));
    ck_assert_int_eq(runs, 2);
    store_close(reader);
    store_close(writer);
}
END_TEST

START_TEST(jobs_and_machines_are_kept_once_and_checked_by_their_digest)
{
    struct store *store = open_store(STORE_CREATE);
    struct error error = {0};
    struct digest digest = digest_of("job: a", 6);
    char hex[DIGEST_HEX_SIZE];
    digest_hex(&digest, hex);
    DO(store_begin(store, &error));
    DO(store_put_job(store, &digest, "job: a", 6, &error));
    DO(store_put_job(store, &digest, "job: a", 6, &error));
    DO(store_commit(store, &error));
    char *source = store_read_job(store, hex, &error);
    ck_assert_str_eq(source, "job: a");
    free(source);
    ck_assert_int_eq(raw("UPDATE jobs SET source = x'00'"), 0);
    ck_assert_ptr_null(store_read_job(store, hex, &error));
    ck_assert_int_eq(error.code, ERROR_STORE_CORRUPT);
    ck_assert_ptr_null(store_read_machine(store, hex, &error));
    ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
    store_close(store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *opening = tcase_create("opening"), *writing = tcase_create("writing");
    TCase *const cases[] = {opening, writing};
    for (int i = 0; i < 2; i++) {
        tcase_add_checked_fixture(cases[i], make_folder, remove_folder);
        tcase_set_timeout(cases[i], 60);
        suite_add_tcase(suite, cases[i]);
    }
    tcase_add_test(opening, a_new_store_has_its_modes_whatever_the_umask);
    tcase_add_test(opening, what_is_made_in_a_team_s_folder_is_the_team_s);
    tcase_add_test(opening, a_lock_that_may_not_be_looked_at_counts_as_held);
    tcase_add_test(opening, a_missing_store_is_not_made_by_a_reader);
    tcase_add_test(opening, a_symlink_in_the_place_of_the_store_is_refused);
    tcase_add_test(opening, another_program_s_database_is_left_alone);
    tcase_add_test(opening, a_newer_store_is_refused_and_not_changed);
    tcase_add_test(opening, an_empty_file_is_no_store_yet);
    tcase_add_test(opening, a_store_whose_making_was_cut_off_is_no_store_yet);
    tcase_add_test(opening, what_is_refused_is_left_as_it_was);
    tcase_add_test(opening, twenty_processes_make_one_store_at_once);
    tcase_add_test(opening, a_reader_needs_no_permission_to_write);
    tcase_add_test(opening, the_path_is_the_option_then_the_environment_then_the_user_s);
    tcase_add_test(writing, events_are_neither_changed_nor_deleted);
    tcase_add_test(writing, columns_refuse_values_of_another_type);
    tcase_add_test(writing, records_come_back_in_the_order_of_their_commits);
    tcase_add_test(writing, what_was_rolled_back_leaves_no_gap);
    tcase_add_test(writing, runs_are_filtered_and_newest_first);
    tcase_add_test(writing, a_view_does_not_see_what_others_commit_meanwhile);
    tcase_add_test(writing, jobs_and_machines_are_kept_once_and_checked_by_their_digest);
    return suite_run(suite);
}
