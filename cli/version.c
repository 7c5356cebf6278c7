#include <stdio.h>

#include "cli/commands.h"
#include "cli/report.h"

#define PAWL_VERSION "1.0.0"

int command_version(struct invocation *invocation)
{
    if (invocation->json)
        report_json(json_pack("{s:s}", "version", PAWL_VERSION));
    else
        puts("pawl " PAWL_VERSION);
    return EXIT_SUCCEEDED;
}
