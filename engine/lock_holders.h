/* Who holds a lock that is to be free. A lock outlives the process that took it in all that have inherited
 * it: a program's children, and theirs, in whatever group or session they are. */
#ifndef PAWL_ENGINE_LOCK_HOLDERS_H
#define PAWL_ENGINE_LOCK_HOLDERS_H

/* Kills every process that has the lock file open as its holders do: for reading and writing. Who only asks
 * has not. Ourselves, and what may not be looked at, is passed over. */
void lock_holders_kill(const char *path);

#endif
