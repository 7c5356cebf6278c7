/* Any bytes in the files that a keeper leaves, and in the record that names them (it comes from the store).
 * Sections: the record, then the files exit, child, started, out, err, cancel; one that is "-" does not
 * exist.
 *
 * An end is believed only where the exit record says one; a record never leads out of the store's folder; a
 * signal never goes to a process that is not the recorded child, or to all. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "engine/host.h"
#include "engine/keeper.h"
#include "engine/keeper_files.h"
#include "tests/fuzz/target.h"

#define BASE "1.a.1.1"

/* In place of libc's: who would get a signal? */
int kill(pid_t pid, int signal_number)
{
    assert(pid < -1 || pid == getpid());
    assert(pid == getpid() || signal_number == SIGTERM || signal_number == SIGKILL);
    return pid == getpid() ? raise(signal_number) : 0;
}

/* Nor by a handle, which is how a process is signalled whose record was checked. */
long syscall(long number, ...)
{
    va_list arguments;
    va_start(arguments, number);
    long first = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_pidfd_open) {
        assert((pid_t)first > 1 && (pid_t)first != getpid());
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    if (number == SYS_pidfd_send_signal)
        return 0;
    errno = ENOSYS;
    return -1;
}

/* This process and init as records, so that bytes can name processes that live. */
static void generate(fuzz_put *put, void *context)
{
    const pid_t pids[] = {getpid(), 1};
    for (int i = 0; i < 2; i++) {
        json_t *process = host_process(pids[i]);
        char *text = json_canonical(process);
        char *input = string_format("{\"base\":\"" BASE "\",\"process\":%s}\n%%\n-\n%%\n%s\n", text, text);
        put(context, i ? "init" : "self", input, strlen(input));
        free(input);
        free(text);
        json_decref(process);
    }
}

const struct fuzz_target fuzz_target = {.name = "keeper", .generate = generate};

static void write_files(const struct sections *sections)
{
    static const char *const names[] = {BASE ".exit", BASE ".child", BASE ".started",
                                        BASE ".out",  BASE ".err",   BASE ".cancel"};
    for (int i = 0; i < 6; i++) {
        const char *text = section_text(sections, i + 1);
        char *path = place_path(names[i]);
        unlink(path);
        free(path);
        if (*text && strncmp(text, "-", 1))
            place_write(names[i], text, sections->lengths[i + 1]);
    }
}

/* The same file may be spelled in other ways, such as ".//1.a.1.1". */
static bool is_base(const char *base)
{
    size_t length = strlen(base), own = strlen(BASE);
    return length >= own && !strcmp(base + length - own, BASE);
}

static void check_child(const struct child *child, const struct sections *sections, const json_t *record)
{
    const char *base = json_text(record, "base", "");
    if (child->state == CHILD_EXITED) {
        json_t *written = json_loadb(section_text(sections, 1), sections->lengths[1], JSON_REJECT_DUPLICATES,
                                     NULL);
        assert(is_base(base) && json_is_integer(json_object_get(written, "exit")));
        assert(child->exit_status == json_integer_value(json_object_get(written, "exit")));
        assert(child->exit_status >= 0 && child->exit_status <= 255);
        json_decref(written);
        assert(child->out && child->err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct sections sections;
    struct child child;
    sections_read(bytes, length, &sections);
    json_t *record = json_loads(section_text(&sections, 0), 0, NULL);
    if (record) {
        write_files(&sections);
        for (int once = 0; once < 2; once++) {
            keeper_look(place_folder(), record, once, &child);
            check_child(&child, &sections, record);
            child_clear(&child);
        }
        keeper_cancel(place_folder(), record, 0);
        keeper_cancel(place_folder(), record, KEEPER_END_MS);
    }
    json_decref(record);
    sections_clear(&sections);
    return 0;
}
