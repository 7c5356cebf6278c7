#include "cluster/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"

#define LOOK_MS 100 /* for whether it is still wanted */

/* One of the two outputs. */
struct pipe_end {
    int descriptor; /* -1: closed */
    size_t limit;
    struct text text;
    size_t dropped;
};

struct running {
    pid_t pid;
    int pidfd;
    struct pipe_end out, err;
    bool is_unwanted;
};

/* The files that it gets from us; -1: none. */
struct given {
    int input, inherited;
};

static int64_t steady_ms(void)
{
    return clock_system()->steady_ms(clock_system());
}

/* ---- starting ---- */

static int file_actions_fill(posix_spawn_file_actions_t *actions, const struct program *program, int out,
                             int err, const struct given *given)
{
    int failed = given->input >= 0 ? posix_spawn_file_actions_adddup2(actions, given->input, 0)
                                   : posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    failed |= posix_spawn_file_actions_adddup2(actions, out, 1);
    failed |= posix_spawn_file_actions_adddup2(actions, err, 2);
    if (given->inherited >= 0)
        failed |= posix_spawn_file_actions_adddup2(actions, given->inherited, PROCESS_INHERITED);
    failed |= posix_spawn_file_actions_addchdir_np(actions, program->folder ? program->folder : "/");
    return failed;
}

/* Default signals, none blocked, a process group of its own: Ctrl-C is for us. */
static void attributes_fill(posix_spawnattr_t *attributes)
{
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setflags(attributes,
                             POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
}

/* Above the numbers that file_actions_fill gives away, so that none is overwritten before it is used. */
static int pipe_make(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC))
        return -1;
    int high = fcntl(ends[1], F_DUPFD_CLOEXEC, 10);
    close(ends[1]);
    ends[1] = high;
    if (high >= 0)
        return 0;
    close(ends[0]);
    return -1;
}

static int start(struct running *running, const struct program *program, const struct given *given,
                 struct error *error)
{
    int out[2], err[2];
    if (pipe_make(out))
        return error_set_errno(error, ERROR_SYSTEM, "cannot make a pipe");
    if (pipe_make(err)) {
        error_set_errno(error, ERROR_SYSTEM, "cannot make a pipe");
        close(out[0]);
        close(out[1]);
        return -1;
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    attributes_fill(&attributes);
    errno = file_actions_fill(&actions, program, out[1], err[1], given) ? ENOMEM : 0;
    if (!errno)
        errno = posix_spawn(&running->pid, program->arguments[0], &actions, &attributes, program->arguments,
                            program->environment);
    int cause = errno;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(out[1]);
    close(err[1]);
    if (cause) {
        close(out[0]);
        close(err[0]);
        errno = cause;
        return error_set_errno(error, ERROR_SYSTEM, "cannot run %s", program->arguments[0]);
    }
    running->out.descriptor = out[0];
    running->err.descriptor = err[0];
    running->pidfd = (int)syscall(SYS_pidfd_open, running->pid, 0);
    return 0;
}

/* ---- minding ---- */

static void pipe_close(struct pipe_end *end)
{
    if (end->descriptor >= 0)
        close(end->descriptor);
    end->descriptor = -1;
}

static void pipe_read(struct pipe_end *end)
{
    char piece[LIMIT_PIECE_BYTES];
    ssize_t length = read(end->descriptor, piece, sizeof piece);
    if (length < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (length <= 0) {
        pipe_close(end);
        return;
    }
    size_t room = end->limit - end->text.length, kept = (size_t)length < room ? (size_t)length : room;
    text_append(&end->text, piece, kept);
    end->dropped += (size_t)length - kept;
}

/* Waits for output or the program's end; true where it has ended. */
static bool look(struct running *running, int64_t wait_ms)
{
    struct pollfd all[] = {{running->out.descriptor, POLLIN, 0},
                           {running->err.descriptor, POLLIN, 0},
                           {running->pidfd, POLLIN, 0}};
    if (poll(all, 3, wait_ms < 0 ? 0 : (int)wait_ms) <= 0)
        return false;
    if (all[0].revents)
        pipe_read(&running->out);
    if (all[1].revents)
        pipe_read(&running->err);
    return all[2].revents && !all[0].revents && !all[1].revents;
}

/* Until it has ended and both pipes are empty; false where its time is over. */
static bool mind(struct running *running, const struct process_limits *limits)
{
    int64_t until = steady_ms() + limits->time_ms;
    for (;;) {
        if (limits->is_unwanted && !running->is_unwanted && limits->is_unwanted(limits->context)) {
            int64_t sooner = steady_ms() + limits->unwanted_ms;
            running->is_unwanted = true;
            until = sooner < until ? sooner : until;
        }
        int64_t left_ms = until - steady_ms();
        if (look(running, limits->is_unwanted && left_ms > LOOK_MS ? LOOK_MS : left_ms))
            return true;
        if (running->out.dropped || steady_ms() >= until)
            return false;
    }
}

static int refuse(const struct running *running, const struct program *program,
                  const struct process_limits *limits, struct error *error)
{
    const char *name = program->arguments[0];
    if (running->out.dropped)
        return error_set(error, ERROR_LIMIT, "%s writes more than %zu bytes", name, limits->out_bytes);
    if (running->is_unwanted)
        return error_set(error, ERROR_TIMEOUT, "%s had not ended when its step was to stop", name);
    return error_set(error, ERROR_TIMEOUT, "%s did not end in %lld s", name,
                     ((long long)limits->time_ms + 999) / 1000);
}

/* The pid is ours until we wait for it, so a signal cannot hit another. */
void process_signal(pid_t child, int signal)
{
    bool leads = getpgid(child) == child;
    kill(-child, signal);
    if (!leads || signal == SIGKILL)
        kill(child, signal);
}

static void end(struct running *running)
{
    process_signal(running->pid, SIGTERM);
    running->out.dropped = 0;
    running->out.limit = running->out.text.length; /* nothing more is kept */
    int64_t until = steady_ms() + PROCESS_GRACE_MS;
    while (!look(running, until - steady_ms()))
        if (steady_ms() >= until)
            break;
    process_signal(running->pid, SIGKILL);
}

static int status_of(struct running *running)
{
    int status = 0;
    while (waitpid(running->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void output_take(struct running *running, struct program_output *out)
{
    if (running->err.dropped)
        text_format(&running->err.text, "\n[pawl: %zu more bytes]\n", running->err.dropped);
    out->out_length = running->out.text.length;
    out->out = text_take(&running->out.text);
    out->err = text_take(&running->err.text);
}

static int run(const struct program *program, const struct given *given, const struct process_limits *limits,
               struct program_output *out, struct error *error)
{
    struct running running = {.out = {.limit = limits->out_bytes}, .err = {.limit = limits->err_bytes}};
    int result = 0;
    *out = (struct program_output){0};
    if (start(&running, program, given, error))
        return -1;
    if (!mind(&running, limits)) {
        result = refuse(&running, program, limits, error);
        end(&running);
    }
    out->exit_status = status_of(&running);
    pipe_close(&running.out);
    pipe_close(&running.err);
    if (running.pidfd >= 0)
        close(running.pidfd);
    output_take(&running, out);
    return result;
}

int process_run(const struct program *program, int inherited, const struct process_limits *limits,
                struct program_output *out, struct error *error)
{
    const struct given given = {.input = -1, .inherited = inherited};
    return run(program, &given, limits, out, error);
}

/* In memory, above the numbers that file_actions_fill gives away: the input may be a secret. */
static int input_make(const char *input, struct error *error)
{
    size_t length = strlen(input), written = 0;
    int low = memfd_create("stdin", MFD_CLOEXEC), file = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 10);
    if (low >= 0)
        close(low);
    while (file >= 0 && written < length) {
        ssize_t more = write(file, input + written, length - written);
        if (more < 0 && errno != EINTR)
            break;
        written += more > 0 ? (size_t)more : 0;
    }
    if (file >= 0 && written == length && !lseek(file, 0, SEEK_SET))
        return file;
    error_set_errno(error, ERROR_SYSTEM, "cannot keep a program's input in memory");
    if (file >= 0)
        close(file);
    return -1;
}

int process_run_with_input(const struct program *program, const char *input,
                           const struct process_limits *limits, struct program_output *out,
                           struct error *error)
{
    *out = (struct program_output){0};
    struct given given = {.input = input_make(input, error), .inherited = -1};
    if (given.input < 0)
        return -1;
    int result = run(program, &given, limits, out, error);
    close(given.input);
    return result;
}
