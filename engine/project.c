#include "engine/project.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"

static char *canonical_or_null(const json_t *value)
{
    return value ? json_canonical(value) : NULL;
}

static char *waiting_text(const struct run *run)
{
    if (run->waiting == WAIT_NOTHING)
        return NULL;
    json_t *waiting = json_pack("{s:s}", "for", wait_reason_text(run->waiting));
    if (run->step >= 0)
        json_object_set_new(waiting, "step", json_string(run->machine->steps[run->step].id));
    if (run->waiting == WAIT_TIMER) {
        char until[CLOCK_TEXT_SIZE];
        clock_write(run->wait_until_ms, until);
        json_object_set_new(waiting, "until", json_string(until));
    }
    char *text = json_canonical(waiting);
    json_decref(waiting);
    return text;
}

static void fill_texts(struct projection *projection, const struct run *run)
{
    if (!projection->params) {
        projection->params = json_canonical(json_object_get(run->submitted, "params"));
        projection->cluster = json_canonical(json_object_get(run->submitted, "cluster"));
    }
    if (run->driver != projection->driver_value) {
        free(projection->driver);
        projection->driver = canonical_or_null(run->driver);
        projection->driver_value = run->driver;
    }
}

int project_run(const struct run *run, struct projection *projection, const struct digest *head,
                run_visitor *visit, void *context)
{
    fill_texts(projection, run);
    char *waiting = waiting_text(run), *failure = canonical_or_null(run->error);
    struct run_row row = {
        .run = run->id,
        .job = run->machine->job,
        .job_digest = json_text(run->submitted, "job_digest", ""),
        .machine_digest = json_text(run->submitted, "machine_digest", ""),
        .status = run_status_text(run->status),
        .step = run->step >= 0 ? run->machine->steps[run->step].id : NULL,
        .waiting = waiting,
        .error = failure,
        .cluster = projection->cluster,
        .params = projection->params,
        .lock = json_text(run->submitted, "lock", NULL),
        .key = json_text(run->submitted, "key", NULL),
        .driver = projection->driver,
        .actor = json_text(json_object_get(run->names, "run"), "actor", ""),
        .epoch = run->epoch,
        .submitted_ms = run->submitted_ms,
        .finished_ms = run->finished_ms,
        .seq = run->seq,
        .head = *head,
    };
    int result = visit(context, &row);
    free(waiting);
    free(failure);
    return result;
}

int project_step(const struct run *run, int index, step_visitor *visit, void *context)
{
    const struct run_step *step = &run->steps[index];
    char *outputs = canonical_or_null(step->outputs), *failure = canonical_or_null(step->error);
    struct step_row row = {
        .run = run->id,
        .position = index,
        .step = run->machine->steps[index].id,
        .uses = run->machine->steps[index].act.uses,
        .status = step_status_text(step->status),
        .visit = step->visit,
        .attempt = step->attempt,
        .started_ms = step->started_ms,
        .finished_ms = step->finished_ms,
        .outputs = outputs,
        .error = failure,
    };
    int result = visit(context, &row);
    free(outputs);
    free(failure);
    return result;
}

void projection_clear(struct projection *projection)
{
    free(projection->params);
    free(projection->cluster);
    free(projection->driver);
    *projection = (struct projection){0};
}

int put_run_row(void *context, const struct run_row *row)
{
    struct putting *putting = context;
    return store_put_run(putting->store, row, putting->error);
}

int put_step_row(void *context, const struct step_row *row)
{
    struct putting *putting = context;
    return store_put_step(putting->store, row, putting->error);
}
