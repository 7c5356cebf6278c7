/* Who is alive, and where: hosts by boot and machine id, processes by pid and start time. */
#ifndef PAWL_ENGINE_HOST_H
#define PAWL_ENGINE_HOST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define HOST_ID_SIZE   40
#define HOST_STAND_INS 2

/* The variables that stand in for the host's ids on simulated clusters, for reboots and other hosts: the
 * boot's first, then the machine's. */
extern const char *const host_stand_ins[HOST_STAND_INS];
/* Both "" where the host does not tell. */
const char *host_boot_id(void);
const char *host_machine_id(void);
const char *host_name(void);
/* -1 where such a stand-in is set and the cluster of this record is a real one: after a reboot, or on another
 * host, a run would be taken for one that nobody else can be driving. */
int host_check_stand_ins(const json_t *cluster_record, struct error *error);
/* {"boot","machine","host","pid","start_time"} of a process of this host; a new reference. */
json_t *host_process(pid_t pid);
/* Is the process that host_process() described there (same pid, same start time, same boot)? */
bool host_process_lives(const json_t *process);
/* Was that recorded on this host (the same boot, or else the same machine)? Where nothing was recorded: true.
 */
bool host_is_this(const json_t *process);
/* Was it recorded on this host, before it was rebooted? */
bool host_was_rebooted(const json_t *process);
/* Sends a signal to a process, its identity checked first; false where it is gone, may not be signalled, or
 * is our own. */
bool host_process_signal(const json_t *process, int signal);
/* Ends a process by SIGKILL, its identity checked first, and waits up to `wait_ms` until it is gone. */
bool host_process_kill(const json_t *process, int64_t wait_ms);

#endif
