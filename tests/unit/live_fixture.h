/* A live cluster that is opened against the canned server, and what its tests look at. */
#ifndef PAWL_TESTS_LIVE_FIXTURE_H
#define PAWL_TESTS_LIVE_FIXTURE_H

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "cluster/cluster.h"
#include "tests/unit/live_server.h"

#define KUBE_SYSTEM "{\"kind\":\"Namespace\",\"metadata\":{\"name\":\"kube-system\",\"uid\":\"c0ffee\"}}"

static char folder[64];
static struct cluster *cluster;
static struct error error;
static json_t *out;

static inline void write_file(const char *name, const char *text, mode_t mode)
{
    char *path = string_format("%s/%s", folder, name);
    ck_assert_msg(!file_replace(path, text, strlen(text), mode, &error), "%s", error.message);
    free(path);
}

static inline void write_kubeconfig(const char *user)
{
    char *text = string_format(
        "current-context: lab\ncontexts: [{name: lab, context: {cluster: c, user: u}}]\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:%d'}}]\n"
        "users: [{name: u, user: %s}]\n",
        server.port, user);
    write_file("config", text, 0600);
    free(text);
}

static inline struct cluster *open_again(void)
{
    char *path = string_format("%s/config", folder);
    struct cluster *opened = cluster_open("live", path, NULL, &error);
    free(path);
    return opened;
}

static inline void set_up(void)
{
    strcpy(folder, "/tmp/pawl-live-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    unsetenv("KUBECONFIG");
    server_start();
    server_answers(200, KUBE_SYSTEM);
    write_kubeconfig("{token: s3cret}");
    cluster = open_again();
    ck_assert_msg(cluster != NULL, "%s", error.message);
    out = NULL;
}

static inline void tear_down(void)
{
    char *command = string_format("rm -rf %s", folder);
    json_decref(out);
    cluster_close(cluster);
    server_stop();
    ck_assert_int_eq(system(command), 0);
    free(command);
}

/* The n-th request after that for the identity, from 1. */
static inline const char *asked(size_t number)
{
    ck_assert_uint_lt(number, server.replied);
    return server.requests[number];
}

static inline void expect_asked(size_t number, const char *words)
{
    ck_assert_msg(strstr(asked(number), words) != NULL, "no \"%s\" in\n%s", words, asked(number));
}

static inline void expect_error(int result, enum error_code code, const char *words)
{
    ck_assert_int_eq(result, -1);
    ck_assert_msg(error.code == code, "%s: %s", error_code_text(error.code), error.message);
    ck_assert_msg(strstr(error.message, words) != NULL, "no \"%s\" in \"%s\"", words, error.message);
}

/* Runs all tests of a suite; the exit status of main(). */
static inline int suite_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    memory_use_for_json();
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}

#endif
