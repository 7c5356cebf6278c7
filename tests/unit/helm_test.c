/* What helm prints, as helm 3.6.2 and 4.1.4 printed it, and what we read off it. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "steps/helm.h"
#include "steps/helm_look.h"
#include "suite.h"

#define TOKEN "127e44a438cac0992d1dca4f3ee2ad03e94958a0"

static struct {
    const char *out, *err, *version;
    int status;
    char asked[512];
} helm;

static int fake_helm(struct cluster *cluster, const char *const *arguments, const char *folder,
                     struct program_output *out, struct error *error)
{
    struct text asked = {0};
    (void)cluster;
    (void)folder;
    (void)error;
    for (; *arguments; arguments++)
        text_format(&asked, "%s%s", asked.length ? " " : "", *arguments);
    snprintf(helm.asked, sizeof helm.asked, "%s", text_string(&asked));
    text_clear(&asked);
    *out = (struct program_output){.exit_status = helm.status,
                                   .out = string_copy(helm.out ? helm.out : ""),
                                   .err = string_copy(helm.err ? helm.err : "")};
    out->out_length = strlen(out->out);
    return 0;
}

static char *fake_version(struct cluster *cluster, struct error *error)
{
    (void)cluster;
    (void)error;
    return string_copy(helm.version);
}

static const struct cluster_calls calls = {.helm = fake_helm, .helm_version = fake_version};
static struct cluster cluster = {.calls = &calls};
static const struct release release = {&cluster, "iomesh-system", "iomesh"};

static void says(const char *out, const char *err, int status)
{
    helm.out = out;
    helm.err = err;
    helm.status = status;
}

START_TEST(history_tells_the_newest_and_the_newest_deployed)
{
    struct error error = {0};
    says(
        "[{\"revision\":9,\"updated\":\"2026-11-24T16:31:44.256941724Z\",\"status\":\"superseded\",\"chart\":"
        "\"iomesh-1.0.0\",\"app_version\":\"1.0\",\"description\":\"Install complete\"},{\"revision\":10,\"updated\":"
        "\"2026-11-24T16:32:09.152090262Z\",\"status\":\"deployed\",\"chart\":\"iomesh-1.0.0\",\"app_version\":\"1.0\","
        "\"description\":\"pawl b3bb991e/1/upgrade/1 by e2e, " TOKEN "\"},{\"revision\":11,\"updated\":"
        "\"2026-11-24T16:40:00Z\",\"status\":\"pending-upgrade\",\"chart\":\"iomesh-1.0.0\",\"app_version\":\"1.0\","
        "\"description\":\"Preparing upgrade\"}]\n",
        "WARNING: Kubernetes configuration file is group-readable. This is insecure.\n", 0);
    json_t *history = helm_history(&release, &error);
    ck_assert_msg(history != NULL, "%s", error.message);
    ck_assert_str_eq(helm.asked, "history iomesh --namespace iomesh-system --output json");
    ck_assert_int_eq(json_int(history_newest(history), "revision", 0), 11);
    ck_assert(revision_is_pending(history_newest(history)));
    ck_assert_int_eq(json_int(history_newest_deployed(history), "revision", 0), 10);
    ck_assert_str_eq(json_text(history_revision(history, 9), "description", ""), "Install complete");
    ck_assert_ptr_null(history_revision(history, 8));
    json_decref(history);
}
END_TEST

START_TEST(a_release_without_values_has_none)
{
    struct error error = {0};
    says("null\n", "", 0);
    json_t *values = helm_values(&release, 3, &error);
    ck_assert_str_eq(helm.asked, "get values iomesh --namespace iomesh-system --revision 3 --output json");
    ck_assert(json_is_object(values) && !json_object_size(values));
    json_decref(values);
}
END_TEST

static void means(const char *err, enum error_code code, const char *part)
{
    struct error error = {0};
    says("", err, 1);
    ck_assert_ptr_null(helm_history(&release, &error));
    ck_assert_msg(error.code == code, "%s: %s", error_code_text(error.code), error.message);
    ck_assert_msg(strstr(error.message, part) != NULL, "%s", error.message);
}

START_TEST(helms_words_become_errors)
{
    means("Error: release: not found\n", ERROR_NOT_FOUND,
          "release iomesh-system/iomesh: helm history iomesh: release:");
    means("Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress\n",
          ERROR_HELM_PENDING, "is in progress");
    means("level=WARN msg=\"--dry-run is deprecated\"\nError: Kubernetes cluster unreachable: Get "
          "\"https://127.0.0.1:1/version\": dial tcp 127.0.0.1:1: connect: connection refused\n",
          ERROR_CLUSTER_UNREACHABLE, "helm history iomesh: Kubernetes cluster unreachable");
    means("Error: query: failed to query with labels: secrets is forbidden: User \"x\" cannot list\n",
          ERROR_CLUSTER_DENIED, "cannot list");
    means("", ERROR_HELM, "left with status 1 and said nothing");
}
END_TEST

START_TEST(what_is_no_json_is_an_error)
{
    struct error error = {0};
    says("REVISION\tUPDATED\n", "", 0);
    ck_assert_ptr_null(helm_history(&release, &error));
    ck_assert_int_ne(error.code, ERROR_NONE);
    says("{}", "", 0);
    ck_assert_ptr_null(helm_history(&release, &error));
    ck_assert_int_eq(error.code, ERROR_CLUSTER_ANSWER);
}
END_TEST

static void labels(const char *version, int has, bool v3)
{
    struct error error = {0};
    bool is_v3;
    helm.version = version;
    ck_assert_int_eq(helm_has_labels(&release, &is_v3, &error), has);
    if (has >= 0)
        ck_assert_int_eq(is_v3, v3);
}

START_TEST(labels_came_with_3_13)
{
    labels("v3.6.2", 0, true);
    labels("v3.12.3", 0, true);
    labels("v3.13.0", 1, true);
    labels("v4.1.4", 1, false);
    labels("what", -1, false);
}
END_TEST

START_TEST(a_charts_version_is_behind_its_name)
{
    ck_assert_str_eq(chart_version_of("iomesh-1.0.0"), "1.0.0");
    ck_assert_str_eq(chart_version_of("a-2-b-v1.2.3-rc.1+7"), "v1.2.3-rc.1+7");
    ck_assert_ptr_null(chart_version_of("iomesh"));
    ck_assert_ptr_null(chart_version_of("iomesh-1.0"));
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("helm");
    TCase *behaviour = tcase_create("behaviour");
    tcase_add_test(behaviour, history_tells_the_newest_and_the_newest_deployed);
    tcase_add_test(behaviour, a_release_without_values_has_none);
    tcase_add_test(behaviour, helms_words_become_errors);
    tcase_add_test(behaviour, what_is_no_json_is_an_error);
    tcase_add_test(behaviour, labels_came_with_3_13);
    tcase_add_test(behaviour, a_charts_version_is_behind_its_name);
    suite_add_tcase(suite, behaviour);
    return suite_run(suite);
}
