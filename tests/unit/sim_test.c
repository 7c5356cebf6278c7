/* The simulated IOMesh and Kubernetes behave as the real ones were seen to. */
#include "unit/simulated.h"

START_TEST(chunk_ids_do_not_follow_ordinals)
{
    for (int i = 0; i < 4; i++) {
        char pod[32];
        snprintf(pod, sizeof pod, "iomesh-chunk-%d", i);
        int id = chunk_of(pod);
        ck_assert_int_gt(id, 0);
        ck_assert_int_ne(id, i);
        ck_assert_int_ne(id, i + 1);
    }
}
END_TEST

START_TEST(shrunk_pod_goes_and_its_chunk_expires_and_is_unregistered_at_once)
{
    int id = chunk_of("iomesh-chunk-3");
    struct error error;
    scale(3);
    ck_assert_int_eq(count(&pods, "app.kubernetes.io/component=chunk"), 4); /* terminating still shows */
    later(options.terminate_ms);
    ck_assert_int_eq(count(&pods, "app.kubernetes.io/component=chunk"), 3);
    chunk_is(id, "CONNECTED_HEALTHY");
    later(options.expire_ms);
    chunk_is(id, "SESSION_EXPIRED");
    ck_assert(!is_idle());
    later(options.recover_ms);
    ck_assert(is_idle());
    ck_assert_msg(!unregister(id, &error), "%s", error.message);
    chunk_is(id, NULL);
    ck_assert_int_ne(unregister(id, &error), 0);
    ck_assert_ptr_nonnull(strstr(error.message, "not found"));
    ck_assert_int_eq(effects("unregister"), 1);
    ck_assert_int_eq(effects("helm_upgrade"), 1);
}
END_TEST

START_TEST(drained_chunk_stays_healthy_until_it_is_gone_and_its_pod_registers_anew_only_after_a_restart)
{
    int id = chunk_of("iomesh-chunk-3");
    struct error error;
    ck_assert_int_eq(unregister(id, &error), 0);
    ck_assert_int_ne(unregister(id, &error), 0);
    ck_assert_ptr_nonnull(strstr(error.message, "already being removed"));
    later(60000); /* longer than settle */
    chunk_is(id, "CONNECTED_HEALTHY");
    ck_assert(!is_idle());
    later(options.drain_ms - 60000);
    chunk_is(id, NULL);
    ck_assert(is_idle());
    later(600000);
    ck_assert_int_eq(chunk_of("iomesh-chunk-3"), -1);
    fault("pod-delete pod=iomesh-chunk-3");
    later(options.terminate_ms);
    later(options.start_ms);
    ck_assert_int_eq(chunk_of("iomesh-chunk-3"), 5);
    ck_assert(!is_idle());
    later(options.migrate_ms);
    ck_assert(is_idle());
}
END_TEST

START_TEST(unregister_is_refused_while_another_chunk_is_unhealthy_and_off_the_leader)
{
    struct error error;
    char *out;
    fault("chunk-status id=1 status=CHUNK_STATUS_CONNECTED_ERROR for=10s");
    ck_assert_int_ne(unregister(2, &error), 0);
    ck_assert_ptr_nonnull(strstr(error.message, "chunk 1 is not healthy"));
    later(10000);
    ck_assert_int_ne(
        cluster_read_exec(cluster, NS, "iomesh-meta-2", "iomesh-meta",
                          (const char *[]){"/opt/iomesh/iomeshctl", "chunk", "unregister", "2", NULL}, 1000,
                          &out, &error),
        0);
    ck_assert_int_eq(effects("unregister"), 0);
    ck_assert_int_eq(unregister(2, &error), 0);
}
END_TEST

START_TEST(leader_that_never_had_the_session_shows_initializing_for_ever)
{
    int id = chunk_of("iomesh-chunk-3");
    scale(3);
    later(options.terminate_ms);
    fault("leader-move pod=iomesh-meta-1");
    later(options.expire_ms);
    chunk_is(id, "INITIALIZING");
    later(86400000);
    chunk_is(id, "INITIALIZING");
}
END_TEST

START_TEST(leader_goes_and_another_is_elected_after_a_while)
{
    char *name = leader();
    ck_assert_str_eq(name, "iomesh-meta-0");
    free(name);
    fault("pod-delete pod=iomesh-meta-0");
    ck_assert_ptr_null(leader());
    later(options.election_ms);
    name = leader();
    ck_assert_str_eq(name, "iomesh-meta-1");
    free(name);
    fault("leader-two pod=iomesh-meta-2 for=1s");
    ck_assert_ptr_null(leader());
    later(1000);
    name = leader();
    ck_assert_str_eq(name, "iomesh-meta-1");
    free(name);
}
END_TEST

START_TEST(status_is_late_by_the_lag)
{
    options.lag_ms = 5000;
    make();
    struct error error;
    ck_assert_int_eq(unregister(2, &error), 0);
    later(options.drain_ms);
    chunk_is(2, "CONNECTED_HEALTHY");
    later(options.lag_ms - 1);
    chunk_is(2, "CONNECTED_HEALTHY");
    later(1);
    chunk_is(2, NULL);
}
END_TEST

START_TEST(requests_meet_their_troubles_in_order)
{
    json_t *object = NULL;
    struct error error;
    fault("fail verb=get resource=iomeshclusters code=503 skip=1");
    fault("fail verb=get resource=iomeshclusters code=half");
    json_decref(get(&iomesh));
    ck_assert_int_eq(cluster->calls->get(cluster, &iomesh, &object, &error), -1);
    ck_assert_int_eq(error.code, ERROR_CLUSTER_BUSY);
    object = get(&iomesh);
    ck_assert_int_eq(json_array_size(json_at(object, "status", "summary", "chunkSummary", "chunks", NULL)),
                     2);
    json_decref(object);
    object = get(&iomesh);
    ck_assert_int_eq(json_array_size(json_at(object, "status", "summary", "chunkSummary", "chunks", NULL)),
                     4);
    json_decref(object);
}
END_TEST

START_TEST(cut_exec_may_take_effect_or_not_or_late)
{
    static const struct {
        const char *fault;
        int at_once, later;
    } cases[] = {{"fail verb=exec code=cut effect=yes", 1, 1},
                 {"fail verb=exec code=cut", 0, 0},
                 {"fail verb=exec code=cut late=30s", 0, 1}};
    for (size_t i = 0; i < 3; i++) {
        struct error error;
        make();
        fault(cases[i].fault);
        ck_assert_int_eq(unregister(2, &error), -1);
        ck_assert_int_eq(error.code, ERROR_EXEC_BROKEN);
        ck_assert_int_eq(effects("unregister"), cases[i].at_once);
        later(30000);
        ck_assert_int_eq(effects("unregister"), cases[i].later);
    }
}
END_TEST

START_TEST(only_the_named_command_meets_the_fault)
{
    struct error error;
    fault("fail verb=exec command=unregister code=cut");
    ck_assert(is_idle());
    ck_assert_int_eq(unregister(2, &error), -1);
    ck_assert_int_eq(error.code, ERROR_EXEC_BROKEN);
    ck_assert_int_eq(unregister(2, &error), 0);
}
END_TEST

START_TEST(pod_that_crashes_loses_its_chunk_and_gets_it_back)
{
    int id = chunk_of("iomesh-chunk-1");
    fault("pod-stuck pod=iomesh-chunk-1 reason=CrashLoopBackOff for=1m");
    later(options.expire_ms);
    chunk_is(id, "SESSION_EXPIRED");
    json_t *pod = get(&(struct resource){"", "v1", "pods", NS, "iomesh-chunk-1"});
    const json_t *container = json_array_get(json_at(pod, "status", "containerStatuses", NULL), 0);
    ck_assert_str_eq(json_text(json_at(container, "state", "waiting", NULL), "reason", ""),
                     "CrashLoopBackOff");
    json_decref(pod);
    later(60000 + options.start_ms);
    chunk_is(id, "CONNECTED_HEALTHY");
    ck_assert_int_eq(chunk_of("iomesh-chunk-1"), id);
}
END_TEST

START_TEST(license_keys_and_helm_records_can_be_elsewhere)
{
    options.license = "spaced";
    options.helm_driver = "configmap";
    make();
    json_t *object = get(&iomesh);
    ck_assert_int_eq(json_int(json_at(object, "status", "license", NULL), "Max Chunk Num", 0), 255);
    json_decref(object);
    ck_assert_int_eq(count(&(struct resource){"", "v1", "secrets", NS, NULL}, "owner=helm"), 0);
    ck_assert_int_eq(helm("history iomesh -n iomesh-system -o json", NULL), 0);
}
END_TEST

START_TEST(what_is_denied_is_said_when_asked_and_refused_when_tried)
{
    struct error error;
    struct resource exec = {"", "v1", "pods/exec", NS, NULL};
    char why[256];
    bool allowed = false;
    ck_assert_int_eq(cluster->calls->allowed(cluster, "get", &exec, &allowed, why, &error), 0);
    ck_assert(allowed);
    fault("deny verb=get resource=pods/exec");
    ck_assert_int_eq(cluster->calls->allowed(cluster, "get", &exec, &allowed, why, &error), 0);
    ck_assert(!allowed);
    ck_assert_int_eq(unregister(2, &error), -1);
    ck_assert_int_eq(error.code, ERROR_CLUSTER_DENIED);
    ck_assert_int_eq(effects("unregister"), 0);
}
END_TEST

START_TEST(what_is_tied_to_an_effect_happens_after_it)
{
    fault("leader-move pod=iomesh-meta-2 on=helm_upgrade delay=1s");
    later(60000);
    char *name = leader();
    ck_assert_str_eq(name, "iomesh-meta-0");
    free(name);
    scale(5);
    later(1000);
    name = leader();
    ck_assert_str_eq(name, "iomesh-meta-2");
    free(name);
}
END_TEST

START_TEST(somebody_elses_upgrade_is_recorded_and_a_mistyped_fault_refused)
{
    static const char *const bad[][3] = {{"leader-moves", NULL, NULL},
                                         {"leader-move", NULL, NULL},
                                         {"leader-move", "pod=x", "colour=red"},
                                         {"leader-none", "for=soon", NULL},
                                         {"node-cordon", "node=worker-77", NULL}};
    struct error error;
    char *out;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_int_eq(sim_fault(file, bad[i], bad[i][2] ? 3 : bad[i][1] ? 2 : 1, &error), -1);
    fault("other-upgrade set=chunk.replicaCount:5 status=pending-upgrade");
    ck_assert_int_eq(helm("history iomesh -n iomesh-system -o json", &out), 0);
    ck_assert_ptr_nonnull(strstr(out, "pending-upgrade"));
    free(out);
    ck_assert_int_eq(helm("get values iomesh -n iomesh-system --revision 2 -o json", &out), 0);
    ck_assert_ptr_nonnull(strstr(out, "\"replicaCount\":5"));
    free(out);
}
END_TEST

START_TEST(leases_are_made_replaced_and_removed_under_their_version)
{
    struct resource lease = {"coordination.k8s.io", "v1", "leases", NS, "pawl-iomesh"};
    struct error error;
    json_t *object = json_pack("{s:{s:s}, s:{s:s}}", "metadata", "name", "pawl-iomesh", "spec",
                               "holderIdentity", "one");
    json_t *made = NULL, *replaced = NULL;
    ck_assert_int_eq(cluster->calls->create(cluster, &lease, object, &made, &error), 0);
    ck_assert_int_eq(cluster->calls->create(cluster, &lease, object, NULL, &error), -1);
    ck_assert_int_eq(error.code, ERROR_CLUSTER_CONFLICT);
    json_object_set_new(json_object_get(made, "spec"), "holderIdentity", json_string("two"));
    ck_assert_int_eq(cluster->calls->replace(cluster, &lease, made, &replaced, &error), 0);
    ck_assert_int_eq(cluster->calls->replace(cluster, &lease, made, NULL, &error), -1);
    ck_assert_int_eq(error.code, ERROR_CLUSTER_CONFLICT);
    ck_assert_int_eq(cluster->calls->remove(cluster, &lease, NULL, NULL, &error), 0);
    ck_assert_int_eq(cluster->calls->remove(cluster, &lease, NULL, NULL, &error), 0);
    ck_assert_ptr_null(get(&lease));
    json_decref(object);
    json_decref(made);
    json_decref(replaced);
}
END_TEST

START_TEST(a_pod_without_a_node_says_so_and_starts_when_one_comes)
{
    options.nodes = 4;
    make();
    scale(5);
    json_t *pod = get(&(struct resource){"", "v1", "pods", NS, "iomesh-chunk-4"});
    const json_t *condition = json_array_get(json_at(pod, "status", "conditions", NULL), 0);
    ck_assert_str_eq(json_text(condition, "reason", ""), "Unschedulable");
    ck_assert_ptr_nonnull(strstr(json_text(condition, "message", ""), "0/5 nodes are available"));
    json_decref(pod);
    fault("node-add node=worker-9");
    later(options.start_ms);
    ck_assert_int_eq(chunk_of("iomesh-chunk-4"), 5);
}
END_TEST

START_TEST(time_never_goes_back_and_is_the_files)
{
    int64_t start = now();
    later(5000);
    cluster->clock->jump_to(cluster->clock, start);
    open_again();
    ck_assert_int_eq(now(), start + 5000);
}
END_TEST

START_TEST(node_that_goes_down_takes_its_chunk_with_it)
{
    int id = chunk_of("iomesh-chunk-1");
    fault("node-down node=worker-1");
    fault("time for=10s");
    chunk_is(id, "SESSION_EXPIRED");
    ck_assert_int_eq(count(&pods, "app.kubernetes.io/component=chunk"), 4);
    fault("node-up node=worker-1");
    fault("time for=3s");
    chunk_is(id, "CONNECTED_HEALTHY");
}
END_TEST

int main(void)
{
    TCase *behaviour = simulated_case();
    tcase_add_test(behaviour, chunk_ids_do_not_follow_ordinals);
    tcase_add_test(behaviour, shrunk_pod_goes_and_its_chunk_expires_and_is_unregistered_at_once);
    tcase_add_test(
        behaviour,
        drained_chunk_stays_healthy_until_it_is_gone_and_its_pod_registers_anew_only_after_a_restart);
    tcase_add_test(behaviour, unregister_is_refused_while_another_chunk_is_unhealthy_and_off_the_leader);
    tcase_add_test(behaviour, leader_that_never_had_the_session_shows_initializing_for_ever);
    tcase_add_test(behaviour, leader_goes_and_another_is_elected_after_a_while);
    tcase_add_test(behaviour, status_is_late_by_the_lag);
    tcase_add_test(behaviour, requests_meet_their_troubles_in_order);
    tcase_add_test(behaviour, cut_exec_may_take_effect_or_not_or_late);
    tcase_add_test(behaviour, only_the_named_command_meets_the_fault);
    tcase_add_test(behaviour, pod_that_crashes_loses_its_chunk_and_gets_it_back);
    tcase_add_test(behaviour, license_keys_and_helm_records_can_be_elsewhere);
    tcase_add_test(behaviour, what_is_denied_is_said_when_asked_and_refused_when_tried);
    tcase_add_test(behaviour, what_is_tied_to_an_effect_happens_after_it);
    tcase_add_test(behaviour, somebody_elses_upgrade_is_recorded_and_a_mistyped_fault_refused);
    tcase_add_test(behaviour, leases_are_made_replaced_and_removed_under_their_version);
    tcase_add_test(behaviour, a_pod_without_a_node_says_so_and_starts_when_one_comes);
    tcase_add_test(behaviour, time_never_goes_back_and_is_the_files);
    tcase_add_test(behaviour, node_that_goes_down_takes_its_chunk_with_it);
    return simulated_run("sim", behaviour);
}
