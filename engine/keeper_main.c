/* The keeper's own side: stand ready, wait for the byte, run the program, record how it ended. A process of
 * its own; nothing here runs in the driver. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "cluster/process.h"
#include "engine/host.h"
#include "engine/keeper.h"
#include "engine/keeper_files.h"

#define LOOK_MS          100           /* for a cancel request */
#define PIPE_BYTES       (1024 * 1024) /* what a pipe can be made to hold without privileges */
#define EXIT_NOT_STARTED 126           /* as shells say it */

/* One of the program's two outputs: from its pipe into a bounded file. */
struct capture {
    int from; /* -1: closed */
    int to;   /* -1: cannot be written any more */
    size_t kept;
    bool truncated;
};

struct minding {
    const char *base;
    json_t *order;
    pid_t child;
    int pidfd;
    struct capture outputs[2];
    int input; /* the program's stdin; -1: done */
    size_t input_sent;
    int64_t cancelled_ms; /* 0: not */
    bool killed;
};

static int64_t steady_ms(void)
{
    return clock_system()->steady_ms(clock_system());
}

/* The program, off the socket; NULL where the driver is gone or says nonsense. */
static json_t *read_order(void)
{
    uint32_t length = 0;
    if (read(KEEPER_PIPE_FD, &length, sizeof length) != sizeof length || length > LIMIT_JSON_BYTES)
        return NULL;
    char *text = memory_new(length + 1);
    size_t have = 0;
    while (have < length) {
        ssize_t now = read(KEEPER_PIPE_FD, text + have, length - have);
        if (now <= 0 && !(now < 0 && errno == EINTR))
            break;
        have += now > 0 ? (size_t)now : 0;
    }
    json_t *order = have == length ? json_read(text, length, length, "the order", NULL) : NULL;
    free(text);
    return order;
}

static bool wait_for_go(void)
{
    char byte = KEEPER_IS_READY;
    if (write(KEEPER_PIPE_FD, &byte, 1) != 1)
        return false;
    ssize_t got;
    do
        got = read(KEEPER_PIPE_FD, &byte, 1);
    while (got < 0 && errno == EINTR);
    return got == 1 && byte == KEEPER_GO;
}

static char **strings_of(const json_t *list)
{
    char **strings = memory_new((json_array_size(list) + 1) * sizeof *strings);
    for (size_t i = 0; i < json_array_size(list); i++)
        strings[i] = (char *)json_string_value(json_array_get(list, i));
    return strings;
}

/* In the child, between fork and exec. It waits until its process is recorded: a program that nobody could
 * find again, were its keeper killed now, could not be stopped either. */
static void become_program(const struct minding *minding, char **arguments, char **environment, int in,
                           int out, int err, int released)
{
    const char *folder = json_text(minding->order, "folder", "/");
    char byte;
    setpgid(0, 0);
    if (read(released, &byte, 1) != 1)
        _exit(127);
    for (int signal_number = 1; signal_number < 32; signal_number++)
        signal(signal_number, SIG_DFL);
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    if (!chdir(folder))
        execve(arguments[0], arguments, environment);
    dprintf(2, "pawl: cannot run %s in %s: %s\n", arguments[0], folder, strerror(errno));
    _exit(127);
}

static int write_child(const struct minding *minding, struct error *error)
{
    json_t *process = host_process(minding->child);
    char *text = json_canonical(process), *name = keeper_file(minding->base, KEEPER_CHILD);
    int result = file_replace(name, text, strlen(text), file_mode_at(name), error);
    free(name);
    free(text);
    json_decref(process);
    return result;
}

static int start_program(struct minding *minding, struct error *error)
{
    int in[2] = {-1, -1}, out[2], err[2], release[2];
    bool has_input = json_object_get(minding->order, "input");
    if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || pipe2(release, O_CLOEXEC) ||
        (has_input && pipe2(in, O_CLOEXEC)))
        return error_set_errno(error, ERROR_SYSTEM, "no pipes");
    if (!has_input)
        in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char **arguments = strings_of(json_object_get(minding->order, "arguments"));
    char **environment = strings_of(json_object_get(minding->order, "environment"));
    fcntl(KEEPER_LOCK_FD, F_SETFD, 0); /* the child holds the lock too, on purpose */
    fcntl(KEEPER_PIPE_FD, F_SETFD, FD_CLOEXEC);
    minding->child = fork();
    if (minding->child < 0)
        error_set_errno(error, ERROR_SYSTEM, "no process");
    if (minding->child == 0) {
        close(release[1]);
        become_program(minding, arguments, environment, in[0], out[1], err[1], release[0]);
    }
    free(arguments);
    free(environment);
    close(in[0]);
    close(out[1]);
    close(err[1]);
    close(release[0]);
    if (minding->child < 0)
        return -1;
    setpgid(minding->child, minding->child);
    minding->pidfd = (int)syscall(SYS_pidfd_open, minding->child, 0);
    minding->outputs[0].from = out[0];
    minding->outputs[1].from = err[0];
    minding->input = in[1];
    for (int i = 0; i < 2; i++)
        fcntl(minding->outputs[i].from, F_SETFL, O_NONBLOCK);
    if (has_input)
        fcntl(minding->input, F_SETFL, O_NONBLOCK);
    int result = write_child(minding, error);
    if (!result && write(release[1], "", 1) != 1)
        result = error_set_errno(error, ERROR_SYSTEM, "it was gone before it ran");
    close(release[1]);
    return result;
}

static void capture_keep(struct capture *capture, const char *bytes, size_t length)
{
    size_t room = capture->to < 0 ? 0 : LIMIT_CAPTURE_BYTES - capture->kept;
    size_t kept = length < room ? length : room;
    if (kept && write(capture->to, bytes, kept) != (ssize_t)kept) {
        close(capture->to); /* a full disk must not stop the program */
        capture->to = -1;
        kept = 0;
    }
    capture->kept += kept;
    capture->truncated = capture->truncated || kept < length;
}

/* Takes what is there; closes at the end. At most what a pipe holds: whoever writes faster than we read must
 * not keep us from all else, nor a grandchild that goes on writing from the end. */
static void capture_read(struct capture *capture)
{
    char bytes[LIMIT_PIECE_BYTES];
    ssize_t length;
    for (size_t taken = 0; capture->from >= 0 && taken < PIPE_BYTES; taken += (size_t)length) {
        do
            length = read(capture->from, bytes, sizeof bytes);
        while (length < 0 && errno == EINTR);
        if (length < 0)
            return;
        if (length == 0) {
            close(capture->from);
            capture->from = -1;
        }
        capture_keep(capture, bytes, (size_t)length);
    }
}

static void feed_input(struct minding *minding)
{
    const json_t *input = json_object_get(minding->order, "input");
    const char *bytes = json_string_value(input);
    size_t left = json_string_length(input) - minding->input_sent;
    ssize_t sent = left ? write(minding->input, bytes + minding->input_sent, left) : 0;
    minding->input_sent += sent > 0 ? (size_t)sent : 0;
    bool again = sent < 0 && (errno == EAGAIN || errno == EINTR);
    if (!again && (sent <= 0 || minding->input_sent == json_string_length(input))) {
        close(minding->input);
        minding->input = -1;
    }
}

static void look_for_cancel(struct minding *minding)
{
    char *name = keeper_file(minding->base, KEEPER_CANCEL);
    bool asked = !access(name, F_OK);
    free(name);
    if (asked && !minding->cancelled_ms) {
        minding->cancelled_ms = steady_ms();
        process_signal(minding->child, SIGTERM);
    } else if (asked && !minding->killed && steady_ms() - minding->cancelled_ms > KEEPER_GRACE_MS) {
        minding->killed = true;
        process_signal(minding->child, SIGKILL);
    }
}

/* Until the program has ended; what grandchildren still hold open is not waited for. */
static int mind_program(struct minding *minding)
{
    for (;;) {
        struct pollfd events[4] = {{minding->pidfd, POLLIN, 0},
                                   {minding->outputs[0].from, POLLIN, 0},
                                   {minding->outputs[1].from, POLLIN, 0},
                                   {minding->input, POLLOUT, 0}};
        poll(events, 4, LOOK_MS);
        for (int i = 0; i < 2; i++)
            if (events[1 + i].revents)
                capture_read(&minding->outputs[i]);
        if (events[3].revents)
            feed_input(minding);
        int status;
        if (waitpid(minding->child, &status, WNOHANG) == minding->child) {
            for (int i = 0; i < 2; i++)
                capture_read(&minding->outputs[i]);
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        }
        look_for_cancel(minding);
    }
}

/* What the exit record speaks of is durable before it: it is believed for ever. */
static void sync_outputs(struct minding *minding)
{
    for (int i = 0; i < 2; i++) {
        struct capture *capture = &minding->outputs[i];
        capture->truncated = capture->truncated || (capture->kept && (capture->to < 0 || fsync(capture->to)));
    }
}

static int write_exit(const struct minding *minding, int exit_status, const struct error *why)
{
    bool truncated = minding->outputs[0].truncated || minding->outputs[1].truncated;
    json_t *record = json_pack("{s:i,s:b,s:b}", "exit", exit_status, "cancelled", minding->cancelled_ms != 0,
                               "truncated", truncated);
    if (why->message[0])
        json_object_set_new(record, "why", json_string(why->message));
    char *text = json_canonical(record), *name = keeper_file(minding->base, KEEPER_EXIT);
    int result = file_replace(name, text, strlen(text), file_mode_at(name), NULL);
    free(name);
    free(text);
    json_decref(record);
    return result;
}

/* Nobody else knows how it ended: a disk that is full for a moment must not make it run again. */
static int record_exit(const struct minding *minding, int exit_status, const struct error *why)
{
    int64_t until_ms = steady_ms() + KEEPER_RECORD_MS;
    int result;
    while ((result = write_exit(minding, exit_status, why)) && steady_ms() < until_ms)
        poll(NULL, 0, LOOK_MS);
    return result;
}

static int open_output(const char *base, enum keeper_file_kind kind)
{
    char *name = keeper_file(base, kind);
    int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file >= 0 && fchmod(file, file_mode_at(name))) {
        close(file);
        file = -1;
    }
    free(name);
    return file;
}

/* The folders were synced by keeper_spawn(). */
static int write_started(const char *base)
{
    char *name = keeper_file(base, KEEPER_STARTED);
    int result = file_replace(name, "", 0, file_mode_at(name), NULL);
    if (result)
        unlink(name); /* nothing will run */
    free(name);
    return result;
}

int keeper_main(int argument_count, char **arguments)
{
    (void)argument_count;
    (void)arguments;
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    umask(077);
    struct minding minding = {.input = -1, .order = read_order()};
    if (!minding.order || chdir("/"))
        return 1;
    minding.base = json_text(minding.order, "base", "");
    if (!wait_for_go()) {
        json_decref(minding.order);
        return 0;
    }
    /* From here on the effect may happen: for a `once` step that is durable first. */
    bool once = json_bool(minding.order, "once", true);
    if (once && write_started(minding.base))
        return 1;
    minding.outputs[0].to = open_output(minding.base, KEEPER_OUT);
    minding.outputs[1].to = open_output(minding.base, KEEPER_ERR);
    struct error why = {0};
    int exit_status = EXIT_NOT_STARTED;
    if (start_program(&minding, &why))
        error_context(&why, "the program could not be started");
    else
        exit_status = mind_program(&minding);
    sync_outputs(&minding);
    int result = record_exit(&minding, exit_status, &why);
    json_decref(minding.order);
    return result ? 1 : 0;
}
