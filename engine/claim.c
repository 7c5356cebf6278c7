/* Taking a run up: see who drove it last, claim it. A claim is one transaction: it names the epoch
 * that it looked at and reads the number of the run's newest record again; if either moved, it gives up. */
#include <stdlib.h>
#include <time.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/drive.h"
#include "engine/host.h"
#include "engine/run_lock.h"
#include "engine/table.h"

#define TAKE_OVER_WAIT_MS 10000
#define ENDING_WAIT_MS    1000 /* so long may a process still be seen that has let its lock go */
#define ENDING_LOOK_MS    10

/* ---- who drives ---- */

static int refuse_driven(const struct run *run, struct error *error)
{
    error_set(error, ERROR_DRIVEN, "run %lld is driven by process %lld on %s", (long long)run->id,
              (long long)json_int(run->driver, "pid", 0), json_text(run->driver, "host", "another host"));
    return error_next(
        error,
        "watch it with: pawl status %lld --watch; where it is stuck: pawl resume %lld --take-over "
        "--reason \"…\"",
        (long long)run->id, (long long)run->id);
}

/* Ends the driver that holds the run, and waits for its lock: afterwards it can send nothing. */
static int end_holder(struct drive *drive, struct error *error)
{
    const json_t *holder = drive->run->driver;
    struct store *store = drive->driver->store;
    if (!host_process_kill(holder, TAKE_OVER_WAIT_MS) ||
        driver_record_holding(store, holder) != HOLDING_NOT) {
        error_set(error, ERROR_DRIVEN, "process %lld, which drives run %lld, could not be ended",
                  (long long)json_int(holder, "pid", 0), (long long)drive->run->id);
        return error_next(error, "end it by hand, then: pawl resume %lld", (long long)drive->run->id);
    }
    return 0;
}

static int refuse_elsewhere(const struct run *run, struct error *error)
{
    error_set(error, ERROR_DRIVEN, "run %lld was last driven on %s and did not end cleanly there",
              (long long)run->id, json_text(run->driver, "host", "another host"));
    return error_next(error,
                      "make sure that nothing of it runs there, then: pawl resume %lld --take-over --reason "
                      "\"…\"",
                      (long long)run->id);
}

/* It drives in the store that this one was copied from: it is not ours to end, and what it does is done again
 * here. */
static int refuse_copy(const struct run *run, struct error *error)
{
    long long pid = json_int(run->driver, "pid", 0);
    error_set(error, ERROR_DRIVEN,
              "process %lld, which drives run %lld, is alive, but holds no lock here: this looks like a copy "
              "of the store that it drives in",
              pid, (long long)run->id);
    return error_next(error,
                      "go on there. To go on here, end process %lld first, or else both do the same steps: "
                      "pawl resume %lld --take-over --reason \"…\"",
                      pid, (long long)run->id);
}

/* One that looks as if it drove elsewhere may be about to end: it has let its lock go, and is gone at once.
 */
static enum holding look_at_holder(struct drive *drive)
{
    for (int waited_ms = 0;; waited_ms += ENDING_LOOK_MS) {
        enum holding holding = driver_record_holding(drive->driver->store, drive->run->driver);
        if (holding != HOLDING_ELSEWHERE || waited_ms >= ENDING_WAIT_MS)
            return holding;
        nanosleep(&(struct timespec){.tv_nsec = ENDING_LOOK_MS * 1000000L}, NULL);
    }
}

int drive_check_holder(struct drive *drive, struct error *error)
{
    const struct run *run = drive->run;
    bool take_over = drive->take->take_over;
    if (run_is_ended(run)) {
        error_set(error, ERROR_NOT_ALLOWED_NOW, "run %lld has ended: %s", (long long)run->id,
                  run_status_words(run->status));
        return error_next(error, "pawl history %lld", (long long)run->id);
    }
    if (!run->driver || run->clean) /* nobody has driven it yet, or it was let go */
        return 0;
    if (!host_is_this(run->driver))
        return take_over ? 0 : refuse_elsewhere(run, error);
    enum holding holding = look_at_holder(drive);
    if (holding == HOLDING_NOT)
        return 0;
    if (holding == HOLDING_ELSEWHERE)
        return take_over ? 0 : refuse_copy(run, error);
    return take_over ? end_holder(drive, error) : refuse_driven(run, error);
}

/* ---- claiming ---- */

static void emit_claim(struct drive *drive, const struct driver_take *take, struct decision *decision)
{
    struct run *run = drive->run;
    json_t *body = json_pack("{s:O}", "driver", drive->driver->identity);
    if (take->take_over) {
        json_object_set_new(body, "take_over", json_true());
        json_object_set_new(body, "reason", json_string(take->reason ? take->reason : ""));
    }
    if (host_was_rebooted(run->driver))
        json_object_set_new(body, "rebooted", json_true());
    struct event *event = &decision->events[decision->event_count++];
    *event = (struct event){.type = EVENT_RUN_CLAIMED,
                            .step = -1,
                            .time_ms = drive->live->wall_ms,
                            .epoch = run->epoch + 1,
                            .actor = drive->driver->actor,
                            .body = body};
    decision->failed = run_fold(run, event, &decision->error) != 0;
}

int drive_take_lock(struct drive *drive, int64_t *out_holder, struct error *error)
{
    struct run *run = drive->run;
    const char *lock = json_text(run->submitted, "lock", NULL);
    *out_holder = 0;
    if (!lock || run->holds_lock)
        return 0;
    return run_lock_take(drive->driver->store, json_object_get(run->submitted, "cluster"), lock, run->id,
                         out_holder, error);
}

int drive_claim(struct drive *drive, struct error *error)
{
    struct run *run = drive->run;
    struct store *store = drive->driver->store;
    int64_t newest = 0;
    drive_look(drive);
    drive->live->act_ended_ms = drive->live->counted_to_ms = drive->live->now_ms;
    /* What the step in hand is found to wait for is recorded at once: nobody has said it yet. */
    drive->live->recorded_ms = drive->live->now_ms - CHECKPOINT_EVERY_MS;
    drive->decision = memory_new(sizeof *drive->decision);
    /* The epoch tells whether another driver has claimed since; the newest record, whether it has ended the
     * run. */
    if (store_fence(store, run->id, run->epoch, error) || store_newest_seq(store, run->id, &newest, error))
        return -1;
    if (newest != run->seq)
        return error_set(error, ERROR_FENCED, "run %lld has moved while it was being taken up",
                         (long long)run->id);
    if (run_lock_check(store, run, error))
        return -1;
    emit_claim(drive, drive->take, drive->decision);
    if (!drive->decision->failed)
        return 0;
    *error = drive->decision->error;
    return -1;
}
