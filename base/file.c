#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

/* Closes it; -1: the error has been filled. */
static char *read_all(int file, const char *path, size_t limit, size_t *out_length, struct error *error)
{
    if (file < 0)
        return NULL;
    struct text content = {0};
    char piece[LIMIT_PIECE_BYTES];
    ssize_t length;
    while ((length = read(file, piece, sizeof piece)) > 0 && content.length + (size_t)length <= limit)
        text_append(&content, piece, (size_t)length);
    int cause = errno;
    close(file);
    if (length != 0) {
        text_clear(&content);
        errno = cause;
        if (length > 0)
            error_set(error, ERROR_LIMIT, "%s is larger than %zu bytes", path, limit);
        else
            error_set_errno(error, ERROR_SYSTEM, "cannot read %s", path);
        return NULL;
    }
    if (out_length)
        *out_length = content.length;
    return text_take(&content);
}

/* What it is instead, for people. */
static const char *file_type_text(mode_t mode)
{
    return S_ISDIR(mode) ? "a folder" : S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
}

int file_open_regular(const char *path, int flags, struct error *error)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
    if (file < 0 || fstat(file, &status)) {
        error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, "cannot read %s", path);
    } else if (S_ISREG(status.st_mode)) {
        return file;
    } else {
        error_set(error, ERROR_SYSTEM, "cannot read %s: it is %s, not a regular file", path,
                  file_type_text(status.st_mode));
        error_next(error, "write what it shall hold into a file, and name that one");
    }
    if (file >= 0)
        close(file);
    return -1;
}

char *file_read(const char *path, size_t limit, size_t *out_length, struct error *error)
{
    return read_all(file_open_regular(path, 0, error), path, limit, out_length, error);
}

char *file_read_plain(const char *path, size_t limit, size_t *out_length, struct error *error)
{
    return read_all(file_open_regular(path, O_NOFOLLOW, error), path, limit, out_length, error);
}

char *path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return string_copy(".");
    if (slash == path)
        return string_copy("/");
    return string_format("%.*s", (int)(slash - path), path);
}

static bool group_is_admitted(const char *path)
{
    struct stat status;
    char *folder = path_folder(path);
    bool admitted = !stat(folder, &status) && (status.st_mode & S_IRWXG) == S_IRWXG;
    free(folder);
    return admitted;
}

mode_t file_mode_at(const char *path)
{
    return group_is_admitted(path) ? 0660 : 0600;
}

mode_t folder_mode_at(const char *path)
{
    return group_is_admitted(path) ? 02770 : 0700;
}

int folder_sync(const char *path, struct error *error)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return error_set_errno(error, ERROR_SYSTEM, "cannot open folder %s", path);
    int result = fsync(folder) ? error_set_errno(error, ERROR_SYSTEM, "cannot sync folder %s", path) : 0;
    close(folder);
    return result;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    (void)!remove(path);
    return 0;
}

void folder_remove(const char *path)
{
    nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

int descriptor_write(int file, const void *bytes, size_t length)
{
    const char *left = bytes;
    while (length) {
        ssize_t written = write(file, left, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        left += written;
        length -= (size_t)written;
    }
    return 0;
}

int file_replace(const char *path, const void *bytes, size_t length, mode_t mode, struct error *error)
{
    char *folder = path_folder(path);
    char *temporary = string_format("%s.pawl-XXXXXX", path);
    int result = -1;
    int file = mkostemp(temporary, O_CLOEXEC);
    if (file < 0) {
        error_set_errno(error, ERROR_SYSTEM, "cannot create %s", temporary);
        goto out;
    }
    if (fchmod(file, mode) || descriptor_write(file, bytes, length) || fsync(file)) {
        error_set_errno(error, ERROR_SYSTEM, "cannot write %s", temporary);
        close(file);
        unlink(temporary);
        goto out;
    }
    close(file);
    if (rename(temporary, path)) {
        error_set_errno(error, ERROR_SYSTEM, "cannot replace %s", path);
        unlink(temporary);
        goto out;
    }
    result = folder_sync(folder, error);
out:
    free(temporary);
    free(folder);
    return result;
}

int folder_make(const char *path, mode_t mode, struct error *error)
{
    char *partial = string_copy(path);
    int result = 0;
    for (char *slash = partial + 1; !result; slash++) {
        slash += strcspn(slash, "/");
        bool last = !*slash;
        *slash = '\0';
        /* mkdir obeys the umask and may drop the set-group bit: chmod does neither. */
        if (mkdir(partial, mode) ? errno != EEXIST : chmod(partial, mode) != 0)
            result = error_set_errno(error, ERROR_SYSTEM, "cannot create folder %s", partial);
        if (last)
            break;
        *slash = '/';
    }
    free(partial);
    return result;
}

int folder_check(const char *path, struct error *error)
{
    struct stat status;
    if (lstat(path, &status) || !S_ISLNK(status.st_mode))
        return 0;
    error_set(error, ERROR_SYSTEM, "%s is a symbolic link, where a folder of ours belongs", path);
    return error_next(error, "see who made it, and remove it");
}

/* Open file description locks: like flock they belong to the open file, survive fork and exec and end with
 * the last descriptor; unlike flock they can be asked about without being taken for a moment. */
static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

int lock_take(const char *path, mode_t mode, struct error *error)
{
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
    if (file < 0)
        return error_set_errno(error, ERROR_SYSTEM, "cannot open lock file %s", path);
    struct flock lock = whole_file();
    if (!fcntl(file, F_OFD_SETLK, &lock)) {
        int unchanged = fchmod(file, mode); /* whatever the umask; another's file stays as it is */
        (void)unchanged;
        return file;
    }
    bool held = errno == EAGAIN || errno == EACCES;
    error_set_errno(error, held ? ERROR_LOCKED : ERROR_SYSTEM, "cannot lock %s", path);
    close(file);
    return -1;
}

bool lock_is_held(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) /* what may not be looked at may well be held */
        return errno != ENOENT && errno != ENOTDIR;
    struct flock lock = whole_file();
    bool held = fcntl(file, F_OFD_GETLK, &lock) || lock.l_type != F_UNLCK;
    close(file);
    return held;
}
