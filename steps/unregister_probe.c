#include "steps/unregister_probe.h"

#include "base/duration.h"
#include "base/json.h"
#include "steps/iomesh_object.h"
#include "steps/iomesh_summary.h"

#define PROBE_EVERY_MS 5000

/* What earlier looks saw, in steady time; -1: nothing. A time that lies ahead is of another boot. */
static int64_t seen_ms(const struct visit *visit, const char *key)
{
    int64_t at_ms = json_int(json_object_get(visit->checkpoint, "probe"), key, -1);
    return at_ms > visit->now_ms ? -1 : at_ms;
}

static void remember(struct probe_answer *answer, const char *key, int64_t at_ms)
{
    answer->checkpoint = json_pack("{s:{s:I}}", "probe", key, (json_int_t)at_ms);
}

static void cannot_tell(struct probe_answer *answer, const struct error *error)
{
    answer->kind = PROBE_CANNOT_TELL;
    answer->error = *error;
}

/* In progress: look again soon, at the latest when the time is up. */
static void wait_for(struct probe_answer *answer, int64_t missing_ms)
{
    answer->kind = PROBE_IN_PROGRESS;
    answer->after_ms = missing_ms < PROBE_EVERY_MS ? missing_ms : PROBE_EVERY_MS;
}

static int64_t clock_after(const struct visit *visit)
{
    return visit->cluster->clock->steady_ms(visit->cluster->clock);
}

/* Not on the list. Believed when it is not there settle later either. */
static void judge_gone(const struct visit *visit, struct probe_answer *answer)
{
    int64_t gone_ms = seen_ms(visit, "gone_ms");
    char left[DURATION_TEXT_SIZE];
    if (gone_ms >= 0 && visit->now_ms - gone_ms >= visit->settle_ms) {
        answer->kind = PROBE_DONE;
        answer->outputs = json_pack("{s:s}", "output", "");
        return;
    }
    gone_ms = gone_ms < 0 ? clock_after(visit) : gone_ms;
    remember(answer, "gone_ms", gone_ms);
    int64_t missing_ms = gone_ms + visit->settle_ms - visit->now_ms;
    wait_for(answer, missing_ms);
    duration_write((missing_ms + 999) / 1000 * 1000, left);
    error_set(&answer->error, ERROR_NOT_YET, "chunk %lld is not listed, to be seen again in %s",
              (long long)json_int(visit->inputs, "chunk_id", -1), left);
}

/* Listed, and data moves: it may be on its way out. The list lags behind the end of the movement as well. */
static void judge_moving(const struct visit *visit, const struct iomesh_summary *summary,
                         struct probe_answer *answer)
{
    struct text moving = {0};
    iomesh_summary_describe(summary, &moving);
    wait_for(answer, PROBE_EVERY_MS);
    remember(answer, "moved_ms", clock_after(visit));
    error_set(&answer->error, ERROR_NOT_YET, "chunk %lld is listed, and data moves: %s",
              (long long)json_int(visit->inputs, "chunk_id", -1), text_string(&moving));
    text_clear(&moving);
}

static void judge_still(const struct visit *visit, const struct chunk *chunk, struct probe_answer *answer)
{
    int64_t moved_ms = seen_ms(visit, "moved_ms"), since_ms = visit->act_ended_ms;
    error_set(&answer->error, ERROR_NOT_YET, "chunk %lld (%s) is listed as before, %s, and no data moves",
              (long long)chunk->id, chunk->ip, chunk->status);
    if (seen_ms(visit, "gone_ms") >= 0) /* it was not listed, and is again: that is no standstill either */
        moved_ms = clock_after(visit);
    remember(answer, "moved_ms", moved_ms);
    if (since_ms < 0) { /* the command may still be under way */
        wait_for(answer, PROBE_EVERY_MS);
        return;
    }
    since_ms = moved_ms > since_ms ? moved_ms : since_ms;
    if (visit->now_ms - since_ms >= visit->settle_ms)
        answer->kind = PROBE_NOT_DONE;
    else
        wait_for(answer, since_ms + visit->settle_ms - visit->now_ms);
}

static void judge(const struct visit *visit, const struct iomesh_object *object, struct probe_answer *answer)
{
    const struct chunk *chunk = chunk_find(object, json_int(visit->inputs, "chunk_id", -1));
    struct iomesh_summary summary;
    struct error error = {0};
    if (iomesh_summary_read_leader(visit, &summary, &error))
        cannot_tell(answer, &error);
    else if (!chunk)
        judge_gone(visit, answer);
    else if (!iomesh_summary_is_idle(&summary))
        judge_moving(visit, &summary, answer);
    else
        judge_still(visit, chunk, answer);
}

void unregister_probe_in_flight(const struct visit *visit, struct probe_answer *answer)
{
    wait_for(answer, PROBE_EVERY_MS);
    remember(answer, "moved_ms", clock_after(visit));
    error_set(&answer->error, ERROR_NOT_YET, "iomeshctl chunk unregister %lld is still out",
              (long long)json_int(visit->inputs, "chunk_id", -1));
}

void unregister_probe(const struct visit *visit, struct probe_answer *answer)
{
    struct iomesh_object object;
    struct error error = {0};
    if (iomesh_object_read(visit, &object, &error)) {
        cannot_tell(answer, &error);
        return;
    }
    judge(visit, &object, answer);
    iomesh_object_clear(&object);
}
