/* Places: copies of the stage, one for each situation. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/rehearse/rehearsal.h"

static int copy_file(const char *from, const char *to, struct error *error)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
    struct stat status;
    int result = -1;
    if (in < 0 || fstat(in, &status) ||
        (out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, status.st_mode & 0777)) < 0) {
        error_set_errno(error, ERROR_SYSTEM, "cannot copy %s to %s", from, to);
        goto end;
    }
    for (off_t left = status.st_size; left > 0;) {
        ssize_t sent = sendfile(out, in, NULL, (size_t)left);
        if (sent <= 0) {
            error_set_errno(error, ERROR_SYSTEM, "cannot copy %s to %s", from, to);
            goto end;
        }
        left -= sent;
    }
    result = 0;
end:
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
    return result;
}

/* What SQLite maps between processes is made anew. */
static bool is_left_out(const char *name)
{
    size_t length = strlen(name);
    return *name == '.' || (length > 4 && !strcmp(name + length - 4, "-shm"));
}

/* The regular files; the stage has no folders below it that places need. */
static int copy_files(const char *from, const char *to, struct error *error)
{
    DIR *folder = opendir(from);
    int result = 0;
    if (!folder)
        return error_set_errno(error, ERROR_SYSTEM, "cannot read %s", from);
    for (struct dirent *entry; !result && (entry = readdir(folder));) {
        if (is_left_out(entry->d_name) || entry->d_type != DT_REG)
            continue;
        char *source = string_format("%s/%s", from, entry->d_name);
        char *target = string_format("%s/%s", to, entry->d_name);
        result = copy_file(source, target, error);
        free(source);
        free(target);
    }
    closedir(folder);
    return result;
}

/* "crash-7": a ":" would part a list of paths. */
static char *place_path(const struct rehearsal *rehearsal, const struct situation *situation)
{
    char *name = string_copy(situation->name), *colon = strchr(name, ':');
    if (colon)
        *colon = '-';
    char *path = string_format("%s/%s", rehearsal->folder, name);
    free(name);
    return path;
}

char *place_new(const struct rehearsal *rehearsal, const struct situation *situation, struct error *error)
{
    char *place = place_path(rehearsal, situation);
    if (!mkdir(place, 0700)) {
        if (!copy_files(rehearsal->stage, place, error))
            return place;
        folder_remove(place);
    } else {
        error_set_errno(error, ERROR_SYSTEM, "cannot make %s", place);
    }
    free(place);
    return NULL;
}
