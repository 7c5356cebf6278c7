/* Manifests compared as objects. The manifest is one that helm 3.6.2 and 4.1.4 both printed for the same
 * release. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "steps/difference.h"
#include "steps/manifest.h"
#include "suite.h"

#define NS "iomesh-system"

#define SET(component, replicas, image)                                                                      \
    "---\n# Source: iomesh/templates/" component ".yaml\n"                                                   \
    "apiVersion: apps/v1\nkind: StatefulSet\n"                                                               \
    "metadata: {name: iomesh-" component ", labels: {app: iomesh-" component "}}\n"                          \
    "spec:\n  replicas: " replicas "\n  serviceName: iomesh-" component "\n"                                 \
    "  podManagementPolicy: Parallel\n"                                                                      \
    "  selector: {matchLabels: {app.kubernetes.io/component: " component "}}\n"                              \
    "  template:\n    metadata: {labels: {app.kubernetes.io/component: " component "}}\n"                    \
    "    spec:\n      terminationGracePeriodSeconds: 0\n"                                                    \
    "      containers:\n"                                                                                    \
    "        - {name: iomesh-" component ", image: \"" image "\", imagePullPolicy: Never}\n"                 \
    "        - {name: agent, image: \"pawl/iomesh:1\"}\n"

static json_t *objects(const char *text)
{
    struct error error = {0};
    json_t *read = manifest_read(text, NS, "a manifest", &error);
    ck_assert_msg(read != NULL, "%s", error.message);
    return read;
}

static void differ(const char *from_text, const char *to_text, const char *expected)
{
    json_t *from = objects(from_text), *to = objects(to_text), *changes = manifest_compare(from, to);
    char *text = json_canonical(changes);
    ck_assert_str_eq(text, expected);
    free(text);
    json_decref(changes);
    json_decref(from);
    json_decref(to);
}

START_TEST(replicas_change_no_pod_template)
{
    differ(
        SET("chunk", "3", "pawl/iomesh:1") SET("meta", "3", "pawl/iomesh:1"),
        SET("meta", "3", "pawl/iomesh:1") "# pawl-token: x\n" SET("chunk", "4", "pawl/iomesh:1"),
        "[{\"change\":\"changed\",\"from\":3,\"object\":\"StatefulSet iomesh-system/iomesh-chunk\",\"paths\":"
        "[\"spec.replicas\"],\"restarts\":false,\"to\":4}]");
}
END_TEST

START_TEST(another_image_restarts)
{
    differ(
        SET("chunk", "3", "pawl/iomesh:1"), SET("chunk", "3", "pawl/iomesh:2"),
        "[{\"change\":\"changed\",\"from\":\"pawl/iomesh:1\",\"object\":\"StatefulSet iomesh-system/iomesh-chunk\","
        "\"paths\":[\"spec.template.spec.containers[0].image\"],\"restarts\":true,\"to\":\"pawl/iomesh:2\"}]");
}
END_TEST

START_TEST(a_workload_that_goes_restarts_and_one_that_comes_does_not)
{
    differ(
        SET("chunk", "3", "i:1"), SET("meta", "3", "i:1"),
        "[{\"change\":\"removed\",\"object\":\"StatefulSet iomesh-system/iomesh-chunk\",\"paths\":[],\"restarts\":"
        "true},{\"change\":\"added\",\"object\":\"StatefulSet iomesh-system/iomesh-meta\",\"paths\":[],"
        "\"restarts\":false}]");
}
END_TEST

START_TEST(spelling_and_order_are_no_difference)
{
    differ(
        "kind: A\nmetadata: {name: x, labels: {b: \"1\", a: \"2\"}}\ndata: null\n",
        "metadata:\n  labels:\n    a: '2'\n    b: '1'\n  name: x\n  namespace: " NS "\nkind: A\n",
        "[{\"change\":\"changed\",\"from\":null,\"object\":\"A iomesh-system/x\",\"paths\":[\"metadata.namespace\"]"
        ",\"restarts\":false,\"to\":\"iomesh-system\"}]");
    differ("apiVersion: v1\nkind: List\nitems:\n- {kind: A, metadata: {name: x}, n: 3.0}\n",
           "kind: A\nmetadata: {name: x}\nn: 3\n", "[]");
}
END_TEST

START_TEST(what_is_in_a_secret_is_not_told)
{
    differ(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: hidden}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: known}\n",
        "[{\"change\":\"changed\",\"object\":\"Secret iomesh-system/s\",\"paths\":[\"stringData.p\"],\"restarts\":"
        "false}]");
}
END_TEST

START_TEST(an_object_that_stands_there_twice_is_an_error)
{
    struct error error = {0};
    ck_assert_ptr_null(
        manifest_read("kind: A\nmetadata: {name: x}\n---\nkind: A\nmetadata: {name: x}\n", NS, "it", &error));
    ck_assert_msg(strstr(error.message, "A iomesh-system/x twice") != NULL, "%s", error.message);
    ck_assert_ptr_null(manifest_read("metadata: {name: x}\n", NS, "it", &error));
}
END_TEST

START_TEST(differences_name_their_paths)
{
    json_t *from = json_loads("{\"a\":{\"b\":1,\"c\":[1,2]},\"d\":null,\"e\":1.0}", 0, NULL);
    json_t *to = json_loads("{\"a\":{\"b\":2,\"c\":[1,2,3]},\"e\":1,\"f\":true}", 0, NULL);
    json_t *differences = difference_of(from, to);
    char *text = json_canonical(differences);
    ck_assert_str_eq(
        text, "[{\"from\":1,\"path\":\"a.b\",\"to\":2},{\"from\":[1,2],\"path\":\"a.c\",\"to\":[1,2,3]},"
              "{\"from\":null,\"path\":\"f\",\"to\":true}]");
    free(text);
    ck_assert(!difference_is_none(from, to));
    ck_assert(difference_is_none(from, from));
    json_decref(differences);
    json_decref(from);
    json_decref(to);
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("manifest");
    TCase *behaviour = tcase_create("behaviour");
    tcase_add_test(behaviour, replicas_change_no_pod_template);
    tcase_add_test(behaviour, another_image_restarts);
    tcase_add_test(behaviour, a_workload_that_goes_restarts_and_one_that_comes_does_not);
    tcase_add_test(behaviour, spelling_and_order_are_no_difference);
    tcase_add_test(behaviour, what_is_in_a_secret_is_not_told);
    tcase_add_test(behaviour, an_object_that_stands_there_twice_is_an_error);
    tcase_add_test(behaviour, differences_name_their_paths);
    suite_add_tcase(suite, behaviour);
    return suite_run(suite);
}
