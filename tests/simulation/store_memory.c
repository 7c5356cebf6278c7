/* A store in memory, in the place of state/: what state/store.h promises, without a disk. All handles of one
 * path share one content; a write is kept with what it replaced, until its transaction ends. It exists for
 * speed alone: the same histories also run on SQLite (simulation-sqlite). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulation/shipped.h"
#include "simulation/simulation.h"
#include "state/chain.h"

#pragma GCC diagnostic ignored "-Wunused-parameter" /* most handles and errors have no use here */

enum { RUNS_MOST = 8, STEPS_MOST = 16, LOCKS_MOST = 8, TEXTS_MOST = 16 };

struct kept_run {
    bool there;
    struct run_row row; /* its texts are owned */
    struct kept_step {
        bool there;
        struct step_row row;
    } steps[STEPS_MOST];
    struct record *records;
    int record_count, record_capacity;
};

struct kept_lock {
    char *identity, *name;
    int64_t run;
};

struct kept_text {
    char *digest, *text;
    size_t length;
};

enum undo_kind {
    UNDO_RUN,
    UNDO_STEP,
    UNDO_RECORD,
    UNDO_LOCK,
    UNDO_UNLOCK,
    UNDO_TEXT,
    UNDO_COMMAND,
    UNDO_ANSWER,
};

/* What a write replaced. */
struct undo {
    enum undo_kind kind;
    int64_t run;
    int position;
    struct run_row run_row;
    struct step_row step_row;
    struct kept_lock lock;
    bool there;
};

static struct content {
    struct kept_run runs[RUNS_MOST + 1]; /* by number */
    struct kept_lock locks[LOCKS_MOST];
    int lock_count;
    struct kept_text texts[TEXTS_MOST];
    int text_count;
    struct command_row *commands;
    int command_count, command_capacity;
    struct undo *undos;
    int undo_count, undo_capacity;
    struct digest head;
    int64_t records, commits;
    struct digest head_before;
    int64_t records_before;
    struct store *writer; /* in a transaction */
    char uuid[37];
} content;

struct store {
    int64_t own_commits;
};

/* ---- opening ---- */

static void free_run_row(struct run_row *row)
{
    const char *const texts[] = {row->job,     row->job_digest, row->machine_digest, row->status, row->step,
                                 row->waiting, row->error,      row->cluster,        row->params, row->lock,
                                 row->key,     row->driver,     row->actor};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free((char *)texts[i]);
}

static void free_step_row(struct step_row *row)
{
    const char *const texts[] = {row->step, row->uses, row->status, row->outputs, row->error};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free((char *)texts[i]);
}

static void free_record(struct record *record)
{
    free((char *)record->event);
    free((char *)record->step);
    free((char *)record->actor);
    free((char *)record->body);
}

static void free_command(struct command_row *row)
{
    const char *const texts[] = {row->name, row->body, row->actor, row->outcome, row->answer};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free((char *)texts[i]);
}

void simulation_store_begin(void)
{
}

void simulation_store_forget(void)
{
    for (int i = 0; i <= RUNS_MOST; i++) {
        struct kept_run *run = &content.runs[i];
        free_run_row(&run->row);
        for (int k = 0; k < STEPS_MOST; k++)
            free_step_row(&run->steps[k].row);
        for (int k = 0; k < run->record_count; k++)
            free_record(&run->records[k]);
        free(run->records);
    }
    for (int i = 0; i < content.lock_count; i++) {
        free(content.locks[i].identity);
        free(content.locks[i].name);
    }
    for (int i = 0; i < content.text_count; i++) {
        free(content.texts[i].digest);
        free(content.texts[i].text);
    }
    for (int i = 0; i < content.command_count; i++)
        free_command(&content.commands[i]);
    free(content.commands);
    free(content.undos);
    content = (struct content){0};
}

const char *simulation_store_kind(void)
{
    return "memory";
}

struct store *simulation_store_open(struct error *error)
{
    return store_open("/simulated/pawl.db", STORE_WRITE, error);
}

void simulation_store_close(struct store *store)
{
    store_close(store);
}

/* The chain as it stands: linked without gaps, each hash over its record, the heads as the rows say. */
int simulation_store_verify(struct store *store, char what[256])
{
    int64_t records = 0;
    for (int i = 1; i <= RUNS_MOST; i++) {
        const struct kept_run *run = &content.runs[i];
        struct digest head = {0};
        for (int k = 0; k < run->record_count; k++) {
            head = chain_hash(&head, &run->records[k]);
            if (run->records[k].seq != k + 1 ||
                memcmp(head.bytes, run->records[k].hash.bytes, DIGEST_BYTES)) {
                snprintf(what, 256, "run %d: the chain is broken at record %d", i, k + 1);
                return -1;
            }
        }
        records += run->record_count;
        if (run->there &&
            (run->row.seq != run->record_count || memcmp(head.bytes, run->row.head.bytes, DIGEST_BYTES))) {
            snprintf(what, 256, "run %d: its row does not name the end of its chain", i);
            return -1;
        }
    }
    if (records == content.records)
        return 0;
    snprintf(what, 256, "%lld records are there, the store's head counts %lld", (long long)records,
             (long long)content.records);
    return -1;
}

char *store_path(const char *option)
{
    return string_copy(option ? option : "/simulated/pawl.db");
}

struct store *store_open(const char *path, enum store_mode mode, struct error *error)
{
    if (!content.uuid[0])
        strcpy(content.uuid, "51300000-0000-4000-8000-000000000000");
    return memory_new(sizeof(struct store));
}

void store_close(struct store *store)
{
    if (store && content.writer == store)
        store_rollback(store);
    free(store);
}

const char *store_uuid(const struct store *store)
{
    return content.uuid;
}

const char *store_folder(const struct store *store)
{
    return shipped_job() ? shipped_path("pawl.db.d") : "/simulated/pawl.db.d";
}

/* ---- transactions ---- */

static struct undo *remember(enum undo_kind kind)
{
    if (content.undo_count == content.undo_capacity) {
        content.undo_capacity = content.undo_capacity ? 2 * content.undo_capacity : 64;
        content.undos = memory_resize(content.undos, (size_t)content.undo_capacity, sizeof *content.undos);
    }
    struct undo *undo = &content.undos[content.undo_count++];
    *undo = (struct undo){0};
    undo->kind = kind;
    return undo;
}

int store_begin(struct store *store, struct error *error)
{
    if (content.writer)
        return error_set(error, ERROR_STORE, "another handle writes");
    content.writer = store;
    content.undo_count = 0;
    content.head_before = content.head;
    content.records_before = content.records;
    return 0;
}

int store_commit(struct store *store, struct error *error)
{
    assert(content.writer == store);
    for (int i = 0; i < content.undo_count; i++) {
        struct undo *undo = &content.undos[i];
        free_run_row(&undo->run_row);
        free_step_row(&undo->step_row);
        free(undo->lock.identity);
        free(undo->lock.name);
    }
    content.undo_count = 0;
    content.writer = NULL;
    content.commits++;
    store->own_commits++;
    return 0;
}

static void put_back(struct undo *undo)
{
    struct kept_run *run = &content.runs[undo->run];
    switch (undo->kind) {
    case UNDO_RUN:
        free_run_row(&run->row);
        run->row = undo->run_row;
        run->there = undo->there;
        break;
    case UNDO_STEP:
        free_step_row(&run->steps[undo->position].row);
        run->steps[undo->position].row = undo->step_row;
        run->steps[undo->position].there = undo->there;
        break;
    case UNDO_RECORD:
        free_record(&run->records[--run->record_count]);
        break;
    case UNDO_LOCK:
        content.lock_count--;
        free(content.locks[content.lock_count].identity);
        free(content.locks[content.lock_count].name);
        break;
    case UNDO_UNLOCK:
        content.locks[content.lock_count++] = undo->lock;
        break;
    case UNDO_TEXT:
        content.text_count--;
        free(content.texts[content.text_count].digest);
        free(content.texts[content.text_count].text);
        break;
    case UNDO_COMMAND:
        free_command(&content.commands[--content.command_count]);
        break;
    case UNDO_ANSWER:
        free((char *)content.commands[undo->position].outcome);
        free((char *)content.commands[undo->position].answer);
        content.commands[undo->position].outcome = content.commands[undo->position].answer = NULL;
        break;
    }
}

void store_rollback(struct store *store)
{
    if (content.writer != store)
        return;
    while (content.undo_count)
        put_back(&content.undos[--content.undo_count]);
    content.head = content.head_before;
    content.records = content.records_before;
    content.writer = NULL;
}

int64_t store_data_version(struct store *store, struct error *error)
{
    (void)error;
    return content.commits - store->own_commits;
}

/* ---- jobs and machines ---- */

static int put_text(const struct digest *digest, const char *text, size_t length)
{
    char hex[DIGEST_HEX_SIZE];
    digest_hex(digest, hex);
    for (int i = 0; i < content.text_count; i++)
        if (!strcmp(content.texts[i].digest, hex))
            return 0;
    assert(content.text_count < TEXTS_MOST);
    struct kept_text *kept = &content.texts[content.text_count++];
    kept->digest = string_copy(hex);
    kept->text = memory_new(length + 1);
    memcpy(kept->text, text, length);
    kept->length = length;
    remember(UNDO_TEXT);
    return 0;
}

int store_put_job(struct store *store, const struct digest *digest, const char *source, size_t length,
                  struct error *error)
{
    return put_text(digest, source, length);
}

int store_put_machine(struct store *store, const struct digest *digest, const char *json, struct error *error)
{
    return put_text(digest, json, strlen(json));
}

static char *read_text(const char *hex, struct error *error)
{
    for (int i = 0; i < content.text_count; i++)
        if (!strcmp(content.texts[i].digest, hex))
            return string_copy(content.texts[i].text);
    error_set(error, ERROR_NOT_FOUND, "there is no %s in the store", hex);
    return NULL;
}

char *store_read_job(struct store *store, const char *digest_text, struct error *error)
{
    return read_text(digest_text, error);
}

char *store_read_machine(struct store *store, const char *digest_text, struct error *error)
{
    return read_text(digest_text, error);
}

/* ---- runs and events ---- */

int store_next_run(struct store *store, int64_t *out_run, struct error *error)
{
    for (int run = 1; run <= RUNS_MOST; run++)
        if (!content.runs[run].there) {
            *out_run = run;
            return 0;
        }
    return error_set(error, ERROR_LIMIT, "the simulation keeps %d runs", RUNS_MOST);
}

int store_append(struct store *store, struct record *record, struct digest *head, struct error *error)
{
    struct kept_run *run = &content.runs[record->run];
    assert(content.writer == store);
    if (record->seq != run->record_count + 1)
        return error_set(error, ERROR_STORE, "record %lld of run %lld is not the next",
                         (long long)record->seq, (long long)record->run);
    if (run->record_count == run->record_capacity) {
        run->record_capacity = run->record_capacity ? 2 * run->record_capacity : 32;
        run->records = memory_resize(run->records, (size_t)run->record_capacity, sizeof *run->records);
    }
    record->hash = chain_hash(head, record);
    struct record *kept = &run->records[run->record_count++];
    *kept = *record;
    kept->event = string_copy(record->event);
    kept->step = string_copy(record->step);
    kept->actor = string_copy(record->actor);
    kept->body = string_copy(record->body);
    remember(UNDO_RECORD)->run = record->run;
    *head = record->hash;
    content.head = chain_head(&content.head, &record->hash);
    content.records++;
    return 0;
}

int store_put_run(struct store *store, const struct run_row *row, struct error *error)
{
    struct kept_run *run = &content.runs[row->run];
    assert(content.writer == store);
    struct undo *undo = remember(UNDO_RUN);
    undo->run = row->run;
    undo->run_row = run->row;
    undo->there = run->there;
    run->there = true;
    run->row = *row;
    const char **const texts[] = {
        &run->row.job,     &run->row.job_digest, &run->row.machine_digest, &run->row.status, &run->row.step,
        &run->row.waiting, &run->row.error,      &run->row.cluster,        &run->row.params, &run->row.lock,
        &run->row.key,     &run->row.driver,     &run->row.actor};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = string_copy(*texts[i]);
    return 0;
}

int store_put_step(struct store *store, const struct step_row *row, struct error *error)
{
    assert(content.writer == store && row->position < STEPS_MOST);
    struct kept_step *step = &content.runs[row->run].steps[row->position];
    struct undo *undo = remember(UNDO_STEP);
    undo->run = row->run;
    undo->position = row->position;
    undo->step_row = step->row;
    undo->there = step->there;
    step->there = true;
    step->row = *row;
    const char **const texts[] = {&step->row.step, &step->row.uses, &step->row.status, &step->row.outputs,
                                  &step->row.error};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = string_copy(*texts[i]);
    return 0;
}

int store_fence(struct store *store, int64_t run, int64_t epoch, struct error *error)
{
    const struct kept_run *kept = &content.runs[run];
    if (kept->there && kept->row.epoch == epoch)
        return 0;
    return error_set(error, ERROR_FENCED, "run %lld has been taken over by another driver", (long long)run);
}

int store_newest_seq(struct store *store, int64_t run, int64_t *out_seq, struct error *error)
{
    *out_seq = content.runs[run].record_count;
    return 0;
}

int store_read_run(struct store *store, int64_t run, run_visitor *visit, void *context, struct error *error)
{
    if (run < 1 || run > RUNS_MOST || !content.runs[run].there)
        return error_set(error, ERROR_NOT_FOUND, "there is no run %lld", (long long)run);
    return visit(context, &content.runs[run].row);
}

int store_each_run(struct store *store, const struct run_filter *filter, run_visitor *visit, void *context,
                   struct error *error)
{
    int result = 0;
    for (int run = RUNS_MOST; !result && run > 0; run--)
        if (content.runs[run].there && (!filter->lock || content.runs[run].row.lock))
            result = store_read_run(store, run, visit, context, error);
    return result;
}

int store_each_step(struct store *store, int64_t run, step_visitor *visit, void *context, struct error *error)
{
    int result = 0;
    for (int i = 0; !result && i < STEPS_MOST; i++)
        if (content.runs[run].steps[i].there)
            result = visit(context, &content.runs[run].steps[i].row);
    return result;
}

int store_each_record(struct store *store, int64_t run, int64_t after, record_visitor *visit, void *context,
                      struct error *error)
{
    int result = 0;
    for (int64_t i = run ? run : 1; !result && i <= (run ? run : RUNS_MOST); i++)
        for (int64_t k = run ? after : 0; !result && k < content.runs[i].record_count; k++)
            result = visit(context, &content.runs[i].records[k]);
    return result;
}

/* ---- locks ---- */

int store_take_lock(struct store *store, const char *identity, const char *name, int64_t run,
                    int64_t *out_holder, struct error *error)
{
    assert(content.writer == store && content.lock_count < LOCKS_MOST);
    for (int i = 0; i < content.lock_count; i++)
        if (!strcmp(content.locks[i].name, name) && !strcmp(content.locks[i].identity, identity)) {
            *out_holder = content.locks[i].run;
            return 0;
        }
    content.locks[content.lock_count++] = (struct kept_lock){string_copy(identity), string_copy(name),
                                                             *out_holder = run};
    remember(UNDO_LOCK);
    return 0;
}

int store_release_lock(struct store *store, int64_t run, struct error *error)
{
    assert(content.writer == store);
    for (int i = 0; i < content.lock_count; i++)
        if (content.locks[i].run == run) {
            remember(UNDO_UNLOCK)->lock = content.locks[i];
            content.locks[i] = content.locks[--content.lock_count];
            return 0;
        }
    return 0;
}

int store_read_lock(struct store *store, int64_t run, char **out_identity, char **out_name,
                    struct error *error)
{
    bool held = content.lock_count && content.locks[0].run == run; /* a history has one */
    *out_identity = held ? string_copy(content.locks[0].identity) : NULL;
    *out_name = held ? string_copy(content.locks[0].name) : NULL;
    return 0;
}

/* ---- commands ---- */

static bool has_ended(int64_t run)
{
    const char *status = content.runs[run].there ? content.runs[run].row.status : "";
    return !strcmp(status, "succeeded") || !strcmp(status, "cancelled") || !strcmp(status, "rolled_back");
}

int store_put_command(struct store *store, struct command_row *row, struct error *error)
{
    if (store_begin(store, error))
        return -1;
    if (has_ended(row->run)) {
        store_rollback(store);
        return error_set(error, ERROR_NOT_ALLOWED_NOW, "run %lld has ended", (long long)row->run);
    }
    if (content.command_count == content.command_capacity) {
        content.command_capacity = content.command_capacity ? 2 * content.command_capacity : 16;
        content.commands = memory_resize(content.commands, (size_t)content.command_capacity,
                                         sizeof *content.commands);
    }
    row->id = content.command_count + 1;
    struct command_row *kept = &content.commands[content.command_count++];
    *kept = *row;
    kept->name = string_copy(row->name);
    kept->body = string_copy(row->body);
    kept->actor = string_copy(row->actor);
    kept->outcome = kept->answer = NULL;
    remember(UNDO_COMMAND);
    return __wrap_store_commit(store, error);
}

int store_each_command(struct store *store, int64_t run, command_visitor *visit, void *context,
                       struct error *error)
{
    int result = 0;
    for (int i = 0; !result && i < content.command_count; i++) {
        const struct command_row *row = &content.commands[i];
        if (!row->outcome && (!run || row->run == run))
            result = visit(context, row);
    }
    return result;
}

int store_answer_command(struct store *store, int64_t id, bool accepted, const char *answer,
                         struct error *error)
{
    assert(content.writer == store && id > 0 && id <= content.command_count);
    struct command_row *row = &content.commands[id - 1];
    if (!row->outcome)
        remember(UNDO_ANSWER)->position = (int)id - 1;
    free((char *)row->outcome);
    free((char *)row->answer);
    row->outcome = string_copy(accepted ? "accepted" : "refused");
    row->answer = string_copy(answer);
    return 0;
}

int store_read_command(struct store *store, int64_t id, command_visitor *visit, void *context,
                       struct error *error)
{
    if (id < 1 || id > content.command_count)
        return error_set(error, ERROR_NOT_FOUND, "there is no command %lld", (long long)id);
    return visit(context, &content.commands[id - 1]);
}

int store_find_key(struct store *store, const char *key, int64_t *out_run, struct error *error)
{
    *out_run = 0;
    return 0;
}
