/* The scene of tests that submit: a simulated cluster in virtual time and some jobs, in the test's folder. */
#ifndef PAWL_TESTS_CLI_SCENE_H
#define PAWL_TESTS_CLI_SCENE_H

#include <sqlite3.h>
#include <time.h>

#include "cli_support.h"
#include "suite.h"

__attribute__((unused)) static void write_job(const char *name, const char *text)
{
    char *path = string_format("%s/%s.yaml", test_folder, name);
    struct error error = {0};
    DO(file_replace(path, text, strlen(text), 0600, &error));
    free(path);
}

__attribute__((unused)) static void make_scene(void)
{
    make_folder();
    ck_assert_int_eq(chdir(test_folder), 0);
    char *cluster = string_format("sim:%s/c.sim", test_folder);
    setenv("PAWL_ACTOR", "ops@bastion", 1);
    ck_assert_msg(pawl("sim init c.sim --time virtual") == 0, "%s", ran.err);
    setenv("PAWL_CLUSTER", cluster, 1);
    free(cluster);
    write_job("good",
              "job: good\nversion: 1\nparams:\n  n: {type: int, default: 1, min: 0}\nsteps:\n"
              "  - {id: one, uses: assert, with: {that: '${params.n > 0}', message: n is too small}}\n"
              "  - {id: nap, uses: sleep, with: {for: 1h}}\n");
    write_job("asks", "job: asks\nversion: 1\nlock: ns/name\nsteps:\n"
                      "  - {id: first, uses: assert, with: {that: '${true}'}}\n"
                      "  - {id: ask, uses: approve, with: {message: Go on?}}\n"
                      "  - {id: last, uses: assert, with: {that: '${steps.ask.by != \"\"}'}}\n");
    write_job("fails", "job: fails\nversion: 1\nsteps:\n"
                       "  - {id: no, uses: command, effect: converge, with: {argv: [/bin/false]},\n"
                       "     outputs: {code: {type: int, value: '${exit_code}'}}}\n"
                       "  - {id: after, uses: assert, with: {that: '${steps.no.code == 7}'}}\n");
    write_job("edits", "job: edits\nversion: 1\nsteps:\n"
                       "  - {id: edit, uses: edit_values, with: {file: nowhere.yaml, set: {a.b: 1}}}\n");
    write_job("late", "job: late\nversion: 1\nsteps:\n"
                      "  - {id: idle, uses: verify_idle}\n"
                      "  - {id: edit, uses: edit_values, with: {file: nowhere.yaml, set: {a.b: 1}}}\n");
    write_job("broken", "job: broken\nversion: 1\nsteps:\n  - {id: one, uses: asert}\n");
}

__attribute__((unused)) static void leave_scene(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    remove_folder();
}

__attribute__((unused)) static void expect(const char *arguments, int status)
{
    ck_assert_msg(pawl(arguments) == status, "pawl %s left with %d, not %d:\n%s%s", arguments, ran.status,
                  status, ran.out, ran.err);
}

__attribute__((unused)) static void expect_status(int run, const char *status)
{
    char *arguments = string_format("status %d --json", run);
    json_t *view = pawl_json(arguments, 0);
    ck_assert_msg(!strcmp(text_at(view, "status"), status), "run %d is %s, not %s", run,
                  text_at(view, "status"), status);
    json_decref(view);
    free(arguments);
}

__attribute__((unused)) static size_t run_count(void)
{
    if (access(test_path, F_OK))
        return 0;
    json_t *list = pawl_json("list --json", 0);
    size_t count = json_array_size(list);
    json_decref(list);
    return count;
}

/* As somebody does who writes to the file. */
__attribute__((unused)) static void change_store(const char *sql)
{
    sqlite3 *database;
    ck_assert_int_eq(sqlite3_open(test_path, &database), 0);
    ck_assert_int_eq(sqlite3_exec(database, sql, NULL, NULL, NULL), 0);
    sqlite3_close(database);
}

/* A pawl that is left alone; the shell's redirections stand behind its arguments. */
__attribute__((unused)) static pid_t pawl_start(const char *arguments)
{
    const char *program = getenv("PAWL");
    char *command = string_format("PAWL_STORE='%s' exec '%s' %s </dev/null", test_path,
                                  program ? program : "build/pawl", arguments);
    fflush(NULL);
    pid_t pid = fork();
    if (!pid) {
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    free(command);
    return pid;
}

/* The same; what it says goes into the file. */
__attribute__((unused)) static pid_t pawl_in_background(const char *arguments, const char *file)
{
    char *all = string_format("%s >%s 2>&1", arguments, file);
    pid_t pid = pawl_start(all);
    free(all);
    return pid;
}

__attribute__((unused)) static void wait_for_file(const char *name)
{
    while (access(name, F_OK)) /* the test's time limit is the end of it */
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

__attribute__((unused)) static int status_of(pid_t pid)
{
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Each test in a scene of its own, which may take so long; the status to leave with. */
__attribute__((unused)) static int run_in_scene(const char *name, const TTest *const *tests, size_t count,
                                                double timeout_s)
{
    Suite *suite = suite_create(name);
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, make_scene, leave_scene);
    tcase_set_timeout(all, timeout_s);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(all, tests[i]);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}

#endif
