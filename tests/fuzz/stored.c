#include "tests/fuzz/stored.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "engine/decide.h"
#include "engine/load.h"
#include "engine/replay.h"

#define RUNS_USED 4
#define ROUNDS    24

/* ---- as the command line shows it ---- */

static void show(const char *path, const char *const *words)
{
    char *arguments[16] = {(char *)"pawl", (char *)"--store", (char *)path};
    int count = 3;
    for (; words[count - 3]; count++)
        arguments[count] = (char *)words[count - 3];
    struct invocation invocation;
    int status = invocation_parse(count, arguments, &invocation);
    assert(!status && invocation.command);
    status = invocation.command->run(&invocation);
    assert(status >= 0 && status <= EXIT_SYSTEM);
    invocation_clear(&invocation);
}

static void show_all(const char *path)
{
    static const char *const calls[][5] = {
        {"list"},         {"list", "--json"},         {"status", "1"},     {"status", "1", "--json"},
        {"history", "1"}, {"history", "1", "--json"}, {"logs", "1"},       {"logs", "1", "--json"},
        {"status", "2"},  {"audit", "verify"},        {"audit", "export"},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        show(path, calls[i]);
}

/* ---- as the driver goes on with it ---- */

static unsigned next_random(unsigned *random)
{
    return *random = *random * 1103515245u + 12345u, *random >> 16;
}

/* One of the answers that an order may have. */
static enum stimulus_kind answer_to(enum order order, unsigned random)
{
    static const enum stimulus_kind answers[][5] = {
        [ORDER_NOTHING] = {STIMULUS_TICK, STIMULUS_TICK, STIMULUS_TICK, STIMULUS_TICK, STIMULUS_TICK},
        [ORDER_LOCK] = {STIMULUS_LOCK_TAKEN, STIMULUS_TICK, STIMULUS_LOCK_TAKEN, STIMULUS_TICK,
                        STIMULUS_TICK},
        [ORDER_PLAN] = {STIMULUS_PLAN_OK, STIMULUS_PLAN_OK, STIMULUS_PLAN_REFUSED, STIMULUS_PLAN_OK,
                        STIMULUS_PLAN_OK},
        [ORDER_PROBE] = {STIMULUS_PROBE_DONE, STIMULUS_PROBE_NOT_DONE, STIMULUS_PROBE_IN_PROGRESS,
                         STIMULUS_PROBE_CANNOT_TELL, STIMULUS_PROBE_NOT_DONE},
        [ORDER_MEND] = {STIMULUS_MENDED, STIMULUS_MEND_FAILED, STIMULUS_TURNED_BACK, STIMULUS_MENDED,
                        STIMULUS_MENDED},
        [ORDER_PREPARE] = {STIMULUS_PREPARED, STIMULUS_PREPARE_FAILED, STIMULUS_GUARD_REFUSED,
                           STIMULUS_TURNED_BACK, STIMULUS_PREPARED},
        [ORDER_APPLY] = {STIMULUS_BODY_DONE, STIMULUS_BODY_FAILED, STIMULUS_BODY_AGAIN, STIMULUS_BODY_UNKNOWN,
                         STIMULUS_TURNED_BACK},
        [ORDER_STOP_CHILD] = {STIMULUS_TICK, STIMULUS_TICK, STIMULUS_TICK, STIMULUS_TICK, STIMULUS_TICK},
    };
    return answers[order][random % 5];
}

static enum answer_kind kind_of(enum stimulus_kind stimulus)
{
    return stimulus == STIMULUS_BODY_FAILED || stimulus == STIMULUS_PREPARE_FAILED ||
                   stimulus == STIMULUS_MEND_FAILED || stimulus == STIMULUS_GUARD_REFUSED
               ? ANSWER_FAILED
           : stimulus == STIMULUS_BODY_AGAIN   ? ANSWER_AGAIN
           : stimulus == STIMULUS_BODY_UNKNOWN ? ANSWER_UNKNOWN
           : stimulus == STIMULUS_TURNED_BACK  ? ANSWER_TURNED_BACK
                                               : ANSWER_DONE;
}

static enum order feed(struct run *run, struct live *live, enum stimulus_kind kind)
{
    struct decision decision = {0};
    struct error refused = {0};
    struct answer answer = {.kind = kind_of(kind), .after_ms = 10};
    struct probe_answer probe = {.kind = kind == STIMULUS_PROBE_DONE          ? PROBE_DONE
                                         : kind == STIMULUS_PROBE_NOT_DONE    ? PROBE_NOT_DONE
                                         : kind == STIMULUS_PROBE_IN_PROGRESS ? PROBE_IN_PROGRESS
                                                                              : PROBE_CANNOT_TELL};
    error_set(&refused, ERROR_REFUSED, "no");
    answer.error = probe.error = refused;
    struct stimulus stimulus = {.kind = kind, .answer = &answer, .probe = &probe, .error = &refused};
    enum order order = ORDER_LEAVE;
    do {
        machine_next(run, live, &stimulus, &decision);
        bool more = decision.more && !decision.failed;
        order = decision.failed ? ORDER_LEAVE : decision.order;
        decision_clear(&decision);
        stimulus = (struct stimulus){.kind = STIMULUS_TICK};
        if (!more)
            break;
    } while (true);
    answer_clear(&answer);
    probe_answer_clear(&probe);
    return order;
}

static void decide_on(struct run *run, unsigned random)
{
    struct live *live = live_new();
    live->now_ms = 1000000;
    live->wall_ms = 1790000000000;
    live->actor = "fuzz@here";
    live->store_uuid = "00000000-0000-4000-8000-000000000000";
    enum order order = ORDER_NOTHING;
    for (int round = 0; round < ROUNDS && order != ORDER_LEAVE; round++) {
        live->random = next_random(&random);
        live->now_ms += 1000;
        live->wall_ms += 1000;
        live->child = (enum child_state)(next_random(&random) % 4);
        order = feed(run, live, answer_to(order, next_random(&random)));
    }
    live_free(live);
}

static void load_each(const char *path, unsigned random)
{
    struct error error = {0};
    struct store *store = store_open(path, STORE_READ, &error);
    if (!store)
        return;
    for (int64_t id = 1; id <= RUNS_USED; id++) {
        struct machine *machine = NULL;
        error = (struct error){0};
        struct run *run = run_open(store, id, &machine, &error);
        assert(run || error.code);
        if (!run)
            continue;
        if (!run_is_ended(run))
            decide_on(run, random);
        run_free(run);
        machine_free(machine);
    }
    store_close(store);
}

static void rebuild(const char *path)
{
    struct error error = {0};
    struct store *store = store_open(path, STORE_WRITE, &error);
    if (!store) {
        assert(error.code);
        return;
    }
    if (!replay_rebuild(store, &error)) {
        struct chain_report report;
        error = (struct error){0};
        /* What was rebuilt is what the records give; the records themselves may be bad all the same. */
        replay_verify(store, &report, &error);
    }
    store_close(store);
}

void stored_use(const char *path, unsigned random)
{
    show_all(path);
    load_each(path, random);
    rebuild(path);
}
