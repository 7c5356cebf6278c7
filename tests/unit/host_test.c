/* Who is alive, and where. */
#include <stdlib.h>
#include <string.h>

#include "engine/host.h"
#include "suite.h"

static void expect_stand_in(const char *kind, const char *name, int result)
{
    json_t *cluster = json_pack("{s:s}", "kind", kind);
    struct error error = {0};
    ck_assert_int_eq(host_check_stand_ins(cluster, &error), result);
    ck_assert_msg(strstr(error.next, name) != NULL, "%s", error.next);
    json_decref(cluster);
}

START_TEST(ids_that_stand_in_for_the_hosts_are_for_simulated_clusters)
{
    static const char *const names[] = {"PAWL_BOOT_ID", "PAWL_MACHINE_ID"};
    unsetenv(names[0]);
    unsetenv(names[1]);
    expect_stand_in("live", "", 0);
    for (int i = 0; i < 2; i++) {
        setenv(names[i], "other", 1);
        expect_stand_in("live", names[i], -1);
        expect_stand_in("sim", "", 0);
        unsetenv(names[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host");
    TCase *all = tcase_create("all");
    tcase_add_test(all, ids_that_stand_in_for_the_hosts_are_for_simulated_clusters);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
