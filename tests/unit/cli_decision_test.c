/* What people are asked and told when a run fails, waits or rolls back, and what becomes of what they say
 * while nobody drives it. */
#include <signal.h>

#include "cli_scene.h"

/* ---- helpers ---- */

static void expect_said(const char *text, const char *says)
{
    ck_assert_msg(strstr(text, says) != NULL, "\"%s\" is missing: %s", says, text);
}

static void expect_unsaid(const char *text, const char *says)
{
    ck_assert_msg(strstr(text, says) == NULL, "\"%s\" is said: %s", says, text);
}

/* A once step that fails and cannot be asked; its undo, where it has one, leaves a file. */
static void write_doubtful_job(bool undo)
{
    char *text = string_format("job: doubtful\nversion: 1\nsteps:\n"
                               "  - id: a\n    uses: command\n    effect: once\n"
                               "    with: {argv: [/bin/sh, -c, 'exit 3']}\n"
                               "%s%s%s",
                               undo ? "    undo: {uses: command, with: {argv: [/bin/touch, " : "",
                               undo ? test_folder : "", undo ? "/undone]}}\n" : "");
    write_job("doubtful", text);
    free(text);
}

static bool is_undone(void)
{
    return !access("undone", F_OK);
}

/* The status of a step of a run. */
static void expect_step(int run, const char *id, const char *status)
{
    char *arguments = string_format("status %d --json", run);
    json_t *view = pawl_json(arguments, 0), *step;
    size_t index;
    json_array_foreach(json_object_get(view, "steps"), index, step) if (!strcmp(text_at(step, "id"), id))
        ck_assert_msg(!strcmp(text_at(step, "status"), status), "%s of run %d is %s, not %s", id, run,
                      text_at(step, "status"), status);
    json_decref(view);
    free(arguments);
}

/* ---- the question in a rollback ---- */

START_TEST(in_a_rollback_done_leaves_the_undo_away)
{
    write_doubtful_job(true);
    expect("submit doubtful.yaml", 1);
    expect("rollback 1 --reason x", 3); /* with what became of it */
    expect_said(ran.err, "--done  --reason \"…\"    if nothing of it is left");
    expect_said(ran.err, "--retry --reason \"…\"    if it has happened: runs its undo");
    expect("status 1", 0);
    expect_said(ran.out, "--retry --reason \"…\"    if it has happened: runs its undo");
    expect_unsaid(ran.out, "if it has not");
    expect("resolve 1 a --done --reason 'nothing there'", 0);
    expect("resume 1", 1);
    expect_status(1, "rolled_back");
    ck_assert(!is_undone());
}
END_TEST

START_TEST(in_a_rollback_retry_runs_the_undo)
{
    write_doubtful_job(true);
    expect("submit doubtful.yaml", 1);
    expect("rollback 1 --reason x", 3); /* with what became of it */
    expect("resolve 1 a --retry --reason 'it is there'", 0);
    expect("resume 1", 1);
    expect_status(1, "rolled_back");
    ck_assert(is_undone());
}
END_TEST

START_TEST(in_a_rollback_a_step_without_undo_is_passed_over_by_a_person)
{
    write_doubtful_job(false);
    expect("submit doubtful.yaml", 1);
    expect_unsaid(ran.err, "pawl rollback");
    expect("rollback 1 --reason x", 3); /* with what became of it */
    expect_said(ran.err, "undone by hand");
    expect_unsaid(ran.err, "--retry");
    expect("resolve 1 a --retry --reason x", 2);
    expect_said(ran.err, "has no undo");
    expect_said(ran.err, "pawl resolve 1 a --done");
    expect_status(1, "waiting");
    expect("resolve 1 a --done --reason 'nothing there'", 0);
    expect("resume 1", 1);
    expect_status(1, "rolled_back");
}
END_TEST

START_TEST(a_rollback_that_cannot_go_on_has_failed)
{
    write_job("stays", "job: stays\nversion: 1\nsteps:\n"
                       "  - {id: a, uses: command, effect: converge, with: {argv: [/bin/true]}}\n"
                       "  - {id: ask, uses: approve, with: {message: Go on?}}\n");
    expect("submit stays.yaml", 3);
    expect("rollback 1 --reason x --yes", 1);
    expect_said(ran.err, "undo it by hand, then: pawl resolve 1 a --done");
    expect_unsaid(ran.err, "pawl rollback");
    expect("resolve 1 a --done --reason x", 0);
    expect("resume 1 --from a --reason y", 2);
    expect_said(ran.err, "pawl resume 1 goes on with what is left to undo");
    expect("resume 1", 1);
    expect_status(1, "rolled_back");
}
END_TEST

/* Once it had begun, only a cancel would be left of the run. */
START_TEST(a_rollback_that_could_only_stop_is_not_begun)
{
    write_job("stays", "job: stays\nversion: 1\nsteps:\n"
                       "  - {id: a, uses: command, effect: converge, with: {argv: [/bin/true]}}\n"
                       "  - {id: b, uses: command, effect: converge, with: {argv: [/bin/true]},"
                       " undo: {uses: command, with: {argv: [/bin/true]}}}\n"
                       "  - {id: c, uses: assert, with: {that: '${false}'}}\n");
    expect("submit stays.yaml", 1);
    expect_unsaid(ran.err, "pawl rollback"); /* nor advised */
    expect("rollback 1 --reason x", 2);
    expect_said(ran.err, "\"a\" (command) has been done and cannot be undone");
    expect_said(ran.err, "pawl resume 1");
    expect_said(ran.err, "pawl cancel 1 --reason");
    expect_status(1, "failed");
    expect("resume 1", 1); /* nothing was recorded: the way forward is open */
    expect("rollback 1 --reason x --yes", 1);
    expect_step(1, "b", "undone");
    expect("rollback 1 --reason x", 2);
    expect_said(ran.err, "being rolled back already");
}
END_TEST

START_TEST(a_step_that_failed_is_not_called_interrupted)
{
    write_doubtful_job(true);
    expect("submit doubtful.yaml", 1);
    expect("resume 1", 3);
    expect_said(ran.err, "\"a\" failed and may have acted (/bin/sh left with status 3 and said nothing)");
    expect_unsaid(ran.err, "was interrupted;");
    expect_said(ran.err, "--done  --reason \"…\"    if it has happened");
    expect_said(ran.err, "--retry --reason \"…\"    if it has not");
}
END_TEST

/* An output that a later step needs cannot be known: the only answer is one that names it. */
START_TEST(an_answer_that_must_name_outputs_is_printed_whole)
{
    write_job("needs", "job: needs\nversion: 1\nsteps:\n"
                       "  - id: a\n    uses: command\n    effect: once\n    settle: 0s\n"
                       "    with: {argv: [/bin/sh, -c, 'exit 3']}\n"
                       "    probe: {uses: command, with: {argv: [/bin/true]}}\n"
                       "    outputs: {x: {type: int, value: '${int(stdout)}'}}\n"
                       "  - {id: b, uses: assert, with: {that: '${steps.a.x == 1}'}}\n");
    expect("submit needs.yaml", 1);
    expect("resume 1", 3);
    expect_said(ran.err, "--output x=");
    expect_unsaid(ran.err, "--retry");
}
END_TEST

/* ---- what to do about a failure ---- */

START_TEST(a_failure_says_every_way_on)
{
    write_doubtful_job(true);
    expect("submit doubtful.yaml", 1);
    static const char *const ways[] = {"pawl resume 1", "pawl logs 1 a", "pawl rollback 1 --reason",
                                       "pawl cancel 1 --reason"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        expect_said(ran.err, ways[i]);
    expect("status 1", 0);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        expect_said(ran.out, ways[i]);
    expect("submit good.yaml -p n=0", 1);
    expect_said(ran.err, "submit a new run");
    expect_said(ran.err, "pawl cancel 2 --reason");
    ck_assert_ptr_eq(strstr(strstr(ran.err, "pawl cancel 2") + 1, "pawl cancel 2"), NULL); /* said once */
    expect("submit asks.yaml", 3);
    expect_said(ran.err, "pawl reject 3 ask --reason");
    expect("reject 3 ask --reason no", 0);
    expect("resume 3", 1);
    expect_said(ran.err, "pawl resume 3 asks again");
    expect_unsaid(ran.err, "put it right");
    expect_said(ran.err, "pawl cancel 3");
}
END_TEST

/* A resume would not start it again: it would ask. Who is told that beforehand can answer at once. */
START_TEST(a_failed_once_step_that_cannot_be_asked_says_what_resume_will_ask)
{
    write_doubtful_job(true);
    expect("submit doubtful.yaml", 1);
    expect_said(ran.err, "pawl resume 1 asks until then");
    expect_said(ran.err, "pawl resolve 1 a --done  --reason \"…\"    if it has happened");
    expect_unsaid(ran.err, "put it right");
    expect("status 1", 0);
    expect_said(ran.out, "pawl resolve 1 a --retry --reason");
    expect("resolve 1 a --done --reason 'seen it'", 0);
    expect("resume 1", 0);
    write_job("asked", "job: asked\nversion: 1\nsteps:\n"
                       "  - id: a\n    uses: command\n    effect: once\n    settle: 0s\n"
                       "    with: {argv: [/bin/sh, -c, 'exit 3']}\n"
                       "    probe: {uses: command, with: {argv: [/bin/false]}}\n");
    expect("submit asked.yaml", 1);
    expect_said(ran.err, "put it right, then: pawl resume 2"); /* it is asked, not the person */
    expect_unsaid(ran.err, "pawl resolve");
}
END_TEST

/* Nothing else keeps what its looks have seen. */
START_TEST(a_wait_that_took_too_long_says_what_its_last_look_saw)
{
    write_job("waits", "job: waits\nversion: 1\nsteps:\n"
                       "  - id: a\n    uses: command\n    effect: observe\n    timeout: 3s\n    every: 1s\n"
                       "    until: '${exit_code == 0}'\n"
                       "    with: {argv: [/bin/sh, -c, \"printf 'no\\\\033route\\\\n' >&2; head -c 5000 "
                       "/dev/zero | tr '\\\\0' x >&2; exit 7\"]}\n");
    expect("submit waits.yaml", 1);
    expect_said(ran.err,
                "took longer than its timeout of 3 s; it waited: ${exit_code == 0} does not hold yet; "
                "the last look left with status 7: no\\x1broute");
    expect_said(ran.err, "xxxx…");
    expect("status 1", 0);
    expect_said(ran.out, "left with status 7: no\\x1broute");
    expect_unsaid(ran.out, "\033");
    ck_assert_uint_lt(strlen(ran.out), 2000);
}
END_TEST

/* ---- steps are as they are shown ---- */

START_TEST(a_step_that_a_person_leaves_does_not_run)
{
    write_job("leaves", "job: leaves\nversion: 1\nlock: ns/name\nsteps:\n"
                        "  - {id: ask, uses: approve, with: {message: Go on?}}\n"
                        "  - {id: work, uses: command, effect: converge, with: {argv: [/bin/false]}}\n");
    expect("submit leaves.yaml", 3);
    expect_step(1, "ask", "pending");
    expect("approve 1 ask", 0);
    expect("approve 1 ask", 2);
    ck_assert_ptr_nonnull(strstr(ran.err, "is recorded already: nothing more is to be said"));
    expect("resume 1", 1);
    expect("resume 1 --from ask --reason again", 3);
    expect_step(1, "ask", "pending");
    expect_step(1, "work", "failed");
    expect("rollback 1 --reason x", 3);
    expect_step(1, "ask", "pending");
    expect("resolve 1 work --done --reason x", 0);
    expect("resume 1", 1);
    expect_step(1, "ask", "pending");
    expect_step(1, "work", "undone");
    expect("status 1", 0);
    expect_unsaid(ran.out, "lock ns/name"); /* it was given back */
    expect("submit good.yaml --paused", 0);
    expect("cancel 2 --reason x", 0);
    expect_step(2, "nap", "pending");
    expect("audit verify", 0);
}
END_TEST

/* ---- said while nobody drives ---- */

START_TEST(what_was_said_is_shown_until_it_is_taken_up)
{
    expect("submit asks.yaml", 3);
    expect("approve 1 ask --reason 'looks well'", 0);
    expect("status 1", 0);
    expect_said(ran.out, "\"ask\" approved by ops@bastion: looks well; taken up by: pawl resume 1");
    json_t *view = pawl_json("status 1 --json", 0);
    const json_t *word = json_array_get(json_object_get(view, "recorded"), 0);
    ck_assert_str_eq(text_at(word, "command"), "approve");
    ck_assert_str_eq(text_at(word, "step"), "ask");
    ck_assert_str_eq(text_at(word, "actor"), "ops@bastion");
    ck_assert_str_eq(text_at(word, "reason"), "looks well");
    json_decref(view);
    expect("resume 1", 0);
    view = pawl_json("status 1 --json", 0);
    ck_assert_uint_eq(json_array_size(json_object_get(view, "recorded")), 0);
    json_decref(view);
    write_doubtful_job(true);
    expect("submit doubtful.yaml", 1);
    expect("resolve 2 a --done --reason 'by hand'", 0);
    expect("status 2", 0);
    expect_said(ran.out, "\"a\" resolved as done by ops@bastion: by hand; taken up by: pawl resume 2");
    expect_unsaid(ran.out, "put it right");
}
END_TEST

/* A once step behind an approval; what it does leaves a file. */
static void write_armed_job(void)
{
    char *text = string_format("job: armed\nversion: 1\nsteps:\n"
                               "  - id: fire\n    uses: command\n    effect: once\n    approve: Fire?\n"
                               "    with: {argv: [/bin/touch, %s/fired]}\n",
                               test_folder);
    write_job("armed", text);
    free(text);
}

/* It may have been said just before the run failed, to a driver that then died. */
START_TEST(a_failed_run_is_resumed_beside_a_word_that_counts_for_nothing)
{
    expect("submit fails.yaml", 1);
    change_store("INSERT INTO commands (run, time_ms, name, body, actor, uid) "
                 "VALUES (1, 1, 'pause', '{}', 'ops@bastion', 0)");
    pawl("resume 1");
    pawl("history 1");
    expect_said(ran.out, "refused: it has failed");
    expect_said(ran.out, "resumed");
}
END_TEST

START_TEST(what_stops_is_never_overtaken_by_what_goes_on)
{
    write_armed_job();
    expect("submit armed.yaml", 3);
    expect("approve 1 fire --reason ok", 0);
    expect("reject 1 fire --reason STOP", 0);
    expect_said(ran.err, "overrules \"approve\" by ops@bastion");
    expect("status 1", 0);
    expect_said(ran.out, "\"fire\" approved by ops@bastion: ok; overruled");
    expect_said(ran.out, "\"fire\" rejected by ops@bastion: STOP; taken up by: pawl resume 1");
    expect("resume 1", 1);
    expect_said(ran.err, "rejected by ops@bastion: STOP");
    expect("submit armed.yaml", 3);
    expect("approve 2 fire --reason ok", 0);
    expect("cancel 2 --reason STOP", 0);
    expect_status(2, "cancelled");
    ck_assert_int_ne(access("fired", F_OK), 0);
    expect("submit armed.yaml", 3);
    expect("approve 3 fire", 0);
    expect("resume 3", 0);
    ck_assert_int_eq(access("fired", F_OK), 0);
    expect("audit verify", 0);
}
END_TEST

/* Else it would be said to be recorded, and count for nothing. */
START_TEST(what_would_not_count_is_refused_at_once)
{
    write_armed_job();
    expect("submit armed.yaml", 3);
    expect("reject 1 fire --reason STOP", 0);
    expect("approve 1 fire", 2);
    expect_said(ran.err, "\"reject\" by ops@bastion is recorded already");
    expect_said(ran.err, "pawl resume 1");
    expect("reject 1 fire --reason STOP", 2);
    expect("pause 1", 2); /* the run fails before it is heard, and stops, too */
    write_doubtful_job(true);
    expect("submit doubtful.yaml", 1);
    expect("resolve 2 a --done --reason x", 0);
    expect("resolve 2 a --retry --reason x", 2);
    expect_said(ran.err, "\"resolve\" by ops@bastion is recorded already");
    expect("cancel 2 --reason x", 0);
}
END_TEST

START_TEST(a_word_that_does_not_count_is_in_the_history)
{
    write_armed_job();
    expect("submit armed.yaml", 3);
    expect("approve 1 fire --reason 'go ahead'", 0);
    expect("reject 1 fire --reason 'wrong chunk'", 0);
    expect("resume 1", 1);
    expect("history 1", 0);
    expect_said(ran.out, "approve fire by ops@bastion: go ahead");
    expect_said(ran.out, "it was rejected by ops@bastion: wrong chunk");
    expect("submit armed.yaml", 3);
    expect("approve 2 fire", 0);
    expect("cancel 2 --reason 'not today'", 0); /* drives the run to its end at once */
    expect("history 2", 0);
    expect_said(ran.out, "approve fire by ops@bastion");
    expect("audit verify", 0);
}
END_TEST

START_TEST(a_retry_does_not_overtake_what_was_settled)
{
    write_doubtful_job(true);
    expect("submit doubtful.yaml", 1);
    expect("resume 1", 3);
    expect("resolve 1 a --retry --reason 'try again'", 0);
    expect("resolve 1 a --done --reason 'it is there after all'", 0);
    expect("resume 1", 0);
    expect("history 1", 0);
    expect_said(ran.out, "resolve --retry a by ops@bastion: try again");
    expect("logs 1 a", 0);
}
END_TEST

/* ---- a driver that does not answer ---- */

START_TEST(a_driver_that_does_not_answer_is_given_up)
{
    char *text = string_format("job: long\nversion: 1\nsteps:\n"
                               "  - id: work\n    uses: command\n    effect: converge\n"
                               "    with: {argv: [/bin/sh, -c, 'touch %s/there; exec sleep 600']}\n",
                               test_folder);
    int status;
    write_job("long", text);
    free(text);
    pid_t driver = pawl_in_background("submit long.yaml", "submitted");
    wait_for_file("there");
    kill(driver, SIGSTOP);
    expect("pause 1", 4);
    expect_said(ran.err, "waiting for process");
    expect_unsaid(ran.err, "asked to stop");
    expect_said(ran.err, "recorded; but process");
    expect_said(ran.err, "pawl resume 1 --take-over --reason");
    pid_t other = pawl_in_background("resume 1 --take-over --reason stuck", "taken");
    ck_assert_int_eq(waitpid(driver, &status, 0), driver);
    ck_assert(WIFSIGNALED(status));
    expect("cancel 1 --reason x", 0);
    ck_assert_int_eq(waitpid(other, &status, 0), other);
    char *said = slurp("taken");
    expect_said(said, "taken over from process");
    expect_unsaid(said, "died");
    free(said);
}
END_TEST

/* ---- where it stood, and why ---- */

START_TEST(a_resume_says_what_had_happened)
{
    write_doubtful_job(true);
    expect("submit asks.yaml", 3);
    expect("pause 1", 0);
    expect("resume 1", 3);
    expect_said(ran.err, "by ops@bastion: that is lifted");
    expect("approve 1 ask", 0);
    expect("resume 1", 0);
    expect_unsaid(ran.err, "lifted");
    expect("submit good.yaml --paused", 0);
    expect("resume 2", 0);
    expect_said(ran.err, "was paused");
    expect_unsaid(ran.err, "interrupted");
    write_job("leaves", "job: leaves\nversion: 1\nsteps:\n"
                        "  - {id: look, uses: assert, with: {that: '${true}'}}\n"
                        "  - {id: work, uses: command, effect: converge, with: {argv: [/bin/false]}}\n");
    expect("submit leaves.yaml", 1);
    expect("resume 3 --from look --reason again", 1);
    expect_said(ran.err, "resumed from \"look\" (it stood at \"work\": it failed");
}
END_TEST

/* ---- a lock that no waiting frees ---- */

START_TEST(a_lock_says_how_its_holder_stands)
{
    write_job("holds", "job: holds\nversion: 1\nlock: ns/name\nsteps:\n"
                       "  - {id: work, uses: command, effect: converge, with: {argv: [/bin/false]}}\n");
    expect("submit holds.yaml", 1);
    expect("submit asks.yaml", 4);
    expect_said(ran.err, "run 1 failed and keeps the lock: pawl resume 1");
    expect_said(ran.err, "pawl cancel 1");
    expect_unsaid(ran.err, "--wait");
    expect("cancel 1 --reason x", 0);
    expect("submit asks.yaml", 3);
    expect("submit holds.yaml", 4);
    expect_said(ran.err, "nobody drives run 2, which waits: pawl status 2");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        in_a_rollback_done_leaves_the_undo_away,
        in_a_rollback_retry_runs_the_undo,
        in_a_rollback_a_step_without_undo_is_passed_over_by_a_person,
        a_rollback_that_cannot_go_on_has_failed,
        a_rollback_that_could_only_stop_is_not_begun,
        a_step_that_failed_is_not_called_interrupted,
        an_answer_that_must_name_outputs_is_printed_whole,
        a_failure_says_every_way_on,
        a_failed_once_step_that_cannot_be_asked_says_what_resume_will_ask,
        a_wait_that_took_too_long_says_what_its_last_look_saw,
        a_step_that_a_person_leaves_does_not_run,
        what_was_said_is_shown_until_it_is_taken_up,
        a_failed_run_is_resumed_beside_a_word_that_counts_for_nothing,
        what_stops_is_never_overtaken_by_what_goes_on,
        what_would_not_count_is_refused_at_once,
        a_word_that_does_not_count_is_in_the_history,
        a_retry_does_not_overtake_what_was_settled,
        a_driver_that_does_not_answer_is_given_up,
        a_resume_says_what_had_happened,
        a_lock_says_how_its_holder_stands,
    };
    return run_in_scene("cli: decision", tests, sizeof tests / sizeof *tests, 60);
}
