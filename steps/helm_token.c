/* Which revision is ours? The token in a record's *description* proves success; as a label, or a comment in
 * the manifest, it marks a record from its creation on. Labels are inherited by later upgrades of others, so
 * only the lowest revision above the base that carries a token is the one that the token was made for (tried
 * on helm 3.13 to 4.1). */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/memory.h"
#include "steps/helm_upgrade.h"

static const json_t *start_checkpoint(const json_t *starts, size_t index)
{
    return json_object_get(json_array_get(starts, index), "checkpoint");
}

const json_t *token_success(const json_t *history, const json_t *starts, const json_t **out_checkpoint)
{
    for (size_t i = 0; i < json_array_size(starts); i++) {
        const json_t *checkpoint = start_checkpoint(starts, i);
        const char *token = json_text(checkpoint, "token", NULL);
        size_t index;
        json_t *revision;
        json_array_foreach(history, index, revision)
        {
            bool above = json_int(revision, "revision", 0) > json_int(checkpoint, "base_revision", 0);
            if (!token || !above || !strstr(json_text(revision, "description", ""), token))
                continue;
            *out_checkpoint = checkpoint;
            return revision;
        }
    }
    return NULL;
}

/* ---- release labels ---- */

static json_t *release_secrets(const struct release *release, struct error *error)
{
    char *selector = string_format("owner=helm,name=%s", release->name);
    const struct resource secrets = {"", "v1", "secrets", release->namespace, NULL};
    json_t *list = NULL;
    if (release->cluster->calls->list(release->cluster, &secrets, selector, true, &list, error))
        list = NULL;
    free(selector);
    return list;
}

static int64_t label_revision(const json_t *secret)
{
    return strtoll(json_text(json_at(secret, "metadata", "labels", NULL), "version", "0"), NULL, 10);
}

static const json_t *secret_of(const json_t *secrets, int64_t number)
{
    size_t index;
    json_t *secret;
    json_array_foreach(json_object_get(secrets, "items"), index,
                       secret) if (label_revision(secret) == number) return secret;
    return NULL;
}

static bool label_is(const json_t *secret, const char *token)
{
    return !strcmp(json_text(json_at(secret, "metadata", "labels", NULL), TOKEN_LABEL, ""), token);
}

/* ---- the manifest's comment (helm 3 before 3.13) ---- */

static int manifest_carries(const struct release *release, int64_t revision, const char *token, bool *out,
                            struct error *error)
{
    char *manifest = helm_manifest(release, revision, error);
    if (!manifest)
        return -1;
    char *comment = string_format("# " TOKEN_LABEL ": %s", token);
    *out = strstr(manifest, comment) != NULL;
    free(comment);
    free(manifest);
    return 0;
}

/* ---- the lowest that carries it ---- */

static json_t *describe(const struct release *release, const json_t *secret, const json_t *revision)
{
    const json_t *metadata = json_object_get(secret, "metadata");
    char *text = json_canonical(metadata);
    struct digest digest = digest_of(text, strlen(text));
    char hex[DIGEST_HEX_SIZE];
    digest_hex(&digest, hex);
    free(text);
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:s,s:s}", "secret", json_text(metadata, "name", ""), "namespace",
                     release->namespace, "uid", json_text(metadata, "uid", ""), "resource_version",
                     json_text(metadata, "resourceVersion", ""), "revision",
                     (json_int_t)json_int(revision, "revision", 0), "status",
                     json_text(revision, "status", ""), "digest", hex);
}

struct leftover {
    const struct release *release;
    const json_t *history, *secrets;
    json_t *found;
    struct error *error;
};

/* The lowest revision above a start's base that carries its token; -1 where that cannot be asked. */
static int find_lowest(struct leftover *leftover, const json_t *checkpoint)
{
    const char *token = json_text(checkpoint, "token", "");
    const json_t *lowest = NULL;
    size_t index;
    json_t *revision;
    json_array_foreach(leftover->history, index, revision)
    {
        int64_t number = json_int(revision, "revision", 0);
        if (number <= json_int(checkpoint, "base_revision", 0) ||
            (lowest && number > json_int(lowest, "revision", 0)))
            continue;
        bool carries = label_is(secret_of(leftover->secrets, number), token);
        if (!carries && !json_bool(checkpoint, "labelled", true) &&
            manifest_carries(leftover->release, number, token, &carries, leftover->error))
            return -1;
        if (carries)
            lowest = revision;
    }
    const json_t *secret = lowest ? secret_of(leftover->secrets, json_int(lowest, "revision", 0)) : NULL;
    bool ours = lowest && (revision_is_pending(lowest) || !strcmp(json_text(lowest, "status", ""), "failed"));
    if (ours && secret && !leftover->found)
        leftover->found = describe(leftover->release, secret, lowest);
    return 0;
}

int token_leftover(const struct release *release, const json_t *history, const json_t *starts,
                   json_t **out_found, struct error *error)
{
    json_t *secrets = release_secrets(release, error);
    struct leftover leftover = {release, history, secrets, NULL, error};
    int result = secrets ? 0 : -1;
    for (size_t i = json_array_size(starts); !result && i > 0; i--)
        result = find_lowest(&leftover, start_checkpoint(starts, i - 1));
    json_decref(secrets);
    *out_found = leftover.found;
    return result;
}
