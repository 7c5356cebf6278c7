/* Files that are whole or not there, and locks that the kernel keeps. Every file that pawl itself writes
 * beside the store or in the operator's tree goes through here, so that tests can make each call fail. */
#ifndef PAWL_BASE_FILE_H
#define PAWL_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* Opens a regular file for reading, close-on-exec; `flags` beside (0, O_NOFOLLOW). All else (a pipe, a
 * device, a folder) is refused without waiting for whoever is at its other end. -1 with the error filled:
 * ERROR_NOT_FOUND where there is none. */
int file_open_regular(const char *path, int flags, struct error *error);
/* The whole of a regular file, NUL-terminated behind its last byte; free() it. More than `limit` bytes is an
 * error. A file that does not exist gives ERROR_NOT_FOUND. */
char *file_read(const char *path, size_t limit, size_t *out_length, struct error *error);
/* The same, through no link. For what pawl itself has written. */
char *file_read_plain(const char *path, size_t limit, size_t *out_length, struct error *error);
/* All bytes, however many writes that takes; -1 with errno set where one fails. */
int descriptor_write(int file, const void *bytes, size_t length);
/* Replaces `path` atomically and durably: temporary file in the same folder, fsync, rename, fsync the folder.
 */
int file_replace(const char *path, const void *bytes, size_t length, mode_t mode, struct error *error);
/* The folder part of a path, "." where there is none; free() it. */
char *path_folder(const char *path);
/* Creates a folder and its parents with exactly this mode, whatever the umask; existing ones are left as they
 * are. */
int folder_make(const char *path, mode_t mode, struct error *error);
/* -1 with the error filled where a link stands in a folder's place. */
int folder_check(const char *path, struct error *error);
/* A new private folder (0700) under TMPDIR, or /tmp where that is not an absolute path:
 * "/tmp/pawl-XXXXXX/NAME-XXXXXX". NULL with the error filled. folder_remove() and free() it. What a process
 * leaves that is killed, the next one removes (temporary.c). */
char *folder_temporary(const char *name, struct error *error);
/* Removes a folder and all in it, without following links or leaving its file system; what cannot be removed
 * stays. */
void folder_remove(const char *path);
/* The mode for a file or folder that is about to be made at `path`: where the folder that holds it admits its
 * group (a team's store), 0660 and 2770, else 0600 and 0700. */
mode_t file_mode_at(const char *path);
mode_t folder_mode_at(const char *path);
int folder_sync(const char *path, struct error *error);

/* Opens (creating it) and locks a file, exclusively, without waiting: the descriptor, close-on-exec; -1 with
 * ERROR_LOCKED where another process holds it, ERROR_SYSTEM otherwise. */
int lock_take(const char *path, mode_t mode, struct error *error);
/* Whether some process holds the lock now. A file that does not exist is not held; one that may not
 * be read counts as held. */
bool lock_is_held(const char *path);

#endif
