/* The commands that record and drive, as programs, on a simulated cluster: exit statuses, JSON, and what
 * people say to a run. */
#include "cli_scene.h"

/* ---- submit ---- */

START_TEST(a_run_that_succeeds_leaves_with_0_and_says_its_number_first)
{
    expect("submit good.yaml", 0);
    ck_assert_msg(!strncmp(ran.out, "run 1 ", 6), "%s", ran.out);
    ck_assert_ptr_nonnull(strstr(ran.err, "run 1 succeeded"));
    expect_status(1, "succeeded");
    expect("audit verify", 0);
}
END_TEST

START_TEST(a_run_that_fails_leaves_with_1_and_can_be_resumed)
{
    expect("submit good.yaml -p n=0", 1);
    ck_assert_ptr_nonnull(strstr(ran.err, "n is too small"));
    ck_assert_ptr_nonnull(strstr(ran.err, "pawl resume 1"));
    expect_status(1, "failed");
    expect("resume 1", 1);
    expect("resume", 2); /* a failed run is not an interrupted one */
}
END_TEST

START_TEST(what_is_wrong_leaves_with_2_and_records_nothing)
{
    static const char *const cases[] = {
        "submit broken.yaml",
        "submit missing.yaml",
        "submit good.yaml -p m=1",
        "submit good.yaml -p n=-1",
        "submit good.yaml -p n=x",
        "submit good.yaml -p n",
        "submit good.yaml --params-file missing.yaml",
        "submit",
        "plan broken.yaml",
        "validate broken.yaml",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        expect(cases[i], 2);
        char *as_json = string_format("%s --json", cases[i]);
        json_t *errors = pawl_json(as_json, 2);
        ck_assert_uint_gt(json_array_size(json_object_get(errors, "errors")), 0);
        json_decref(errors);
        free(as_json);
    }
    ck_assert_int_ne(access(test_path, F_OK), 0);
}
END_TEST

START_TEST(a_file_s_name_is_no_word_to_the_terminal)
{
    write_job("a\033[2Jb", "version: 1\n");
    expect("validate \"$(printf 'a\\033[2Jb.yaml')\"", 2);
    ck_assert_msg(strstr(ran.err, "b.yaml:1:1: error[") && !strchr(ran.err, '\033'), "%s", ran.err);
}
END_TEST

START_TEST(a_cluster_that_is_not_there_leaves_with_5_and_records_nothing)
{
    expect("submit good.yaml --cluster sim:/nowhere/c.sim", 5);
    expect("plan good.yaml --cluster sim:/nowhere/c.sim", 5);
    ck_assert_int_ne(access(test_path, F_OK), 0);
}
END_TEST

START_TEST(submit_prints_one_json_object_a_line)
{
    expect("submit good.yaml --json", 0);
    ck_assert_str_eq(ran.err, "");
    int lines = 0;
    bool succeeded = false;
    for (char *line = strtok(ran.out, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *event = json_loads(line, 0, NULL);
        ck_assert_msg(event != NULL, "%s", line);
        if (!lines++) {
            ck_assert_str_eq(text_at(event, "event"), "run_submitted");
            ck_assert_int_eq(json_integer_value(json_object_get(event, "run")), 1);
        }
        succeeded = succeeded || !strcmp(text_at(event, "event"), "run_succeeded");
        json_decref(event);
    }
    ck_assert(succeeded);
}
END_TEST

START_TEST(the_same_key_gives_the_same_run)
{
    expect("submit good.yaml --key nightly", 0);
    expect("submit good.yaml --key nightly", 0);
    ck_assert_msg(!strncmp(ran.out, "run 1 ", 6), "%s", ran.out);
    expect("submit good.yaml --key nightly -p n=2", 2);
    expect("submit asks.yaml --key nightly", 2);
    ck_assert_uint_eq(run_count(), 1);
}
END_TEST

START_TEST(a_second_run_of_a_lock_leaves_with_4_or_waits)
{
    expect("submit asks.yaml", 3);
    expect("submit asks.yaml", 4);
    ck_assert_ptr_nonnull(strstr(ran.err, "run 1"));
    ck_assert_uint_eq(run_count(), 1);
    expect("submit asks.yaml --detach", 0);
    ck_assert_uint_eq(run_count(), 2);
    expect("resume 2", 4);
    expect("cancel 1 --reason 'let the other one go'", 0);
    expect("resume 2", 3);
}
END_TEST

/* ---- what people say ---- */

START_TEST(an_approval_left_in_the_store_is_taken_up_by_resume)
{
    expect("submit asks.yaml", 3);
    ck_assert_ptr_nonnull(strstr(ran.err, "pawl approve 1 ask"));
    expect_status(1, "waiting");
    expect("approve 1 ask --reason fine", 0);
    expect_status(1, "interrupted");
    expect("resume", 0);
    ck_assert_ptr_nonnull(strstr(ran.err, "run 1  asks  resumed at \"ask\" (it waited)"));
    ck_assert_ptr_nonnull(strstr(ran.err, "1 step done before"));
    expect("history 1", 0);
    ck_assert_ptr_nonnull(strstr(ran.out, "ask approved"));
    ck_assert_ptr_nonnull(strstr(ran.out, "by ops@bastion: fine"));
}
END_TEST

START_TEST(yes_approves_and_is_recorded_as_that)
{
    expect("submit asks.yaml --yes", 0);
    expect("history 1", 0);
    ck_assert_ptr_nonnull(strstr(ran.out, "--yes"));
}
END_TEST

START_TEST(a_rejection_fails_the_run)
{
    expect("submit asks.yaml", 3);
    expect("reject 1 ask", 2); /* wants a reason */
    expect("reject 1 ask --reason 'not today'", 0);
    expect("resume 1", 1);
    expect_status(1, "failed");
    expect("status 1", 0);
    ck_assert_ptr_nonnull(strstr(ran.out, "not today"));
}
END_TEST

START_TEST(a_word_that_does_not_fit_is_refused)
{
    expect("submit asks.yaml", 3);
    static const char *const cases[] = {"approve 1 last",
                                        "approve 2 ask",
                                        "approve 1",
                                        "resolve 1 ask --reason x",
                                        "resolve 1 ask --done --retry --reason x",
                                        "resolve 1 ask --done",
                                        "cancel 1",
                                        "rollback 1",
                                        "resume 1 --from first",
                                        "resume 1 --take-over",
                                        "resume --all 1",
                                        "resume 1 --from nowhere --reason x"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(cases[i], 2);
    expect_status(1, "waiting");
}
END_TEST

START_TEST(a_cancelled_run_stays_cancelled_and_frees_its_lock)
{
    expect("submit asks.yaml", 3);
    expect("cancel 1 --reason enough", 0);
    expect_status(1, "cancelled");
    expect("resume 1", 2);
    expect("cancel 1 --reason again", 2);
    expect("approve 1 ask", 2);
    expect("submit asks.yaml --yes", 0);
    expect("audit verify", 0);
}
END_TEST

/* Each of these went round for ever once the run had ended: the test's time limit is what fails. */
START_TEST(a_rollback_with_nothing_to_undo_ends)
{
    expect("submit asks.yaml --detach", 0);
    expect("rollback 1 --reason wrong", 0);
    expect_status(1, "rolled_back");
    expect("submit asks.yaml --paused", 0);
    expect("rollback 2 --reason wrong", 0);
    expect_status(2, "rolled_back");
    expect("submit edits.yaml", 1);
    expect("rollback 3 --reason wrong", 0);
    expect_status(3, "rolled_back");
    expect("audit verify", 0);
}
END_TEST

START_TEST(a_paused_run_goes_on_when_it_is_resumed)
{
    expect("submit good.yaml --paused", 0);
    expect_status(1, "waiting");
    expect("resume 1", 0);
    expect_status(1, "succeeded");
}
END_TEST

START_TEST(a_failed_step_that_was_put_right_by_hand_is_resolved)
{
    expect("submit fails.yaml", 1);
    expect("resolve 1 no --done --reason 'by hand'", 2); /* a later step needs its output */
    ck_assert_ptr_nonnull(strstr(ran.err, "--output code=VALUE"));
    expect("resolve 1 no --done --reason 'by hand' --output code=x", 2);
    expect("resolve 1 no --done --reason 'by hand' --output kode=7", 2);
    expect("resolve 1 no --done --reason 'by hand' --output code=7", 0);
    expect("resume 1", 0);
    json_t *run = pawl_json("status 1 --json", 0);
    json_t *step = json_array_get(json_object_get(run, "steps"), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(step, "outputs"), "code")), 7);
    json_decref(run);
    expect("audit verify", 0);
}
END_TEST

START_TEST(resume_without_a_run_takes_the_only_interrupted_one)
{
    expect("submit asks.yaml", 3);
    expect("resume", 2);
    expect("approve 1 ask", 0);
    expect("submit good.yaml --paused", 0);
    expect("resume", 0);
    expect_status(1, "succeeded");
}
END_TEST

START_TEST(a_word_that_does_not_fit_says_where_to_look)
{
    static const struct {
        const char *words, *says;
    } calls[] = {
        {"approve 1 nosuch",
         "the job of run 1 has no step \"nosuch\"\n      pawl status 1 lists its steps\n"},
        {"approve 1 last",
         "run 1 is not at step \"last\" but at \"ask\"\n      pawl status 1 says what it waits for\n"},
        {"logs 1 nosuch", "the job of run 1 has no step \"nosuch\"\n"},
        {"resume 1 --from nosuch --reason x", "the job of run 1 has no step \"nosuch\"\n"},
        {"resume 1 --from last --reason x",
         "run 1 has not entered step \"last\"\n      --from takes a step that it has entered: pawl status 1\n"},
        {"pause 2", "run 2 has ended: succeeded\n      pawl history 2 tells how\n"},
    };
    expect("submit asks.yaml", 3);
    expect("submit good.yaml", 0);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        expect(calls[i].words, 2);
        ck_assert_msg(strstr(ran.err, calls[i].says) != NULL, "%s: %s", calls[i].words, ran.err);
    }
}
END_TEST

START_TEST(what_was_done_is_said_and_what_is_to_be_done)
{
    expect("submit good.yaml --detach", 0);
    ck_assert_str_eq(ran.err, "run 1 is recorded, nobody drives it yet: pawl resume 1\n");
    expect("submit good.yaml --paused -q", 0);
    ck_assert_str_eq(ran.err, "run 2 is paused: pawl resume 2\n");
    expect("list", 0);
    ck_assert_msg(strstr(ran.out, "  (paused)\n") != NULL, "%s", ran.out);
    expect("resume --all", 0);
    expect("resume --all", 0);
    ck_assert_str_eq(ran.out, "no run is interrupted: nothing to resume\n");
    expect("resume --all -q", 0);
    ck_assert_str_eq(ran.out, "");
    expect("audit rebuild", 0);
    ck_assert_str_eq(ran.out, "rebuilt: the stored state is what the records give\n");
    expect("audit rebuild --quiet", 0);
    ck_assert_str_eq(ran.out, "");
    expect("rollback 2 --reason x --yes", 0);
    expect("status 2", 0);
    ck_assert_msg(strstr(ran.out, "run 2  good  rolled back  on ") != NULL, "%s", ran.out);
    expect("list --status 'rolled back'", 0); /* as it is shown, and as JSON has it */
    ck_assert_msg(strstr(ran.out, "    2  rolled back  good") != NULL, "%s", ran.out);
    expect("list --status rolled_back", 0);
    ck_assert_msg(strstr(ran.out, "    2  rolled back  good") != NULL, "%s", ran.out);
    static const char *const words[] = {"cancel 2 --reason x", "resume 2"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        expect(words[i], 2);
        ck_assert_msg(strstr(ran.err, "run 2 has ended: rolled back\n") != NULL, "%s", ran.err);
    }
}
END_TEST

START_TEST(what_a_program_said_is_shown_without_its_line_s_end)
{
    write_job("says", "job: says\nversion: 1\nsteps:\n"
                      "  - {id: hello, uses: command, effect: converge, with: {argv: [echo, hello world]}}\n"
                      "  - {id: no, uses: command, effect: converge,\n"
                      "     with: {argv: [/bin/sh, -c, 'echo refused >&2; exit 3']}}\n");
    expect("submit says.yaml", 1);
    ck_assert_msg(strstr(ran.err, "stdout=hello world ") &&
                      strstr(ran.err, "left with status 3: refused\n") && !strstr(ran.err, "\\x0a"),
                  "%s", ran.err);
    expect("submit fails.yaml", 1);
    ck_assert_msg(strstr(ran.err, "/bin/false left with status 1 and said nothing\n") != NULL, "%s", ran.err);
    write_job(
        "out",
        "job: out\nversion: 1\nsteps:\n"
        "  - {id: no, uses: command, effect: converge, with: {argv: [/bin/sh, -c, 'echo hi; exit 3']}}\n");
    expect("submit out.yaml", 1);
    ck_assert_msg(strstr(ran.err, "left with status 3: hi\n") != NULL, "%s", ran.err);
    expect("audit verify", 0);
    ck_assert_msg(strstr(ran.out, " records of 3 runs\n") != NULL, "%s", ran.out);
}
END_TEST

START_TEST(when_a_run_stopped_in_simulated_time_is_not_told_by_our_clock)
{
    expect("submit fails.yaml", 1);
    expect("resume 1", 1);
    ck_assert_msg(strstr(ran.err, "resumed at \"no\" (it failed)\n") != NULL, "%s", ran.err);
}
END_TEST

START_TEST(who_looks_for_a_job_that_ships_is_told_where_it_is)
{
    expect("validate scale-in-chunk.yaml", 2);
    ck_assert_msg(strstr(ran.err, "it ships with pawl: cp /") &&
                      strstr(ran.err, "/jobs/scale-in-chunk.yaml ."),
                  "%s", ran.err);
    expect("validate nowhere/at-all.yaml", 2);
    ck_assert_msg(strstr(ran.err, "the jobs that ship with pawl are in /"), "%s", ran.err);
}
END_TEST

/* ---- plan, audit ---- */

START_TEST(a_plan_says_whether_there_is_something_to_do)
{
    expect("plan good.yaml --detailed-exitcode", 0);
    expect("plan fails.yaml", 0);
    expect("plan fails.yaml --detailed-exitcode", 10);
    json_t *plan = pawl_json("plan fails.yaml --json", 0);
    ck_assert(json_is_true(json_object_get(plan, "changes")));
    ck_assert_uint_eq(json_array_size(json_object_get(plan, "steps")), 2);
    json_decref(plan);
    ck_assert_int_ne(access(test_path, F_OK), 0);
}
END_TEST

START_TEST(a_plan_shows_what_would_be_run_asked_and_undone)
{
    write_job(
        "runs",
        "job: runs\nversion: 1\nparams:\n  node: {type: string, default: node-7}\n"
        "  key: {type: secret, default: 'env:KEY'}\nsteps:\n"
        "  - id: drain\n    uses: command\n    effect: converge\n"
        "    with: {argv: [/bin/echo, 'two words', \"it's\", '${params.node}'],\n"
        "           env: {KEY: '${params.key}'}}\n"
        "    undo: {uses: command, with: {argv: [/bin/true, '${params.node}']}}\n"
        "    approve: Drain ${params.node}?\n"
        "  - {id: look, uses: command, effect: observe, with: {argv: [no-such-prog]}}\n"
        "  - {id: ask, uses: approve, with: {message: 'Go on, ${params.node}?'}}\n"
        "  - {id: last, uses: command, effect: observe, with: {argv: [echo, '${steps.look.stdout}']}}\n");
    static const char *const lines[] = {
        "  drain        runs /bin/echo 'two words' 'it'\\''s' node-7, after approval\n",
        "                 asks: Drain node-7?\n",
        "                 undo: runs /bin/true node-7\n",
        "  look         runs no-such-prog, BUT there is no program \"no-such-prog\" on PATH\n",
        "  ask          asks a person\n                 asks: Go on, node-7?\n",
        "  last         known when it is reached\nnothing was changed or recorded\n",
    };
    setenv("KEY", "geheim", 1);
    expect("plan runs.yaml", 0);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        ck_assert_msg(strstr(ran.out, lines[i]) != NULL, "no line \"%s\" in\n%s", lines[i], ran.out);
    ck_assert_ptr_null(strstr(ran.out, "geheim"));
    expect("plan good.yaml", 0);
    ck_assert_msg(strstr(ran.out, "\nthere is nothing to change\n") != NULL, "%s", ran.out);
}
END_TEST

START_TEST(a_plan_that_is_refused_leaves_with_1)
{
    expect("plan edits.yaml", 1);
    ck_assert_ptr_nonnull(strstr(ran.out, "REFUSED"));
    json_t *plan = pawl_json("plan edits.yaml --json", 1);
    ck_assert(json_is_true(json_object_get(plan, "refused")));
    json_decref(plan);
}
END_TEST

START_TEST(a_plan_tells_what_the_steps_may_do)
{
    expect("plan late.yaml", 1);
    ck_assert_ptr_nonnull(strstr(ran.out, "permissions: all 2 allowed"));
    ck_assert_msg(pawl("sim fault c.sim deny verb=get resource=pods/exec") == 0, "%s", ran.err);
    expect("plan late.yaml", 5);
    ck_assert_ptr_nonnull(strstr(ran.out, "get pods/exec in iomesh-system: NOT ALLOWED"));
    ck_assert_ptr_nonnull(strstr(ran.err, "step \"idle\""));
    json_t *plan = pawl_json("plan late.yaml --json", 5);
    const json_t *first = json_array_get(json_object_get(plan, "permissions"), 0);
    ck_assert_str_eq(text_at(first, "resource"), "pods/exec");
    ck_assert(json_is_false(json_object_get(first, "allowed")));
    json_decref(plan);
}
END_TEST

/* What cannot be done is a later step's; the run stands at its first, where there is nothing to resolve. */
START_TEST(a_run_that_cannot_be_done_names_both_steps_and_can_be_given_up)
{
    expect("submit late.yaml", 1);
    ck_assert_ptr_nonnull(strstr(ran.err, "the run stands at \"idle\""));
    ck_assert_ptr_nonnull(strstr(ran.err, "step \"edit\": "));
    expect("history 1 --json", 0);
    ck_assert_ptr_nonnull(strstr(ran.out, "pawl resume 1; or give up: pawl cancel 1 --reason"));
    expect("cancel 1 --reason x", 0);
    json_t *run = pawl_json("status 1 --json", 0);
    ck_assert_str_eq(text_at(run, "status"), "cancelled");
    json_decref(run);
}
END_TEST

static void put_flag(void)
{
    struct error error = {0};
    DO(file_replace("flag", "", 0, 0600, &error));
}

START_TEST(a_guard_that_refuses_stops_its_step_and_agrees_once_it_is_put_right)
{
    char *job = string_format("job: guarded\nversion: 1\nsteps:\n"
                              "  - {id: check, uses: command, effect: observe,\n"
                              "     with: {argv: [/usr/bin/test, -e, flag], cwd: %s}}\n"
                              "  - {id: sure, uses: command, effect: observe, with: {argv: [/bin/true]}}\n"
                              "  - {id: spoil, uses: command, effect: converge,\n"
                              "     with: {argv: [/bin/mv, flag, away], cwd: %s}}\n"
                              "  - {id: act, uses: command, effect: converge, guards: [sure, check],\n"
                              "     with: {argv: [/usr/bin/touch, acted], cwd: %s}}\n",
                              test_folder, test_folder, test_folder);
    write_job("guarded", job);
    free(job);
    put_flag();
    expect("submit guarded.yaml", 1);
    ck_assert_ptr_nonnull(strstr(ran.err, "guard \"check\" refuses"));
    ck_assert_int_ne(access("acted", F_OK), 0);
    put_flag();
    expect("resume 1", 0);
    ck_assert_int_eq(access("acted", F_OK), 0);
}
END_TEST

START_TEST(a_pause_until_what_was_done_would_show_is_said)
{
    write_job("again",
              "job: again\nversion: 1\nsteps:\n"
              "  - {id: send, uses: command, effect: once, settle: 4s,\n"
              "     with: {argv: [/bin/false]}, probe: {uses: command, with: {argv: [/bin/false]}},\n"
              "     retry: {attempts: 2, on_exit: [1]}}\n");
    expect("submit again.yaml", 1);
    ck_assert_ptr_nonnull(strstr(ran.err, "what was done may take 4s to show (settle)"));
}
END_TEST

START_TEST(a_lock_that_was_taken_away_is_missed)
{
    static const char *const changes[] = {"DELETE FROM locks", "UPDATE locks SET name = 'ns/other'",
                                          "UPDATE locks SET identity = 'other'", "UPDATE locks SET run = 7"};
    expect("submit asks.yaml", 3);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        change_store(changes[i]);
        expect("audit verify", 1);
        ck_assert_ptr_nonnull(strstr(ran.out, "lock"));
        expect("resume 1", 5);
        ck_assert_ptr_nonnull(strstr(ran.err, "audit rebuild"));
        if (strcmp(changes[i], "UPDATE locks SET run = 7")) { /* else it is taken */
            expect("submit asks.yaml", 5);
            ck_assert_ptr_nonnull(strstr(ran.err, "run 1 holds the lock ns/name"));
        }
        expect("audit rebuild", 0);
        expect("audit verify", 0);
        ck_assert_uint_eq(run_count(), 1);
    }
    change_store("INSERT INTO locks VALUES ('other', 'ns/name', 7)");
    expect("audit verify", 1);
    expect("audit rebuild", 0);
    expect("submit asks.yaml", 4);
    expect("approve 1 ask", 0);
    expect("resume 1", 0);
    expect("submit asks.yaml", 3);
    expect("audit verify", 0);
}
END_TEST

START_TEST(audit_verify_leaves_with_1_where_something_was_changed)
{
    expect("submit good.yaml", 0);
    expect("submit good.yaml -p n=0", 1);
    change_store("UPDATE runs SET status = 'succeeded' WHERE run = 2");
    expect("audit verify", 1);
    ck_assert_ptr_nonnull(strstr(ran.out, "run 2"));
    expect("audit verify --chain-only", 0); /* the records are as they were */
    expect("audit export --chain-only", 2);
    expect("audit rebuild", 0);
    expect("audit verify", 0);
    expect_status(2, "failed");
    change_store("DROP TRIGGER events_are_not_changed; UPDATE events SET actor = 'x' WHERE id = 4");
    json_t *report = pawl_json("audit verify --json", 1);
    ck_assert(json_is_false(json_object_get(report, "intact")));
    ck_assert_int_eq(json_integer_value(json_object_get(report, "seq")), 4);
    json_decref(report);
    expect("audit verify --chain-only", 1);
}
END_TEST

START_TEST(export_is_the_history_of_all_runs)
{
    expect("submit good.yaml", 0);
    expect("submit good.yaml", 0);
    expect("history 1 --json", 0);
    char *first = string_copy(ran.out);
    expect("history 2 --json", 0);
    char *both = string_format("%s%s", first, ran.out);
    expect("audit export", 0);
    ck_assert_str_eq(ran.out, both);
    free(first);
    free(both);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_run_that_succeeds_leaves_with_0_and_says_its_number_first,
        a_run_that_fails_leaves_with_1_and_can_be_resumed,
        what_is_wrong_leaves_with_2_and_records_nothing,
        a_file_s_name_is_no_word_to_the_terminal,
        a_cluster_that_is_not_there_leaves_with_5_and_records_nothing,
        submit_prints_one_json_object_a_line,
        the_same_key_gives_the_same_run,
        a_second_run_of_a_lock_leaves_with_4_or_waits,
        an_approval_left_in_the_store_is_taken_up_by_resume,
        yes_approves_and_is_recorded_as_that,
        a_rejection_fails_the_run,
        a_word_that_does_not_fit_is_refused,
        a_cancelled_run_stays_cancelled_and_frees_its_lock,
        a_rollback_with_nothing_to_undo_ends,
        a_paused_run_goes_on_when_it_is_resumed,
        a_failed_step_that_was_put_right_by_hand_is_resolved,
        resume_without_a_run_takes_the_only_interrupted_one,
        a_word_that_does_not_fit_says_where_to_look,
        what_was_done_is_said_and_what_is_to_be_done,
        what_a_program_said_is_shown_without_its_line_s_end,
        when_a_run_stopped_in_simulated_time_is_not_told_by_our_clock,
        who_looks_for_a_job_that_ships_is_told_where_it_is,
        a_plan_says_whether_there_is_something_to_do,
        a_plan_shows_what_would_be_run_asked_and_undone,
        a_plan_that_is_refused_leaves_with_1,
        a_plan_tells_what_the_steps_may_do,
        a_run_that_cannot_be_done_names_both_steps_and_can_be_given_up,
        a_guard_that_refuses_stops_its_step_and_agrees_once_it_is_put_right,
        a_pause_until_what_was_done_would_show_is_said,
        a_lock_that_was_taken_away_is_missed,
        audit_verify_leaves_with_1_where_something_was_changed,
        export_is_the_history_of_all_runs,
    };
    return run_in_scene("cli: run", tests, sizeof tests / sizeof *tests, 60);
}
