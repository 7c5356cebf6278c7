/* A program is run to its end, within its limits, and leaves nothing behind. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cluster/process.h"

static struct error error;
static struct program_output output;
static int inherited = -1;

static int run(const char *script, int64_t time_ms, size_t out_bytes)
{
    char *arguments[] = {"/bin/sh", "-c", (char *)script, NULL};
    char *environment[] = {"PATH=/usr/bin:/bin", "ONLY=this", NULL};
    struct program program = {arguments, environment, NULL};
    struct process_limits limits = {.time_ms = time_ms, .out_bytes = out_bytes, .err_bytes = 1024};
    return process_run(&program, inherited, &limits, &output, &error);
}

static void tear_down(void)
{
    program_output_clear(&output);
}

START_TEST(output_and_status_come_back)
{
    ck_assert_int_eq(run("echo $ONLY; echo bad >&2; exit 42", 10000, 1024), 0);
    ck_assert_int_eq(output.exit_status, 42);
    ck_assert_str_eq(output.out, "this\n");
    ck_assert_uint_eq(output.out_length, 5);
    ck_assert_str_eq(output.err, "bad\n");
}
END_TEST

START_TEST(a_signal_is_an_exit_status)
{
    ck_assert_int_eq(run("kill -KILL $$", 10000, 1024), 0);
    ck_assert_int_eq(output.exit_status, 128 + SIGKILL);
}
END_TEST

START_TEST(signals_are_as_at_login_and_stdin_is_empty)
{
    sigset_t set;
    sigfillset(&set);
    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    ck_assert_int_eq(run("cat; kill -PIPE $$; echo survived", 10000, 1024), 0);
    ck_assert_str_eq(output.out, "");
    ck_assert_int_eq(output.exit_status, 128 + SIGPIPE);
}
END_TEST

static bool say_yes(void *context)
{
    ++*(int *)context;
    return true;
}

START_TEST(what_is_no_longer_wanted_is_ended_with_the_time_it_still_has)
{
    static char *arguments[] = {"/bin/sh", "-c", "exec sleep 60", NULL}, *environment[] = {NULL};
    struct program program = {arguments, environment, NULL};
    int asked = 0;
    struct process_limits limits = {.time_ms = 60000,
                                    .out_bytes = 1024,
                                    .err_bytes = 1024,
                                    .is_unwanted = say_yes,
                                    .context = &asked,
                                    .unwanted_ms = 300};
    int64_t begun_ms = clock_system()->steady_ms(clock_system());
    ck_assert_int_eq(process_run(&program, -1, &limits, &output, &error), -1);
    int64_t took_ms = clock_system()->steady_ms(clock_system()) - begun_ms;
    ck_assert_int_eq(error.code, ERROR_TIMEOUT);
    ck_assert_msg(strstr(error.message, "had not ended when its step was to stop"), "%s", error.message);
    ck_assert_int_eq(asked, 1);
    ck_assert_int_ge(took_ms, 300);
    ck_assert_int_lt(took_ms, 20000);
    program_output_clear(&output);
    arguments[2] = "echo said"; /* within that time its answer counts */
    limits.unwanted_ms = 20000;
    ck_assert_int_eq(process_run(&program, -1, &limits, &output, &error), 0);
    ck_assert_str_eq(output.out, "said\n");
}
END_TEST

START_TEST(one_file_of_ours_is_handed_on)
{
    inherited = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(run("readlink /proc/$$/fd/3", 10000, 1024), 0);
    close(inherited);
    inherited = -1;
    ck_assert_str_eq(output.out, "/dev/null\n");
}
END_TEST

START_TEST(one_that_does_not_end_is_ended)
{
    struct clock *clock = clock_system();
    int64_t before = clock->steady_ms(clock);
    ck_assert_int_eq(run("echo $$; exec sleep 1000", 200, 1024), -1);
    ck_assert_int_eq(error.code, ERROR_TIMEOUT);
    ck_assert_int_eq(output.exit_status, 128 + SIGTERM);
    ck_assert_int_lt(clock->steady_ms(clock) - before, 4000);
    ck_assert_int_eq(kill(atoi(output.out), 0), -1);
    ck_assert_int_eq(errno, ESRCH);
}
END_TEST

START_TEST(one_that_ignores_term_is_killed_with_its_children)
{
    ck_assert_int_eq(run("trap '' TERM; sleep 1000 & echo $!; while :; do sleep 1000; done", 200, 1024), -1);
    ck_assert_int_eq(error.code, ERROR_TIMEOUT);
    ck_assert_int_eq(output.exit_status, 128 + SIGKILL);
}
END_TEST

START_TEST(a_grandchild_that_keeps_the_pipe_keeps_nobody_waiting)
{
    struct clock *clock = clock_system();
    int64_t before = clock->steady_ms(clock);
    ck_assert_int_eq(run("sleep 20 & echo done", 60000, 1024), 0);
    ck_assert_int_lt(clock->steady_ms(clock) - before, 10000);
    ck_assert_str_eq(output.out, "done\n");
}
END_TEST

START_TEST(too_much_output_is_an_error_and_too_many_complaints_are_counted)
{
    ck_assert_int_eq(run("echo 12345678; sleep 1000", 10000, 4), -1);
    ck_assert_int_eq(error.code, ERROR_LIMIT);
    program_output_clear(&output);
    ck_assert_int_eq(run("head -c 2000 /dev/zero | tr '\\0' x >&2", 10000, 4), 0);
    ck_assert_ptr_nonnull(strstr(output.err, "[pawl: 976 more bytes]"));
}
END_TEST

START_TEST(a_program_that_is_not_there_is_an_error)
{
    char *arguments[] = {"/nowhere/program", NULL}, *environment[] = {NULL};
    struct program program = {arguments, environment, NULL};
    struct process_limits limits = {.time_ms = 1000, .out_bytes = 10, .err_bytes = 10};
    ck_assert_int_eq(process_run(&program, -1, &limits, &output, &error), -1);
    ck_assert_int_eq(error.code, ERROR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(error.message, "/nowhere/program"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("process");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, NULL, tear_down);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, output_and_status_come_back);
    tcase_add_test(all, a_signal_is_an_exit_status);
    tcase_add_test(all, signals_are_as_at_login_and_stdin_is_empty);
    tcase_add_test(all, what_is_no_longer_wanted_is_ended_with_the_time_it_still_has);
    tcase_add_test(all, one_file_of_ours_is_handed_on);
    tcase_add_test(all, one_that_does_not_end_is_ended);
    tcase_add_test(all, one_that_ignores_term_is_killed_with_its_children);
    tcase_add_test(all, a_grandchild_that_keeps_the_pipe_keeps_nobody_waiting);
    tcase_add_test(all, too_much_output_is_an_error_and_too_many_complaints_are_counted);
    tcase_add_test(all, a_program_that_is_not_there_is_an_error);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
