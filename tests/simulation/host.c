/* Hosts, processes, locks, clocks and random bits, by the simulation's book. engine/host.c is replaced as a
 * whole; the rest by the linker (--wrap), so that nothing of pawl is built differently. */
#include "engine/host.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cluster/cluster.h"
#include "engine/drive.h"
#include "simulation/shipped.h"
#include "simulation/simulation.h"

/* ---- in the place of engine/host.c ---- */

static char boot_id[HOST_ID_SIZE], machine_id[HOST_ID_SIZE];

const char *host_boot_id(void)
{
    snprintf(boot_id, sizeof boot_id, "boot-%d", simulation.boot);
    return boot_id;
}

const char *host_machine_id(void)
{
    snprintf(machine_id, sizeof machine_id, "machine-%d", simulation.host);
    return machine_id;
}

const char *host_name(void)
{
    return "simulated";
}

json_t *process_record(int number, int host, int boot)
{
    char boot_text[HOST_ID_SIZE], machine[HOST_ID_SIZE];
    snprintf(boot_text, sizeof boot_text, "boot-%d", boot);
    snprintf(machine, sizeof machine, "machine-%d", host);
    return json_pack("{s:s,s:s,s:s,s:i,s:i}", "boot", boot_text, "machine", machine, "host", host_name(),
                     "pid", number, "start_time", number);
}

json_t *host_process(pid_t pid)
{
    (void)pid;
    const struct process *process = simulation.current;
    return process_record(process->number, process->host, process->boot);
}

static bool is_this_boot(const json_t *process)
{
    return !strcmp(json_text(process, "boot", ""), host_boot_id());
}

static struct process *find_process(const json_t *record)
{
    int64_t number = json_int(record, "pid", 0);
    for (int i = 0; i < simulation.process_count; i++)
        if (simulation.processes[i].number == number && simulation.processes[i].used)
            return &simulation.processes[i];
    return NULL;
}

bool host_process_lives(const json_t *record)
{
    const struct process *process = is_this_boot(record) ? find_process(record) : NULL;
    return process && !process->dead;
}

bool host_is_this(const json_t *process)
{
    if (!process || is_this_boot(process))
        return true;
    return !strcmp(json_text(process, "machine", ""), host_machine_id());
}

bool host_was_rebooted(const json_t *process)
{
    return process && !is_this_boot(process) && host_is_this(process);
}

int host_check_stand_ins(const json_t *cluster_record, struct error *error)
{
    (void)cluster_record;
    (void)error;
    return 0;
}

bool host_process_kill(const json_t *record, int64_t wait_ms)
{
    (void)wait_ms;
    struct process *process = is_this_boot(record) ? find_process(record) : NULL;
    if (process && process != simulation.current)
        process_kill(process, "taken over");
    return !process || process->dead;
}

/* ---- clocks ---- */

static int64_t wall_ms(struct clock *clock)
{
    (void)clock;
    return SIMULATION_WALL_MS + simulation.now_ms + simulation.wall_shift_ms;
}

static int64_t steady_ms(struct clock *clock)
{
    (void)clock;
    return 1000 + simulation.now_ms - simulation.booted_ms;
}

struct clock *__wrap_clock_system(void);
struct clock *__wrap_clock_system(void)
{
    static struct clock clock = {.wall_ms = wall_ms, .steady_ms = steady_ms};
    return &clock;
}

/* ---- files: only their locks matter; those of shipped jobs are real (shipped_files.c) ---- */

int __wrap_lock_take(const char *path, mode_t mode, struct error *error);
int __wrap_lock_take(const char *path, mode_t mode, struct error *error)
{
    (void)mode;
    if (is_dead())
        return error_set(error, ERROR_SYSTEM, "dead");
    snprintf(simulation.current->lock, sizeof simulation.current->lock, "%s", strrchr(path, '/') + 1);
    return open("/dev/null", O_RDONLY | O_CLOEXEC); /* whoever has it closes it */
}

bool __wrap_lock_is_held(const char *path);
bool __wrap_lock_is_held(const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    for (int i = 0; i < simulation.process_count; i++) {
        const struct process *process = &simulation.processes[i];
        if (process->used && !process->dead && !strcmp(process->lock, name))
            return true;
    }
    return false;
}

int __real_folder_make(const char *path, mode_t mode, struct error *error);
int __wrap_folder_make(const char *path, mode_t mode, struct error *error);
int __wrap_folder_make(const char *path, mode_t mode, struct error *error)
{
    if (shipped_job() && is_dead())
        return error_set(error, ERROR_SYSTEM, "dead");
    return simulation.current && !shipped_job() ? 0 : __real_folder_make(path, mode, error);
}

void __real_folder_remove(const char *path);
void __wrap_folder_remove(const char *path);
void __wrap_folder_remove(const char *path)
{
    if (!simulation.current || (shipped_job() && !is_dead()))
        __real_folder_remove(path);
}

char *__wrap_folder_temporary(const char *name, struct error *error);
char *__wrap_folder_temporary(const char *name, struct error *error)
{
    return shipped_job() ? shipped_temporary(name, error) : string_format("/simulated/%s", name);
}

char *__real_file_read(const char *path, size_t limit, size_t *out_length, struct error *error);
char *__wrap_file_read(const char *path, size_t limit, size_t *out_length, struct error *error);
char *__wrap_file_read(const char *path, size_t limit, size_t *out_length, struct error *error)
{
    if (!strcmp(path, "/proc/sys/kernel/random/boot_id"))
        return string_copy(host_boot_id());
    return __real_file_read(path, limit, out_length, error);
}

/* ---- random bits ---- */

ssize_t __wrap_getrandom(void *bytes, size_t length, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t length, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < length; i++)
        ((unsigned char *)bytes)[i] = (unsigned char)chance_bits(CHANCE_BITS);
    return (ssize_t)length;
}

/* ---- machines: every process of a history reads the same one ---- */

#define MACHINES_MOST 4

static struct {
    char *json;
    struct machine *machine;
} machines[MACHINES_MOST];

struct machine *__real_machine_read(const char *json, struct error *error);
struct machine *__wrap_machine_read(const char *json, struct error *error);
struct machine *__wrap_machine_read(const char *json, struct error *error)
{
    int at = 0;
    while (at < MACHINES_MOST && machines[at].json && strcmp(machines[at].json, json))
        at++;
    if (at == MACHINES_MOST)
        return __real_machine_read(json, error);
    if (!machines[at].json) {
        machines[at].machine = __real_machine_read(json, error);
        machines[at].json = machines[at].machine ? string_copy(json) : NULL;
    }
    return machines[at].machine;
}

void __real_machine_free(struct machine *machine);
void __wrap_machine_free(struct machine *machine);
void __wrap_machine_free(struct machine *machine)
{
    for (int at = 0; at < MACHINES_MOST; at++)
        if (machine && machines[at].machine == machine)
            return;
    __real_machine_free(machine);
}

void machines_forget(void)
{
    for (int at = 0; at < MACHINES_MOST; at++) {
        if (machines[at].json)
            __real_machine_free(machines[at].machine);
        free(machines[at].json);
        machines[at].json = NULL;
        machines[at].machine = NULL;
    }
}

/* ---- the cluster ---- */

struct cluster *__wrap_cluster_open_recorded(const json_t *record, const char *kubeconfig,
                                             struct error *error);
struct cluster *__wrap_cluster_open_recorded(const json_t *record, const char *kubeconfig,
                                             struct error *error)
{
    (void)record;
    (void)kubeconfig;
    (void)error;
    return outside_cluster();
}

/* ---- a body before its effect: others may close its gate in between ---- */

bool __real_gate_pass(struct gate *gate);
bool __wrap_gate_pass(struct gate *gate);
bool __wrap_gate_pass(struct gate *gate)
{
    held_up(chance_time_ms(CHANCE_SCHEDULE, 400));
    if (rim("gate"))
        return false;
    bool passes = __real_gate_pass(gate);
    const struct drive *drive = (const struct drive *)((const char *)gate - offsetof(struct drive, gate));
    if (passes)
        judge_gate(drive->run->id);
    held_up(chance_time_ms(CHANCE_SCHEDULE, 400));
    return passes && !rim("behind the gate");
}

/* ---- the store's commit ---- */

int __real_store_commit(struct store *store, struct error *error);
int __wrap_store_commit(struct store *store, struct error *error)
{
    bool driver = simulation.current;
    if (driver && rim("commit")) {
        store_rollback(store);
        return error_set(error, ERROR_STORE, "dead");
    }
    int fault = driver ? simulation.commit_fault : 0;
    if (fault) {
        simulation.commit_fault = 0;
        counts.commit_faults++;
    }
    if (fault == 1) {
        trace("a commit fails");
        store_rollback(store);
        return error_set(error, ERROR_STORE, "the disk is full");
    }
    if (__real_store_commit(store, error))
        return -1;
    simulation.commits++;
    if (simulation.store)
        judge_commit();
    wake_all();
    if (driver && judge_is_midway())
        strike("between a failure and what follows");
    if (fault == 2) {
        trace("a commit was made, and says that it failed");
        return error_set(error, ERROR_STORE, "the disk said no");
    }
    return driver && rim("committed") ? error_set(error, ERROR_STORE, "dead") : 0;
}
