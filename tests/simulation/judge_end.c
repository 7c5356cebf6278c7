/* What must hold once a history has come to rest: replaying the records gives the stored rows, the chain is
 * whole, every run has ended or waits for a person, every word was answered. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/load.h"
#include "engine/project.h"
#include "simulation/simulation.h"

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
        {stored->driver, folded->driver}, {stored->actor, folded->actor},
    };
    bool same = stored->epoch == folded->epoch && stored->submitted_ms == folded->submitted_ms &&
                stored->finished_ms == folded->finished_ms && stored->seq == folded->seq &&
                !memcmp(stored->head.bytes, folded->head.bytes, DIGEST_BYTES);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        same = same && same_text(pairs[i][0], pairs[i][1]);
    if (!same)
        violate("run %lld: its row is not what its records give", (long long)stored->run);
    if (stored->waiting && strstr(stored->waiting, "\"lock\"") && !judge_lock_is_held())
        violate("run %lld waits for a lock that no run holds", (long long)stored->run);
    bool open = !strcmp(stored->status, "running") || !strcmp(stored->status, "queued");
    if (open || (stored->waiting && strstr(stored->waiting, "\"timer\"")))
        violate("run %lld has come to rest, %s, without an end or a person", (long long)stored->run,
                stored->status);
    return 0;
}

static int compare_folded_run(void *context, const struct run_row *folded)
{
    struct error error = {0};
    (void)context;
    return store_read_run(simulation.store, folded->run, compare_run, (void *)folded, &error);
}

static int compare_step(void *context, const struct step_row *folded)
{
    const struct step_row *stored = context;
    bool same = stored->position == folded->position && same_text(stored->step, folded->step) &&
                same_text(stored->uses, folded->uses) && same_text(stored->status, folded->status) &&
                stored->visit == folded->visit && stored->attempt == folded->attempt &&
                stored->started_ms == folded->started_ms && stored->finished_ms == folded->finished_ms &&
                same_text(stored->outputs, folded->outputs) && same_text(stored->error, folded->error);
    if (!same)
        violate("run %lld: the row of %s is not what its records give", (long long)stored->run, stored->step);
    return 0;
}

struct comparing {
    struct run *run;
    int rows;
};

static int compare_stored_step(void *context, const struct step_row *stored)
{
    struct comparing *comparing = context;
    comparing->rows++;
    return project_step(comparing->run, stored->position, compare_step, (void *)stored);
}

static void compare_steps(struct run *run, const struct machine *machine)
{
    struct error error = {0};
    struct comparing comparing = {.run = run};
    if (store_each_step(simulation.store, run->id, compare_stored_step, &comparing, &error) < 0)
        violate("run %lld: its steps cannot be read: %s", (long long)run->id, error.message);
    if (comparing.rows != machine->step_count)
        violate("run %lld has the rows of %d steps, not of %d", (long long)run->id, comparing.rows,
                machine->step_count);
}

static int keep_digest(void *context, const struct run_row *row)
{
    *(char **)context = string_copy(row->machine_digest);
    return 0;
}

static void replay(int64_t id)
{
    struct error error = {0};
    struct digest head;
    char *digest = NULL;
    store_read_run(simulation.store, id, keep_digest, &digest, &error);
    char *json = digest ? store_read_machine(simulation.store, digest, &error) : NULL;
    struct machine *machine = json ? machine_read(json, &error) : NULL;
    struct run *run = machine ? run_load(simulation.store, id, machine, &head, &error) : NULL;
    struct projection projection = {0};
    if (!run) {
        violate("run %lld does not replay: %s", (long long)id, error.message);
    } else {
        if (project_run(run, &projection, &head, compare_folded_run, NULL) < 0)
            violate("run %lld: its row cannot be compared", (long long)id);
        compare_steps(run, machine);
    }
    projection_clear(&projection);
    run_free(run);
    machine_free(machine);
    free(json);
    free(digest);
}

static int find_word(void *context, const struct command_row *row)
{
    (void)context;
    violate("run %lld has come to rest, and nobody has answered \"%s\"", (long long)row->run, row->name);
    return 1;
}

void judge_history(void)
{
    struct error error = {0};
    char what[256];
    for (int64_t run = 1; run <= simulation.plan->runs; run++)
        replay(run);
    if (simulation_store_verify(simulation.store, what))
        violate("the chain: %s", what);
    if (store_each_command(simulation.store, 0, find_word, NULL, &error) < 0)
        violate("the words cannot be read: %s", error.message);
    judge_locks_at_rest();
}
