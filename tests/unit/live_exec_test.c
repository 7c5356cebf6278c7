/* Commands in containers over a WebSocket: the outcome is known only where the status channel said it. */
#include "tests/unit/live_fixture.h"

static struct exec *exec;
static struct exec_result result;

static int begin(void)
{
    const char *const arguments[] = {"sh", "-c", "echo a&b", NULL};
    return cluster->calls->exec_begin(cluster, "ns", "p-0", "main", arguments, &exec, &error);
}

/* To its end; the result stands in `result`. */
static void run_exec(server_talk *talk)
{
    server_talks(talk);
    ck_assert_msg(begin() == 0, "%s", error.message);
    memset(&result, 0, sizeof result);
    for (int i = 0; i < 30 && !result.ended; i++)
        cluster->calls->exec_poll(exec, 1000, &result);
    ck_assert(result.ended);
}

static void expect_output(const char *stdout_text, const char *stderr_text)
{
    const char *written, *complaint;
    cluster->calls->exec_output(exec, &written, &complaint);
    ck_assert_str_eq(written, stdout_text);
    ck_assert_str_eq(complaint, stderr_text);
}

static void talk_success(int connection, const char *request)
{
    server_upgrade(connection, request, "v4.channel.k8s.io");
    server_channel(connection, 1, "");
    server_frame(connection, true, 2, "", 0);
    server_channel(connection, 1, "one ");
    server_channel(connection, 2, "warned");
    server_channel(connection, 1, "two");
    server_channel(connection, 3, "{\"metadata\":{},\"status\":\"Success\"}");
    server_frame(connection, true, 8, "\x03\xe8", 2);
}

START_TEST(a_command_ends_well)
{
    run_exec(talk_success);
    ck_assert(result.known);
    ck_assert_int_eq(result.exit_status, 0);
    expect_output("one two", "warned");
    expect_asked(1,
                 "GET /api/v1/namespaces/ns/pods/p-0/exec?stdout=true&stderr=true&container=main&command=sh&"
                 "command=-c&command=echo%20a%26b HTTP/1.1\r\n");
    expect_asked(1, "Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io\r\n");
    expect_asked(1, "Authorization: Bearer s3cret\r\n");
    cluster->calls->exec_free(exec);
}
END_TEST

static void talk_in_pieces(int connection, const char *request)
{
    server_upgrade(connection, request, "v5.channel.k8s.io");
    server_frame(connection, false, 2, "\x01spl", 4);
    server_frame(connection, true, 9, "ping", 4); /* in the middle of a message, as may be */
    server_frame(connection, false, 0, "", 0);
    server_frame(connection, true, 0, "it", 2);
    server_exits(connection, "7");
}

START_TEST(split_frames_are_one_message_and_the_exit_code_arrives)
{
    run_exec(talk_in_pieces);
    ck_assert(result.known);
    ck_assert_int_eq(result.exit_status, 7);
    expect_output("split", "");
    cluster->calls->exec_free(exec);
}
END_TEST

static void talk_cut(int connection, const char *request)
{
    server_upgrade(connection, request, "v4.channel.k8s.io");
    server_channel(connection, 1, "it was do");
}

static void talk_closed_politely(int connection, const char *request)
{
    server_upgrade(connection, request, "v4.channel.k8s.io");
    server_frame(connection, true, 8, "\x03\xe8", 2);
}

static void talk_cut_in_a_frame(int connection, const char *request)
{
    server_upgrade(connection, request, "v4.channel.k8s.io");
    server_write(connection, "\x82\x7e", 2);
}

static void talk_without_code(int connection, const char *request)
{
    server_upgrade(connection, request, "v4.channel.k8s.io");
    server_channel(connection, 3, "{\"status\":\"Failure\",\"message\":\"error dialing backend: EOF\"}");
}

static void talk_nonsense(int connection, const char *request)
{
    server_upgrade(connection, request, "v4.channel.k8s.io");
    server_channel(connection, 3, "{\"status\":");
}

static void talk_failure_with_code_0(int connection, const char *request)
{
    server_upgrade(connection, request, "v4.channel.k8s.io");
    server_exits(connection, "0");
}

static void talk_code_without_failure(int connection, const char *request)
{
    server_upgrade(connection, request, "v4.channel.k8s.io");
    server_channel(connection, 3,
                   "{\"status\":\"Unknown\",\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":"
                   "\"7\"}]}}");
}

static void talk_never(int connection, const char *request)
{
    (void)connection;
    (void)request;
}

static void talk_gateway(int connection, const char *request)
{
    static const char answer[] = "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 6\r\n\r\n<html>";
    (void)request;
    server_write(connection, answer, strlen(answer));
}

static void talk_wrong_key(int connection, const char *request)
{
    (void)request;
    server_upgrade(connection, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "v4.channel.k8s.io");
    server_channel(connection, 3, "{\"status\":\"Success\"}"); /* somebody else's */
}

static server_talk *const lost[] = {talk_cut,
                                    talk_closed_politely,
                                    talk_cut_in_a_frame,
                                    talk_without_code,
                                    talk_nonsense,
                                    talk_never,
                                    talk_gateway,
                                    talk_wrong_key,
                                    talk_failure_with_code_0,
                                    talk_code_without_failure};

START_TEST(without_a_status_nobody_knows_the_outcome)
{
    run_exec(lost[_i]);
    ck_assert(!result.known);
    ck_assert_msg(*result.error.message, "no reason given");
    cluster->calls->exec_free(exec);
}
END_TEST

static void talk_no_program(int connection, const char *request)
{
    server_upgrade(connection, request, "v4.channel.k8s.io");
    server_channel(
        connection, 3,
        "{\"status\":\"Failure\",\"reason\":\"InternalError\",\"code\":500,\"message\":\"failed to "
        "exec in container: failed to start exec: OCI runtime exec failed: exec failed: exec: "
        "\\\"ip\\\": executable file not found in $PATH: unknown\"}");
}

START_TEST(a_program_that_is_not_there_exits_like_in_a_shell)
{
    run_exec(talk_no_program);
    ck_assert(result.known);
    ck_assert_int_eq(result.exit_status, 127);
    cluster->calls->exec_free(exec);
}
END_TEST

START_TEST(a_refused_command_has_certainly_not_run)
{
    server_refuses(403, "Forbidden", "pods \\\"p-0\\\" is forbidden: cannot get pods/exec");
    expect_error(begin(), ERROR_CLUSTER_DENIED, "cannot get pods/exec");
    server_answers_raw("HTTP/1.1 403 Forbidden\r\n\r\n", true); /* what 1.20 says to protocols it has not */
    expect_error(begin(), ERROR_CLUSTER_DENIED, "403");
    server_answers_raw("HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\n\r\n2b\r\n"
                       "{\"status\":\"Failure\",\"message\":\"no backend\"}\r\n0\r\n\r\n",
                       true);
    expect_error(begin(), ERROR_CLUSTER_BUSY, "no backend");
    server_refuses(404, "NotFound", "pods \\\"p-0\\\" not found");
    expect_error(begin(), ERROR_NOT_FOUND, "not found");
    server_is_done();
}
END_TEST

static void talk_flood(int connection, const char *request)
{
    static char bytes[30000];
    server_upgrade(connection, request, "v4.channel.k8s.io");
    memset(bytes, 'x', sizeof bytes);
    bytes[0] = 1;
    for (size_t sent = 0; sent < 3 * (size_t)LIMIT_CAPTURE_BYTES; sent += sizeof bytes)
        server_frame(connection, true, 2, bytes, sizeof bytes);
    server_exits(connection, "3");
}

START_TEST(output_is_bounded_and_says_where_it_was_cut)
{
    const char *written, *complaint;
    run_exec(talk_flood);
    cluster->calls->exec_output(exec, &written, &complaint);
    ck_assert_uint_le(strlen(written), LIMIT_CAPTURE_BYTES);
    ck_assert(strstr(written, "cut here") != NULL);
    ck_assert(result.known);
    cluster->calls->exec_free(exec);
}
END_TEST

static void talk_waiting(int connection, const char *request)
{
    char byte;
    server_upgrade(connection, request, "v4.channel.k8s.io");
    server_channel(connection, 1, "begun");
    while (recv(connection, &byte, 1, 0) > 0) /* until the client leaves */
        ;
}

START_TEST(a_command_that_goes_on_keeps_nobody_waiting)
{
    struct clock *clock = clock_system();
    int64_t before = clock->steady_ms(clock);
    server_talks(talk_waiting);
    ck_assert_int_eq(begin(), 0);
    cluster->calls->exec_poll(exec, 50, &result);
    ck_assert(!result.ended);
    cluster->calls->exec_poll(exec, 0, &result);
    ck_assert(!result.ended);
    ck_assert_int_lt(clock->steady_ms(clock) - before, 5000);
    cluster->calls->exec_free(exec);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("live_exec");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, a_command_ends_well);
    tcase_add_test(all, split_frames_are_one_message_and_the_exit_code_arrives);
    tcase_add_loop_test(all, without_a_status_nobody_knows_the_outcome, 0, (int)(sizeof lost / sizeof *lost));
    tcase_add_test(all, a_program_that_is_not_there_exits_like_in_a_shell);
    tcase_add_test(all, a_refused_command_has_certainly_not_run);
    tcase_add_test(all, output_is_bounded_and_says_where_it_was_cut);
    tcase_add_test(all, a_command_that_goes_on_keeps_nobody_waiting);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
