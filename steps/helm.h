/* Asking helm: what it says of a release, what an upgrade would do. Read-only, through the helm program; the
 * same in helm 3 and 4. Facts: `helm history -o json` shows pending revisions too, `helm list` does not
 * (tried on 3.6 to 4.1). */
#ifndef PAWL_STEPS_HELM_H
#define PAWL_STEPS_HELM_H

#include <jansson.h>

#include "base/digest.h"
#include "base/error.h"
#include "cluster/cluster.h"

struct release {
    struct cluster *cluster;
    const char *namespace, *name;
};

/* A chart archive on disk: what an upgrade is pinned to. chart_clear() it. */
struct chart {
    char *name;    /* "iomesh" */
    char *version; /* "1.0.0" */
    char *path;    /* of the archive */
    struct digest digest;
};

/* The revisions, oldest first, as `helm history -o json` gives them:
 * {"revision","status","chart","description",…}. A new reference; ERROR_NOT_FOUND where there is no such
 * release. */
json_t *helm_history(const struct release *release, struct error *error);
/* Borrowed from a history: the newest, the newest `deployed` one, a number's; NULL: none. */
const json_t *history_newest(const json_t *history);
const json_t *history_deployed(const json_t *history);
const json_t *history_find(const json_t *history, int64_t revision);
bool revision_is_pending(const json_t *revision);

/* The values that people gave for a revision ({} for none); a new reference. */
json_t *helm_values(const struct release *release, int64_t revision, struct error *error);
/* A revision's manifest; free() it. */
char *helm_manifest(const struct release *release, int64_t revision, struct error *error);
/* Pulls a chart's archive of one version into a folder and takes its digest. A path to an archive is taken as
 * it is. */
int helm_pull(const struct release *release, const char *chart, const char *version, const char *folder,
              struct chart *out, struct error *error);
void chart_clear(struct chart *chart);
/* "1.0.0" of the "iomesh-1.0.0" that a revision names; borrowed from it. NULL where it cannot be told. */
const char *revision_chart_version(const json_t *revision, const char *chart);
/* What an upgrade would make: {"manifest","config",…}; records nothing. A new reference. */
json_t *helm_dry_run(const struct release *release, const char *chart_path, const char *values_path,
                     struct error *error);
/* What a helm that left with a non-zero status has said, as an error (transient where helm's words say so);
 * -1. */
int helm_error(const char *doing, int exit_status, const char *err, struct error *error);
/* Does this helm know `upgrade --labels` (3.13 and later)? -1 with the error filled. */
int helm_has_labels(struct cluster *cluster, struct error *error);

#endif
