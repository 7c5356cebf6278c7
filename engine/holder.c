/* Who drives a run: the lock file that its latest claim names is held, or it is not. */
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
