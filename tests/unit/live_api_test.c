/* The live cluster against a server that answers as the Kubernetes API does, and as it does on bad days. */
#include "tests/unit/live_fixture.h"

static const struct resource pods = {"", "v1", "pods", "ns", NULL};
static const struct resource pod = {"", "v1", "pods", "ns", "p-0"};
static const struct resource lease = {"coordination.k8s.io", "v1", "leases", "ns", "pawl-x"};

static int get_pod(void)
{
    return cluster->calls->get(cluster, &pod, &out, &error);
}

/* ---- identity, credentials ---- */

START_TEST(the_record_names_the_cluster)
{
    ck_assert_str_eq(json_text(cluster->record, "identity", ""), "c0ffee");
    ck_assert_str_eq(json_text(cluster->record, "context", ""), "lab");
    ck_assert_str_eq(json_text(cluster->record, "kind", ""), "live");
    expect_asked(0, "GET /api/v1/namespaces/kube-system HTTP/1.1\r\n");
    expect_asked(0, "Authorization: Bearer s3cret\r\n");
}
END_TEST

START_TEST(a_recorded_cluster_is_opened_where_the_record_says)
{
    server_answers(200, KUBE_SYSTEM);
    struct cluster *again = cluster_open_recorded(cluster->record, NULL, &error);
    ck_assert_msg(again != NULL, "%s", error.message);
    cluster_close(again);
}
END_TEST

START_TEST(another_cluster_than_recorded_is_refused)
{
    server_answers(200, "{\"metadata\":{\"uid\":\"other\"}}");
    ck_assert_ptr_null(cluster_open_recorded(cluster->record, NULL, &error));
    ck_assert_int_eq(error.code, ERROR_CLUSTER_OTHER);
}
END_TEST

START_TEST(a_cluster_without_identity_is_refused)
{
    server_answers(200, "{\"metadata\":{}}");
    ck_assert_ptr_null(open_again());
    ck_assert_int_eq(error.code, ERROR_CLUSTER_ANSWER);
    server_refuses(404, "NotFound", "namespaces not found");
    ck_assert_ptr_null(open_again());
    ck_assert_int_eq(error.code, ERROR_CLUSTER_ANSWER);
}
END_TEST

START_TEST(a_token_file_is_read_before_every_request)
{
    write_file("token", "first\n", 0600);
    write_kubeconfig("{tokenFile: token}");
    server_answers(200, KUBE_SYSTEM);
    cluster_close(cluster);
    cluster = open_again();
    expect_asked(1, "Bearer first\r\n");
    write_file("token", "second\n", 0600);
    server_answers(200, "{}");
    ck_assert_int_eq(get_pod(), 0);
    expect_asked(2, "Bearer second\r\n");
}
END_TEST

START_TEST(nobody_listens)
{
    write_file("config",
               "current-context: lab\ncontexts: [{name: lab, context: {cluster: c, user: u}}]\nclusters: "
               "[{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n",
               0600);
    ck_assert_ptr_null(open_again());
    ck_assert_int_eq(error.code, ERROR_CLUSTER_UNREACHABLE);
    ck_assert(error_is_transient(error.code));
}
END_TEST

/* ---- reading ---- */

START_TEST(an_object_is_read)
{
    server_answers(200, "{\"metadata\":{\"name\":\"p-0\"}}");
    ck_assert_int_eq(get_pod(), 0);
    ck_assert_str_eq(json_text(json_object_get(out, "metadata"), "name", ""), "p-0");
    expect_asked(1, "GET /api/v1/namespaces/ns/pods/p-0 HTTP/1.1\r\n");
}
END_TEST

START_TEST(an_object_that_is_not_there_is_no_error)
{
    server_refuses(404, "NotFound", "pods \\\"p-0\\\" not found");
    ck_assert_int_eq(get_pod(), 0);
    ck_assert_ptr_null(out);
}
END_TEST

static const struct {
    int status;
    enum error_code code;
} statuses[] = {
    {401, ERROR_CLUSTER_DENIED}, {403, ERROR_CLUSTER_DENIED}, {409, ERROR_CLUSTER_CONFLICT},
    {410, ERROR_CLUSTER_ANSWER}, {422, ERROR_CLUSTER_ANSWER}, {429, ERROR_CLUSTER_BUSY},
    {500, ERROR_CLUSTER_BUSY},   {503, ERROR_CLUSTER_BUSY},   {504, ERROR_CLUSTER_BUSY},
    {302, ERROR_CLUSTER_ANSWER},
};

START_TEST(a_refusal_has_the_servers_own_message)
{
    server_refuses(statuses[_i].status, "Reason", "the words of the server");
    expect_error(get_pod(), statuses[_i].code, "the words of the server");
    ck_assert_ptr_null(out);
    server_is_done();
}
END_TEST

START_TEST(a_page_of_html_is_no_answer)
{
    server_answers(200, "<html>login</html>");
    expect_error(get_pod(), ERROR_CLUSTER_ANSWER, "get pods ns/p-0");
    server_answers(200, "{\"metadata\":{\"name\":");
    expect_error(get_pod(), ERROR_CLUSTER_ANSWER, "get pods ns/p-0");
    server_answers(200, "[]");
    expect_error(get_pod(), ERROR_CLUSTER_ANSWER, "no object");
    server_answers(502, "<html>bad gateway</html>");
    expect_error(get_pod(), ERROR_CLUSTER_BUSY, "502");
}
END_TEST

START_TEST(an_answer_that_is_cut_off_is_transient)
{
    server_answers_raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"metadata\":{}}", true);
    expect_error(get_pod(), ERROR_CLUSTER_UNREACHABLE, "get pods");
    ck_assert(error_is_transient(error.code));
}
END_TEST

static void talk_without_end(int connection, const char *request)
{
    static char bytes[65536];
    (void)request;
    memset(bytes, ' ', sizeof bytes);
    server_write(connection, "HTTP/1.1 200 OK\r\n\r\n", strlen("HTTP/1.1 200 OK\r\n\r\n"));
    for (size_t sent = 0; sent < 2 * (size_t)LIMIT_JSON_BYTES; sent += sizeof bytes)
        server_write(connection, bytes, sizeof bytes);
}

START_TEST(an_answer_without_end_is_cut)
{
    server_talks(talk_without_end);
    expect_error(get_pod(), ERROR_LIMIT, "larger than");
}
END_TEST

START_TEST(a_read_that_was_turned_away_is_made_again_when_it_may)
{
    struct clock *clock = clock_system();
    int64_t before = clock->steady_ms(clock);
    server_answers_with(429, "Retry-After: 1\r\n", "{\"message\":\"too many\"}");
    server_answers(200, "{\"metadata\":{}}");
    ck_assert_int_eq(get_pod(), 0);
    ck_assert_int_ge(clock->steady_ms(clock) - before, 1000);
    server_is_done();
}
END_TEST

START_TEST(who_asks_for_more_patience_than_we_have_is_busy)
{
    server_answers_with(503, "Retry-After: 3600\r\n", "{\"message\":\"later\"}");
    expect_error(get_pod(), ERROR_CLUSTER_BUSY, "later");
    ck_assert(strstr(error.next, "3600") != NULL);
}
END_TEST

START_TEST(reads_share_a_connection)
{
    for (int i = 0; i < 3; i++) {
        json_decref(out);
        server_answers(200, "{}");
        ck_assert_int_eq(get_pod(), 0);
    }
    pthread_mutex_lock(&server.mutex);
    int connections = server.connections;
    pthread_mutex_unlock(&server.mutex);
    ck_assert_int_eq(connections, 1);
}
END_TEST

static void *get_pods_often(void *context)
{
    (void)context;
    for (int i = 0; i < 7; i++) {
        struct error cause = {0};
        json_t *object = NULL;
        ck_assert_msg(!cluster->calls->get(cluster, &pod, &object, &cause), "%s", cause.message);
        json_decref(object);
    }
    return NULL;
}

START_TEST(workers_ask_at_the_same_time)
{
    pthread_t workers[LIMIT_WORKERS];
    for (int i = 0; i < LIMIT_WORKERS * 7; i++)
        server_answers(200, "{}");
    for (int i = 0; i < LIMIT_WORKERS; i++)
        ck_assert_int_eq(pthread_create(&workers[i], NULL, get_pods_often, NULL), 0);
    for (int i = 0; i < LIMIT_WORKERS; i++)
        pthread_join(workers[i], NULL);
    server_is_done();
}
END_TEST

START_TEST(a_list_is_read_to_its_last_page)
{
    server_answers(200,
                   "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"n+/=\"},"
                   "\"items\":[{\"a\":1},{\"a\":2}]}");
    server_answers(200,
                   "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{\"a\":3}]}");
    ck_assert_int_eq(cluster->calls->list(cluster, &pods, "a=b,c", false, &out, &error), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(out, "items")), 3);
    ck_assert_str_eq(json_text(out, "kind", ""), "PodList");
    ck_assert_str_eq(json_text(json_object_get(out, "metadata"), "resourceVersion", ""), "7");
    expect_asked(1, "/pods?limit=500&labelSelector=a%3Db%2Cc HTTP");
    expect_asked(2, "&continue=n%2B%2F%3D HTTP");
}
END_TEST

START_TEST(a_list_whose_pages_expire_is_begun_again)
{
    server_answers(200, "{\"metadata\":{\"continue\":\"x\"},\"items\":[{\"a\":1}]}");
    server_refuses(410, "Expired", "The provided continue parameter is too old");
    server_answers(200, "{\"metadata\":{},\"items\":[{\"a\":2}]}");
    ck_assert_int_eq(cluster->calls->list(cluster, &pods, NULL, false, &out, &error), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(out, "items")), 1);
    server_is_done();
}
END_TEST

START_TEST(an_empty_list_may_be_null)
{
    server_answers(200, "{\"metadata\":{},\"items\":null}");
    ck_assert_int_eq(cluster->calls->list(cluster, &pods, NULL, false, &out, &error), 0);
    ck_assert(json_is_array(json_object_get(out, "items")));
    server_answers(200, "{\"metadata\":{}}");
    json_decref(out);
    expect_error(cluster->calls->list(cluster, &pods, NULL, false, &out, &error), ERROR_CLUSTER_ANSWER,
                 "no items");
}
END_TEST

START_TEST(metadata_alone_is_asked_for_without_content)
{
    server_answers(200, "{\"metadata\":{},\"items\":[]}");
    ck_assert_int_eq(cluster->calls->list(cluster, &pods, NULL, true, &out, &error), 0);
    expect_asked(1, "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1\r\n");
}
END_TEST

/* ---- changing ---- */

START_TEST(a_dry_run_says_so)
{
    json_t *patch = json_pack("{s:i}", "a", 1);
    server_answers(200, "{}");
    ck_assert_int_eq(cluster->calls->patch(cluster, &pod, PATCH_STRATEGIC, patch, true, &out, &error), 0);
    expect_asked(1, "PATCH /api/v1/namespaces/ns/pods/p-0?fieldManager=pawl&dryRun=All HTTP");
    expect_asked(1, "Content-Type: application/strategic-merge-patch+json\r\n");
    expect_asked(1, "\r\n\r\n{\"a\":1}");
    server_answers(200, "{}");
    json_decref(out);
    ck_assert_int_eq(cluster->calls->patch(cluster, &pod, PATCH_MERGE, patch, false, &out, &error), 0);
    ck_assert_ptr_null(strstr(asked(2), "dryRun"));
    expect_asked(2, "Content-Type: application/merge-patch+json\r\n");
    json_decref(patch);
}
END_TEST

START_TEST(what_changes_something_is_never_sent_twice)
{
    json_t *patch = json_object();
    server_answers_with(429, "Retry-After: 1\r\n", "{}"); /* honoured for reads */
    expect_error(cluster->calls->patch(cluster, &pod, PATCH_MERGE, patch, false, &out, &error),
                 ERROR_CLUSTER_BUSY, "429");
    server_answers_raw("", true); /* hangs up: on an old connection libcurl would try once more */
    server_answers(200, "{}");    /* and succeed */
    expect_error(cluster->calls->patch(cluster, &pod, PATCH_MERGE, patch, false, &out, &error),
                 ERROR_CLUSTER_UNREACHABLE, "patch pods");
    ck_assert_int_eq(get_pod(), 0); /* takes the answer that was left */
    expect_asked(3, "GET ");
    server_is_done();
    json_decref(patch);
}
END_TEST

START_TEST(an_object_is_created_in_its_collection)
{
    json_t *object = json_pack("{s:s}", "kind", "Lease");
    server_answers(201, "{\"metadata\":{\"uid\":\"u\"}}");
    ck_assert_int_eq(cluster->calls->create(cluster, &lease, object, &out, &error), 0);
    expect_asked(1, "POST /apis/coordination.k8s.io/v1/namespaces/ns/leases?");
    json_decref(out);
    server_refuses(409, "AlreadyExists", "already exists");
    expect_error(cluster->calls->create(cluster, &lease, object, &out, &error), ERROR_CLUSTER_CONFLICT,
                 "already exists");
    server_answers(200, "{}");
    ck_assert_int_eq(cluster->calls->replace(cluster, &lease, object, &out, &error), 0);
    expect_asked(3, "PUT /apis/coordination.k8s.io/v1/namespaces/ns/leases/pawl-x?");
    json_decref(object);
}
END_TEST

START_TEST(a_removal_states_its_preconditions)
{
    server_answers(200, "{}");
    ck_assert_int_eq(cluster->calls->remove(cluster, &lease, "u", "5", &error), 0);
    expect_asked(1, "DELETE /apis/coordination.k8s.io/v1/namespaces/ns/leases/pawl-x HTTP");
    expect_asked(1, "\"preconditions\":{\"resourceVersion\":\"5\",\"uid\":\"u\"}");
    server_refuses(404, "NotFound", "gone");
    ck_assert_int_eq(cluster->calls->remove(cluster, &lease, "u", "5", &error), 0);
    server_refuses(409, "Conflict", "the UID in the precondition");
    expect_error(cluster->calls->remove(cluster, &lease, "u", "5", &error), ERROR_CLUSTER_CONFLICT, "UID");
}
END_TEST

START_TEST(an_empty_name_never_means_all_of_them)
{
    struct resource nameless = pod;
    nameless.name = "";
    expect_error(cluster->calls->remove(cluster, &nameless, NULL, NULL, &error), ERROR_USAGE, "name");
    nameless.name = NULL;
    expect_error(cluster->calls->remove(cluster, &nameless, NULL, NULL, &error), ERROR_USAGE, "name");
    nameless.name = "..";
    expect_error(cluster->calls->get(cluster, &nameless, &out, &error), ERROR_USAGE, "name");
    server_is_done();
}
END_TEST

START_TEST(names_are_escaped)
{
    struct resource odd = pod;
    odd.name = "a/b?c d";
    server_answers(200, "{}");
    ck_assert_int_eq(cluster->calls->get(cluster, &odd, &out, &error), 0);
    expect_asked(1, "GET /api/v1/namespaces/ns/pods/a%2Fb%3Fc%20d HTTP");
}
END_TEST

START_TEST(a_permission_is_asked_for)
{
    struct resource run = {"", "v1", "pods/exec", "ns", NULL};
    bool allowed = true;
    char why[256];
    server_answers(201, "{\"status\":{\"allowed\":false,\"reason\":\"no such rule\"}}");
    ck_assert_int_eq(cluster->calls->allowed(cluster, "create", &run, &allowed, why, &error), 0);
    ck_assert(!allowed);
    ck_assert_str_eq(why, "no such rule");
    expect_asked(1, "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews HTTP");
    expect_asked(1,
                 "\"namespace\":\"ns\",\"resource\":\"pods\",\"subresource\":\"exec\",\"verb\":\"create\"");
    server_answers(201, "{\"status\":{\"allowed\":true}}");
    ck_assert_int_eq(cluster->calls->allowed(cluster, "create", &run, &allowed, why, &error), 0);
    ck_assert(allowed);
    server_answers(201, "{}");
    expect_error(cluster->calls->allowed(cluster, "create", &run, &allowed, why, &error),
                 ERROR_CLUSTER_ANSWER, "review");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("live_api");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, the_record_names_the_cluster);
    tcase_add_test(all, a_recorded_cluster_is_opened_where_the_record_says);
    tcase_add_test(all, another_cluster_than_recorded_is_refused);
    tcase_add_test(all, a_cluster_without_identity_is_refused);
    tcase_add_test(all, a_token_file_is_read_before_every_request);
    tcase_add_test(all, nobody_listens);
    tcase_add_test(all, an_object_is_read);
    tcase_add_test(all, an_object_that_is_not_there_is_no_error);
    tcase_add_loop_test(all, a_refusal_has_the_servers_own_message, 0,
                        (int)(sizeof statuses / sizeof *statuses));
    tcase_add_test(all, a_page_of_html_is_no_answer);
    tcase_add_test(all, an_answer_that_is_cut_off_is_transient);
    tcase_add_test(all, an_answer_without_end_is_cut);
    tcase_add_test(all, a_read_that_was_turned_away_is_made_again_when_it_may);
    tcase_add_test(all, who_asks_for_more_patience_than_we_have_is_busy);
    tcase_add_test(all, reads_share_a_connection);
    tcase_add_test(all, workers_ask_at_the_same_time);
    tcase_add_test(all, a_list_is_read_to_its_last_page);
    tcase_add_test(all, a_list_whose_pages_expire_is_begun_again);
    tcase_add_test(all, an_empty_list_may_be_null);
    tcase_add_test(all, metadata_alone_is_asked_for_without_content);
    tcase_add_test(all, a_dry_run_says_so);
    tcase_add_test(all, what_changes_something_is_never_sent_twice);
    tcase_add_test(all, an_object_is_created_in_its_collection);
    tcase_add_test(all, a_removal_states_its_preconditions);
    tcase_add_test(all, an_empty_name_never_means_all_of_them);
    tcase_add_test(all, names_are_escaped);
    tcase_add_test(all, a_permission_is_asked_for);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
