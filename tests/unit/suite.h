/* How a test program ends: its suite is run, and the status says whether all passed. */
#ifndef PAWL_TESTS_SUITE_H
#define PAWL_TESTS_SUITE_H

#include <check.h>

/* Takes the suite; the status to leave with. */
static inline int suite_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
