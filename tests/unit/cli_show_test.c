/* The commands that only read, as programs: what they print and what they leave with. */
#include <sqlite3.h>

#include "cli_support.h"
#include "suite.h"

/* ---- runs to show ---- */

struct told {
    const char *event, *step, *body;
};

/* A run whose history is `told` (ended by NULL), with its row as it shall be. */
static void put_told_run(struct run_row row, const struct told *told)
{
    struct store *store = open_store(STORE_CREATE);
    struct error error = {0};
    DO(store_begin(store, &error));
    DO(store_next_run(store, &row.run, &error));
    for (; told->event; told++) {
        struct record record = {.run = row.run,
                                .seq = ++row.seq,
                                .time_ms = 1790000000000 + row.seq,
                                .event = told->event,
                                .step = told->step,
                                .visit = told->step ? 1 : 0,
                                .attempt = told->step ? 1 : 0,
                                .epoch = row.epoch,
                                .actor = "ops@bastion",
                                .body = told->body};
        DO(store_append(store, &record, &row.head, &error));
    }
    DO(store_put_run(store, &row, &error));
    struct step_row step = {.run = row.run,
                            .step = "upgrade",
                            .uses = "helm_upgrade",
                            .status = "succeeded",
                            .visit = 1,
                            .attempt = 2,
                            .started_ms = 1790000000000,
                            .outputs = "{\"revision\":13}"};
    DO(store_put_step(store, &step, &error));
    DO(store_commit(store, &error));
    store_close(store);
}

static const struct told STORY[] = {
    {"run_submitted", NULL, "{\"params\":{\"replicas\":3}}"},
    {"run_claimed", NULL, "{\"driver\":{\"host\":\"bastion\",\"pid\":4711}}"},
    {"step_started", "upgrade", "{\"inputs\":{},\"start\":1}"},
    {"step_prepared", "upgrade", "{\"checkpoint\":{\"keeper\":{\"base\":\"1/upgrade.1.1\",\"process\":{}}}}"},
    {"step_succeeded", "upgrade", "{\"by\":\"body\",\"outputs\":{\"revision\":13},\"then\":\"\"}"},
    {NULL, NULL, NULL},
};
static const struct told NOTHING[] = {{"run_submitted", NULL, "{}"}, {NULL, NULL, NULL}};

static const char DEAD_DRIVER[] = "{\"host\":\"bastion\",\"lock\":\"0123.lock\",\"pid\":4711}";

/* Runs 1 … 5: succeeded, failed, waiting for approval, left alone, queued. */
static void put_five_runs(void)
{
    struct run_row row = plain_row(0);
    row.job = "scale-in-chunk";
    row.cluster = "{\"context\":\"prod-a\"}";
    row.driver = DEAD_DRIVER;
    row.lock = "iomesh-system/iomesh";
    row.submitted_ms = 1790000000000;
    row.status = "succeeded", row.finished_ms = 1790000009000;
    put_told_run(row, STORY);
    row.status = "failed", row.error = "{\"code\":\"guard\",\"message\":\"no\",\"step\":\"upgrade\"}";
    put_told_run(row, NOTHING);
    row.error = NULL, row.finished_ms = 0;
    row.status = "waiting", row.waiting = "{\"for\":\"approval\",\"step\":\"unregister\"}";
    put_told_run(row, NOTHING);
    row.status = "running", row.waiting = NULL;
    put_told_run(row, NOTHING);
    row.status = "queued", row.driver = NULL, row.job = "other";
    put_told_run(row, NOTHING);
}

/* ---- arguments ---- */

START_TEST(wrong_arguments_leave_with_2_and_say_what_is_near)
{
    static const struct {
        const char *arguments, *says;
    } cases[] = {
        {"lst", "list"},
        {"list --stauts x", "--status"},
        {"status", "usage: pawl status RUN"},
        {"status 1 2", "\"2\""},
        {"status x", "x"},
        {"list --limit", "--limit"},
        {"list --json=1", "value"},
        {"list --status runing", "running"},
        {"list --since never", "never"},
        {"steps helm_upgrad", "helm_upgrade"},
        {"list --limit 0", "0"},
        {"list --wait soon", "soon"},
        {"cancel 1", "pawl cancel 1 --reason"},
        {"reject 1 x", "pawl reject 1 x --reason"},
        {"cancel 1 --reason ''", "cancel: --reason is missing"},
        {"resume 1 --from x", "pawl resume 1 --from x --reason"},
        {"resume 1 --take-over --reason ''", "pawl resume 1 --take-over --reason"},
        {"resume --all 1", "pawl resume --all, or"},
        {"resolve 1 x", "neither --done nor --retry"},
        {"audit nope", "pawl help audit"},
        {"resolve 1 x --output n", "pawl: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(pawl(cases[i].arguments) == 2, "pawl %s: %d", cases[i].arguments, ran.status);
        ck_assert_msg(strstr(ran.err, cases[i].says) != NULL, "pawl %s: %s", cases[i].arguments, ran.err);
        ck_assert_msg(strstr(ran.err, "\n      ") != NULL, "pawl %s: what next? %s", cases[i].arguments,
                      ran.err);
        ck_assert_str_eq(ran.out, "");
        char *as_json = string_format("%s%s%s", i % 2 ? "--json " : "", cases[i].arguments,
                                      i % 2 ? "" : " --json");
        json_t *errors = pawl_json(as_json, 2);
        ck_assert(json_array_size(json_object_get(errors, "errors")) == 1);
        ck_assert(*text_at(json_array_get(json_object_get(errors, "errors"), 0), "hint"));
        ck_assert_str_eq(ran.err, "");
        json_decref(errors);
        free(as_json);
    }
}
END_TEST

START_TEST(options_stand_anywhere_and_two_dashes_end_them)
{
    put_five_runs();
    ck_assert_int_eq(pawl("--json status 1"), 0);
    ck_assert_int_eq(pawl("status --json 1"), 0);
    ck_assert_int_eq(pawl("status 1 --json"), 0);
    ck_assert_int_eq(pawl("status --json -- 1"), 0);
    ck_assert_int_eq(pawl("status -- --json"), 2);
    ck_assert_int_eq(pawl("list --limit=1"), 0);
    ck_assert_int_eq(pawl("list --limit 1"), 0);
}
END_TEST

START_TEST(every_command_explains_itself)
{
    ck_assert_int_eq(pawl("help"), 0);
    char *overview = string_copy(ran.out);
    static const char *const names[] = {"list", "status", "history", "logs", "steps", "schema", "eval"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ck_assert_ptr_nonnull(strstr(overview, names[i]));
        char *help = string_format("help %s", names[i]), *option = string_format("%s --help", names[i]);
        ck_assert_int_eq(pawl(help), 0);
        char *said = string_copy(ran.out);
        ck_assert_int_eq(pawl(option), 0);
        ck_assert_str_eq(ran.out, said);
        ck_assert_ptr_nonnull(strstr(said, "usage: pawl "));
        free(help);
        free(option);
        free(said);
    }
    free(overview);
}
END_TEST

/* ---- list and status ---- */

START_TEST(list_shows_runs_newest_first_and_filters_them)
{
    put_five_runs();
    static const struct {
        const char *arguments;
        size_t count;
        int first;
    } cases[] = {
        {"list --json", 5, 5},
        {"list --json --limit 2", 2, 5},
        {"list --json --status interrupted", 1, 4},
        {"list --json --status running", 0, 0},
        {"list --json --status waiting", 1, 3},
        {"list --json --status queued", 1, 5},
        {"list --json --status failed", 1, 2},
        {"list --json --status succeeded", 1, 1},
        {"list --json --status cancelled", 0, 0},
        {"list --json --job other", 1, 5},
        {"list --json --cluster prod-a --job scale-in-chunk", 4, 4},
        {"list --json --cluster prod-b", 0, 0},
        {"list --json --until 2020-01-01", 0, 0},
        {"list --json --since 2020-01-01T00:00:00Z", 5, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *list = pawl_json(cases[i].arguments, 0);
        ck_assert_msg(json_array_size(list) == cases[i].count, "pawl %s: %s", cases[i].arguments, ran.out);
        json_t *first = json_array_get(list, 0);
        ck_assert_int_eq(json_integer_value(json_object_get(first, "run")), cases[i].first);
        ck_assert_ptr_null(json_object_get(first, "steps"));
        json_decref(list);
    }
    ck_assert_int_eq(pawl("list"), 0);
    ck_assert_ptr_nonnull(strstr(ran.out, "interrupted"));
}
END_TEST

static int count_lines(const char *text)
{
    int lines = 0;
    for (; (text = strchr(text, '\n')); text++)
        lines++;
    return lines;
}

START_TEST(a_list_that_does_not_show_all_says_so)
{
    sqlite3 *database;
    put_five_runs();
    ck_assert_int_eq(pawl("list --status succeeded"), 0);
    ck_assert_str_eq(ran.err, "");
    ck_assert_int_eq(sqlite3_open(test_path, &database), 0);
    ck_assert_int_eq(
        sqlite3_exec(database,
                     "CREATE TEMP TABLE one AS SELECT * FROM runs WHERE run = 1; "
                     "WITH RECURSIVE n(n) AS (SELECT 6 UNION ALL SELECT n + 1 FROM n WHERE n < 1010) "
                     "INSERT INTO temp.one SELECT n, job, job_digest, machine_digest, status, step, waiting, "
                     "error, cluster, params, lock, NULL, driver, actor, epoch, submitted_ms, finished_ms, "
                     "seq, head FROM n, runs WHERE run = 1; "
                     "INSERT INTO runs SELECT * FROM temp.one WHERE run > 5",
                     NULL, NULL, NULL),
        0);
    sqlite3_close(database);
    ck_assert_int_eq(pawl("list"), 0);
    ck_assert_int_eq(count_lines(ran.out), 1 + 1000);
    ck_assert_ptr_nonnull(strstr(ran.err, "the newest 1000 are shown, there are more: --limit N"));
    ck_assert_int_eq(pawl("list --limit 1010"), 0);
    ck_assert_int_eq(count_lines(ran.out), 1 + 1010);
    ck_assert_str_eq(ran.err, "");
    json_t *list = pawl_json("list --json", 0);
    ck_assert_uint_eq(json_array_size(list), 1010);
    json_decref(list);
}
END_TEST

START_TEST(status_has_the_fields_of_the_reference)
{
    put_five_runs();
    static const char *const fields[] = {"run",       "job",      "status",  "epoch", "cluster",
                                         "submitted", "finished", "waiting", "error", "steps",
                                         "began",     "reason",   "recorded"};
    static const char *const of_steps[] = {"id",      "uses",     "status",  "visit", "attempt",
                                           "started", "finished", "outputs", "error"};
    json_t *run = pawl_json("status 1 --json", 0);
    ck_assert_uint_eq(json_object_size(run), sizeof fields / sizeof *fields);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        ck_assert_msg(json_object_get(run, fields[i]) != NULL, "%s", fields[i]);
    ck_assert_str_eq(text_at(run, "submitted"), "2026-09-21T14:13:20.000Z");
    ck_assert(json_is_null(json_object_get(run, "waiting")));
    json_t *step = json_array_get(json_object_get(run, "steps"), 0);
    ck_assert_uint_eq(json_object_size(step), sizeof of_steps / sizeof *of_steps);
    for (size_t i = 0; i < sizeof of_steps / sizeof *of_steps; i++)
        ck_assert_msg(json_object_get(step, of_steps[i]) != NULL, "%s", of_steps[i]);
    ck_assert(json_is_null(json_object_get(step, "finished")));
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(step, "outputs"), "revision")), 13);
    json_decref(run);
    run = pawl_json("status 3 --json", 0);
    ck_assert_str_eq(text_at(json_object_get(run, "waiting"), "for"), "approval");
    ck_assert(json_is_null(json_object_get(json_object_get(run, "waiting"), "until")));
    json_decref(run);
    json_decref(pawl_json("status 99 --json", 2));
}
END_TEST

START_TEST(status_says_what_to_do_next)
{
    put_five_runs();
    static const struct {
        const char *arguments, *says;
    } cases[] = {
        {"status 1", "revision=13"},
        {"status 2", "pawl resume 2"},
        {"status 3", "pawl approve 3 unregister"},
        {"status 4", "pawl resume 4"},
        {"status 5", "pawl resume 5"},
        {"status 3", "lock iomesh-system/iomesh"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(pawl(cases[i].arguments), 0);
        ck_assert_msg(strstr(ran.out, cases[i].says) != NULL, "%s: %s", cases[i].arguments, ran.out);
    }
}
END_TEST

START_TEST(watching_leaves_with_the_status_of_the_run)
{
    put_five_runs();
    static const int exits[] = {0, 1, 3, 130};
    for (int i = 0; i < 4; i++) {
        char *arguments = string_format("status %d --watch", i + 1);
        ck_assert_msg(pawl(arguments) == exits[i], "%s: %d", arguments, ran.status);
        free(arguments);
    }
}
END_TEST

START_TEST(a_run_whose_question_was_answered_is_interrupted)
{
    put_five_runs();
    struct store *store = open_store(STORE_WRITE);
    struct error error = {0};
    struct command_row row = {.run = 3, .name = "approve", .body = "{}", .actor = "me"};
    DO(store_put_command(store, &row, &error));
    store_close(store);
    json_t *run = pawl_json("status 3 --json", 0);
    ck_assert_str_eq(text_at(run, "status"), "interrupted");
    json_decref(run);
}
END_TEST

START_TEST(a_run_is_running_while_its_driver_s_lock_is_held)
{
    put_five_runs();
    struct error error = {0};
    char *folder = string_format("%s.d/drivers", test_path), *path = string_format("%s/0123.lock", folder);
    DO(folder_make(folder, 0700, &error));
    int lock = lock_take(path, 0600, &error);
    ck_assert_int_ge(lock, 0);
    json_t *run = pawl_json("status 4 --json", 0);
    ck_assert_str_eq(text_at(run, "status"), "running");
    json_decref(run);
    close(lock);
    run = pawl_json("status 4 --json", 0);
    ck_assert_str_eq(text_at(run, "status"), "interrupted");
    json_decref(run);
    free(folder);
    free(path);
}
END_TEST

/* Of a step that was cut off, for as long as the newest record says so. */
START_TEST(status_says_what_a_step_that_was_begun_waits_for)
{
    static const struct told told[] = {
        {"run_submitted", NULL, "{}"},
        {"step_probed", "upgrade", "{\"answer\":\"in_progress\",\"why\":\"helm still runs\"}"},
        {NULL, NULL, NULL}};
    struct run_row row = plain_row(0);
    row.driver = DEAD_DRIVER;
    put_told_run(row, told);
    struct error error = {0};
    char *folder = string_format("%s.d/drivers", test_path), *path = string_format("%s/0123.lock", folder);
    DO(folder_make(folder, 0700, &error));
    int lock = lock_take(path, 0600, &error);
    ck_assert_int_ge(lock, 0);
    json_t *run = pawl_json("status 1 --json", 0), *waiting = json_object_get(run, "waiting");
    ck_assert_str_eq(text_at(run, "status"), "running");
    ck_assert_str_eq(text_at(waiting, "for"), "effect");
    ck_assert_str_eq(text_at(waiting, "step"), "upgrade");
    ck_assert_str_eq(text_at(waiting, "why"), "helm still runs");
    json_decref(run);
    ck_assert_int_eq(pawl("status 1"), 0);
    ck_assert_ptr_nonnull(strstr(ran.out, "waits for what \"upgrade\" has begun: helm still runs"));
    close(lock);
    free(folder);
    free(path);
}
END_TEST

/* ---- history and logs ---- */

START_TEST(history_tells_the_records_in_order)
{
    put_five_runs();
    ck_assert_int_eq(pawl("history 1"), 0);
    static const char *const told[] = {
        "submitted", "replicas=3",        "claimed",     "epoch 1, driver 4711@bastion", "upgrade started",
        "attempt 1", "upgrade succeeded", "revision=13", "chain: 5 records, intact"};
    const char *at = ran.out;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        at = strstr(at, told[i]);
        ck_assert_msg(at != NULL, "%s is missing: %s", told[i], ran.out);
    }
    ck_assert_int_eq(pawl("history 1 --json"), 0);
    int lines = 0;
    for (char *line = strtok(ran.out, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *record = json_loads(line, 0, NULL);
        ck_assert_int_eq(json_integer_value(json_object_get(record, "seq")), ++lines);
        json_decref(record);
    }
    ck_assert_int_eq(lines, 5);
}
END_TEST

START_TEST(history_notices_a_record_that_was_changed_or_cut_off)
{
    static const char *const sql[] = {"UPDATE events SET actor = 'x' WHERE run = 1 AND seq = 4",
                                      "DELETE FROM events WHERE run = 1 AND seq = 5"};
    static const char *const says[] = {"record 4", "4 records are there, 5 were written"};
    for (int i = 0; i < 2; i++) {
        sqlite3 *database;
        put_five_runs();
        ck_assert_int_eq(sqlite3_open(test_path, &database), 0);
        sqlite3_exec(database, "DROP TRIGGER events_are_not_changed; DROP TRIGGER events_are_not_deleted",
                     NULL, NULL, NULL);
        ck_assert_int_eq(sqlite3_exec(database, sql[i], NULL, NULL, NULL), 0);
        sqlite3_close(database);
        ck_assert_int_eq(pawl("history 1"), 5);
        ck_assert_msg(strstr(ran.err, says[i]) != NULL, "%s", ran.err);
        remove_folder();
        make_folder();
    }
}
END_TEST

START_TEST(foreign_control_sequences_do_not_reach_the_terminal)
{
    static const struct told told[] = {
        {"step_failed", "upgrade", "{\"error\":{\"code\":\"helm\",\"message\":\"a\\u001b[2Jb\"}}"},
        {NULL, NULL, NULL}};
    put_told_run(plain_row(0), told);
    ck_assert_int_eq(pawl("history 1"), 0);
    ck_assert_ptr_null(strchr(ran.out, 033));
    ck_assert_ptr_nonnull(strstr(ran.out, "a\\x1b[2Jb"));
}
END_TEST

static void write_capture(const char *name, const char *text)
{
    struct error error = {0};
    char *folder = string_format("%s.d/1", test_path), *path = string_format("%s/%s", folder, name);
    DO(folder_make(folder, 0700, &error));
    DO(file_replace(path, text, strlen(text), 0600, &error));
    free(folder);
    free(path);
}

START_TEST(logs_show_what_a_step_s_program_wrote)
{
    put_five_runs();
    write_capture("upgrade.1.1.out", "release upgraded\n");
    write_capture("upgrade.1.1.err", "WARNING: readable by others\n");
    ck_assert_int_eq(pawl("logs 1"), 0);
    ck_assert_str_eq(ran.out,
                     "== upgrade, visit 1, attempt 1\nrelease upgraded\nWARNING: readable by others\n");
    ck_assert_int_eq(pawl("logs 1 upgrade --follow"), 0);
    ck_assert_ptr_nonnull(strstr(ran.out, "release upgraded"));
    ck_assert_int_eq(pawl("logs 1 upgrad"), 2);
    ck_assert_int_eq(pawl("logs 2"), 0);
    ck_assert_str_eq(ran.out, "");
    ck_assert_int_eq(pawl("logs 1 --json"), 0);
    char *first_end = strchr(ran.out, '\n');
    *first_end = '\0';
    json_t *line = json_loads(ran.out, 0, NULL);
    ck_assert_str_eq(text_at(line, "text"), "release upgraded\n");
    ck_assert_str_eq(text_at(line, "stream"), "stdout");
    json_decref(line);
}
END_TEST

START_TEST(a_capture_outside_the_store_s_folder_is_not_read)
{
    static const struct told told[] = {
        {"step_prepared", "upgrade", "{\"checkpoint\":{\"keeper\":{\"base\":\"../secret\"}}}"},
        {"step_prepared", "upgrade", "{\"checkpoint\":{\"keeper\":{\"base\":\"/etc/passwd\"}}}"},
        {NULL, NULL, NULL}};
    put_told_run(plain_row(0), told);
    char *path = string_format("%s/state/secret.out", test_folder);
    ck_assert_int_eq(file_replace(path, "secret", 6, 0600, NULL), 0);
    ck_assert_int_eq(pawl("logs 1"), 0);
    ck_assert_str_eq(ran.out, "");
    free(path);
}
END_TEST

/* ---- kinds ---- */

START_TEST(kinds_are_described_by_their_declarations)
{
    json_t *kind = pawl_json("steps unregister_chunk --json", 0), *all = pawl_json("steps --json", 0);
    ck_assert_str_eq(text_at(kind, "effect"), "once");
    ck_assert_uint_eq(json_array_size(json_object_get(kind, "inputs")), 7);
    ck_assert_uint_ge(json_array_size(all), 19);
    json_decref(kind);
    json_decref(all);
    ck_assert_int_eq(pawl("steps edit_values"), 0);
    ck_assert_ptr_nonnull(strstr(ran.out, "converge"));
    ck_assert_ptr_nonnull(strstr(ran.out, "sha256"));
}
END_TEST

START_TEST(the_schema_knows_every_kind)
{
    json_t *schema = pawl_json("schema", 0), *all = pawl_json("steps --json", 0);
    json_t *step = json_object_get(json_object_get(schema, "$defs"), "step");
    ck_assert_uint_eq(json_array_size(json_object_get(step, "allOf")), json_array_size(all));
    json_decref(schema);
    json_decref(all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli: show");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, wrong_arguments_leave_with_2_and_say_what_is_near);
    tcase_add_test(all, options_stand_anywhere_and_two_dashes_end_them);
    tcase_add_test(all, every_command_explains_itself);
    tcase_add_test(all, list_shows_runs_newest_first_and_filters_them);
    tcase_add_test(all, a_list_that_does_not_show_all_says_so);
    tcase_add_test(all, status_has_the_fields_of_the_reference);
    tcase_add_test(all, status_says_what_to_do_next);
    tcase_add_test(all, watching_leaves_with_the_status_of_the_run);
    tcase_add_test(all, a_run_whose_question_was_answered_is_interrupted);
    tcase_add_test(all, a_run_is_running_while_its_driver_s_lock_is_held);
    tcase_add_test(all, status_says_what_a_step_that_was_begun_waits_for);
    tcase_add_test(all, history_tells_the_records_in_order);
    tcase_add_test(all, history_notices_a_record_that_was_changed_or_cut_off);
    tcase_add_test(all, foreign_control_sequences_do_not_reach_the_terminal);
    tcase_add_test(all, logs_show_what_a_step_s_program_wrote);
    tcase_add_test(all, a_capture_outside_the_store_s_folder_is_not_read);
    tcase_add_test(all, kinds_are_described_by_their_declarations);
    tcase_add_test(all, the_schema_knows_every_kind);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
