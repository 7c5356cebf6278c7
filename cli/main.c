#include <stdio.h>
#include <string.h>

#include "base/memory.h"

int main(int argument_count, char **arguments)
{
    memory_use_for_json();
    if (argument_count == 2 && !strcmp(arguments[1], "version")) {
        puts("pawl 1.0.0");
        return 0;
    }
    fputs("usage: pawl version\n", stderr);
    return 2;
}
