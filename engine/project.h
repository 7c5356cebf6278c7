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

int project_run(struct store *store, const struct run *run, struct projection *projection,
                const struct digest *head, struct error *error);
int project_step(struct store *store, const struct run *run, int step, struct error *error);
void projection_clear(struct projection *projection);

#endif
