#include <string.h>

#include "base/json.h"
#include "steps/iomesh_inputs.h"
#include "steps/iomesh_object.h"
#include "steps/kinds.h"
#include "steps/pods.h"
#include "steps/stability.h"

/* What is expected; where all three are given and the pod is gone, INITIALIZING counts as expired. */
struct expected {
    int64_t id;      /* -1: any */
    const char *ip;  /* NULL: any */
    const char *pod; /* NULL: not given */
    bool pod_is_gone;
};

static int expected_read(const struct visit *visit, struct expected *out, struct error *error)
{
    bool exists = true;
    *out = (struct expected){
        .id = json_int(visit->inputs, "expect_id", -1),
        .ip = json_text(visit->inputs, "expect_ip", NULL),
        .pod = json_text(visit->inputs, "pod", NULL),
    };
    if (out->pod && pod_exists(visit, out->pod, &exists, error))
        return -1;
    out->pod_is_gone = !exists;
    return 0;
}

static bool is_expected(const struct chunk *chunk, const struct expected *expected)
{
    return (expected->id < 0 || chunk->id == expected->id) &&
           (!expected->ip || !strcmp(chunk->ip, expected->ip));
}

static bool counts_as_expired(const struct chunk *chunk, const struct expected *expected)
{
    bool known_to_be_gone = expected->id >= 0 && expected->ip && expected->pod_is_gone;
    return chunk_is(chunk, CHUNK_EXPIRED) ||
           (chunk_is(chunk, CHUNK_INITIALIZING) && known_to_be_gone && is_expected(chunk, expected));
}

/* How many count as expired, and the last of them; all are listed in *text. */
static int find_expired(const struct iomesh_object *object, const struct expected *expected,
                        const struct chunk **out, struct text *text)
{
    int count = 0;
    for (size_t i = 0; i < object->count; i++) {
        if (!counts_as_expired(&object->chunks[i], expected))
            continue;
        count++;
        *out = &object->chunks[i];
        chunk_describe(*out, text);
    }
    return count;
}

static bool has_initializing(const struct iomesh_object *object)
{
    for (size_t i = 0; i < object->count; i++)
        if (chunk_is(&object->chunks[i], CHUNK_INITIALIZING))
            return true;
    return false;
}

/* Never a silent wait: every chunk that is not healthy is named, and the leader's trap explained. */
static void explain_wait(const struct iomesh_object *object, const struct expected *expected,
                         struct error *error)
{
    struct text unhealthy = {0};
    int count = chunks_describe_unhealthy(object, -1, &unhealthy);
    error_set(error, ERROR_NOT_YET, "no chunk's session has expired yet; %s%s",
              count ? "not healthy: " : "all chunks are healthy", text_string(&unhealthy));
    if (expected->id >= 0 && !chunk_find(object, expected->id))
        error_set(error, ERROR_NOT_YET, "chunk %lld is not listed at all%s%s", (long long)expected->id,
                  count ? "; not healthy: " : "", text_string(&unhealthy));
    text_clear(&unhealthy);
    if (!has_initializing(object))
        return;
    error_next(error,
               "If the meta leader moved after the chunk was gone, the chunk shows INITIALIZING for "
               "ever: the present leader never had a session with it. Give expect_id, expect_ip and "
               "pod (%s): while that pod does not exist, INITIALIZING counts as expired.",
               expected->pod ? expected->pod_is_gone ? "it is gone, id or ip do not match" : "it still exists"
                             : "not given");
}

static void judge(const struct visit *visit, const struct iomesh_object *object,
                  const struct expected *expected, struct answer *answer)
{
    const struct chunk *chunk = NULL;
    struct text list = {0};
    struct error error = {0};
    int count = find_expired(object, expected, &chunk, &list);
    if (!count) {
        explain_wait(object, expected, &error);
        stability_wait(visit, &error, answer);
    } else if (count > 1 || !is_expected(chunk, expected)) {
        error_set(&error, ERROR_REFUSED, "%s: %s",
                  count > 1 ? "more than one chunk has expired" : "another chunk than expected has expired",
                  text_string(&list));
        if (expected->id >= 0)
            error_context(&error, "chunk %lld (%s) is expected", (long long)expected->id,
                          expected->ip ? expected->ip : "any address");
        error_next(&error, "find out why each of them is gone before one is unregistered");
        answer_failed(answer, &error);
    } else {
        answer_done(answer, json_pack("{s:I,s:s,s:s}", "id", (json_int_t)chunk->id, "ip", chunk->ip,
                                      "chunk_status", chunk->status));
        summary_set(&answer->summary, "%s", text_string(&list));
    }
    text_clear(&list);
}

static void apply(const struct visit *visit, struct answer *answer)
{
    struct iomesh_object object;
    struct expected expected;
    struct error error = {0};
    if (expected_read(visit, &expected, &error) || iomesh_object_read(visit, &object, &error)) {
        stability_failed(visit, &error, answer);
        return;
    }
    judge(visit, &object, &expected, answer);
    iomesh_object_clear(&object);
}

const struct step_kind kind_find_expired_chunk = {
    .declaration =
        {
            .name = "find_expired_chunk",
            .help = "waits for the one chunk whose session has expired",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    INPUT_NAMESPACE,
                    INPUT_OBJECT,
                    {.name = "expect_id",
                     .type = TYPE_INT,
                     .optional = true,
                     .help = "it must be this chunk"},
                    {.name = "expect_ip",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help = "it must have this data IP"},
                    {.name = "pod",
                     .type = TYPE_STRING,
                     .optional = true,
                     .help =
                         "the pod that served it: with id and ip, and once it is gone, INITIALIZING counts as expired"},
                },
            .outputs =
                {
                    {"id", TYPE_INT, "of the chunk"},
                    {"ip", TYPE_STRING, "its data IP"},
                    {"chunk_status", TYPE_STRING, "CHUNK_STATUS_…"},
                },
        },
    .apply = apply,
};
