/* Where output goes that nobody can take: a full disk, a closed stream, a reader that has left. */
#include <fcntl.h>
#include <sqlite3.h>

#include "cli/outlet.h"
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

/* What `submit --json` prints before it drives, which waits for its reader. */
#define FIRST_LINE_BYTES 1024

/* Descriptor 9 becomes a pipe that is full but for so many bytes; the reading end. */
static int fill_pipe(int left)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    int size = fcntl(ends[1], F_SETPIPE_SZ, 4096);
    char *full = memory_new((size_t)size);
    ck_assert_int_eq(write(ends[1], full, (size_t)(size - left)), size - left);
    free(full);
    ck_assert_int_eq(dup2(ends[1], 9), 9);
    close(ends[1]);
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    return ends[0];
}

static char *read_to_end(int from)
{
    struct text text = {0};
    char bytes[4096];
    for (ssize_t length; (length = read(from, bytes, sizeof bytes)) > 0;)
        for (ssize_t i = 0; i < length; i++)
            if (bytes[i])
                text_append(&text, bytes + i, 1);
    return text_take(&text);
}

static void wait_to_be_told(const char *arguments, const char *wanted)
{
    while (pawl(arguments) || !strstr(ran.out, wanted))
        usleep(50000);
}

/* The test's time limit is the end of one that waits for its reader. */
START_TEST(a_reader_that_lags_holds_up_no_run)
{
    static const struct {
        const char *arguments, *last;
    } submits[] = {{"submit good.yaml 2>&9 >/dev/null", "run 1 succeeded"},
                   {"submit good.yaml --json >&9", "\"event\":\"run_succeeded\""}};
    for (int i = 0; i < 2; i++) {
        int status, reader = fill_pipe(i ? FIRST_LINE_BYTES : 1);
        pid_t pid = pawl_start(submits[i].arguments);
        wait_to_be_told(i ? "history 2" : "history 1", "run succeeded");
        ck_assert_int_eq(waitpid(pid, NULL, WNOHANG), 0); /* it waits for its reader: nothing is lost */
        close(9);
        char *all = read_to_end(reader);
        ck_assert_msg(strstr(all, submits[i].last), "%s", all);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(WEXITSTATUS(status), 0);
        free(all);
        close(reader);
    }
}
END_TEST

static void write_to_9(int stream, const char *bytes, size_t length)
{
    (void)stream;
    descriptor_write(9, bytes, length);
}

/* What comes out when it is taken only after all has been said. */
static char *take_late(int reader)
{
    struct error error;
    pid_t pid = fork();
    if (!pid) {
        close(9);
        char *all = read_to_end(reader);
        _exit(file_replace("taken", all, strlen(all), 0600, &error) != 0);
    }
    outlet_close();
    close(9);
    close(reader);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    return slurp("taken");
}

/* 5 MiB that nobody takes yet. */
START_TEST(what_is_left_out_is_whole_lines_and_counted)
{
    enum { LINES = 5 * 1024 * 16 };
    int reader = fill_pipe(1), lines = 0;
    outlet_open(write_to_9);
    for (int i = 0; i < LINES; i++) {
        char *line = string_format("%063d", i);
        ck_assert(outlet_take(2, line, 31) && outlet_take(2, line + 31, 32) && outlet_take(2, "\n", 1));
        free(line);
    }
    ck_assert(outlet_lags());
    char *all = take_late(reader), *line = strtok(all, "\n");
    for (; line && *line == '0'; line = strtok(NULL, "\n"))
        ck_assert_msg(strlen(line) == 63 && atoi(line) == lines++, "%s", line);
    ck_assert_int_gt(lines, 4 * 1024 * 16 - 64);
    char *notice = string_format("(%d lines are left out here", LINES - lines);
    ck_assert_msg(line && strstr(line, notice), "%s: %s", notice, line);
    ck_assert(!outlet_take(2, "x", 1)); /* it is closed */
    free(notice);
    free(all);
}
END_TEST

/* Takes lines until as good as nothing waits any more. */
static void catch_up(int reader, struct text *all)
{
    char bytes[4096];
    while (outlet_lags()) {
        ssize_t length = read(reader, bytes, sizeof bytes);
        ck_assert_int_gt(length, 0);
        for (ssize_t i = 0; i < length; i++)
            if (bytes[i])
                text_append(all, bytes + i, 1);
    }
}

/* The reader comes back: what is said then stands behind what was left out. */
static void is_told_in_place(int stream, const char *begins, const char *ends)
{
    enum { LINES = 5 * 1024 * 16, LINE = 64 };
    char line[LINE + 1] = {0};
    int reader = fill_pipe(1), kept = 0;
    struct text all = {0};
    memset(line, 'x', LINE - 1);
    line[LINE - 1] = '\n';
    outlet_open(write_to_9);
    for (int i = 0; i < LINES; i++)
        ck_assert(outlet_take(stream, line, LINE));
    catch_up(reader, &all);
    ck_assert(outlet_take(stream, "later\n", 6) && outlet_take(stream, "last\n", 5));
    char *rest = take_late(reader);
    text_add(&all, rest);
    const char *told = all.bytes;
    for (; !strncmp(told, line, LINE); told += LINE)
        kept++;
    ck_assert_int_lt(kept, LINES);
    char *notice = string_format("%s%d%s", begins, LINES - kept, ends);
    ck_assert_msg(!strncmp(told, notice, strlen(notice)), "%s: %.200s", notice, told);
    ck_assert_str_eq(strchr(told, '\n'), "\nlater\nlast\n");
    free(notice);
    free(rest);
    text_clear(&all);
}

START_TEST(what_is_left_out_is_told_where_it_would_have_stood)
{
    is_told_in_place(2, "  (", " lines are left out here");
}
END_TEST

START_TEST(objects_that_are_left_out_are_told_by_an_object)
{
    is_told_in_place(1, "{\"event\":\"left_out\",\"lines\":", "}\n");
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
        a_reader_that_lags_holds_up_no_run,
        what_is_left_out_is_whole_lines_and_counted,
        what_is_left_out_is_told_where_it_would_have_stood,
        objects_that_are_left_out_are_told_by_an_object,
        what_a_person_said_is_said_where_the_answer_is_lost,
    };
    return run_in_scene("cli: output", tests, sizeof tests / sizeof *tests, 120);
}
