#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/command.h"
#include "cli/post_render.h"

/* A closed standard stream would be reused by the next file that is opened: the store, say. */
static void hold_standard_streams(void)
{
    for (int stream = 0; stream < 3; stream++)
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", stream ? O_WRONLY : O_RDONLY) != stream)
            _exit(EXIT_SYSTEM);
}

int main(int argument_count, char **arguments)
{
    hold_standard_streams();
    memory_use_for_json();
    signal(SIGPIPE, SIG_IGN);
    const char *token = getenv(POST_RENDER_VARIABLE);
    if (argument_count == 1 && token)
        return post_render(token);
    const struct command *command = argument_count > 1 ? command_find(arguments[1]) : NULL;
    if (command && command->raw)
        return command->run_raw(argument_count - 2, arguments + 2);
    struct invocation invocation;
    int status = invocation_parse(argument_count, arguments, &invocation);
    if (!status && invocation.command)
        status = invocation.command->run(&invocation);
    invocation_clear(&invocation);
    if (fflush(stdout) && !status) {
        perror("pawl: cannot write to standard output");
        status = EXIT_SYSTEM;
    }
    return status;
}
