/* Temporary folders. All of a process stand in one, on which it holds a lock as long as it lives: one that
 * nobody holds is of a process that was killed, and may hold copies of values and credentials. Whoever makes
 * one removes such first. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#define PREFIX       "pawl-"
#define SUFFIX_BYTES 6 /* that mkdtemp fills in */
#define TRIES        5

static struct {
    pthread_mutex_t mutex;
    char *folder, *parent; /* NULL: none yet */
    pid_t owner;
} ours = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void remove_ours(void)
{
    if (ours.owner == getpid()) /* not what our parent has, of whom we were forked */
        rmdir(ours.folder);
}

/* The lock on a folder: a descriptor; -1 where it is held, is no folder of ours, or is gone already. */
static int folder_lock(const char *path)
{
    struct stat status;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return -1;
    bool good = !fstat(folder, &status) && status.st_uid == geteuid() && !flock(folder, LOCK_EX | LOCK_NB) &&
                !fstat(folder, &status) && status.st_nlink > 0;
    if (good)
        return folder;
    close(folder);
    return -1;
}

static void sweep(const char *parent)
{
    DIR *listing = opendir(parent);
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) ||
            strlen(entry->d_name) != strlen(PREFIX) + SUFFIX_BYTES)
            continue;
        char *path = string_format("%s/%s", parent, entry->d_name);
        int lock = folder_lock(path);
        if (lock >= 0) {
            folder_remove(path);
            close(lock);
        }
        free(path);
    }
    if (listing)
        closedir(listing);
}

/* Another's sweep may come between making and locking: then once more. */
static int make_ours(const char *parent, struct error *error)
{
    sweep(parent);
    for (int i = 0; i < TRIES; i++) {
        char *folder = string_format("%s/" PREFIX "XXXXXX", parent);
        bool made = mkdtemp(folder);
        int cause = errno;
        if (made && folder_lock(folder) >= 0) { /* held until the process ends */
            if (!ours.owner)
                atexit(remove_ours);
            free(ours.folder);
            free(ours.parent);
            ours.folder = folder;
            ours.parent = string_copy(parent);
            ours.owner = getpid();
            return 0;
        }
        free(folder);
        errno = cause;
        if (!made)
            break;
    }
    return error_set_errno(error, ERROR_SYSTEM, "cannot make a temporary folder in %s", parent);
}

char *folder_temporary(const char *name, struct error *error)
{
    const char *given = getenv("TMPDIR"), *parent = given && *given == '/' ? given : "/tmp";
    char *folder = NULL;
    pthread_mutex_lock(&ours.mutex);
    bool there = ours.owner == getpid() && !strcmp(ours.parent, parent) && !access(ours.folder, W_OK);
    if (there || !make_ours(parent, error)) {
        folder = string_format("%s/%s-XXXXXX", ours.folder, name);
        if (!mkdtemp(folder)) {
            error_set_errno(error, ERROR_SYSTEM, "cannot make a temporary folder %s", folder);
            free(folder);
            folder = NULL;
        }
    }
    pthread_mutex_unlock(&ours.mutex);
    return folder;
}
