#include "tests/bench/measure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILD_SECONDS 300 /* a child that hangs is ended by SIGALRM */

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds_of(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static int await_child(pid_t child, double begin, const char *what, const char *log, struct measured *out,
                       struct error *error)
{
    struct rusage usage;
    int status;
    while (wait4(child, &status, 0, &usage) < 0)
        if (errno != EINTR)
            return error_set_errno(error, ERROR_SYSTEM, "cannot wait for %s", what);
    *out = (struct measured){.seconds = seconds_now() - begin,
                             .computing = seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime),
                             .memory_mb = (double)usage.ru_maxrss / 1024};
    if (WIFEXITED(status) && !WEXITSTATUS(status))
        return 0;
    error_set(error, ERROR_SYSTEM, "%s left with %s %d", what, WIFEXITED(status) ? "status" : "signal",
              WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return log ? error_next(error, "see %s", log) : -1;
}

int measure_program(const char *const *arguments, const char *log, struct measured *out, struct error *error)
{
    int file = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        return error_set_errno(error, ERROR_SYSTEM, "cannot write %s", log);
    double begin = seconds_now();
    pid_t child = fork();
    if (!child) {
        dup2(file, STDOUT_FILENO);
        dup2(file, STDERR_FILENO);
        alarm(CHILD_SECONDS);
        execvp(arguments[0], (char *const *)arguments);
        _exit(127);
    }
    close(file);
    return await_child(child, begin, arguments[0], log, out, error);
}

int measure_function(int (*function)(const void *context), const void *context, struct measured *out,
                     struct error *error)
{
    double begin = seconds_now();
    pid_t child = fork();
    if (!child) {
        alarm(CHILD_SECONDS);
        _exit(function(context) ? 1 : 0);
    }
    return await_child(child, begin, "the baseline", NULL, out, error);
}

/* ---- strace ---- */

bool trace_is_possible(void)
{
    const char *const arguments[] = {"strace", "-qq", "-e", "trace=none", "true", NULL};
    struct measured measured;
    struct error ignored;
    return !measure_program(arguments, "/dev/null", &measured, &ignored);
}

/* `123 pwrite64(5, "…", 4096, 0) = 4096`, `123 <... fdatasync resumed>) = 0`; a call's first half has no
 * result. */
static void count_line(const char *line, struct traced *out)
{
    const char *result = strrchr(line, '=');
    long value = result ? strtol(result + 1, NULL, 10) : -1;
    if (!result || value < 0 || strstr(line, "<unfinished"))
        return;
    if (strstr(line, "fsync") || strstr(line, "fdatasync"))
        out->syncs++;
    else if (strstr(line, "pwrite64"))
        out->bytes += (double)value;
}

int trace_program(const char *const *arguments, const char *log, const char *trace, struct traced *out,
                  struct error *error)
{
    const char *all[32] = {"strace", "-f", "-qq", "-s", "0", "-e", "trace=fsync,fdatasync,pwrite64",
                           "-o",     trace};
    struct measured ignored;
    int count = 9;
    while (*arguments && count < 31)
        all[count++] = *arguments++;
    *out = (struct traced){0};
    if (measure_program(all, log, &ignored, error))
        return -1;
    FILE *file = fopen(trace, "re");
    char line[512];
    if (!file)
        return error_set_errno(error, ERROR_SYSTEM, "cannot read %s", trace);
    while (fgets(line, sizeof line, file))
        count_line(line, out);
    fclose(file);
    return 0;
}

static int compare(const void *left, const void *right)
{
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}

double median(double *numbers, int count)
{
    qsort(numbers, (size_t)count, sizeof *numbers, compare);
    return count % 2 ? numbers[count / 2] : (numbers[count / 2 - 1] + numbers[count / 2]) / 2;
}
