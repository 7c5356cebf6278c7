/* Power loss at every sync point of a recorded run.
 *
 *     losses BEFORE RECORD AFTER OUT SCRATCH SEED SUBSETS
 *
 * BEFORE and AFTER are the case's folder as it was and as it is, RECORD what recorder.c wrote between. At
 * each sync the calls that are pending are lost: all, none, each alone, each torn at each sector, every
 * prefix, and SUBSETS seeded subsets, torn at random. Each disk that this can leave is checked (promises.h);
 * of those that go on alike one, chosen by the seed, is written to OUT/1, OUT/2, … for a resume. Prints one
 * line of JSON, and the broken promises. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "disk.h"
#include "promises.h"

#define BROKEN_SHOWN 10

struct losses {
    struct disk *disk;
    struct history history;
    const char *out;
    int subsets;
    uint64_t random;
    int acknowledged, sync_points;
    const struct call *latest_sync;
    struct view *whole;
    long states, broken;
    struct alike {
        struct digest key;
        long seen;
    } * alike;
    int alike_count, alike_room;
};

static uint64_t draw(struct losses *losses, uint64_t limit)
{
    uint64_t z = losses->random += 0x9E3779B97F4A7C15ULL; /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return (z ^ (z >> 31)) % limit;
}

/* ---- one state ---- */

static void keep(struct losses *losses, const struct view *view, int number)
{
    char *folder = string_format("%s/%d", losses->out, number);
    folder_remove(folder);
    if (mkdir(folder, 0700))
        err(2, "%s", folder);
    view_write(view, folder);
    free(folder);
}

/* Of all states with this key each has the same chance to be the one that is kept. */
static void sort_in(struct losses *losses, const struct view *view, const struct digest *key)
{
    int i = 0;
    while (i < losses->alike_count && memcmp(&losses->alike[i].key, key, sizeof *key))
        i++;
    if (i == losses->alike_count) {
        if (i == losses->alike_room)
            losses->alike = realloc(losses->alike,
                                    (size_t)(losses->alike_room += 256) * sizeof *losses->alike);
        losses->alike[losses->alike_count++] = (struct alike){.key = *key};
    }
    if (draw(losses, (uint64_t)++losses->alike[i].seen) == 0)
        keep(losses, view, i + 1);
}

static void say_broken(struct losses *losses, const char *what, const char *why)
{
    if (losses->broken++ < BROKEN_SHOWN)
        printf("BROKEN at sync point %d (%s): %s\n", losses->sync_points, what, why);
}

static void lose(struct losses *losses, const struct fate *fates, const char *what)
{
    char why[WHY_BYTES] = "";
    struct digest key;
    struct view *view = view_new(losses->disk, fates);
    losses->states++;
    if (promises_check(view, losses->whole, &losses->history, losses->acknowledged, &key, why))
        say_broken(losses, what, why);
    else
        sort_in(losses, view, &key);
    view_free(view);
}

/* ---- which states ---- */

static void fill(struct fate *fates, int from, int to, struct fate fate)
{
    for (int i = from; i < to; i++)
        fates[i] = fate;
}

static void lose_all_or_none(struct losses *losses, struct fate *fates)
{
    int count = losses->disk->pending_count;
    fill(fates, 0, count, FATE_DONE);
    lose(losses, fates, "nothing lost");
    fill(fates, 0, count, FATE_MISSED);
    lose(losses, fates, "all lost");
}

static void lose_each(struct losses *losses, struct fate *fates)
{
    char what[64];
    for (int i = 0; i < losses->disk->pending_count; i++) {
        fill(fates, 0, losses->disk->pending_count, FATE_DONE);
        fates[i] = FATE_MISSED;
        snprintf(what, sizeof what, "call %d of %d lost", i, losses->disk->pending_count);
        lose(losses, fates, what);
    }
}

/* The older ones, that no sync has been for, are all there or all lost. */
static void lose_suffixes(struct losses *losses, struct fate *fates, int fresh)
{
    char what[64];
    int count = losses->disk->pending_count;
    for (int older = 0; older < (fresh ? 2 : 1); older++)
        for (int i = fresh; i < count; i++) {
            fill(fates, 0, fresh, older ? FATE_MISSED : FATE_DONE);
            fill(fates, fresh, i, FATE_DONE);
            fill(fates, i, count, FATE_MISSED);
            snprintf(what, sizeof what, "from call %d of %d on lost", i, count);
            lose(losses, fates, what);
        }
}

static void tear(struct losses *losses, struct fate *fates, int i, int64_t sector)
{
    char what[64];
    int count = losses->disk->pending_count;
    snprintf(what, sizeof what, "call %d of %d torn at %lld", i, count, (long long)sector);
    fill(fates, 0, i, FATE_DONE);
    fates[i] = (struct fate){.to = sector, .from = INT64_MAX};
    fill(fates, i + 1, count, FATE_MISSED);
    lose(losses, fates, what);
    fill(fates, 0, count, FATE_DONE);
    fates[i] = (struct fate){.to = 0, .from = sector};
    lose(losses, fates, what);
}

static void tear_each(struct losses *losses, struct fate *fates, int fresh)
{
    for (int i = fresh; i < losses->disk->pending_count; i++) {
        const struct call *call = losses->disk->pending[i];
        if (call->kind != RECORD_WRITE)
            continue;
        int64_t end = call->at + (int64_t)call->length;
        for (int64_t at = (call->at / SECTOR_BYTES + 1) * SECTOR_BYTES; at < end; at += SECTOR_BYTES)
            tear(losses, fates, i, at);
    }
}

static struct fate draw_fate(struct losses *losses, const struct call *call)
{
    uint64_t choice = draw(losses, 8);
    if (choice < 6 || call->kind != RECORD_WRITE)
        return choice & 1 ? FATE_DONE : FATE_MISSED;
    int64_t sector = (call->at + (int64_t)draw(losses, call->length + 1)) / SECTOR_BYTES * SECTOR_BYTES;
    return choice == 6 ? (struct fate){.to = sector, .from = INT64_MAX}
                       : (struct fate){.to = 0, .from = sector};
}

static void lose_subsets(struct losses *losses, struct fate *fates)
{
    for (int i = 0; i < losses->subsets && losses->disk->pending_count > 1; i++) {
        for (int j = 0; j < losses->disk->pending_count; j++)
            fates[j] = draw_fate(losses, losses->disk->pending[j]);
        lose(losses, fates, "a subset lost");
    }
}

static struct fate *begin_losses(struct losses *losses)
{
    int count = losses->disk->pending_count;
    struct fate *fates = memory_new((size_t)(count + 1) * sizeof *fates);
    fill(fates, 0, count, FATE_DONE);
    losses->whole = view_new(losses->disk, fates);
    return fates;
}

static void end_losses(struct losses *losses, struct fate *fates)
{
    view_free(losses->whole);
    free(fates);
}

static void lose_edges(struct losses *losses)
{
    struct fate *fates = begin_losses(losses);
    lose_all_or_none(losses, fates);
    end_losses(losses, fates);
}

static void lose_at_sync(struct losses *losses, const struct call *sync)
{
    int fresh = 0;
    while (fresh < losses->disk->pending_count && losses->disk->pending[fresh] < losses->latest_sync)
        fresh++;
    struct fate *fates = begin_losses(losses);
    losses->sync_points++;
    lose_all_or_none(losses, fates);
    lose_each(losses, fates);
    lose_suffixes(losses, fates, fresh);
    tear_each(losses, fates, fresh);
    lose_subsets(losses, fates);
    end_losses(losses, fates);
    losses->latest_sync = sync;
}

/* Something has just happened in the world. */
static bool is_effect(const struct call *call)
{
    return call->kind == RECORD_WRITE &&
           (!strcmp(call->name, "marks") ||
            (!strcmp(call->name, "sim.json.log") && memmem(call->bytes, call->length, "\"effect\":", 9)));
}

static void lose_everywhere(struct losses *losses, struct call *calls, int count)
{
    losses->latest_sync = calls;
    for (int i = 0; i < count; i++) {
        if (call_is_sync(&calls[i]))
            lose_at_sync(losses, &calls[i]);
        disk_call(losses->disk, &calls[i]);
        losses->acknowledged += calls[i].kind == RECORD_COMMIT;
        if (call_is_sync(&calls[i]) || is_effect(&calls[i]))
            lose_edges(losses);
    }
    lose_edges(losses);
}

/* ---- what was, without any loss ---- */

static void remember(struct history *history, const struct view *view, const struct call *call)
{
    char why[WHY_BYTES] = "";
    if (call->kind == RECORD_COMMIT && store_rows(view, &history->snapshots[++history->commits], why))
        errx(2, "the recorded run itself: %s", why);
    const struct content *values = view_content(view, "iomesh.yaml");
    if (values && (call->kind == RECORD_RENAME || !history->values_count))
        history->values[history->values_count++] = digest_of(values->bytes, values->length);
}

static struct history history_of(const char *before, struct call *calls, int count)
{
    struct disk *disk = disk_read(before);
    struct history history = {.snapshots = memory_new((size_t)(count + 1) * sizeof(struct digest)),
                              .values = memory_new((size_t)(count + 1) * sizeof(struct digest))};
    for (int i = 0; i < count; i++) {
        disk_call(disk, &calls[i]);
        if (i && calls[i].kind != RECORD_COMMIT && calls[i].kind != RECORD_RENAME)
            continue;
        struct fate *fates = memory_new((size_t)(disk->pending_count + 1) * sizeof *fates);
        fill(fates, 0, disk->pending_count, FATE_DONE);
        struct view *view = view_new(disk, fates);
        remember(&history, view, &calls[i]);
        view_free(view);
        free(fates);
    }
    return history;
}

/* ---- is the record whole? ---- */

static bool is_recorded(const char *name)
{
    const char *dot = strrchr(name, '.');
    return !dot || (strcmp(dot, ".db-shm") != 0 && strcmp(dot, ".lock") != 0);
}

/* Every file of the one is in the other, with the same bytes. */
static void compare_views(const struct view *one, const struct view *other, const char *what)
{
    for (int i = 0; i < one->names.count; i++) {
        const char *name = one->names.entries[i].name;
        const struct content *content = view_content(one, name), *found = view_content(other, name);
        if (!content || !is_recorded(name))
            continue;
        if (!found || found->length != content->length ||
            (content->length && memcmp(found->bytes, content->bytes, content->length) != 0))
            errx(2, "%s: %s differs or is missing: the recorder has overlooked something", what, name);
    }
}

/* Played to its end without any loss, the record gives what is there: or the recorder does not know some
 * call. */
static void check_record(struct losses *losses, const char *after)
{
    struct disk *real = disk_read(after);
    struct fate *fates = begin_losses(losses);
    struct view *now = view_new(real, NULL);
    compare_views(losses->whole, now, "the record");
    compare_views(now, losses->whole, "the disk");
    view_free(now);
    end_losses(losses, fates);
}

int main(int argument_count, char **arguments)
{
    if (argument_count != 8)
        errx(2, "usage: losses BEFORE RECORD AFTER OUT SCRATCH SEED SUBSETS");
    int count;
    struct call *calls = record_read(arguments[2], &count);
    struct losses losses = {
        .out = arguments[4], .random = strtoull(arguments[6], NULL, 10), .subsets = atoi(arguments[7])};
    promises_begin(arguments[5], losses.random);
    losses.history = history_of(arguments[1], calls, count);
    losses.disk = disk_read(arguments[1]);
    lose_everywhere(&losses, calls, count);
    check_record(&losses, arguments[3]);
    printf("{\"commits\": %d, \"sync_points\": %d, \"states\": %ld, \"opened\": %ld, \"distinct\": %d, "
           "\"broken\": %ld}\n",
           losses.history.commits, losses.sync_points, losses.states, promises_opened(), losses.alike_count,
           losses.broken);
    return 0;
}
