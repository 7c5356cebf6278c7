/* The simulated helm leaves what the real one was seen to leave, also when it is killed. */
#include "cluster/sim/merge.h"
#include "unit/simulated.h"

START_TEST(helm_killed_leaves_its_record_pending_and_the_record_can_be_taken_away)
{
    static const struct {
        const char *phase;
        int patched;
    } cases[] = {{"pending", 0}, {"patched", 1}};
    for (size_t i = 0; i < 2; i++) {
        char text[64], *out;
        make();
        values("chunk: {replicaCount: 3}\nmeta: {replicaCount: 3}\n");
        snprintf(text, sizeof text, "helm phase=%s action=kill", cases[i].phase);
        fault(text);
        ck_assert_int_eq(
            helm_child("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml --labels pawl-token=t"),
            128 + SIGKILL);
        ck_assert_int_eq(effects("helm_upgrade"), cases[i].patched);
        ck_assert_int_eq(helm("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml", &out), 1);
        ck_assert_ptr_nonnull(strstr(out, "another operation (install/upgrade/rollback) is in progress"));
        free(out);
        struct resource record = {"", "v1", "secrets", NS, NULL};
        json_t *found = list(&record, "owner=helm,status=pending-upgrade,pawl-token=t");
        const json_t *metadata = json_object_get(json_array_get(json_object_get(found, "items"), 0),
                                                 "metadata");
        struct error error;
        ck_assert_ptr_nonnull(metadata);
        record.name = "sh.helm.release.v1.iomesh.v2";
        ck_assert_int_eq(cluster->calls->remove(cluster, &record, "other", NULL, &error), -1);
        ck_assert_int_eq(error.code, ERROR_CLUSTER_CONFLICT);
        ck_assert_int_eq(cluster->calls->remove(cluster, &record, json_text(metadata, "uid", ""),
                                                json_text(metadata, "resourceVersion", ""), &error),
                         0);
        json_decref(found);
        scale(3);
        /* The second upgrade changes nothing where the first had patched. */
        ck_assert_int_eq(effects("helm_upgrade"), 1);
        ck_assert_int_eq(effects("record_removed"), 1);
        json_t *set = get(&chunk_set);
        ck_assert_int_eq(json_int(json_object_get(set, "metadata"), "generation", 0), 2);
        json_decref(set);
    }
}
END_TEST

START_TEST(labels_are_inherited_and_descriptions_come_with_success_only)
{
    char *out;
    values("chunk: {replicaCount: 5}\nmeta: {replicaCount: 3}\n");
    fault("helm phase=patched action=fail");
    ck_assert_int_eq(
        helm("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml --labels pawl-token=t "
             "--description mine",
             NULL),
        1);
    ck_assert_int_eq(helm("history iomesh -n iomesh-system -o json", &out), 0);
    ck_assert_ptr_null(strstr(out, "mine"));
    ck_assert_ptr_nonnull(strstr(out, "Upgrade \\\"iomesh\\\" failed"));
    free(out);
    scale(5);
    ck_assert_int_eq(count(&(struct resource){"", "v1", "secrets", NS, NULL}, "pawl-token=t"), 2);
    ck_assert_int_eq(count(&(struct resource){"", "v1", "secrets", NS, NULL}, "owner=helm"), 3);
}
END_TEST

START_TEST(old_helm_has_no_labels_and_new_helm_no_post_renderer_program)
{
    char *out;
    values("chunk: {replicaCount: 4}\n");
    options.helm = "v3.6.2";
    make();
    ck_assert_int_eq(helm("upgrade iomesh iomesh/iomesh -n iomesh-system --labels a=b", &out), 1);
    ck_assert_ptr_nonnull(strstr(out, "unknown flag: --labels"));
    free(out);
    ck_assert_int_eq(
        helm("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml --post-renderer /bin/cat", NULL),
        0);
    options.helm = "v4.1.4";
    make();
    ck_assert_int_eq(helm("upgrade iomesh iomesh/iomesh -n iomesh-system --post-renderer /bin/cat", &out), 1);
    ck_assert_ptr_nonnull(strstr(out, "not found"));
    free(out);
}
END_TEST

START_TEST(only_ten_revisions_are_kept)
{
    for (int i = 0; i < 14; i++)
        scale(4);
    ck_assert_int_eq(count(&(struct resource){"", "v1", "secrets", NS, NULL}, "owner=helm"), 10);
    ck_assert_int_eq(effects("helm_upgrade"), 0); /* nothing changed, so nothing was done */
}
END_TEST

START_TEST(helm_takes_back_what_was_set_by_hand_and_restarts_the_pods)
{
    fault("set-image statefulset=iomesh-chunk image=hot:2");
    for (int i = 0; i < 60; i++)
        later(1000);
    json_t *set = get(&chunk_set);
    ck_assert_int_eq(json_int(json_object_get(set, "status"), "updatedReplicas", 0), 4);
    json_decref(set);
    scale(4);
    set = get(&chunk_set);
    const json_t *container = json_array_get(json_at(set, "spec", "template", "spec", "containers", NULL), 0);
    ck_assert_str_eq(json_text(container, "image", ""), "iomesh/chunk:1");
    ck_assert_int_eq(json_int(json_object_get(set, "status"), "updatedReplicas", 9), 0);
    json_decref(set);
}
END_TEST

START_TEST(patches_are_merged_as_the_api_server_and_helm_do)
{
    enum how { MERGE, STRATEGIC, THREE_WAY };
    static const struct {
        enum how how;
        const char *before, *target, *patch, *result;
    } cases[] = {
        {MERGE, "{}", "{\"a\":1,\"b\":{\"c\":2}}", "{\"a\":null,\"b\":{\"d\":3}}",
         "{\"b\":{\"c\":2,\"d\":3}}"},
        {MERGE, "{}", "{\"l\":[1,2]}", "{\"l\":[3]}", "{\"l\":[3]}"},
        {STRATEGIC, "{}", "{\"l\":[{\"name\":\"a\",\"x\":1},{\"name\":\"b\"}]}",
         "{\"l\":[{\"name\":\"a\",\"x\":2}]}", "{\"l\":[{\"name\":\"a\",\"x\":2},{\"name\":\"b\"}]}"},
        /* Removed from the chart: removed; set by hand and not in it: kept; in it: taken back. */
        {THREE_WAY, "{\"old\":1,\"image\":\"a\"}", "{\"old\":1,\"image\":\"hand\",\"own\":5}",
         "{\"image\":\"a\"}", "{\"image\":\"a\",\"own\":5}"},
        {THREE_WAY, "{\"l\":[{\"name\":\"a\"},{\"name\":\"b\"}]}",
         "{\"l\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}", "{\"l\":[{\"name\":\"b\"}]}",
         "{\"l\":[{\"name\":\"b\"},{\"name\":\"c\"}]}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *before = json_loads(cases[i].before, 0, NULL), *target = json_loads(cases[i].target, 0, NULL);
        json_t *patch = json_loads(cases[i].patch, 0, NULL);
        if (cases[i].how == MERGE)
            merge_patch(target, patch);
        else if (cases[i].how == STRATEGIC)
            strategic_patch(target, patch);
        else
            three_way_patch(target, before, patch);
        char *text = json_canonical(target);
        ck_assert_str_eq(text, cases[i].result);
        free(text);
        json_decref(before);
        json_decref(target);
        json_decref(patch);
    }
    struct error error;
    json_t *target = json_loads("{\"a\":{\"l\":[1,2]},\"x/y\":0}", 0, NULL);
    json_t *operations = json_loads("[{\"op\":\"test\",\"path\":\"/a/l/1\",\"value\":2},"
                                    "{\"op\":\"add\",\"path\":\"/a/l/-\",\"value\":3},"
                                    "{\"op\":\"replace\",\"path\":\"/x~1y\",\"value\":4},"
                                    "{\"op\":\"remove\",\"path\":\"/a/l/0\"}]",
                                    0, NULL);
    ck_assert_int_eq(operations_patch(target, operations, &error), 0);
    char *text = json_canonical(target);
    ck_assert_str_eq(text, "{\"a\":{\"l\":[2,3]},\"x/y\":4}");
    ck_assert_int_eq(operations_patch(target, operations, &error), -1);
    free(text);
    json_decref(target);
    json_decref(operations);
}
END_TEST

START_TEST(one_version_can_have_two_contents)
{
    struct error error;
    char *out;
    ck_assert_int_eq(helm("pull iomesh/iomesh --version 1.0.0 -d .", NULL), 0);
    fault("chart-template version=1.0.0 image=new:9");
    ck_assert_int_eq(helm("upgrade iomesh iomesh-1.0.0.tgz -n iomesh-system --dry-run -o json", &out), 0);
    ck_assert_ptr_null(strstr(out, "new:9"));
    free(out);
    ck_assert_int_eq(helm("upgrade iomesh iomesh/iomesh -n iomesh-system --dry-run -o json", &out), 0);
    ck_assert_ptr_nonnull(strstr(out, "new:9"));
    free(out);
    /* The API server says what a template would become, and changes nothing. */
    json_t *patch = json_pack("{s:{s:{s:{s:[{s:s, s:s}]}}}}", "spec", "template", "spec", "containers",
                              "name", "iomesh-chunk", "image", "new:9");
    json_t *tried = NULL;
    ck_assert_int_eq(cluster->calls->patch(cluster, &chunk_set, PATCH_STRATEGIC, patch, true, &tried, &error),
                     0);
    ck_assert_int_eq(json_array_size(json_at(tried, "spec", "template", "spec", "containers", NULL)), 2);
    json_decref(tried);
    json_decref(patch);
    json_t *set = get(&chunk_set);
    ck_assert_int_eq(json_int(json_object_get(set, "metadata"), "generation", 0), 1);
    json_decref(set);
}
END_TEST

START_TEST(a_process_killed_at_an_effect_has_had_it_or_not_and_the_log_agrees)
{
    static const struct {
        const char *kill;
        int recorded, patched, deployed;
    } cases[] = {{"before-effect:1", 0, 0, 0}, {"after-effect:1", 1, 0, 0},  {"before-effect:2", 1, 0, 0},
                 {"after-effect:2", 1, 1, 0},  {"before-effect:3", 1, 1, 0}, {"after-effect:3", 1, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        make();
        values("chunk: {replicaCount: 3}\n");
        setenv("PAWL_SIM_KILL", cases[i].kill, 1);
        ck_assert_int_eq(helm_child("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml"),
                         128 + SIGKILL);
        unsetenv("PAWL_SIM_KILL");
        ck_assert_int_eq(effects("helm_recorded"), cases[i].recorded);
        ck_assert_int_eq(effects("helm_upgrade"), cases[i].patched);
        ck_assert_int_eq(effects("helm_deployed"), cases[i].deployed);
    }
}
END_TEST

START_TEST(hung_helm_lets_time_pass_and_ends_in_order_when_it_is_terminated)
{
    static const struct {
        const char *version, *status;
        int exit_status;
    } cases[] = {{"v3.17.1", "failed", 1}, {"v3.6.2", "pending-upgrade", 128 + SIGTERM}};
    for (size_t i = 0; i < 2; i++) {
        char *out;
        options.helm = cases[i].version;
        make();
        values("chunk: {replicaCount: 3}\n");
        fault("helm phase=pending action=hang");
        pid_t child = helm_start("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml");
        for (int64_t start = now(); now() < start + 60000;)
            ck_assert_int_eq(waitpid(child, NULL, WNOHANG), 0);
        kill(child, SIGTERM);
        ck_assert_int_eq(ended(child), cases[i].exit_status);
        ck_assert_int_eq(helm("history iomesh -n iomesh-system -o json", &out), 0);
        ck_assert_ptr_nonnull(strstr(out, cases[i].status));
        free(out);
        ck_assert_int_eq(effects("helm_upgrade"), 0);
    }
}
END_TEST

START_TEST(lying_helm_says_that_it_upgraded_and_did_nothing)
{
    char *out;
    values("chunk: {replicaCount: 3}\n");
    fault("helm phase=start action=lie");
    ck_assert_int_eq(helm("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml", &out), 0);
    ck_assert_ptr_nonnull(strstr(out, "has been upgraded"));
    free(out);
    ck_assert_int_eq(count(&(struct resource){"", "v1", "secrets", NS, NULL}, "owner=helm"), 1);
}
END_TEST

START_TEST(stopped_process_holds_no_lock_and_its_requests_carry_its_name)
{
    int status;
    struct error error;
    values("chunk: {replicaCount: 3}\n");
    setenv("PAWL_SIM_KILL", "stop-after-effect:2", 1);
    setenv("PAWL_SIM_CALLER", "one", 1);
    pid_t child = helm_start("upgrade iomesh iomesh/iomesh -n iomesh-system -f values.yaml");
    unsetenv("PAWL_SIM_KILL");
    unsetenv("PAWL_SIM_CALLER");
    ck_assert_int_eq(waitpid(child, &status, WUNTRACED), child);
    ck_assert(WIFSTOPPED(status));
    ck_assert_int_eq(effects("helm_upgrade"), 1);
    ck_assert_int_eq(effects("helm_deployed"), 0);
    json_t *document = sim_show(file, &error);
    const json_t *request = json_array_get(json_object_get(document, "requests"), 0);
    ck_assert_str_eq(json_text(request, "caller", ""), "one/helm");
    json_decref(document);
    kill(child, SIGCONT);
    ck_assert_int_eq(ended(child), 0);
    ck_assert_int_eq(effects("helm_deployed"), 1);
}
END_TEST

int main(void)
{
    TCase *behaviour = simulated_case();
    tcase_add_test(behaviour, helm_killed_leaves_its_record_pending_and_the_record_can_be_taken_away);
    tcase_add_test(behaviour, labels_are_inherited_and_descriptions_come_with_success_only);
    tcase_add_test(behaviour, old_helm_has_no_labels_and_new_helm_no_post_renderer_program);
    tcase_add_test(behaviour, only_ten_revisions_are_kept);
    tcase_add_test(behaviour, helm_takes_back_what_was_set_by_hand_and_restarts_the_pods);
    tcase_add_test(behaviour, patches_are_merged_as_the_api_server_and_helm_do);
    tcase_add_test(behaviour, one_version_can_have_two_contents);
    tcase_add_test(behaviour, a_process_killed_at_an_effect_has_had_it_or_not_and_the_log_agrees);
    tcase_add_test(behaviour, hung_helm_lets_time_pass_and_ends_in_order_when_it_is_terminated);
    tcase_add_test(behaviour, lying_helm_says_that_it_upgraded_and_did_nothing);
    tcase_add_test(behaviour, stopped_process_holds_no_lock_and_its_requests_carry_its_name);
    return simulated_run("sim_helm", behaviour);
}
