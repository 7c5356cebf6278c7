#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/sim.h"

int main(int argument_count, char **arguments)
{
    memory_use_for_json();
    if (argument_count == 2 && !strcmp(arguments[1], "version")) {
        puts("pawl 1.0.0");
        return 0;
    }
    if (argument_count > 1 && !strcmp(arguments[1], "sim"))
        return sim_command(argument_count - 2, arguments + 2);
    if (argument_count > 1 && !strcmp(arguments[1], "sim-helm"))
        return sim_helm_command(argument_count - 2, arguments + 2);
    fputs("usage: pawl version\n", stderr);
    return 2;
}
