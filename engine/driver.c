#include "engine/driver.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/drive.h"
#include "engine/host.h"

#define COMMANDS_LOOK_MS 100 /* design: PRAGMA data_version every 100 ms */
#define LOCK_TRY_MS      500
#define VIRTUAL_LOOK_MS  10 /* real time between two looks at a child while the cluster's clock is virtual */

static const struct stimulus TICK = {.kind = STIMULUS_TICK};

/* ---- making one ---- */

static int take_own_lock(struct driver *driver, struct error *error)
{
    uint64_t nonce[2];
    if (getrandom(nonce, sizeof nonce, 0) != sizeof nonce)
        return error_set_errno(error, ERROR_SYSTEM, "no random bits");
    driver->random = nonce[0];
    char *folder = string_format("%s/drivers", store_folder(driver->store));
    char *name = string_format("%016llx%016llx.lock", (unsigned long long)nonce[0],
                               (unsigned long long)nonce[1]);
    char *path = string_format("%s/%s", folder, name);
    if (!folder_check(folder, error) && !folder_make(folder, folder_mode_at(folder), error) &&
        (driver->lock = lock_take(path, file_mode_at(path), error)) >= 0) {
        driver->identity = host_process(getpid());
        json_object_set_new(driver->identity, "lock", json_string(name));
    }
    free(path);
    free(name);
    free(folder);
    return driver->identity ? 0 : -1;
}

uint64_t driver_random(struct driver *driver)
{
    uint64_t z = driver->random += 0x9E3779B97F4A7C15ULL; /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

static void on_signal(void *context, int number)
{
    struct driver *driver = context;
    driver->signal = number;
    if (++driver->signal_count > 1)
        _exit(128 + number); /* twice: at once; everything that counts is durable already */
    for (struct drive *drive = driver->drives; drive; drive = drive->next)
        drive->ready = true;
}

struct driver *driver_new(struct store *store, const struct driver_options *options, struct error *error)
{
    struct driver *driver = memory_new(sizeof *driver);
    driver->store = store;
    driver->options = *options;
    driver->actor = string_copy(options->actor);
    driver->kubeconfig = string_copy(options->kubeconfig);
    driver->lock = -1;
    driver->data_version = -1;
    if (take_own_lock(driver, error)) {
        free(driver->actor);
        free(driver->kubeconfig);
        free(driver);
        return NULL;
    }
    driver->loop = loop_new(on_signal, driver);
    return driver;
}

static void unlink_own_lock(struct driver *driver)
{
    char *path = string_format("%s/drivers/%s", store_folder(driver->store),
                               json_text(driver->identity, "lock", ""));
    unlink(path);
    free(path);
    close(driver->lock);
}

void driver_free(struct driver *driver)
{
    if (!driver)
        return;
    loop_free(driver->loop); /* bodies that are still out come back; nothing follows from them */
    for (struct drive *drive = driver->drives, *next; drive; drive = next) {
        next = drive->next;
        drive_free(drive);
    }
    for (struct machine_entry *entry = driver->machines, *next; entry; entry = next) {
        next = entry->next;
        machine_free(entry->machine);
        free(entry->digest);
        free(entry);
    }
    for (struct cluster_entry *entry = driver->clusters, *next; entry; entry = next) {
        next = entry->next;
        cluster_close(entry->cluster);
        free(entry->record);
        free(entry);
    }
    unlink_own_lock(driver);
    free(driver->spare_body);
    json_decref(driver->identity);
    free(driver->actor);
    free(driver->kubeconfig);
    free(driver);
}

bool driver_is_signalled(const struct driver *driver)
{
    return driver->signal || loop_has_signal(driver->loop);
}

int driver_signal(const struct driver *driver)
{
    return driver->signal;
}

/* ---- a turn of the loop: decide, commit, act ---- */

static void let_go_locked(struct drive *drive, int64_t holder)
{
    struct error error;
    long long run = drive->run->id;
    error_set(&error, ERROR_LOCKED, "run %lld is recorded and waits for the lock %s, which run %lld holds",
              run, json_text(drive->run->submitted, "lock", ""), (long long)holder);
    error_next(&error,
               "pawl resume %lld, with --wait DURATION if need be, or pawl cancel %lld --reason \"…\"", run,
               run);
    drive_let_go(drive, &error);
}

static void try_lock(struct drive *drive)
{
    struct driver *driver = drive->driver;
    struct store *store = driver->store;
    int64_t now_ms = clock_system()->steady_ms(clock_system());
    if (!drive->wants_lock || now_ms - drive->lock_tried_ms < LOCK_TRY_MS)
        return;
    drive->lock_tried_ms = now_ms;
    int64_t holder = 0;
    struct error error = {0};
    if (store_begin(store, &error))
        goto failed;
    if (drive_take_lock(drive, &holder, &error))
        goto rollback;
    bool taken = holder == drive->run->id;
    if (taken) {
        drive->wants_lock = false;
        drive_decide(drive, &(struct stimulus){.kind = STIMULUS_LOCK_TAKEN});
        if (drive_record(drive, &error))
            goto rollback;
    }
    if (store_commit(store, &error))
        goto failed;
    if (taken)
        drive_act(drive);
    else if (driver->options.lock_wait_ms >= 0 &&
             now_ms - drive->lock_since_ms >= driver->options.lock_wait_ms)
        let_go_locked(drive, holder);
    return;
rollback:
    store_rollback(store);
failed:
    if (error.code == ERROR_FENCED)
        drive_let_go(drive, &error);
    else {
        driver->failed = true;
        driver->error = error;
    }
}

static bool rests(const struct drive *drive)
{
    return !drive->ready && !drive->body && !drive->leaving;
}

/* A virtual clock stands still while a child, which knows nothing of it, runs: its next look is due now. */
static void bring_look_at_child_forward(struct drive *drive)
{
    struct clock *clock = drive->cluster->clock;
    if (clock_is_virtual(clock) && drive->live->child == CHILD_RUNNING && drive->live->due_ms >= 0)
        drive->live->due_ms = clock->steady_ms(clock);
}

static bool is_due(const struct drive *drive)
{
    struct clock *clock = drive->cluster->clock;
    int64_t now_ms = clock->steady_ms(clock);
    int64_t deadline_ms = machine_deadline_ms(drive->run, drive->live);
    return (drive->live->due_ms >= 0 && drive->live->due_ms <= now_ms) ||
           (deadline_ms >= 0 && deadline_ms <= now_ms);
}

static void approve_here(struct drive *drive)
{
    struct driver *driver = drive->driver;
    if (drive->run->place != PLACE_APPROVAL || drive->run->paused || driver->signal)
        return;
    const char *text = json_text(drive->run->question, "text", "");
    const struct driver_watcher *watcher = &driver->options.watcher;
    bool yes = driver->options.approves ||
               (watcher->approve && watcher->approve(watcher->context, drive->run, text));
    if (!yes) {
        if (drive_has_open_command(drive))
            driver->data_version = -1; /* it is heard before the run is left */
        return;
    }
    json_t *body = json_pack("{s:O,s:O,s:b}", "step", json_object_get(drive->run->question, "step"),
                             "question", json_object_get(drive->run->question, "digest"), "by_option",
                             driver->options.approves);
    struct run_command command = {.name = "approve", .body = body, .actor = driver->actor};
    struct error error = {0};
    hear_commands(driver); /* said while the person was asked: what stops comes first */
    if (drive_is_undurable(drive) || drive->let_go) {
        json_decref(body);
        return;
    }
    drive->leaving = false;
    drive_command(drive, &command, &error);
    json_decref(body);
    drive->ready = true;
}

static int record_all(struct driver *driver)
{
    bool any = false;
    for (struct drive *drive = driver->drives; drive; drive = drive->next)
        any = any || (drive->decision && (drive->decision->event_count || json_array_size(drive->answers)));
    if (!any)
        return 0;
    if (store_begin(driver->store, &driver->error))
        return -1;
    for (struct drive *drive = driver->drives; drive; drive = drive->next) {
        if (drive->let_go || !drive_record(drive, &driver->error))
            continue;
        if (driver->error.code != ERROR_FENCED) {
            store_rollback(driver->store);
            return -1;
        }
        drive_let_go(drive, &driver->error);
        driver->error = (struct error){0};
    }
    return store_commit(driver->store, &driver->error);
}

static void decide_all(struct driver *driver)
{
    for (struct drive *drive = driver->drives; drive; drive = drive->next) {
        if (drive->let_go)
            continue;
        if (rests(drive) && !driver->failed)
            bring_look_at_child_forward(drive);
        /* One that is leaving decides nothing more, but what was answered for it becomes durable and is
         * forgotten. */
        if (drive->ready || (rests(drive) && is_due(drive))) {
            bool undurable = drive_is_undurable(drive);
            drive->ready = false;
            drive->to_act = true;
            if (!undurable && !drive->body && !drive->leaving)
                drive_decide(drive, &TICK);
        }
        hear_out_deferred(drive);
        if (drive->decision && drive->decision->failed)
            drive_let_go(drive, &drive->decision->error);
    }
}

static void act_all(struct driver *driver)
{
    for (struct drive *drive = driver->drives; drive; drive = drive->next) {
        if (drive->let_go || !drive->to_act || !drive->decision)
            continue;
        bool more = drive->decision->more, was_leaving = drive->leaving;
        drive->to_act = false;
        drive->decision->more = false;
        drive_act(drive);
        drive->ready = drive->ready || more;
        if (drive->leaving && !was_leaving)
            approve_here(drive);
    }
}

/* A run that waits for a person is kept while others are driven: the person's word shall reach it. */
static bool may_go(const struct driver *driver, const struct drive *drive)
{
    bool kept_word = drive->take && !driver->signal; /* Ctrl-C is heard before what is still to be said */
    if (driver->data_version < 0 || kept_word)       /* words that have been passed over come first */
        return false;
    if (drive->run->clean)
        return true;
    for (const struct drive *other = driver->drives; other; other = other->next)
        if (!other->leaving && !other->let_go)
            return false;
    return true;
}

static void remove_left(struct driver *driver)
{
    const struct driver_watcher *watcher = &driver->options.watcher;
    for (struct drive **at = &driver->drives; *at;) {
        struct drive *drive = *at;
        if (drive->body || !(drive->let_go || (drive->leaving && !drive->ready && may_go(driver, drive)))) {
            at = &drive->next;
            continue;
        }
        *at = drive->next;
        if (watcher->left)
            watcher->left(watcher->context, drive->run, &drive->error);
        drive_free(drive);
    }
}

static void turn(struct driver *driver)
{
    decide_all(driver);
    if (record_all(driver)) {
        driver->failed = true;
        return;
    }
    act_all(driver);
    for (struct drive *drive = driver->drives; drive; drive = drive->next)
        if (!drive->let_go && !drive->leaving)
            try_lock(drive);
    remove_left(driver);
}

static bool any_is_ready(const struct driver *driver)
{
    for (const struct drive *drive = driver->drives; drive; drive = drive->next)
        if (drive->ready && !drive->let_go)
            return true;
    return false;
}

/* The earliest timer of all runs, in ms from now; -1: none. */
static int64_t next_due_ms(struct driver *driver, struct drive **out_drive)
{
    int64_t next_ms = -1;
    for (struct drive *drive = driver->drives; drive; drive = drive->next) {
        if (drive->body || drive->leaving || drive->let_go)
            continue;
        int64_t due_ms[] = {drive->live->due_ms, machine_deadline_ms(drive->run, drive->live)};
        int64_t now_ms = drive->cluster->clock->steady_ms(drive->cluster->clock);
        for (int i = 0; i < 2; i++) {
            int64_t left_ms = due_ms[i] - now_ms > 0 ? due_ms[i] - now_ms : 0;
            if (due_ms[i] < 0 || (next_ms >= 0 && next_ms <= left_ms))
                continue;
            next_ms = left_ms;
            *out_drive = drive;
        }
    }
    return next_ms;
}

static bool any_child_lives(const struct driver *driver)
{
    for (const struct drive *drive = driver->drives; drive; drive = drive->next)
        if (drive->live->child == CHILD_RUNNING)
            return true;
    return false;
}

int64_t driver_wait_ms(struct driver *driver)
{
    struct drive *drive = NULL;
    if (any_is_ready(driver))
        return 0;
    int64_t wait_ms = next_due_ms(driver, &drive);
    if (wait_ms > 0 && clock_is_virtual(drive->cluster->clock)) {
        struct clock *clock = drive->cluster->clock;
        bool idle = !driver->bodies_out && !any_child_lives(driver);
        if (idle)
            clock->jump_to(clock, clock->steady_ms(clock) + wait_ms);
        wait_ms = idle ? 0 : VIRTUAL_LOOK_MS;
    }
    return wait_ms;
}

/* Words of other processes do not wake the loop: it looks for them. */
static int64_t until_look_ms(int64_t wait_ms)
{
    return wait_ms < 0 || wait_ms > COMMANDS_LOOK_MS ? COMMANDS_LOOK_MS : wait_ms;
}

void drive_returned(struct drive *drive, const struct stimulus *stimulus)
{
    if (drive->let_go)
        return;
    const struct driver_watcher *watcher = &drive->driver->options.watcher;
    const struct error *what = stimulus->kind == STIMULUS_BODY_AGAIN          ? &stimulus->answer->error
                               : stimulus->kind == STIMULUS_PROBE_IN_PROGRESS ? &stimulus->probe->error
                                                                              : NULL;
    if (what && watcher->waits)
        watcher->waits(watcher->context, drive->run, what->message);
    drive_decide(drive, stimulus);
    drive->ready = true;
    bool unsettled = stimulus->kind == STIMULUS_PROBE_NOT_DONE && !drive->decision->event_count;
    if (unsettled && watcher->waits)
        watcher->waits(watcher->context, drive->run, drive->live->wait_error.message);
}

void driver_begin(struct driver *driver)
{
    driver->failed = driver_claim_all(driver) != 0;
}

bool driver_turn(struct driver *driver)
{
    if (!driver->drives || driver->failed)
        return false;
    keeper_reap();
    hear_commands(driver);
    hear_what_was_kept(driver);
    turn(driver);
    return driver->drives && !driver->failed;
}

int driver_run(struct driver *driver, struct error *error)
{
    driver_begin(driver);
    while (driver_turn(driver))
        loop_collect(driver->loop, until_look_ms(driver_wait_ms(driver)));
    if (!driver->failed)
        return 0;
    *error = driver->error;
    return -1;
}
