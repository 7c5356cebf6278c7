/* helm_upgrade whose helm dies, lies or fails: what it leaves is recognised, put away, and run again. */
#include "upgrading.h"

static void dies_and_is_mended(void)
{
    begin();
    prepares();
    fault("helm phase=patched action=kill");
    go();
    ck_assert_int_eq(step.child.exit_status, 128 + SIGKILL);
    int64_t before = generation();
    ck_assert_int_eq(apply(), ANSWER_FAILED);
    ck_assert(step.answer.transient);
    ck_assert_says(step.answer.error.message, "revision 3 is left pending");
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    ck_assert(step.probe.mend);
    ck_assert_str_eq(json_text(step.probe.found, "name", ""), "sh.helm.release.v1.iomesh.v3");
    json_t *found = json_incref(step.probe.found);
    frame();
    step.kind->mend(&step.visit, found, &step.answer);
    ck_assert_int_eq(step.answer.kind, ANSWER_DONE);
    json_decref(found);
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    ck_assert(!step.probe.mend);
    succeeds();
    ck_assert_int_eq(json_int(step.answer.outputs, "revision", 0), 3);
    ck_assert_int_eq(generation(), before); /* nothing was moved back and forth */
    ck_assert_int_eq(replicas(), 3);
    finish();
}

START_TEST(upgrade_puts_its_own_pending_record_away_and_runs_again)
{
    dies_and_is_mended();
}
END_TEST

START_TEST(upgrade_knows_its_record_by_a_comment_where_helm_has_no_labels)
{
    options.helm = "v3.6.2";
    make();
    dies_and_is_mended();
}
END_TEST

START_TEST(upgrade_leaves_a_record_that_moved_since_it_was_seen)
{
    begin();
    prepares();
    fault("helm phase=pending action=kill");
    go();
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    json_t *found = json_incref(step.probe.found);
    json_object_set_new(found, "resourceVersion", json_string("1"));
    frame();
    step.kind->mend(&step.visit, found, &step.answer);
    ck_assert_int_eq(step.answer.kind, ANSWER_FAILED);
    ck_assert(step.answer.transient);
    gate_close(&step.gate);
    frame();
    step.kind->mend(&step.visit, found, &step.answer);
    ck_assert_int_eq(step.answer.kind, ANSWER_TURNED_BACK);
    json_decref(found);
    finish();
}
END_TEST

START_TEST(upgrade_that_died_after_its_success_is_done)
{
    begin();
    prepares();
    fault("helm phase=deployed action=kill");
    go();
    ck_assert_int_eq(step.child.exit_status, 128 + SIGKILL);
    ck_assert_msg(apply() == ANSWER_DONE, "%s", step.answer.error.message);
    ck_assert_int_eq(json_int(step.answer.outputs, "revision", 0), 3);
    finish();
}
END_TEST

START_TEST(upgrade_does_not_believe_a_helm_that_lies)
{
    begin();
    prepares();
    fault("helm phase=start action=lie");
    go();
    ck_assert_int_eq(step.child.exit_status, 0);
    ck_assert_int_eq(apply(), ANSWER_FAILED);
    ck_assert(!step.answer.transient);
    ck_assert_says(step.answer.error.message, "helm left with 0, but no revision");
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    finish();
}
END_TEST

START_TEST(upgrade_goes_over_its_own_failed_revision)
{
    begin();
    prepares();
    fault("helm phase=pending action=fail");
    go();
    ck_assert_int_eq(apply(), ANSWER_FAILED);
    ck_assert_says(step.answer.error.message, "revision 3 is left failed");
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    ck_assert(!step.probe.mend);
    succeeds();
    ck_assert_int_eq(json_int(step.answer.outputs, "revision", 0), 4);
    ck_assert_int_eq(json_int(step.answer.outputs, "base_revision", 0), 3);
    finish();
}
END_TEST

START_TEST(upgrade_does_not_take_an_inherited_label_for_its_own)
{
    begin();
    prepares();
    fault("helm phase=pending action=fail");
    go();
    ck_assert_int_eq(apply(), ANSWER_FAILED);
    /* Somebody else's upgrade inherits the failed one's label, and dies. */
    fault("other-upgrade set=chunk.replicaCount:5 status=pending-upgrade");
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    ck_assert(!step.probe.mend);
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_int_eq(step.answer.error.code, ERROR_HELM_PENDING);
    finish();
}
END_TEST

START_TEST(upgrade_cannot_remove_records_that_helm_keeps_elsewhere)
{
    options.helm_driver = "configmap";
    make();
    begin();
    prepares();
    ck_assert_str_eq(json_text(step.checkpoint, "marked_by", ""), "comment");
    fault("helm phase=pending action=kill");
    go();
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    ck_assert(!step.probe.mend);
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_int_eq(step.answer.error.code, ERROR_HELM_PENDING);
    finish();
}
END_TEST

/* helm 4 takes no post-renderer program, and labels are seen on Secrets only. */
static void begin_without_marks(void)
{
    options.helm = "v4.1.4";
    options.helm_driver = "configmap";
    make();
    begin();
    prepares();
    ck_assert_str_eq(json_text(step.checkpoint, "marked_by", ""), "none");
}

START_TEST(upgrade_that_could_not_mark_its_record_does_not_say_that_nothing_is_left)
{
    begin_without_marks();
    fault("helm phase=patched action=kill");
    go();
    ck_assert_int_eq(apply(), ANSWER_FAILED);
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    ck_assert(!step.probe.mend && step.probe.touched);
    undo_begins();
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_int_eq(step.answer.error.code, ERROR_HELM_PENDING);
    finish();
}
END_TEST

START_TEST(upgrade_without_marks_that_made_no_record_leaves_nothing)
{
    begin_without_marks();
    fault("helm phase=start action=kill");
    go();
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    ck_assert(!step.probe.touched);
    finish();
}
END_TEST

int main(void)
{
    TCase *behaviour = simulated_case();
    tcase_add_test(behaviour, upgrade_that_could_not_mark_its_record_does_not_say_that_nothing_is_left);
    tcase_add_test(behaviour, upgrade_without_marks_that_made_no_record_leaves_nothing);
    tcase_add_test(behaviour, upgrade_puts_its_own_pending_record_away_and_runs_again);
    tcase_add_test(behaviour, upgrade_knows_its_record_by_a_comment_where_helm_has_no_labels);
    tcase_add_test(behaviour, upgrade_leaves_a_record_that_moved_since_it_was_seen);
    tcase_add_test(behaviour, upgrade_that_died_after_its_success_is_done);
    tcase_add_test(behaviour, upgrade_does_not_believe_a_helm_that_lies);
    tcase_add_test(behaviour, upgrade_goes_over_its_own_failed_revision);
    tcase_add_test(behaviour, upgrade_does_not_take_an_inherited_label_for_its_own);
    tcase_add_test(behaviour, upgrade_cannot_remove_records_that_helm_keeps_elsewhere);
    return simulated_run("helm_mend", behaviour);
}
