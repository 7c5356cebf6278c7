#include "cli/store_open.h"

#include <stdlib.h>

#include "cli/report.h"

struct store *invocation_store(const struct invocation *invocation, enum store_mode mode, int *out_status)
{
    struct error error = {0};
    char *path = store_path(invocation->store);
    struct store *store = store_open(path, mode, &error);
    free(path);
    if (!store)
        *out_status = report_error(invocation, &error);
    return store;
}
