#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "tests/fuzz/target.h"

static char folder[64];
static pid_t owner;

static void fail(const char *what)
{
    perror(what);
    abort();
}

static void remove_place(void)
{
    if (getpid() == owner) /* not a replay's child */
        folder_remove(folder);
}

const char *place_folder(void)
{
    if (owner)
        return folder;
    struct stat status;
    const char *parent = getenv("TMPDIR");
    if (!parent)
        parent = !stat("/dev/shm", &status) && !access("/dev/shm", W_OK) ? "/dev/shm" : "/tmp";
    snprintf(folder, sizeof folder, "%.40s/pawl-fuzz-XXXXXX", parent);
    if (!mkdtemp(folder))
        fail(folder);
    owner = getpid();
    atexit(remove_place);
    return folder;
}

char *place_path(const char *name)
{
    return string_format("%s/%s", place_folder(), name);
}

void place_write(const char *name, const void *bytes, size_t length)
{
    char *path = place_path(name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || descriptor_write(file, bytes, length))
        fail(path);
    close(file);
    free(path);
}

void place_empty(void)
{
    folder_remove(place_folder());
    if (mkdir(folder, 0700))
        fail(folder);
}

void place_pawl(int status, const char *const *arguments)
{
    const char *program = getenv("PAWL") ? getenv("PAWL") : "build/pawl";
    const char *argv[24] = {program};
    for (int i = 0; arguments[i] && i < 22; i++)
        argv[i + 1] = arguments[i];
    char *environment[] = {string_format("PAWL_STORE=%s/seed.db", place_folder()),
                           string_format("PAWL_CLUSTER=sim:%s/sim.json", place_folder()),
                           string_format("PATH=/usr/bin:/bin"), string_format("HOME=%s", place_folder()),
                           NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int left = -1;
    posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_addopen(&actions, i, "/dev/null", O_RDWR, 0);
    if (posix_spawn(&pid, program, &actions, NULL, (char **)argv, environment) ||
        waitpid(pid, &left, 0) != pid)
        fail(program);
    if (!WIFEXITED(left) || WEXITSTATUS(left) != status) {
        fprintf(stderr, "%s %s left with status %d\n", program, arguments[0], WEXITSTATUS(left));
        abort();
    }
    posix_spawn_file_actions_destroy(&actions);
    for (int i = 0; environment[i]; i++)
        free(environment[i]);
}

void sections_read(const uint8_t *bytes, size_t length, struct sections *sections)
{
    *sections = (struct sections){0};
    const char *at = (const char *)bytes, *end = at + length;
    while (at < end && sections->count < SECTIONS_LIMIT) {
        const char *stop = at;
        while (stop < end &&
               !(stop[0] == '%' && (stop == at || stop[-1] == '\n') && (stop + 1 == end || stop[1] == '\n')))
            stop++;
        size_t size = (size_t)(stop - at);
        char *copy = memory_new(size + 1);
        memcpy(copy, at, size);
        sections->texts[sections->count] = copy;
        sections->lengths[sections->count++] = size;
        at = stop + 2;
    }
}

void sections_clear(struct sections *sections)
{
    for (int i = 0; i < sections->count; i++)
        free(sections->texts[i]);
}

const char *section_text(const struct sections *sections, int index)
{
    return index < sections->count ? sections->texts[index] : "";
}
