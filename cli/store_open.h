/* The store that an invocation names. */
#ifndef PAWL_CLI_STORE_OPEN_H
#define PAWL_CLI_STORE_OPEN_H

#include "cli/command.h"
#include "state/store.h"

/* NULL with the error reported, *out_status the exit status. store_close() it. */
struct store *invocation_store(const struct invocation *invocation, enum store_mode mode, int *out_status);

#endif
