#include "cli/last_output.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/keeper.h"
#include "engine/keeper_files.h"
#include "jobs/source.h"

#define TAIL_BYTES 4096 /* a longer line has lost its beginning */

/* ---- cleaning ---- */

#define ESCAPE '\033'
#define BELL   '\a'

#define INTERMEDIATES " !\"#$%&'()*+,-./"

/* Bytes of the control sequence at `at`: ESC [ … letter, ESC ] … BELL or ESC \, ESC ( letter, ESC letter. */
static size_t sequence_length(const char *at)
{
    size_t length = 1;
    if (at[1] == ']') {
        while (at[length] && at[length] != BELL && at[length] != ESCAPE)
            length++;
        return length + (at[length] == BELL ? 1 : at[length] == ESCAPE && at[length + 1] == '\\' ? 2 : 0);
    }
    if (at[1] == '[')
        length += 1 + strspn(at + 2, "0123456789:;<=>?");
    length += strspn(at + length, INTERMEDIATES);
    return at[length] ? length + 1 : length;
}

static char *without_control(const char *text)
{
    struct text clean = {0};
    for (size_t length; *text; text += length) {
        long code;
        length = source_character(text, &code);
        if (code == ESCAPE)
            length = sequence_length(text);
        else if (code == '\t')
            text_add(&clean, " ");
        else if (code < 0)
            text_add(&clean, "?");
        else if (!character_deceives((uint32_t)code))
            text_append(&clean, text, length);
    }
    return text_take(&clean);
}

char *last_line_of(const char *text)
{
    size_t end = strlen(text);
    while (end && (text[end - 1] == '\n' || text[end - 1] == '\r'))
        end--;
    size_t begin = end;
    while (begin && text[begin - 1] != '\n' && text[begin - 1] != '\r')
        begin--;
    char *line = string_format("%.*s", (int)(end - begin), text + begin);
    char *clean = without_control(line);
    free(line);
    return clean;
}

/* ---- reading ---- */

/* The end of a file; "" where it cannot be read. */
static char *read_tail(const char *path)
{
    int file = file_open_regular(path, O_NOFOLLOW, NULL);
    char *bytes = memory_new(TAIL_BYTES + 1);
    struct stat status;
    ssize_t length = 0;
    if (file >= 0 && !fstat(file, &status))
        length = pread(file, bytes, TAIL_BYTES,
                       status.st_size > TAIL_BYTES ? status.st_size - TAIL_BYTES : 0);
    if (file >= 0)
        close(file);
    for (ssize_t i = 0; i < length; i++)
        if (!bytes[i])
            bytes[i] = '?';
    return bytes;
}

/* Of the two outputs the one that was written last. */
static char *newest_output(const char *base)
{
    static const enum keeper_file_kind kinds[] = {KEEPER_OUT, KEEPER_ERR};
    char *newest = NULL;
    struct timespec newest_time = {0};
    for (int i = 0; i < 2; i++) {
        char *path = keeper_file(base, kinds[i]);
        struct stat status;
        bool written = !lstat(path, &status) && status.st_size > 0;
        if (written && (!newest || status.st_mtim.tv_sec > newest_time.tv_sec ||
                        (status.st_mtim.tv_sec == newest_time.tv_sec &&
                         status.st_mtim.tv_nsec >= newest_time.tv_nsec))) {
            free(newest);
            newest = string_copy(path);
            newest_time = status.st_mtim;
        }
        free(path);
    }
    return newest;
}

/* Of the start in hand; NULL: it has none. */
static const json_t *keeper_of(const struct run *run)
{
    return run->step < 0 ? NULL : json_object_get(run_act_in_hand(run)->checkpoint, "keeper");
}

bool program_goes_on(const struct run *run, const char *store_folder)
{
    struct child child;
    const json_t *keeper = keeper_of(run);
    if (!keeper)
        return false;
    keeper_look(store_folder, keeper, machine_act_in_hand(run)->effect == EFFECT_ONCE, &child);
    bool runs = child.state == CHILD_RUNNING;
    child_clear(&child);
    return runs;
}

char *last_output(const struct run *run, const char *store_folder)
{
    char *base = program_goes_on(run, store_folder) ? keeper_path(store_folder, keeper_of(run)) : NULL;
    char *path = base ? newest_output(base) : NULL;
    char *tail = path ? read_tail(path) : string_copy("");
    char *line = last_line_of(tail);
    free(tail);
    free(path);
    free(base);
    return line;
}
