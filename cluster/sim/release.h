/* helm's releases: a Secret for each revision, as helm keeps them, and the phases of an upgrade.
 *
 * The phases are calls of their own, so that a helm that is killed between them leaves what the real one
 * leaves: begin checks and renders; record writes the `pending-upgrade` revision; patch changes the objects
 * (the effect `helm_upgrade`, where at least one of them changed); finish marks the revision. */
#ifndef PAWL_CLUSTER_SIM_RELEASE_H
#define PAWL_CLUSTER_SIM_RELEASE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "cluster/sim/world.h"

struct upgrade {
    const char *namespace, *release;
    json_t *chart;           /* owned */
    json_t *values;          /* owned; what the user gave */
    json_t *labels;          /* owned; --labels; NULL: none */
    char *manifest;          /* owned */
    const char *description; /* --description; NULL: helm's own */
    int64_t base;            /* the newest revision when it began */
    int64_t revision;        /* its own */
    int64_t history_max;
};

void upgrade_clear(struct upgrade *upgrade);
/* Whether it may begin at all; renders. */
int upgrade_begin(struct world *world, struct upgrade *upgrade, struct error *error);
int upgrade_record(struct world *world, struct upgrade *upgrade, const char *status, struct error *error);
int upgrade_patch(struct world *world, struct upgrade *upgrade, struct error *error);
/* status "deployed" or "failed". */
void upgrade_finish(struct world *world, struct upgrade *upgrade, const char *status,
                    const char *description);
/* Do its objects' pods run as wanted (--wait)? */
bool upgrade_is_ready(const struct world *world, const struct upgrade *upgrade);

/* Revision 1, when a sim is made. */
int release_install(struct world *world, const char *namespace, const char *release, json_t *chart,
                    json_t *values, struct error *error);
/* Somebody else's upgrade at once: `set` is "PATH:VALUE" or NULL; the status that it ends with may be
 * "pending-upgrade" (killed before it patched), "failed" or "deployed". */
int release_upgrade_by_other(struct world *world, const char *set, const char *status,
                             const char *description, struct error *error);

/* The record of a revision (0: the newest); borrowed, NULL where there is none. */
json_t *release_find(const struct world *world, const char *namespace, const char *release, int64_t revision);
int64_t release_revision(const json_t *record);
/* What `helm history -o json` prints, oldest first; a new reference. */
json_t *release_history(const struct world *world, const char *namespace, const char *release);
/* All revisions of all releases, for `sim show`; a new reference. */
json_t *release_list(const struct world *world);

#endif
