/* Stores for tests: a folder of their own, and runs with records that only this file gives a meaning. */
#ifndef PAWL_TESTS_STORE_SUPPORT_H
#define PAWL_TESTS_STORE_SUPPORT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "state/store.h"

static char test_folder[64];
static char *test_path; /* of the store */

static void remove_folder(void)
{
    char *command = string_format("rm -rf '%s'", test_folder);
    ck_assert_int_eq(system(command), 0);
    free(command);
    free(test_path);
    test_path = NULL;
}

static void make_folder(void)
{
    if (test_path) /* the fixture's: a test makes one for each of its cases */
        remove_folder();
    strcpy(test_folder, "/tmp/pawl-store-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(test_folder));
    test_path = string_format("%s/state/pawl.db", test_folder);
}

__attribute__((unused)) static struct store *open_store(enum store_mode mode)
{
    struct error error = {0};
    struct store *store = store_open(test_path, mode, &error);
    ck_assert_msg(store != NULL, "%s", error.message);
    return store;
}

__attribute__((unused)) static struct run_row plain_row(int64_t run)
{
    return (struct run_row){.run = run,
                            .job = "job",
                            .job_digest = "jd",
                            .machine_digest = "md",
                            .status = "running",
                            .cluster = "{\"context\":\"a\"}",
                            .params = "{}",
                            .actor = "me@here",
                            .epoch = 1,
                            .submitted_ms = 1000 * run};
}

__attribute__((unused)) static struct record plain_record(int64_t run, int64_t seq)
{
    return (struct record){.run = run,
                           .seq = seq,
                           .time_ms = 1790000000000 + seq,
                           .event = "step_started",
                           .step = seq % 2 ? "upgrade" : NULL,
                           .visit = 1,
                           .attempt = seq % 2 ? 1 : 0,
                           .epoch = 1,
                           .actor = "me@here",
                           .body = "{\"inputs\":{\"count\":3},\"key\":\"k\"}"};
}

#define DO(call) ck_assert_msg((call) == 0, "%s", error.message)

/* A new run with so many records, in one transaction. */
__attribute__((unused)) static int64_t put_run(struct store *store, int records)
{
    struct error error = {0};
    int64_t run = 0;
    DO(store_begin(store, &error));
    DO(store_next_run(store, &run, &error));
    struct run_row row = plain_row(run);
    for (int i = 1; i <= records; i++) {
        struct record record = plain_record(run, i);
        DO(store_append(store, &record, &row.head, &error));
    }
    row.seq = records;
    DO(store_put_run(store, &row, &error));
    DO(store_commit(store, &error));
    return run;
}

#endif
