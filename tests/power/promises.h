/* What must hold of a disk after any loss of power. */
#ifndef PAWL_TESTS_POWER_PROMISES_H
#define PAWL_TESTS_POWER_PROMISES_H

#include "base/digest.h"
#include "disk.h"

#define WHY_BYTES 2048

/* What the program had committed, and what files it had put into place, when the power went. */
struct history {
    struct digest *snapshots; /* of the store's rows after the n-th commit; [0]: before the first */
    int commits;              /* in the whole record */
    struct digest *values;    /* what the values file has ever been */
    int values_count;
};

/* Where stores are opened: a folder of the test's own. */
void promises_begin(const char *scratch, uint64_t seed);

/* The rows of the view's store, read through pawl's own code, after `audit verify` has found them clean. All
 * zeros where there is none yet. -1 with what is wrong in `why`. */
int store_rows(const struct view *view, struct digest *out, char why[WHY_BYTES]);

/* Checks all promises for a loss after `acknowledged` commits; *out_key is the same for views whose runs go
 * on alike: rows, values file, the keeper's files, effects so far. `whole` is the view without any loss. -1
 * with what is broken in `why`. */
int promises_check(const struct view *view, const struct view *whole, const struct history *history,
                   int acknowledged, struct digest *out_key, char why[WHY_BYTES]);

/* How many stores have been opened so far; equal ones only once. */
long promises_opened(void);

#endif
