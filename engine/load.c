#include "engine/load.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"

struct loading {
    struct run *run;
    struct digest *head;
    struct error *error;
};

static int fold_record(void *context, const struct record *record)
{
    struct loading *loading = context;
    struct event event = {
        .type = event_type_read(record->event),
        .step = record->step ? machine_step_index(loading->run->machine, record->step) : -1,
        .visit = record->visit,
        .attempt = record->attempt,
        .time_ms = record->time_ms,
        .epoch = record->epoch,
        .actor = record->actor,
    };
    if (event.type == EVENT_TYPE_COUNT || (record->step && event.step < 0))
        return error_set(loading->error, ERROR_STORE_CORRUPT,
                         "run %lld, record %lld: this pawl does not know the event \"%s\"",
                         (long long)record->run, (long long)record->seq, record->event);
    event.body = json_read_stored(record->body, "the record's body", loading->error);
    int result = event.body ? run_fold(loading->run, &event, loading->error) : -1;
    if (result)
        error_context(loading->error, "run %lld, record %lld", (long long)record->run,
                      (long long)record->seq);
    *loading->head = record->hash;
    event_clear(&event);
    return result;
}

struct run *run_load(struct store *store, int64_t id, const struct machine *machine, struct digest *head,
                     struct error *error)
{
    struct loading loading = {.run = run_new(id, machine), .head = head, .error = error};
    *head = (struct digest){0};
    if (!store_each_record(store, id, 0, fold_record, &loading, error) && loading.run->seq)
        return loading.run;
    if (!error->code)
        error_set(error, ERROR_STORE_CORRUPT, "run %lld has no records", (long long)id);
    run_free(loading.run);
    return NULL;
}

static int keep_digest(void *context, const struct run_row *row)
{
    *(char **)context = string_copy(row->machine_digest);
    return 0;
}

struct run *run_open(struct store *store, int64_t id, struct machine **out_machine, struct error *error)
{
    char *digest = NULL;
    struct digest head;
    if (store_read_run(store, id, keep_digest, &digest, error))
        return NULL;
    char *json = store_read_machine(store, digest, error);
    struct machine *machine = json ? machine_read(json, error) : NULL;
    struct run *run = machine ? run_load(store, id, machine, &head, error) : NULL;
    free(digest);
    free(json);
    if (run)
        *out_machine = machine;
    else
        machine_free(machine);
    return run;
}
