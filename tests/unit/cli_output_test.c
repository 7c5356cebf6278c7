/* Where output goes that nobody can take: a full disk, a closed stream, a reader that has left. */
#include <sqlite3.h>

#include "cli_scene.h"

#define LOST "cannot write to standard output"

/* The redirections stand behind the arguments; standard error is in ran.err unless they say otherwise. */
static int pawl_to(const char *arguments, const char *redirections)
{
    const char *program = getenv("PAWL");
    char *command = string_format("PAWL_STORE='%s' '%s' %s 2>'%s/err' </dev/null %s", test_path,
                                  program ? program : "build/pawl", arguments, test_folder, redirections);
    forget();
    ran.status = WEXITSTATUS(system(command));
    ran.out = string_copy("");
    ran.err = slurp("err");
    free(command);
    return ran.status;
}

/* Descriptor 9 becomes a pipe whose reader has left. */
static void leave_reader(void)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    close(ends[0]);
    ck_assert_int_eq(dup2(ends[1], 9), 9);
    close(ends[1]);
}

static const char *const LOOKS[] = {
    "help",
    "help submit --json",
    "submit --help",
    "version",
    "version --json",
    "schema",
    "steps",
    "steps --json",
    "eval 1+1",
    "validate good.yaml",
    "validate good.yaml --json",
    "plan good.yaml",
    "plan good.yaml --json",
    "list",
    "list --json",
    "status 1",
    "status 1 --json",
    "status 1 --watch",
    "history 1",
    "history 1 --json",
    "audit verify",
    "audit export",
    "sim show c.sim",
    "sim show c.sim --json",
};
#define LOOK_COUNT (sizeof LOOKS / sizeof *LOOKS)

START_TEST(a_command_that_looks_says_that_its_output_was_lost)
{
    static const char *const places[] = {">/dev/full", ">&-"};
    static const char *const causes[] = {"No space left on device", "Bad file descriptor"};
    expect("submit good.yaml", 0);
    for (size_t i = 0; i < LOOK_COUNT; i++)
        for (int place = 0; place < 2; place++) {
            ck_assert_msg(pawl_to(LOOKS[i], places[place]) == 5, "pawl %s %s: %d", LOOKS[i], places[place],
                          ran.status);
            ck_assert_msg(strstr(ran.err, LOST) && strstr(ran.err, causes[place]), "pawl %s %s: %s", LOOKS[i],
                          places[place], ran.err);
        }
}
END_TEST

START_TEST(a_reader_that_leaves_is_no_failure)
{
    expect("submit good.yaml", 0);
    leave_reader();
    for (size_t i = 0; i < LOOK_COUNT; i++) {
        ck_assert_msg(pawl_to(LOOKS[i], ">&9") == 0, "pawl %s: %d: %s", LOOKS[i], ran.status, ran.err);
        ck_assert_msg(!strstr(ran.err, "cannot write") && !strstr(ran.err, "intact"), "pawl %s: %s", LOOKS[i],
                      ran.err);
    }
}
END_TEST

START_TEST(a_broken_chain_is_told_whoever_reads)
{
    expect("submit good.yaml", 0);
    sqlite3 *database;
    ck_assert_int_eq(sqlite3_open(test_path, &database), 0);
    ck_assert_int_eq(sqlite3_exec(database,
                                  "DROP TRIGGER events_are_not_changed;"
                                  "UPDATE events SET actor = 'x' WHERE id = 7",
                                  NULL, NULL, NULL),
                     0);
    sqlite3_close(database);
    leave_reader();
    ck_assert_int_eq(pawl_to("history 1 --json", ">&9"), 5);
    ck_assert_ptr_nonnull(strstr(ran.err, "NOT intact"));
    ck_assert_int_eq(pawl_to("history 1 --json", ">/dev/full"), 5);
    ck_assert_ptr_nonnull(strstr(ran.err, "NOT intact"));
}
END_TEST

START_TEST(a_run_goes_on_where_nobody_takes_its_output)
{
    static const char *const places[] = {">/dev/full", ">/dev/full 2>&1", ">/dev/full 2>/dev/full",
                                         ">&-",        ">/dev/null 2>&-", "<&- >&- 2>&-",
                                         ">&9",        ">&9 2>&9"};
    leave_reader();
    int run = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        static const char *const submits[] = {"submit good.yaml", "submit good.yaml --json"};
        for (int k = 0; k < 2; k++) {
            ck_assert_msg(pawl_to(submits[k], places[i]) == 0, "%s %s: %d %s", submits[k], places[i],
                          ran.status, ran.err);
            expect_status(++run, "succeeded");
        }
    }
    ck_assert_int_eq(pawl_to("submit good.yaml -p n=0", ">/dev/full"), 1);
    ck_assert_ptr_nonnull(strstr(ran.err, LOST));
    ck_assert_int_eq(pawl_to("resume 17", "<&- >&- 2>&-"), 1);
    expect("audit verify", 0); /* nothing that was printed went into the store */
}
END_TEST

START_TEST(what_a_person_said_is_said_where_the_answer_is_lost)
{
    expect("submit asks.yaml", 3);
    ck_assert_int_eq(pawl_to("approve 1 ask", ">/dev/full"), 0);
    ck_assert_ptr_nonnull(strstr(ran.err, LOST));
    ck_assert_int_eq(pawl_to("resume 1", ">&-"), 0);
    expect_status(1, "succeeded");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_command_that_looks_says_that_its_output_was_lost,
        a_reader_that_leaves_is_no_failure,
        a_broken_chain_is_told_whoever_reads,
        a_run_goes_on_where_nobody_takes_its_output,
        what_a_person_said_is_said_where_the_answer_is_lost,
    };
    return run_in_scene("cli: output", tests, sizeof tests / sizeof *tests, 120);
}
