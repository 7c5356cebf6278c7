#include "steps/iomesh_object.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "steps/quantity.h"

/* ---- chunks ---- */

static bool chunk_read(const json_t *entry, struct chunk *chunk)
{
    const json_t *space = json_object_get(entry, "spaceInfo");
    *chunk = (struct chunk){
        .id = json_int(entry, "id", -1),
        .ip = json_text(entry, "ip", ""),
        .status = json_text(entry, "status", ""),
    };
    chunk->sized = quantity_read_json(json_object_get(space, "totalDataCapacity"), &chunk->capacity) &&
                   quantity_read_json(json_object_get(space, "usedDataSpace"), &chunk->used);
    return chunk->id >= 0 && *chunk->ip && *chunk->status;
}

static int chunks_read(struct iomesh_object *object, const char *name, struct error *error)
{
    const json_t *list = json_at(object->object, "status", "summary", "chunkSummary", "chunks", NULL);
    size_t index;
    json_t *entry;
    if (!json_is_array(list) || !json_array_size(list))
        return error_set(error, ERROR_NOT_YET,
                         "IOMeshCluster \"%s\" lists no chunks (status.summary.chunkSummary.chunks)", name);
    object->chunks = memory_new(json_array_size(list) * sizeof *object->chunks);
    json_array_foreach(list, index, entry)
    {
        if (!chunk_read(entry, &object->chunks[index]))
            return error_set(error, ERROR_NOT_YET,
                             "IOMeshCluster \"%s\": entry %zu of its chunks lacks id, ip or status", name,
                             index);
    }
    object->count = json_array_size(list);
    return 0;
}

int iomesh_object_read(const struct visit *visit, struct iomesh_object *out, struct error *error)
{
    const char *namespace = json_text(visit->inputs, "namespace", ""),
               *name = json_text(visit->inputs, "object", "");
    struct resource resource = {"iomesh.com", "v1alpha1", "iomeshclusters", namespace, name};
    *out = (struct iomesh_object){0};
    if (visit->cluster->calls->get(visit->cluster, &resource, &out->object, error))
        return error_context(error, "IOMeshCluster \"%s\" in %s", name, namespace);
    if (!out->object) {
        error_set(error, ERROR_NOT_FOUND, "there is no IOMeshCluster \"%s\" in namespace %s", name,
                  namespace);
        return error_next(error, "see `kubectl get iomesh -n %s`; give its name as `object:`", namespace);
    }
    if (chunks_read(out, name, error)) {
        iomesh_object_clear(out);
        return -1;
    }
    return 0;
}

void iomesh_object_clear(struct iomesh_object *object)
{
    json_decref(object->object);
    free(object->chunks);
    *object = (struct iomesh_object){0};
}

const struct chunk *chunk_find(const struct iomesh_object *object, int64_t id)
{
    for (size_t i = 0; i < object->count; i++)
        if (object->chunks[i].id == id)
            return &object->chunks[i];
    return NULL;
}

bool chunk_is(const struct chunk *chunk, const char *status)
{
    return !strcmp(chunk->status, status);
}

void chunk_describe(const struct chunk *chunk, struct text *text)
{
    text_format(text, "%schunk %lld (%s) %s", text->length ? ", " : "", (long long)chunk->id, chunk->ip,
                chunk->status);
}

int chunks_describe_unhealthy(const struct iomesh_object *object, int64_t but_id, struct text *text)
{
    int unhealthy = 0;
    for (size_t i = 0; i < object->count; i++) {
        const struct chunk *chunk = &object->chunks[i];
        if (chunk->id == but_id || chunk_is(chunk, CHUNK_HEALTHY))
            continue;
        chunk_describe(chunk, text);
        unhealthy++;
    }
    return unhealthy;
}

/* ---- license ---- */

/* Whether a key is this name, given in lower case letters only. */
static bool key_is(const char *key, const char *name)
{
    for (; *key; key++) {
        if (strchr(" \t_-", *key))
            continue;
        if (tolower((unsigned char)*key) != *name++)
            return false;
    }
    return !*name;
}

static const json_t *license_member(const json_t *license, const char *const *names)
{
    const char *key;
    json_t *value;
    for (; *names; names++)
        json_object_foreach((json_t *)license, key, value)
        {
            if (key_is(key, *names))
                return value;
        }
    return NULL;
}

struct license license_of(const struct iomesh_object *object)
{
    static const char *const editions[] = {"softwareedition", "edition", NULL};
    static const char *const limits[] = {"maxchunknum", "maxchunknumber", "maxchunks", NULL};
    const json_t *license = json_at(object->object, "status", "license", NULL);
    const json_t *edition = license_member(license, editions), *limit = license_member(license, limits);
    double chunks_max;
    return (struct license){
        .edition = json_is_string(edition) ? edition_read(json_string_value(edition)) : EDITION_UNREADABLE,
        .chunks_max = quantity_read_json(limit, &chunks_max) ? (int64_t)chunks_max : -1,
    };
}

static const char *const EDITIONS[] = {"", "community", "enterprise"};

enum edition edition_read(const char *text)
{
    for (int i = EDITION_COMMUNITY; i <= EDITION_ENTERPRISE; i++)
        if (strcasestr(text, EDITIONS[i]))
            return (enum edition)i;
    return EDITION_UNREADABLE;
}

const char *edition_text(enum edition edition)
{
    return EDITIONS[edition];
}
