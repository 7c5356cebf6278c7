/* Machines in a store that pawl did not compile: what would be called without being there, or would name a
 * file elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/machine.h"
#include "engine/runnable.h"
#include "suite.h"

#define STEP(id, more) "{\"format\":1,\"job\":\"j\",\"steps\":[{\"id\":\"" id "\"," more "}]}"
#define ACT(more)      "\"act\":{\"uses\":\"assert\",\"effect\":\"observe\"" more "}"

#define TEN_TIMES(item) item "," item "," item "," item "," item "," item "," item "," item "," item "," item

static struct error error;

START_TEST(machine_that_is_not_whole_is_refused)
{
    static const char *const machines[] = {
        "[]",
        "{\"format\":1,\"steps\":[]}",
        STEP("../../etc/cron.d/x", ACT("")),
        STEP("a b", ACT("")),
        STEP("", ACT("")),
        STEP("a", "\"timeout_ms\":-1," ACT("")),
        STEP("a", "\"settle_ms\":9223372036854775807," ACT("")),
        STEP("a", "\"retry\":{\"attempts\":0,\"factor\":2.0,\"jitter\":0.0}," ACT("")),
        STEP("a", "\"retry\":{\"attempts\":2,\"factor\":1e300,\"jitter\":0.0}," ACT("")),
        STEP("a", "\"next\":{\"step\":\"a\",\"max_visits\":2147483647}," ACT("")),
        STEP("a", "\"guards\":[\"b\"]," ACT("")),
        STEP("a", "\"guards\":[{}]," ACT("")),
        STEP("a", "\"guards\":[" TEN_TIMES("\"a\"") "]," ACT("")),
        STEP("a", "\"on_failure\":{\"do\":\"go on\"}," ACT("")),
        STEP("a", "\"on_failure\":{}," ACT("")),
        STEP("a", "\"on_failure\":{\"do\":\"goto\",\"way\":{\"step\":\"b\"}}," ACT("")),
        STEP("a", "\"next\":{\"step\":\"b\"}," ACT("")),
        STEP("a", "\"next\":{}," ACT("")),
        STEP("a", "\"next\":{\"step\":\"a\",\"max_visits\":4294967296}," ACT("")),
        STEP("a", "\"retry\":{\"attempts\":4294967297,\"factor\":2.0,\"jitter\":0.0}," ACT("")),
        STEP("a", "\"act\":{\"uses\":\"assert\",\"effect\":\"twice\"}"),
        STEP("a", "\"act\":{\"uses\":\"assert\"}"),
        STEP("a", "\"undo\":{\"effect\":\"once\"}," ACT("")),
    };
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        error = (struct error){0};
        ck_assert_msg(!machine_read(machines[i], &error), "%s", machines[i]);
        ck_assert_msg(error.code == ERROR_STORE_CORRUPT, "%s: %s", machines[i], error.message);
    }
}
END_TEST

START_TEST(machine_that_asks_for_what_its_kind_cannot_do_is_not_driven)
{
    static const char *const machines[] = {
        STEP("a", "\"act\":{\"uses\":\"nothing\",\"effect\":\"once\"}"),
        STEP("a", ACT(",\"prepares\":true")),
        STEP("a", ACT(",\"probes\":true")),
        STEP("a", ACT(",\"mends\":true")),
        STEP("a", ACT(",\"runs_child\":true")),
        STEP("a", ACT("") ",\"undo\":{\"uses\":\"assert\",\"effect\":\"once\"}"),
        STEP("a", ACT("") ",\"undo\":{\"uses\":\"nothing\",\"effect\":\"once\",\"with\":{}}"),
        STEP("a", ACT("") ",\"probe\":{\"uses\":\"approve\"}"),
        STEP("a", "\"act\":{\"uses\":\"approve\",\"effect\":\"once\"}"),
    };
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        error = (struct error){0};
        struct machine *machine = machine_read(machines[i], &error);
        ck_assert_msg(machine != NULL, "%s: %s", machines[i], error.message);
        ck_assert_msg(machine_check_kinds(machine, &error) == -1, "%s", machines[i]);
        ck_assert_int_eq(error.code, ERROR_STORE_CORRUPT);
        machine_free(machine);
    }
    struct machine *machine = machine_read(STEP("a", ACT("")), &error);
    ck_assert_int_eq(machine_check_kinds(machine, &error), 0);
    machine_free(machine);
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("machine: hostile");
    TCase *all = tcase_create("all");
    tcase_add_test(all, machine_that_is_not_whole_is_refused);
    tcase_add_test(all, machine_that_asks_for_what_its_kind_cannot_do_is_not_driven);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
