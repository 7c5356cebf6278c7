/* The real store: state/ on SQLite, one file in a folder of its own on tmpfs, made anew for each history by
 * copying an empty one. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/replay.h"
#include "simulation/simulation.h"

static char folder[64], path[80], empty[80];

static void remove_files(void)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

static void remove_folder(void)
{
    char name[96];
    remove_files();
    unlink(empty);
    snprintf(name, sizeof name, "%s.d", path);
    rmdir(name);
    rmdir(folder);
}

static void copy_file(const char *from, const char *to)
{
    char bytes[65536];
    ssize_t length;
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (in >= 0 && out >= 0 && (length = read(in, bytes, sizeof bytes)) > 0)
        if (write(out, bytes, (size_t)length) != length)
            break;
    close(in);
    close(out);
}

/* Making the schema takes longer than a history does. */
static void make_empty(void)
{
    struct error error = {0};
    struct stat status;
    strcpy(folder,
           stat("/dev/shm", &status) ? "/tmp/pawl-simulation-XXXXXX" : "/dev/shm/pawl-simulation-XXXXXX");
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(2);
    }
    snprintf(path, sizeof path, "%s/pawl.db", folder);
    snprintf(empty, sizeof empty, "%s/empty.db", folder);
    atexit(remove_folder);
    struct store *store = store_open(path, STORE_CREATE, &error);
    if (!store) {
        fprintf(stderr, "%s\n", error.message);
        exit(2);
    }
    store_close(store);
    copy_file(path, empty);
    remove_files();
}

const char *simulation_store_path(void)
{
    return path;
}

const char *simulation_store_kind(void)
{
    return "SQLite";
}

void simulation_store_begin(void)
{
    if (!folder[0])
        make_empty();
    copy_file(empty, path);
}

void simulation_store_forget(void)
{
    remove_files();
}

int simulation_store_verify(struct store *store, char what[256])
{
    struct chain_report report;
    struct error error = {0};
    if (replay_verify(store, &report, &error))
        snprintf(what, 256, "%.250s", error.message);
    else if (!report.intact)
        snprintf(what, 256, "run %lld: %.200s", (long long)report.bad_run, report.what);
    else
        return 0;
    return -1;
}
