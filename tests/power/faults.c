/* A disk that fails. Preloaded by the power tests; the product knows nothing of it.
 *
 * Calls are counted from 1, over the driver's process: those of SQLite's VFS (a VFS of this library wraps the
 * one of the system) and, counted apart, those by which pawl itself writes files (the values file, the
 * keeper's files). The keeper, which is another process, counts its own.
 *
 *     FAULT_KIND   ioerr | full | short-read | short-write    what the call answers
 *     FAULT_AT     store:N | driver:N | keeper:N              which call; from then on with a + behind it
 *     FAULT_ROOT   the case's folder: calls for other files are not looked at
 *     FAULT_BUSY_MS  how long SQLite waits for a lock, instead of what pawl says
 *     FAULT_COUNT  a file that gets "store N driver N" or "keeper N" at the process's end, for those who
 * choose */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../preload.h"

enum kind { KIND_IOERR, KIND_FULL, KIND_SHORT_READ, KIND_SHORT_WRITE, KIND_COUNT };
static const char *const kind_names[] = {"ioerr", "full", "short-read", "short-write"};

/* What of a call each kind touches. */
enum call { CALL_READ, CALL_WRITE, CALL_OTHER };

static enum kind kind = KIND_COUNT;
static bool at_store, ever, is_keeper;
static unsigned long number, store_calls, file_calls;
static const char *root;
static __thread int in_sqlite;

/* The letters of FAULT_COUNT. */
static char store_letters[65536], file_letters[65536];

static unsigned long count(unsigned long *calls, char *letters, enum call call)
{
    unsigned long call_number = __atomic_add_fetch(calls, 1, __ATOMIC_SEQ_CST);
    if (call_number < sizeof store_letters)
        letters[call_number - 1] = "rwo"[call];
    return call_number;
}

static bool fails(unsigned long call_number, enum call call)
{
    bool touched = kind == KIND_IOERR || (kind == KIND_SHORT_READ ? call == CALL_READ : call == CALL_WRITE);
    return kind != KIND_COUNT && touched &&
           (call_number == number || (ever && number && call_number > number));
}

/* ---- SQLite's VFS ---- */

struct file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
};

static sqlite3_vfs *system_vfs;

static bool store_fails(enum call call)
{
    return fails(count(&store_calls, store_letters, call), call) && at_store;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct file *)file)->real;
}

#define REAL(file, method, ...)                                                                              \
    ({                                                                                                       \
        in_sqlite++;                                                                                         \
        int answer = real_of(file)->pMethods->method(real_of(file), ##__VA_ARGS__);                          \
        in_sqlite--;                                                                                         \
        answer;                                                                                              \
    })

static int file_close(sqlite3_file *file)
{
    return REAL(file, xClose);
}
static int file_read(sqlite3_file *file, void *bytes, int length, sqlite3_int64 at)
{
    if (!store_fails(CALL_READ))
        return REAL(file, xRead, bytes, length, at);
    if (kind != KIND_SHORT_READ)
        return SQLITE_IOERR_READ;
    int result = REAL(file, xRead, bytes, length, at);
    memset((char *)bytes + length / 2, 0, (size_t)(length - length / 2));
    return result ? result : SQLITE_IOERR_SHORT_READ;
}
static int file_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 at)
{
    if (!store_fails(CALL_WRITE))
        return REAL(file, xWrite, bytes, length, at);
    if (kind == KIND_SHORT_WRITE)
        (void)REAL(file, xWrite, bytes, length / 2, at);
    return kind == KIND_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}
static int file_truncate(sqlite3_file *file, sqlite3_int64 length)
{
    return store_fails(CALL_OTHER) ? SQLITE_IOERR_TRUNCATE : REAL(file, xTruncate, length);
}
static int file_sync(sqlite3_file *file, int flags)
{
    return store_fails(CALL_OTHER) ? SQLITE_IOERR_FSYNC : REAL(file, xSync, flags);
}
static int file_size(sqlite3_file *file, sqlite3_int64 *out)
{
    return store_fails(CALL_OTHER) ? SQLITE_IOERR_FSTAT : REAL(file, xFileSize, out);
}
static int file_lock(sqlite3_file *file, int level)
{
    return store_fails(CALL_OTHER) ? SQLITE_IOERR_LOCK : REAL(file, xLock, level);
}
static int file_unlock(sqlite3_file *file, int level)
{
    return REAL(file, xUnlock, level);
}
static int file_check_lock(sqlite3_file *file, int *out)
{
    return REAL(file, xCheckReservedLock, out);
}
static int file_control(sqlite3_file *file, int operation, void *argument)
{
    return REAL(file, xFileControl, operation, argument);
}
static int file_sector_size(sqlite3_file *file)
{
    return REAL(file, xSectorSize);
}
static int file_characteristics(sqlite3_file *file)
{
    return REAL(file, xDeviceCharacteristics);
}
static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    return store_fails(CALL_OTHER) ? SQLITE_IOERR_SHMMAP : REAL(file, xShmMap, page, size, extend, out);
}
static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return REAL(file, xShmLock, offset, count, flags);
}
static void file_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}
static int file_shm_unmap(sqlite3_file *file, int remove_it)
{
    return REAL(file, xShmUnmap, remove_it);
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 2, /* no memory mapping: every read is a call */
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
    struct file *it = (struct file *)file;
    (void)vfs;
    it->base.pMethods = NULL;
    it->real = (sqlite3_file *)(it + 1);
    if (store_fails(CALL_OTHER))
        return SQLITE_CANTOPEN;
    in_sqlite++;
    int result = system_vfs->xOpen(system_vfs, name, it->real, flags, out_flags);
    in_sqlite--;
    if (it->real->pMethods)
        it->base.pMethods = &file_methods;
    return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    if (store_fails(CALL_OTHER))
        return SQLITE_IOERR_DELETE;
    in_sqlite++;
    int result = system_vfs->xDelete(system_vfs, name, sync_folder);
    in_sqlite--;
    return result;
}

static void wrap_vfs(void)
{
    static sqlite3_vfs vfs;
    sqlite3_vfs *(*find)(const char *) = (sqlite3_vfs * (*)(const char *))(uintptr_t)dlsym(
        RTLD_DEFAULT, "sqlite3_vfs_find");
    int (*enter)(sqlite3_vfs *, int) = (int (*)(sqlite3_vfs *, int))(uintptr_t)dlsym(RTLD_DEFAULT,
                                                                                     "sqlite3_vfs_register");
    if (!find || !enter || !(system_vfs = find(NULL)))
        return; /* no program of ours */
    vfs = *system_vfs;
    vfs.zName = "faults";
    vfs.szOsFile = (int)sizeof(struct file) + system_vfs->szOsFile;
    vfs.xOpen = vfs_open;
    vfs.xDelete = vfs_delete;
    enter(&vfs, 1);
}

/* How long a commit waits for another process, for tests that cannot wait for a minute. */
int sqlite3_busy_timeout(sqlite3 *database, int wait_ms)
{
    static int (*next)(sqlite3 *, int);
    const char *instead = getenv("FAULT_BUSY_MS");
    if (!next)
        next = (int (*)(sqlite3 *, int))(uintptr_t)dlsym(RTLD_NEXT, "sqlite3_busy_timeout");
    return next(database, instead ? atoi(instead) : wait_ms);
}

/* ---- what pawl itself writes ---- */

static bool is_looked_at(const char *path)
{
    size_t length = root ? strlen(root) : 0;
    return length && !in_sqlite && !strncmp(path, root, length) && path[length] == '/' &&
           strncmp(path + length + 1, "sim.json", 8);
}

static bool path_fails(const char *path, enum call call)
{
    char whole[PATH_MAX] = "";
    if (!root)
        return false;
    if (*path != '/' && getcwd(whole, sizeof whole / 2))
        strcat(whole, "/");
    strncat(whole, path, sizeof whole / 2);
    return is_looked_at(whole) && fails(count(&file_calls, file_letters, call), call) && !at_store;
}

static bool open_file_fails(int file, enum call call)
{
    char link[32], path[PATH_MAX];
    if (!root || in_sqlite || file <= STDERR_FILENO) /* what pawl says is not on the disk that fails */
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return *path == '/' && path_fails(path, call); /* no pipe, no socket */
}

static int fail(void)
{
    errno = kind == KIND_FULL || kind == KIND_SHORT_WRITE ? ENOSPC : EIO;
    return -1;
}

#define OPEN(name)                                                                                           \
    int name(const char *path, int flags, ...)                                                               \
    {                                                                                                        \
        NEXT(name);                                                                                          \
        va_list more;                                                                                        \
        va_start(more, flags);                                                                               \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                              \
        va_end(more);                                                                                        \
        return path_fails(path, flags & O_CREAT ? CALL_WRITE : CALL_OTHER) ? fail()                          \
                                                                           : next(path, flags, mode);        \
    }
OPEN(open)
OPEN(open64)

int mkostemp(char *path, int flags)
{
    NEXT(mkostemp);
    return path_fails(path, CALL_WRITE) ? fail() : next(path, flags);
}
int mkdir(const char *path, mode_t mode)
{
    NEXT(mkdir);
    return path_fails(path, CALL_WRITE) ? fail() : next(path, mode);
}
ssize_t write(int file, const void *bytes, size_t length)
{
    NEXT(write);
    if (!open_file_fails(file, CALL_WRITE))
        return next(file, bytes, length);
    if (kind == KIND_SHORT_WRITE && length > 1)
        return next(file, bytes, length / 2); /* as the kernel does where the disk gets full within a write */
    return fail();
}
ssize_t read(int file, void *bytes, size_t length)
{
    NEXT(read);
    if (!open_file_fails(file, CALL_READ))
        return next(file, bytes, length);
    return kind == KIND_SHORT_READ ? next(file, bytes, length / 2 + 1) : fail();
}
int fsync(int file)
{
    NEXT(fsync);
    return open_file_fails(file, CALL_WRITE) ? fail() : next(file);
}
int rename(const char *from, const char *to)
{
    NEXT(rename);
    return path_fails(from, CALL_WRITE) ? fail() : next(from, to);
}

/* ---- the beginning, the end, and the children ---- */

static void role_read(void)
{
    char line[256] = "";
    int file = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    syscall(SYS_read, file, line, sizeof line - 2);
    syscall(SYS_close, file);
    is_keeper = !strcmp(line + strlen(line) + 1, "keeper");
}

__attribute__((constructor)) static void start(void)
{
    const char *wanted = getenv("FAULT_KIND"), *at = getenv("FAULT_AT");
    char where[16] = "", more[2] = "";
    root = getenv("FAULT_ROOT");
    role_read();
    wrap_vfs();
    if (!wanted || !at || sscanf(at, "%15[^:]:%lu%1[+]", where, &number, more) < 2)
        return;
    ever = *more;
    at_store = !strcmp(where, "store");
    if (is_keeper ? strcmp(where, "keeper") != 0 : !strcmp(where, "keeper"))
        return; /* another process's */
    for (int i = 0; i < KIND_COUNT; i++)
        if (!strcmp(wanted, kind_names[i]))
            kind = (enum kind)i;
}

__attribute__((destructor)) static void end(void)
{
    const char *path = getenv("FAULT_COUNT");
    int file = path
                   ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)
                   : -1;
    if (file < 0)
        return;
    static char line[2 * sizeof store_letters + 64];
    int length = is_keeper
                     ? snprintf(line, sizeof line, "keeper %s\n", file_letters)
                     : snprintf(line, sizeof line, "store %s\ndriver %s\n", store_letters, file_letters);
    syscall(SYS_write, file, line, (size_t)length);
    syscall(SYS_close, file);
}

int execve(const char *path, char *const arguments[], char *const environment[])
{
    static const char *const handed_on[] = {"LD_PRELOAD", "FAULT_KIND", "FAULT_AT", "FAULT_ROOT",
                                            "FAULT_COUNT"};
    NEXT(execve);
    if (is_keeper) /* what it runs is not tested here */
        return next(path, arguments, environment);
    return next(path, arguments, hand_on(environment, handed_on, 5));
}
