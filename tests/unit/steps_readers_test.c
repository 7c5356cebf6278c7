#include "fake_cluster.h"
#include "steps/chunk_of_pod.h"
#include "steps/iomesh_summary.h"
#include "steps/leader.h"
#include "steps/pods.h"
#include "steps/quantity.h"

START_TEST(quantities_are_read_with_their_units)
{
    static const struct {
        const char *text;
        double bytes;
    } good[] = {
        {"0B", 0},    {"0", 0},     {"1KiB", 1024}, {"1Ki", 1024},          {"1.5TiB", 1649267441664.0},
        {"2k", 2000}, {"3MB", 3e6}, {"1e3", 1000},  {"4 GiB", 4294967296.0}};
    static const char *const bad[] = {"", "B", "-1", "1Q", "1BB", "nan", "0x", "1KiBB", "one"};
    double bytes;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(quantity_read(good[i].text, &bytes), "%s", good[i].text);
        ck_assert_double_eq(bytes, good[i].bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!quantity_read(bad[i], &bytes), "%s", bad[i]);
}
END_TEST

START_TEST(a_summary_is_idle_only_if_every_counter_at_every_depth_is_0)
{
    struct iomesh_summary summary;
    struct error error;
    struct text words = {0};
    ck_assert_int_eq(iomesh_summary_parse(FAKE_IDLE, &summary, &error), 0);
    ck_assert(iomesh_summary_is_idle(&summary));
    ck_assert_int_eq(iomesh_summary_parse(FAKE_IDLE "zones:\n  - \"pending_migrates_bytes\": \"1.5GiB\",\n",
                                          &summary, &error),
                     0);
    ck_assert(!iomesh_summary_is_idle(&summary));
    iomesh_summary_describe(&summary, &words);
    ck_assert_str_eq(text_string(&words), "1610612736 bytes to migrate");
    text_clear(&words);
}
END_TEST

START_TEST(a_summary_that_lacks_a_counter_or_a_value_is_no_answer)
{
    struct iomesh_summary summary;
    struct error error;
    char *cut = string_copy(FAKE_IDLE);
    *strstr(cut, "  pending_migrates_bytes") = '\0';
    ck_assert_int_eq(iomesh_summary_parse(cut, &summary, &error), -1);
    ck_assert_says(error.message, "pending_migrates_bytes");
    free(cut);
    ck_assert_int_eq(iomesh_summary_parse(FAKE_IDLE "x:\n num_ongoing_recovers: ?\n", &summary, &error), -1);
    ck_assert_int_eq(iomesh_summary_parse(FAKE_IDLE " num_ongoing_recovers:\n", &summary, &error), -1);
    ck_assert_int_eq(iomesh_summary_parse("", &summary, &error), -1);
    /* a longer name is another counter */
    ck_assert_int_eq(iomesh_summary_parse(FAKE_IDLE "max_num_ongoing_recovers: 7\n", &summary, &error), 0);
    ck_assert(iomesh_summary_is_idle(&summary));
}
END_TEST

START_TEST(local_addresses_are_read_out_of_the_routing_trie)
{
    json_t *addresses = addresses_of_fib_trie("Main:\n"
                                              "  +-- 0.0.0.0/0 3 0 5\n"
                                              "     |-- 0.0.0.0\n        /0 universe UNICAST\n"
                                              "     |-- 10.244.0.0\n        /24 link UNICAST\n"
                                              "     |-- 10.244.0.5\n        /32 host LOCAL\n"
                                              "     |-- 10.244.0.255\n        /32 link BROADCAST\n"
                                              "     |-- 127.0.0.1\n        /32 host LOCAL\n"
                                              "Local:\n"
                                              "     |-- 192.168.29.23\n        /32 host LOCAL\n"
                                              "     |-- 10.244.0.5\n        /32 host LOCAL\n");
    json_t *expected = json_pack("[s,s]", "10.244.0.5", "192.168.29.23");
    ck_assert(json_equal(addresses, expected));
    json_decref(addresses);
    json_decref(expected);
}
END_TEST

START_TEST(license_keys_are_found_however_they_are_spelled)
{
    struct iomesh_object object = {0};
    object.object = json_pack("{s:{s:{s:s,s:s}}}", "status", "license", "Software_Edition",
                              "SOFTWARE_EDITION_COMMUNITY", "max chunk num", "3");
    struct license license = license_of(&object);
    ck_assert_int_eq(license.edition, EDITION_COMMUNITY);
    ck_assert_int_eq(license.chunks_max, 3);
    json_object_set_new(object.object, "status", json_object());
    license = license_of(&object);
    ck_assert_int_eq(license.edition, EDITION_UNREADABLE);
    ck_assert_int_eq(license.chunks_max, -1);
    json_decref(object.object);
}
END_TEST

START_TEST(a_half_written_list_of_chunks_is_not_read)
{
    struct asked asked;
    struct iomesh_object object;
    struct error error;
    visit_begin(&asked, "confirm_removal", "{'chunk_id': 4}");
    visit_refresh(&asked);
    json_object_del(chunk_entry(2), "ip");
    ck_assert_int_eq(iomesh_object_read(&asked.visit, &object, &error), -1);
    ck_assert_int_eq(error.code, ERROR_NOT_YET);
    json_array_clear(chunk_list());
    ck_assert_int_eq(iomesh_object_read(&asked.visit, &object, &error), -1);
    ck_assert_int_eq(error.code, ERROR_NOT_YET);
    json_object_del(fake.objects, "iomeshclusters/iomesh");
    ck_assert_int_eq(iomesh_object_read(&asked.visit, &object, &error), -1);
    ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
    visit_end(&asked);
}
END_TEST

START_TEST(a_pod_says_why_it_is_not_ready)
{
    static const struct {
        const char *pod, *says;
    } cases[] = {
        {"{'status': {'conditions': [{'type': 'PodScheduled', 'status': 'False', 'reason': 'Unschedulable', "
         "'message': '0/5 nodes are available'}]}}",
         "Unschedulable: 0/5 nodes are available"},
        {"{'status': {'containerStatuses': [{'name': 'a', 'ready': false, 'state': {'waiting': {'reason': "
         "'CrashLoopBackOff'}}, 'lastState': {'terminated': {'exitCode': 3}}}]}}",
         "container a: CrashLoopBackOff (last exit 3)"},
        {"{'status': {'containerStatuses': [{'name': 'a', 'ready': false, 'state': {'waiting': {'reason': "
         "'ImagePullBackOff', 'message': 'no such image'}}}]}}",
         "container a: ImagePullBackOff (no such image)"},
        {"{'metadata': {'deletionTimestamp': 'x'}}", "terminating"},
        {"{'status': {'phase': 'Pending'}}", "Pending"},
        {"{}", "no status yet"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = string_copy(cases[i].pod);
        struct text why = {0};
        for (char *quote = text; (quote = strchr(quote, '\'')); quote++)
            *quote = '"';
        json_t *pod = json_loads(text, 0, NULL);
        pod_describe_trouble(pod, &why);
        ck_assert_str_eq(text_string(&why), cases[i].says);
        ck_assert(!pod_all_ready(pod));
        text_clear(&why);
        json_decref(pod);
        free(text);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        quantities_are_read_with_their_units,
        a_summary_is_idle_only_if_every_counter_at_every_depth_is_0,
        a_summary_that_lacks_a_counter_or_a_value_is_no_answer,
        local_addresses_are_read_out_of_the_routing_trie,
        license_keys_are_found_however_they_are_spelled,
        a_half_written_list_of_chunks_is_not_read,
        a_pod_says_why_it_is_not_ready,
    };
    return run_tests("steps_readers", tests, sizeof tests / sizeof *tests);
}
