/* What is said of a run that was refused, left waiting, submitted before, cancelled or rolled back. */
#include <signal.h>
#include <sys/stat.h>

#include "cli_scene.h"

/* ---- helpers ---- */

static void expect_said(const char *text, const char *says)
{
    ck_assert_msg(strstr(text, says) != NULL, "\"%s\" is missing: %s", says, text);
}

static size_t record_count(int run)
{
    char *arguments = string_format("history %d --json", run);
    expect(arguments, 0);
    size_t lines = 0;
    for (const char *at = ran.out; *at; at++)
        lines += *at == '\n';
    free(arguments);
    return lines;
}

/* A job whose one step, with an effect, says that it is there and goes on until it is ended. */
static void write_long_job(void)
{
    char *text = string_format("job: long\nversion: 1\nsteps:\n"
                               "  - id: work\n    uses: command\n    effect: converge\n"
                               "    with: {argv: [/bin/sh, -c, 'touch %s/there; exec sleep 600']}\n",
                               test_folder);
    write_job("long", text);
    free(text);
}

/* One that does not heed being asked to stop until it may. */
static void write_stubborn_job(void)
{
    char *text = string_format("job: stubborn\nversion: 1\nsteps:\n"
                               "  - id: work\n    uses: command\n    effect: converge\n"
                               "    with: {argv: [/bin/sh, -c, 'trap \"\" TERM; touch %s/stubborn; "
                               "until [ -e %s/end ]; do sleep 0.05; done']}\n",
                               test_folder, test_folder);
    write_job("stubborn", text);
    free(text);
}

/* ---- nothing changed ---- */

START_TEST(resume_from_a_step_that_was_not_entered_records_nothing)
{
    static const char *const steps[] = {"nowhere", "last", "''"};
    expect("submit asks.yaml", 3);
    size_t before = record_count(1);
    for (int i = 0; i < 3; i++) {
        char *arguments = string_format("resume 1 --from %s --reason x", steps[i]);
        expect(arguments, 2);
        ck_assert_uint_eq(record_count(1), before);
        free(arguments);
    }
    expect("resume 1 --from first --reason x", 3);
    ck_assert_uint_gt(record_count(1), before);
}
END_TEST

START_TEST(a_key_is_an_identifier)
{
    static const char *const keys[] = {"''", "\"$(printf 'a\\nb')\"", "\"$(printf 'a\\033b')\"",
                                       "\"$(printf 'a\\377b')\"", "\"$(printf '%256s' x)\""};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char *arguments = string_format("submit good.yaml --key %s", keys[i]);
        expect(arguments, 2);
        free(arguments);
        ck_assert_int_ne(access(test_path, F_OK), 0);
    }
    expect("submit good.yaml --key \"$(printf '%255s' x)\"", 0);
}
END_TEST

START_TEST(a_lock_that_lacks_a_param_says_which)
{
    static const char *const locks[] = {"${params.name_2}/${params.name}", "x/${params['name']}"};
    for (size_t i = 0; i < 2; i++) {
        char *text = string_format("job: j\nversion: 1\nlock: \"%s\"\nparams:\n"
                                   "  name: {type: string, default: ''}\n"
                                   "  name_2: {type: string, default: x}\n"
                                   "steps:\n  - {id: one, uses: assert, with: {that: '${true}'}}\n",
                                   locks[i]);
        write_job("locks", text);
        free(text);
        expect("submit locks.yaml", 2);
        expect_said(ran.err, "the param \"name\" is empty");
    }
}
END_TEST

START_TEST(a_driver_that_refuses_a_word_says_what_to_do)
{
    write_long_job();
    write_job("codes",
              "job: codes\nversion: 1\nsteps:\n"
              "  - {id: ask, uses: command, effect: converge, approve: Now?, with: {argv: [/bin/true]},\n"
              "     outputs: {code: {type: int, value: '${exit_code}'}}}\n"
              "  - {id: after, uses: assert, with: {that: '${steps.ask.code == 0}'}}\n");
    expect("submit codes.yaml --detach", 0);
    expect("submit long.yaml --detach", 0);
    pid_t driver = pawl_in_background("resume --all", "/dev/null");
    wait_for_file("there");
    expect("resolve 1 ask --done --reason x", 2);
    expect_said(ran.err, "later steps need the output");
    expect_said(ran.err, "add --output code=VALUE");
    expect("cancel 2 --reason enough", 0);
    expect("cancel 1 --reason enough", 0);
    status_of(driver);
}
END_TEST

START_TEST(words_that_are_no_text_are_refused)
{
    json_t *errors = pawl_json("validate \"$(printf 'a\\377.yaml')\" --json", 2);
    json_decref(errors);
    expect("submit asks.yaml", 3);
    expect("cancel 1 --reason \"$(printf 'a\\377')\"", 2);
    expect_status(1, "waiting");
}
END_TEST

/* The actor and the working directory stand in records: what is no text there would read as damage. */
START_TEST(surroundings_that_are_no_text_are_refused)
{
    static const char *const actors[] = {"a\377", "a\nb", "a\033[2J"};
    for (int i = 0; i < 3; i++) {
        setenv("PAWL_ACTOR", actors[i], 1);
        expect("submit good.yaml", 2);
        expect_said(ran.err, "PAWL_ACTOR");
    }
    setenv("PAWL_ACTOR", "", 1);
    expect("submit good.yaml", 0);
    setenv("PAWL_ACTOR", "ops@bastion", 1);
    ck_assert_int_eq(mkdir("a\377", 0700), 0);
    ck_assert_int_eq(chdir("a\377"), 0);
    expect("submit ../good.yaml", 2);
    expect_said(ran.err, "working directory");
    ck_assert_int_eq(chdir(".."), 0);
    ck_assert_uint_eq(run_count(), 1);
    expect("audit verify", 0);
}
END_TEST

START_TEST(an_empty_param_is_named)
{
    write_job("locks",
              "job: locks\nversion: 1\nparams:\n  space: {type: string, default: ns}\n"
              "  release: {type: string, default: a}\nlock: ${params.space}/${params.release}\nsteps:\n"
              "  - {id: one, uses: assert, with: {that: '${true}'}}\n");
    expect("submit locks.yaml -p release=", 2);
    expect_said(ran.err, "\"release\" is empty");
    expect("plan locks.yaml -p space=", 2);
    expect_said(ran.err, "\"space\" is empty");
    expect("submit locks.yaml -p release=a/b", 2);
    expect_said(ran.err, "not NAMESPACE/NAME");
}
END_TEST

/* ---- a run that stays ---- */

START_TEST(a_submit_that_waited_in_vain_says_what_it_left)
{
    expect("submit asks.yaml", 3);
    expect("submit asks.yaml --wait 1ms", 4);
    expect_said(ran.err, "run 2 is recorded and waits for the lock ns/name, which run 1 holds");
    expect_said(ran.err, "pawl resume 2");
    expect_said(ran.err, "pawl cancel 2");
    expect("submit asks.yaml --wait 1ms --json", 4);
    expect_said(ran.out, "run 3 is recorded");
    expect("cancel 2 --reason x", 0);
    expect("cancel 1 --reason x", 0);
    expect("resume 3", 3);
}
END_TEST

START_TEST(a_second_submit_of_a_key_leaves_with_the_status_of_its_run)
{
    static const struct {
        const char *submit;
        int first, second;
        const char *says;
    } cases[] = {
        {"submit good.yaml --key good", 0, 0, "succeeded"},
        {"submit good.yaml -p n=0 --key bad", 1, 1, "pawl resume 2"},
        {"submit asks.yaml --key asks", 3, 3, "pawl approve 3 ask"},
        {"submit edits.yaml --key left --detach", 0, 0, "pawl resume 4"},
        {"submit good.yaml --key held --paused", 0, 3, "pawl resume 5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect(cases[i].submit, cases[i].first);
        expect(cases[i].submit, cases[i].second);
        char *number = string_format("run %zu ", i + 1);
        ck_assert_msg(!strncmp(ran.out, number, strlen(number)), "%s", ran.out);
        expect_said(ran.out, "submitted before with this key");
        expect_said(ran.err, cases[i].says);
        free(number);
    }
    expect("submit edits.yaml --key left", 130); /* nobody has driven it */
    expect("approve 3 ask", 0);
    expect("submit asks.yaml --key asks", 130);
    expect_said(ran.err, "pawl resume 3");
    expect("submit asks.yaml --key asks --json", 130);
    json_t *line = json_loads(ran.out, 0, NULL);
    ck_assert_str_eq(text_at(line, "event"), "run_submitted");
    ck_assert_str_eq(text_at(line, "status"), "interrupted");
    ck_assert(json_is_true(json_object_get(line, "existed")));
    json_decref(line);
    ck_assert_uint_eq(run_count(), 5);
}
END_TEST

START_TEST(a_second_submit_of_a_key_that_is_driven_leaves_with_4)
{
    write_long_job();
    pid_t driver = pawl_in_background("submit long.yaml --key k", "/dev/null");
    wait_for_file("there");
    expect("submit long.yaml --key k", 4);
    expect_said(ran.err, "driven by process");
    expect("submit long.yaml --key k --detach", 0);
    expect("cancel 1 --reason x", 0);
    ck_assert_int_eq(status_of(driver), 1);
    expect("submit long.yaml --key k", 1);
}
END_TEST

/* ---- why ---- */

START_TEST(a_cancel_says_what_it_waits_for_and_how_long)
{
    write_long_job();
    pid_t driver = pawl_in_background("submit long.yaml", "/dev/null");
    wait_for_file("there");
    expect("cancel 1 --reason x", 0);
    expect_said(ran.out, "cancel accepted; it waits for \"work\"");
    expect_said(ran.out, "15s at most");
    ck_assert_int_eq(status_of(driver), 1);
    write_stubborn_job();
    driver = pawl_in_background("submit stubborn.yaml", "/dev/null");
    wait_for_file("stubborn");
    expect("cancel 2 --reason 'too long'", 0);
    expect("status 2", 0);
    expect_said(ran.out, "is being cancelled by ops@bastion: too long");
    ck_assert_int_eq(system("touch end"), 0);
    ck_assert_int_eq(status_of(driver), 1);
    expect("status 2", 0);
    expect_said(ran.out, "\ncancelled by ops@bastion: too long");
    expect("submit asks.yaml", 3);
    expect("cancel 3 --reason x --json", 0); /* nothing is in flight */
    ck_assert_ptr_null(strstr(ran.out, "in_flight"));
}
END_TEST

START_TEST(a_run_that_was_ended_says_why)
{
    expect("submit asks.yaml", 3);
    expect("cancel 1 --reason enough", 0);
    expect("status 1", 0);
    expect_said(ran.out, "cancelled by ops@bastion: enough");
    write_job("back", "job: back\nversion: 1\nsteps:\n"
                      "  - {id: no, uses: assert, with: {that: '${false}', message: it is wet},"
                      " on_failure: rollback}\n");
    expect("submit back.yaml", 1);
    expect_status(2, "rolled_back");
    expect("status 2", 0);
    expect_said(ran.out, "rolled back: \"no\" failed: it is wet");
    expect("submit good.yaml -p n=0", 1);
    expect("rollback 3 --reason 'by hand'", 0);
    json_t *run = pawl_json("status 3 --json", 0), *reason = json_object_get(run, "reason");
    ck_assert_str_eq(text_at(reason, "actor"), "ops@bastion");
    ck_assert_str_eq(text_at(reason, "text"), "by hand");
    json_decref(run);
}
END_TEST

/* The test's time limit is the end of it. */
static void wait_for_text(const char *file, const char *says)
{
    for (bool said = false; !said;) {
        char *text = file_read(file, 1024 * 1024, NULL, NULL);
        said = text && strstr(text, says);
        free(text);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

/* It would wait for ever: it says for whom. */
START_TEST(who_watches_a_run_that_nobody_drives_is_told)
{
    write_job("holds", "job: holds\nversion: 1\nlock: ns/name\nsteps:\n"
                       "  - {id: ask, uses: approve, with: {message: Go on?}}\n");
    expect("submit good.yaml --detach", 0);
    pid_t watcher = pawl_in_background("status 1 --watch", "watched");
    wait_for_text("watched", "nobody drives run 1\n      watching until somebody does: pawl resume 1\n");
    expect("resume 1", 0);
    ck_assert_int_eq(status_of(watcher), 0);
    expect("submit holds.yaml", 3);
    expect("submit holds.yaml --detach", 0);
    expect("status 3", 0);
    expect_said(ran.out, "waits for the lock ns/name, which run 2 holds: pawl status 2\n"
                         "nobody drives it yet: pawl resume 3 --wait DURATION\n");
    watcher = pawl_in_background("status 3 --watch --json", "watched");
    wait_for_text("watched", "run 3 waits for the lock ns/name, which run 2 holds, and nobody drives it");
    expect("cancel 3 --reason x", 0);
    ck_assert_int_eq(status_of(watcher), 1);
    expect("submit holds.yaml --detach", 0);
    expect("cancel 2 --reason x", 0);
    expect("status 4", 0);
    expect_said(ran.out, "nobody drives it yet: pawl resume 4\n");
}
END_TEST

START_TEST(a_run_s_time_begins_when_somebody_drives_it)
{
    expect("submit good.yaml --detach", 0);
    json_t *run = pawl_json("status 1 --json", 0);
    ck_assert(json_is_null(json_object_get(run, "began")));
    json_decref(run);
    expect("submit good.yaml", 0); /* an hour passes on the cluster */
    expect("resume 1", 0);
    expect_said(ran.err, "run 1 succeeded in 3600.0 s");
    expect("status 1", 0);
    expect_said(ran.out, "took 3600.0 s");
}
END_TEST

START_TEST(quiet_says_only_what_is_to_be_done)
{
    expect("submit good.yaml --quiet", 0);
    ck_assert_str_eq(ran.err, "");
    expect_said(ran.out, "run 1 ");
    expect("submit asks.yaml --quiet", 3);
    expect_said(ran.err, "pawl approve 2 ask");
    expect("submit good.yaml -p n=0 --quiet", 1);
    expect_said(ran.err, "pawl resume 3");
    ck_assert_ptr_null(strstr(ran.err, "✗"));
}
END_TEST

START_TEST(lines_of_several_runs_say_whose_they_are)
{
    expect("submit good.yaml --detach", 0);
    expect("submit good.yaml --detach", 0);
    expect("resume --all", 0);
    expect_said(ran.err, "  run 1  ✓ one");
    expect_said(ran.err, "  run 2  ✓ one");
    expect("submit good.yaml", 0);
    ck_assert_msg(!strncmp(ran.err, "  ✓ one", strlen("  ✓ one")), "%s", ran.err);
}
END_TEST

START_TEST(help_and_version_speak_json)
{
    json_t *overview = pawl_json("help --json", 0), *same = pawl_json("--json --help", 0);
    ck_assert(json_equal(overview, same));
    ck_assert_uint_gt(json_array_size(json_object_get(overview, "commands")), 15);
    json_t *command = pawl_json("help submit --json", 0), *also = pawl_json("submit --help --json", 0);
    ck_assert(json_equal(command, also));
    ck_assert_str_eq(text_at(command, "name"), "submit");
    ck_assert_uint_gt(json_array_size(json_object_get(command, "options")), 3);
    json_t *version = pawl_json("version --json", 0);
    ck_assert(json_is_string(json_object_get(version, "version")));
    json_t *errors = pawl_json("help nothing --json", 2);
    json_decref(errors);
    json_decref(version);
    json_decref(command);
    json_decref(also);
    json_decref(overview);
    json_decref(same);
}
END_TEST

/* ---- what a step that was cut off waits for ---- */

/* Its program ends its keeper and pawl; whether it was done is asked three times. */
START_TEST(what_a_resumed_step_waits_for_is_recorded_at_once)
{
    char *text = string_format(
        "job: cut\nversion: 1\nsteps:\n  - id: work\n    uses: command\n    effect: converge\n"
        "    with: {argv: [/bin/sh, -c, 'kill -9 $PPID; kill -9 $(cat %s/pid)']}\n"
        "    probe:\n      uses: command\n"
        "      with: {argv: [/bin/sh, -c, 'echo x >> %s/asked; [ $(wc -l < %s/asked) -gt 3 ]']}\n"
        "      done: ${exit_code == 0}\n      in_progress: ${exit_code == 1}\n",
        test_folder, test_folder, test_folder);
    write_job("cut", text);
    free(text);
    pid_t driver = fork();
    if (!driver) {
        char *path = string_format("%s/pid", test_folder), *pid = string_format("%d", (int)getpid());
        const char *program = getenv("PAWL");
        file_replace(path, pid, strlen(pid), 0600, NULL);
        setenv("PAWL_STORE", test_path, 1);
        execl(program ? program : "build/pawl", "pawl", "submit", "cut.yaml", "--quiet", NULL);
        _exit(127);
    }
    ck_assert_int_eq(status_of(driver), 128 + SIGKILL);
    expect("resume 1", 0);
    expect("history 1", 0);
    expect_said(ran.out, "in progress");
}
END_TEST

/* Its program ends its keeper, and nobody tells whether it was done. */
static void write_job_with_hung_probe(const char *name, const char *timeout)
{
    char *text = string_format(
        "job: %s\nversion: 1\nsteps:\n  - id: work\n    uses: command\n%s"
        "    with: {argv: [/bin/sh, -c, 'kill -9 $PPID']}\n"
        "    probe: {uses: command, with: {argv: [/bin/sh, -c, 'touch %s/%s; exec sleep 600']}}\n",
        name, timeout, test_folder, name);
    write_job(name, text);
    free(text);
}

START_TEST(a_probe_that_hangs_holds_up_neither_a_timeout_nor_a_cancel)
{
    char *cluster = string_format("sim:%s/real.sim", test_folder);
    expect("sim init real.sim --time real", 0);
    setenv("PAWL_CLUSTER", cluster, 1);
    free(cluster);
    write_job_with_hung_probe("timed", "    timeout: 3s\n");
    time_t begun = time(NULL);
    expect("submit timed.yaml", 3);
    ck_assert_int_lt(time(NULL) - begun, 60);
    expect_said(ran.err, "longer than its timeout of 3 s");
    write_job_with_hung_probe("cancelled", "");
    pid_t driver = pawl_in_background("submit cancelled.yaml", "/dev/null");
    wait_for_file("cancelled");
    begun = time(NULL);
    expect("cancel 2 --reason x", 0);
    expect_said(ran.out, "and its probe is asked, for 30s at most");
    ck_assert_int_eq(status_of(driver), 1);
    ck_assert_int_lt(time(NULL) - begun, 60);
    expect_status(2, "cancelled");
}
END_TEST

/* ---- clocks ---- */

static void set_clock(const char *epoch_ms)
{
    char *command = string_format("sed -i 's/\"epoch_ms\": *[0-9]*/\"epoch_ms\":%s/' c.sim", epoch_ms);
    ck_assert_int_eq(system(command), 0);
    free(command);
}

START_TEST(a_clock_that_was_never_set_begins_no_run)
{
    set_clock("-864000000000");
    expect("submit good.yaml", 5);
    expect_said(ran.err, "set the clock");
    ck_assert_uint_eq(run_count(), 0);
}
END_TEST

START_TEST(a_clock_that_jumps_leaves_a_run_that_can_be_read)
{
    write_job("jumps", "job: jumps\nversion: 1\nsteps:\n"
                       "  - {id: ask, uses: approve, with: {message: Go on?}}\n"
                       "  - {id: nap, uses: sleep, with: {for: 3s}}\n");
    expect("submit jumps.yaml", 3);
    expect("approve 1 ask", 0);
    set_clock("-864000000000");
    expect("resume 1", 0);
    ck_assert_msg(!strstr(ran.err, " -"), "%s", ran.err); /* no time below nothing */
    ck_assert_uint_eq(run_count(), 1);
    expect("audit verify", 0);
}
END_TEST

START_TEST(list_leaves_out_no_run_that_it_cannot_read)
{
    expect("submit good.yaml", 0);
    change_store("UPDATE runs SET submitted_ms = -5");
    expect("list", 5);
    expect("audit rebuild", 0);
    ck_assert_uint_eq(run_count(), 1);
}
END_TEST

/* ---- a small stack ---- */

START_TEST(a_small_stack_is_enough)
{
    static const char *const words[] = {"validate fails.yaml", "plan good.yaml", "submit good.yaml",
                                        "submit says.yaml",    "logs 2",         "audit verify"};
    const char *program = getenv("PAWL");
    write_job("says", "job: says\nversion: 1\nsteps:\n"
                      "  - {id: say, uses: command, effect: once, with: {argv: [/bin/echo, x]}}\n");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char *command = string_format("ulimit -s 64; PAWL_STORE='%s' '%s' %s >/dev/null 2>said", test_path,
                                      program ? program : "build/pawl", words[i]);
        ck_assert_msg(system(command) == 0, "%s", words[i]);
        free(command);
    }
}
END_TEST

/* ---- a copy of the store ---- */

START_TEST(a_copy_leaves_the_run_to_the_driver_of_the_original)
{
    write_job("naps", "job: naps\nversion: 1\nsteps:\n  - {id: nap, uses: sleep, with: {for: 3s}}\n");
    expect("sim init real.sim --time real", 0);
    pid_t driver = pawl_in_background("submit naps.yaml --cluster sim:real.sim", "/dev/null");
    while (pawl("history 1 --json") || !strstr(ran.out, "step_started"))
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    ck_assert_int_eq(system("cp -a state copy"), 0);
    free(test_path);
    test_path = string_format("%s/copy/pawl.db", test_folder);
    expect_status(1, "running");
    expect("resume 1", 4);
    expect_said(ran.err, "looks like a copy");
    expect_said(ran.err, "--take-over");
    expect("cancel 1 --reason enough", 4);
    expect("audit verify", 0);
    ck_assert_int_eq(kill(driver, 0), 0);
    ck_assert_int_eq(status_of(driver), 0); /* nobody has ended it */
}
END_TEST

START_TEST(a_copy_is_taken_over_without_ending_the_driver_of_the_original)
{
    write_long_job();
    pid_t driver = pawl_in_background("submit long.yaml", "/dev/null");
    wait_for_file("there");
    ck_assert_int_eq(system("cp -a state copy"), 0);
    char *original = test_path;
    test_path = string_format("%s/copy/pawl.db", test_folder);
    pid_t other = pawl_in_background("resume 1 --take-over --reason 'the disk of the first is full'",
                                     "/dev/null");
    while (pawl("history 1") || !strstr(ran.out, "the disk of the first is full"))
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    expect("cancel 1 --reason enough", 0);
    free(test_path);
    test_path = original;
    expect_status(1, "running");
    ck_assert_int_eq(kill(driver, 0), 0);
    expect("cancel 1 --reason enough", 0);
    ck_assert_int_eq(status_of(driver), 1);
    status_of(other);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_small_stack_is_enough,
        a_clock_that_was_never_set_begins_no_run,
        a_clock_that_jumps_leaves_a_run_that_can_be_read,
        list_leaves_out_no_run_that_it_cannot_read,
        a_copy_leaves_the_run_to_the_driver_of_the_original,
        a_copy_is_taken_over_without_ending_the_driver_of_the_original,
        resume_from_a_step_that_was_not_entered_records_nothing,
        a_key_is_an_identifier,
        a_lock_that_lacks_a_param_says_which,
        a_driver_that_refuses_a_word_says_what_to_do,
        words_that_are_no_text_are_refused,
        surroundings_that_are_no_text_are_refused,
        an_empty_param_is_named,
        a_submit_that_waited_in_vain_says_what_it_left,
        a_second_submit_of_a_key_leaves_with_the_status_of_its_run,
        a_second_submit_of_a_key_that_is_driven_leaves_with_4,
        a_cancel_says_what_it_waits_for_and_how_long,
        a_run_that_was_ended_says_why,
        who_watches_a_run_that_nobody_drives_is_told,
        a_run_s_time_begins_when_somebody_drives_it,
        quiet_says_only_what_is_to_be_done,
        lines_of_several_runs_say_whose_they_are,
        help_and_version_speak_json,
        what_a_resumed_step_waits_for_is_recorded_at_once,
        a_probe_that_hangs_holds_up_neither_a_timeout_nor_a_cancel,
    };
    return run_in_scene("cli: standing", tests, sizeof tests / sizeof *tests, 60);
}
