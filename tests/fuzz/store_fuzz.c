/* Any bytes as the store's file. Nothing that reads it may fault, hang or take much memory. The seeds are a
 * small store with runs in it, as a whole file: bytes in its pages, its schema and its records are what is
 * changed. */
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "tests/fuzz/stored.h"
#include "tests/fuzz/target.h"

/* As small as it gets: little pages, nothing in the log. */
static void shrink(const char *path)
{
    sqlite3 *database;
    if (sqlite3_open(path, &database) ||
        sqlite3_exec(database, "PRAGMA journal_mode = DELETE; PRAGMA page_size = 512; VACUUM;", NULL, NULL,
                     NULL))
        abort();
    sqlite3_close(database);
}

static void generate(fuzz_put *put, void *context)
{
    static const char *const init[] = {"sim", "init", "sim.json", NULL};
    static const char *const submit[] = {"submit", "tests/fuzz/seed.yaml", NULL};
    static const char *const small[] = {"submit", "tests/fuzz/seed.yaml", "-p", "count=1", NULL};
    size_t length;
    char *sim = place_path("sim.json"), *path = place_path("seed.db");
    const char *arguments[] = {init[0], init[1], sim, NULL};
    place_pawl(0, arguments);
    place_pawl(3, submit);
    place_pawl(1, small);
    shrink(path);
    char *bytes = file_read(path, 1 << 22, &length, NULL);
    if (!bytes)
        abort();
    put(context, "seed.db", bytes, length);
    free(bytes);
    free(path);
    free(sim);
}

const struct fuzz_target fuzz_target = {.name = "store", .generate = generate};

static void forget(const char *path, const char *ending)
{
    char *name = string_format("%s%s", path, ending);
    unlink(name);
    free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct digest digest = digest_of(bytes, length);
    char *path = place_path("fuzz.db");
    unsigned random;
    memcpy(&random, digest.bytes, sizeof random);
    forget(path, "-wal");
    forget(path, "-shm");
    forget(path, "-journal");
    place_write("fuzz.db", bytes, length);
    stored_use(path, random);
    free(path);
    return 0;
}
