/* What becomes of keepers: one that cannot start its program says why, none stays behind as a zombie. */
#include <fcntl.h>
#include <glob.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli_scene.h"
#include "engine/keeper.h"
#include "engine/keeper_files.h"

static void write_job_of_two(void)
{
    char *text = string_format("job: two\nversion: 1\nsteps:\n"
                               "  - {id: one, uses: command, effect: converge, with: {argv: [/bin/true]}}\n"
                               "  - id: two\n    uses: command\n    effect: converge\n"
                               "    with: {argv: [/bin/sh, -c, 'touch %s/there; "
                               "until [ -e %s/end ]; do sleep 0.05; done']}\n",
                               test_folder, test_folder);
    write_job("two", text);
    free(text);
}

/* How many children it has, with those that have ended and were not reaped. */
static int child_count(pid_t parent)
{
    glob_t found;
    int count = 0;
    ck_assert_int_eq(glob("/proc/[0-9]*/stat", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char *stat = file_read(found.gl_pathv[i], 4096, NULL, NULL);
        const char *behind_name = stat ? strrchr(stat, ')') : NULL;
        int of = 0;
        if (behind_name && sscanf(behind_name + 1, " %*c %d", &of) == 1)
            count += of == parent;
        free(stat);
    }
    globfree(&found);
    return count;
}

/* As a driver's keeper: its lock, its end of the socket, the program on that. */
static void be_keeper(int socket_end, int lock)
{
    int high_lock = fcntl(lock, F_DUPFD, 10), high_end = fcntl(socket_end, F_DUPFD, 10);
    dup2(high_lock, KEEPER_LOCK_FD);
    dup2(high_end, KEEPER_PIPE_FD);
    close_range(KEEPER_PIPE_FD + 1, ~0U, 0);
    _exit(keeper_main(0, NULL));
}

START_TEST(a_program_that_cannot_be_started_says_why)
{
    char *order = string_format("{\"base\":\"%s/kept\",\"arguments\":[\"/bin/true\"],\"environment\":[],"
                                "\"folder\":\"/\",\"once\":false}",
                                test_folder);
    uint32_t length = (uint32_t)strlen(order);
    struct error error = {0};
    int ends[2];
    char byte = 0;
    ck_assert_int_eq(system("mkdir -p kept.child/x"), 0); /* no record of the program's process */
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    int lock = lock_take("kept.lock", 0600, &error);
    pid_t pid = fork();
    if (!pid)
        be_keeper(ends[1], lock);
    close(lock);
    ck_assert_int_eq(write(ends[0], &length, sizeof length), sizeof length);
    ck_assert_int_eq(write(ends[0], order, length), length);
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    ck_assert_int_eq(byte, KEEPER_IS_READY);
    ck_assert_int_eq(write(ends[0], &(char){KEEPER_GO}, 1), 1);
    ck_assert_int_eq(status_of(pid), 0);
    struct child child;
    json_t *record = json_pack("{s:s}", "base", "kept");
    keeper_look(test_folder, record, false, &child);
    ck_assert_int_eq(child.state, CHILD_EXITED);
    ck_assert_int_eq(child.exit_status, 126);
    ck_assert_msg(strstr(child.err, "pawl: the program could not be started: cannot replace"), "%s",
                  child.err);
    child_clear(&child);
    json_decref(record);
    close(ends[0]);
    close(ends[1]);
    free(order);
}
END_TEST

START_TEST(keepers_that_have_ended_are_reaped_while_the_driver_goes_on)
{
    write_job_of_two();
    pid_t driver = pawl_in_background("submit two.yaml", "/dev/null");
    wait_for_file("there");
    while (child_count(driver) != 1) /* the second step's keeper; the test's time limit is the end of it */
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    ck_assert_int_eq(system("touch end"), 0);
    ck_assert_int_eq(status_of(driver), 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_program_that_cannot_be_started_says_why,
        keepers_that_have_ended_are_reaped_while_the_driver_goes_on,
    };
    return run_in_scene("cli: keeper", tests, sizeof tests / sizeof *tests, 60);
}
