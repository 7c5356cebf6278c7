#include "cluster/sim/world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"

#define LOCK_POLL_NS 100000

static int64_t real_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- opening ---- */

static void kill_point_read(struct world *world)
{
    static const struct {
        const char *name;
        enum kill_point point;
    } points[] = {{"before-effect:", KILL_BEFORE_EFFECT},    {"after-effect:", KILL_AFTER_EFFECT},
                  {"before-request:", KILL_BEFORE_REQUEST},  {"after-request:", KILL_AFTER_REQUEST},
                  {"stop-after-effect:", STOP_AFTER_EFFECT}, {"stop-after-request:", STOP_AFTER_REQUEST}};
    const char *text = getenv("PAWL_SIM_KILL");
    if (getenv("PAWL_SIM_VICTIMS") && !getenv("PAWL_SIM_DRIVER"))
        return; /* meant for a helm under a keeper, not for this process */
    for (size_t i = 0; text && i < sizeof points / sizeof *points; i++)
        if (!strncmp(text, points[i].name, strlen(points[i].name))) {
            world->kill_point = points[i].point;
            world->kill_number = strtoull(text + strlen(points[i].name), NULL, 10);
        }
}

static int side_file_open(const char *path, const char *suffix, int flags, struct error *error)
{
    char *name = string_format("%s%s", path, suffix);
    int file = open(name, flags | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0)
        error_set_errno(error, ERROR_CLUSTER_UNREACHABLE, "cannot open %s", name);
    free(name);
    return file;
}

struct world *world_open(const char *path, struct error *error)
{
    struct world *world = memory_new(sizeof *world);
    world->path = string_copy(path);
    world->lock = world->log = -1;
    pthread_mutex_init(&world->mutex, NULL);
    world->caller = getenv("PAWL_SIM_CALLER");
    kill_point_read(world);
    if (access(path, R_OK | W_OK)) {
        error_set_errno(error, ERROR_CLUSTER_UNREACHABLE, "cannot use the simulated cluster %s", path);
        error_next(error, "make one: pawl sim init %s", path);
        goto failed;
    }
    if ((world->lock = side_file_open(path, ".lock", O_RDWR, error)) < 0)
        goto failed;
    if ((world->log = side_file_open(path, ".log", O_RDWR | O_APPEND, error)) < 0)
        goto failed;
    return world;
failed:
    world_close(world);
    return NULL;
}

void world_close(struct world *world)
{
    if (!world)
        return;
    if (world->lock >= 0)
        close(world->lock);
    if (world->log >= 0)
        close(world->log);
    json_decref(world->state);
    text_clear(&world->lines);
    pthread_mutex_destroy(&world->mutex);
    free(world->path);
    free(world);
}

/* ---- the lock ---- */

static int lock_set(int file, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
    return fcntl(file, F_OFD_SETLK, &lock);
}

/* Waits for the lock, but not for ever: its holder may have been stopped. */
static int lock_wait(const struct world *world, struct error *error)
{
    int64_t rounds = (int64_t)LIMIT_REQUEST_MS * 1000000 / LOCK_POLL_NS;
    for (; lock_set(world->lock, F_WRLCK); rounds--) {
        if (errno != EAGAIN && errno != EACCES)
            return error_set_errno(error, ERROR_CLUSTER_UNREACHABLE, "cannot lock %s.lock", world->path);
        if (!rounds)
            return error_set(error, ERROR_CLUSTER_UNREACHABLE, "%s.lock is held by another process",
                             world->path);
        nanosleep(&(struct timespec){.tv_nsec = LOCK_POLL_NS}, NULL);
    }
    return 0;
}

static void unlock(struct world *world)
{
    lock_set(world->lock, F_UNLCK);
    pthread_mutex_unlock(&world->mutex);
}

/* ---- the log ---- */

/* Completes the log where the process that wrote the state was killed before it had written its lines. */
static int log_mend(struct world *world, struct error *error)
{
    const json_t *latest = json_object_get(world->state, "log");
    int64_t start = json_int(latest, "start", 0);
    const char *lines = json_text(latest, "lines", "");
    struct stat now;
    if (fstat(world->log, &now))
        return error_set_errno(error, ERROR_CLUSTER_UNREACHABLE, "cannot read %s.log", world->path);
    if (now.st_size >= start + (int64_t)strlen(lines) || now.st_size < start)
        return 0;
    if (ftruncate(world->log, start) || descriptor_write(world->log, lines, strlen(lines)))
        return error_set_errno(error, ERROR_CLUSTER_UNREACHABLE, "cannot write %s.log", world->path);
    return 0;
}

static void log_line(struct world *world, const char *kind, const char *what, json_t *more)
{
    char time_text[CLOCK_TEXT_SIZE];
    clock_write(world_wall_ms(world), time_text);
    json_t *line = json_pack("{s:s, s:s}", "time", time_text, kind, what);
    if (more)
        json_object_update_missing(line, more);
    json_object_set_new(line, "ms", json_integer(world->now_ms));
    if (world->caller)
        json_object_set_new(line, "caller", json_string(world->caller));
    char *text = json_dumps(line, JSON_COMPACT);
    text_add(&world->lines, text);
    text_add(&world->lines, "\n");
    free(text);
    json_decref(line);
    json_decref(more);
}

/* Ends by a signal what PAWL_SIM_VICTIMS names: without it the process that makes the effect. With it only a
 * helm under a keeper meets its end: "helm" alone; "driver": the driver instead, and helm goes on; "all":
 * driver and keeper with it, what a machine that loses power takes along. */
static void die(int signal_number)
{
    const char *victims = getenv("PAWL_SIM_VICTIMS"), *driver = getenv("PAWL_SIM_DRIVER");
    if (victims && strcmp(victims, "helm") && driver) {
        kill((pid_t)strtol(driver, NULL, 10), SIGKILL);
        if (!strcmp(victims, "driver"))
            return;
        kill(getppid(), SIGKILL);
    }
    raise(signal_number);
}

static void kill_here(struct world *world, enum kill_point before, enum kill_point after,
                      enum kill_point stop, uint64_t number)
{
    if (world->kill_number != number)
        return;
    if (world->kill_point == before)
        die(SIGKILL);
    if (world->kill_point == after || world->kill_point == stop)
        world->signal = world->kill_point == stop ? SIGSTOP : SIGKILL;
}

void world_request(struct world *world, const char *verb, const char *resource, const char *namespace,
                   const char *name, const char *fault, json_t *more)
{
    world->head.requests++;
    kill_here(world, KILL_BEFORE_REQUEST, KILL_AFTER_REQUEST, STOP_AFTER_REQUEST, world->head.requests);
    json_t *line = json_pack("{s:s, s:s*, s:s*, s:s*}", "resource", resource, "namespace", namespace, "name",
                             name, "fault", fault);
    if (more)
        json_object_update(line, more);
    json_decref(more);
    log_line(world, "verb", verb, line);
}

/* Faults that wait for an effect or event start to count their delay. */
static void scheduled_wake(struct world *world, const char *effect)
{
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(world->state, "scheduled"), i, entry)
    {
        if (strcmp(json_text(entry, "on", ""), effect))
            continue;
        int64_t left = json_int(entry, "count", 1) - 1;
        json_object_set_new(entry, "count", json_integer(left));
        if (left > 0)
            continue;
        json_object_set_new(entry, "at", json_integer(world->now_ms + json_int(entry, "delay_ms", 0)));
        json_object_del(entry, "on");
    }
}

void world_effect(struct world *world, const char *effect, json_t *more)
{
    world->head.effects++;
    kill_here(world, KILL_BEFORE_EFFECT, KILL_AFTER_EFFECT, STOP_AFTER_EFFECT, world->head.effects);
    scheduled_wake(world, effect);
    world->changed = true;
    log_line(world, "effect", effect, more);
}

void world_event(struct world *world, const char *event, json_t *more)
{
    scheduled_wake(world, event);
    world->changed = true;
    log_line(world, "event", event, more);
}

/* ---- reading ---- */

static int state_read(struct world *world, struct error *error)
{
    size_t length;
    char *bytes = file_read(world->path, LIMIT_JSON_BYTES, &length, error);
    if (!bytes)
        return -1;
    json_t *state = json_read(bytes, length, LIMIT_JSON_BYTES, world->path, error);
    free(bytes);
    if (!state)
        return -1;
    if (json_int(state, "pawl_sim", 0) != 1) {
        json_decref(state);
        return error_set(error, ERROR_CLUSTER_ANSWER, "%s is no simulated cluster", world->path);
    }
    json_decref(world->state);
    world->state = state;
    bool virtual_time = !strcmp(json_text(state, "time", "virtual"), "virtual");
    if (world->virtual_time != virtual_time)
        world->virtual_time = virtual_time; /* read without the lock, so written once only */
    return log_mend(world, error);
}

static int64_t present_ms(const struct world *world)
{
    int64_t recorded = json_int(world->state, "now_ms", 0);
    if (world->virtual_time)
        return world->head.now_ms > recorded ? world->head.now_ms : recorded;
    int64_t real = real_ms() - json_int(world->state, "epoch_ms", 0);
    return real > recorded ? real : recorded;
}

int world_begin(struct world *world, struct error *error)
{
    pthread_mutex_lock(&world->mutex);
    if (lock_wait(world, error)) {
        pthread_mutex_unlock(&world->mutex);
        return -1;
    }
    struct world_head head = {0};
    if (pread(world->lock, &head, sizeof head, 0) != sizeof head)
        head = (struct world_head){0};
    world->head = head;
    if ((!world->state || head.generation != world->known.generation) && state_read(world, error)) {
        world_abandon(world);
        return -1;
    }
    world->known = head;
    world->changed = world->moved = world->restless = false;
    world->signal = 0;
    text_clear(&world->lines);
    int64_t now = present_ms(world);
    world->now_ms = json_int(world->state, "now_ms", 0);
    if (json_int(world->state, "next_due_ms", WORLD_NEVER) <= now)
        world_advance(world, now);
    world->now_ms = now;
    return 0;
}

/* Others move virtual time only within calls, at whose end everything that was due has happened. */
bool world_glance(struct world *world, int64_t *now_ms, int64_t *wall_ms)
{
    struct world_head head = {0};
    pthread_mutex_lock(&world->mutex);
    bool known = world->state && world->virtual_time &&
                 pread(world->lock, &head, sizeof head, 0) == sizeof head &&
                 head.generation == world->known.generation;
    if (known) {
        int64_t recorded = json_int(world->state, "now_ms", 0);
        *now_ms = head.now_ms > recorded ? head.now_ms : recorded;
        *wall_ms = json_int(world->state, "epoch_ms", 0) + *now_ms;
    }
    pthread_mutex_unlock(&world->mutex);
    return known;
}

void world_abandon(struct world *world)
{
    json_decref(world->state);
    world->state = NULL;
    text_clear(&world->lines);
    unlock(world);
}

/* ---- writing ---- */

static int head_write(struct world *world)
{
    struct world_head head = world->head;
    head.now_ms = world->now_ms;
    return pwrite(world->lock, &head, sizeof head, 0) == sizeof head ? 0 : -1;
}

/* Exchanges the new file with the old, whose place the next write uses again: a rename over a file, or one
 * that is truncated, would make ext4 write the blocks out, and nothing here needs to survive a power loss. */
static int state_put(const struct world *world, const char *bytes, size_t length)
{
    char *temporary = string_format("%s.new", world->path);
    int file = open(temporary, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    int result = file < 0 || descriptor_write(file, bytes, length) || ftruncate(file, (off_t)length) ? -1 : 0;
    if (file >= 0)
        close(file);
    if (!result && renameat2(AT_FDCWD, temporary, AT_FDCWD, world->path, RENAME_EXCHANGE))
        result = rename(temporary, world->path);
    free(temporary);
    return result;
}

static int state_write(struct world *world)
{
    struct stat log;
    if (fstat(world->log, &log))
        return -1;
    json_object_set_new(world->state, "now_ms", json_integer(world->now_ms));
    json_object_set_new(
        world->state, "log",
        json_pack("{s:I, s:s}", "start", (json_int_t)log.st_size, "lines", text_string(&world->lines)));
    /* Others must read anew, whether or not this process lives to exchange the files. */
    world->head.generation++;
    if (head_write(world))
        return -1;
    char *bytes = json_dumps(world->state, JSON_COMPACT);
    int result = state_put(world, bytes, strlen(bytes));
    free(bytes);
    return result;
}

int world_end(struct world *world, struct error *error)
{
    if (world->restless) {
        error_set(error, ERROR_CLUSTER_ANSWER,
                  "%s is not as pawl writes it: its controllers do not come to rest", world->path);
        error_next(error, "make another: pawl sim init");
        world_abandon(world);
        return -1;
    }
    bool heads = world->lines.length || world->moved;
    bool written = world->changed ? !state_write(world) : !heads || !head_write(world);
    if (!written) {
        error_set_errno(error, ERROR_CLUSTER_UNREACHABLE, "cannot write the simulated cluster %s",
                        world->path);
        world_abandon(world);
        return -1;
    }
    world->known = world->head;
    if (descriptor_write(world->log, text_string(&world->lines), world->lines.length)) {
        error_set_errno(error, ERROR_CLUSTER_UNREACHABLE, "cannot write %s.log", world->path);
        world_abandon(world);
        return -1;
    }
    int signal = world->signal;
    if (signal == SIGKILL)
        die(signal);
    text_clear(&world->lines);
    unlock(world);
    if (signal == SIGSTOP)
        raise(signal);
    return 0;
}

int world_create(const char *path, json_t *state, struct error *error)
{
    int result = -1;
    struct world *world = NULL;
    /* A file that world_open accepts; what is written below replaces it. */
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        error_set_errno(error, ERROR_SYSTEM, "cannot create %s", path);
        goto out;
    }
    close(file);
    world = world_open(path, error);
    if (!world)
        goto out;
    pthread_mutex_lock(&world->mutex);
    if (lock_wait(world, error)) {
        pthread_mutex_unlock(&world->mutex);
        goto out;
    }
    if (pread(world->lock, &world->head, sizeof world->head, 0) != sizeof world->head)
        world->head.generation = 0;
    world->head.requests = world->head.effects = 0;
    world->virtual_time = !strcmp(json_text(state, "time", "virtual"), "virtual");
    if (!world->virtual_time)
        json_object_set_new(state, "epoch_ms", json_integer(real_ms() - json_int(state, "now_ms", 0)));
    world->state = json_incref(state);
    world->now_ms = json_int(state, "now_ms", 0);
    world->changed = true;
    world_settle(world);
    text_clear(&world->lines);
    if (ftruncate(world->log, 0)) {
        error_set_errno(error, ERROR_SYSTEM, "cannot empty %s.log", path);
        world_abandon(world);
        goto out;
    }
    result = world_end(world, error);
out:
    world_close(world);
    json_decref(state);
    return result;
}

/* ---- asking ---- */

int64_t world_wall_ms(const struct world *world)
{
    return json_int(world->state, "epoch_ms", 0) + world->now_ms;
}

int64_t world_setting(const struct world *world, const char *name)
{
    return json_int(json_object_get(world->state, "settings"), name, 0);
}

const char *world_setting_text(const struct world *world, const char *name)
{
    return json_text(json_object_get(world->state, "settings"), name, "");
}
