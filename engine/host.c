#include "engine/host.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cluster/cluster.h"

static void read_id(const char *path, char id[HOST_ID_SIZE])
{
    char *text = file_read(path, 4096, NULL, NULL);
    id[0] = '\0';
    if (text)
        snprintf(id, HOST_ID_SIZE, "%.*s", (int)strcspn(text, "\n"), text);
    free(text);
}

const char *const host_stand_ins[HOST_STAND_INS] = {"PAWL_BOOT_ID", "PAWL_MACHINE_ID"};

int host_check_stand_ins(const json_t *cluster_record, struct error *error)
{
    for (int i = 0; i < HOST_STAND_INS && !cluster_is_simulated(cluster_record); i++) {
        if (!getenv(host_stand_ins[i]))
            continue;
        error_set(error, ERROR_USAGE,
                  "%s is set, which is for simulated clusters: who drives a run could not be told",
                  host_stand_ins[i]);
        return error_next(error, "unset %s", host_stand_ins[i]);
    }
    return 0;
}

const char *host_boot_id(void)
{
    static char id[HOST_ID_SIZE];
    const char *stand_in = getenv(host_stand_ins[0]);
    if (stand_in)
        return stand_in;
    if (!id[0])
        read_id("/proc/sys/kernel/random/boot_id", id);
    return id;
}

const char *host_machine_id(void)
{
    static char id[HOST_ID_SIZE];
    const char *stand_in = getenv(host_stand_ins[1]);
    if (stand_in)
        return stand_in;
    if (!id[0])
        read_id("/etc/machine-id", id);
    return id;
}

const char *host_name(void)
{
    static char name[256];
    if (!name[0] && gethostname(name, sizeof name - 1))
        strcpy(name, "localhost");
    return name;
}

/* A recorded pid; 0: none (a record is input: it may say anything). */
static pid_t pid_of(const json_t *process)
{
    int64_t pid = json_int(process, "pid", 0);
    return pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

/* Field 22 of /proc/PID/stat, in clock ticks since boot; 0 where there is no such process, or only its
 * zombie. */
static int64_t start_time(pid_t pid)
{
    char *path = string_format("/proc/%d/stat", (int)pid);
    char *stat = file_read(path, 4096, NULL, NULL);
    free(path);
    int64_t ticks = 0;
    char state = 'X';
    const char *behind_name = stat ? strrchr(stat, ')') : NULL;
    if (behind_name) {
        long long found = 0;
        int fields = sscanf(behind_name + 1,
                            " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d "
                            "%*d %lld",
                            &state, &found);
        ticks = fields == 2 && state != 'Z' && state != 'X' ? found : 0;
    }
    free(stat);
    return ticks;
}

json_t *host_process(pid_t pid)
{
    return json_pack("{s:s,s:s,s:s,s:i,s:I}", "boot", host_boot_id(), "machine", host_machine_id(), "host",
                     host_name(), "pid", (int)pid, "start_time", (json_int_t)start_time(pid));
}

static bool is_this_boot(const json_t *process)
{
    return !strcmp(json_text(process, "boot", ""), host_boot_id());
}

bool host_process_lives(const json_t *process)
{
    if (!is_this_boot(process))
        return false;
    pid_t pid = pid_of(process);
    int64_t started = pid ? start_time(pid) : 0;
    return started && started == json_int(process, "start_time", 0);
}

bool host_is_this(const json_t *process)
{
    if (!process || is_this_boot(process))
        return true;
    const char *machine = json_text(process, "machine", "");
    return *machine && !strcmp(machine, host_machine_id());
}

bool host_was_rebooted(const json_t *process)
{
    return process && !is_this_boot(process) && host_is_this(process);
}

/* The handle first, then the look: whoever has its pid by then is not hit. -1 where it is gone or our own. */
static int open_living(const json_t *process)
{
    pid_t pid = pid_of(process);
    int handle = pid > 1 && pid != getpid() ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
    if (handle < 0 || host_process_lives(process))
        return handle;
    close(handle);
    return -1;
}

bool host_process_signal(const json_t *process, int signal)
{
    int handle = open_living(process);
    bool sent = handle >= 0 && !syscall(SYS_pidfd_send_signal, handle, signal, NULL, 0);
    if (handle >= 0)
        close(handle);
    return sent;
}

bool host_process_kill(const json_t *process, int64_t wait_ms)
{
    int handle = open_living(process);
    if (handle < 0)
        return !host_process_lives(process);
    bool gone = false;
    if (!syscall(SYS_pidfd_send_signal, handle, SIGKILL, NULL, 0)) {
        struct pollfd ended = {.fd = handle, .events = POLLIN};
        gone = poll(&ended, 1, (int)wait_ms) == 1;
    }
    close(handle);
    return gone;
}
