/* A Helm values file on disk: read with what tells whether it is still the same, replaced atomically. */
#ifndef PAWL_STEPS_VALUES_FILE_H
#define PAWL_STEPS_VALUES_FILE_H

#include <stddef.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/error.h"

struct values_file {
    char *path; /* symbolic links followed: what is really replaced */
    char *bytes;
    size_t length;
    char sha256[DIGEST_HEX_SIZE];
    struct stat status;
};

/* A regular file in UTF-8 of at most LIMIT_VALUES_FILE_BYTES. values_file_clear() in any case. */
int values_file_read(const char *path, struct values_file *file, struct error *error);
/* May it be replaced? Its folder is writable and it has no other names. */
int values_file_check(const struct values_file *file, struct error *error);
/* Writes and syncs a temporary file beside it, with its mode and owner. NULL with the error filled; else its
 * path: hand it to values_file_commit or values_file_abandon, which free it. */
char *values_file_stage(const struct values_file *file, const char *bytes, size_t length,
                        struct error *error);
/* Renames it over the file and syncs the folder; ERROR_NOT_YET where the file is not the one that was read.
 */
int values_file_commit(const struct values_file *file, char *staged, struct error *error);
void values_file_abandon(char *staged);
void values_file_clear(struct values_file *file);

#endif
