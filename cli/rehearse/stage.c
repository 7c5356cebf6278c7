/* The stage: the private folder, and in it what every run begins from. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "cli/rehearse/rehearsal.h"
#include "cluster/sim/sim.h"
#include "state/store.h"

#define FOLDER_NAME "pawl-rehearse-"

/* ---- the private folder ---- */

/* What the situations that are played at one time take, and some to spare. */
#define ROOM_BYTES (16LL * 1024 * 1024)

static bool has_room(const char *folder)
{
    struct statvfs status;
    return !access(folder, W_OK | X_OK) && !statvfs(folder, &status) &&
           (long long)status.f_bavail * (long long)status.f_frsize >= ROOM_BYTES;
}

/* In memory where the machine has such a file system: a rehearsal kills processes, not machines. NULL with
 * the error filled. */
static const char *base_folder(struct error *error)
{
    const char *chosen = getenv("TMPDIR");
    if (has_room("/dev/shm"))
        return "/dev/shm";
    chosen = chosen && *chosen == '/' ? chosen : "/tmp";
    if (has_room(chosen))
        return chosen;
    error_set(error, ERROR_SYSTEM, "a rehearsal needs %lld MiB free in /dev/shm or %s",
              ROOM_BYTES / 1024 / 1024, chosen);
    error_next(error, "free some, or name another folder: TMPDIR=/…");
    return NULL;
}

/* What a rehearsal that was killed has left: its lock is free. */
static void remove_stale(const char *base)
{
    DIR *folder = opendir(base);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        struct stat status;
        if (strncmp(entry->d_name, FOLDER_NAME, strlen(FOLDER_NAME)))
            continue;
        char *path = string_format("%s/%s", base, entry->d_name);
        char *lock = string_format("%s/lock", path), *kept = string_format("%s/kept", path);
        if (!lstat(path, &status) && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
            !access(lock, F_OK) && access(kept, F_OK) && !lock_is_held(lock))
            folder_remove(path);
        free(kept);
        free(lock);
        free(path);
    }
    if (folder)
        closedir(folder);
}

static int make_folder(struct rehearsal *rehearsal, struct error *error)
{
    const char *base = base_folder(error);
    if (!base)
        return -1;
    remove_stale(base);
    char *folder = string_format("%s/%sXXXXXX", base, FOLDER_NAME);
    if (!mkdtemp(folder)) {
        error_set_errno(error, ERROR_SYSTEM, "cannot make a folder in %s", base);
        free(folder);
        return -1;
    }
    rehearsal->folder = folder;
    rehearsal->stage = string_format("%s/stage", folder);
    /* Under its name only once it is held: another rehearsal may look for stale ones right now. */
    char *early = string_format("%s/lock.new", folder), *lock = string_format("%s/lock", folder);
    rehearsal->lock = lock_take(early, 0600, error);
    int result = rehearsal->lock < 0   ? -1
                 : rename(early, lock) ? error_set_errno(error, ERROR_SYSTEM, "cannot name %s", lock)
                                       : folder_make(rehearsal->stage, 0700, error);
    free(early);
    free(lock);
    return result;
}

void stage_strike(struct rehearsal *rehearsal)
{
    if (rehearsal->folder && !invocation_has(rehearsal->invocation, "keep")) {
        folder_remove(rehearsal->folder);
    } else if (rehearsal->folder) {
        char *kept = string_format("%s/kept", rehearsal->folder);
        close(open(kept, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        free(kept);
    }
    if (rehearsal->lock >= 0)
        close(rehearsal->lock);
    free(rehearsal->folder);
    free(rehearsal->stage);
    rehearsal->folder = rehearsal->stage = NULL;
    rehearsal->lock = -1;
}

/* ---- the operator's files ---- */

static int copy_once(const char *from, const char *to)
{
    size_t length;
    struct error ignored;
    if (!access(to, F_OK))
        return 0;
    char *bytes = file_read(from, LIMIT_VALUES_FILE_BYTES, &length, &ignored);
    if (!bytes)
        return -1;
    char *folder = string_copy(to), *slash = strrchr(folder, '/');
    *slash = '\0';
    int result = folder_make(folder, 0700, &ignored) || file_replace(to, bytes, length, 0600, &ignored);
    free(folder);
    free(bytes);
    return result ? -1 : 0;
}

char *stage_file(const struct rehearsal *rehearsal, const char *place, const char *path)
{
    char *private = string_format("%s/files%s", place, path);
    char *pristine = string_format("%s/files%s", rehearsal->stage, path);
    /* Every situation begins with the file as the first one found it. */
    if (access(private, F_OK) && !copy_once(path, pristine))
        copy_once(pristine, private);
    free(pristine);
    return private;
}

/* ---- the cluster and the store ---- */

static int make_store(const struct rehearsal *rehearsal, struct error *error)
{
    char *path = string_format("%s/pawl.db", rehearsal->stage);
    struct store *store = store_open(path, STORE_CREATE, error);
    free(path);
    store_close(store);
    return store ? 0 : -1;
}

/* --cluster sim:FILE: that cluster, as it stands; its time becomes virtual. */
static int copy_cluster(const char *from, const char *to, struct error *error)
{
    static const char *const endings[] = {"", ".lock", ".log"};
    int result = 0;
    for (size_t i = 0; i < sizeof endings / sizeof *endings && !result; i++) {
        char *source = string_format("%s%s", from, endings[i]),
             *target = string_format("%s%s", to, endings[i]);
        size_t length;
        char *bytes = file_read(source, LIMIT_JSON_BYTES, &length, error);
        /* The log begins anew: what was done before is not this run's. */
        result = bytes ? file_replace(target, bytes, i == 2 ? 0 : length, 0600, error) : -1;
        free(bytes);
        free(source);
        free(target);
    }
    return result ? result : sim_begin_anew(to, error);
}

static int make_cluster(struct rehearsal *rehearsal, struct error *error)
{
    const struct invocation *invocation = rehearsal->invocation;
    const char *spec = invocation->cluster;
    bool is_sim = spec && !strncmp(spec, "sim:", 4), like_live = invocation_has(invocation, "like-live");
    char *sim = string_format("%s/sim.json", rehearsal->stage);
    json_t *likeness = likeness_of_job(rehearsal);
    struct cluster *cluster = NULL;
    int result = 0;
    if (like_live) {
        cluster = cluster_open(spec ? spec : "live", invocation->kubeconfig, invocation->context, error);
        result = cluster ? 0 : -1;
        if (cluster)
            likeness_read(rehearsal, cluster, likeness);
        cluster_close(cluster);
    }
    if (!result)
        result = is_sim && !like_live ? copy_cluster(spec + 4, sim, error)
                                      : likeness_build(rehearsal, likeness, sim, error);
    json_decref(likeness);
    free(sim);
    return result;
}

int stage_set(struct rehearsal *rehearsal, struct error *error)
{
    rehearsal->lock = -1;
    return make_folder(rehearsal, error) || make_store(rehearsal, error) || make_cluster(rehearsal, error)
               ? -1
               : 0;
}
