/* What a driver waits on. */
#include <signal.h>

#include "engine/loop.h"
#include "suite.h"

static int told;

static void on_signal(void *context, int number)
{
    (void)context;
    told = number;
}

START_TEST(a_signal_is_known_before_it_is_told)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (int round = 0; round < 2; round++) { /* a second loop of the same process as well */
        struct loop *loop = loop_new(on_signal, NULL);
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            told = 0;
            ck_assert(!loop_has_signal(loop));
            ck_assert_int_eq(raise(numbers[i]), 0);
            ck_assert(loop_has_signal(loop));
            ck_assert_int_eq(told, 0);
            while (!told)
                loop_collect(loop, 1000);
            ck_assert_int_eq(told, numbers[i]);
            ck_assert(!loop_has_signal(loop));
        }
        loop_free(loop);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *all = tcase_create("all");
    tcase_add_test(all, a_signal_is_known_before_it_is_told);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
