/* Asking helm about a release: what only reads. helm is the contract; the records that it keeps are never
 * read, only their metadata. */
#ifndef PAWL_STEPS_HELM_H
#define PAWL_STEPS_HELM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cluster/cluster.h"

struct release {
    struct cluster *cluster;
    const char *namespace, *name;
};

/* All revisions that helm still knows, oldest first: [{"revision","updated","status","chart","description"}].
 * NULL with the error filled (ERROR_NOT_FOUND: no such release); a new reference. */
json_t *helm_history(const struct release *release, struct error *error);
/* Of a history; borrowed, NULL: none. */
const json_t *history_newest(const json_t *history);
const json_t *history_newest_deployed(const json_t *history);
const json_t *history_revision(const json_t *history, int64_t revision);
bool revision_is_pending(const json_t *revision);

/* The values that were given for a revision, {} where none were; NULL with the error filled. */
json_t *helm_values(const struct release *release, int64_t revision, struct error *error);
/* free() it. */
char *helm_manifest(const struct release *release, int64_t revision, struct error *error);
/* Fetches a chart into `folder` (made if need be, emptied of archives) and returns the archive's path, free()
 * it. `version` NULL: whatever the chart's path or the repository says. */
char *helm_pull(const struct release *release, const char *chart, const char *version, const char *folder,
                struct error *error);
/* Renders an upgrade and records nothing: helm's release object ("manifest", "config"). NULL with the error
 * filled. */
json_t *helm_dry_run(const struct release *release, const char *chart, const char *values_path,
                     const char *folder, struct error *error);
/* Whether the helm in use can label a release (3.13 and later). -1 with the error filled. */
int helm_has_labels(const struct release *release, bool *out_is_v3, struct error *error);

/* The Secrets that hold the release's revisions, by a list that reads no content:
 * [{"revision","name","uid","resourceVersion","token","sha256" of the metadata}]; empty where helm keeps them
 * elsewhere. NULL with the error filled. */
json_t *helm_records(const struct release *release, struct error *error);

/* The code and message for what helm wrote on stderr. Returns -1. */
int helm_explain(const char *doing, int exit_status, const char *stderr_text, struct error *error);

#endif
