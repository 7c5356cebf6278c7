/* Runs a fuzz target on its kept inputs and its seeds, each in a process of its own with little time.
 *
 *   NAME                 all of them; ends with "N passed, N failed"
 *   NAME FILE…           these files
 *   NAME --seeds FOLDER  writes them as files, for libFuzzer to begin with */
#include <ctype.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "tests/fuzz/target.h"

#define INPUT_BYTES (4 * 1024 * 1024)
#define INPUT_S     20 /* with room for a busy machine and sanitizers */

static int passed, failed;

/* ---- what is done with an input ---- */

static void be_quiet(void)
{
    int nothing = open("/dev/null", O_WRONLY);
    dup2(nothing, STDOUT_FILENO);
}

static void run_input(void *context, const char *name, const void *bytes, size_t length)
{
    (void)context;
    fflush(stdout);
    pid_t pid = fork();
    int status = -1;
    if (pid == 0) {
        alarm(INPUT_S);
        be_quiet();
        void *copy = memory_new(length); /* of exactly that size, for sanitizers */
        if (length)
            memcpy(copy, bytes, length);
        LLVMFuzzerTestOneInput(copy, length);
        free(copy);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
        failed++;
        if (WIFSIGNALED(status))
            printf("%s: %s\n", name,
                   WTERMSIG(status) == SIGALRM ? "takes too long" : strsignal(WTERMSIG(status)));
        else
            printf("%s: status %d\n", name, WEXITSTATUS(status));
    } else {
        passed++;
    }
}

static void write_input(void *context, const char *name, const void *bytes, size_t length)
{
    char *path = string_format("%s/%s", (const char *)context, name);
    struct error error = {0};
    if (file_replace(path, bytes, length, 0600, &error)) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    free(path);
}

/* ---- where inputs come from ---- */

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && !strcmp(text + length - tail, ending);
}

static char *unescape(const char *bytes, size_t *length)
{
    struct text raw = {0};
    for (size_t i = 0; i < *length; i++) {
        unsigned value;
        if (bytes[i] != '\\') {
            text_append(&raw, bytes + i, 1);
        } else if (bytes[i + 1] == 'x' && sscanf(bytes + i + 2, "%2x", &value) == 1) {
            text_append(&raw, (char[]){(char)value}, 1);
            i += 3;
        } else {
            text_append(&raw, "\\", 1);
            i++;
        }
    }
    *length = raw.length;
    return text_take(&raw);
}

static void put_file(fuzz_put *put, void *context, const char *path)
{
    size_t length;
    struct error error = {0};
    char *bytes = file_read(path, INPUT_BYTES, &length, &error);
    if (!bytes) {
        printf("%s\n", error.message);
        failed++;
        return;
    }
    if (ends_with(path, ".escaped")) {
        char *raw = unescape(bytes, &length);
        free(bytes);
        bytes = raw;
    }
    const char *slash = strrchr(path, '/');
    put(context, slash ? slash + 1 : path, bytes, length);
    free(bytes);
}

static void put_lines(fuzz_put *put, void *context, const char *path)
{
    size_t length;
    char *bytes = file_read(path, INPUT_BYTES, &length, NULL), *rest = bytes, *line, name[32];
    for (int number = 1; rest && (line = strsep(&rest, "\n")); number++) {
        snprintf(name, sizeof name, "line-%d", number);
        if (*line)
            put(context, name, line, strlen(line));
    }
    free(bytes);
}

static void put_matching(fuzz_put *put, void *context, const char *pattern,
                         void (*put_one)(fuzz_put *, void *, const char *))
{
    glob_t found;
    if (glob(pattern, 0, NULL, &found))
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        put_one(put, context, found.gl_pathv[i]);
    globfree(&found);
}

static void put_all(fuzz_put *put, void *context)
{
    char *kept = string_format("tests/fuzz/corpus/%s/*", fuzz_target.name);
    put(context, "empty", "", 0);
    put_matching(put, context, kept, put_file);
    for (int i = 0; i < 4 && fuzz_target.files[i]; i++)
        put_matching(put, context, fuzz_target.files[i], put_file);
    for (int i = 0; i < 2 && fuzz_target.lines[i]; i++)
        put_matching(put, context, fuzz_target.lines[i], put_lines);
    if (fuzz_target.generate)
        fuzz_target.generate(put, context);
    free(kept);
}

int main(int argument_count, char **arguments)
{
    memory_use_for_json();
    signal(SIGPIPE, SIG_IGN);
    if (argument_count == 3 && !strcmp(arguments[1], "--seeds")) {
        put_all(write_input, arguments[2]);
        return failed > 0;
    }
    for (int i = 1; i < argument_count; i++)
        put_file(run_input, NULL, arguments[i]);
    if (argument_count == 1)
        put_all(run_input, NULL);
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
