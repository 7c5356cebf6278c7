/* The driver's side of a keeper: spawn, go, look, cancel. The keeper's own side is keeper_main.c. */
#include "engine/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "engine/host.h"
#include "engine/keeper_files.h"
#include "engine/lock_holders.h"

static json_t *list_json(char **texts)
{
    json_t *list = json_array();
    for (; texts && *texts; texts++)
        json_array_append_new(list, json_stringn_nocheck(*texts, strlen(*texts)));
    return list;
}

/* The program goes over the socket and nowhere else: its environment may hold secrets. */
static char *order_text(const char *path, const struct program *program, const char *input, bool once)
{
    json_t *order = json_pack("{s:s,s:o,s:o,s:s,s:b}", "base", path, "arguments",
                              list_json(program->arguments), "environment", list_json(program->environment),
                              "folder", program->folder ? program->folder : "/", "once", once);
    if (input)
        json_object_set_new(order, "input", json_string_nocheck(input));
    char *text = json_canonical(order);
    json_decref(order);
    return text;
}

static int send_order(int to, const char *text, struct error *error)
{
    uint32_t length = (uint32_t)strlen(text);
    struct {
        const void *bytes;
        size_t length;
    } parts[] = {{&length, sizeof length}, {text, length}};
    for (int i = 0; i < 2; i++)
        for (size_t sent = 0; sent < parts[i].length;) {
            ssize_t now = send(to, (const char *)parts[i].bytes + sent, parts[i].length - sent, MSG_NOSIGNAL);
            if (now < 0 && errno != EINTR)
                return error_set_errno(error, ERROR_SYSTEM, "cannot tell the keeper its program");
            sent += now > 0 ? (size_t)now : 0;
        }
    struct pollfd ready = {.fd = to, .events = POLLIN};
    char answer = 0;
    int answers = poll(&ready, 1, KEEPER_READY_MS);
    if (answers < 0)
        return error_set_errno(error, ERROR_SYSTEM, "cannot wait for the keeper");
    if (!answers)
        return error_set(error, ERROR_SYSTEM, "the keeper did not get ready within %d s",
                         KEEPER_READY_MS / 1000);
    if (read(to, &answer, 1) != 1 || answer != KEEPER_IS_READY)
        return error_set(error, ERROR_SYSTEM, "the keeper ended before it was ready");
    return 0;
}

#define ENVIRONMENT_MOST (1 + HOST_STAND_INS + 1)

/* A stated minimum; the stand-ins for the host's ids are there for tests of reboots and of other hosts. To be
 * free()d but for the list itself. */
static void fill_environment(char *environment[ENVIRONMENT_MOST])
{
    int count = 0;
    environment[count++] = string_copy("PATH=/usr/bin:/bin");
    for (int i = 0; i < HOST_STAND_INS; i++) {
        const char *value = getenv(host_stand_ins[i]);
        if (value)
            environment[count++] = string_format("%s=%s", host_stand_ins[i], value);
    }
    environment[count] = NULL;
}

/* In the child, between fork and exec: only what is safe there. */
static void become_keeper(int lock, int pipe, char **environment)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    int nothing = open("/dev/null", O_RDWR);
    int high_lock = fcntl(lock, F_DUPFD, 10), high_pipe = fcntl(pipe, F_DUPFD, 10);
    for (int i = 0; i < 3; i++)
        dup2(nothing, i);
    if (dup2(high_lock, KEEPER_LOCK_FD) < 0 || dup2(high_pipe, KEEPER_PIPE_FD) < 0)
        _exit(127);
    close_range(KEEPER_PIPE_FD + 1, ~0U, 0);
    char *const arguments[] = {(char *)"pawl", (char *)"keeper", NULL};
    execve("/proc/self/exe", arguments, environment);
    _exit(127);
}

/* Ours that have not been reaped; bodies spawn them on several threads. */
static struct {
    pthread_mutex_t mutex;
    pid_t *pids;
    size_t count, capacity;
} children = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void children_add(pid_t pid)
{
    pthread_mutex_lock(&children.mutex);
    if (children.count == children.capacity) {
        children.capacity = children.capacity ? 2 * children.capacity : 8;
        children.pids = memory_resize(children.pids, children.capacity, sizeof *children.pids);
    }
    children.pids[children.count++] = pid;
    pthread_mutex_unlock(&children.mutex);
}

void keeper_reap(void)
{
    size_t left = 0;
    pthread_mutex_lock(&children.mutex);
    for (size_t i = 0; i < children.count; i++)
        if (!waitpid(children.pids[i], NULL, WNOHANG))
            children.pids[left++] = children.pids[i];
    children.count = left;
    pthread_mutex_unlock(&children.mutex);
}

static pid_t fork_keeper(int lock, int sockets[2], struct error *error)
{
    char *environment[ENVIRONMENT_MOST];
    fill_environment(environment);
    pid_t pid = fork();
    if (pid < 0)
        error_set_errno(error, ERROR_SYSTEM, "cannot start a keeper");
    if (pid == 0)
        become_keeper(lock, sockets[1], environment);
    if (pid > 0)
        children_add(pid);
    for (char **text = environment; *text; text++)
        free(*text);
    return pid;
}

/* Each start's files have a name that no other start has had: beside an older copy of the store that was put
 * back, or where a store was removed and its folder was not, the files of another start may lie. */
static char *new_base(const char *base, struct error *error)
{
    uint64_t nonce;
    if (getrandom(&nonce, sizeof nonce, 0) == sizeof nonce)
        return string_format("%s-%016llx", base, (unsigned long long)nonce);
    error_set_errno(error, ERROR_SYSTEM, "no random bits");
    return NULL;
}

/* That the keeper was there must not be lost where its start is remembered: nor its folders, the run's in the
 * store's, and that one beside the store. */
static int sync_folders(const char *path, struct error *error)
{
    char *folder = string_copy(path), *slash;
    int result = 0;
    for (int i = 0; i < 3 && !result && (slash = strrchr(folder, '/')) && slash != folder; i++) {
        *slash = '\0';
        result = folder_sync(folder, error);
    }
    free(folder);
    return result;
}

struct keeper *keeper_spawn(const char *folder, const char *start, const struct program *program,
                            const char *input, bool once, struct error *error)
{
    char *base = new_base(start, error);
    if (!base)
        return NULL;
    char *path = string_format("%s/%s", folder, base);
    char *lock_path = keeper_file(path, KEEPER_LOCK);
    char *order = order_text(path, program, input, once);
    struct keeper *keeper = NULL;
    int sockets[2] = {-1, -1};
    int lock = lock_take(lock_path, file_mode_at(lock_path), error);
    if (lock < 0 || (once && sync_folders(path, error)))
        goto out;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets)) {
        error_set_errno(error, ERROR_SYSTEM, "cannot talk to a keeper");
        goto out;
    }
    pid_t pid = fork_keeper(lock, sockets, error);
    if (pid < 0)
        goto out;
    close(sockets[1]);
    sockets[1] = -1;
    if (send_order(sockets[0], order, error)) {
        kill(pid, SIGKILL);
        goto out;
    }
    keeper = memory_new(sizeof *keeper);
    keeper->pipe = sockets[0];
    keeper->record = json_pack("{s:s,s:o}", "base", base, "process", host_process(pid));
    sockets[0] = -1;
out:
    for (int i = 0; i < 2; i++)
        if (sockets[i] >= 0)
            close(sockets[i]);
    if (lock >= 0)
        close(lock);
    free(order);
    free(lock_path);
    free(path);
    free(base);
    return keeper;
}

void keeper_dismiss(struct keeper *keeper)
{
    if (!keeper)
        return;
    close(keeper->pipe);
    json_decref(keeper->record);
    free(keeper);
}

bool keeper_go(struct keeper *keeper)
{
    char go = KEEPER_GO;
    ssize_t sent = send(keeper->pipe, &go, 1, MSG_NOSIGNAL);
    keeper_dismiss(keeper);
    return sent == 1;
}

/* ---- looking ---- */

static bool file_exists(const char *path, enum keeper_file_kind kind)
{
    char *name = keeper_file(path, kind);
    bool exists = !access(name, F_OK);
    free(name);
    return exists;
}

static json_t *read_json_file(const char *path, enum keeper_file_kind kind)
{
    char *name = keeper_file(path, kind);
    size_t length;
    char *text = file_read_plain(name, LIMIT_KEEPER_RECORD, &length, NULL);
    json_t *value = text ? json_read(text, length, LIMIT_KEEPER_RECORD, name, NULL) : NULL;
    free(text);
    free(name);
    return value;
}

static char *read_output(const char *path, enum keeper_file_kind kind, size_t *length, struct error *error)
{
    char *name = keeper_file(path, kind);
    char *text = file_read_plain(name, 2 * LIMIT_CAPTURE_BYTES, length, error);
    free(name);
    return text;
}

static void read_stdout(const char *path, struct child *child)
{
    struct error error;
    child->out = read_output(path, KEEPER_OUT, &child->out_length, &error);
    if (child->out)
        return;
    child->unread = string_copy(error.message);
    child->out = string_copy("");
    child->out_length = 0;
}

/* A program that could not be started has said nothing: what its keeper says of it stands in its place, as
 * does why it cannot be read. */
static void read_stderr(const char *path, const json_t *exit_record, struct child *child)
{
    const char *why = json_text(exit_record, "why", NULL);
    struct error error;
    child->err = why ? NULL : read_output(path, KEEPER_ERR, &child->err_length, &error);
    if (child->err)
        return;
    child->err = string_format("pawl: %s\n", why ? why : error.message);
    child->err_length = strlen(child->err);
}

static bool read_exit(const char *path, struct child *child)
{
    json_t *record = read_json_file(path, KEEPER_EXIT);
    int64_t status = json_int(record, "exit", -1);
    if (status < 0 || status > 255) { /* not what a keeper writes */
        json_decref(record);
        return false;
    }
    child->state = CHILD_EXITED;
    child->exit_status = (int)status;
    child->cancelled = json_bool(record, "cancelled", false);
    child->truncated = json_bool(record, "truncated", false);
    read_stdout(path, child);
    read_stderr(path, record, child);
    json_decref(record);
    return true;
}

static bool child_process_lives(const char *path)
{
    json_t *process = read_json_file(path, KEEPER_CHILD);
    bool lives = process && host_process_lives(process);
    json_decref(process);
    return lives;
}

/* No record of an end, and nobody seems to hold the lock. That nothing of a `once` program has run is proven
 * by a `started` record that is missing where the keeper's other file is: where that one is missing too, the
 * files were lost, as in a copy of the store that was made without its folder. */
static enum child_state look_at_the_rest(const char *path, const json_t *record, bool once)
{
    if (!file_exists(path, KEEPER_LOCK))
        return host_process_lives(json_object_get(record, "process")) ? CHILD_RUNNING : CHILD_LOST;
    return once && !file_exists(path, KEEPER_STARTED) ? CHILD_NONE : CHILD_LOST;
}

void keeper_look(const char *folder, const json_t *record, bool once, struct child *child)
{
    char *path = keeper_path(folder, record);
    /* A keeper that is recorded where none can be looked at: nothing proves that nothing of it has run. */
    *child = (struct child){.state = record && !path ? CHILD_LOST : CHILD_NONE};
    if (!path)
        return;
    char *lock = keeper_file(path, KEEPER_LOCK);
    /* In this order: what is written before the lock is let go is seen after it was found free. */
    if (read_exit(path, child))
        ;
    else if (lock_is_held(lock) || child_process_lives(path))
        child->state = CHILD_RUNNING;
    else if (!read_exit(path, child))
        child->state = look_at_the_rest(path, record, once);
    free(lock);
    free(path);
}

void child_clear(struct child *child)
{
    free(child->out);
    free(child->err);
    free(child->unread);
    *child = (struct child){.state = CHILD_NONE};
}

/* ---- cancelling ---- */

static void write_request(const char *path)
{
    char *name = keeper_file(path, KEEPER_CANCEL);
    int file = open(name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, file_mode_at(name));
    if (file >= 0)
        close(file);
    free(name);
}

/* The file is input: a signal goes to a child that lives and to its process group, never to all (-1) or to
 * ourselves. While it lives nobody else's group can have its number. */
static void signal_child(const char *path, int signal)
{
    json_t *process = read_json_file(path, KEEPER_CHILD);
    pid_t pid = process && host_process_lives(process) ? (pid_t)json_int(process, "pid", 0) : 0;
    if (pid > 1 && pid != getpid() && pid != getpgrp()) {
        bool leads = getpgid(pid) == pid;
        kill(-pid, signal);
        if (!leads || signal == SIGKILL) /* two TERMs may mean more to it than one */
            host_process_signal(process, signal);
    }
    json_decref(process);
}

/* What is left: a keeper that is stuck, and what its program has left behind. */
static void kill_holders(const char *path, const json_t *keeper)
{
    char *lock = keeper_file(path, KEEPER_LOCK);
    host_process_signal(keeper, SIGKILL);
    lock_holders_kill(lock);
    free(lock);
}

void keeper_cancel(const char *folder, const json_t *record, int64_t asked_ms)
{
    char *path = keeper_path(folder, record);
    if (!path)
        return;
    const json_t *keeper = json_object_get(record, "process");
    bool keeper_lives = host_process_lives(keeper);
    if (!asked_ms) {
        write_request(path);
        host_process_signal(keeper, SIGCONT);
        if (!keeper_lives)
            signal_child(path, SIGTERM);
    } else if (asked_ms > KEEPER_GRACE_MS + (keeper_lives ? KEEPER_LATE_MS : 0)) {
        signal_child(path, SIGKILL);
    }
    if (asked_ms > KEEPER_GRACE_MS + 2 * KEEPER_LATE_MS)
        kill_holders(path, keeper);
    free(path);
}
