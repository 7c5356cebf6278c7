#include "fake_cluster.h"
#include "steps/iomesh_object.h"

#define UNREGISTER "iomesh-meta-0: /opt/iomesh/iomeshctl chunk unregister 4"
#define INPUTS                                                                                               \
    "{'leader': 'iomesh-meta-0', 'chunk_id': 4, 'chunk_ip': '192.168.29.23', 'pod': 'iomesh-chunk-3'}"
#define SETTLE_MS 60000

static struct asked unregister;

/* Chunk 4 has expired, its pod is gone, and the command would succeed. */
static void begin(void)
{
    chunk_becomes(4, CHUNK_EXPIRED);
    pod_vanishes("iomesh-chunk-3");
    command_says(UNREGISTER, "ok: chunk 4 unregistered\n");
    visit_begin(&unregister, "unregister_chunk", INPUTS);
    unregister.visit.settle_ms = SETTLE_MS;
    unregister.visit.act_ended_ms = -1;
}

static void ends_refused_with(const char *part)
{
    ck_assert_int_eq(ask(&unregister), ANSWER_FAILED);
    ck_assert_says(unregister.answer.error.message, part);
    ck_assert(!unregister.answer.transient);
    ck_assert_int_eq(fake.changes, 0);
    ck_assert(!gate_has_begun(&unregister.gate));
    visit_end(&unregister);
}

START_TEST(unregister_runs_the_command_in_the_leader_once)
{
    begin();
    ck_assert_int_eq(ask(&unregister), ANSWER_DONE);
    ck_assert_int_eq(fake.changes, 1);
    ck_assert_str_eq(json_text(unregister.answer.outputs, "output", ""), "ok: chunk 4 unregistered\n");
    ck_assert_str_eq(unregister.answer.summary.text, "chunk 4 unregistered by iomesh-meta-0");
    ck_assert_ptr_null(unregister.handle);
    visit_end(&unregister);
}
END_TEST

START_TEST(unregister_has_happened_whatever_the_command_wrote)
{
    begin();
    command_says(UNREGISTER, "ok \xff\n");
    ck_assert_int_eq(ask(&unregister), ANSWER_DONE);
    ck_assert(json_is_object(unregister.answer.outputs));
    ck_assert_says(unregister.answer.error.message, "not UTF-8");
    visit_end(&unregister);
}
END_TEST

START_TEST(unregister_waits_for_a_long_command_as_acting)
{
    begin();
    fake.polls = 2;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(ask(&unregister), ANSWER_AGAIN);
        ck_assert(unregister.answer.acting);
    }
    ck_assert_int_eq(ask(&unregister), ANSWER_DONE);
    ck_assert_int_eq(fake.changes, 1);
    visit_end(&unregister);
}
END_TEST

START_TEST(unregister_does_not_know_the_outcome_once_its_connection_is_lost)
{
    begin();
    fake.polls = 2;
    ck_assert_int_eq(ask(&unregister), ANSWER_AGAIN);
    restart(&unregister);
    ck_assert_int_eq(ask(&unregister), ANSWER_UNKNOWN);
    ck_assert_int_eq(fake.changes, 1);
    visit_end(&unregister);
}
END_TEST

START_TEST(unregister_takes_a_non_zero_exit_and_a_cut_as_unknown)
{
    begin();
    json_object_set_new(fake.commands, UNREGISTER,
                        json_pack("{s:i,s:s}", "status", 1, "err", "error: chunk 4 not found\nmore"));
    ck_assert_int_eq(ask(&unregister), ANSWER_UNKNOWN);
    ck_assert_says(unregister.answer.error.message, "left with 1: error: chunk 4 not found");
    json_object_set_new(fake.commands, UNREGISTER, json_pack("{s:b}", "broken", true));
    ck_assert_int_eq(ask(&unregister), ANSWER_UNKNOWN);
    ck_assert_says(unregister.answer.error.message, "connection broke after the command was sent");
    visit_end(&unregister);
}
END_TEST

START_TEST(unregister_knows_that_a_refused_request_was_not_sent)
{
    begin();
    error_set(&fake.exec_fails, ERROR_CLUSTER_DENIED, "pods/exec is forbidden");
    ck_assert_int_eq(ask(&unregister), ANSWER_FAILED);
    visit_end(&unregister);
}
END_TEST

/* The leader's summary is read by a command too, so this one breaks just behind the gate. */
static bool pass_then_break(const struct visit *visit, struct error *error)
{
    (void)error;
    error_set(&fake.exec_fails, ERROR_CLUSTER_UNREACHABLE, "connection reset");
    return gate_pass(visit->gate);
}

START_TEST(unregister_does_not_know_whether_a_broken_request_arrived)
{
    begin();
    visit_refresh(&unregister);
    unregister.visit.pass = pass_then_break;
    unregister.kind->apply(&unregister.visit, &unregister.answer);
    ck_assert_int_eq(unregister.answer.kind, ANSWER_UNKNOWN);
    visit_end(&unregister);
}
END_TEST

START_TEST(unregister_sends_nothing_through_a_closed_gate)
{
    begin();
    gate_close(&unregister.gate);
    ck_assert_int_eq(ask(&unregister), ANSWER_TURNED_BACK);
    ck_assert_int_eq(fake.changes, 0);
    visit_end(&unregister);
}
END_TEST

static bool pass_without_lease(const struct visit *visit, struct error *error)
{
    (void)visit;
    error_set(error, ERROR_FENCED, "another run holds the Lease");
    return false;
}

START_TEST(unregister_fails_where_the_lease_is_lost)
{
    begin();
    visit_refresh(&unregister);
    unregister.visit.pass = pass_without_lease;
    unregister.kind->apply(&unregister.visit, &unregister.answer);
    ck_assert_int_eq(unregister.answer.kind, ANSWER_FAILED);
    ck_assert_int_eq(unregister.answer.error.code, ERROR_FENCED);
    ck_assert_int_eq(fake.changes, 0);
    visit_end(&unregister);
}
END_TEST

START_TEST(unregister_waits_while_data_moves_and_the_guards_are_asked_again)
{
    begin();
    command_says("iomesh-meta-0: " FAKE_SUMMARY, FAKE_MOVING);
    ck_assert_int_eq(ask(&unregister), ANSWER_AGAIN);
    ck_assert(!unregister.answer.acting);
    ck_assert_ptr_nonnull(unregister.answer.checkpoint);
    ck_assert_says(unregister.answer.error.message, "2 recoveries going on, 4096 bytes to recover");
    ck_assert_int_eq(fake.changes, 0);
    command_says("iomesh-meta-0: " FAKE_SUMMARY, FAKE_IDLE);
    ck_assert_int_eq(ask(&unregister), ANSWER_DONE);
    visit_end(&unregister);
}
END_TEST

START_TEST(unregister_refuses_a_chunk_that_is_not_the_one_meant)
{
    begin();
    json_object_set_new(chunk_entry(4), "ip", json_string("192.168.29.99"));
    ends_refused_with("192.168.29.99, not 192.168.29.23");
    begin();
    json_object_set_new(chunk_entry(4), "ip", json_string("192.168.29.23"));
    chunk_becomes(4, CHUNK_HEALTHY);
    ends_refused_with("not in expect_status");
    begin();
    chunk_vanishes(4);
    visit_end(&unregister);
    visit_begin(&unregister, "unregister_chunk", INPUTS);
    ends_refused_with("not on the list");
}
END_TEST

START_TEST(unregister_refuses_while_another_chunk_is_not_healthy)
{
    begin();
    chunk_becomes(2, "CHUNK_STATUS_CONNECTING");
    ends_refused_with("chunk 2 (192.168.29.22) CHUNK_STATUS_CONNECTING");
}
END_TEST

START_TEST(unregister_refuses_where_the_leader_has_moved)
{
    begin();
    leader_becomes("iomesh-meta-1");
    ends_refused_with("leader is iomesh-meta-1 now, not iomesh-meta-0");
    begin();
    leader_becomes(NULL);
    ends_refused_with("no pod labelled");
}
END_TEST

START_TEST(initializing_counts_as_expired_only_once_the_pod_is_gone)
{
    begin();
    chunk_becomes(4, CHUNK_INITIALIZING);
    add_pod("iomesh-chunk", 3, "192.168.29.23");
    ends_refused_with("its pod iomesh-chunk-3 still exists");
    begin();
    chunk_becomes(4, CHUNK_INITIALIZING);
    ck_assert_int_eq(ask(&unregister), ANSWER_DONE);
    visit_end(&unregister);
}
END_TEST

START_TEST(initializing_does_not_count_for_a_chunk_that_should_be_healthy)
{
    begin();
    chunk_becomes(4, CHUNK_INITIALIZING);
    json_object_set_new(unregister.inputs, "expect_status", json_pack("[s]", CHUNK_HEALTHY));
    ends_refused_with("not in expect_status");
}
END_TEST

START_TEST(a_read_that_fails_is_transient_and_nothing_was_sent)
{
    begin();
    error_set(&fake.fails, ERROR_CLUSTER_BUSY, "429");
    ck_assert_int_eq(ask(&unregister), ANSWER_FAILED);
    ck_assert(unregister.answer.transient);
    ck_assert_int_eq(fake.changes, 0);
    visit_end(&unregister);
}
END_TEST

/* ---- the probe ---- */

START_TEST(probe_believes_that_the_chunk_is_gone_when_settle_later_it_still_is)
{
    begin();
    chunk_vanishes(4);
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS);
    pass_time(SETTLE_MS - 1);
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS);
    pass_time(1);
    ck_assert_int_eq(probe(&unregister), PROBE_DONE);
    ck_assert_str_eq(json_text(unregister.probe.outputs, "output", "x"), "");
    visit_end(&unregister);
}
END_TEST

START_TEST(probe_forgets_an_absence_that_did_not_last)
{
    begin();
    chunk_vanishes(4);
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS);
    pass_time(30000);
    add_chunk(4, "192.168.29.23");
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS);
    pass_time(30000);
    chunk_vanishes(4);
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS);
    visit_end(&unregister);
}
END_TEST

START_TEST(probe_says_not_done_only_settle_after_the_act_could_last_act)
{
    begin();
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS); /* its end was not seen */
    pass_time(10 * SETTLE_MS);
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS);
    unregister.visit.act_ended_ms = fake.steady_ms;
    pass_time(SETTLE_MS - 1);
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS);
    ck_assert_int_eq(unregister.probe.after_ms, 1);
    pass_time(1);
    ck_assert_int_eq(probe(&unregister), PROBE_NOT_DONE);
    visit_end(&unregister);
}
END_TEST

START_TEST(probe_takes_moving_data_as_in_progress_and_settles_after_it)
{
    begin();
    unregister.visit.act_ended_ms = fake.steady_ms;
    command_says("iomesh-meta-0: " FAKE_SUMMARY, FAKE_MOVING);
    pass_time(100 * SETTLE_MS);
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS);
    command_says("iomesh-meta-0: " FAKE_SUMMARY, FAKE_IDLE);
    pass_time(SETTLE_MS - 1);
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS); /* the list lags */
    pass_time(1);
    ck_assert_int_eq(probe(&unregister), PROBE_NOT_DONE);
    visit_end(&unregister);
}
END_TEST

START_TEST(probe_cannot_tell_where_either_is_unreadable)
{
    begin();
    json_t *chunks = json_deep_copy(chunk_list());
    json_array_clear(chunk_list());
    ck_assert_int_eq(probe(&unregister), PROBE_CANNOT_TELL);
    json_array_extend(chunk_list(), chunks);
    json_decref(chunks);
    json_object_set_new(fake.commands, "iomesh-meta-0: " FAKE_SUMMARY, json_pack("{s:b}", "broken", true));
    ck_assert_int_eq(probe(&unregister), PROBE_CANNOT_TELL);
    leader_becomes("iomesh-meta-1"); /* whoever leads now is asked */
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS);
    error_set(&fake.fails, ERROR_CLUSTER_DENIED, "403 Forbidden");
    ck_assert_int_eq(probe(&unregister), PROBE_CANNOT_TELL);
    ck_assert_int_eq(unregister.probe.error.code, ERROR_CLUSTER_DENIED);
    visit_end(&unregister);
}
END_TEST

START_TEST(probe_takes_a_command_that_is_still_out_as_in_progress_and_settles_after_it)
{
    begin();
    fake.polls = 2;
    ck_assert_int_eq(ask(&unregister), ANSWER_AGAIN); /* and is asked to return */
    unregister.visit.act_ended_ms = fake.steady_ms;
    pass_time(100 * SETTLE_MS);
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS);
    ck_assert_ptr_nonnull(unregister.handle);
    pass_time(100 * SETTLE_MS);
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS); /* it has just ended */
    ck_assert_ptr_null(unregister.handle);
    pass_time(SETTLE_MS - 1);
    ck_assert_int_eq(probe(&unregister), PROBE_IN_PROGRESS);
    pass_time(1);
    ck_assert_int_eq(probe(&unregister), PROBE_NOT_DONE);
    visit_end(&unregister);
}
END_TEST

START_TEST(what_may_not_be_done_is_asked_once_and_refused)
{
    struct error error = {0};
    json_t *asked = json_array();
    const struct permission *exec = step_kind_find("unregister_chunk")->permissions;
    ck_assert_str_eq(exec[0].verb, "get"); /* an exec over a WebSocket is a GET */
    ck_assert_str_eq(exec[0].resource, "pods/exec");
    ck_assert_int_eq(permission_ask(&fake.cluster, &exec[0], "iomesh-system", asked, &error), 0);
    fake.forbids = true;
    ck_assert_int_eq(permission_ask(&fake.cluster, &exec[0], "iomesh-system", asked, &error), 0);
    ck_assert_int_eq(permission_ask(&fake.cluster, &exec[0], "other", asked, &error), -1);
    ck_assert_int_eq(error.code, ERROR_CLUSTER_DENIED);
    ck_assert_str_eq(error.message, "not allowed to get pods/exec in namespace other");
    json_decref(asked);
}
END_TEST

START_TEST(what_only_newer_servers_ask_for_is_told_and_refuses_nothing)
{
    struct error error = {0};
    json_t *asked = json_array();
    const struct permission *exec = step_kind_find("unregister_chunk")->permissions;
    fake.forbids = true;
    ck_assert_str_eq(exec[1].verb, "create");
    ck_assert_int_eq(permission_ask(&fake.cluster, &exec[1], "iomesh-system", asked, &error), 0);
    ck_assert(json_is_false(json_object_get(json_array_get(asked, 0), "allowed")));
    ck_assert_str_eq(json_text(json_array_get(asked, 0), "only_from", ""), "1.35");
    error_set(&fake.fails, ERROR_CLUSTER_UNREACHABLE, "connection refused");
    ck_assert_int_eq(permission_ask(&fake.cluster, &exec[0], "iomesh-system", asked, &error), 0);
    ck_assert(json_is_null(json_object_get(json_array_get(asked, 1), "allowed")));
    ck_assert_str_eq(json_text(json_array_get(asked, 1), "why", ""), "connection refused");
    json_decref(asked);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        unregister_runs_the_command_in_the_leader_once,
        unregister_has_happened_whatever_the_command_wrote,
        unregister_waits_for_a_long_command_as_acting,
        unregister_does_not_know_the_outcome_once_its_connection_is_lost,
        unregister_takes_a_non_zero_exit_and_a_cut_as_unknown,
        unregister_knows_that_a_refused_request_was_not_sent,
        unregister_does_not_know_whether_a_broken_request_arrived,
        unregister_sends_nothing_through_a_closed_gate,
        unregister_fails_where_the_lease_is_lost,
        unregister_waits_while_data_moves_and_the_guards_are_asked_again,
        unregister_refuses_a_chunk_that_is_not_the_one_meant,
        unregister_refuses_while_another_chunk_is_not_healthy,
        unregister_refuses_where_the_leader_has_moved,
        initializing_counts_as_expired_only_once_the_pod_is_gone,
        initializing_does_not_count_for_a_chunk_that_should_be_healthy,
        a_read_that_fails_is_transient_and_nothing_was_sent,
        probe_believes_that_the_chunk_is_gone_when_settle_later_it_still_is,
        probe_forgets_an_absence_that_did_not_last,
        probe_says_not_done_only_settle_after_the_act_could_last_act,
        probe_takes_moving_data_as_in_progress_and_settles_after_it,
        probe_cannot_tell_where_either_is_unreadable,
        probe_takes_a_command_that_is_still_out_as_in_progress_and_settles_after_it,
        what_may_not_be_done_is_asked_once_and_refused,
        what_only_newer_servers_ask_for_is_told_and_refuses_nothing,
    };
    return run_tests("steps_unregister", tests, sizeof tests / sizeof *tests);
}
