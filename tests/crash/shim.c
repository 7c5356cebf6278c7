/* Kills a pawl process at a chosen point. Preloaded by the crash tests; the product knows nothing of it.
 *
 * A point is a call of the C library or a step of SQLite, counted by role and name over all processes of a
 * case, from 1. The roles: driver (any command of pawl), keeper, helm (what a keeper runs), forked (between
 * fork and exec). The counters stand in a file that all of them map, so that they go on after a kill.
 *
 *     CRASH_COUNTERS  the file of the counters
 *     CRASH_AT        role:point:number:before|after, several with commas between: SIGKILL there;
 *                     with :stop behind it SIGSTOP
 *     CRASH_TRACE     a file that gets "role point number" for each, for those who choose
 *
 * A keeper starts with next to no environment: so execve hands these four on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../preload.h"

#define ROLES(X) X(driver) X(keeper) X(helm) X(forked)
/* `call` counts every one of the others: a random instant is a number of it. */
#define POINTS(X)                                                                                            \
    X(call)                                                                                                  \
    X(begin)                                                                                                 \
    X(commit)                                                                                                \
    X(open)                                                                                                  \
    X(read)                                                                                                  \
    X(write)                                                                                                 \
    X(pwrite)                                                                                                \
    X(fsync)                                                                                                 \
    X(rename)                                                                                                \
    X(unlink)                                                                                                \
    X(send)                                                                                                  \
    X(fork)                                                                                                  \
    X(exec)                                                                                                  \
    X(wait)                                                                                                  \
    X(kill)                                                                                                  \
    X(mkdir)                                                                                                 \
    X(truncate)                                                                                              \
    X(poll)                                                                                                  \
    X(close)                                                                                                 \
    X(asklock)

enum role {
#define X(name) ROLE_##name,
    ROLES(X)
#undef X
        ROLE_COUNT
};
enum point {
#define X(name) POINT_##name,
    POINTS(X)
#undef X
        POINT_COUNT
};
static const char *const role_names[] = {
#define X(name) #name,
    ROLES(X)
#undef X
};
static const char *const point_names[] = {
#define X(name) #name,
    POINTS(X)
#undef X
};

#define TARGETS_LIMIT 16
struct target {
    enum role role;
    enum point point;
    uint64_t number;
    int before, signal;
};

static struct target targets[TARGETS_LIMIT];
static int target_count;
static enum role own_role;
static uint64_t (*counters)[POINT_COUNT]; /* by role; shared by all processes of a case */
static const char *trace;

static int name_index(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

static void targets_read(const char *text)
{
    char role[16], point[16], when[16], how[16];
    for (; text && *text && target_count < TARGETS_LIMIT;
         text = strchr(text, ',') ? strchr(text, ',') + 1 : NULL) {
        unsigned long long number;
        how[0] = '\0';
        if (sscanf(text, "%15[^:]:%15[^:]:%llu:%15[^:,]:%15[^:,]", role, point, &number, when, how) < 4)
            continue;
        int role_index = name_index(role_names, ROLE_COUNT, role);
        int point_index = name_index(point_names, POINT_COUNT, point);
        if (role_index < 0 || point_index < 0) {
            fprintf(stderr, "shim: no such point: %s\n", text);
            _exit(99);
        }
        targets[target_count++] = (struct target){(enum role)role_index, (enum point)point_index, number,
                                                  !strcmp(when, "before"), *how ? SIGSTOP : SIGKILL};
    }
}

static enum role role_read(void)
{
    char line[256] = "";
    int file = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    long length = syscall(SYS_read, file, line, sizeof line - 2);
    syscall(SYS_close, file);
    const char *second = length > 0 ? line + strlen(line) + 1 : "";
    return !strcmp(second, "keeper") ? ROLE_keeper
           : !strcmp(line, "pawl") || strstr(line, "/pawl")
               ? (!strcmp(second, "sim-helm") ? ROLE_helm : ROLE_driver)
               : ROLE_helm;
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("CRASH_COUNTERS");
    int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (file < 0 || syscall(SYS_ftruncate, file, sizeof *counters * ROLE_COUNT))
        return;
    void *map = mmap(NULL, sizeof *counters * ROLE_COUNT, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    counters = map == MAP_FAILED ? NULL : map;
    own_role = role_read();
    trace = getenv("CRASH_TRACE");
    targets_read(getenv("CRASH_AT"));
}

static void trace_write(enum point point, uint64_t number)
{
    char line[64];
    int length = snprintf(line, sizeof line, "%s %s %llu\n", role_names[own_role], point_names[point],
                          (unsigned long long)number);
    int file = (int)syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    syscall(SYS_write, file, line, (size_t)length);
    syscall(SYS_close, file);
}

/* Ends or stops this process where the case wants it. */
static void hit(enum point point, uint64_t number, int before)
{
    for (int i = 0; i < target_count; i++)
        if (targets[i].role == own_role && targets[i].point == point && targets[i].number == number &&
            targets[i].before == before)
            syscall(SYS_kill, syscall(SYS_getpid), targets[i].signal);
}

struct passing {
    uint64_t number, call;
};

static struct passing before(enum point point)
{
    struct passing passing = {0, 0};
    int kept = errno;
    if (counters) {
        passing.number = __atomic_add_fetch(&counters[own_role][point], 1, __ATOMIC_SEQ_CST);
        passing.call = __atomic_add_fetch(&counters[own_role][POINT_call], 1, __ATOMIC_SEQ_CST);
        if (trace)
            trace_write(point, passing.number);
        hit(point, passing.number, 1);
        hit(POINT_call, passing.call, 1);
    }
    errno = kept;
    return passing;
}

static void after(enum point point, struct passing passing)
{
    int kept = errno;
    if (counters) {
        hit(point, passing.number, 0);
        hit(POINT_call, passing.call, 0);
    }
    errno = kept;
}

#define PASS(point, type, call)                                                                              \
    struct passing passing = before(POINT_##point);                                                          \
    type result = call;                                                                                      \
    after(POINT_##point, passing);                                                                           \
    return result

/* ---- SQLite: the commits ---- */

/* A commit counts where it holds something: those who lose a race for a run commit nothing. */
static int holds_something(sqlite3_stmt *statement)
{
    static int seen;
    int changes = sqlite3_total_changes(sqlite3_db_handle(statement));
    int more = changes != seen;
    seen = changes;
    return more;
}

int sqlite3_step(sqlite3_stmt *statement)
{
    NEXT(sqlite3_step);
    const char *sql = sqlite3_sql(statement);
    if (sql && !strncmp(sql, "COMMIT", 6) && holds_something(statement)) {
        PASS(commit, int, next(statement));
    }
    if (sql && !strncmp(sql, "BEGIN", 5)) {
        PASS(begin, int, next(statement));
    }
    return next(statement);
}

/* ---- files ---- */

#define OPEN(name)                                                                                           \
    int name(const char *path, int flags, ...)                                                               \
    {                                                                                                        \
        NEXT(name);                                                                                          \
        va_list more;                                                                                        \
        va_start(more, flags);                                                                               \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                              \
        va_end(more);                                                                                        \
        PASS(open, int, next(path, flags, mode));                                                            \
    }
OPEN(open)
OPEN(open64)

ssize_t read(int file, void *bytes, size_t length)
{
    NEXT(read);
    PASS(read, ssize_t, next(file, bytes, length));
}
ssize_t write(int file, const void *bytes, size_t length)
{
    NEXT(write);
    PASS(write, ssize_t, next(file, bytes, length));
}
ssize_t pwrite(int file, const void *bytes, size_t length, off_t at)
{
    NEXT(pwrite);
    PASS(pwrite, ssize_t, next(file, bytes, length, at));
}
ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at)
{
    NEXT(pwrite64);
    PASS(pwrite, ssize_t, next(file, bytes, length, at));
}
int fsync(int file)
{
    NEXT(fsync);
    PASS(fsync, int, next(file));
}
int fdatasync(int file)
{
    NEXT(fdatasync);
    PASS(fsync, int, next(file));
}
int ftruncate(int file, off_t length)
{
    NEXT(ftruncate);
    PASS(truncate, int, next(file, length));
}
int rename(const char *from, const char *to)
{
    NEXT(rename);
    PASS(rename, int, next(from, to));
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    NEXT(renameat2);
    PASS(rename, int, next(from_folder, from, to_folder, to, flags));
}
int unlink(const char *path)
{
    NEXT(unlink);
    PASS(unlink, int, next(path));
}
int mkdir(const char *path, mode_t mode)
{
    NEXT(mkdir);
    PASS(mkdir, int, next(path, mode));
}
/* Whether somebody holds a lock; other requests pass uncounted. */
#define FCNTL(name)                                                                                          \
    int name(int file, int request, ...)                                                                     \
    {                                                                                                        \
        NEXT(name);                                                                                          \
        va_list more;                                                                                        \
        va_start(more, request);                                                                             \
        void *argument = va_arg(more, void *);                                                               \
        va_end(more);                                                                                        \
        if (request != F_OFD_GETLK)                                                                          \
            return next(file, request, argument);                                                            \
        PASS(asklock, int, next(file, request, argument));                                                   \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

int close(int file)
{
    NEXT(close);
    PASS(close, int, next(file));
}

/* ---- processes ---- */

ssize_t send(int to, const void *bytes, size_t length, int flags)
{
    NEXT(send);
    PASS(send, ssize_t, next(to, bytes, length, flags));
}
int poll(struct pollfd *events, nfds_t count, int wait_ms)
{
    NEXT(poll);
    PASS(poll, int, next(events, count, wait_ms));
}
pid_t waitpid(pid_t pid, int *status, int options)
{
    NEXT(waitpid);
    PASS(wait, pid_t, next(pid, status, options));
}
int kill(pid_t pid, int number)
{
    NEXT(kill);
    PASS(kill, int, next(pid, number));
}
pid_t fork(void)
{
    NEXT(fork);
    struct passing passing = before(POINT_fork);
    pid_t pid = next();
    if (pid == 0)
        own_role = ROLE_forked;
    else
        after(POINT_fork, passing);
    return pid;
}

/* Between fork and exec: only what is safe there. */
int execve(const char *path, char *const arguments[], char *const environment[])
{
    static const char *const handed_on[] = {"LD_PRELOAD", "CRASH_COUNTERS", "CRASH_AT", "CRASH_TRACE"};
    NEXT(execve);
    struct passing passing = before(POINT_exec);
    (void)passing;
    return next(path, arguments, hand_on(environment, handed_on, 4));
}
