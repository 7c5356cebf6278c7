/* helm_upgrade against the simulated cluster: its helm runs as the real one would, as a program. */
#include "simulated.h"

#include <fcntl.h>

#include "base/file.h"
#include "steps/kind.h"

#define DEADLINE_MS 60000

/* A visit of the step, and the child that its keeper would run. */
struct upgrading {
    struct visit visit;
    struct answer answer;
    struct probe_answer probe;
    struct plan_answer plan;
    struct gate gate;
    struct child child;
    json_t *inputs, *checkpoint, *first, *starts, *edits;
    char folder[160], key[64];
    struct program program; /* what the keeper stands ready to run */
    bool undoing;
    const struct step_kind *kind;
};

static struct upgrading step;
static const struct cluster_calls *real_calls;

static bool pass(const struct visit *visit, struct error *error)
{
    (void)error;
    return gate_pass(visit->gate);
}

static char **copy_list(char *const *list)
{
    size_t count = 0;
    while (list[count])
        count++;
    char **copy = memory_new((count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = string_copy(list[i]);
    return copy;
}

static json_t *keep(const struct visit *visit, const struct program *program, const char *input,
                    struct error *error)
{
    (void)visit;
    (void)input;
    (void)error;
    program_clear(&step.program);
    step.program = (struct program){.arguments = copy_list(program->arguments),
                                    .environment = copy_list(program->environment),
                                    .folder = string_copy(program->folder)};
    return json_pack("{s:s}", "base", "1/upgrade.1.1");
}

static void new_folder(void)
{
    snprintf(step.folder, sizeof step.folder, "%s/%s%d.d", folder, step.undoing ? "undo." : "",
             step.visit.start);
    ck_assert_int_eq(mkdir(step.folder, 0700), 0);
}

static void begin(void)
{
    char path[160];
    snprintf(path, sizeof path, "%s/values.yaml", folder);
    setenv("PAWL_SIM_PROGRAM", getenv("PAWL"), 1);
    step = (struct upgrading){.kind = step_kind_find("helm_upgrade")};
    step.inputs = json_pack("{s:s,s:s,s:s,s:s,s:b,s:b}", "namespace", NS, "release", "iomesh", "chart",
                            "iomesh/iomesh", "values", path, "allow_restarts", 0, "wait", 0);
    step.edits = json_pack("[{s:s,s:{s:i}}]", "file", path, "set", "chunk.replicaCount", 3);
    step.starts = json_array();
    strcpy(step.key, "store/1/upgrade/1");
    gate_init(&step.gate);
    scale(4); /* revision 2: these values were given */
    values("chunk: {replicaCount: 3}\nmeta:\n  replicaCount: 3 # three\n");
}

static void finish(void)
{
    answer_clear(&step.answer);
    probe_answer_clear(&step.probe);
    plan_answer_clear(&step.plan);
    program_clear(&step.program);
    free(step.child.out);
    free(step.child.err);
    json_decref(step.inputs);
    json_decref(step.checkpoint);
    json_decref(step.first);
    json_decref(step.starts);
    json_decref(step.edits);
    gate_destroy(&step.gate);
}

static void frame(void)
{
    step.visit.store_uuid = "store";
    step.visit.run = 1;
    step.visit.step = "upgrade";
    step.visit.visit = step.visit.attempt = 1;
    step.visit.key = step.key;
    step.visit.actor = "ops@host";
    step.visit.inputs = step.inputs;
    step.visit.checkpoint = step.checkpoint;
    step.visit.starts = step.starts;
    step.visit.edits = step.edits;
    step.visit.folder = step.folder;
    step.visit.cluster = cluster;
    step.visit.gate = &step.gate;
    step.visit.pass = pass;
    step.visit.keep = keep;
    step.visit.child = &step.child;
    step.visit.now_ms = now();
    answer_clear(&step.answer);
    probe_answer_clear(&step.probe);
    plan_answer_clear(&step.plan);
}

static enum answer_kind prepare(void)
{
    step.visit.start++;
    new_folder();
    frame();
    (step.undoing ? step.kind->undo_prepare : step.kind->prepare)(&step.visit, &step.answer);
    if (step.answer.kind != ANSWER_DONE)
        return step.answer.kind;
    json_decref(step.checkpoint);
    step.checkpoint = json_incref(step.answer.checkpoint);
    if (!step.first)
        step.first = json_incref(step.checkpoint);
    json_array_append_new(step.starts, json_pack("{s:i,s:i,s:O}", "visit", 1, "start", step.visit.start,
                                                 "checkpoint", step.checkpoint));
    return ANSWER_DONE;
}

static char *slurp(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return file_read(path, 1 << 20, NULL, NULL);
}

/* What the keeper does on the go byte; the child's end becomes the exit record. */
static void go(void)
{
    pid_t child;
    char err[200], out[200];
    posix_spawn_file_actions_t actions;
    snprintf(out, sizeof out, "%s/out", folder);
    snprintf(err, sizeof err, "%s/err", folder);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, step.program.folder);
    posix_spawn_file_actions_addopen(&actions, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_eq(posix_spawn(&child, step.program.arguments[0], &actions, NULL, step.program.arguments,
                                 step.program.environment),
                     0);
    posix_spawn_file_actions_destroy(&actions);
    free(step.child.out);
    free(step.child.err);
    step.child = (struct child){.state = CHILD_EXITED, .exit_status = ended(child)};
    step.child.out = slurp("out");
    step.child.err = slurp("err");
}

static enum answer_kind apply(void)
{
    frame();
    (step.undoing ? step.kind->undo : step.kind->apply)(&step.visit, &step.answer);
    return step.answer.kind;
}

static enum probe_kind probe(void)
{
    frame();
    (step.undoing ? step.kind->undo_probe : step.kind->probe)(&step.visit, &step.probe);
    return step.probe.kind;
}

static int plan(const json_t *world)
{
    frame();
    step.kind->plan(&step.visit, world, &step.plan);
    return (int)step.plan.kind;
}

#define ck_assert_says(text, part) ck_assert_msg(strstr(text, part) != NULL, "%s", text)

static void prepares(void)
{
    ck_assert_msg(prepare() == ANSWER_DONE, "%s", step.answer.error.message);
}

static int64_t replicas(void)
{
    json_t *set = get(&chunk_set);
    int64_t count = json_int(json_object_get(set, "spec"), "replicas", -1);
    json_decref(set);
    return count;
}

static int64_t generation(void)
{
    json_t *set = get(&chunk_set);
    int64_t count = json_int(json_object_get(set, "metadata"), "generation", -1);
    json_decref(set);
    return count;
}

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

/* Somebody else's upgrade lands while ours is being looked at. */
static int helm_with_a_rival(struct cluster *asked, const char *const *arguments, const char *where,
                             struct program_output *out, struct error *error)
{
    int result = real_calls->helm(asked, arguments, where, out, error);
    if (!strcmp(arguments[0], "upgrade"))
        fault("other-upgrade set=chunk.replicaCount:4");
    return result;
}

START_TEST(upgrade_refuses_a_release_that_moved_while_it_looked)
{
    struct cluster_calls calls = *cluster->calls;
    begin();
    real_calls = cluster->calls;
    calls.helm = helm_with_a_rival;
    cluster->calls = &calls;
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    cluster->calls = real_calls;
    ck_assert_int_eq(step.answer.error.code, ERROR_HELM_CHANGED);
    ck_assert_says(step.answer.error.message, "revision 3, not 2");
    ck_assert_ptr_null(step.program.arguments);
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

/* ---- helm that dies ---- */

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
    prepares();
    go();
    ck_assert_msg(apply() == ANSWER_DONE, "%s", step.answer.error.message);
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
    prepares();
    go();
    ck_assert_msg(apply() == ANSWER_DONE, "%s", step.answer.error.message);
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

static void undo_begins(void)
{
    step.undoing = true;
    step.visit.start = 0;
    strcpy(step.key, "store/1/upgrade/1/undo");
    json_decref(step.checkpoint);
    step.checkpoint = json_incref(step.first);
    json_array_clear(step.starts);
}

static void upgrades(void)
{
    begin();
    prepares();
    go();
    ck_assert_msg(apply() == ANSWER_DONE, "%s", step.answer.error.message);
}

START_TEST(undo_goes_back_to_the_values_of_the_base)
{
    upgrades();
    undo_begins();
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    prepares();
    go();
    ck_assert_msg(apply() == ANSWER_DONE, "%s", step.answer.error.message);
    ck_assert_int_eq(replicas(), 4);
    ck_assert_int_eq(probe(), PROBE_DONE);
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
    prepares();
    go();
    ck_assert_msg(apply() == ANSWER_DONE, "%s", step.answer.error.message);
    ck_assert_int_eq(replicas(), 4);
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
    tcase_add_test(behaviour, upgrade_refuses_edits_of_another_file);
    tcase_add_test(behaviour, upgrade_refuses_a_pod_template_that_changed_by_hand);
    tcase_add_test(behaviour, upgrade_refuses_a_chart_of_the_same_version_with_other_pods);
    tcase_add_test(behaviour, upgrade_refuses_a_release_that_moved_while_it_looked);
    tcase_add_test(behaviour, upgrade_refuses_another_chart_than_the_releases);
    tcase_add_test(behaviour, upgrade_names_a_pending_record_of_somebody_else);
    tcase_add_test(behaviour, upgrade_puts_its_own_pending_record_away_and_runs_again);
    tcase_add_test(behaviour, upgrade_knows_its_record_by_a_comment_where_helm_has_no_labels);
    tcase_add_test(behaviour, upgrade_leaves_a_record_that_moved_since_it_was_seen);
    tcase_add_test(behaviour, upgrade_that_died_after_its_success_is_done);
    tcase_add_test(behaviour, upgrade_does_not_believe_a_helm_that_lies);
    tcase_add_test(behaviour, upgrade_goes_over_its_own_failed_revision);
    tcase_add_test(behaviour, upgrade_does_not_take_an_inherited_label_for_its_own);
    tcase_add_test(behaviour, upgrade_cannot_remove_records_that_helm_keeps_elsewhere);
    tcase_add_test(behaviour, plan_shows_what_the_edited_values_would_change);
    tcase_add_test(behaviour, plan_refuses_without_permission);
    tcase_add_test(behaviour, undo_goes_back_to_the_values_of_the_base);
    tcase_add_test(behaviour, undo_that_died_is_mended_and_runs_again);
    tcase_add_test(behaviour, undo_refuses_a_chart_with_other_bytes);
    tcase_add_test(behaviour, undo_refuses_where_somebody_upgraded_since);
    return simulated_run("helm_upgrade", behaviour);
}
