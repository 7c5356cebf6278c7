/* The record of what a run asked the disk to do: what recorder.c writes and losses.c reads.
 *
 * One file, appended to by all processes of a case in the order in which the calls were made: a head, the two
 * names (relative to the case's folder), the bytes. */
#ifndef PAWL_TESTS_POWER_RECORD_H
#define PAWL_TESTS_POWER_RECORD_H

#include <stdint.h>

enum record_kind {
    RECORD_CREATE = 'c',      /* name, file */
    RECORD_FOLDER = 'm',      /* name: mkdir */
    RECORD_RENAME = 'r',      /* name → other */
    RECORD_EXCHANGE = 'x',    /* name ↔ other */
    RECORD_REMOVE = 'u',      /* name: unlink or rmdir */
    RECORD_WRITE = 'w',       /* name, file, at, bytes */
    RECORD_TRUNCATE = 't',    /* name, file, at: the new length */
    RECORD_SYNC = 's',        /* name, file: fsync or fdatasync */
    RECORD_SYNC_FOLDER = 'd', /* name */
    RECORD_COMMIT = 'k',      /* a COMMIT of SQLite's that held something has returned success */
};

struct record_head {
    uint64_t kind;
    uint64_t file; /* the inode's number */
    int64_t at;
    uint32_t name, other, length, unused; /* bytes that follow */
};

#endif
