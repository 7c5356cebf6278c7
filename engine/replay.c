#include "engine/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/load.h"
#include "engine/project.h"

/* ---- all runs of a store, one after another ---- */

struct replaying {
    struct store *store;
    struct machine *machine; /* the latest used: runs of one job come in rows */
    char *digest;
    int64_t *runs;
    size_t count, capacity;
    struct error *error;
};

static int note_first_record(void *context, const struct record *record)
{
    struct replaying *replaying = context;
    if (record->seq != 1)
        return 0;
    if (replaying->count == replaying->capacity) {
        replaying->capacity = replaying->capacity ? 2 * replaying->capacity : 64;
        replaying->runs = memory_resize(replaying->runs, replaying->capacity, sizeof *replaying->runs);
    }
    replaying->runs[replaying->count++] = record->run;
    return 0;
}

struct first {
    char *digest;
};

static int read_first(void *context, const struct record *record)
{
    struct first *first = context;
    json_t *body = json_loads(record->body, 0, NULL);
    first->digest = string_copy(json_text(body, "machine_digest", ""));
    json_decref(body);
    return 1; /* the first is all */
}

static struct run *load(struct replaying *replaying, int64_t id, struct digest *head)
{
    struct first first = {0};
    if (store_each_record(replaying->store, id, 0, read_first, &first, replaying->error) < 0)
        return NULL;
    if (!replaying->digest || !first.digest || strcmp(replaying->digest, first.digest)) {
        char *json = store_read_machine(replaying->store, first.digest ? first.digest : "", replaying->error);
        machine_free(replaying->machine);
        replaying->machine = json ? machine_read(json, replaying->error) : NULL;
        free(json);
        free(replaying->digest);
        replaying->digest = first.digest;
    } else {
        free(first.digest);
    }
    if (!replaying->machine) {
        free(replaying->digest);
        replaying->digest = NULL;
        return NULL;
    }
    return run_load(replaying->store, id, replaying->machine, head, replaying->error);
}

static void replaying_clear(struct replaying *replaying)
{
    machine_free(replaying->machine);
    free(replaying->digest);
    free(replaying->runs);
}

/* ---- comparing ---- */

static bool same_text(const char *one, const char *other)
{
    return one && other ? !strcmp(one, other) : one == other;
}

static int compare_run(void *context, const struct run_row *stored)
{
    const struct run_row *folded = context;
    const char *const pairs[][2] = {
        {stored->job, folded->job},       {stored->job_digest, folded->job_digest},
        {stored->status, folded->status}, {stored->machine_digest, folded->machine_digest},
        {stored->step, folded->step},     {stored->waiting, folded->waiting},
        {stored->error, folded->error},   {stored->cluster, folded->cluster},
        {stored->params, folded->params}, {stored->lock, folded->lock},
        {stored->key, folded->key},       {stored->driver, folded->driver},
        {stored->actor, folded->actor},
    };
    bool same = stored->epoch == folded->epoch && stored->submitted_ms == folded->submitted_ms &&
                stored->finished_ms == folded->finished_ms && stored->seq == folded->seq &&
                !memcmp(stored->head.bytes, folded->head.bytes, DIGEST_BYTES);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        same = same && same_text(pairs[i][0], pairs[i][1]);
    return same ? 0 : 1;
}

struct comparing {
    struct store *store;
    struct error *error;
    const struct step_row *folded;
    const struct run *run;
    int next; /* the step whose stored row comes next */
};

static int compare_folded_run(void *context, const struct run_row *folded)
{
    struct comparing *comparing = context;
    return store_read_run(comparing->store, folded->run, compare_run, (void *)folded, comparing->error);
}

static int compare_step(void *context, const struct step_row *folded)
{
    const struct step_row *stored = ((struct comparing *)context)->folded;
    bool same = stored->position == folded->position && same_text(stored->step, folded->step) &&
                same_text(stored->uses, folded->uses) && same_text(stored->status, folded->status) &&
                stored->visit == folded->visit && stored->attempt == folded->attempt &&
                stored->started_ms == folded->started_ms && stored->finished_ms == folded->finished_ms &&
                same_text(stored->outputs, folded->outputs) && same_text(stored->error, folded->error);
    return same ? 0 : 1;
}

static int compare_stored_step(void *context, const struct step_row *stored)
{
    struct comparing *comparing = context;
    if (comparing->next >= comparing->run->machine->step_count)
        return 1;
    comparing->folded = stored;
    return project_step(comparing->run, comparing->next++, compare_step, comparing);
}

/* 0: the same, 1: not, -1: the store cannot be read. */
static int compare(struct store *store, const struct run *run, const struct digest *head, struct error *error)
{
    struct projection projection = {0};
    struct comparing comparing = {.store = store, .error = error, .run = run};
    int result = project_run(run, &projection, head, compare_folded_run, &comparing);
    if (result < 0 && error->code == ERROR_NOT_FOUND)
        result = 1;
    if (!result)
        result = store_each_step(store, run->id, compare_stored_step, &comparing, error);
    if (!result && comparing.next != run->machine->step_count)
        result = 1;
    projection_clear(&projection);
    return result;
}

int replay_verify(struct store *store, struct chain_report *report, struct error *error)
{
    if (chain_verify(store, report, error) || !report->intact)
        return report->intact ? -1 : 0;
    struct replaying replaying = {.store = store, .error = error};
    int result = store_each_record(store, 0, 0, note_first_record, &replaying, error);
    for (size_t i = 0; !result && i < replaying.count; i++) {
        struct digest head;
        struct run *run = load(&replaying, replaying.runs[i], &head);
        int differs = run ? compare(store, run, &head, error) : 1;
        if (differs > 0) {
            report->intact = false;
            report->bad_run = replaying.runs[i];
            snprintf(
                report->what, sizeof report->what, "%.500s",
                run ? "its projections are not what its records give (pawl audit rebuild writes them anew)"
                    : error->message);
        }
        result = differs;
        run_free(run);
    }
    replaying_clear(&replaying);
    return result < 0 ? -1 : 0;
}

/* ---- writing anew ---- */

static int rebuild_run(struct replaying *replaying, int64_t id)
{
    struct digest head;
    struct run *run = load(replaying, id, &head);
    if (!run)
        return -1;
    struct projection projection = {0};
    struct putting putting = {replaying->store, replaying->error};
    int result = project_run(run, &projection, &head, put_run_row, &putting);
    for (int i = 0; !result && i < run->machine->step_count; i++)
        result = project_step(run, i, put_step_row, &putting);
    projection_clear(&projection);
    run_free(run);
    return result;
}

int replay_rebuild(struct store *store, struct error *error)
{
    struct replaying replaying = {.store = store, .error = error};
    if (store_begin(store, error))
        return -1;
    int result = store_each_record(store, 0, 0, note_first_record, &replaying, error);
    if (!result)
        result = store_drop_projections(store, error);
    for (size_t i = 0; !result && i < replaying.count; i++)
        result = rebuild_run(&replaying, replaying.runs[i]);
    if (result)
        store_rollback(store);
    else
        result = store_commit(store, error);
    replaying_clear(&replaying);
    return result;
}
