#include "fake_cluster.h"
#include "steps/iomesh_object.h"

static struct asked asked;

static json_t *pod(const char *name)
{
    char key[80];
    snprintf(key, sizeof key, "pods/%s", name);
    return object_of(key);
}

static void set_ready(const char *name, bool is_ready)
{
    json_t *statuses = json_at(pod(name), "status", "containerStatuses", NULL);
    json_object_set_new(json_array_get(statuses, 1), "ready", json_boolean(is_ready));
}

static void waits_saying(const char *part)
{
    ck_assert_int_eq(ask(&asked), ANSWER_AGAIN);
    ck_assert_int_eq(asked.answer.after_ms, 2000);
    ck_assert_says(asked.answer.error.message, part);
}

/* ---- verify_pods ---- */

START_TEST(verify_pods_gives_pods_and_nodes_once_they_were_ready_for_long_enough)
{
    visit_begin(&asked, "verify_pods", "{'component': 'chunk', 'count': 4}");
    ck_assert_int_eq(ask_for(&asked, 9999), ANSWER_AGAIN);
    ck_assert_int_eq(ask_for(&asked, 2000), ANSWER_DONE);
    ck_assert_str_eq(asked.answer.summary.text, "4 pods ready and stable for 10s");
    ck_assert_uint_eq(json_array_size(json_object_get(asked.answer.outputs, "pods")), 4);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(asked.answer.outputs, "pods"), 3)),
                     "iomesh-chunk-3");
    ck_assert_uint_eq(json_array_size(json_object_get(asked.answer.outputs, "nodes")), 4);
    visit_end(&asked);
}
END_TEST

START_TEST(verify_pods_waits_for_missing_unready_and_surplus_pods_by_name)
{
    visit_begin(&asked, "verify_pods", "{'component': 'chunk', 'count': 5}");
    waits_saying("4 of 5 ready, iomesh-chunk-4 does not exist yet");
    json_object_set_new(asked.inputs, "count", json_integer(4));
    set_ready("iomesh-chunk-2", false);
    waits_saying("3 of 4 ready, iomesh-chunk-2 container agent: runs, but is not ready");
    json_object_set_new(asked.inputs, "count", json_integer(3));
    set_ready("iomesh-chunk-2", true);
    waits_saying("3 of 3 ready, iomesh-chunk-3 is still there");
    json_object_set_new(json_object_get(pod("iomesh-chunk-3"), "metadata"), "deletionTimestamp",
                        json_string("2026-11-24T03:00:00Z"));
    waits_saying("iomesh-chunk-3 terminating");
    visit_end(&asked);
}
END_TEST

START_TEST(a_terminating_pod_does_not_count_as_ready)
{
    visit_begin(&asked, "verify_pods", "{'component': 'chunk', 'count': 4}");
    json_object_set_new(json_object_get(pod("iomesh-chunk-1"), "metadata"), "deletionTimestamp",
                        json_string("2026-11-24T03:00:00Z"));
    waits_saying("3 of 4 ready, iomesh-chunk-1 terminating");
    visit_end(&asked);
}
END_TEST

START_TEST(pods_of_others_are_not_counted)
{
    add_pod("iomesh-chunk-backup", 0, "10.0.0.9");
    json_object_set_new(fake.objects, "pods/iomesh-chunk-9", json_deep_copy(pod("iomesh-meta-0")));
    json_object_set_new(json_object_get(pod("iomesh-chunk-9"), "metadata"), "name",
                        json_string("iomesh-chunk-9")); /* of another StatefulSet */
    visit_begin(&asked, "verify_pods", "{'statefulset': 'iomesh-chunk', 'count': 4, 'stable_for': '0s'}");
    ck_assert_int_eq(ask(&asked), ANSWER_DONE);
    visit_end(&asked);
}
END_TEST

START_TEST(verify_pods_fails_where_there_is_no_such_workload)
{
    visit_begin(&asked, "verify_pods", "{'statefulset': 'none', 'count': 4}");
    ck_assert_int_eq(ask(&asked), ANSWER_FAILED);
    ck_assert(!asked.answer.transient);
    ck_assert_int_eq(look_ahead(&asked), PLAN_REFUSED);
    visit_end(&asked);
}
END_TEST

START_TEST(verify_pods_foretells_which_pods_come_and_go)
{
    static const struct {
        int count;
        const char *says;
    } cases[] = {{3, "iomesh-chunk-3 goes"},
                 {5, "iomesh-chunk-4 comes"},
                 {7, "3 pods come: iomesh-chunk-4 to 6"},
                 {4, "4 pods, as now"}};
    visit_begin(&asked, "verify_pods", "{'component': 'chunk', 'count': 4}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_object_set_new(asked.inputs, "count", json_integer(cases[i].count));
        ck_assert_int_eq(look_ahead(&asked), PLAN_OK);
        ck_assert_str_eq(asked.plan.summary.text, cases[i].says);
    }
    visit_end(&asked);
}
END_TEST

/* ---- stability ---- */

START_TEST(stability_begins_anew_when_it_was_broken)
{
    visit_begin(&asked, "verify_idle", "{}");
    ck_assert_int_eq(ask_for(&asked, 8000), ANSWER_AGAIN);
    command_says("iomesh-meta-0: " FAKE_SUMMARY, FAKE_MOVING);
    waits_saying("2 recoveries going on, 4096 bytes to recover");
    command_says("iomesh-meta-0: " FAKE_SUMMARY, FAKE_IDLE);
    ck_assert_int_eq(ask_for(&asked, 9999), ANSWER_AGAIN);
    ck_assert_int_eq(ask_for(&asked, 2000), ANSWER_DONE);
    visit_end(&asked);
}
END_TEST

START_TEST(stability_begins_anew_after_a_restart)
{
    visit_begin(&asked, "verify_idle", "{}");
    ck_assert_int_eq(ask_for(&asked, 8000), ANSWER_AGAIN);
    restart(&asked);
    ck_assert_int_eq(ask_for(&asked, 9999), ANSWER_AGAIN);
    ck_assert_int_eq(ask_for(&asked, 2000), ANSWER_DONE);
    visit_end(&asked);
}
END_TEST

START_TEST(stability_begins_anew_after_a_pause_without_looks)
{
    visit_begin(&asked, "verify_idle", "{}");
    ck_assert_int_eq(ask(&asked), ANSWER_AGAIN);
    pass_time(3600000);
    ck_assert_int_eq(ask(&asked), ANSWER_AGAIN);
    visit_end(&asked);
}
END_TEST

START_TEST(stability_begins_anew_after_a_look_that_failed)
{
    visit_begin(&asked, "verify_idle", "{}");
    ck_assert_int_eq(ask_for(&asked, 8000), ANSWER_AGAIN);
    error_set(&fake.fails, ERROR_CLUSTER_UNREACHABLE, "connection refused");
    ck_assert_int_eq(ask(&asked), ANSWER_FAILED);
    ck_assert(asked.answer.transient);
    fake.fails.code = ERROR_NONE;
    ck_assert_int_eq(ask_for(&asked, 9999), ANSWER_AGAIN);
    visit_end(&asked);
}
END_TEST

START_TEST(a_single_look_needs_no_time_and_leaves_no_trace)
{
    visit_begin(&asked, "confirm_removal", "{'chunk_id': 9}");
    asked.visit.single_look = true;
    asked.held_since_ms = 77; /* of the step that the guard stands before */
    ck_assert_int_eq(ask(&asked), ANSWER_DONE);
    chunk_becomes(4, CHUNK_EXPIRED);
    json_object_set_new(asked.inputs, "chunk_id", json_integer(4));
    ck_assert_int_eq(ask(&asked), ANSWER_AGAIN);
    ck_assert_int_eq(asked.held_since_ms, 77);
    ck_assert_ptr_null(asked.checkpoint);
    visit_end(&asked);
}
END_TEST

/* ---- verify_idle, locate_meta_leader ---- */

START_TEST(verify_idle_asks_whoever_leads_now)
{
    visit_begin(&asked, "verify_idle", "{'stable_for': '0s'}");
    leader_becomes(NULL);
    waits_saying("no pod labelled iomesh.com/meta-leader is ready");
    leader_becomes("iomesh-meta-2");
    ck_assert_int_eq(ask(&asked), ANSWER_DONE);
    visit_end(&asked);
}
END_TEST

START_TEST(the_leader_is_the_one_ready_pod_with_its_label)
{
    visit_begin(&asked, "locate_meta_leader", "{}");
    ck_assert_int_eq(ask(&asked), ANSWER_DONE);
    ck_assert_str_eq(json_text(asked.answer.outputs, "pod", ""), "iomesh-meta-0");
    ck_assert_str_eq(json_text(asked.answer.outputs, "node", ""), "node-1");
    json_object_set_new(json_at(pod("iomesh-meta-1"), "metadata", "labels", NULL), "iomesh.com/meta-leader",
                        json_string(""));
    waits_saying("more than one pod labelled iomesh.com/meta-leader is ready: iomesh-meta-0, iomesh-meta-1");
    set_ready("iomesh-meta-0", false);
    ck_assert_int_eq(ask(&asked), ANSWER_DONE);
    ck_assert_str_eq(json_text(asked.answer.outputs, "pod", ""), "iomesh-meta-1");
    set_ready("iomesh-meta-1", false);
    waits_saying("iomesh-meta-1 (not ready)");
    visit_end(&asked);
}
END_TEST

/* ---- confirm_removal ---- */

START_TEST(a_chunk_is_confirmed_as_gone_only_by_a_readable_list)
{
    visit_begin(&asked, "confirm_removal", "{'chunk_id': 4}");
    waits_saying("chunk 4 (192.168.29.23) is still listed, CHUNK_STATUS_CONNECTED_HEALTHY");
    json_t *all = json_deep_copy(chunk_list());
    json_array_clear(chunk_list());
    waits_saying("lists no chunks");
    json_array_extend(chunk_list(), all);
    json_decref(all);
    chunk_vanishes(4);
    ck_assert_int_eq(ask_for(&asked, 12000), ANSWER_DONE);
    ck_assert_str_eq(asked.answer.summary.text, "chunk 4 is gone from the list, for 10s");
    ck_assert_uint_eq(json_array_size(json_object_get(asked.answer.outputs, "remaining")), 3);
    visit_end(&asked);
}
END_TEST

/* ---- find_chunk ---- */

START_TEST(the_chunk_of_a_pod_is_found_by_address_not_by_number)
{
    visit_begin(&asked, "find_chunk", "{'pod': 'iomesh-chunk-1'}");
    ck_assert_int_eq(ask(&asked), ANSWER_DONE);
    ck_assert_int_eq(json_int(asked.answer.outputs, "id", 0), 3);
    ck_assert_str_eq(json_text(asked.answer.outputs, "ip", ""), "192.168.29.21");
    ck_assert_str_eq(asked.answer.summary.text, "iomesh-chunk-1 serves chunk 3 (192.168.29.21)");
    ck_assert_int_eq(look_ahead(&asked), PLAN_OK);
    ck_assert_int_eq(json_int(asked.plan.outputs, "id", 0), 3);
    visit_end(&asked);
}
END_TEST

START_TEST(a_container_without_ip_is_asked_by_the_routing_trie)
{
    json_object_del(fake.commands, "iomesh-chunk-1: ip -o -4 addr");
    command_says("iomesh-chunk-1: cat /proc/net/fib_trie",
                 "     |-- 192.168.29.21\n        /32 host LOCAL\n");
    visit_begin(&asked, "find_chunk", "{'pod': 'iomesh-chunk-1'}");
    ck_assert_int_eq(ask(&asked), ANSWER_DONE);
    ck_assert_int_eq(json_int(asked.answer.outputs, "id", 0), 3);
    visit_end(&asked);
}
END_TEST

START_TEST(a_pod_that_cannot_be_asked_is_known_by_the_addresses_noted_at_it)
{
    json_t *statuses = json_at(pod("iomesh-chunk-1"), "status", "containerStatuses", NULL);
    for (size_t i = 0; i < 2; i++)
        json_object_set_new(json_array_get(statuses, i), "state", json_pack("{s:{}}", "waiting"));
    visit_begin(&asked, "find_chunk", "{'pod': 'iomesh-chunk-1'}");
    ck_assert_int_eq(ask(&asked), ANSWER_FAILED);
    ck_assert(asked.answer.transient);
    ck_assert_says(asked.answer.error.message, "cannot be asked");
    json_object_set_new(json_object_get(pod("iomesh-chunk-1"), "metadata"), "annotations",
                        json_pack("{s:s}", "k8s.v1.cni.cncf.io/network-status",
                                  "[{\"name\":\"data\",\"ips\":[\"192.168.29.21\"]}]"));
    ck_assert_int_eq(ask(&asked), ANSWER_DONE);
    ck_assert_int_eq(json_int(asked.answer.outputs, "id", 0), 3);
    visit_end(&asked);
}
END_TEST

START_TEST(no_chunk_is_picked_where_none_or_several_match)
{
    visit_begin(&asked, "find_chunk", "{'pod': 'iomesh-chunk-1'}");
    add_chunk(9, "192.168.29.21");
    ck_assert_int_eq(ask(&asked), ANSWER_FAILED);
    ck_assert(!asked.answer.transient);
    ck_assert_says(asked.answer.error.message, "chunk 3 (192.168.29.21)");
    chunk_vanishes(9);
    chunk_vanishes(3);
    ck_assert_int_eq(ask(&asked), ANSWER_FAILED);
    ck_assert(asked.answer.transient); /* the list lags */
    pod_vanishes("iomesh-chunk-1");
    ck_assert_int_eq(ask(&asked), ANSWER_FAILED);
    ck_assert_int_eq(asked.answer.error.code, ERROR_NOT_FOUND);
    visit_end(&asked);
}
END_TEST

/* ---- find_expired_chunk ---- */

#define EXPECTED "{'expect_id': 4, 'expect_ip': '192.168.29.23', 'pod': 'iomesh-chunk-3'}"

START_TEST(the_expired_chunk_is_waited_for_and_found)
{
    visit_begin(&asked, "find_expired_chunk", EXPECTED);
    waits_saying("all chunks are healthy");
    chunk_becomes(2, "CHUNK_STATUS_CONNECTING");
    waits_saying("not healthy: chunk 2 (192.168.29.22) CHUNK_STATUS_CONNECTING");
    chunk_becomes(4, CHUNK_EXPIRED);
    ck_assert_int_eq(ask(&asked), ANSWER_DONE);
    ck_assert_int_eq(json_int(asked.answer.outputs, "id", 0), 4);
    ck_assert_str_eq(asked.answer.summary.text, "chunk 4 (192.168.29.23) CHUNK_STATUS_SESSION_EXPIRED");
    visit_end(&asked);
}
END_TEST

START_TEST(several_expired_chunks_are_listed_never_picked_from)
{
    chunk_becomes(4, CHUNK_EXPIRED);
    chunk_becomes(2, CHUNK_EXPIRED);
    visit_begin(&asked, "find_expired_chunk", EXPECTED);
    ck_assert_int_eq(ask(&asked), ANSWER_FAILED);
    ck_assert(!asked.answer.transient);
    ck_assert_says(asked.answer.error.message, "chunk 2 (192.168.29.22)");
    ck_assert_says(asked.answer.error.message, "chunk 4 (192.168.29.23)");
    visit_end(&asked);
}
END_TEST

START_TEST(another_chunk_or_address_than_expected_is_an_error)
{
    chunk_becomes(2, CHUNK_EXPIRED);
    visit_begin(&asked, "find_expired_chunk", EXPECTED);
    ck_assert_int_eq(ask(&asked), ANSWER_FAILED);
    ck_assert_says(asked.answer.error.message, "another chunk than expected");
    chunk_becomes(2, CHUNK_HEALTHY);
    chunk_becomes(4, CHUNK_EXPIRED);
    json_object_set_new(chunk_entry(4), "ip", json_string("192.168.29.77"));
    ck_assert_int_eq(ask(&asked), ANSWER_FAILED);
    visit_end(&asked);
}
END_TEST

START_TEST(the_leader_trap_is_explained_and_left_once_the_pod_is_gone)
{
    chunk_becomes(4, CHUNK_INITIALIZING);
    visit_begin(&asked, "find_expired_chunk", EXPECTED);
    waits_saying("chunk 4 (192.168.29.23) CHUNK_STATUS_INITIALIZING");
    ck_assert_says(asked.answer.error.next, "leader moved");
    pod_vanishes("iomesh-chunk-3");
    ck_assert_int_eq(ask(&asked), ANSWER_DONE);
    ck_assert_str_eq(json_text(asked.answer.outputs, "chunk_status", ""), CHUNK_INITIALIZING);
    visit_end(&asked);
}
END_TEST

START_TEST(initializing_is_waited_for_where_not_all_is_known)
{
    chunk_becomes(4, CHUNK_INITIALIZING);
    pod_vanishes("iomesh-chunk-3");
    visit_begin(&asked, "find_expired_chunk", "{'expect_id': 4, 'pod': 'iomesh-chunk-3'}");
    waits_saying("chunk 4 (192.168.29.23) CHUNK_STATUS_INITIALIZING");
    visit_end(&asked);
    chunk_becomes(4, CHUNK_HEALTHY);
    chunk_becomes(2, CHUNK_INITIALIZING);
    visit_begin(&asked, "find_expired_chunk", EXPECTED);
    waits_saying("chunk 2 (192.168.29.22) CHUNK_STATUS_INITIALIZING");
    visit_end(&asked);
}
END_TEST

/* ---- sleep, assert ---- */

START_TEST(sleep_is_neither_lengthened_nor_shortened_by_a_restart)
{
    visit_begin(&asked, "sleep", "{'for': '10m'}");
    ck_assert_int_eq(ask(&asked), ANSWER_AGAIN);
    ck_assert_int_eq(asked.answer.after_ms, 600000);
    pass_time(400000);
    fake.wall_ms += 3600000; /* the wall clock jumps, which is of no concern */
    restart(&asked);
    ck_assert_int_eq(ask(&asked), ANSWER_AGAIN);
    ck_assert_int_eq(asked.answer.after_ms, 200000);
    pass_time(200000);
    ck_assert_int_eq(ask(&asked), ANSWER_DONE);
    ck_assert_str_eq(asked.answer.summary.text, "waited 10m");
    visit_end(&asked);
}
END_TEST

START_TEST(sleep_goes_on_by_the_wall_clock_after_a_reboot_and_says_so)
{
    visit_begin(&asked, "sleep", "{'for': '10m'}");
    ck_assert_int_eq(ask(&asked), ANSWER_AGAIN);
    json_object_set_new(asked.checkpoint, "boot", json_string("another"));
    fake.steady_ms = 5000;
    fake.wall_ms += 400000;
    ck_assert_int_eq(ask(&asked), ANSWER_AGAIN);
    ck_assert_int_eq(asked.answer.after_ms, 200000);
    ck_assert_says(asked.answer.error.message, "rebooted");
    pass_time(200000);
    ck_assert_int_eq(ask(&asked), ANSWER_DONE);
    ck_assert_says(asked.answer.summary.text, "by the wall clock");
    visit_end(&asked);
}
END_TEST

START_TEST(an_assertion_fails_with_its_message)
{
    visit_begin(&asked, "assert", "{'that': false, 'message': 'three servers are too few'}");
    ck_assert_int_eq(look_ahead(&asked), PLAN_UNKNOWN);
    ck_assert_int_eq(ask(&asked), ANSWER_FAILED);
    ck_assert_int_eq(asked.answer.error.code, ERROR_ASSERTION);
    ck_assert_str_eq(asked.answer.error.message, "three servers are too few");
    json_object_set_new(asked.inputs, "that", json_true());
    ck_assert_int_eq(ask(&asked), ANSWER_DONE);
    visit_end(&asked);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        verify_pods_gives_pods_and_nodes_once_they_were_ready_for_long_enough,
        verify_pods_waits_for_missing_unready_and_surplus_pods_by_name,
        a_terminating_pod_does_not_count_as_ready,
        pods_of_others_are_not_counted,
        verify_pods_fails_where_there_is_no_such_workload,
        verify_pods_foretells_which_pods_come_and_go,
        stability_begins_anew_when_it_was_broken,
        stability_begins_anew_after_a_restart,
        stability_begins_anew_after_a_pause_without_looks,
        stability_begins_anew_after_a_look_that_failed,
        a_single_look_needs_no_time_and_leaves_no_trace,
        verify_idle_asks_whoever_leads_now,
        the_leader_is_the_one_ready_pod_with_its_label,
        a_chunk_is_confirmed_as_gone_only_by_a_readable_list,
        the_chunk_of_a_pod_is_found_by_address_not_by_number,
        a_container_without_ip_is_asked_by_the_routing_trie,
        a_pod_that_cannot_be_asked_is_known_by_the_addresses_noted_at_it,
        no_chunk_is_picked_where_none_or_several_match,
        the_expired_chunk_is_waited_for_and_found,
        several_expired_chunks_are_listed_never_picked_from,
        another_chunk_or_address_than_expected_is_an_error,
        the_leader_trap_is_explained_and_left_once_the_pod_is_gone,
        initializing_is_waited_for_where_not_all_is_known,
        sleep_is_neither_lengthened_nor_shortened_by_a_restart,
        sleep_goes_on_by_the_wall_clock_after_a_reboot_and_says_so,
        an_assertion_fails_with_its_message,
    };
    return run_tests("steps_wait", tests, sizeof tests / sizeof *tests);
}
