/* What events say to people: every type has its words, and whatever a record holds that a person could want
 * to know is told in the history. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/saying.h"
#include "suite.h"

/* Each type with all that its body can hold. What the program alone needs (keys, digests, checkpoints, times
 * spent) and what the next record tells stands under `untold`. */
static const struct {
    enum event_type type;
    const char *told, *untold;
} BODIES[] = {
    {EVENT_RUN_SUBMITTED,
     "{\"params\":{\"n\":1},\"cluster\":{\"context\":\"prod\"},\"lock\":\"ns/a\",\"waits_for_lock\":true,"
     "\"key\":\"K\",\"paused\":true}",
     "{\"job\":\"j\",\"job_digest\":\"d\",\"machine_digest\":\"d\",\"engine\":1,\"vars\":{\"v\":1},"
     "\"folder\":\"/f\",\"uid\":0,\"host\":\"h\"}"},
    {EVENT_RUN_CLAIMED, "{\"driver\":{\"pid\":7},\"rebooted\":true,\"take_over\":true,\"reason\":\"R\"}",
     "{}"},
    {EVENT_LOCK_ACQUIRED, "{}", "{}"},
    {EVENT_LOCK_RELEASED, "{}", "{}"},
    {EVENT_STEP_STARTED, "{\"start\":2}",
     "{\"inputs\":{\"a\":1},\"key\":\"k\",\"attempt\":1,\"prepares\":true,\"goes_on\":true,\"spent_ms\":1}"},
    {EVENT_STEP_PREPARED, "{}", "{\"checkpoint\":{},\"spent_ms\":1}"},
    {EVENT_STEP_CHECKPOINT, "{}", "{\"checkpoint\":{},\"spent_ms\":1}"},
    {EVENT_STEP_SUCCEEDED, "{\"outputs\":{\"o\":1},\"by\":\"probe\"}",
     "{\"then\":\"t\",\"inputs\":{\"a\":1}}"},
    {EVENT_STEP_SUCCEEDED, "{\"summary\":\"S\",\"by\":\"person\"}", "{\"outputs\":{\"o\":1}}"},
    {EVENT_STEP_FAILED,
     "{\"error\":{\"code\":\"helm\",\"message\":\"M\",\"next\":\"N\"},\"then\":\"elsewhere\"}",
     "{\"transient\":true,\"acted\":true,\"looked\":true}"},
    {EVENT_STEP_RETRY_SCHEDULED, "{\"delay_ms\":500}", "{}"},
    {EVENT_STEP_SKIPPED, "{}", "{\"then\":\"t\"}"},
    {EVENT_STEP_INTERRUPTED, "{\"acted\":false,\"why\":\"W\",\"delay_ms\":500}", "{\"spent_ms\":1}"},
    {EVENT_STEP_INTERRUPTED, "{\"rests\":true,\"why\":\"Ctrl-C\"}", "{\"clean\":true}"},
    {EVENT_STEP_PROBED,
     "{\"answer\":\"cannot_tell\",\"undo\":true,\"again\":true,\"touched\":true,\"mend\":true,\"why\":\"W\"}",
     "{\"found\":{\"name\":\"r\"}}"},
    {EVENT_GUARD_ASKED, "{\"guard\":\"G\",\"why\":\"W\"}", "{}"},
    {EVENT_GUARD_ASKED, "{\"guard\":\"G\",\"ok\":true}", "{}"},
    {EVENT_RECORD_REMOVED, "{\"record\":{\"name\":\"sh.helm.release.v1.x.v2\"}}", "{}"},
    {EVENT_APPROVAL_REQUESTED, "{\"text\":\"T\"}", "{\"step\":\"s\",\"visit\":1,\"digest\":\"d\"}"},
    {EVENT_APPROVED, "{\"reason\":\"R\",\"by_option\":\"--yes\"}", "{\"question\":\"d\"}"},
    {EVENT_REJECTED, "{\"reason\":\"R\"}", "{\"error\":{\"code\":\"rejected\",\"message\":\"by: R\"}}"},
    {EVENT_DECISION_REQUESTED, "{\"text\":\"T\",\"error\":{\"next\":\"N\"},\"undo\":true}",
     "{\"step\":\"s\",\"visit\":1,\"digest\":\"d\"}"},
    {EVENT_RESOLVED, "{\"how\":\"done\",\"reason\":\"R\"}", "{}"},
    {EVENT_PAUSED, "{\"reason\":\"R\",\"in_flight\":\"F\"}", "{}"},
    {EVENT_RESUMED, "{\"reason\":\"R\",\"from\":\"F\",\"allow\":\"A\"}", "{}"},
    {EVENT_CANCEL_REQUESTED, "{\"reason\":\"R\",\"in_flight\":\"F\"}", "{}"},
    {EVENT_ROLLBACK_STARTED, "{\"reason\":\"R\",\"steps\":[\"b\",\"a\"]}", "{}"},
    {EVENT_UNDO_STARTED, "{\"start\":2}", "{\"inputs\":{\"a\":1},\"key\":\"k\",\"attempt\":1}"},
    {EVENT_STEP_UNDONE, "{\"by\":\"nothing to undo\"}", "{\"spent_ms\":1}"},
    {EVENT_UNDO_FAILED, "{\"error\":{\"code\":\"helm\",\"message\":\"M\"}}", "{\"acted\":true}"},
    {EVENT_RUN_SUCCEEDED, "{}", "{}"},
    {EVENT_RUN_FAILED, "{\"error\":{\"code\":\"helm\",\"message\":\"M\",\"step\":\"s\",\"used_up\":\"U\"}}",
     "{}"},
    {EVENT_RUN_CANCELLED, "{\"half_done\":[\"a\",\"b\"]}", "{}"},
    {EVENT_RUN_ROLLED_BACK, "{}", "{}"},
    {EVENT_COMMAND_REFUSED,
     "{\"command\":\"resolve\",\"step\":\"s\",\"how\":\"done\",\"reason\":\"R\",\"why\":\"W\"}", "{}"},
};
#define BODY_COUNT (int)(sizeof BODIES / sizeof *BODIES)

static char *said(enum event_type type, json_t *body)
{
    struct event event = {
        .type = type, .visit = 2, .attempt = 3, .epoch = 4, .actor = "ops@bastion", .body = body};
    return saying_of(type)->say(&event, true);
}

START_TEST(every_type_has_its_words)
{
    bool met[EVENT_TYPE_COUNT] = {false};
    for (int i = 0; i < BODY_COUNT; i++)
        met[BODIES[i].type] = true;
    for (int type = 0; type < EVENT_TYPE_COUNT; type++) {
        const struct saying *saying = saying_of((enum event_type)type);
        ck_assert_msg(met[type] && saying->words && saying->say && saying->colour && saying->says, "%s",
                      event_type_text((enum event_type)type));
    }
}
END_TEST

/* Leaves each field away in turn, of the body and of the error in it: the text must be another one. */
static void expect_each_told(int index, json_t *body, json_t *fields)
{
    char *whole = said(BODIES[index].type, body);
    const char *key;
    json_t *value, *all = json_copy(fields);
    json_object_foreach(all, key, value)
    {
        json_object_del(fields, key);
        char *less = said(BODIES[index].type, body);
        ck_assert_msg(strcmp(whole, less) != 0, "%s: \"%s\" does not tell its %s",
                      event_type_text(BODIES[index].type), whole, key);
        json_object_set(fields, key, value);
        free(less);
    }
    json_decref(all);
    free(whole);
}

START_TEST(history_tells_every_field)
{
    json_t *body = json_loads(BODIES[_i].told, 0, NULL), *untold = json_loads(BODIES[_i].untold, 0, NULL);
    ck_assert(body && untold);
    char *before = said(BODIES[_i].type, body);
    expect_each_told(_i, body, body);
    if (json_object_get(body, "error"))
        expect_each_told(_i, body, json_object_get(body, "error"));
    json_object_update(body, untold);
    char *after = said(BODIES[_i].type, body);
    ck_assert_str_eq(before, after);
    free(before);
    free(after);
    json_decref(body);
    json_decref(untold);
}
END_TEST

START_TEST(what_is_told_reads_well)
{
    static const struct {
        enum event_type type;
        const char *body, *text;
    } told[] = {
        {EVENT_STEP_INTERRUPTED, "{\"acted\":false,\"why\":\"the connection broke\",\"delay_ms\":2000}",
         "it had changed nothing: the connection broke, again in 2.0 s"},
        {EVENT_STEP_INTERRUPTED, "{\"clean\":true,\"rests\":true,\"why\":\"Ctrl-C\"}",
         "its driver left: Ctrl-C"},
        {EVENT_STEP_UNDONE, "{\"by\":\"nothing to undo\"}", "(nothing to undo)"},
        {EVENT_STEP_SUCCEEDED, "{\"summary\":\"3 pods\",\"by\":\"probe\"}", "3 pods (by probe)"},
        {EVENT_RUN_CANCELLED, "{\"half_done\":[\"a\",\"b\"]}", "half done: a, b"},
        {EVENT_RUN_CANCELLED, "{\"half_done\":[]}", ""},
        {EVENT_ROLLBACK_STARTED, "{\"reason\":\"too early\",\"steps\":[\"b\",\"a\"]}",
         "by ops@bastion, to undo: b, a: too early"},
        {EVENT_APPROVED, "{\"reason\":\"fine\"}", "by ops@bastion: fine"},
    };
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        json_t *body = json_loads(told[i].body, 0, NULL);
        char *text = said(told[i].type, body);
        ck_assert_str_eq(text, told[i].text);
        free(text);
        json_decref(body);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("saying");
    TCase *all = tcase_create("all");
    tcase_add_test(all, every_type_has_its_words);
    tcase_add_loop_test(all, history_tells_every_field, 0, BODY_COUNT);
    tcase_add_test(all, what_is_told_reads_well);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
