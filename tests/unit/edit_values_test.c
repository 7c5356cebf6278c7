/* edit_values on real files in a folder of its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "steps/kind.h"
#include "suite.h"

#define ck_assert_says(text, part) ck_assert_msg(strstr(text, part) != NULL, "%s", text)

static char folder[64], path[96];
static struct {
    struct visit visit;
    struct answer answer;
    struct probe_answer probe;
    struct plan_answer plan;
    struct gate gate;
    json_t *inputs, *checkpoint, *starts;
    void (*at_gate)(void);
} step;

static const struct step_kind *kind(void)
{
    return step_kind_find("edit_values");
}

static bool pass(const struct visit *visit, struct error *error)
{
    (void)error;
    if (step.at_gate)
        step.at_gate();
    return gate_pass(visit->gate);
}

static void file_write(const char *text)
{
    FILE *stream = fopen(path, "w");
    ck_assert_ptr_nonnull(stream);
    fputs(text, stream);
    fclose(stream);
}

static void file_is(const char *text)
{
    char *found = file_read(path, 1 << 20, NULL, NULL);
    ck_assert_str_eq(found, text);
    free(found);
}

static void set_up(void)
{
    strcpy(folder, "/tmp/pawl-edit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/iomesh.yaml", folder);
    file_write("# values\nchunk:\n  replicaCount: 4 # four\n");
    memset(&step, 0, sizeof step);
    gate_init(&step.gate);
    step.inputs = json_pack("{s:s,s:{s:i}}", "file", path, "set", "chunk.replicaCount", 3);
    step.starts = json_array();
}

static void tear_down(void)
{
    char command[96];
    answer_clear(&step.answer);
    probe_answer_clear(&step.probe);
    plan_answer_clear(&step.plan);
    json_decref(step.inputs);
    json_decref(step.checkpoint);
    json_decref(step.starts);
    gate_destroy(&step.gate);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static void frame(void)
{
    step.visit.inputs = step.inputs;
    step.visit.checkpoint = step.checkpoint;
    step.visit.starts = step.starts;
    step.visit.gate = &step.gate;
    step.visit.pass = pass;
    answer_clear(&step.answer);
    probe_answer_clear(&step.probe);
    plan_answer_clear(&step.plan);
}

static enum answer_kind prepare(void)
{
    frame();
    kind()->prepare(&step.visit, &step.answer);
    if (step.answer.kind == ANSWER_DONE) {
        json_decref(step.checkpoint);
        step.checkpoint = json_incref(step.answer.checkpoint);
        json_array_append_new(step.starts, json_pack("{s:O}", "checkpoint", step.checkpoint));
    }
    return step.answer.kind;
}

static enum answer_kind apply(void)
{
    frame();
    kind()->apply(&step.visit, &step.answer);
    return step.answer.kind;
}

static enum answer_kind undo(void)
{
    frame();
    kind()->undo(&step.visit, &step.answer);
    return step.answer.kind;
}

static enum probe_kind probe(void)
{
    frame();
    kind()->probe(&step.visit, &step.probe);
    return step.probe.kind;
}

static enum probe_kind undo_probe(void)
{
    frame();
    kind()->undo_probe(&step.visit, &step.probe);
    return step.probe.kind;
}

static int plan(const json_t *world)
{
    frame();
    kind()->plan(&step.visit, world, &step.plan);
    return (int)step.plan.kind;
}

START_TEST(edit_replaces_the_file_and_says_what_was_there)
{
    ck_assert_int_eq(probe(), PROBE_NOT_DONE);
    ck_assert_int_eq(prepare(), ANSWER_DONE);
    ck_assert_int_eq(apply(), ANSWER_DONE);
    file_is("# values\nchunk:\n  replicaCount: 3 # four\n");
    ck_assert(json_bool(step.answer.outputs, "changed", false));
    ck_assert_int_eq(json_int(json_object_get(step.answer.outputs, "before"), "chunk.replicaCount", 0), 4);
    ck_assert_str_eq(step.answer.summary.text, "iomesh.yaml: chunk.replicaCount 4 → 3");
    char *outputs = json_canonical(step.answer.outputs);
    ck_assert_int_eq(probe(), PROBE_DONE);
    char *found = json_canonical(step.probe.outputs);
    ck_assert_str_eq(found, outputs); /* a start whose end nobody saw gives the same */
    free(found);
    free(outputs);
}
END_TEST

START_TEST(edit_keeps_mode_links_and_leaves_nothing_behind)
{
    char link_path[128];
    struct stat status;
    snprintf(link_path, sizeof link_path, "%s/link.yaml", folder);
    ck_assert_int_eq(symlink("iomesh.yaml", link_path), 0);
    ck_assert_int_eq(chmod(path, 0640), 0);
    json_object_set_new(step.inputs, "file", json_string(link_path));
    ck_assert_int_eq(prepare(), ANSWER_DONE);
    ck_assert_int_eq(apply(), ANSWER_DONE);
    ck_assert_int_eq(lstat(link_path, &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0640);
    file_is("# values\nchunk:\n  replicaCount: 3 # four\n");
    char command[128];
    snprintf(command, sizeof command, "test $(ls '%s' | wc -l) = 2", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(edit_that_finds_its_values_writes_nothing)
{
    struct stat before, after;
    json_object_set_new(step.inputs, "set", json_pack("{s:i}", "chunk.replicaCount", 4));
    ck_assert_int_eq(stat(path, &before), 0);
    ck_assert_int_eq(prepare(), ANSWER_DONE);
    ck_assert_int_eq(apply(), ANSWER_DONE);
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    ck_assert(!json_bool(step.answer.outputs, "changed", true));
    ck_assert(!gate_has_begun(&step.gate));
    ck_assert_str_eq(step.answer.summary.text, "iomesh.yaml: chunk.replicaCount is 4");
}
END_TEST

START_TEST(edit_of_more_than_a_line_holds_says_that_it_goes_on)
{
    char value[600] = "x";
    while (strlen(value) + 3 < sizeof value)
        strcat(value, "\xe5\xa4\xa7");
    json_object_set_new(step.inputs, "set", json_pack("{s:s}", "chunk.replicaCount", value));
    ck_assert_int_eq(prepare(), ANSWER_DONE);
    ck_assert_int_eq(apply(), ANSWER_DONE);
    const char *says = step.answer.summary.text;
    ck_assert_str_eq(says + strlen(says) - strlen("…"), "…");
    ck_assert(utf8_is_valid(says, strlen(says))); /* else JSON would not take it, and the record lack it */
}
END_TEST

START_TEST(edit_refuses_a_file_that_moved_under_it)
{
    ck_assert_int_eq(prepare(), ANSWER_DONE);
    file_write("chunk: {replicaCount: 5}\n");
    ck_assert_int_eq(apply(), ANSWER_FAILED);
    ck_assert(step.answer.transient); /* the next attempt prepares anew */
    file_is("chunk: {replicaCount: 5}\n");
}
END_TEST

static void somebody_saves(void)
{
    file_write("chunk: {replicaCount: 7}\n");
}

START_TEST(edit_refuses_a_file_that_is_saved_at_the_last_moment)
{
    ck_assert_int_eq(prepare(), ANSWER_DONE);
    step.at_gate = somebody_saves;
    ck_assert_int_eq(apply(), ANSWER_FAILED);
    ck_assert_says(step.answer.error.message, "changed by somebody else just now");
    ck_assert(step.answer.transient);
    file_is("chunk: {replicaCount: 7}\n");
}
END_TEST

START_TEST(edit_writes_nothing_behind_a_closed_gate)
{
    ck_assert_int_eq(prepare(), ANSWER_DONE);
    gate_close(&step.gate);
    ck_assert_int_eq(apply(), ANSWER_TURNED_BACK);
    file_is("# values\nchunk:\n  replicaCount: 4 # four\n");
}
END_TEST

START_TEST(undo_puts_the_old_bytes_back)
{
    ck_assert_int_eq(prepare(), ANSWER_DONE);
    ck_assert_int_eq(apply(), ANSWER_DONE);
    ck_assert_int_eq(undo_probe(), PROBE_NOT_DONE);
    ck_assert_int_eq(undo(), ANSWER_DONE);
    file_is("# values\nchunk:\n  replicaCount: 4 # four\n");
    ck_assert_int_eq(undo_probe(), PROBE_DONE);
    ck_assert_int_eq(undo(), ANSWER_DONE); /* twice is as once */
}
END_TEST

START_TEST(undo_refuses_a_file_that_was_edited_since)
{
    ck_assert_int_eq(prepare(), ANSWER_DONE);
    ck_assert_int_eq(apply(), ANSWER_DONE);
    file_write("chunk:\n  replicaCount: 3\nmore: 1\n");
    ck_assert_int_eq(undo(), ANSWER_FAILED);
    ck_assert_int_eq(step.answer.error.code, ERROR_CANNOT_UNDO);
}
END_TEST

START_TEST(plan_shows_the_change_and_hands_on_the_edited_text)
{
    ck_assert_int_eq(plan(NULL), PLAN_OK);
    char *changes = json_canonical(step.plan.changes);
    ck_assert_str_eq(changes, "[{\"from\":\"4\",\"line\":3,\"to\":\"3\",\"what\":\"chunk.replicaCount\"}]");
    free(changes);
    json_t *world = json_incref(step.plan.world);
    ck_assert_str_eq(json_text(json_object_get(world, "files"), path, ""),
                     "# values\nchunk:\n  replicaCount: 3 # four\n");
    file_is("# values\nchunk:\n  replicaCount: 4 # four\n");
    json_object_set_new(step.inputs, "set", json_pack("{s:i}", "chunk.replicaCount", 2));
    ck_assert_int_eq(plan(world), PLAN_OK); /* a second edit sees the first one's */
    changes = json_canonical(step.plan.changes);
    ck_assert_str_eq(changes, "[{\"from\":\"3\",\"line\":3,\"to\":\"2\",\"what\":\"chunk.replicaCount\"}]");
    free(changes);
    json_decref(world);
}
END_TEST

START_TEST(plan_refuses_what_could_not_be_done)
{
    char other[128];
    json_object_set_new(step.inputs, "set", json_pack("{s:i}", "chunk.replicas", 2));
    ck_assert_int_eq(plan(NULL), PLAN_REFUSED);
    ck_assert_says(step.plan.error.message, "iomesh.yaml, line 2: \"chunk\" has no key \"replicas\"");
    json_object_set_new(step.inputs, "set", json_pack("{s:i}", "chunk.replicaCount", 2));
    snprintf(other, sizeof other, "%s/other.yaml", folder);
    ck_assert_int_eq(link(path, other), 0);
    ck_assert_int_eq(plan(NULL), PLAN_REFUSED);
    ck_assert_says(step.plan.error.message, "hard links");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(plan(NULL), PLAN_REFUSED);
    ck_assert_int_eq(step.plan.error.code, ERROR_NOT_FOUND);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(plan(NULL), PLAN_REFUSED);
    ck_assert_says(step.plan.error.message, "no regular file");
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("edit_values");
    TCase *behaviour = tcase_create("behaviour");
    tcase_add_checked_fixture(behaviour, set_up, tear_down);
    tcase_add_test(behaviour, edit_replaces_the_file_and_says_what_was_there);
    tcase_add_test(behaviour, edit_keeps_mode_links_and_leaves_nothing_behind);
    tcase_add_test(behaviour, edit_that_finds_its_values_writes_nothing);
    tcase_add_test(behaviour, edit_of_more_than_a_line_holds_says_that_it_goes_on);
    tcase_add_test(behaviour, edit_refuses_a_file_that_moved_under_it);
    tcase_add_test(behaviour, edit_refuses_a_file_that_is_saved_at_the_last_moment);
    tcase_add_test(behaviour, edit_writes_nothing_behind_a_closed_gate);
    tcase_add_test(behaviour, undo_puts_the_old_bytes_back);
    tcase_add_test(behaviour, undo_refuses_a_file_that_was_edited_since);
    tcase_add_test(behaviour, plan_shows_the_change_and_hands_on_the_edited_text);
    tcase_add_test(behaviour, plan_refuses_what_could_not_be_done);
    suite_add_tcase(suite, behaviour);
    return suite_run(suite);
}
