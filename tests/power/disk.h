/* What a disk holds, and what it could hold after a loss of power.
 *
 * A disk is names (files and folders, relative to the case's folder) and contents. What a program asks for is
 * pending until a sync of that file, or of the folder for names, makes it durable; when the power goes, each
 * pending call has reached the disk, or not, or in part: a write up to a sector's end or from one on. What
 * belongs to the outside world (the simulated cluster, marks) is not lost. Nothing is read from the real disk
 * but the contents at the beginning. */
#ifndef PAWL_TESTS_POWER_DISK_H
#define PAWL_TESTS_POWER_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

#define SECTOR_BYTES 512

/* One call of the record; names and bytes point into it. */
struct call {
    enum record_kind kind;
    uint64_t file;
    int64_t at;
    size_t length;
    const unsigned char *bytes;
    char *name, *other;
    int content; /* which one the file is; -1: none */
};

struct content {
    unsigned char *bytes; /* as durable */
    size_t length, room;
};

struct entry {
    char *name;
    int content; /* -1: a folder */
};

struct names {
    struct entry *entries;
    int count, room;
};

struct disk {
    struct names durable, live; /* live: as a running program sees it */
    struct content *contents;
    int content_count, content_room;
    struct known_file {
        uint64_t file;
        int content;
    } * files;
    int file_count, file_room;
    struct call **pending; /* in the order of the calls */
    int pending_count, pending_room;
};

/* How much of a pending call has reached the disk: bytes before `to` and from `from` on. */
struct fate {
    int64_t to, from;
};
#define FATE_DONE   ((struct fate){INT64_MAX, INT64_MAX})
#define FATE_MISSED ((struct fate){0, INT64_MAX})

/* A disk after a loss: contents that differ from the durable ones are copies. */
struct view {
    const struct disk *disk;
    struct names names;
    struct content *copies; /* by content; bytes NULL: as durable */
};

/* Reads a whole record; *out_count calls, which live as long as the program. */
struct call *record_read(const char *path, int *out_count);

/* The disk as it is in a real folder. */
struct disk *disk_read(const char *folder);
/* The next call of the record: pending, durable at once (the world's), or a sync that makes others durable.
 */
void disk_call(struct disk *disk, struct call *call);
bool call_is_sync(const struct call *call);

/* What is there after a loss that leaves fates[i] of the i-th pending call. view_free() it. */
struct view *view_new(const struct disk *disk, const struct fate *fates);
void view_free(struct view *view);
/* NULL: no such file, or none that can be reached. */
const struct content *view_content(const struct view *view, const char *name);
bool view_has(const struct view *view, const struct entry *entry);
/* Writes all of it into an empty folder. */
void view_write(const struct view *view, const char *folder);

#endif
