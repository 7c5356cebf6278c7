#include "steps/stability.h"

#include "base/duration.h"
#include "base/json.h"

/* Between two looks; one request may take LIMIT_REQUEST_MS, a look several of them. */
#define LOOK_GAP_MS 90000

static void look_again(const struct visit *visit, int64_t after_ms, struct answer *answer)
{
    answer_again(answer, after_ms);
    if (!visit->single_look)
        answer->checkpoint = json_pack("{s:I}", "looked_ms", (json_int_t)visit->now_ms);
}

static bool gap_in_looking(const struct visit *visit)
{
    int64_t looked_ms = json_int(visit->checkpoint, "looked_ms", INT64_MIN);
    return looked_ms > visit->now_ms || looked_ms < visit->now_ms - LOOK_GAP_MS;
}

bool stability_reached(const struct visit *visit, int64_t for_ms, const char *what, struct answer *answer)
{
    if (visit->single_look || for_ms <= 0)
        return true;
    /* From the end of the first look to the begin of the last: what is between them is proven. */
    if (*visit->held_since_ms < 0 || gap_in_looking(visit))
        *visit->held_since_ms = visit->cluster->clock->steady_ms(visit->cluster->clock);
    int64_t missing_ms = for_ms - (visit->now_ms - *visit->held_since_ms);
    if (missing_ms <= 0)
        return true;
    char text[DURATION_TEXT_SIZE];
    look_again(visit, missing_ms < LOOK_EVERY_MS ? missing_ms : LOOK_EVERY_MS, answer);
    duration_write((missing_ms + 999) / 1000 * 1000, text);
    error_set(&answer->error, ERROR_NOT_YET, "%s, to be seen for %s more", what, text);
    return false;
}

void stability_wait(const struct visit *visit, const struct error *why, struct answer *answer)
{
    if (!visit->single_look)
        *visit->held_since_ms = -1;
    look_again(visit, LOOK_EVERY_MS, answer);
    answer->error = *why;
}

void stability_failed(const struct visit *visit, const struct error *error, struct answer *answer)
{
    if (error->code == ERROR_NOT_YET) {
        stability_wait(visit, error, answer);
        return;
    }
    if (!visit->single_look)
        *visit->held_since_ms = -1;
    answer_failed(answer, error);
}
