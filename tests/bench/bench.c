/* bench PAWL FOLDER: how fast pawl is beside the SQLite below it, on the disk that FOLDER is on. Pawl and its
 * yardstick take turns, and every ratio is one of neighbours, so that what else the machine does meets both;
 * of the rounds the median counts. There are more of them where the disk is fast. A missed target is said,
 * and is no failure. BENCH_ROUNDS: how many rounds. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "tests/bench/baseline.h"
#include "tests/bench/growth.h"
#include "tests/bench/measure.h"
#include "tests/bench/table.h"
#include "tests/bench/workload.h"

#define ROUNDS_LEAST   3
#define ROUNDS_SECONDS 45 /* no further one begins after that */
#define ROUNDS_LIMIT   15
#define STATUS_TIMES   21

struct series { /* one workload, pawl and its yardstick, round by round */
    struct workload workload;
    const char *pawl_name, *raw_name;
    int steps_per_commit;                                              /* of the yardstick */
    double pawl[ROUNDS_LIMIT], raw[ROUNDS_LIMIT], ratio[ROUNDS_LIMIT]; /* steps a second */
    double pawl_us[ROUNDS_LIMIT], raw_us[ROUNDS_LIMIT];                /* processor time a step */
    double memory_mb;                                                  /* the most of all rounds */
    struct traced traced;
};

struct bench {
    const char *pawl, *folder;
    char *store, *copy, *log;
    int rounds_wanted; /* 0: as many as there is time for */
    int rounds;        /* measured */
    struct series one, many;
    double status_ms, status_computing_ms, true_ms; /* of `pawl status`, and of /bin/true */
    bool traced;
};

/* ---- measuring ---- */

#define RESUME(bench)                                                                                        \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        (bench)->pawl, "resume", "--all", "--quiet", "--store", (bench)->store, NULL                         \
    }

static double steps_of(const struct series *series)
{
    return (double)series->workload.runs * series->workload.steps;
}

/* A fresh folder with submitted runs. */
static int prepare(struct bench *bench, struct series *series, struct error *error)
{
    char *folder = string_format("%s/%s", bench->folder, series->workload.name);
    free(bench->store);
    free(bench->copy);
    bench->store = string_format("%s/pawl.db", folder);
    bench->copy = string_format("%s/raw.db", folder);
    int result = workload_make(&series->workload, folder, error);
    free(folder);
    return result;
}

struct writing {
    const struct baseline *baseline;
    int steps;
};

static int write_baseline(const void *context)
{
    const struct writing *writing = context;
    return baseline_write(writing->baseline, writing->steps);
}

static int measure_round(struct bench *bench, struct series *series, int round, struct error *error)
{
    struct measured pawl, raw;
    struct baseline *baseline = NULL;
    int result = prepare(bench, series, error);
    if (!result)
        result = baseline_copy(bench->store, bench->copy, error);
    if (!result)
        result = measure_program(RESUME(bench), bench->log, &pawl, error);
    if (!result && !(baseline = baseline_read(bench->store, bench->copy, error)))
        result = -1;
    if (!result)
        result = measure_function(write_baseline, &(struct writing){baseline, series->steps_per_commit}, &raw,
                                  error);
    if (!result)
        result = baseline_check(baseline, error);
    baseline_free(baseline);
    if (result)
        return result;
    series->pawl[round] = steps_of(series) / pawl.seconds;
    series->raw[round] = steps_of(series) / raw.seconds;
    series->pawl_us[round] = pawl.computing * 1e6 / steps_of(series);
    series->raw_us[round] = raw.computing * 1e6 / steps_of(series);
    series->ratio[round] = raw.seconds / pawl.seconds;
    series->memory_mb = pawl.memory_mb > series->memory_mb ? pawl.memory_mb : series->memory_mb;
    return 0;
}

/* Nothing of the store is in memory: the kernel drops what is clean. */
static void forget_file(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return;
    fdatasync(file);
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    close(file);
}

static int measure_status(struct bench *bench, struct error *error)
{
    const char *const status[] = {bench->pawl, "status", "1", "--store", bench->store, NULL};
    char *log = string_format("%s-wal", bench->store);
    const char *const nothing[] = {"true", NULL};
    double times[STATUS_TIMES], computing[STATUS_TIMES], nothings[STATUS_TIMES];
    int result = 0;
    for (int i = 0; !result && i < STATUS_TIMES; i++) {
        struct measured measured = {0}, started = {0};
        forget_file(bench->store);
        forget_file(log);
        result = measure_program(status, bench->log, &measured, error);
        if (!result)
            result = measure_program(nothing, bench->log, &started, error);
        times[i] = measured.seconds * 1000;
        computing[i] = measured.computing * 1000;
        nothings[i] = started.seconds * 1000;
    }
    free(log);
    if (result)
        return result;
    bench->status_ms = median(times, STATUS_TIMES);
    bench->status_computing_ms = median(computing, STATUS_TIMES);
    bench->true_ms = median(nothings, STATUS_TIMES);
    return 0;
}

static int measure_traced(struct bench *bench, struct series *series, struct error *error)
{
    char *trace = string_format("%s/trace", bench->folder);
    int result = prepare(bench, series, error);
    if (!result)
        result = trace_program(RESUME(bench), bench->log, trace, &series->traced, error);
    free(trace);
    return result;
}

static bool another_round(const struct bench *bench, double seconds)
{
    if (bench->rounds_wanted)
        return bench->rounds < bench->rounds_wanted;
    return bench->rounds < ROUNDS_LEAST || (bench->rounds < ROUNDS_LIMIT && seconds < ROUNDS_SECONDS);
}

static int measure_all(struct bench *bench, struct error *error)
{
    int result = 0;
    double begin = seconds_now();
    while (!result && another_round(bench, seconds_now() - begin)) {
        fprintf(stderr, "bench: round %d\r", bench->rounds + 1);
        result = measure_round(bench, &bench->one, bench->rounds, error);
        if (!result)
            result = measure_round(bench, &bench->many, bench->rounds, error);
        bench->rounds++;
    }
    if (!result)
        result = measure_status(bench, error); /* in the store of many runs, just driven */
    bench->traced = trace_is_possible();
    if (!result && bench->traced)
        result = measure_traced(bench, &bench->one, error);
    if (!result && bench->traced)
        result = measure_traced(bench, &bench->many, error);
    return result;
}

/* ---- the table ---- */

static void print_speed(const char *name, double *speeds, double *computing_us, int rounds)
{
    printf("  %-44s %8.0f steps/s %6.0f us of processor a step\n", name, median(speeds, rounds),
           median(computing_us, rounds));
}

static void print_series(struct series *series, int rounds)
{
    print_speed(series->raw_name, series->raw, series->raw_us, rounds);
    print_speed(series->pawl_name, series->pawl, series->pawl_us, rounds);
}

static void print_table(struct bench *bench)
{
    struct series *one = &bench->one, *many = &bench->many;
    printf("  medians of %d rounds\n", bench->rounds);
    print_series(one, bench->rounds);
    print_series(many, bench->rounds);
    double one_ratio = median(one->ratio, bench->rounds), many_ratio = median(many->ratio, bench->rounds);
    puts("");
    table_target("b to a", one_ratio, "", one_ratio >= 0.9, "at least 0.9");
    table_target("c to a'", many_ratio, "", many_ratio >= 0.5, "at least 0.5");
    table_target("d   cold `pawl status`", bench->status_ms, "ms", bench->status_ms < 10, "under 10 ms");
    table_number("      of it processor time", bench->status_computing_ms, 2, "ms");
    table_number("      `true`, in turns with it", bench->true_ms, 2, "ms");
    table_target("e   most memory of b", one->memory_mb, "MB", one->memory_mb <= 12, "at most 12 MB");
    table_target("e   most memory of c", many->memory_mb, "MB", many->memory_mb <= 64, "at most 64 MB");
    if (!bench->traced) {
        puts("  f   not measured: there is no strace, or it may not trace");
        return;
    }
    double syncs = (double)one->traced.syncs / steps_of(one);
    table_target("f   syncs a step of b", syncs, "", syncs <= 1.03, "at most 1.03");
    table_number("f   bytes written a step of b", one->traced.bytes / steps_of(one), 0, "");
    table_number("f   syncs a step of c", (double)many->traced.syncs / steps_of(many), 2, "");
    table_number("f   bytes written a step of c", many->traced.bytes / steps_of(many), 0, "");
}

int main(int count, char **arguments)
{
    memory_use_for_json();
    if (count != 3) {
        fputs("usage: bench PAWL FOLDER\n", stderr);
        return 2;
    }
    const char *rounds = getenv("BENCH_ROUNDS");
    struct bench bench = {
        .pawl = arguments[1],
        .folder = arguments[2],
        .log = string_format("%s/output", arguments[2]),
        .rounds_wanted = rounds ? atoi(rounds) : 0,
        .one = {.workload = {.name = "one", .runs = 1, .steps = 1000},
                .raw_name = "a   SQLite, a commit for each step",
                .pawl_name = "b   pawl, one run of 1,000 steps",
                .steps_per_commit = 1},
        .many = {.workload = {.name = "many", .runs = 1000, .steps = 7},
                 .raw_name = "a'  SQLite, a commit for each 100 steps",
                 .pawl_name = "c   pawl, 1,000 runs of 7 steps",
                 .steps_per_commit = 100},
    };
    if (bench.rounds_wanted < 0 || bench.rounds_wanted > ROUNDS_LIMIT)
        bench.rounds_wanted = ROUNDS_LIMIT;
    struct error error = {0};
    int result = measure_all(&bench, &error);
    if (!result) {
        print_table(&bench);
        fflush(stdout); /* what is forked has nothing left to print */
        result = growth_measure(bench.pawl, bench.folder, &error);
    }
    if (result)
        fprintf(stderr, "bench: %s%s%s\n", error.message, error.next[0] ? "; " : "", error.next);
    free(bench.store);
    free(bench.copy);
    free(bench.log);
    return result ? 1 : 0;
}
