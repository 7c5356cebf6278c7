#include "fake_cluster.h"
#include "steps/iomesh_object.h"

static struct asked check;

#define IN  "{'component': 'chunk', 'count': 3, 'direction': 'in', 'leaving_chunk': 4}"
#define OUT "{'component': 'chunk', 'count': 5, 'direction': 'out'}"

static void agrees(const char *inputs)
{
    visit_begin(&check, "check_scale", inputs);
    ck_assert_msg(ask(&check) == ANSWER_DONE, "%s", check.answer.error.message);
    visit_end(&check);
}

static void objects(const char *inputs, bool transient, const char *part)
{
    visit_begin(&check, "check_scale", inputs);
    ck_assert_int_eq(ask(&check), ANSWER_FAILED);
    ck_assert_says(check.answer.error.message, part);
    ck_assert_msg(check.answer.transient == transient, "%s", check.answer.error.message);
    ck_assert_int_eq(look_ahead(&check), transient ? PLAN_UNKNOWN : PLAN_REFUSED);
    visit_end(&check);
}

static json_t *license(void)
{
    return json_at(object_of("iomeshclusters/iomesh"), "status", "license", NULL);
}

START_TEST(a_scale_in_by_one_is_agreed_to_and_described)
{
    visit_begin(&check, "check_scale", IN);
    ck_assert_int_eq(ask(&check), ANSWER_DONE);
    ck_assert_str_eq(check.answer.summary.text,
                     "4 → 3 chunk pods · enterprise · 5 worker nodes · 67 % used after removal");
    ck_assert_int_eq(json_int(check.answer.outputs, "present", 0), 4);
    ck_assert_int_eq(json_int(check.answer.outputs, "worker_nodes", 0), 5);
    ck_assert_str_eq(json_text(check.answer.outputs, "edition", ""), "enterprise");
    ck_assert_double_eq(json_number_value(json_object_get(check.answer.outputs, "usage")), 0.5);
    ck_assert_double_eq_tol(json_number_value(json_object_get(check.answer.outputs, "usage_after")), 2.0 / 3,
                            1e-9);
    ck_assert_int_eq(look_ahead(&check), PLAN_OK);
    ck_assert_says(check.plan.summary.text, "4 → 3 chunk pods");
    visit_end(&check);
    agrees(OUT);
}
END_TEST

START_TEST(chunk_servers_go_one_at_a_time_and_never_come_by_a_scale_in)
{
    objects("{'component': 'chunk', 'count': 2, 'direction': 'in', 'allow_below_minimum': true}", false,
            "one at a time: 4 → 3, not 2");
    objects("{'component': 'chunk', 'count': 5, 'direction': 'in'}", false, "one at a time");
    objects("{'component': 'chunk', 'count': 3, 'direction': 'out'}", false, "3 is no scale-out");
}
END_TEST

START_TEST(fewer_than_three_chunk_servers_only_where_told)
{
    add_statefulset("iomesh-chunk", 3);
    pod_vanishes("iomesh-chunk-3");
    chunk_vanishes(4);
    json_object_set_new(chunk_entry(2), "spaceInfo",
                        json_pack("{s:s,s:s}", "totalDataCapacity", "1TiB", "usedDataSpace", "0B"));
    objects("{'component': 'chunk', 'count': 2, 'direction': 'in'}", false, "allow_below_minimum");
    visit_begin(&check, "check_scale",
                "{'component': 'chunk', 'count': 2, 'direction': 'in', 'allow_below_minimum': true}");
    ck_assert_int_eq(ask(&check), ANSWER_DONE);
    ck_assert_says(check.answer.summary.text, "below the minimum of 3");
    visit_end(&check);
}
END_TEST

START_TEST(meta_servers_are_three_to_five_and_never_scaled_in)
{
    agrees("{'component': 'meta', 'count': 5, 'direction': 'out'}");
    objects("{'component': 'meta', 'count': 6, 'direction': 'out'}", false, "more than 5");
    objects("{'component': 'meta', 'count': 2, 'direction': 'in'}", false, "never scaled in");
}
END_TEST

START_TEST(the_edition_and_the_license_limit_a_scale_out)
{
    json_object_set_new(license(), "maxChunkNum", json_string("4"));
    objects(OUT, false, "the license admits 4");
    json_object_set_new(license(), "softwareEdition", json_string("Community"));
    objects(OUT, false, "at most 3 chunk servers");
    objects("{'component': 'meta', 'count': 5, 'direction': 'out'}", false, "at most 3 meta servers");
}
END_TEST

START_TEST(an_unreadable_edition_is_taken_from_the_input_only)
{
    json_object_del(license(), "softwareEdition");
    objects(OUT, false, "edition cannot be read");
    objects("{'component': 'chunk', 'count': 5, 'direction': 'out', 'edition': ''}", false,
            "edition cannot be read");
    agrees("{'component': 'chunk', 'count': 5, 'direction': 'out', 'edition': 'Enterprise'}");
    objects("{'component': 'chunk', 'count': 5, 'direction': 'out', 'edition': 'community'}", false,
            "at most 3");
    objects("{'component': 'chunk', 'count': 5, 'direction': 'out', 'edition': 'pro'}", false,
            "must be enterprise or community");
    json_object_set_new(license(), "Software Edition", json_string("community")); /* what is read wins */
    objects("{'component': 'chunk', 'count': 5, 'direction': 'out', 'edition': 'enterprise'}", false,
            "at most 3");
}
END_TEST

START_TEST(a_node_counts_that_can_take_a_pod)
{
    json_object_set_new(json_object_get(object_of("nodes/node-1"), "spec"), "unschedulable", json_true());
    objects(OUT, false, "4 worker nodes can take a pod");
    json_object_set_new(object_of("nodes/node-1"), "spec",
                        json_pack("{s:[{s:s}]}", "taints", "effect", "PreferNoSchedule"));
    agrees(OUT);
    json_object_set_new(object_of("nodes/node-1"), "spec",
                        json_pack("{s:[{s:s}]}", "taints", "effect", "NoSchedule"));
    objects(OUT, false, "add 1 first");
    agrees(IN); /* a scale-in needs none */
    json_object_set_new(object_of("nodes/node-1"), "spec", json_object());
    json_object_set_new(json_array_get(json_at(object_of("nodes/node-1"), "status", "conditions", NULL), 0),
                        "status", json_string("Unknown"));
    objects(OUT, false, "add 1 first");
}
END_TEST

START_TEST(every_chunk_but_the_leaving_one_must_be_healthy)
{
    chunk_becomes(4, CHUNK_EXPIRED);
    agrees(IN);
    objects(OUT, true,
            "chunk 4 (192.168.29.23) CHUNK_STATUS_SESSION_EXPIRED (expired: its pod must come back");
    chunk_becomes(2, "CHUNK_STATUS_CONNECTED_ERROR");
    objects(IN, true, "not healthy: chunk 2 (192.168.29.22) CHUNK_STATUS_CONNECTED_ERROR");
}
END_TEST

START_TEST(data_that_moves_is_waited_for)
{
    command_says("iomesh-meta-0: " FAKE_SUMMARY, FAKE_MOVING);
    objects(IN, true, "data is moving: 2 recoveries going on");
    objects(OUT, true, "data is moving");
}
END_TEST

START_TEST(the_space_that_is_left_must_hold_the_data)
{
    json_object_set_new(json_object_get(chunk_entry(1), "spaceInfo"), "usedDataSpace", json_string("900GiB"));
    agrees(IN);
    json_object_set_new(json_object_get(chunk_entry(3), "spaceInfo"), "usedDataSpace",
                        json_string("1023GiB"));
    objects(IN, false, "96 % of the data space would be used afterwards, more than 80 %");
    json_object_del(json_object_get(chunk_entry(3), "spaceInfo"), "usedDataSpace");
    objects(IN, true, "cannot be read (spaceInfo)");
}
END_TEST

START_TEST(a_chunk_that_is_off_the_list_is_not_taken_off_twice)
{
    chunk_vanishes(4); /* drained: its pod still runs and serves none */
    visit_begin(&check, "check_scale", IN);
    ck_assert_int_eq(ask(&check), ANSWER_DONE);
    ck_assert_double_eq(json_number_value(json_object_get(check.answer.outputs, "usage_after")), 0.5);
    visit_end(&check);
}
END_TEST

START_TEST(the_pod_that_goes_must_not_serve_another_chunk)
{
    chunk_vanishes(4);
    add_chunk(5, "192.168.29.23"); /* it restarted and came back as a new chunk */
    objects(IN, false, "pod iomesh-chunk-3, which would go, serves chunk 5 (192.168.29.23), not chunk 4");
    pod_vanishes("iomesh-chunk-3");
    agrees(IN);
}
END_TEST

#define IN_KNOWN                                                                                             \
    "{'component': 'chunk', 'count': 3, 'direction': 'in', 'leaving_chunk': 4, "                             \
    "'leaving_ip': '192.168.29.23'}"

START_TEST(a_pod_that_cannot_be_asked_is_known_by_its_last_data_ip)
{
    json_t *statuses = json_at(object_of("pods/iomesh-chunk-3"), "status", "containerStatuses", NULL);
    for (size_t i = 0; i < json_array_size(statuses); i++)
        json_object_set_new(json_array_get(statuses, i), "state", json_pack("{s:{}}", "waiting"));
    objects(IN, true, "pod iomesh-chunk-3 cannot be asked");
    agrees(IN_KNOWN);
    chunk_vanishes(4); /* drained: the address is nobody's any more */
    agrees(IN_KNOWN);
    add_chunk(5, "192.168.29.23"); /* it had come back as a new chunk before it stopped again */
    objects(IN_KNOWN, false, "serves chunk 5 (192.168.29.23), not chunk 4");
}
END_TEST

START_TEST(a_pod_that_lets_nobody_in_counts_as_silent_only_while_it_is_not_ready)
{
    json_object_del(fake.commands, "iomesh-chunk-3: ip -o -4 addr");
    json_t *status = json_object_get(object_of("pods/iomesh-chunk-3"), "status");
    json_object_set_new(status, "conditions", json_pack("[{s:s,s:s}]", "type", "Ready", "status", "True"));
    objects(IN_KNOWN, true, "the addresses of pod iomesh-chunk-3");
    json_object_set_new(status, "conditions", json_pack("[{s:s,s:s}]", "type", "Ready", "status", "False"));
    agrees(IN_KNOWN);
}
END_TEST

START_TEST(a_settled_scaling_is_not_judged_by_what_the_upgrade_caused)
{
    add_statefulset("iomesh-chunk", 3);
    pod_vanishes("iomesh-chunk-3");
    chunk_becomes(4, CHUNK_INITIALIZING);
    command_says("iomesh-meta-0: " FAKE_SUMMARY, FAKE_MOVING);
    visit_begin(&check, "check_scale", IN);
    ck_assert_int_eq(ask(&check), ANSWER_DONE);
    ck_assert_says(check.answer.summary.text, "3 chunk pods already");
    visit_end(&check);
    agrees("{'component': 'chunk', 'count': 3, 'direction': 'in'}");
    agrees("{'component': 'chunk', 'count': 3, 'direction': 'out'}");
    chunk_becomes(2, "CHUNK_STATUS_CONNECTED_ERROR"); /* that is another's trouble */
    objects(IN, true, "chunk 2");
}
END_TEST

START_TEST(everything_that_speaks_against_it_is_said_at_once)
{
    chunk_becomes(2, "CHUNK_STATUS_CONNECTING");
    visit_begin(&check, "check_scale", "{'component': 'chunk', 'count': 300, 'direction': 'out'}");
    ck_assert_int_eq(ask(&check), ANSWER_FAILED);
    ck_assert_says(check.answer.error.message, "more than 255");
    ck_assert_says(check.answer.error.message, "the license admits 255");
    ck_assert_says(check.answer.error.message, "add 295 first");
    ck_assert_says(check.answer.error.message, "chunk 2");
    visit_end(&check);
}
END_TEST

START_TEST(advice_names_high_usage_and_five_meta_servers)
{
    for (int id = 1; id <= 4; id++)
        json_object_set_new(json_object_get(chunk_entry(id), "spaceInfo"), "usedDataSpace",
                            json_string("1000GiB"));
    visit_begin(&check, "check_scale", OUT);
    ck_assert_int_eq(ask(&check), ANSWER_DONE);
    const json_t *advice = json_object_get(check.answer.outputs, "advice");
    ck_assert_uint_eq(json_array_size(advice), 2);
    ck_assert_says(json_string_value(json_array_get(advice, 0)), "98 % of the data space is used");
    ck_assert_says(json_string_value(json_array_get(advice, 1)), "5 meta servers are recommended");
    visit_end(&check);
}
END_TEST

START_TEST(a_forbidden_read_refuses_in_the_plan_and_an_unreachable_cluster_does_not)
{
    visit_begin(&check, "check_scale", IN);
    fake.fails_about = "nodes";
    error_set(&fake.fails, ERROR_CLUSTER_DENIED, "nodes is forbidden");
    ck_assert_int_eq(look_ahead(&check), PLAN_REFUSED);
    error_set(&fake.fails, ERROR_CLUSTER_UNREACHABLE, "connection refused");
    ck_assert_int_eq(look_ahead(&check), PLAN_UNKNOWN);
    visit_end(&check);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_scale_in_by_one_is_agreed_to_and_described,
        chunk_servers_go_one_at_a_time_and_never_come_by_a_scale_in,
        fewer_than_three_chunk_servers_only_where_told,
        meta_servers_are_three_to_five_and_never_scaled_in,
        the_edition_and_the_license_limit_a_scale_out,
        an_unreadable_edition_is_taken_from_the_input_only,
        a_node_counts_that_can_take_a_pod,
        every_chunk_but_the_leaving_one_must_be_healthy,
        data_that_moves_is_waited_for,
        the_space_that_is_left_must_hold_the_data,
        a_chunk_that_is_off_the_list_is_not_taken_off_twice,
        the_pod_that_goes_must_not_serve_another_chunk,
        a_pod_that_cannot_be_asked_is_known_by_its_last_data_ip,
        a_pod_that_lets_nobody_in_counts_as_silent_only_while_it_is_not_ready,
        a_settled_scaling_is_not_judged_by_what_the_upgrade_caused,
        everything_that_speaks_against_it_is_said_at_once,
        advice_names_high_usage_and_five_meta_servers,
        a_forbidden_read_refuses_in_the_plan_and_an_unreachable_cluster_does_not,
    };
    return run_tests("steps_check_scale", tests, sizeof tests / sizeof *tests);
}
