#include "engine/lock_holders.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#define FDINFO_BYTES 65536

static bool is_open_for_both(const char *pid, const char *number)
{
    char *path = string_format("/proc/%s/fdinfo/%s", pid, number);
    char *text = file_read(path, FDINFO_BYTES, NULL, NULL), *flags = text ? strstr(text, "flags:") : NULL;
    bool both = flags && (strtol(flags + strlen("flags:"), NULL, 8) & O_ACCMODE) == O_RDWR;
    free(text);
    free(path);
    return both;
}

static bool holds(const char *pid, const struct stat *lock)
{
    char *path = string_format("/proc/%s/fd", pid);
    DIR *folder = opendir(path);
    bool found = false;
    struct stat status;
    for (struct dirent *entry; folder && !found && (entry = readdir(folder));)
        found = !fstatat(dirfd(folder), entry->d_name, &status, 0) && status.st_dev == lock->st_dev &&
                status.st_ino == lock->st_ino && is_open_for_both(pid, entry->d_name);
    if (folder)
        closedir(folder);
    free(path);
    return found;
}

/* The handle comes before the look: whoever has the pid afterwards is not hit. */
static void kill_if_holder(const char *name, const struct stat *lock)
{
    pid_t pid = (pid_t)strtol(name, NULL, 10);
    int handle = pid > 1 && pid != getpid() ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (handle < 0)
        return;
    if (holds(name, lock))
        syscall(SYS_pidfd_send_signal, handle, SIGKILL, NULL, 0);
    close(handle);
}

void lock_holders_kill(const char *path)
{
    struct stat lock;
    DIR *all = stat(path, &lock) ? NULL : opendir("/proc");
    for (struct dirent *entry; all && (entry = readdir(all));)
        if (*entry->d_name >= '1' && *entry->d_name <= '9')
            kill_if_holder(entry->d_name, &lock);
    if (all)
        closedir(all);
}
