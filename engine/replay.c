#include "engine/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/load.h"
#include "engine/project.h"
#include "engine/run_lock.h"

/* ---- one run after another ---- */

#define MACHINES_KEPT 16

/* Machines are read once for many runs. */
struct replaying {
    struct store *store;
    struct machine *machines[MACHINES_KEPT];
    char *digests[MACHINES_KEPT]; /* theirs; NULL: a free place */
    int oldest;                   /* makes room for the next */
    int64_t locks;                /* that runs hold by their records */
    struct error *error;
};

static const struct machine *find_machine(struct replaying *replaying, const char *digest)
{
    for (int i = 0; i < MACHINES_KEPT; i++)
        if (replaying->digests[i] && !strcmp(replaying->digests[i], digest))
            return replaying->machines[i];
    char *json = store_read_machine(replaying->store, digest, replaying->error);
    struct machine *machine = json ? machine_read(json, replaying->error) : NULL;
    free(json);
    if (!machine)
        return NULL;
    int place = replaying->oldest;
    replaying->oldest = (place + 1) % MACHINES_KEPT;
    machine_free(replaying->machines[place]);
    free(replaying->digests[place]);
    replaying->machines[place] = machine;
    replaying->digests[place] = string_copy(digest);
    return machine;
}

static struct run *replay_run(struct replaying *replaying, int64_t id, const char *machine_digest,
                              struct digest *head)
{
    const struct machine *machine = find_machine(replaying, machine_digest);
    return machine ? run_load(replaying->store, id, machine, head, replaying->error) : NULL;
}

static void replaying_clear(struct replaying *replaying)
{
    for (int i = 0; i < MACHINES_KEPT; i++) {
        machine_free(replaying->machines[i]);
        free(replaying->digests[i]);
    }
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
    const struct step_row *stored;
    const struct run *run;
    int next; /* the step whose stored row comes next */
};

static int compare_step(void *context, const struct step_row *folded)
{
    const struct step_row *stored = ((struct comparing *)context)->stored;
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
    comparing->stored = stored;
    return project_step(comparing->run, comparing->next++, compare_step, comparing);
}

/* 0: the same, 1: not, -1: the store cannot be read. */
static int compare(struct store *store, const struct run *run, const struct digest *head,
                   const struct run_row *stored, struct error *error)
{
    struct projection projection = {0};
    struct comparing comparing = {.run = run};
    int result = project_run(run, &projection, head, compare_run, (void *)stored);
    projection_clear(&projection);
    if (!result)
        result = store_each_step(store, run->id, compare_stored_step, &comparing, error);
    return !result && comparing.next != run->machine->step_count ? 1 : result;
}

#define LOCK_DIFFERS 2

/* The row names the machine; where it names another than run_submitted does, it differs in that. */
static int verify_row(void *context, const struct run_row *stored)
{
    struct replaying *replaying = context;
    struct digest head;
    struct run *run = replay_run(replaying, stored->run, stored->machine_digest, &head);
    int result = run ? compare(replaying->store, run, &head, stored, replaying->error) : -1;
    int lock = result ? 0 : run_lock_compare(replaying->store, run, replaying->error);
    if (lock)
        result = lock < 0 ? -1 : LOCK_DIFFERS;
    replaying->locks += run && run->holds_lock;
    run_free(run);
    return result;
}

/* A run that does not fold, or has no row, is bad like one whose row differs; only where SQLite cannot read
 * is there no answer. */
static int verify_run(struct replaying *replaying, int64_t id, struct chain_report *report)
{
    int result = store_read_run(replaying->store, id, verify_row, replaying, replaying->error);
    if (!result)
        return 0;
    if (result < 0 && replaying->error->code == ERROR_STORE)
        return -1;
    report->intact = false;
    report->bad_run = id;
    text_fit(report->what, sizeof report->what, "%s",
             result < 0 ? replaying->error->message
             : result == LOCK_DIFFERS
                 ? "the lock that it holds by its records is not what the table of locks says (pawl audit "
                   "rebuild writes it anew)"
                 : "its projections are not what its records give (pawl audit rebuild writes them anew)");
    return 0;
}

/* Each run's lock has been compared: what is left is nobody's. */
static int verify_count(struct replaying *replaying, struct chain_report *report)
{
    int64_t count = 0;
    if (store_count_locks(replaying->store, &count, replaying->error))
        return -1;
    report->intact = count == replaying->locks;
    if (!report->intact)
        text_fit(report->what, sizeof report->what,
                 "the table of locks names a run that is not there (pawl audit rebuild writes it anew)");
    return 0;
}

int replay_verify(struct store *store, struct chain_report *report, struct error *error)
{
    if (chain_verify(store, report, error) || !report->intact)
        return report->intact ? -1 : 0;
    struct replaying replaying = {.store = store, .error = error};
    int result = 0;
    for (int64_t id = 1; !result && report->intact && id <= report->runs; id++) /* the chain has no gaps */
        result = verify_run(&replaying, id, report);
    if (!result && report->intact)
        result = verify_count(&replaying, report);
    replaying_clear(&replaying);
    return result;
}

/* ---- writing anew ---- */

static int read_digest(void *context, const struct record *record)
{
    json_t *body = json_read_stored(record->body, "the record", NULL);
    *(char **)context = string_copy(json_text(body, "machine_digest", ""));
    json_decref(body);
    return 1; /* the first is all */
}

/* By its records alone: there may be no row. */
static struct run *load_by_records(struct replaying *replaying, int64_t id, struct digest *head)
{
    char *digest = NULL;
    int result = store_each_record(replaying->store, id, 0, read_digest, &digest, replaying->error);
    struct run *run = result < 0 ? NULL : replay_run(replaying, id, digest ? digest : "", head);
    free(digest);
    return run;
}

static int rebuild_run(struct replaying *replaying, int64_t id)
{
    struct digest head;
    struct run *run = load_by_records(replaying, id, &head);
    if (!run)
        return -1;
    struct projection projection = {0};
    struct putting putting = {replaying->store, replaying->error};
    int result = project_run(run, &projection, &head, put_run_row, &putting);
    for (int i = 0; !result && i < run->machine->step_count; i++)
        result = project_step(run, i, put_step_row, &putting);
    projection_clear(&projection);
    if (!result)
        result = run_lock_rebuild(replaying->store, run, replaying->error);
    run_free(run);
    return result;
}

int replay_rebuild(struct store *store, struct error *error)
{
    struct replaying replaying = {.store = store, .error = error};
    int64_t runs = 0;
    if (store_begin(store, error))
        return -1;
    int result = store_newest_run(store, &runs, error);
    if (!result)
        result = store_drop_projections(store, error);
    for (int64_t id = 1; !result && id <= runs; id++)
        result = rebuild_run(&replaying, id);
    if (result)
        store_rollback(store);
    else
        result = store_commit(store, error);
    replaying_clear(&replaying);
    return result;
}
