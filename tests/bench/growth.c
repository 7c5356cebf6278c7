#include "tests/bench/growth.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "tests/bench/measure.h"
#include "tests/bench/past.h"
#include "tests/bench/table.h"
#include "tests/bench/workload.h"

#define RUNS          100000
#define COMMAND_TIMES 21
#define AUDIT_TIMES   3

struct place { /* a store, and the cluster and the job file beside it */
    struct workload workload;
    char *folder, *store, *cluster, *job;
    int runs; /* so far */
};

enum command { STATUS, SUBMIT, RESUME, LIST, HISTORY, COMMAND_COUNT };
static const char *const COMMANDS[COMMAND_COUNT] = {
    [STATUS] = "status RUN",    [SUBMIT] = "submit --detach JOB", [RESUME] = "resume (4 steps)",
    [LIST] = "list --limit 20", [HISTORY] = "history RUN",
};
/* What no target stands for is measured as well. */
static const bool HAS_TARGET[COMMAND_COUNT] = {[STATUS] = true, [SUBMIT] = true, [RESUME] = true};

enum audit { SCAN, CHAIN, REPLAY, AUDIT_COUNT };

struct growth {
    const char *pawl, *log;
    struct place empty, large;
    double empty_ms[COMMAND_COUNT][COMMAND_TIMES], large_ms[COMMAND_COUNT][COMMAND_TIMES];
    double ratio[COMMAND_COUNT][COMMAND_TIMES];
    double audit_seconds[AUDIT_COUNT][AUDIT_TIMES]; /* of processor time: the target is one for a core */
    double audit_mb[AUDIT_COUNT];
};

/* ---- the stores ---- */

struct adding {
    const char *store;
    int runs;
};

static int add_past(const void *context)
{
    const struct adding *adding = context;
    struct error error = {0};
    if (!past_add(adding->store, adding->runs, &error))
        return 0;
    fprintf(stderr, "bench: %s\n", error.message);
    return -1;
}

/* A store with one ended run, and then with as many as are wanted. In a process of its own: what this one
 * holds in memory would count as the memory of its children. */
static int place_make(struct place *place, const char *folder, const char *name, int runs,
                      const struct growth *growth, struct measured *out, struct error *error)
{
    place->workload = (struct workload){.name = name, .runs = 1, .steps = 4, .skips_last = true};
    place->folder = string_format("%s/%s", folder, name);
    place->store = string_format("%s/pawl.db", place->folder);
    place->cluster = string_format("sim:%s/cluster.json", place->folder);
    place->job = string_format("%s/job.yaml", place->folder);
    place->runs = runs;
    const char *const resume[] = {growth->pawl, "resume", "--all", "--quiet", "--store", place->store, NULL};
    struct measured ignored;
    if (workload_make(&place->workload, place->folder, error) ||
        measure_program(resume, growth->log, &ignored, error))
        return -1;
    return measure_function(add_past, &(struct adding){place->store, runs}, out, error);
}

static void place_clear(struct place *place)
{
    free(place->folder);
    free(place->store);
    free(place->cluster);
    free(place->job);
}

/* ---- commands ---- */

static int measure_command(const struct growth *growth, struct place *place, enum command command,
                           double *out_ms, struct error *error)
{
    char run[24];
    place->runs += command == SUBMIT;
    snprintf(run, sizeof run, "%d", place->runs / 2 + 1);
    const char *const arguments[COMMAND_COUNT][10] = {
        [STATUS] = {growth->pawl, "status", run, "--store", place->store},
        [SUBMIT] = {growth->pawl, "submit", place->job, "--detach", "--cluster", place->cluster, "--store",
                    place->store},
        [RESUME] = {growth->pawl, "resume", "--quiet", "--store", place->store},
        [LIST] = {growth->pawl, "list", "--limit", "20", "--store", place->store},
        [HISTORY] = {growth->pawl, "history", run, "--store", place->store},
    };
    struct measured measured;
    int result = measure_program(arguments[command], growth->log, &measured, error);
    *out_ms = measured.seconds * 1000;
    return result;
}

/* One command on both stores, right after each other, and the other way round the next time. */
static int measure_pair(struct growth *growth, enum command command, int i, struct error *error)
{
    double *empty_ms = &growth->empty_ms[command][i], *large_ms = &growth->large_ms[command][i];
    int result = i % 2 ? measure_command(growth, &growth->large, command, large_ms, error) : 0;
    if (!result)
        result = measure_command(growth, &growth->empty, command, empty_ms, error);
    if (!result && i % 2 == 0)
        result = measure_command(growth, &growth->large, command, large_ms, error);
    growth->ratio[command][i] = *large_ms / *empty_ms;
    return result;
}

/* ---- the audit ---- */

static int scan(const void *store)
{
    return past_scan(store);
}

static int measure_audit(struct growth *growth, int i, struct error *error)
{
    const char *store = growth->large.store;
    const char *const chain[] = {growth->pawl, "audit", "verify", "--chain-only", "--store", store, NULL};
    const char *const replay[] = {growth->pawl, "audit", "verify", "--store", store, NULL};
    struct measured measured[AUDIT_COUNT];
    if (measure_function(scan, store, &measured[SCAN], error) ||
        measure_program(chain, growth->log, &measured[CHAIN], error) ||
        measure_program(replay, growth->log, &measured[REPLAY], error))
        return -1;
    for (int k = 0; k < AUDIT_COUNT; k++) {
        growth->audit_seconds[k][i] = measured[k].computing;
        if (measured[k].memory_mb > growth->audit_mb[k])
            growth->audit_mb[k] = measured[k].memory_mb;
    }
    return 0;
}

/* ---- the table ---- */

static void print_commands(struct growth *growth)
{
    for (int i = 0; i < COMMAND_COUNT; i++) {
        char *what = string_format("g   %-24s %5.2f ms, empty", COMMANDS[i],
                                   median(growth->empty_ms[i], COMMAND_TIMES));
        double ratio = median(growth->ratio[i], COMMAND_TIMES);
        table_number(what, median(growth->large_ms[i], COMMAND_TIMES), 2, "ms, large");
        if (HAS_TARGET[i])
            table_target("      large to empty", ratio, "", ratio <= 1.5, "at most 1.5");
        else
            table_number("      large to empty", ratio, 2, "");
        free(what);
    }
}

static void print_audit(struct growth *growth)
{
    double events = (double)growth->large.runs * PAST_EVENTS, speeds[AUDIT_COUNT];
    for (int i = 0; i < AUDIT_COUNT; i++)
        speeds[i] = events / median(growth->audit_seconds[i], AUDIT_TIMES);
    table_number("h   SQLite scan and SHA-256, thousands a s", speeds[SCAN] / 1000, 2,
                 "events a second of processor");
    table_target("h   audit verify --chain-only, thousands a s", speeds[CHAIN] / 1000, "",
                 speeds[CHAIN] >= 300000, "at least 300");
    table_number("      to the scan", speeds[CHAIN] / speeds[SCAN], 2, "");
    table_target("h   audit verify, thousands a second", speeds[REPLAY] / 1000, "", speeds[REPLAY] >= 100000,
                 "at least 100");
    table_number("      to the scan", speeds[REPLAY] / speeds[SCAN], 2, "");
    table_number("      most memory of --chain-only", growth->audit_mb[CHAIN], 2, "MB");
    table_number("      most memory of the whole audit", growth->audit_mb[REPLAY], 2, "MB");
}

static int measure_all(struct growth *growth, const char *folder, int runs, struct error *error)
{
    struct measured making;
    int result = place_make(&growth->empty, folder, "empty", 1, growth, &making, error);
    if (!result)
        result = place_make(&growth->large, folder, "large", runs, growth, &making, error);
    for (int i = 0; !result && i < AUDIT_TIMES; i++)
        result = measure_audit(growth, i, error);
    double events = (double)growth->large.runs * PAST_EVENTS;
    if (!result) {
        struct stat status = {0};
        stat(growth->large.store, &status);
        printf("\n  a store of %.0f events in %d runs, %.0f bytes an event, made in %.1f s\n", events,
               growth->large.runs, (double)status.st_size / events, making.seconds);
        print_audit(growth);
    }
    for (int i = 0; !result && i < COMMAND_TIMES; i++)
        for (int command = 0; !result && command < COMMAND_COUNT; command++)
            result = measure_pair(growth, (enum command)command, i, error);
    if (!result)
        print_commands(growth);
    return result;
}

int growth_measure(const char *pawl, const char *folder, struct error *error)
{
    const char *wanted = getenv("BENCH_RUNS");
    int runs = wanted ? atoi(wanted) : RUNS;
    char *log = string_format("%s/output", folder);
    struct growth *growth = memory_new(sizeof *growth);
    growth->pawl = pawl;
    growth->log = log;
    int result = measure_all(growth, folder, runs > 1 ? runs : RUNS, error);
    place_clear(&growth->empty);
    place_clear(&growth->large);
    free(growth);
    free(log);
    return result;
}
