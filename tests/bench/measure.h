/* What a child process takes: time, memory, syncs and bytes. */
#ifndef PAWL_TESTS_BENCH_MEASURE_H
#define PAWL_TESTS_BENCH_MEASURE_H

#include <stdbool.h>

#include "base/error.h"

struct measured {
    double seconds;   /* from fork to exit */
    double computing; /* seconds of processor time, its own and the kernel's for it */
    double memory_mb; /* at most, resident */
};

/* Runs a program to its end, its output going to LOG. An error where it leaves with anything but 0. */
int measure_program(const char *const *arguments, const char *log, struct measured *out, struct error *error);
/* Runs a function in a child process of its own; it has failed where it returns anything but 0. */
int measure_function(int (*function)(const void *context), const void *context, struct measured *out,
                     struct error *error);

struct traced {
    long syncs;   /* fsync and fdatasync */
    double bytes; /* written with pwrite, as SQLite does */
};

bool trace_is_possible(void);
/* Runs a program under strace, which writes to TRACE; nothing of it is timed. */
int trace_program(const char *const *arguments, const char *log, const char *trace, struct traced *out,
                  struct error *error);

/* On the monotonic clock. */
double seconds_now(void);
/* The middle one; sorts them. */
double median(double *numbers, int count);

#endif
