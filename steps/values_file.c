#include "steps/values_file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

static int read_bytes(int from, struct values_file *file, struct error *error)
{
    struct text content = {0};
    char piece[LIMIT_PIECE_BYTES];
    ssize_t length;
    while ((length = read(from, piece, sizeof piece)) > 0 && content.length <= LIMIT_VALUES_FILE_BYTES)
        text_append(&content, piece, (size_t)length);
    if (length < 0)
        error_set_errno(error, ERROR_SYSTEM, "cannot read %s", file->path);
    else if (length > 0)
        error_set(error, ERROR_LIMIT, "%s is larger than %d bytes", file->path, LIMIT_VALUES_FILE_BYTES);
    file->length = content.length;
    file->bytes = text_take(&content);
    return length ? -1 : 0;
}

int values_file_read(const char *path, struct values_file *file, struct error *error)
{
    *file = (struct values_file){.path = realpath(path, NULL)};
    if (!file->path)
        return error_set_errno(error, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM,
                               "cannot read values file %s", path);
    int from = open(file->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (from < 0 || fstat(from, &file->status)) {
        error_set_errno(error, ERROR_SYSTEM, "cannot read values file %s", file->path);
        if (from >= 0)
            close(from);
        return -1;
    }
    int result = S_ISREG(file->status.st_mode)
                     ? read_bytes(from, file, error)
                     : error_set(error, ERROR_REFUSED, "%s is no regular file", file->path);
    close(from);
    if (result)
        return -1;
    json_t *text = json_stringn(file->bytes, file->length);
    if (!text || strlen(file->bytes) != file->length)
        result = error_set(error, ERROR_REFUSED, "%s is not a text in UTF-8", file->path);
    json_decref(text);
    struct digest digest = digest_of(file->bytes, file->length);
    digest_hex(&digest, file->sha256);
    return result;
}

int values_file_check(const struct values_file *file, struct error *error)
{
    char *folder = path_folder(file->path);
    int result = 0;
    if (file->status.st_nlink > 1) {
        result = error_set(error, ERROR_REFUSED,
                           "%s has %lu names (hard links): replacing it would leave the others behind",
                           file->path, (unsigned long)file->status.st_nlink);
        error_next(error, "make it a file of its own, or a symbolic link");
    } else if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS)) {
        result = error_set_errno(error, ERROR_REFUSED, "%s cannot be replaced: folder %s", file->path,
                                 folder);
    } else if (faccessat(AT_FDCWD, file->path, W_OK, AT_EACCESS)) {
        /* A rename would do it all the same: but who took the right away meant it. */
        result = error_set_errno(error, ERROR_REFUSED, "%s cannot be written", file->path);
    }
    free(folder);
    return result;
}

static bool owner_differs(const struct stat *one, const struct stat *other)
{
    return one->st_uid != other->st_uid || one->st_gid != other->st_gid;
}

/* Owner before mode: a change of owner takes set-id bits away. */
static int dress(int to, const struct stat *status)
{
    struct stat now;
    if (fstat(to, &now))
        return -1;
    if (owner_differs(&now, status) && fchown(to, status->st_uid, status->st_gid))
        return -1;
    return fchmod(to, status->st_mode & 07777);
}

char *values_file_stage(const struct values_file *file, const char *bytes, size_t length, struct error *error)
{
    char *staged = string_format("%s.pawl-XXXXXX", file->path);
    int to = mkostemp(staged, O_CLOEXEC);
    if (to < 0) {
        error_set_errno(error, ERROR_SYSTEM, "cannot create %s", staged);
        free(staged);
        return NULL;
    }
    if (!descriptor_write(to, bytes, length) && !dress(to, &file->status) && !fsync(to)) {
        close(to);
        return staged;
    }
    error_set_errno(error, ERROR_SYSTEM, "cannot write %s with the mode and owner of %s", staged, file->path);
    close(to);
    values_file_abandon(staged);
    return NULL;
}

static bool is_same(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino && one->st_size == other->st_size &&
           one->st_mtim.tv_sec == other->st_mtim.tv_sec && one->st_mtim.tv_nsec == other->st_mtim.tv_nsec &&
           one->st_ctim.tv_sec == other->st_ctim.tv_sec && one->st_ctim.tv_nsec == other->st_ctim.tv_nsec;
}

int values_file_commit(const struct values_file *file, char *staged, struct error *error)
{
    struct stat now;
    char *folder = path_folder(file->path);
    int result;
    if (lstat(file->path, &now) || !is_same(&now, &file->status)) {
        result = error_set(error, ERROR_NOT_YET, "%s was changed by somebody else just now", file->path);
        error_next(error, "nothing was written; let nobody edit it meanwhile");
        unlink(staged);
    } else if (rename(staged, file->path)) {
        result = error_set_errno(error, ERROR_SYSTEM, "cannot replace %s", file->path);
        unlink(staged);
    } else {
        result = folder_sync(folder, error);
    }
    free(staged);
    free(folder);
    return result;
}

void values_file_abandon(char *staged)
{
    if (staged)
        unlink(staged);
    free(staged);
}

void values_file_clear(struct values_file *file)
{
    free(file->path);
    free(file->bytes);
    *file = (struct values_file){0};
}
