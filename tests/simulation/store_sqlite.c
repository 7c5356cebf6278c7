/* The real store: state/ on SQLite, one file on tmpfs. It is emptied between histories, and connections are
 * kept: opening one, with all that is checked then, takes as long as a history. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/replay.h"
#include "simulation/simulation.h"

static char folder[64], path[80];
static struct store *spare[SIMULATION_PROCESSES + 1];
static int spare_count;
static sqlite3 *side; /* without pawl's triggers: it empties the tables */

static void remove_all(void)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[96];
    while (spare_count)
        store_close(spare[--spare_count]);
    sqlite3_close(side);
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    snprintf(name, sizeof name, "%s.d", path);
    rmdir(name);
    rmdir(folder);
}

static void make(void)
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
    atexit(remove_all);
    struct store *store = store_open(path, STORE_CREATE, &error);
    store_close(store);
    if (!store || sqlite3_open_v2(path, &side, SQLITE_OPEN_READWRITE, NULL) ||
        sqlite3_db_config(side, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) ||
        sqlite3_exec(side, "UPDATE store SET uuid = '51300000-0000-4000-8000-000000000000'", NULL, NULL,
                     NULL)) {
        fprintf(stderr, "cannot make a store: %s\n", error.message);
        exit(2);
    }
}

void simulation_store_begin(void)
{
    static const char sql[] =
        "BEGIN; DELETE FROM jobs; DELETE FROM machines; DELETE FROM events; DELETE FROM runs; DELETE FROM steps;"
        "DELETE FROM locks; DELETE FROM commands; DELETE FROM sqlite_sequence;"
        "UPDATE store SET records = 0, head = zeroblob(32); COMMIT";
    if (!folder[0])
        make();
    if (sqlite3_exec(side, sql, NULL, NULL, NULL))
        violate("the store cannot be emptied: %s", sqlite3_errmsg(side));
}

struct store *simulation_store_open(struct error *error)
{
    return spare_count ? spare[--spare_count] : store_open(path, STORE_WRITE, error);
}

void simulation_store_close(struct store *store)
{
    store_rollback(store);
    spare[spare_count++] = store;
}

void simulation_store_forget(void)
{
}

const char *simulation_store_kind(void)
{
    return "SQLite";
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
