/* Files of shipped jobs: they are real, in a folder in memory; the calls that change one are the rim. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"
#include "simulation/kinds.h"
#include "simulation/shipped.h"
#include "steps/values_file.h"

static char folder[80];
static int temporaries;

void __real_folder_remove(const char *path);
int __real_folder_make(const char *path, mode_t mode, struct error *error);

void shipped_files_remove(void)
{
    if (folder[0])
        __real_folder_remove(folder);
    folder[0] = '\0';
}

static void make(void)
{
    const char *temporary = getenv("TMPDIR");
    struct stat status;
    if (!stat("/dev/shm", &status))
        temporary = "/dev/shm";
    snprintf(folder, sizeof folder, "%.50s/pawl-shipped-XXXXXX",
             temporary && *temporary == '/' ? temporary : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(2);
    }
    atexit(shipped_files_remove);
}

const char *shipped_folder(void)
{
    if (!folder[0])
        make();
    return folder;
}

const char *shipped_path(const char *name)
{
    static char paths[3][160];
    static const char *names[3];
    int at = 0;
    while (names[at] && strcmp(names[at], name))
        at++;
    names[at] = name;
    snprintf(paths[at], sizeof *paths, "%s/history/%s", shipped_folder(), name);
    return paths[at];
}

void shipped_files_begin(const char *values)
{
    struct error error = {0};
    const char *path = shipped_path("");
    __real_folder_remove(path);
    temporaries = 0;
    FILE *file = __real_folder_make(path, 0700, &error) ? NULL : fopen(shipped_path("iomesh.yaml"), "we");
    if (!file || fputs(values, file) < 0 || fclose(file)) {
        perror(path);
        exit(2);
    }
}

char *shipped_values(void)
{
    struct error error = {0};
    char *values = file_read(shipped_path("iomesh.yaml"), LIMIT_VALUES_FILE_BYTES, NULL, &error);
    if (!values)
        violate("the values file is gone: %s", error.message);
    return values ? values : string_copy("");
}

static int dead(struct error *error)
{
    return error_set(error, ERROR_SYSTEM, "dead");
}

/* ---- folders, for host.c ---- */

char *shipped_temporary(const char *name, struct error *error)
{
    if (is_dead()) {
        dead(error);
        return NULL;
    }
    char *path = string_format("%s/history/%s-%d", shipped_folder(), name, ++temporaries);
    if (!__real_folder_make(path, 0700, error))
        return path;
    free(path);
    return NULL;
}

/* ---- writes ---- */

int __real_file_replace(const char *path, const void *bytes, size_t length, mode_t mode, struct error *error);
int __wrap_file_replace(const char *path, const void *bytes, size_t length, mode_t mode, struct error *error);
int __wrap_file_replace(const char *path, const void *bytes, size_t length, mode_t mode, struct error *error)
{
    bool ours = shipped_job() && simulation.current;
    if (ours && rim("file"))
        return dead(error);
    if (ours && outside_trouble(4))
        return error_set(error, ERROR_SYSTEM, "cannot write %s: no space left on device", path);
    return __real_file_replace(path, bytes, length, mode, error);
}

char *__real_values_file_stage(const struct values_file *file, const char *bytes, size_t length,
                               struct error *error);
char *__wrap_values_file_stage(const struct values_file *file, const char *bytes, size_t length,
                               struct error *error);
char *__wrap_values_file_stage(const struct values_file *file, const char *bytes, size_t length,
                               struct error *error)
{
    held_up(chance_time_ms(CHANCE_SCHEDULE, 50));
    if (rim("stage")) {
        dead(error);
        return NULL;
    }
    return __real_values_file_stage(file, bytes, length, error);
}

int __real_values_file_commit(const struct values_file *file, char *staged, struct error *error);
int __wrap_values_file_commit(const struct values_file *file, char *staged, struct error *error);
int __wrap_values_file_commit(const struct values_file *file, char *staged, struct error *error)
{
    int start;
    held_up(chance_time_ms(CHANCE_SCHEDULE, 50));
    bool fails = outside_trouble(40), before = chance_percent(CHANCE_WORLD, 50);
    if (rim("write") || (fails && before)) {
        free(staged); /* the file stays, as after a crash */
        return error_set(error, ERROR_SYSTEM, "cannot replace %s: no space left on device", file->path);
    }
    const char *key = judge_key_in_hand(simulation.current->run, &start);
    judge_begins(key, "file", start);
    int result = __real_values_file_commit(file, staged, error);
    if (result)
        return result;
    judge_effect(key, "file", false);
    shipped_judge_file();
    if (rim("written"))
        return dead(error);
    return fails ? error_set(error, ERROR_SYSTEM, "cannot sync the folder of %s", file->path) : 0;
}
