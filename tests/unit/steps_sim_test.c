/* The step bodies one after another against the simulated cluster, in both orders of a scale-in, with what
 * can go wrong between them. */
#include "simulated.h"
#include "suite.h"

#include "steps/kind.h"

#define SETTLE_MS 60000
#define HOUR_MS   3600000

struct running {
    struct visit visit;
    struct answer answer;
    struct probe_answer probe;
    struct gate gate;
    json_t *inputs, *checkpoint;
    int64_t held_since_ms;
    void *handle;
    const struct step_kind *kind;
};

static bool pass(const struct visit *visit, struct error *error)
{
    (void)error;
    return gate_pass(visit->gate);
}

static void fill_defaults(struct running *running)
{
    for (const struct declared_input *input = running->kind->declaration.inputs; input->name; input++) {
        if (!input->fallback || json_object_get(running->inputs, input->name))
            continue;
        json_t *value = input->type == TYPE_STRING || input->type == TYPE_DURATION
                            ? json_string(input->fallback)
                        : input->type == TYPE_LIST ? json_pack("[s]", "CHUNK_STATUS_SESSION_EXPIRED")
                                                   : json_loads(input->fallback, JSON_DECODE_ANY, NULL);
        json_object_set_new(running->inputs, input->name, value);
    }
}

static void begin(struct running *running, const char *kind, json_t *inputs)
{
    *running = (struct running){.kind = step_kind_find(kind), .inputs = inputs, .held_since_ms = -1};
    ck_assert_ptr_nonnull(inputs);
    fill_defaults(running);
    gate_init(&running->gate);
    running->visit.act_ended_ms = -1;
    running->visit.settle_ms = SETTLE_MS;
}

static void frame(struct running *running)
{
    running->visit.inputs = running->inputs;
    running->visit.checkpoint = running->checkpoint;
    running->visit.now_ms = now();
    running->visit.cluster = cluster;
    running->visit.gate = &running->gate;
    running->visit.pass = pass;
    running->visit.held_since_ms = &running->held_since_ms;
    running->visit.handle = &running->handle;
    answer_clear(&running->answer);
    probe_answer_clear(&running->probe);
}

static void keep(struct running *running, json_t *checkpoint)
{
    if (checkpoint) {
        json_decref(running->checkpoint);
        running->checkpoint = json_incref(checkpoint);
    }
}

/* As the driver would, until it is no AGAIN or the time is up. */
static enum answer_kind apply(struct running *running, int64_t limit_ms)
{
    int64_t end_ms = now() + limit_ms;
    for (;;) {
        frame(running);
        running->kind->apply(&running->visit, &running->answer);
        keep(running, running->answer.checkpoint);
        if (running->answer.kind != ANSWER_AGAIN || now() >= end_ms)
            break;
        later(running->answer.after_ms);
    }
    running->visit.act_ended_ms = now();
    return running->answer.kind;
}

static enum probe_kind probe(struct running *running, int64_t limit_ms)
{
    int64_t end_ms = now() + limit_ms;
    json_decref(running->checkpoint);
    running->checkpoint = NULL;
    for (;;) {
        frame(running);
        running->kind->probe(&running->visit, &running->probe);
        keep(running, running->probe.checkpoint);
        if (running->probe.kind != PROBE_IN_PROGRESS || now() >= end_ms)
            break;
        later(running->probe.after_ms);
    }
    json_decref(running->checkpoint);
    running->checkpoint = NULL;
    return running->probe.kind;
}

static void finish(struct running *running)
{
    if (running->handle)
        running->kind->handle_free(running->handle);
    answer_clear(&running->answer);
    probe_answer_clear(&running->probe);
    json_decref(running->inputs);
    json_decref(running->checkpoint);
    gate_destroy(&running->gate);
}

/* Runs to success; the outputs, to be freed. */
static json_t *succeed(const char *kind, json_t *inputs)
{
    struct running running;
    begin(&running, kind, inputs);
    ck_assert_msg(apply(&running, HOUR_MS) == ANSWER_DONE, "%s: %s", kind, running.answer.error.message);
    json_t *outputs = json_incref(running.answer.outputs);
    finish(&running);
    return outputs;
}

static void pass_step(const char *kind, json_t *inputs)
{
    json_decref(succeed(kind, inputs));
}

static json_t *check_inputs(int64_t leaving)
{
    return json_pack("{s:s,s:i,s:s,s:I}", "component", "chunk", "count", 3, "direction", "in",
                     "leaving_chunk", (json_int_t)leaving);
}

static json_t *pods_inputs(void)
{
    return json_pack("{s:s,s:i}", "component", "chunk", "count", 3);
}

static json_t *found_of(const char *pod)
{
    return succeed("find_chunk", json_pack("{s:s}", "pod", pod));
}

static json_t *unregister_inputs(const json_t *chunk, const char *status)
{
    json_t *located = succeed("locate_meta_leader", json_object());
    json_t *inputs = json_pack("{s:O,s:O,s:O,s:s}", "leader", json_object_get(located, "pod"), "chunk_id",
                               json_object_get(chunk, "id"), "chunk_ip", json_object_get(chunk, "ip"), "pod",
                               "iomesh-chunk-3");
    if (status)
        json_object_set_new(inputs, "expect_status", json_pack("[s]", status));
    json_decref(located);
    return inputs;
}

static json_t *expired_inputs(const json_t *chunk)
{
    return json_pack("{s:O,s:O,s:s}", "expect_id", json_object_get(chunk, "id"), "expect_ip",
                     json_object_get(chunk, "ip"), "pod", "iomesh-chunk-3");
}

static void make_four(void)
{
    options.chunks = 4;
    options.nodes = 6;
    options.virtual_time = true;
    make();
}

START_TEST(a_scale_in_shrinks_first_and_then_unregisters_the_expired_chunk)
{
    make_four();
    json_t *leaving = found_of("iomesh-chunk-3");
    pass_step("check_scale", check_inputs(json_int(leaving, "id", -1)));
    fault("scale statefulset=iomesh-chunk replicas=3");
    pass_step("verify_pods", pods_inputs());
    json_t *expired = succeed("find_expired_chunk", expired_inputs(leaving));
    pass_step("verify_idle", json_object());
    pass_step("unregister_chunk", unregister_inputs(expired, NULL));
    pass_step("confirm_removal", json_pack("{s:O}", "chunk_id", json_object_get(expired, "id")));
    ck_assert_int_eq(effects("unregister"), 1);
    chunk_is((int)json_int(leaving, "id", -1), NULL);
    json_decref(leaving);
    json_decref(expired);
}
END_TEST

START_TEST(a_scale_in_drains_first_and_shrinks_a_pod_that_serves_nothing)
{
    make_four();
    json_t *leaving = found_of("iomesh-chunk-3");
    int64_t id = json_int(leaving, "id", -1);
    pass_step("unregister_chunk", unregister_inputs(leaving, "CHUNK_STATUS_CONNECTED_HEALTHY"));
    pass_step("confirm_removal", json_pack("{s:I}", "chunk_id", (json_int_t)id));
    pass_step("verify_idle", json_object());
    pass_step("check_scale", check_inputs(id));
    fault("scale statefulset=iomesh-chunk replicas=3");
    pass_step("verify_pods", pods_inputs());
    pass_step("check_scale", check_inputs(id));
    ck_assert_int_eq(effects("unregister"), 1);
    json_decref(leaving);
}
END_TEST

START_TEST(a_drained_pod_that_came_back_as_a_new_chunk_is_not_shrunk)
{
    struct running check;
    make_four();
    json_t *leaving = found_of("iomesh-chunk-3");
    int64_t id = json_int(leaving, "id", -1);
    pass_step("unregister_chunk", unregister_inputs(leaving, "CHUNK_STATUS_CONNECTED_HEALTHY"));
    pass_step("confirm_removal", json_pack("{s:I}", "chunk_id", (json_int_t)id));
    fault("pod-delete pod=iomesh-chunk-3");
    pass_step("verify_pods", json_pack("{s:s,s:i}", "component", "chunk", "count", 4));
    pass_step("verify_idle", json_object());
    begin(&check, "check_scale", check_inputs(id));
    ck_assert_int_eq(apply(&check, 0), ANSWER_FAILED);
    ck_assert_msg(strstr(check.answer.error.message, "iomesh-chunk-3, which would go, serves chunk"), "%s",
                  check.answer.error.message);
    finish(&check);
    json_decref(leaving);
}
END_TEST

START_TEST(the_leader_trap_does_not_stop_a_scale_in)
{
    make_four();
    json_t *leaving = found_of("iomesh-chunk-3");
    fault("scale statefulset=iomesh-chunk replicas=3");
    pass_step("verify_pods", pods_inputs());
    char *old = leader();
    fault(strcmp(old, "iomesh-meta-1") ? "leader-move pod=iomesh-meta-1" : "leader-move pod=iomesh-meta-2");
    json_t *expired = succeed("find_expired_chunk", expired_inputs(leaving));
    ck_assert_str_eq(json_text(expired, "chunk_status", ""), "CHUNK_STATUS_INITIALIZING");
    pass_step("verify_idle", json_object());
    pass_step("unregister_chunk", unregister_inputs(expired, NULL));
    ck_assert_int_eq(effects("unregister"), 1);
    free(old);
    json_decref(leaving);
    json_decref(expired);
}
END_TEST

/* Cuts the connection behind the command; returns the step, whose outcome is unknown, at its probe. */
static enum probe_kind cut_then_probe(struct running *step, const char *trouble)
{
    make_four();
    json_t *leaving = found_of("iomesh-chunk-3");
    fault("scale statefulset=iomesh-chunk replicas=3");
    pass_step("verify_pods", pods_inputs());
    json_t *expired = succeed("find_expired_chunk", expired_inputs(leaving));
    pass_step("verify_idle", json_object());
    begin(step, "unregister_chunk", unregister_inputs(expired, NULL));
    fault(trouble);
    ck_assert_int_eq(apply(step, HOUR_MS), ANSWER_UNKNOWN);
    json_decref(leaving);
    json_decref(expired);
    return probe(step, HOUR_MS);
}

START_TEST(a_cut_behind_the_effect_is_found_done)
{
    struct running step;
    ck_assert_int_eq(cut_then_probe(&step, "fail verb=exec command=unregister code=cut effect=yes"),
                     PROBE_DONE);
    ck_assert_int_eq(effects("unregister"), 1);
    finish(&step);
}
END_TEST

START_TEST(a_command_that_arrives_late_is_found_done)
{
    struct running step;
    ck_assert_int_eq(cut_then_probe(&step, "fail verb=exec command=unregister code=cut late=30s"),
                     PROBE_DONE);
    ck_assert_int_eq(effects("unregister"), 1);
    finish(&step);
}
END_TEST

START_TEST(a_cut_before_the_effect_is_found_not_done_and_acts_again)
{
    struct running step;
    ck_assert_int_eq(cut_then_probe(&step, "fail verb=exec command=unregister code=cut"), PROBE_NOT_DONE);
    ck_assert_int_eq(effects("unregister"), 0);
    ck_assert_int_eq(apply(&step, HOUR_MS), ANSWER_DONE);
    ck_assert_int_eq(effects("unregister"), 1);
    finish(&step);
}
END_TEST

START_TEST(a_pod_that_cannot_be_placed_is_named_with_the_schedulers_reason)
{
    struct running step;
    make_four();
    fault("pod-stuck pod=iomesh-chunk-4 reason=Unschedulable");
    fault("scale statefulset=iomesh-chunk replicas=5");
    begin(&step, "verify_pods", json_pack("{s:s,s:i}", "component", "chunk", "count", 5));
    ck_assert_int_eq(apply(&step, 60000), ANSWER_AGAIN);
    ck_assert_msg(strstr(step.answer.error.message, "iomesh-chunk-4 Unschedulable: 0/"), "%s",
                  step.answer.error.message);
    fault("pod-free pod=iomesh-chunk-4");
    ck_assert_int_eq(apply(&step, HOUR_MS), ANSWER_DONE);
    finish(&step);
}
END_TEST

START_TEST(a_pod_without_the_ip_program_tells_the_same_chunk)
{
    make_four();
    json_t *by_ip = found_of("iomesh-chunk-2");
    fault("setting name=exec_has_ip value=0");
    json_t *by_trie = found_of("iomesh-chunk-2");
    ck_assert(json_equal(by_ip, by_trie));
    json_decref(by_ip);
    json_decref(by_trie);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("steps_sim");
    TCase *all = tcase_create("steps_sim");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_set_timeout(all, 30);
    tcase_add_test(all, a_scale_in_shrinks_first_and_then_unregisters_the_expired_chunk);
    tcase_add_test(all, a_scale_in_drains_first_and_shrinks_a_pod_that_serves_nothing);
    tcase_add_test(all, a_drained_pod_that_came_back_as_a_new_chunk_is_not_shrunk);
    tcase_add_test(all, the_leader_trap_does_not_stop_a_scale_in);
    tcase_add_test(all, a_cut_behind_the_effect_is_found_done);
    tcase_add_test(all, a_command_that_arrives_late_is_found_done);
    tcase_add_test(all, a_cut_before_the_effect_is_found_not_done_and_acts_again);
    tcase_add_test(all, a_pod_that_cannot_be_placed_is_named_with_the_schedulers_reason);
    tcase_add_test(all, a_pod_without_the_ip_program_tells_the_same_chunk);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
