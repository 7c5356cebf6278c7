#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "steps/kinds.h"

#define BOOT_ID_BYTES 128

/* When it ends, by both clocks. The steady one counts; it begins anew at a reboot, which the boot's id tells:
 * then what is left is taken from the wall clock, once. */
struct deadline {
    int64_t steady_ms, wall_ms;
    bool by_wall;
};

static char *boot_id_copy(void)
{
    struct error error;
    char *id = file_read("/proc/sys/kernel/random/boot_id", BOOT_ID_BYTES, NULL, &error);
    if (!id)
        return string_copy("unknown");
    id[strcspn(id, "\n")] = '\0';
    return id;
}

static struct deadline deadline_of(const struct visit *visit, const char *boot, int64_t for_ms)
{
    const json_t *checkpoint = visit->checkpoint;
    if (!json_object_get(checkpoint, "steady_ms"))
        return (struct deadline){visit->now_ms + for_ms, visit->wall_ms + for_ms, false};
    struct deadline deadline = {
        .steady_ms = json_int(checkpoint, "steady_ms", 0),
        .wall_ms = json_int(checkpoint, "wall_ms", 0),
        .by_wall = json_bool(checkpoint, "by_wall", false),
    };
    if (!strcmp(json_text(checkpoint, "boot", ""), boot))
        return deadline;
    /* A wall clock that was set back must not lengthen the sleep beyond its whole. */
    int64_t left_ms = deadline.wall_ms - visit->wall_ms;
    left_ms = left_ms > for_ms ? for_ms : left_ms;
    return (struct deadline){visit->now_ms + left_ms, deadline.wall_ms, true};
}

static void sleep_on(const struct visit *visit, const struct deadline *deadline, const char *boot,
                     struct answer *answer)
{
    char left[DURATION_TEXT_SIZE];
    int64_t left_ms = deadline->steady_ms - visit->now_ms;
    answer_again(answer, left_ms);
    answer->checkpoint = json_pack("{s:I,s:I,s:b,s:s}", "steady_ms", (json_int_t)deadline->steady_ms,
                                   "wall_ms", (json_int_t)deadline->wall_ms, "by_wall", deadline->by_wall,
                                   "boot", boot);
    duration_write((left_ms + 999) / 1000 * 1000, left);
    error_set(&answer->error, ERROR_NOT_YET, "%s left%s", left,
              deadline->by_wall ? ", by the wall clock: the host was rebooted" : "");
}

static void apply(const struct visit *visit, struct answer *answer)
{
    const char *text = json_text(visit->inputs, "for", "0s");
    char *boot = boot_id_copy();
    struct deadline deadline = deadline_of(visit, boot, input_duration_ms(visit, "for"));
    if (deadline.steady_ms > visit->now_ms) {
        sleep_on(visit, &deadline, boot, answer);
    } else {
        answer_done(answer, NULL);
        summary_set(&answer->summary, "waited %s%s", text,
                    deadline.by_wall ? " (by the wall clock: the host was rebooted)" : "");
    }
    free(boot);
}

static void plan(const struct visit *visit, const json_t *world, struct plan_answer *answer)
{
    (void)world;
    summary_set(&answer->summary, "waits %s", json_text(visit->inputs, "for", "0s"));
}

const struct step_kind kind_sleep = {
    .declaration =
        {
            .name = "sleep",
            .help = "waits",
            .effect = EFFECT_OBSERVE,
            .inputs =
                {
                    {.name = "for", .type = TYPE_DURATION, .help = "how long"},
                },
        },
    .plan = plan,
    .apply = apply,
    .only_computes = true,
};
