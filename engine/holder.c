/* Who drives a run: the lock file that its latest claim names is held, or it is not. And what becomes of the
 * lock of a run that nobody drives. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/driver.h"

bool driver_record_lives(struct store *store, const json_t *driver)
{
    const char *name = json_text(driver, "lock", "");
    if (!*name || strchr(name, '/'))
        return false;
    char *path = string_format("%s/drivers/%s", store_folder(store), name);
    bool held = lock_is_held(path);
    free(path);
    return held;
}

bool driver_lives(struct store *store, const char *row_driver)
{
    json_t *driver = json_read_stored(row_driver, "the record", NULL);
    bool lives = driver && driver_record_lives(store, driver);
    json_decref(driver);
    return lives;
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
