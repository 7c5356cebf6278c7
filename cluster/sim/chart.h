/* Charts of the simulated repository. A template is an object in which a string "{{ .Values.PATH }}" stands
 * for that value and "{{ .Release.Name }}" inside a string for the release's name.
 *
 * A chart: {"name", "version", "app_version", "values": {defaults}, "templates": [{"file", "object"}]}. */
#ifndef PAWL_CLUSTER_SIM_CHART_H
#define PAWL_CLUSTER_SIM_CHART_H

#include <jansson.h>

#include "base/error.h"
#include "cluster/sim/world.h"

/* The chart that a new sim has, version 1.0.0; a new reference. */
json_t *chart_default(const char *update_strategy);
/* In the repository; `version` NULL: the newest. Borrowed; NULL with helm's own message. */
json_t *chart_find(const struct world *world, const char *name, const char *version, struct error *error);
/* Below, equal, above 0 as the version `one` is older than, the same as, newer than `other`. */
int version_compare(const char *one, const char *other);
/* Other bytes for all containers of all templates. */
void chart_image_set(json_t *chart, const char *image);

/* The bytes of its archive follow from its content alone; free() them. */
char *chart_archive(const json_t *chart);
/* A pulled archive; a new reference. */
json_t *chart_archive_read(const char *path, struct error *error);

/* The chart's defaults with these values over them; a new reference. */
json_t *chart_values(const json_t *chart, const json_t *values);
/* The manifest as text (free() it); NULL where it cannot be rendered or the API server would refuse it. */
char *chart_render(const json_t *chart, const char *release, const char *namespace, const json_t *values,
                   struct error *error);

#endif
