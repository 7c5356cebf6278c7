/* Asked to stop, a program ends within a bound, whatever has become of its keeper, its group or the clock.
 * The keeper is a real one: this program is its own. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "engine/host.h"
#include "engine/keeper.h"
#include "engine/keeper_files.h"
#include "store_support.h"
#include "suite.h"

#define PATIENCE_MS 20000 /* of a loaded machine; what is waited for comes at once */
#define LEAVES      "leaves-its-group"
#define DIES        "dies" /* as the boot id, which reaches a keeper's environment */
#define DEAF        "trap '' TERM; echo ready; while :; do sleep 0.1; done"

static json_t *record;
static struct child child;

static enum child_state look(void)
{
    child_clear(&child);
    keeper_look(test_folder, record, true, &child);
    return child.state;
}

static void expect_state(enum child_state state)
{
    for (int waited_ms = 0; look() != state; waited_ms += 10) {
        ck_assert_msg(waited_ms < PATIENCE_MS, "it stays in state %d", child.state);
        usleep(10000);
    }
}

static char *file_of(enum keeper_file_kind kind)
{
    char *base = string_format("%s/%s", test_folder, json_text(record, "base", ""));
    char *path = keeper_file(base, kind);
    free(base);
    return path;
}

/* Starts it, and waits until it has said a word. */
static void begin(char *program, char *argument, char *text)
{
    char *arguments[] = {program, argument, text, NULL}, *environment[] = {"PATH=/usr/bin:/bin", NULL};
    struct error error = {0};
    struct keeper *keeper = keeper_spawn(test_folder, "a.1.1",
                                         &(struct program){arguments, environment, NULL}, NULL, true, &error);
    ck_assert_msg(keeper != NULL, "%s", error.message);
    record = json_incref(keeper->record);
    ck_assert(keeper_go(keeper));
    char *out = file_of(KEEPER_OUT), *said = NULL;
    for (size_t length = 0; !length; usleep(10000)) {
        free(said);
        said = file_read_plain(out, LIMIT_CAPTURE_BYTES, &length, NULL);
    }
    free(said);
    free(out);
    ck_assert_int_eq(look(), CHILD_RUNNING);
}

static void signal_keeper(int signal)
{
    ck_assert(host_process_signal(json_object_get(record, "process"), signal));
}

static json_t *child_process(void)
{
    char *path = file_of(KEEPER_CHILD);
    json_t *process = json_load_file(path, 0, NULL);
    ck_assert_ptr_nonnull(process);
    free(path);
    return process;
}

/* All of it is gone, and its lock is free. */
static void finish(void)
{
    char *lock = file_of(KEEPER_LOCK);
    json_t *process = child_process();
    for (int waited_ms = 0; lock_is_held(lock) || host_process_lives(process); waited_ms += 10) {
        ck_assert_msg(waited_ms < PATIENCE_MS, "something of it is left");
        usleep(10000);
    }
    json_decref(process);
    json_decref(record);
    child_clear(&child);
    free(lock);
}

START_TEST(output_that_cannot_be_read_again_is_not_none)
{
    begin("/proc/self/exe", LEAVES, NULL);
    char *out = file_of(KEEPER_OUT), *err = file_of(KEEPER_ERR);
    ck_assert(!unlink(out) && !mkdir(out, 0700));
    ck_assert(!unlink(err) && !mkdir(err, 0700));
    keeper_cancel(test_folder, record, 0);
    expect_state(CHILD_EXITED);
    ck_assert_ptr_nonnull(child.unread);
    ck_assert_ptr_nonnull(strstr(child.unread, out));
    ck_assert_msg(!strncmp(child.err, "pawl: ", 6) && strstr(child.err, err), "%s", child.err);
    finish();
    free(out);
    free(err);
}
END_TEST

START_TEST(a_program_that_leaves_its_group_is_ended)
{
    begin("/proc/self/exe", LEAVES, NULL);
    keeper_cancel(test_folder, record, 0);
    expect_state(CHILD_EXITED);
    ck_assert_int_eq(child.exit_status, 128 + SIGTERM);
    finish();
}
END_TEST

START_TEST(a_program_that_leaves_its_group_is_ended_without_its_keeper)
{
    begin("/proc/self/exe", LEAVES, NULL);
    signal_keeper(SIGKILL);
    while (host_process_lives(json_object_get(record, "process")))
        usleep(1000);
    keeper_cancel(test_folder, record, 0);
    expect_state(CHILD_LOST);
    finish();
}
END_TEST

START_TEST(a_stopped_keeper_is_woken_and_records_the_end)
{
    begin("/bin/sh", "-c", "echo ready; exec sleep 60");
    signal_keeper(SIGSTOP);
    keeper_cancel(test_folder, record, 0);
    expect_state(CHILD_EXITED);
    ck_assert(child.cancelled);
    finish();
}
END_TEST

START_TEST(a_keeper_that_does_nothing_is_killed_behind_the_grace)
{
    begin("/bin/sh", "-c", DEAF);
    signal_keeper(SIGSTOP);
    keeper_cancel(test_folder, record, KEEPER_GRACE_MS + KEEPER_LATE_MS);
    ck_assert_int_eq(look(), CHILD_RUNNING);
    keeper_cancel(test_folder, record, KEEPER_END_MS);
    expect_state(CHILD_LOST);
    finish();
}
END_TEST

/* A request whose time lies ahead is what a clock that was set back leaves. */
START_TEST(the_grace_is_the_asking_driver_s_whatever_the_clock_says)
{
    struct timespec ahead[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) + 3600}};
    begin("/bin/sh", "-c", DEAF);
    signal_keeper(SIGKILL);
    while (host_process_lives(json_object_get(record, "process")))
        usleep(1000);
    keeper_cancel(test_folder, record, 0);
    char *request = file_of(KEEPER_CANCEL);
    ck_assert_int_eq(utimensat(AT_FDCWD, request, ahead, 0), 0);
    free(request);
    keeper_cancel(test_folder, record, KEEPER_GRACE_MS);
    ck_assert_int_eq(look(), CHILD_RUNNING);
    keeper_cancel(test_folder, record, KEEPER_GRACE_MS + 1);
    /* what it has left behind (a sleep of 0.1 s) holds the lock a little longer */
    expect_state(CHILD_LOST);
    finish();
}
END_TEST

START_TEST(what_a_dead_program_left_behind_is_ended_where_its_keeper_is_dead_too)
{
    begin("/bin/sh", "-c", "trap '' TERM; (while :; do sleep 60; done) & echo ready; wait");
    signal_keeper(SIGKILL);
    json_t *process = child_process();
    ck_assert(host_process_kill(process, PATIENCE_MS));
    json_decref(process);
    keeper_cancel(test_folder, record, 0);
    ck_assert_int_eq(look(), CHILD_RUNNING);
    keeper_cancel(test_folder, record, KEEPER_END_MS);
    expect_state(CHILD_LOST);
    finish();
}
END_TEST

/* That nothing has run is claimed only where it is proven: a `once` program would be run again. */
START_TEST(a_record_that_leads_out_of_the_folder_proves_nothing)
{
    const char *const bases[] = {"", "/tmp/1.a.1.1", "../1.a.1.1", "1/../../a"};
    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        record = json_pack("{s:s}", "base", bases[i]);
        ck_assert_int_eq(look(), CHILD_LOST);
        json_decref(record);
    }
    record = NULL;
    ck_assert_int_eq(look(), CHILD_NONE);
}
END_TEST

/* A process of this test's that has the file open to read, as whoever asks whether a lock is held does. */
static pid_t bystander_of(const char *path)
{
    int file = open(path, O_RDONLY);
    ck_assert_int_ge(file, 0);
    pid_t pid = fork();
    if (!pid)
        for (;;)
            pause();
    close(file);
    return pid;
}

START_TEST(who_only_asks_for_the_lock_is_not_killed)
{
    begin("/bin/sh", "-c", DEAF);
    char *lock = file_of(KEEPER_LOCK);
    pid_t bystander = bystander_of(lock);
    int status = 0;
    signal_keeper(SIGSTOP);
    keeper_cancel(test_folder, record, KEEPER_END_MS);
    expect_state(CHILD_LOST);
    ck_assert_int_eq(kill(bystander, SIGUSR1), 0);
    ck_assert_int_eq(waitpid(bystander, &status, 0), bystander);
    ck_assert_int_eq(WTERMSIG(status), SIGUSR1);
    free(lock);
    finish();
}
END_TEST

START_TEST(a_keeper_that_dies_is_not_one_that_is_slow)
{
    char *arguments[] = {(char *)"/bin/true", NULL}, *environment[] = {NULL};
    struct error error = {0};
    ck_assert_int_eq(setenv("PAWL_BOOT_ID", DIES, 1), 0);
    ck_assert_ptr_null(keeper_spawn(test_folder, "a.1.1", &(struct program){arguments, environment, NULL},
                                    NULL, true, &error));
    unsetenv("PAWL_BOOT_ID");
    ck_assert_str_eq(error.message, "the keeper ended before it was ready");
}
END_TEST

/* Who floods its output does not keep the keeper from the request, nor what it left behind from the end. */
START_TEST(a_program_that_writes_without_end_is_ended)
{
    begin("/bin/sh", "-c", "(trap '' TERM; exec yes) & (trap '' TERM; exec yes) & exec sleep 60");
    char *out = file_of(KEEPER_OUT);
    struct stat status = {0};
    for (int waited_ms = 0; status.st_size < LIMIT_CAPTURE_BYTES; waited_ms += 10) {
        ck_assert_msg(!stat(out, &status) && waited_ms < PATIENCE_MS, "it does not flood its output");
        usleep(10000);
    }
    free(out);
    keeper_cancel(test_folder, record, 0);
    expect_state(CHILD_EXITED);
    ck_assert(child.truncated);
    finish();
}
END_TEST

/* Told its program, it ends. */
static int keeper_dies(void)
{
    char order[4096];
    uint32_t length = 0;
    recv(KEEPER_PIPE_FD, &length, sizeof length, MSG_WAITALL);
    recv(KEEPER_PIPE_FD, order, length < sizeof order ? length : sizeof order, MSG_WAITALL);
    return 1;
}

int main(int argument_count, char **arguments)
{
    const char *boot = getenv("PAWL_BOOT_ID");
    if (argument_count == 2 && !strcmp(arguments[1], "keeper") && boot && !strcmp(boot, DIES))
        return keeper_dies();
    if (argument_count == 2 && !strcmp(arguments[1], "keeper"))
        return keeper_main(argument_count, arguments);
    if (argument_count == 2 && !strcmp(arguments[1], LEAVES)) {
        if (!setpgid(0, getsid(0)) && printf("ready") > 0 && !fflush(stdout))
            pause();
        return 1;
    }
    Suite *suite = suite_create("keeper");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_folder, remove_folder);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, output_that_cannot_be_read_again_is_not_none);
    tcase_add_test(all, a_program_that_leaves_its_group_is_ended);
    tcase_add_test(all, a_program_that_leaves_its_group_is_ended_without_its_keeper);
    tcase_add_test(all, a_stopped_keeper_is_woken_and_records_the_end);
    tcase_add_test(all, a_keeper_that_does_nothing_is_killed_behind_the_grace);
    tcase_add_test(all, the_grace_is_the_asking_driver_s_whatever_the_clock_says);
    tcase_add_test(all, what_a_dead_program_left_behind_is_ended_where_its_keeper_is_dead_too);
    tcase_add_test(all, a_record_that_leads_out_of_the_folder_proves_nothing);
    tcase_add_test(all, who_only_asks_for_the_lock_is_not_killed);
    tcase_add_test(all, a_keeper_that_dies_is_not_one_that_is_slow);
    tcase_add_test(all, a_program_that_writes_without_end_is_ended);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
