#include "engine/run_lock.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "engine/load.h"
#include "engine/machine.h"

static const char *identity_of(const json_t *cluster)
{
    return json_text(cluster, "identity", "");
}

static int refuse_table(int64_t run, const char *lock, struct error *error)
{
    error_set(error, ERROR_STORE_CORRUPT,
              "run %lld holds the lock %s by its records, but the store's table of locks says otherwise",
              (long long)run, lock);
    return error_next(error,
                      "pawl audit verify; pawl audit rebuild writes the table anew. Where two runs have "
                      "got the lock by this, end the one before you go on with the other");
}

/* ---- taking ---- */

struct taking {
    struct store *store;
    const json_t *cluster;
    int64_t run;
    struct error *error;
};

/* Another open run that names the same lock: in most stores there is none. */
static int check_other(void *context, const struct run_row *row)
{
    const struct taking *taking = context;
    struct machine *machine = NULL;
    if (row->run == taking->run)
        return 0;
    struct run *run = run_open(taking->store, row->run, &machine, taking->error);
    int result = run ? 0 : -1;
    if (run && run->holds_lock &&
        !strcmp(identity_of(json_object_get(run->submitted, "cluster")), identity_of(taking->cluster)))
        result = refuse_table(run->id, row->lock, taking->error);
    run_free(run);
    machine_free(machine);
    return result;
}

int run_lock_take(struct store *store, const json_t *cluster, const char *lock, int64_t run,
                  int64_t *out_holder, struct error *error)
{
    struct run_filter filter = {.lock = lock, .open_only = true};
    struct taking taking = {store, cluster, run, error};
    if (store_take_lock(store, identity_of(cluster), lock, run, out_holder, error))
        return -1;
    return *out_holder == run ? store_each_run(store, &filter, check_other, &taking, error) : 0;
}

int run_lock_rebuild(struct store *store, const struct run *run, struct error *error)
{
    int64_t holder;
    if (!run->holds_lock)
        return 0;
    return store_take_lock(store, identity_of(json_object_get(run->submitted, "cluster")),
                           json_text(run->submitted, "lock", ""), run->id, &holder, error);
}

/* ---- comparing ---- */

int run_lock_compare(struct store *store, const struct run *run, struct error *error)
{
    char *identity, *name;
    if (store_read_lock(store, run->id, &identity, &name, error))
        return -1;
    bool same = (name != NULL) == run->holds_lock;
    if (same && name)
        same = !strcmp(name, json_text(run->submitted, "lock", "")) &&
               !strcmp(identity, identity_of(json_object_get(run->submitted, "cluster")));
    free(identity);
    free(name);
    return same ? 0 : 1;
}

int run_lock_check(struct store *store, const struct run *run, struct error *error)
{
    int result = run->holds_lock ? run_lock_compare(store, run, error) : 0;
    return result == 1 ? refuse_table(run->id, json_text(run->submitted, "lock", ""), error) : result;
}
