/* Records what pawl asks the disk to do. Preloaded by the power tests; the product knows nothing of it.
 *
 * It stands below SQLite's VFS, at the calls of the C library, so that one record holds the store, the values
 * file and the keeper's files in one order, with the syncs of folders that SQLite's VFS makes by itself.
 *
 *     RECORD       the file that is appended to, by all processes of a case (record.h)
 *     RECORD_ROOT  the case's folder: calls for other files are not looked at
 *
 * What is volatile is left out: the WAL's index (-shm), and the files that are only there to be locked. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "record.h"

#include "../preload.h"

static const char *record, *root;
static size_t root_length;

__attribute__((constructor)) static void start(void)
{
    record = getenv("RECORD");
    root = getenv("RECORD_ROOT");
    root_length = root ? strlen(root) : 0;
    if (!root)
        record = NULL;
}

/* ---- which files ---- */

static int ends_with(const char *name, const char *ending)
{
    size_t length = strlen(name), ending_length = strlen(ending);
    return length >= ending_length && !strcmp(name + length - ending_length, ending);
}

/* A path relative to the root; NULL where it is not recorded. `buffer` is PATH_MAX. */
static const char *name_of(const char *path, char *buffer)
{
    if (!record)
        return NULL;
    size_t length = 0;
    if (*path != '/') {
        if (!getcwd(buffer, PATH_MAX / 2))
            return NULL;
        length = strlen(buffer);
        buffer[length++] = '/';
        while (!strncmp(path, "./", 2))
            path += 2;
    }
    snprintf(buffer + length, PATH_MAX - length, "%s", path);
    if (strncmp(buffer, root, root_length) || (buffer[root_length] != '/' && buffer[root_length]))
        return NULL;
    const char *name = buffer + root_length + (buffer[root_length] == '/');
    if (ends_with(name, "-shm") || (ends_with(name, ".lock") && !ends_with(name, ".json.lock")))
        return NULL;
    return name;
}

/* The name that an open file has now. */
static const char *name_of_open(int file, char *buffer)
{
    char link[32], path[PATH_MAX];
    if (!record)
        return NULL;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || *path != '/')
        return NULL;
    path[length] = '\0';
    return ends_with(path, " (deleted)") ? NULL : name_of(path, buffer);
}

static uint64_t number_of(int file)
{
    struct stat status;
    return fstat(file, &status) ? 0 : (uint64_t)status.st_ino;
}

/* ---- writing the record; all calls keep errno ---- */

/* Held from before the call until it is recorded, so that the order is that of the calls. */
static int lock_record(void)
{
    int kept = errno;
    int file = (int)syscall(SYS_openat, AT_FDCWD, record, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    while (file >= 0 && syscall(SYS_flock, file, LOCK_EX) && errno == EINTR)
        ;
    errno = kept;
    return file;
}

static void unlock_record(int file)
{
    int kept = errno;
    syscall(SYS_flock, file, LOCK_UN); /* also where a fork has copied the descriptor */
    syscall(SYS_close, file);
    errno = kept;
}

static void put(int file, struct record_head head, const char *name, const char *other, const void *bytes)
{
    int kept = errno;
    head.name = name ? (uint32_t)strlen(name) : 0;
    head.other = other ? (uint32_t)strlen(other) : 0;
    struct iovec parts[] = {{&head, sizeof head},
                            {(void *)(uintptr_t)name, head.name},
                            {(void *)(uintptr_t)other, head.other},
                            {(void *)(uintptr_t)bytes, head.length}};
    ssize_t whole = (ssize_t)(sizeof head + head.name + head.other + head.length);
    if (syscall(SYS_writev, file, parts, 4) != whole) {
        static const char sorry[] = "recorder: the record cannot be written\n";
        syscall(SYS_write, 2, sorry, sizeof sorry - 1);
        syscall(SYS_exit_group, 99);
    }
    errno = kept;
}

/* ---- opening ---- */

static void opened(int record_file, int file, const char *name, int flags, int was_there)
{
    if (file >= 0 && !was_there)
        put(record_file, (struct record_head){.kind = RECORD_CREATE, .file = number_of(file)}, name, NULL,
            NULL);
    else if (file >= 0 && flags & O_TRUNC)
        put(record_file, (struct record_head){.kind = RECORD_TRUNCATE, .file = number_of(file)}, name, NULL,
            NULL);
}

#define OPEN(function)                                                                                       \
    int function(const char *path, int flags, ...)                                                           \
    {                                                                                                        \
        NEXT(function);                                                                                      \
        va_list more;                                                                                        \
        va_start(more, flags);                                                                               \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                              \
        va_end(more);                                                                                        \
        char buffer[PATH_MAX];                                                                               \
        const char *name = flags & (O_CREAT | O_TRUNC) ? name_of(path, buffer) : NULL;                       \
        if (!name)                                                                                           \
            return next(path, flags, mode);                                                                  \
        int file_of_record = lock_record();                                                                  \
        int was_there = !syscall(SYS_faccessat, AT_FDCWD, path, F_OK);                                       \
        int file = next(path, flags, mode);                                                                  \
        opened(file_of_record, file, name, flags, was_there);                                                \
        unlock_record(file_of_record);                                                                       \
        return file;                                                                                         \
    }
OPEN(open)
OPEN(open64)

int mkostemp(char *path, int flags)
{
    NEXT(mkostemp);
    char buffer[PATH_MAX];
    if (!record)
        return next(path, flags);
    int file_of_record = lock_record();
    int file = next(path, flags);
    const char *name = name_of(path, buffer);
    if (name)
        opened(file_of_record, file, name, flags, 0);
    unlock_record(file_of_record);
    return file;
}

/* ---- content ---- */

static ssize_t recorded_write(ssize_t (*call)(int, const void *, size_t, off64_t), int file,
                              const void *bytes, size_t length, off64_t at)
{
    char buffer[PATH_MAX];
    struct stat status;
    const char *name = name_of_open(file, buffer);
    if (!name || fstat(file, &status) || !S_ISREG(status.st_mode))
        return call(file, bytes, length, at);
    int file_of_record = lock_record();
    struct record_head head = {.kind = RECORD_WRITE, .file = status.st_ino, .at = at};
    if (at < 0 && syscall(SYS_fcntl, file, F_GETFL) & O_APPEND && !fstat(file, &status))
        head.at = status.st_size;
    else if (at < 0)
        head.at = syscall(SYS_lseek, file, 0, SEEK_CUR);
    ssize_t written = call(file, bytes, length, at);
    head.length = written > 0 ? (uint32_t)written : 0;
    if (written > 0)
        put(file_of_record, head, name, NULL, bytes);
    unlock_record(file_of_record);
    return written;
}

static ssize_t plain_write(int file, const void *bytes, size_t length, off64_t at)
{
    NEXT(write);
    (void)at;
    return next(file, bytes, length);
}
static ssize_t write_at(int file, const void *bytes, size_t length, off64_t at)
{
    NEXT(pwrite64);
    return next(file, bytes, length, at);
}

ssize_t write(int file, const void *bytes, size_t length)
{
    return recorded_write(plain_write, file, bytes, length, -1);
}
ssize_t pwrite(int file, const void *bytes, size_t length, off_t at)
{
    return recorded_write(write_at, file, bytes, length, at);
}
ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at)
{
    return recorded_write(write_at, file, bytes, length, at);
}

#define TRUNCATE(function, type)                                                                             \
    int function(int file, type length)                                                                      \
    {                                                                                                        \
        NEXT(function);                                                                                      \
        char buffer[PATH_MAX];                                                                               \
        const char *name = name_of_open(file, buffer);                                                       \
        if (!name)                                                                                           \
            return next(file, length);                                                                       \
        int file_of_record = lock_record();                                                                  \
        int result = next(file, length);                                                                     \
        if (!result)                                                                                         \
            put(file_of_record,                                                                              \
                (struct record_head){.kind = RECORD_TRUNCATE, .file = number_of(file), .at = length}, name,  \
                NULL, NULL);                                                                                 \
        unlock_record(file_of_record);                                                                       \
        return result;                                                                                       \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

/* ---- syncs ---- */

#define SYNC(function)                                                                                       \
    int function(int file)                                                                                   \
    {                                                                                                        \
        NEXT(function);                                                                                      \
        char buffer[PATH_MAX];                                                                               \
        struct stat status;                                                                                  \
        const char *name = name_of_open(file, buffer);                                                       \
        if (!name || fstat(file, &status))                                                                   \
            return next(file);                                                                               \
        int file_of_record = lock_record();                                                                  \
        int folder = S_ISDIR(status.st_mode);                                                                \
        int result = next(file);                                                                             \
        if (!result)                                                                                         \
            put(file_of_record,                                                                              \
                (struct record_head){.kind = folder ? RECORD_SYNC_FOLDER : RECORD_SYNC,                      \
                                     .file = folder ? 0 : status.st_ino},                                    \
                name, NULL, NULL);                                                                           \
        unlock_record(file_of_record);                                                                       \
        return result;                                                                                       \
    }
SYNC(fsync)
SYNC(fdatasync)

/* ---- names ---- */

static void named(int file_of_record, int result, enum record_kind kind, const char *name, const char *other)
{
    if (!result)
        put(file_of_record, (struct record_head){.kind = kind}, name, other, NULL);
    unlock_record(file_of_record);
}

int rename(const char *from, const char *to)
{
    NEXT(rename);
    char buffers[2][PATH_MAX];
    const char *name = name_of(from, buffers[0]), *other = name_of(to, buffers[1]);
    if (!name || !other)
        return next(from, to);
    int file_of_record = lock_record();
    int result = next(from, to);
    named(file_of_record, result, RECORD_RENAME, name, other);
    return result;
}
int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    NEXT(renameat2);
    char buffers[2][PATH_MAX];
    const char *name = name_of(from, buffers[0]), *other = name_of(to, buffers[1]);
    if (!name || !other)
        return next(from_folder, from, to_folder, to, flags);
    int file_of_record = lock_record();
    int result = next(from_folder, from, to_folder, to, flags);
    named(file_of_record, result, flags & RENAME_EXCHANGE ? RECORD_EXCHANGE : RECORD_RENAME, name, other);
    return result;
}

#define NAMED(function, kind)                                                                                \
    int function(const char *path)                                                                           \
    {                                                                                                        \
        NEXT(function);                                                                                      \
        char buffer[PATH_MAX];                                                                               \
        const char *name = name_of(path, buffer);                                                            \
        if (!name)                                                                                           \
            return next(path);                                                                               \
        int file_of_record = lock_record();                                                                  \
        int result = next(path);                                                                             \
        named(file_of_record, result, kind, name, NULL);                                                     \
        return result;                                                                                       \
    }
NAMED(unlink, RECORD_REMOVE)
NAMED(rmdir, RECORD_REMOVE)
NAMED(remove, RECORD_REMOVE)

int mkdir(const char *path, mode_t mode)
{
    NEXT(mkdir);
    char buffer[PATH_MAX];
    const char *name = name_of(path, buffer);
    if (!name)
        return next(path, mode);
    int file_of_record = lock_record();
    int result = next(path, mode);
    named(file_of_record, result, RECORD_FOLDER, name, NULL);
    return result;
}

/* ---- commits ---- */

int sqlite3_step(sqlite3_stmt *statement)
{
    NEXT(sqlite3_step);
    static int seen;
    const char *sql = sqlite3_sql(statement);
    int result = next(statement);
    if (!record || !sql || strncmp(sql, "COMMIT", 6) || result != SQLITE_DONE)
        return result;
    int changes = sqlite3_total_changes(sqlite3_db_handle(statement));
    if (changes != seen) {
        int file_of_record = lock_record();
        put(file_of_record, (struct record_head){.kind = RECORD_COMMIT}, NULL, NULL, NULL);
        unlock_record(file_of_record);
    }
    seen = changes;
    return result;
}

/* ---- to the children: pawl gives its keepers and programs next to no environment ---- */

int execve(const char *path, char *const arguments[], char *const environment[])
{
    static const char *const handed_on[] = {"LD_PRELOAD", "RECORD", "RECORD_ROOT"};
    NEXT(execve);
    return next(path, arguments, hand_on(environment, handed_on, 3));
}
