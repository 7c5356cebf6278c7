/* Who drives a run: the lock file that its latest claim names is held, or it is not. Where it is free and its
 * process lives all the same, the lock that it holds is another file: this store is a copy. And what becomes
 * of the lock of a run that nobody drives. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/driver.h"
#include "engine/host.h"

static bool lock_here_is_held(struct store *store, const json_t *driver)
{
    const char *name = json_text(driver, "lock", "");
    if (!*name || strchr(name, '/'))
        return false;
    char *path = string_format("%s/drivers/%s", store_folder(store), name);
    bool held = lock_is_held(path);
    free(path);
    return held;
}

/* What we ourselves have driven, and hold no lock for, we have let go. */
static bool lives_elsewhere(const json_t *driver)
{
    return json_int(driver, "pid", 0) != getpid() && host_process_lives(driver);
}

enum holding driver_record_holding(struct store *store, const json_t *driver)
{
    if (lock_here_is_held(store, driver))
        return HOLDING_HERE;
    return lives_elsewhere(driver) ? HOLDING_ELSEWHERE : HOLDING_NOT;
}

enum holding driver_holding(struct store *store, const char *row_driver)
{
    json_t *driver = json_read_stored(row_driver, "the record", NULL);
    enum holding holding = driver ? driver_record_holding(store, driver) : HOLDING_NOT;
    json_decref(driver);
    return holding;
}

bool driver_lives(struct store *store, const char *row_driver)
{
    return driver_holding(store, row_driver) != HOLDING_NOT;
}

struct held {
    struct store *store;
    bool driven, failed, waits;
};

static int see_holder(void *context, const struct run_row *row)
{
    struct held *held = context;
    held->failed = !strcmp(row->status, "failed");
    held->waits = !strcmp(row->status, "waiting");
    held->driven = row->driver && driver_lives(held->store, row->driver);
    return 0;
}

int lock_holder_next(struct store *store, int64_t holder, struct error *error)
{
    struct held held = {.store = store};
    struct error ignored; /* what cannot be read is not told */
    long long run = holder;
    if (store_read_run(store, holder, see_holder, &held, &ignored) || held.driven)
        return error_next(error, "pawl status %lld; or wait for it with --wait DURATION", run);
    if (held.failed)
        return error_next(
            error,
            "run %lld failed and keeps the lock: pawl resume %lld; or end it: pawl rollback %lld "
            "--reason \"…\", or pawl cancel %lld --reason \"…\"",
            run, run, run, run);
    return error_next(
        error, "nobody drives run %lld%s: pawl status %lld; or end it: pawl cancel %lld --reason \"…\"", run,
        held.waits ? ", which waits" : "", run, run);
}
