/* One file, many processes and threads: nothing is lost, and the log agrees with the state. */
#include "base/file.h"
#include "unit/simulated.h"

struct asking {
    pthread_t thread;
    int number;
};

static void *ask(void *argument)
{
    const struct asking *asking = argument;
    for (int i = 0; i < 30; i++) {
        struct resource lease = {"coordination.k8s.io", "v1", "leases", NS, NULL};
        struct error error;
        json_t *object = json_pack("{s:{s:o}}", "metadata", "name",
                                   json_sprintf("lease-%d-%d", asking->number, i));
        ck_assert_int_eq(cluster->calls->create(cluster, &lease, object, NULL, &error), 0);
        json_decref(object);
        json_decref(get(&iomesh));
        later(100);
        ck_assert_int_eq(helm("history iomesh -n iomesh-system -o json", NULL), 0);
    }
    return NULL;
}

START_TEST(threads_share_one_cluster)
{
    struct asking asking[4] = {{0}};
    for (int i = 0; i < 4; i++) {
        asking[i].number = i;
        ck_assert_int_eq(pthread_create(&asking[i].thread, NULL, ask, &asking[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(asking[i].thread, NULL);
    ck_assert_int_eq(effects("create"), 120);
}
END_TEST

START_TEST(a_log_that_a_killed_process_did_not_finish_is_completed_by_the_next)
{
    for (int cut = 1; cut < 400; cut += 7) {
        struct error error;
        char path[160];
        struct stat status;
        make();
        ck_assert_int_eq(unregister(2, &error), 0);
        snprintf(path, sizeof path, "%s.log", file);
        ck_assert_int_eq(stat(path, &status), 0);
        json_t *state = json_load_file(file, 0, NULL);
        off_t before = json_int(json_object_get(state, "log"), "start", -1);
        json_decref(state);
        ck_assert_int_gt(before, 0);
        char *whole = file_read(path, 1 << 20, NULL, &error);
        ck_assert_ptr_nonnull(whole);
        /* As if it had been killed while it wrote the lines of this call. */
        off_t left = status.st_size - cut;
        ck_assert_int_eq(truncate(path, left < before ? before : left), 0);
        open_again();
        char *mended = file_read(path, 1 << 20, NULL, &error);
        ck_assert_str_eq(mended, whole);
        free(mended);
        free(whole);
        ck_assert_int_eq(effects("unregister"), 1);
        json_decref(get(&iomesh));
        ck_assert_int_eq(effects("unregister"), 1);
    }
}
END_TEST

static int entries(const char *name)
{
    struct error error;
    json_t *document = sim_show(file, &error);
    int found = (int)json_array_size(json_object_get(document, name));
    json_decref(document);
    return found;
}

START_TEST(processes_at_the_same_time_lose_nothing)
{
    enum { PROCESSES = 6, CALLS = 40 };
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i])
            continue;
        open_again();
        for (int call = 0; call < CALLS; call++) {
            struct resource lease = {"coordination.k8s.io", "v1", "leases", NS, NULL};
            struct error error;
            json_t *object = json_pack("{s:{s:o}}", "metadata", "name", json_sprintf("lease-%d-%d", i, call));
            if (cluster->calls->create(cluster, &lease, object, NULL, &error))
                _exit(1);
            json_decref(object);
        }
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++)
        ck_assert_int_eq(ended(children[i]), 0);
    ck_assert_int_eq(count(&(struct resource){"coordination.k8s.io", "v1", "leases", NS, NULL}, NULL),
                     PROCESSES * CALLS);
    ck_assert_int_eq(effects("create"), PROCESSES * CALLS);
    ck_assert_int_eq(entries("requests"), PROCESSES * CALLS + 1);
}
END_TEST

/* A pod that can never be placed, and is tried again at once for ever. */
START_TEST(a_file_whose_controllers_never_rest_is_refused)
{
    struct resource leases = {"coordination.k8s.io", "v1", "leases", NS, NULL};
    struct error error = {0};
    json_t *state = json_load_file(file, 0, NULL);
    json_t *pod = json_array_get(json_at(state, "objects", "pods", NULL), 0);
    json_object_set_new(pod, "spec", json_null());
    ck_assert_int_eq(json_dump_file(state, file, 0), 0);
    json_decref(state);
    open_again();
    json_t *lease = json_pack("{s:{s:s}}", "metadata", "name", "one");
    ck_assert_int_ne(cluster->calls->create(cluster, &leases, lease, NULL, &error), 0);
    ck_assert_int_eq(error.code, ERROR_CLUSTER_ANSWER);
    ck_assert_ptr_nonnull(strstr(error.message, "do not come to rest"));
    ck_assert_int_eq(count(&leases, NULL), 0);
    json_decref(lease);
}
END_TEST

int main(void)
{
    TCase *behaviour = simulated_case();
    tcase_add_test(behaviour, threads_share_one_cluster);
    tcase_add_test(behaviour, a_log_that_a_killed_process_did_not_finish_is_completed_by_the_next);
    tcase_add_test(behaviour, processes_at_the_same_time_lose_nothing);
    tcase_add_test(behaviour, a_file_whose_controllers_never_rest_is_refused);
    return simulated_run("sim_file", behaviour);
}
