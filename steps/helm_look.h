/* What an upgrade would do, seen by a dry run, and whether that is allowed: values change only where it is
 * expected, and no pod is replaced. Read-only. */
#ifndef PAWL_STEPS_HELM_LOOK_H
#define PAWL_STEPS_HELM_LOOK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "steps/helm.h"
#include "steps/kind.h"

struct helm_look {
    struct release release; /* borrowed from the visit */
    const char *folder;     /* private, for what is fetched; borrowed */
    json_t *history;
    int64_t base_revision;     /* the newest, whatever became of it */
    int64_t deployed_revision; /* the newest that was deployed: what helm itself starts from */
    char *base_chart;          /* of the deployed one: "iomesh-1.0.0" */
    char *archive;             /* the chart that would be used, in `folder` */
    char *chart;               /* its name: "iomesh-1.0.0" */
    char sha256[DIGEST_HEX_SIZE];
    char *values_path; /* the private copy */
    json_t *values_before, *values_after;
    json_t *value_changes;  /* [{"path","from","to"}] */
    json_t *objects;        /* as they would be */
    json_t *object_changes; /* manifest_compare() */
};

void helm_look_begin(struct helm_look *look, const struct visit *visit, const char *folder);
/* The newest revision; ERROR_HELM_PENDING where it is pending. */
int helm_look_at_base(struct helm_look *look, struct error *error);
/* Fetches the chart: `version`, or where NULL the one that `like` ("NAME-VERSION") names, and no other name.
 */
int helm_look_at_chart(struct helm_look *look, const char *chart, const char *version, const char *like,
                       struct error *error);
/* Writes the values (0600), renders, compares with the values and the manifest of the newest deployed
 * revision. A failed one says what somebody wanted, not what is so. */
int helm_look_ahead(struct helm_look *look, const char *values, size_t length, struct error *error);
/* Refuses values that change beyond `expected` (array of paths). */
int helm_look_check_values(const struct helm_look *look, const json_t *expected, struct error *error);
/* Refuses where a pod template would change, in the manifest or in the live object. */
int helm_look_check_restarts(const struct helm_look *look, struct error *error);
void helm_look_clear(struct helm_look *look);

/* ERROR_HELM_CHANGED where the newest revision is no longer the base, ERROR_HELM_PENDING where it is pending.
 */
int helm_check_base(const struct release *release, int64_t base_revision, struct error *error);
/* The version in "NAME-VERSION"; NULL where there is none. Borrowed. */
const char *chart_version_of(const char *chart);

#endif
