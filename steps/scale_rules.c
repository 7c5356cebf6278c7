#include "steps/scale_rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHUNKS_MIN            3
#define CHUNKS_MAX            255
#define METAS_MIN             3
#define METAS_MAX             5
#define COMMUNITY_MAX         3
#define NODES_FOR_METAS_MAX   5 /* from as many on, METAS_MAX meta servers are recommended */
#define CHUNKS_MIN_WHERE_TOLD 1

bool scale_is_settled(const struct scale *scale)
{
    return scale->present == scale->count;
}

/* ---- what speaks against it ---- */

static void __attribute__((format(printf, 3, 4)))
object_to(struct verdict *verdict, bool is_final, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    text_fit_list(text, sizeof text, format, arguments);
    va_end(arguments);
    text_format(&verdict->against, "%s%s", verdict->against.length ? "; " : "", text);
    verdict->is_final = verdict->is_final || is_final;
}

static const char *noun(const struct scale *scale)
{
    return scale->is_chunk ? "chunk" : "meta";
}

static void judge_edition(const struct scale *scale, struct verdict *verdict)
{
    if (scale->edition == EDITION_UNREADABLE)
        object_to(
            verdict, true,
            "the software edition cannot be read in status.license: say which it is, `edition: enterprise` "
            "or `edition: community` (the jobs that ship: -p edition=enterprise)");
    if (scale->is_in)
        return;
    if (scale->edition == EDITION_COMMUNITY && scale->count > COMMUNITY_MAX)
        object_to(verdict, true, "the Community Edition has at most %d %s servers", COMMUNITY_MAX,
                  noun(scale));
    if (scale->is_chunk && scale->license.chunks_max >= 0 && scale->count > scale->license.chunks_max)
        object_to(verdict, true, "the license admits %lld chunk servers",
                  (long long)scale->license.chunks_max);
}

static void judge_count(const struct scale *scale, struct verdict *verdict)
{
    int64_t min = scale->is_chunk ? CHUNKS_MIN : METAS_MIN, max = scale->is_chunk ? CHUNKS_MAX : METAS_MAX;
    bool may_go_below = scale->is_chunk && scale->below_minimum;
    if (scale->count < (may_go_below ? CHUNKS_MIN_WHERE_TOLD : min))
        object_to(verdict, true, "%lld %s servers are fewer than %lld%s", (long long)scale->count,
                  noun(scale), (long long)min,
                  scale->is_chunk && !may_go_below ? " (allow_below_minimum: true goes below)" : "");
    if (scale->count > max)
        object_to(verdict, true, "%lld %s servers are more than %lld", (long long)scale->count, noun(scale),
                  (long long)max);
    if (!scale->is_in && scale->count < scale->present)
        object_to(verdict, true, "%lld is no scale-out: there are %lld", (long long)scale->count,
                  (long long)scale->present);
    if (scale->is_in && scale->is_chunk && scale->count != scale->present - 1)
        object_to(verdict, true, "chunk servers are taken away one at a time: %lld → %lld, not %lld",
                  (long long)scale->present, (long long)scale->present - 1, (long long)scale->count);
    if (scale->is_in && !scale->is_chunk)
        object_to(verdict, true, "meta servers are never scaled in");
}

static void judge_nodes(const struct scale *scale, struct verdict *verdict)
{
    if (!scale->is_in && scale->worker_nodes < scale->count)
        object_to(
            verdict, true,
            "%lld worker nodes can take a pod (Ready, not cordoned, no NoSchedule taint), and each takes "
            "one %s pod: add %lld first",
            (long long)scale->worker_nodes, noun(scale), (long long)(scale->count - scale->worker_nodes));
}

static void judge_movement(const struct scale *scale, struct verdict *verdict)
{
    struct text moving = {0};
    iomesh_summary_describe(&scale->moving, &moving);
    if (!iomesh_summary_is_idle(&scale->moving))
        object_to(verdict, false, "data is moving: %s", text_string(&moving));
    text_clear(&moving);
}

static void judge_leaving(const struct scale *scale, struct verdict *verdict)
{
    if (!scale->is_in || !scale->is_chunk || !scale->served || scale->leaving_chunk < 0 ||
        scale->served->id == scale->leaving_chunk)
        return;
    object_to(verdict, true, "pod %s, which would go, serves chunk %lld (%s), not chunk %lld",
              scale->leaving_pod, (long long)scale->served->id, scale->served->ip,
              (long long)scale->leaving_chunk);
}

/* The chunk whose state is not judged: the one that leaves; of a settled scaling also those that arrive or
 * leave without having been named. */
static bool is_exempt(const struct scale *scale, const struct chunk *chunk)
{
    if (scale->is_in && chunk->id == scale->leaving_chunk)
        return true;
    if (!scale_is_settled(scale) || !scale->is_chunk)
        return false;
    if (scale->is_in)
        return scale->leaving_chunk < 0 &&
               (chunk_is(chunk, CHUNK_EXPIRED) || chunk_is(chunk, CHUNK_INITIALIZING));
    return chunk_is(chunk, CHUNK_INITIALIZING) || chunk_is(chunk, "CHUNK_STATUS_CONNECTING");
}

/* An expired chunk stays so, and says nothing of what would end that. */
static const char *way_out(bool expired)
{
    return expired
               ? " (expired: its pod must come back or, where that is gone for good, the chunk be unregistered)"
               : "";
}

static void judge_health(const struct scale *scale, struct verdict *verdict)
{
    struct text unhealthy = {0};
    bool expired = false;
    for (size_t i = 0; i < scale->object.count; i++) {
        const struct chunk *chunk = &scale->object.chunks[i];
        if (chunk_is(chunk, CHUNK_HEALTHY) || is_exempt(scale, chunk))
            continue;
        chunk_describe(chunk, &unhealthy);
        expired = expired || chunk_is(chunk, CHUNK_EXPIRED);
    }
    if (unhealthy.length)
        object_to(verdict, false, "not healthy: %s%s", text_string(&unhealthy), way_out(expired));
    text_clear(&unhealthy);
}

/* ---- space ---- */

struct space {
    double capacity, used;
    int unreadable; /* healthy chunks that do not tell their size */
};

static const struct chunk *leaving_chunk(const struct scale *scale)
{
    if (!scale->is_in || !scale->is_chunk)
        return NULL;
    return scale->leaving_chunk >= 0 ? chunk_find(&scale->object, scale->leaving_chunk) : scale->served;
}

static struct space space_now(const struct scale *scale)
{
    struct space space = {0};
    for (size_t i = 0; i < scale->object.count; i++) {
        const struct chunk *chunk = &scale->object.chunks[i];
        if (!chunk_is(chunk, CHUNK_HEALTHY))
            continue;
        space.unreadable += !chunk->sized;
        space.capacity += chunk->sized ? chunk->capacity : 0;
        space.used += chunk->sized ? chunk->used : 0;
    }
    return space;
}

double scale_usage(const struct scale *scale)
{
    struct space space = space_now(scale);
    return space.capacity > 0 ? space.used / space.capacity : 0;
}

double scale_usage_after(const struct scale *scale)
{
    struct space space = space_now(scale);
    const struct chunk *leaving = leaving_chunk(scale);
    double left = space.capacity;
    if (leaving && chunk_is(leaving, CHUNK_HEALTHY) && leaving->sized)
        left -= leaving->capacity;
    if (left > 0)
        return space.used / left;
    return space.used > 0 ? 1 : 0; /* nothing is left to hold it */
}

static void judge_space(const struct scale *scale, struct verdict *verdict)
{
    struct space space = space_now(scale);
    double after = scale_usage_after(scale);
    if (!scale->is_in || !scale->is_chunk)
        return;
    if (space.unreadable || space.capacity <= 0)
        object_to(verdict, false, "how much data space is used cannot be read (spaceInfo)");
    else if (after > scale->usage_max)
        object_to(verdict, true, "%.0f %% of the data space would be used afterwards, more than %.0f %%",
                  after * 100, scale->usage_max * 100);
}

/* ---- the whole ---- */

static const struct {
    void (*judge)(const struct scale *, struct verdict *);
    bool also_settled;
} RULES[] = {
    {judge_edition, false}, {judge_count, false},    {judge_nodes, false}, {judge_leaving, false},
    {judge_health, true},   {judge_movement, false}, {judge_space, false},
};

void scale_judge(const struct scale *scale, struct verdict *out)
{
    *out = (struct verdict){0};
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++)
        if (RULES[i].also_settled || !scale_is_settled(scale))
            RULES[i].judge(scale, out);
}

static void advise(json_t *advice, const char *text)
{
    json_array_append_new(advice, json_string(text));
}

json_t *scale_advice(const struct scale *scale)
{
    json_t *advice = json_array();
    char text[160];
    double usage = scale_usage(scale);
    int64_t metas = scale->is_chunk ? scale->meta_present : scale->count;
    if (usage > scale->usage_max) {
        snprintf(text, sizeof text, "%.0f %% of the data space is used, more than %.0f %%: add chunk servers",
                 usage * 100, scale->usage_max * 100);
        advise(advice, text);
    }
    if (scale->worker_nodes >= NODES_FOR_METAS_MAX && metas < METAS_MAX) {
        snprintf(text, sizeof text, "with %lld worker nodes, %d meta servers are recommended; there are %lld",
                 (long long)scale->worker_nodes, METAS_MAX, (long long)metas);
        advise(advice, text);
    }
    if (scale->is_chunk && !scale->is_in && scale->license.chunks_max < 0)
        advise(advice, "the license's chunk limit cannot be read: only the product's own, 255, was checked");
    return advice;
}
