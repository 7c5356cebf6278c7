/* What stands on a terminal while a step is under way. */
#include <pty.h>
#include <signal.h>
#include <time.h>

#include "cli/last_output.h"
#include "cli_scene.h"
#include "suite.h"

#define COLUMNS 60

/* ---- the last line ---- */

START_TEST(the_last_line_is_what_a_terminal_would_show)
{
    static const struct {
        const char *written, *shown;
    } cases[] = {
        {"", ""},
        {"one\n", "one"},
        {"one\ntwo", "two"},
        {"one\ntwo\r\n\n", "two"},
        {"10 %\r20 %\r", "20 %"},
        {"\033[1;31mred\033[0m line\n", "red line"},
        {"\033]0;a title\aprompt\n", "prompt"},
        {"\033]8;;http://x\033\\link\033]8;;\033\\ end\n", "link end"},
        {"\033(Bplain\033[K\033[2Jx\n", "plainx"},
        {"tab\there\b\b\n", "tab here"},
        {"c1 \302\233 here\n", "c1  here"},
        {"bytes \377\300 here\n", "bytes ?? here"},
        {"中文 ✓\n", "中文 ✓"},
        {"cut \033", "cut "},
        {"cut \033[3", "cut "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *line = last_line_of(cases[i].written);
        ck_assert_msg(!strcmp(line, cases[i].shown), "case %zu: \"%s\", not \"%s\"", i, line, cases[i].shown);
        free(line);
    }
}
END_TEST

/* ---- on a terminal ---- */

struct screen {
    int terminal;
    pid_t pid;
    struct text seen;
};

static void start_on_terminal(struct screen *screen, const char *job, const char *option)
{
    struct winsize size = {.ws_row = 24, .ws_col = COLUMNS};
    *screen = (struct screen){.terminal = -1};
    screen->pid = forkpty(&screen->terminal, NULL, NULL, &size);
    if (!screen->pid) {
        const char *program = getenv("PAWL");
        setenv("PAWL_STORE", test_path, 1);
        execl(program ? program : "build/pawl", "pawl", "submit", job, option, NULL);
        _exit(127);
    }
    ck_assert_int_gt(screen->pid, 0);
}

/* Until the terminal has shown it; the test's time limit is the end of it. */
static void wait_to_see(struct screen *screen, const char *text)
{
    char bytes[4096];
    while (!strstr(text_string(&screen->seen), text)) {
        ssize_t length = read(screen->terminal, bytes, sizeof bytes);
        ck_assert_msg(length > 0, "\"%s\" was not shown: %s", text, text_string(&screen->seen));
        text_append(&screen->seen, bytes, (size_t)length);
    }
}

static void end_screen(struct screen *screen)
{
    kill(screen->pid, SIGKILL);
    waitpid(screen->pid, NULL, 0);
    close(screen->terminal);
    text_clear(&screen->seen);
}

/* Characters of the longest line that was written over or ended. */
static int widest(const char *seen)
{
    int width = 0, most = 0;
    for (; *seen; seen++) {
        if (*seen == '\r' || *seen == '\n')
            width = 0;
        else if (*seen == '\033')
            seen += strcspn(seen, "mKh");
        else
            width += (*seen & 0xC0) != 0x80;
        most = width > most ? width : most;
    }
    return most;
}

START_TEST(the_last_line_of_a_program_stands_on_the_terminal)
{
    char *text = string_format(
        "job: shows\nversion: 1\nsteps:\n  - id: work\n    uses: command\n    effect: converge\n"
        "    with:\n      argv: [/bin/sh, -c, 'printf \"\\033[31mfirst\\033[0m line\\n\"; "
        "while [ ! -e %s/go ]; do sleep 0.05; done; "
        "printf \"%%080d\" 7; while [ ! -e %s/end ]; do sleep 0.05; done']\n",
        test_folder, test_folder);
    write_job("shows", text);
    free(text);
    struct screen screen;
    start_on_terminal(&screen, "shows.yaml", "--yes");
    wait_to_see(&screen, "work         first line  ");
    ck_assert_int_eq(system("touch go"), 0);
    wait_to_see(&screen, "work         000000");
    wait_to_see(&screen, "0  1 s");
    ck_assert_int_le(widest(text_string(&screen.seen)), COLUMNS);
    ck_assert_int_eq(system("touch end"), 0);
    wait_to_see(&screen, "run 1 succeeded");
    end_screen(&screen);
}
END_TEST

START_TEST(ctrl_c_ends_a_question)
{
    struct screen screen;
    int status;
    start_on_terminal(&screen, "asks.yaml", NULL);
    wait_to_see(&screen, "Run asks on sim? [y/N] ");
    ck_assert_int_eq(write(screen.terminal, "y\n", 2), 2);
    wait_to_see(&screen, "    [y/N] ");
    ck_assert_int_eq(write(screen.terminal, "\003", 1), 1);
    wait_to_see(&screen, "run 1 waits for approval");
    ck_assert_int_eq(waitpid(screen.pid, &status, 0), screen.pid);
    ck_assert(WIFEXITED(status) && (WEXITSTATUS(status) == 3 || WEXITSTATUS(status) == 130));
    close(screen.terminal);
    text_clear(&screen.seen);
    expect("approve 1 ask", 0);
    expect("resume 1", 0);
}
END_TEST

/* What is said elsewhere does not wait for whoever is asked at the terminal. */
START_TEST(a_rejection_elsewhere_ends_a_question)
{
    struct screen screen;
    int status;
    start_on_terminal(&screen, "asks.yaml", NULL);
    wait_to_see(&screen, "Run asks on sim? [y/N] ");
    ck_assert_int_eq(write(screen.terminal, "y\n", 2), 2);
    wait_to_see(&screen, "    [y/N] ");
    expect("reject 1 ask --reason 'wrong chunk'", 0);
    ck_assert_ptr_nonnull(strstr(ran.out, "accepted"));
    wait_to_see(&screen, "rejected by ops@bastion: wrong chunk");
    wait_to_see(&screen, "pawl resume 1 asks again");
    ck_assert_int_eq(waitpid(screen.pid, &status, 0), screen.pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    close(screen.terminal);
    text_clear(&screen.seen);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("live view");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_scene, leave_scene);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, the_last_line_is_what_a_terminal_would_show);
    tcase_add_test(all, the_last_line_of_a_program_stands_on_the_terminal);
    tcase_add_test(all, ctrl_c_ends_a_question);
    tcase_add_test(all, a_rejection_elsewhere_ends_a_question);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
