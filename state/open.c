/* Where the store is, and opening it: modes, pragmas, schema. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "state/migrate.h"
#include "state/statement.h"

#define TEAM_FOLDER "/var/lib/pawl"
#define FUSE_MAGIC  0x65735546UL
#define TEAM_STORE  TEAM_FOLDER "/pawl.db"

/* Of file systems whose locks and mappings other hosts share: WAL and our locks do not hold there. */
static const struct {
    unsigned long magic;
    const char *name;
} NETWORK_FILE_SYSTEMS[] = {
    {NFS_SUPER_MAGIC, "NFS"},   {SMB_SUPER_MAGIC, "SMB"}, {0xFF534D42UL, "CIFS"},  {0xFE534D42UL, "SMB2"},
    {CODA_SUPER_MAGIC, "Coda"}, {AFS_SUPER_MAGIC, "AFS"}, {0x00C36400UL, "Ceph"},  {0x01021997UL, "9p"},
    {0x47504653UL, "GPFS"},     {0x0BD00BD0UL, "Lustre"}, {0x7461636FUL, "OCFS2"}, {0x01161970UL, "GFS2"},
};

char *store_path(const char *option)
{
    const char *named = option ? option : getenv("PAWL_STORE");
    if (named && *named)
        return string_copy(named);
    if (!access(TEAM_STORE, W_OK) ||
        (access(TEAM_STORE, F_OK) && !access(TEAM_FOLDER, W_OK) && geteuid() != 0))
        return string_copy(TEAM_STORE);
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (state && *state == '/')
        return string_format("%s/pawl/pawl.db", state);
    return string_format("%s/.local/state/pawl/pawl.db", home && *home ? home : "/root");
}

/* FUSE has one magic number for all: the mount table tells which of them are another host's. */
static bool fuse_is_remote(const char *folder)
{
    static const char *const remote[] = {"fuse.sshfs",   "fuse.glusterfs", "fuse.ceph",
                                         "fuse.s3fs",    "fuse.rclone",    "fuse.gcsfuse",
                                         "fuse.juicefs", "fuse.goofys",    "fuse.mountpoint-s3"};
    struct stat status;
    FILE *mounts = stat(folder, &status) ? NULL : fopen("/proc/self/mountinfo", "re");
    char line[4096], type[64];
    unsigned major, minor;
    bool found = false;
    while (mounts && !found && fgets(line, sizeof line, mounts)) {
        const char *behind = strstr(line, " - ");
        if (sscanf(line, "%*d %*d %u:%u", &major, &minor) != 2 || makedev(major, minor) != status.st_dev ||
            !behind || sscanf(behind, " - %63s", type) != 1)
            continue;
        for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
            found = found || !strcmp(type, remote[i]);
    }
    if (mounts)
        fclose(mounts);
    return found;
}

static int refuse_file_system(const char *folder, const char *name, struct error *error)
{
    error_set(error, ERROR_STORE, "%s is on a network file system (%s): locks do not hold there", folder,
              name);
    return error_next(error, "put the store on a local disk: --store PATH or PAWL_STORE");
}

static int refuse_network(const char *folder, struct error *error)
{
    struct statfs status;
    if (statfs(folder, &status))
        return error_set_errno(error, ERROR_STORE, "cannot look at %s", folder);
    for (size_t i = 0; i < sizeof NETWORK_FILE_SYSTEMS / sizeof *NETWORK_FILE_SYSTEMS; i++)
        if ((unsigned long)status.f_type == NETWORK_FILE_SYSTEMS[i].magic)
            return refuse_file_system(folder, NETWORK_FILE_SYSTEMS[i].name, error);
    if ((unsigned long)status.f_type == FUSE_MAGIC && fuse_is_remote(folder))
        return refuse_file_system(folder, "FUSE", error);
    return 0;
}

/* The file exists with its mode before SQLite opens it, so that its -wal and -shm take the same. */
static int make_file(const char *path, bool team, struct error *error)
{
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, team ? 0660 : 0600);
    if (file < 0 && errno != EEXIST)
        return error_set_errno(error, ERROR_STORE, "cannot create the store %s", path);
    if (file < 0)
        return 0;
    int result = fchmod(file, team ? 0660 : 0600)
                     ? error_set_errno(error, ERROR_STORE, "cannot set %s's mode", path)
                     : 0;
    close(file);
    return result;
}

/* From here on the store is where the links on the way to its folder lead: SQLite follows none on the whole
 * path. The kernel looks first whether they may be followed; the last name, the store's own, stays as it is.
 */
static void resolve_folder(struct store *store)
{
    char *named = path_folder(store->path);
    struct stat status;
    char *real = stat(named, &status) ? NULL : realpath(named, NULL);
    if (real) {
        const char *name = strrchr(store->path, '/') + 1;
        char *path = string_format("%s/%s", strcmp(real, "/") ? real : "", name);
        free(store->path);
        free(store->folder);
        store->path = path;
        store->folder = string_format("%s.d", path);
    }
    free(real);
    free(named);
}

/* Who may write where the store is makes whoever resumes a run do as he likes: that must not be anybody. The
 * folder beside it is no link to elsewhere, and of nobody but us, root, or whose the store is. */
static int refuse_open_places(const struct store *store, const char *folder, const struct stat *file,
                              struct error *error)
{
    struct stat around, beside;
    const char *open_place = NULL;
    if (!stat(folder, &around) && (around.st_mode & S_IWOTH) && !(around.st_mode & S_ISVTX))
        open_place = folder;
    else if (file->st_mode & S_IWOTH)
        open_place = store->path;
    bool is_beside = !lstat(store->folder, &beside);
    if (is_beside && S_ISDIR(beside.st_mode) && (beside.st_mode & S_IWOTH))
        open_place = store->folder;
    if (open_place) {
        error_set(error, ERROR_STORE, "anybody may write to %s: nothing there can be trusted", open_place);
        return error_next(error, "chmod o-w %s, after a look at what is there (pawl audit verify)",
                          open_place);
    }
    bool ours = is_beside &&
                (beside.st_uid == geteuid() || beside.st_uid == 0 || beside.st_uid == file->st_uid);
    if (is_beside && (!S_ISDIR(beside.st_mode) || !ours))
        return error_set(error, ERROR_STORE, "%s is no folder of this store's: somebody else put it there",
                         store->folder);
    return 0;
}

/* Only where a store may be is anything made. */
static int make_store(const struct store *store, const char *folder, struct error *error)
{
    return refuse_network(folder, error) ? -1 : make_file(store->path, store->is_team, error);
}

static int find_folder(struct store *store, enum store_mode mode, struct error *error)
{
    char *named = path_folder(store->path);
    int result = mode == STORE_CREATE ? folder_make(named, store->is_team ? 02770 : 0700, error) : 0;
    free(named);
    resolve_folder(store);
    return result;
}

/* What SQLite keeps beside the file, and pawl's locks, go by its name: under two names it would be two stores
 * in one file. */
static int refuse_other_names(const struct store *store, const struct stat *file, struct error *error)
{
    if (file->st_nlink < 2)
        return 0;
    error_set(error, ERROR_STORE, "%s has %llu names (hard links): under each it would be another store",
              store->path, (unsigned long long)file->st_nlink);
    return error_next(error, "find them with find FOLDER -inum %llu and leave the one that is used",
                      (unsigned long long)file->st_ino);
}

static int find_store(struct store *store, enum store_mode mode, struct error *error)
{
    struct stat status;
    if (find_folder(store, mode, error))
        return -1;
    char *folder = path_folder(store->path);
    int result = 0;
    bool missing = lstat(store->path, &status) != 0;
    if (missing && mode == STORE_CREATE)
        result = make_store(store, folder, error);
    else if (missing)
        result = refuse_missing(store, error);
    else if (!S_ISREG(status.st_mode))
        result = error_set(error, ERROR_STORE, "%s is not a regular file", store->path);
    else
        result = refuse_other_names(store, &status, error) || refuse_network(folder, error) ? -1 : 0;
    if (!result && !lstat(store->path, &status))
        result = refuse_open_places(store, folder, &status, error);
    free(folder);
    return result;
}

/* Beside what has turned out to be a store. Where its making was cut off before this, the next who writes
 * makes it. */
static int make_folder(const struct store *store, struct error *error)
{
    return folder_make(store->folder, store->is_team ? 02770 : 0700, error);
}

/* Switching an empty file to WAL wants it alone for a moment; SQLite does not wait for that by itself. */
static int set_wal(struct store *store, struct error *error)
{
    enum { PAUSE_MS = 5 };
    for (int waited_ms = 0;; waited_ms += PAUSE_MS) {
        sqlite3_stmt *statement = NULL;
        int result = sqlite3_prepare_v2(store->database, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
        if (!result)
            result = sqlite3_step(statement);
        bool is_wal = result == SQLITE_ROW && !strcmp(column_text(statement, 0), "wal");
        sqlite3_finalize(statement);
        if (is_wal)
            return 0;
        if (result == SQLITE_ROW)
            return error_set(error, ERROR_STORE, "%s: the file system does not carry a write-ahead log",
                             store->path);
        if ((result != SQLITE_BUSY && result != SQLITE_LOCKED) || waited_ms >= LIMIT_STORE_BUSY_MS)
            return statement_error(store, error, "cannot open");
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
    }
}

/* The file is input. Nothing in it may run (views, functions of a hostile schema), no statement may read or
 * write other files, and no value is larger than what pawl itself writes. */
static void harden(sqlite3 *database)
{
    static const int settings[][2] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},   {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0}, {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},     {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1}, {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
    };
    static const int limits[][2] = {
        {SQLITE_LIMIT_LENGTH, LIMIT_STORE_VALUE_BYTES},
        {SQLITE_LIMIT_SQL_LENGTH, LIMIT_STORE_SQL_BYTES},
        {SQLITE_LIMIT_COLUMN, 64},
        {SQLITE_LIMIT_EXPR_DEPTH, 32},
        {SQLITE_LIMIT_COMPOUND_SELECT, 4},
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 2},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        sqlite3_db_config(database, settings[i][0], settings[i][1], NULL);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        sqlite3_limit(database, limits[i][0], limits[i][1]);
}

static int set_pragmas(struct store *store, enum store_mode mode, struct error *error)
{
    /* The WAL is folded back every 4,000 pages (16 MB): a checkpoint costs syncs of its own. */
    static const char writing[] = "PRAGMA synchronous = FULL;"
                                  "PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 16777216;"
                                  "PRAGMA cell_size_check = ON;";
    static const char reading[] = "PRAGMA query_only = ON; PRAGMA cell_size_check = ON;";
    sqlite3_busy_timeout(store->database, LIMIT_STORE_BUSY_MS);
    /* The log stays when the last process closes it, so that those who may only read can open the store. */
    int stays = 1;
    sqlite3_file_control(store->database, "main", SQLITE_FCNTL_PERSIST_WAL, &stays);
    if (check_is_store(store, mode, error) || (mode != STORE_READ && set_wal(store, error)))
        return -1;
    if (sqlite3_exec(store->database, mode == STORE_READ ? reading : writing, NULL, NULL, NULL))
        return statement_error(store, error, "cannot open");
    return 0;
}

static int read_uuid(struct store *store, struct error *error)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(store->database, "SELECT uuid FROM store", -1, &statement, NULL))
        return statement_error(store, error, "cannot read");
    int result = statement_row(store, statement, error);
    if (result == 1)
        store->uuid = string_copy(column_text(statement, 0));
    else if (result == 0)
        error_set(error, ERROR_STORE_CORRUPT, "%s is not a store of pawl", store->path);
    sqlite3_finalize(statement);
    return result == 1 && store->uuid ? 0 : -1;
}

/* Children and keepers run elsewhere: a relative path would mean another place there. */
static char *absolute_path(const char *path)
{
    char *here = *path == '/' ? NULL : getcwd(NULL, 0);
    char *absolute = here ? string_format("%s/%s", here, path) : string_copy(path);
    free(here);
    return absolute;
}

/* SQLite counts the bytes that it allocates, behind a mutex, at every allocation; nobody asks. Refused once
 * SQLite is in use: it has been told before. */
static void count_no_memory(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

struct store *store_open(const char *path, enum store_mode mode, struct error *error)
{
    struct store *store = memory_new(sizeof *store);
    store->path = absolute_path(path);
    store->folder = string_format("%s.d", store->path);
    store->is_team = !strncmp(store->path, TEAM_FOLDER "/", strlen(TEAM_FOLDER "/"));
    count_no_memory();
    int flags = mode == STORE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (find_store(store, mode, error))
        goto failed;
    if (sqlite3_open_v2(store->path, &store->database, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
                        NULL)) {
        statement_error(store, error, "cannot open");
        goto failed;
    }
    sqlite3_extended_result_codes(store->database, 0);
    harden(store->database);
    if (set_pragmas(store, mode, error) || migrate(store, mode, error) || read_uuid(store, error) ||
        (mode != STORE_READ && make_folder(store, error)))
        goto failed;
    return store;
failed:
    store_close(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (!store)
        return;
    for (int i = 0; i < STATEMENT_COUNT; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->database);
    free(store->path);
    free(store->folder);
    free(store->uuid);
    free(store);
}

const char *store_uuid(const struct store *store)
{
    return store->uuid;
}

const char *store_folder(const struct store *store)
{
    return store->folder;
}
