/* Recording a run: params, vars and lock are settled, the machine is compiled and pinned, and all of it is in
 * one transaction, or nothing is. */
#ifndef PAWL_ENGINE_SUBMIT_H
#define PAWL_ENGINE_SUBMIT_H

#include <jansson.h>

#include "base/error.h"
#include "cluster/cluster.h"
#include "engine/run.h"
#include "jobs/job.h"
#include "state/store.h"

struct submission {
    const struct job *job;
    const json_t *params; /* as params_read gave them */
    struct cluster *cluster;
    const char *actor;
    const char *folder; /* relative paths start here */
    const char *key;    /* --key; NULL: none */
    bool paused;        /* --paused */
    bool waits;         /* --wait or --detach: recorded even while another run holds the lock */
};

/* *out_run is the run's number; *out_old is set where --key found an earlier submit of the same.
 * ERROR_LOCKED, with nothing recorded, where another run holds the lock. */
int run_submit(struct store *store, const struct submission *submission, int64_t *out_run, bool *out_old,
               struct error *error);

/* A run as it would be just after its submission, recorded nowhere: for `pawl plan`. *out_machine is the
 * caller's too. */
struct run *run_preview(const struct submission *submission, struct machine **out_machine,
                        struct error *error);

#endif
