/* helm_upgrade: what it does, what it refuses, how it looks ahead and goes back. */
#include "upgrading.h"

/* ---- the way it should go ---- */

START_TEST(upgrade_sets_the_release_to_the_values_file)
{
    begin();
    prepares();
    ck_assert_int_eq(replicas(), 4);
    go();
    ck_assert_msg(apply() == ANSWER_DONE, "%s", step.answer.error.message);
    ck_assert_int_eq(replicas(), 3);
    ck_assert_int_eq(json_int(step.answer.outputs, "revision", 0), 3);
    ck_assert_int_eq(json_int(step.answer.outputs, "base_revision", 0), 2);
    ck_assert_str_eq(json_text(step.answer.outputs, "chart", ""), "iomesh-1.0.0");
    ck_assert_int_eq(strlen(json_text(step.answer.outputs, "chart_sha256", "")), 64);
    ck_assert_int_eq(probe(), PROBE_DONE);
    ck_assert(json_equal(step.probe.outputs, step.answer.outputs) ||
              json_int(step.probe.outputs, "revision", 0) == 3);
    finish();
}
END_TEST

START_TEST(upgrade_waits_while_helm_runs)
{
    begin();
    prepares();
    step.child.state = CHILD_RUNNING;
    ck_assert_int_eq(apply(), ANSWER_AGAIN);
    ck_assert(step.answer.acting);
    ck_assert_int_eq(probe(), PROBE_IN_PROGRESS);
    step.child.state = CHILD_LOST;
    ck_assert_int_eq(apply(), ANSWER_UNKNOWN);
    finish();
}
END_TEST

START_TEST(upgrade_keeps_its_values_private_and_exact)
{
    struct stat status;
    char path[200];
    begin();
    prepares();
    snprintf(path, sizeof path, "%s/values.yaml", step.folder);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0600);
    values("chunk: {replicaCount: 9}\nmeta: {replicaCount: 3}\n"); /* edited after it was checked */
    go();
    ck_assert_int_eq(apply(), ANSWER_DONE);
    ck_assert_int_eq(replicas(), 3);
    finish();
}
END_TEST

/* ---- what it refuses ---- */

START_TEST(upgrade_refuses_values_that_nobody_set)
{
    begin();
    values("chunk: {replicaCount: 3}\nmeta:\n  replicaCount: 5\n");
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_int_eq(step.answer.error.code, ERROR_REFUSED);
    ck_assert_says(step.answer.error.message, "meta.replicaCount");
    ck_assert_msg(!strstr(step.answer.error.message, "chunk."), "%s", step.answer.error.message);
    ck_assert(!step.answer.transient);
    json_object_set_new(step.inputs, "expect_changes", json_pack("[s,s]", "meta", "chunk.replicaCount"));
    ck_assert_msg(prepare() == ANSWER_DONE, "%s", step.answer.error.message);
    finish();
}
END_TEST

/* What somebody wanted and helm could not do is not what is deployed: the values file that has it has more
 * than this run's edit. */
START_TEST(upgrade_compares_with_what_is_deployed_and_not_with_what_failed)
{
    begin();
    fault("other-upgrade set=dataCIDR:10.9.0.0/16 status=failed");
    values("chunk: {replicaCount: 3}\nmeta:\n  replicaCount: 3\ndataCIDR: 10.9.0.0/16\n");
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_int_eq(step.answer.error.code, ERROR_REFUSED);
    ck_assert_says(step.answer.error.message, "dataCIDR");
    ck_assert_says(step.answer.error.message, "revision 2");
    values("chunk: {replicaCount: 3}\nmeta:\n  replicaCount: 3\n");
    succeeds();
    undo_begins();
    succeeds();
    ck_assert_int_eq(replicas(), 4);
    ck_assert_int_eq(probe(), PROBE_DONE);
    char *given = NULL;
    ck_assert_int_eq(helm("get values iomesh -n iomesh-system -o json", &given), 0);
    ck_assert_str_eq(given, "{\"chunk\":{\"replicaCount\":4},\"meta\":{\"replicaCount\":3}}\n");
    free(given);
    finish();
}
END_TEST

START_TEST(upgrade_refuses_edits_of_another_file)
{
    begin();
    json_object_set_new(json_array_get(step.edits, 0), "file", json_string("/elsewhere/values.yaml"));
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_says(step.answer.error.message, "chunk.replicaCount");
    finish();
}
END_TEST

START_TEST(upgrade_refuses_a_pod_template_that_changed_by_hand)
{
    struct error error;
    json_t *patch = json_pack("{s:{s:{s:{s:[{s:s,s:s}]}}}}", "spec", "template", "spec", "containers", "name",
                              "iomesh-chunk", "image", "iomesh/chunk:other");
    begin();
    ck_assert_int_eq(cluster->calls->patch(cluster, &chunk_set, PATCH_STRATEGIC, patch, false, NULL, &error),
                     0);
    json_decref(patch);
    int64_t before = generation();
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_says(step.answer.error.message, "StatefulSet iomesh-system/iomesh-chunk (changed by hand");
    ck_assert_int_eq(generation(), before);
    json_object_set_new(step.inputs, "allow_restarts", json_true());
    ck_assert_msg(prepare() == ANSWER_DONE, "%s", step.answer.error.message);
    finish();
}
END_TEST

START_TEST(upgrade_refuses_a_chart_of_the_same_version_with_other_pods)
{
    begin();
    fault("chart-template version=1.0.0 image=iomesh/chunk:rebuilt");
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_says(step.answer.error.message,
                   "would restart the pods of: StatefulSet iomesh-system/iomesh-chunk");
    ck_assert_int_eq(step.answer.error.code, ERROR_REFUSED);
    finish();
}
END_TEST

/* Somebody else's upgrade lands behind ours' look: the guards may have taken their time. */
START_TEST(upgrade_is_not_told_to_go_where_the_release_moved_since_it_looked)
{
    struct error error = {0};
    begin();
    prepares();
    frame();
    ck_assert_msg(step.kind->confirm(&step.visit, &error), "%s", error.message);
    fault("other-upgrade set=chunk.replicaCount:4");
    ck_assert(!step.kind->confirm(&step.visit, &error));
    ck_assert_int_eq(error.code, ERROR_HELM_CHANGED);
    ck_assert_says(error.message, "revision 3, not 2");
    fault("other-upgrade set=chunk.replicaCount:5 status=pending-upgrade");
    ck_assert(!step.kind->confirm(&step.visit, &error));
    ck_assert_int_eq(error.code, ERROR_HELM_PENDING);
    finish();
}
END_TEST

START_TEST(upgrade_refuses_another_chart_than_the_releases)
{
    begin();
    char path[200];
    snprintf(path, sizeof path, "%s/other-1.0.0.tgz", folder);
    char *out;
    ck_assert_int_eq(helm("pull iomesh/iomesh --version 1.0.0", &out), 0);
    free(out);
    char from[200];
    snprintf(from, sizeof from, "%s/iomesh-1.0.0.tgz", folder);
    ck_assert_int_eq(rename(from, path), 0);
    json_object_set_new(step.inputs, "chart", json_string(path));
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_says(step.answer.error.message, "the release's chart is iomesh-1.0.0, but");
    ck_assert_int_eq(rename(path, from), 0);
    json_object_set_new(step.inputs, "chart", json_string(from));
    ck_assert_msg(prepare() == ANSWER_DONE, "%s", step.answer.error.message);
    finish();
}
END_TEST

START_TEST(upgrade_names_a_pending_record_of_somebody_else)
{
    begin();
    fault("other-upgrade set=chunk.replicaCount:5 status=pending-upgrade");
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_int_eq(step.answer.error.code, ERROR_HELM_PENDING);
    ck_assert_says(step.answer.error.message, "revision 3 is pending-upgrade");
    ck_assert_int_eq(plan(NULL), 1);
    ck_assert_int_eq(step.plan.error.code, ERROR_HELM_PENDING);
    finish();
}
END_TEST

/* ---- looking ahead ---- */

START_TEST(plan_shows_what_the_edited_values_would_change)
{
    begin();
    values("chunk: {replicaCount: 4}\nmeta:\n  replicaCount: 3\n");
    json_t *world = json_pack("{s:{s:s}}", "files", json_text(step.inputs, "values", ""),
                              "chunk: {replicaCount: 3}\nmeta:\n  replicaCount: 3\n");
    ck_assert_msg(plan(world) == PLAN_OK, "%s", step.plan.error.message);
    char *changes = json_canonical(step.plan.changes);
    ck_assert_str_eq(changes,
                     "[{\"from\":\"4\",\"to\":\"3\",\"what\":\"values chunk.replicaCount\"},"
                     "{\"from\":\"4\",\"to\":\"3\",\"what\":\"StatefulSet iomesh-system/iomesh-chunk "
                     "spec.replicas\"}]");
    free(changes);
    ck_assert_int_eq(json_int(step.plan.outputs, "revision", 0), 3);
    ck_assert_int_eq(replicas(), 4);
    ck_assert_int_eq(effects("helm_recorded"), 1); /* the test's own */
    json_decref(world);
    finish();
}
END_TEST

START_TEST(plan_refuses_without_permission)
{
    begin();
    fault("deny verb=patch resource=statefulsets");
    ck_assert_int_eq(plan(NULL), PLAN_REFUSED);
    ck_assert_int_eq(step.plan.error.code, ERROR_CLUSTER_DENIED);
    finish();
}
END_TEST

/* ---- going back ---- */

static void upgrades(void)
{
    begin();
    succeeds();
}

START_TEST(undo_goes_back_to_the_values_of_the_base)
{
    upgrades();
    undo_begins();
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    succeeds();
    ck_assert_int_eq(replicas(), 4);
    ck_assert_int_eq(probe(), PROBE_DONE);
    finish();
}
END_TEST

/* Five chunks where four were: the fifth may hold data by now. */
static void scales_out(void)
{
    begin();
    values("chunk: {replicaCount: 5}\nmeta:\n  replicaCount: 3\n");
    succeeds();
    ck_assert_int_eq(replicas(), 5);
    undo_begins();
}

START_TEST(undo_takes_no_pods_away)
{
    scales_out();
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_int_eq(step.answer.error.code, ERROR_CANNOT_UNDO);
    ck_assert_says(step.answer.error.message, "iomesh-chunk (5 → 4 pods)");
    ck_assert_int_eq(replicas(), 5);
    finish();
}
END_TEST

START_TEST(undo_takes_pods_away_where_they_hold_nothing)
{
    scales_out();
    json_object_set_new(step.inputs, "allow_shrink", json_true());
    succeeds();
    ck_assert_int_eq(replicas(), 4);
    finish();
}
END_TEST

START_TEST(undo_takes_pods_away_that_no_node_has_had)
{
    begin();
    fault("pod-stuck pod=iomesh-chunk-4 reason=Unschedulable for=10m");
    values("chunk: {replicaCount: 5}\nmeta:\n  replicaCount: 3\n");
    succeeds();
    undo_begins();
    succeeds();
    ck_assert_int_eq(replicas(), 4);
    finish();
}
END_TEST

/* Killed before it had changed anything: there are no more pods than before. */
START_TEST(undo_of_a_scale_out_that_never_reached_its_pods_is_done)
{
    begin();
    values("chunk: {replicaCount: 5}\nmeta:\n  replicaCount: 3\n");
    prepares();
    fault("helm phase=pending action=fail");
    go();
    ck_assert_int_eq(apply(), ANSWER_FAILED);
    undo_begins();
    prepares();
    finish();
}
END_TEST

START_TEST(undo_that_died_is_mended_and_runs_again)
{
    upgrades();
    undo_begins();
    prepares();
    fault("helm phase=pending action=fail");
    go();
    ck_assert_int_eq(apply(), ANSWER_FAILED);
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    succeeds();
    ck_assert_int_eq(replicas(), 4);
    finish();
}
END_TEST

/* What helm had patched before it failed is there, although its revision did not succeed. */
START_TEST(undo_takes_back_what_a_failed_upgrade_left)
{
    begin();
    prepares();
    fault("helm phase=patched action=fail");
    go();
    ck_assert_int_eq(apply(), ANSWER_FAILED);
    ck_assert_int_eq(replicas(), 3);
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    ck_assert(step.probe.touched);
    undo_begins();
    succeeds();
    ck_assert_int_eq(replicas(), 4);
    finish();
}
END_TEST

/* Its pending record has been put away: the base is the newest again, but not what the objects show. */
START_TEST(undo_takes_back_what_a_killed_upgrade_left)
{
    begin();
    prepares();
    fault("helm phase=patched action=kill");
    go();
    ck_assert_int_eq(apply(), ANSWER_FAILED);
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    ck_assert(step.probe.touched && step.probe.mend);
    json_t *found = json_incref(step.probe.found);
    frame();
    step.kind->mend(&step.visit, found, &step.answer);
    json_decref(found);
    undo_begins();
    succeeds();
    ck_assert_int_eq(replicas(), 4);
    finish();
}
END_TEST

START_TEST(nothing_is_left_to_undo_of_an_upgrade_that_made_no_record)
{
    begin();
    prepares();
    fault("helm phase=start action=kill");
    go();
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    ck_assert(!step.probe.touched);
    finish();
}
END_TEST

START_TEST(undo_refuses_a_chart_with_other_bytes)
{
    upgrades();
    undo_begins();
    fault("chart-template version=1.0.0 image=iomesh/chunk:rebuilt");
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_int_eq(step.answer.error.code, ERROR_CANNOT_UNDO);
    ck_assert_says(step.answer.error.message, "has other bytes now");
    finish();
}
END_TEST

START_TEST(undo_refuses_where_somebody_upgraded_since)
{
    upgrades();
    undo_begins();
    scale(3);
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_int_eq(step.answer.error.code, ERROR_CANNOT_UNDO);
    ck_assert_says(step.answer.error.message, "revision 4");
    finish();
}
END_TEST

int main(void)
{
    TCase *behaviour = simulated_case();
    tcase_add_test(behaviour, upgrade_sets_the_release_to_the_values_file);
    tcase_add_test(behaviour, upgrade_waits_while_helm_runs);
    tcase_add_test(behaviour, upgrade_keeps_its_values_private_and_exact);
    tcase_add_test(behaviour, upgrade_refuses_values_that_nobody_set);
    tcase_add_test(behaviour, upgrade_compares_with_what_is_deployed_and_not_with_what_failed);
    tcase_add_test(behaviour, upgrade_refuses_edits_of_another_file);
    tcase_add_test(behaviour, upgrade_refuses_a_pod_template_that_changed_by_hand);
    tcase_add_test(behaviour, upgrade_refuses_a_chart_of_the_same_version_with_other_pods);
    tcase_add_test(behaviour, upgrade_is_not_told_to_go_where_the_release_moved_since_it_looked);
    tcase_add_test(behaviour, upgrade_refuses_another_chart_than_the_releases);
    tcase_add_test(behaviour, upgrade_names_a_pending_record_of_somebody_else);
    tcase_add_test(behaviour, plan_shows_what_the_edited_values_would_change);
    tcase_add_test(behaviour, plan_refuses_without_permission);
    tcase_add_test(behaviour, undo_goes_back_to_the_values_of_the_base);
    tcase_add_test(behaviour, undo_takes_no_pods_away);
    tcase_add_test(behaviour, undo_takes_pods_away_where_they_hold_nothing);
    tcase_add_test(behaviour, undo_takes_pods_away_that_no_node_has_had);
    tcase_add_test(behaviour, undo_of_a_scale_out_that_never_reached_its_pods_is_done);
    tcase_add_test(behaviour, undo_that_died_is_mended_and_runs_again);
    tcase_add_test(behaviour, undo_takes_back_what_a_failed_upgrade_left);
    tcase_add_test(behaviour, undo_takes_back_what_a_killed_upgrade_left);
    tcase_add_test(behaviour, nothing_is_left_to_undo_of_an_upgrade_that_made_no_record);
    tcase_add_test(behaviour, undo_refuses_a_chart_with_other_bytes);
    tcase_add_test(behaviour, undo_refuses_where_somebody_upgraded_since);
    return simulated_run("helm_upgrade", behaviour);
}
