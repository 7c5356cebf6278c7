/* What IOMesh's operator reports in the cluster object (kind IOMeshCluster): its chunks and its license.
 *
 * The status lags behind the world, may be empty or half written. What is read here is whole, or the read
 * fails with ERROR_NOT_YET and says what is missing. */
#ifndef PAWL_STEPS_IOMESH_OBJECT_H
#define PAWL_STEPS_IOMESH_OBJECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "steps/kind.h"

#define CHUNK_HEALTHY      "CHUNK_STATUS_CONNECTED_HEALTHY"
#define CHUNK_EXPIRED      "CHUNK_STATUS_SESSION_EXPIRED"
#define CHUNK_INITIALIZING "CHUNK_STATUS_INITIALIZING"

struct chunk {
    int64_t id;
    const char *ip;     /* in the data network */
    const char *status; /* CHUNK_STATUS_… */
    bool sized;         /* both sizes below could be read */
    double capacity;    /* bytes of data space */
    double used;
};

struct iomesh_object {
    json_t *object; /* the texts below are borrowed from it */
    struct chunk *chunks;
    size_t count; /* never 0 */
};

enum edition { EDITION_UNREADABLE, EDITION_COMMUNITY, EDITION_ENTERPRISE };

struct license {
    enum edition edition;
    int64_t chunks_max; /* -1: it does not say */
};

/* Reads the object that the inputs `namespace` and `object` name. ERROR_NOT_FOUND where there is none,
 * ERROR_NOT_YET where its list of chunks is missing, empty or half written. Clear it after a success. */
int iomesh_object_read(const struct visit *visit, struct iomesh_object *out, struct error *error);
void iomesh_object_clear(struct iomesh_object *object);

/* Borrowed; NULL where it is not listed. */
const struct chunk *chunk_find(const struct iomesh_object *object, int64_t id);
bool chunk_is(const struct chunk *chunk, const char *status);
/* "chunk 4 (192.168.29.23) CHUNK_STATUS_…", after ", " where something stands before it. */
void chunk_describe(const struct chunk *chunk, struct text *text);
/* All that are not healthy, but for this id (-1: all); returns how many. */
int chunks_describe_unhealthy(const struct iomesh_object *object, int64_t but_id, struct text *text);

/* Keys are looked up without regard to case, blanks, `_` and `-`: their spelling is not documented. */
struct license license_of(const struct iomesh_object *object);
enum edition edition_read(const char *text);
/* "community", "enterprise", "". */
const char *edition_text(enum edition edition);

#endif
