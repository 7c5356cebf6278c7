/* The helm program: which one, with what around it, and how it is ended. */
#include <sys/stat.h>

#include "tests/unit/live_fixture.h"

static void write_helm(const char *script)
{
    char *text = string_format("#!/bin/sh\n%s\n", script), *path = string_format("%s/helm", folder);
    write_file("helm", text, 0755);
    setenv("PAWL_HELM", path, 1);
    free(path);
    free(text);
}

static struct program_output output;

static int run_helm(void)
{
    const char *const arguments[] = {"history", "a b", NULL};
    program_output_clear(&output);
    return cluster->calls->helm(cluster, arguments, folder, &output, &error);
}

START_TEST(helm_gets_its_arguments_and_nothing_but_the_stated_environment)
{
    setenv("HELM_KUBECONTEXT", "elsewhere", 1);
    setenv("HELM_NAMESPACE", "elsewhere", 1);
    setenv("HELM_CACHE_HOME", "/cache", 1);
    setenv("AWS_SECRET", "secret", 1);
    write_helm("echo \"$#:$1:$2\"; pwd; env; echo complaint >&2; exit 3");
    ck_assert_msg(run_helm() == 0, "%s", error.message);
    ck_assert_int_eq(output.exit_status, 3);
    ck_assert_str_eq(output.err, "complaint\n");
    char *start = string_format("2:history:a b\n%s\n", folder);
    ck_assert_msg(!strncmp(output.out, start, strlen(start)), "%s", output.out);
    ck_assert(strstr(output.out, "HELM_CACHE_HOME=/cache\n") != NULL);
    ck_assert(strstr(output.out, "elsewhere") == NULL);
    ck_assert(strstr(output.out, "AWS_SECRET") == NULL);
    free(start);
    program_output_clear(&output);
}
END_TEST

START_TEST(helm_reads_a_kubeconfig_that_only_we_can_read)
{
    write_helm("stat -L -c %a $KUBECONFIG; cat $KUBECONFIG");
    ck_assert_msg(run_helm() == 0, "%s", error.message);
    ck_assert_msg(!strncmp(output.out, "600\n{", 5), "%s", output.out);
    ck_assert(strstr(output.out, "s3cret") != NULL);
    program_output_clear(&output);
}
END_TEST

START_TEST(a_keeper_gets_helm_with_a_kubeconfig_of_its_own)
{
    const char *const arguments[] = {"upgrade", NULL};
    struct program program;
    struct stat status;
    char *path = string_format("%s/kubeconfig", folder);
    write_helm("exit 0");
    ck_assert_msg(!cluster->calls->helm_program(cluster, arguments, folder, &program, &error), "%s",
                  error.message);
    ck_assert_str_eq(program.arguments[1], "upgrade");
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0600);
    program_clear(&program);
    free(path);
}
END_TEST

START_TEST(helm_that_writes_without_end_is_ended)
{
    write_helm("exec yes");
    expect_error(run_helm(), ERROR_LIMIT, "more than");
    program_output_clear(&output);
}
END_TEST

START_TEST(helms_version_is_read)
{
    write_helm("echo WARNING >&2; echo v3.6.2+gee407bd");
    char *version = cluster->calls->helm_version(cluster, &error);
    ck_assert_str_eq(version, "v3.6.2");
    free(version);
    write_helm("echo Error; exit 1");
    ck_assert_ptr_null(cluster->calls->helm_version(cluster, &error));
    ck_assert_int_eq(error.code, ERROR_HELM);
}
END_TEST

START_TEST(helm_that_is_not_there_is_an_error_that_says_so)
{
    setenv("PAWL_HELM", "/nowhere/helm", 1);
    expect_error(run_helm(), ERROR_HELM, "/nowhere/helm");
    unsetenv("PAWL_HELM");
    setenv("PATH", folder, 1);
    expect_error(run_helm(), ERROR_HELM, "no helm on PATH");
    setenv("PATH", "/usr/bin:/bin", 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("live_helm");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, helm_gets_its_arguments_and_nothing_but_the_stated_environment);
    tcase_add_test(all, helm_reads_a_kubeconfig_that_only_we_can_read);
    tcase_add_test(all, a_keeper_gets_helm_with_a_kubeconfig_of_its_own);
    tcase_add_test(all, helm_that_writes_without_end_is_ended);
    tcase_add_test(all, helms_version_is_read);
    tcase_add_test(all, helm_that_is_not_there_is_an_error_that_says_so);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
