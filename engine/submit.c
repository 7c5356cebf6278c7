#include "engine/submit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "engine/driver.h"
#include "engine/host.h"
#include "engine/project.h"
#include "engine/run_lock.h"
#include "jobs/template.h"

/* All that is settled before the transaction. */
struct settled {
    char *machine_json;
    struct machine *machine;
    struct digest machine_digest;
    json_t *body; /* of run_submitted */
    char *lock;
};

static void settled_clear(struct settled *settled)
{
    free(settled->machine_json);
    free(settled->lock);
    json_decref(settled->body);
}

/* `vars:` in their order: each sees the params and the vars before it. */
static json_t *evaluate_vars(const struct submission *submission, struct error *error)
{
    json_t *vars = json_object();
    json_t *names = json_pack("{s:O,s:O}", "params", submission->params, "vars", vars);
    for (int i = 0; i < submission->job->var_count; i++) {
        const struct job_var *var = &submission->job->vars[i];
        json_t *value = template_evaluate(var->value, names, error);
        if (!value) {
            error_context(error, "vars.%s", var->name);
            json_decref(names);
            json_decref(vars);
            return NULL;
        }
        json_object_set_new(vars, var->name, value);
    }
    json_decref(names);
    return vars;
}

struct finding {
    const json_t *params;
    char *empty;
};

static void find_empty(void *context, const char *const *path, int count)
{
    struct finding *finding = context;
    bool is_param = count > 1 && !strcmp(path[0], "params");
    if (is_param && !finding->empty && !*json_text(finding->params, path[1], "?"))
        finding->empty = string_copy(path[1]);
}

static int refuse_lock(const struct submission *submission, const char *lock, struct error *error)
{
    struct finding finding = {.params = submission->params};
    template_each_reference(submission->job->lock, find_empty, &finding);
    if (finding.empty)
        error_set(error, ERROR_PARAM_INVALID, "the param \"%s\" is empty: the lock %s would be \"%s\"",
                  finding.empty, submission->job->lock, lock);
    else
        error_set(error, ERROR_PARAM_INVALID, "lock: %s gives \"%s\", which is not NAMESPACE/NAME",
                  submission->job->lock, lock);
    free(finding.empty);
    return -1;
}

static int settle_lock(const struct submission *submission, struct settled *settled, json_t *vars,
                       struct error *error)
{
    if (!submission->job->lock)
        return 0;
    json_t *names = json_pack("{s:O,s:O}", "params", submission->params, "vars", vars);
    settled->lock = template_text(submission->job->lock, names, error);
    json_decref(names);
    if (!settled->lock)
        return error_context(error, "lock");
    const char *slash = strchr(settled->lock, '/');
    if (!slash || slash == settled->lock || !slash[1] || strchr(slash + 1, '/'))
        return refuse_lock(submission, settled->lock, error);
    return 0;
}

/* Params and vars stand in the record, and in memory wherever the run is looked at. */
static int check_size(const json_t *body, struct error *error)
{
    size_t params = json_size(json_object_get(body, "params")),
           vars = json_size(json_object_get(body, "vars"));
    if (params + vars <= LIMIT_INPUTS_BYTES)
        return 0;
    error_set(error, ERROR_PARAM_INVALID,
              "params take %zu bytes and vars %zu; together at most %d are recorded", params, vars,
              LIMIT_INPUTS_BYTES);
    return error_next(error, "what is so large belongs into a file");
}

static int settle(const struct submission *submission, struct settled *settled, struct error *error)
{
    if (host_check_stand_ins(submission->cluster->record, error))
        return -1;
    settled->machine_json = machine_compile(submission->job, error);
    settled->machine = settled->machine_json ? machine_read(settled->machine_json, error) : NULL;
    json_t *vars = settled->machine ? evaluate_vars(submission, error) : NULL;
    if (!vars || settle_lock(submission, settled, vars, error)) {
        json_decref(vars);
        return -1;
    }
    char job_hex[DIGEST_HEX_SIZE], machine_hex[DIGEST_HEX_SIZE];
    settled->machine_digest = digest_of(settled->machine_json, strlen(settled->machine_json));
    digest_hex(&submission->job->digest, job_hex);
    digest_hex(&settled->machine_digest, machine_hex);
    settled->body = json_pack("{s:s,s:s,s:s,s:i,s:O,s:o,s:O,s:s,s:I,s:s}", "job", submission->job->name,
                              "job_digest", job_hex, "machine_digest", machine_hex, "engine", MACHINE_FORMAT,
                              "params", submission->params, "vars", vars, "cluster",
                              submission->cluster->record, "folder", submission->folder, "uid",
                              (json_int_t)getuid(), "host", host_name());
    if (settled->lock)
        json_object_set_new(settled->body, "lock", json_string(settled->lock));
    if (submission->key)
        json_object_set_new(settled->body, "key", json_string(submission->key));
    if (submission->paused)
        json_object_set_new(settled->body, "paused", json_true());
    return check_size(settled->body, error);
}

/* ---- the transaction ---- */

struct recording {
    struct store *store;
    struct run *run;
    struct digest head;
    struct error *error;
    const char *actor;
    int64_t time_ms;
};

static int record(struct recording *recording, enum event_type type, json_t *body)
{
    struct event event = {
        .type = type, .step = -1, .time_ms = recording->time_ms, .actor = recording->actor, .body = body};
    char *text = json_canonical(body);
    int result = run_fold(recording->run, &event, recording->error);
    struct record row = {
        .run = recording->run->id,
        .seq = recording->run->seq,
        .time_ms = event.time_ms,
        .event = event_type_text(type),
        .actor = event.actor,
        .body = text,
    };
    if (!result)
        result = store_append(recording->store, &row, &recording->head, recording->error);
    free(text);
    return result;
}

static int put_projections(struct recording *recording)
{
    struct projection projection = {0};
    struct putting putting = {recording->store, recording->error};
    int result = project_run(recording->run, &projection, &recording->head, put_run_row, &putting);
    for (int i = 0; !result && i < recording->run->machine->step_count; i++)
        result = project_step(recording->run, i, put_step_row, &putting);
    projection_clear(&projection);
    return result;
}

/* The store's lock, within the same transaction. Where another run holds it and this one may wait, *out_taken
 * stays false. */
static int take_lock(struct store *store, const struct submission *submission, const struct settled *settled,
                     int64_t run, bool *out_taken, struct error *error)
{
    int64_t holder = 0;
    *out_taken = false;
    if (!settled->lock)
        return 0;
    if (run_lock_take(store, submission->cluster->record, settled->lock, run, &holder, error))
        return -1;
    *out_taken = holder == run;
    if (*out_taken || submission->waits)
        return 0;
    error_set(error, ERROR_LOCKED, "%s is locked by run %lld; nothing was recorded", settled->lock,
              (long long)holder);
    return lock_holder_next(store, holder, error);
}

static int record_run(struct store *store, const struct submission *submission, const struct settled *settled,
                      int64_t id, struct error *error)
{
    struct recording recording = {.store = store,
                                  .run = run_new(id, settled->machine),
                                  .error = error,
                                  .actor = submission->actor,
                                  .time_ms = clock_recorded_ms(submission->cluster->clock)};
    const struct job *job = submission->job;
    bool taken = false;
    int result = store_put_job(store, &job->digest, job->source, job->source_length, error);
    if (!result)
        result = store_put_machine(store, &settled->machine_digest, settled->machine_json, error);
    if (!result)
        result = take_lock(store, submission, settled, id, &taken, error);
    if (!result && settled->lock && !taken)
        json_object_set_new(settled->body, "waits_for_lock", json_true());
    if (!result)
        result = record(&recording, EVENT_RUN_SUBMITTED, settled->body);
    if (!result && taken) {
        json_t *body = json_object();
        result = record(&recording, EVENT_LOCK_ACQUIRED, body);
        json_decref(body);
    }
    if (!result)
        result = put_projections(&recording);
    run_free(recording.run);
    return result;
}

/* ---- --key ---- */

struct same {
    const struct settled *settled;
    const struct submission *submission;
    bool is_same;
};

static int compare_row(void *context, const struct run_row *row)
{
    struct same *same = context;
    char *params = json_canonical(same->submission->params);
    same->is_same = !strcmp(row->params, params) &&
                    !strcmp(row->job_digest, json_text(same->settled->body, "job_digest", ""));
    free(params);
    return 0;
}

/* *out_run stays 0 where the key is new. */
static int find_key(struct store *store, const struct submission *submission, const struct settled *settled,
                    int64_t *out_run, struct error *error)
{
    *out_run = 0;
    if (!submission->key)
        return 0;
    struct same same = {.settled = settled, .submission = submission};
    if (store_find_key(store, submission->key, out_run, error))
        return -1;
    if (!*out_run)
        return 0;
    if (store_read_run(store, *out_run, compare_row, &same, error))
        return -1;
    if (same.is_same)
        return 0;
    return error_set(error, ERROR_USAGE,
                     "the key \"%s\" belongs to run %lld, which has another job or other params",
                     submission->key, (long long)*out_run);
}

/* Where a run begins is when a clock that was never set is seen; later a jump only makes times wrong. */
static int check_clock(const struct submission *submission, struct error *error)
{
    if (clock_is_set(submission->cluster->clock))
        return 0;
    error_set(error, ERROR_SYSTEM, "the clock is set to before 1970 or after 9999; nothing was recorded");
    return error_next(error, "set the clock (date, timedatectl), then try again");
}

int run_submit(struct store *store, const struct submission *submission, int64_t *out_run, bool *out_old,
               struct error *error)
{
    struct settled settled = {0};
    int result = check_clock(submission, error);
    if (!result)
        result = settle(submission, &settled, error);
    if (!result && !(result = store_begin(store, error))) {
        result = find_key(store, submission, &settled, out_run, error);
        *out_old = *out_run != 0;
        if (!result && !*out_old)
            result = store_next_run(store, out_run, error);
        if (!result && !*out_old)
            result = record_run(store, submission, &settled, *out_run, error);
        if (result)
            store_rollback(store);
        else
            result = store_commit(store, error);
    }
    machine_free(settled.machine);
    settled_clear(&settled);
    return result;
}

struct run *run_preview(const struct submission *submission, struct machine **out_machine,
                        struct error *error)
{
    struct settled settled = {0};
    struct run *run = NULL;
    if (!settle(submission, &settled, error)) {
        struct event event = {
            .type = EVENT_RUN_SUBMITTED, .step = -1, .actor = submission->actor, .body = settled.body};
        run = run_new(0, settled.machine);
        if (run_fold(run, &event, error)) {
            run_free(run);
            run = NULL;
        }
    }
    if (run)
        *out_machine = settled.machine;
    else
        machine_free(settled.machine);
    settled_clear(&settled);
    return run;
}
