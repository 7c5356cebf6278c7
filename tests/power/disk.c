#include "disk.h"

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

/* ---- small arrays ---- */

static void *more_room(void *items, int count, int *room, size_t size)
{
    if (count < *room)
        return items;
    *room = *room ? *room * 2 : 64;
    items = realloc(items, (size_t)*room * size);
    if (!items)
        err(2, "out of memory");
    return items;
}

static void names_put(struct names *names, const char *name, int content)
{
    for (int i = 0; i < names->count; i++)
        if (!strcmp(names->entries[i].name, name)) {
            names->entries[i].content = content;
            return;
        }
    names->entries = more_room(names->entries, names->count, &names->room, sizeof *names->entries);
    names->entries[names->count++] = (struct entry){string_copy(name), content};
}

static const struct entry *names_find(const struct names *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (!strcmp(names->entries[i].name, name))
            return &names->entries[i];
    return NULL;
}

static void names_remove(struct names *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (!strcmp(names->entries[i].name, name)) {
            free(names->entries[i].name);
            names->entries[i] = names->entries[--names->count];
            return;
        }
}

static void names_copy(struct names *to, const struct names *from)
{
    *to = (struct names){0};
    for (int i = 0; i < from->count; i++)
        names_put(to, from->entries[i].name, from->entries[i].content);
}

static void names_clear(struct names *names)
{
    for (int i = 0; i < names->count; i++)
        free(names->entries[i].name);
    free(names->entries);
    *names = (struct names){0};
}

/* ---- contents ---- */

static void content_extend(struct content *content, size_t length)
{
    if (length > content->room) {
        content->room = length * 2;
        content->bytes = realloc(content->bytes, content->room);
        if (!content->bytes)
            err(2, "out of memory");
    }
    if (length > content->length)
        memset(content->bytes + content->length, 0, length - content->length);
    content->length = length;
}

static void content_write(struct content *content, const struct call *call, int64_t begin, int64_t end)
{
    if (begin >= end)
        return;
    if ((size_t)end > content->length)
        content_extend(content, (size_t)end);
    memcpy(content->bytes + begin, call->bytes + (begin - call->at), (size_t)(end - begin));
}

static int64_t smaller(int64_t one, int64_t other)
{
    return one < other ? one : other;
}

static void content_apply(struct content *content, const struct call *call, struct fate fate)
{
    int64_t end = call->at + (int64_t)call->length;
    if (call->kind == RECORD_TRUNCATE && fate.to > 0) {
        if ((size_t)call->at > content->length)
            content_extend(content, (size_t)call->at);
        content->length = (size_t)call->at;
    } else if (call->kind == RECORD_WRITE) {
        content_write(content, call, call->at, smaller(end, fate.to));
        content_write(content, call, fate.from > call->at ? fate.from : call->at, end);
    }
}

static int content_new(struct disk *disk)
{
    disk->contents = more_room(disk->contents, disk->content_count, &disk->content_room,
                               sizeof *disk->contents);
    disk->contents[disk->content_count] = (struct content){0};
    return disk->content_count++;
}

/* ---- the record ---- */

struct call *record_read(const char *path, int *out_count)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC), room = 0, count = 0;
    if (file < 0 || fstat(file, &status) || !status.st_size)
        err(2, "%s", path);
    const unsigned char *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (at == MAP_FAILED)
        err(2, "%s", path);
    close(file);
    struct call *calls = NULL;
    for (const unsigned char *end = at + status.st_size; at < end;) {
        struct record_head head;
        memcpy(&head, at, sizeof head);
        at += sizeof head;
        struct call call = {.kind = (enum record_kind)head.kind,
                            .file = head.file,
                            .at = head.at,
                            .length = head.length,
                            .content = -1};
        call.name = string_format("%.*s", (int)head.name, (const char *)at);
        call.other = string_format("%.*s", (int)head.other, (const char *)at + head.name);
        call.bytes = at + head.name + head.other;
        at = call.bytes + head.length;
        calls = more_room(calls, count, &room, sizeof *calls);
        calls[count++] = call;
    }
    *out_count = count;
    return calls;
}

bool call_is_sync(const struct call *call)
{
    return call->kind == RECORD_SYNC || call->kind == RECORD_SYNC_FOLDER;
}

static bool call_is_of_names(const struct call *call)
{
    return call->kind == RECORD_CREATE || call->kind == RECORD_FOLDER || call->kind == RECORD_RENAME ||
           call->kind == RECORD_REMOVE || call->kind == RECORD_EXCHANGE;
}

/* What no loss of power on this host touches. */
static bool is_of_the_world(const char *name)
{
    return !strncmp(name, "sim.json", 8) || !strcmp(name, "marks");
}

/* ---- the beginning ---- */

static struct disk *reading;
static size_t reading_root;

static int read_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)walk;
    const char *name = path + reading_root;
    if (type == FTW_D && !*name)
        return 0;
    int content = type == FTW_D ? -1 : content_new(reading);
    if (type == FTW_F) {
        struct content *it = &reading->contents[content];
        int file = open(path, O_RDONLY | O_CLOEXEC);
        content_extend(it, (size_t)status->st_size);
        if (file < 0 || read(file, it->bytes, it->length) != (ssize_t)it->length)
            err(2, "%s", path);
        close(file);
    }
    names_put(&reading->durable, name + 1, content);
    return 0;
}

struct disk *disk_read(const char *folder)
{
    reading = memory_new(sizeof *reading);
    reading_root = strlen(folder);
    if (nftw(folder, read_one, 8, FTW_PHYS))
        err(2, "%s", folder);
    names_copy(&reading->live, &reading->durable);
    return reading;
}

/* ---- calls ---- */

static int file_of(const struct disk *disk, uint64_t file)
{
    for (int i = disk->file_count - 1; i >= 0; i--) /* a number may be used again: the newest counts */
        if (disk->files[i].file == file)
            return disk->files[i].content;
    return -1;
}

static void know_file(struct disk *disk, uint64_t file, int content)
{
    disk->files = more_room(disk->files, disk->file_count, &disk->file_room, sizeof *disk->files);
    disk->files[disk->file_count++] = (struct known_file){file, content};
}

static void find_content(struct disk *disk, struct call *call)
{
    if (call->kind == RECORD_CREATE) {
        call->content = content_new(disk);
        know_file(disk, call->file, call->content);
        return;
    }
    const struct entry *entry = call->file ? NULL : names_find(&disk->live, call->name);
    call->content = call->file ? file_of(disk, call->file) : entry ? entry->content : -1;
    if (call->file && call->content < 0 && (entry = names_find(&disk->live, call->name))) {
        call->content = entry->content; /* it was there at the beginning */
        know_file(disk, call->file, call->content);
    }
}

/* `content` of a rename is what was renamed, also where the name itself has not reached the disk. */
static void names_apply(struct names *names, const struct call *call)
{
    const struct entry *one, *other;
    switch (call->kind) {
    case RECORD_CREATE:
        names_put(names, call->name, call->content);
        break;
    case RECORD_FOLDER:
        names_put(names, call->name, -1);
        break;
    case RECORD_REMOVE:
        names_remove(names, call->name);
        break;
    case RECORD_RENAME:
        names_remove(names, call->name);
        names_put(names, call->other, call->content);
        break;
    case RECORD_EXCHANGE:
        one = names_find(names, call->name);
        other = names_find(names, call->other);
        if (one && other) {
            int content = one->content;
            names_put(names, call->name, other->content);
            names_put(names, call->other, content);
        }
        break;
    default:
        break;
    }
}

static bool is_in_folder(const char *name, const char *folder)
{
    const char *slash = strrchr(name, '/');
    size_t length = slash ? (size_t)(slash - name) : 0;
    return strlen(folder) == length && !strncmp(name, folder, length);
}

static bool is_covered(const struct call *call, const struct call *sync)
{
    if (sync->kind == RECORD_SYNC)
        return !call_is_of_names(call) && call->content == sync->content;
    return call_is_of_names(call) && (is_in_folder(call->name, sync->name) ||
                                      (call->kind == RECORD_RENAME && is_in_folder(call->other, sync->name)));
}

static void make_durable(struct disk *disk, const struct call *call)
{
    if (call_is_of_names(call))
        names_apply(&disk->durable, call);
    else if (call->content >= 0)
        content_apply(&disk->contents[call->content], call, FATE_DONE);
}

static void sync_pending(struct disk *disk, const struct call *sync)
{
    int kept = 0;
    for (int i = 0; i < disk->pending_count; i++)
        if (is_covered(disk->pending[i], sync))
            make_durable(disk, disk->pending[i]);
        else
            disk->pending[kept++] = disk->pending[i];
    disk->pending_count = kept;
}

void disk_call(struct disk *disk, struct call *call)
{
    find_content(disk, call);
    if (call->kind == RECORD_COMMIT)
        return;
    if (call_is_sync(call)) {
        sync_pending(disk, call);
        return;
    }
    names_apply(&disk->live, call);
    if (is_of_the_world(call->name)) {
        make_durable(disk, call);
        return;
    }
    disk->pending = more_room(disk->pending, disk->pending_count, &disk->pending_room, sizeof *disk->pending);
    disk->pending[disk->pending_count++] = call;
}

/* ---- after a loss ---- */

static struct content *view_own(struct view *view, int content)
{
    const struct content *durable = &view->disk->contents[content];
    struct content *copy = &view->copies[content];
    if (!copy->bytes) {
        copy->room = durable->length + 65536;
        copy->bytes = memory_new(copy->room);
        memcpy(copy->bytes, durable->bytes ? durable->bytes : copy->bytes, durable->length);
        copy->length = durable->length;
    }
    return copy;
}

struct view *view_new(const struct disk *disk, const struct fate *fates)
{
    struct view *view = memory_new(sizeof *view);
    view->disk = disk;
    view->copies = memory_new((size_t)(disk->content_count + 1) * sizeof *view->copies);
    names_copy(&view->names, &disk->durable);
    for (int i = 0; i < disk->pending_count; i++) {
        const struct call *call = disk->pending[i];
        if (!fates[i].to && fates[i].from == INT64_MAX)
            continue;
        if (call_is_of_names(call))
            names_apply(&view->names, call);
        else if (call->content >= 0)
            content_apply(view_own(view, call->content), call, fates[i]);
    }
    return view;
}

void view_free(struct view *view)
{
    for (int i = 0; i < view->disk->content_count; i++)
        free(view->copies[i].bytes);
    free(view->copies);
    names_clear(&view->names);
    free(view);
}

bool view_has(const struct view *view, const struct entry *entry)
{
    char folder[512];
    snprintf(folder, sizeof folder, "%s", entry->name);
    for (char *slash; (slash = strrchr(folder, '/'));) {
        *slash = '\0';
        if (!names_find(&view->names, folder))
            return false;
    }
    return true;
}

static const struct content *content_of(const struct view *view, const struct entry *entry)
{
    return view->copies[entry->content].bytes ? &view->copies[entry->content]
                                              : &view->disk->contents[entry->content];
}

const struct content *view_content(const struct view *view, const char *name)
{
    const struct entry *entry = names_find(&view->names, name);
    return entry && entry->content >= 0 && view_has(view, entry) ? content_of(view, entry) : NULL;
}

static void make_parents(const char *path, size_t root)
{
    char partial[1024];
    snprintf(partial, sizeof partial, "%s", path);
    for (char *slash = partial + root + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(partial, 0700);
        *slash = '/';
    }
}

void view_write(const struct view *view, const char *folder)
{
    for (int i = 0; i < view->names.count; i++) {
        const struct entry *entry = &view->names.entries[i];
        if (!view_has(view, entry))
            continue;
        char *path = string_format("%s/%s", folder, entry->name);
        make_parents(path, strlen(folder));
        if (entry->content < 0) {
            mkdir(path, 0700);
        } else {
            const struct content *content = content_of(view, entry);
            int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
            if (file < 0 || write(file, content->bytes, content->length) != (ssize_t)content->length)
                err(2, "%s", path);
            close(file);
        }
        free(path);
    }
}
