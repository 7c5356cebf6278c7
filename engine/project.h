/* The projections `runs` and `steps`: what a run's fold looks like as rows. A replay must give the same
 * bytes. */
#ifndef PAWL_ENGINE_PROJECT_H
#define PAWL_ENGINE_PROJECT_H

#include "engine/run.h"
#include "state/store.h"

/* Texts that do not change after the submission or the claim, made once. Zero-initialise; projection_clear().
 */
struct projection {
    char *params, *cluster, *driver;
    json_t *driver_value; /* what `driver` was made of; borrowed, only compared */
};

/* Hands the row to `visit` and returns what it returned: the driver writes it, the audit compares it. */
int project_run(const struct run *run, struct projection *projection, const struct digest *head,
                run_visitor *visit, void *context);
int project_step(const struct run *run, int step, step_visitor *visit, void *context);
/* Visitors that write the row; their context is a `struct putting`. */
struct putting {
    struct store *store;
    struct error *error;
};
int put_run_row(void *context, const struct run_row *row);
int put_step_row(void *context, const struct step_row *row);
void projection_clear(struct projection *projection);

#endif
