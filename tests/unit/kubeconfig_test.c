/* A kubeconfig is read as kubectl reads it, and what we cannot do is refused by name. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/live/kubeconfig.h"

static char folder[64];
static struct error error;
static struct kubeconfig *read_one;

static char *file_at(const char *name)
{
    return string_format("%s/%s", folder, name);
}

static void write_file(const char *name, const char *text)
{
    char *path = file_at(name);
    ck_assert_msg(!file_replace(path, text, strlen(text), 0600, &error), "%s", error.message);
    free(path);
}

static void set_up(void)
{
    strcpy(folder, "/tmp/pawl-kubeconfig-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    unsetenv("KUBECONFIG");
    setenv("HOME", folder, 1);
    read_one = NULL;
}

static void tear_down(void)
{
    char *command = string_format("rm -rf %s", folder);
    kubeconfig_free(read_one);
    ck_assert_int_eq(system(command), 0);
    free(command);
}

/* A kubeconfig with one context, `user` and `cluster` as YAML flow maps. */
static void write_simple(const char *name, const char *cluster, const char *user)
{
    char *text = string_format("apiVersion: v1\nkind: Config\ncurrent-context: lab\ncontexts:\n- name: lab\n"
                               "  context: {cluster: c, user: u, namespace: storage}\nclusters:\n- name: c\n"
                               "  cluster: %s\nusers:\n- name: u\n  user: %s\n",
                               cluster, user);
    write_file(name, text);
    free(text);
}

static void read_file_named(const char *name, const char *context)
{
    char *path = file_at(name);
    kubeconfig_free(read_one);
    read_one = kubeconfig_read(path, context, &error);
    free(path);
}

static void expect_refusal(const char *words)
{
    ck_assert_ptr_null(read_one);
    ck_assert_msg(strstr(error.message, words) != NULL, "\"%s\" lacks \"%s\"", error.message, words);
}

#define GOOD_CLUSTER "{server: 'https://10.0.0.1:6443/'}"

START_TEST(reads_the_current_context)
{
    write_simple("config", GOOD_CLUSTER, "{token: '12345'}");
    read_file_named("config", NULL);
    ck_assert_msg(read_one != NULL, "%s", error.message);
    ck_assert_str_eq(read_one->context, "lab");
    ck_assert_str_eq(read_one->server, "https://10.0.0.1:6443");
    ck_assert_str_eq(read_one->namespace, "storage");
    ck_assert_str_eq(read_one->token, "12345");
}
END_TEST

START_TEST(a_plain_token_of_digits_stays_text)
{
    write_simple("config", GOOD_CLUSTER, "{token: 0123}");
    read_file_named("config", NULL);
    ck_assert_str_eq(read_one->token, "0123");
}
END_TEST

START_TEST(the_usual_place_is_below_home)
{
    char *path = file_at(".kube");
    ck_assert_int_eq(folder_make(path, 0700, &error), 0);
    free(path);
    write_simple(".kube/config", GOOD_CLUSTER, "{token: x}");
    read_one = kubeconfig_read(NULL, NULL, &error);
    ck_assert_msg(read_one != NULL, "%s", error.message);
}
END_TEST

START_TEST(of_several_files_the_first_that_names_something_wins)
{
    write_file("one", "clusters: [{name: c, cluster: {server: 'https://first'}}]\n");
    write_file("two", "current-context: k\nclusters: [{name: c, cluster: {server: 'https://second'}}]\n"
                      "contexts: [{name: k, context: {cluster: c, user: u}}]\n"
                      "users: [{name: u, user: {token: t}}]\n");
    char *list = string_format("%s/one::%s/missing:%s/two", folder, folder, folder);
    setenv("KUBECONFIG", list, 1);
    read_one = kubeconfig_read(NULL, NULL, &error);
    ck_assert_msg(read_one != NULL, "%s", error.message);
    ck_assert_str_eq(read_one->server, "https://first");
    ck_assert_str_eq(read_one->namespace, "default");
    struct kubeconfig *again = kubeconfig_read(read_one->files, "k", &error); /* as a record holds it */
    ck_assert_msg(again != NULL, "%s", error.message);
    kubeconfig_free(again);
    free(list);
}
END_TEST

START_TEST(relative_paths_count_from_their_file)
{
    write_file("ca.crt", "CA");
    write_file("tls.crt", "C");
    write_file("tls.key", "K");
    write_simple("config",
                 "{server: 'https://h', certificate-authority: ca.crt, tls-server-name: kubernetes}",
                 "{client-certificate: tls.crt, client-key: ./tls.key, tokenFile: token}");
    read_file_named("config", NULL);
    ck_assert_msg(read_one != NULL, "%s", error.message);
    char *path = file_at("ca.crt"), *token = file_at("token");
    ck_assert_str_eq(read_one->authority.path, path);
    ck_assert_str_eq(read_one->token_file, token);
    ck_assert_str_eq(read_one->tls_server_name, "kubernetes");
    free(path);
    free(token);
}
END_TEST

START_TEST(inline_bytes_win_over_files_and_are_decoded)
{
    write_simple("config",
                 "{server: 'https://h', certificate-authority: /nowhere, "
                 "certificate-authority-data: aGVsbG8=}",
                 "{}");
    read_file_named("config", NULL);
    ck_assert_msg(read_one != NULL, "%s", error.message);
    ck_assert_ptr_null(read_one->authority.path);
    ck_assert_uint_eq(read_one->authority.length, 5);
    ck_assert_str_eq(read_one->authority.bytes, "hello");
}
END_TEST

static const struct {
    const char *cluster, *user, *words;
} refusals[] = {
    {GOOD_CLUSTER, "{exec: {command: aws}}", "`exec`"},
    {GOOD_CLUSTER, "{auth-provider: {name: gcp}}", "`auth-provider`"},
    {GOOD_CLUSTER, "{as: root, token: x}", "`as`"},
    {GOOD_CLUSTER, "{username: u, password: p}", "`username`"},
    {"{server: 'https://h', proxy-url: 'http://p'}", "{}", "`proxy-url`"},
    {"{server: h}", "{}", "no https:// address"},
    {"{}", "{}", "no https:// address"},
    {"{server: 'https://h', certificate-authority: gone.crt}", "{}", "gone.crt"},
    {"{server: 'https://h', certificate-authority-data: '*'}", "{}", "not base64"},
    {"{server: 'https://h', insecure-skip-tls-verify: maybe}", "{}", "neither true nor false"},
    {"{server: 'https://h', insecure-skip-tls-verify: true, certificate-authority-data: aGVsbG8=}", "{}",
     "one of them is wrong"},
    {GOOD_CLUSTER, "{client-certificate-data: aGVsbG8=}", "without a client-key"},
    {GOOD_CLUSTER, "{token: x, token: y}", "stands twice"},
};

START_TEST(what_cannot_be_done_is_refused_by_name)
{
    write_simple("config", refusals[_i].cluster, refusals[_i].user);
    read_file_named("config", NULL);
    expect_refusal(refusals[_i].words);
}
END_TEST

START_TEST(another_contexts_exec_plugin_is_none_of_our_business)
{
    write_file("config",
               "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}, {name: b, "
               "context: {cluster: c, user: v}}]\nclusters: [{name: c, cluster: " GOOD_CLUSTER "}]\n"
               "users: [{name: u, user: {token: x}}, {name: v, user: {exec: {command: aws}}}]\n");
    read_file_named("config", NULL);
    ck_assert_msg(read_one != NULL, "%s", error.message);
    read_file_named("config", "b");
    expect_refusal("`exec`");
}
END_TEST

START_TEST(unknown_names_are_answered_with_those_there_are)
{
    write_simple("config", GOOD_CLUSTER, "{token: x}");
    read_file_named("config", "prod");
    expect_refusal("no context \"prod\"");
    ck_assert_msg(strstr(error.next, "lab") != NULL, "%s", error.next);
    read_file_named("missing", NULL);
    expect_refusal("missing");
    ck_assert_int_eq(error.code, ERROR_USAGE);
}
END_TEST

START_TEST(hostile_yaml_ends)
{
    struct text bomb = {0};
    text_add(&bomb, "a0: &a0 [x]\n");
    for (int i = 1; i < 30; i++)
        text_format(&bomb, "a%d: &a%d [*a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1);
    write_file("config", text_string(&bomb));
    read_file_named("config", NULL);
    expect_refusal("nested deeper");
    text_clear(&bomb);
    write_file("config", "a: [");
    read_file_named("config", NULL);
    expect_refusal("config:");
    write_file("config", "- a\n");
    read_file_named("config", NULL);
    expect_refusal("not a kubeconfig");
}
END_TEST

START_TEST(the_private_copy_says_the_same)
{
    write_file("tls.crt", "C");
    write_simple("config",
                 "{server: 'https://h:1', certificate-authority-data: aGVsbG8=, tls-server-name: n}",
                 "{client-certificate: tls.crt, client-key-data: aGVsbG8h, token: t}");
    read_file_named("config", NULL);
    ck_assert_msg(read_one != NULL, "%s", error.message);
    json_t *document = kubeconfig_document(read_one);
    char *text = json_canonical(document);
    write_file("elsewhere", text);
    free(text);
    json_decref(document);
    read_file_named("elsewhere", NULL);
    ck_assert_msg(read_one != NULL, "%s", error.message);
    char *path = file_at("tls.crt");
    ck_assert_str_eq(read_one->context, "lab");
    ck_assert_str_eq(read_one->server, "https://h:1");
    ck_assert_str_eq(read_one->authority.bytes, "hello");
    ck_assert_str_eq(read_one->certificate.path, path);
    ck_assert_str_eq(read_one->key.bytes, "hello!");
    ck_assert_str_eq(read_one->token, "t");
    ck_assert_str_eq(read_one->namespace, "storage");
    free(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kubeconfig");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, reads_the_current_context);
    tcase_add_test(all, a_plain_token_of_digits_stays_text);
    tcase_add_test(all, the_usual_place_is_below_home);
    tcase_add_test(all, of_several_files_the_first_that_names_something_wins);
    tcase_add_test(all, relative_paths_count_from_their_file);
    tcase_add_test(all, inline_bytes_win_over_files_and_are_decoded);
    tcase_add_loop_test(all, what_cannot_be_done_is_refused_by_name, 0,
                        (int)(sizeof refusals / sizeof *refusals));
    tcase_add_test(all, another_contexts_exec_plugin_is_none_of_our_business);
    tcase_add_test(all, unknown_names_are_answered_with_those_there_are);
    tcase_add_test(all, hostile_yaml_ends);
    tcase_add_test(all, the_private_copy_says_the_same);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
