#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "base/memory.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/post_render.h"
#include "steps/helm_marks.h"

#if defined(__has_feature)
#define PAWL_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#endif

static int run_invocation(int argument_count, char **arguments, const struct command **out_command)
{
    struct invocation invocation;
    int status = invocation_parse(argument_count, arguments, &invocation);
    *out_command = invocation.command;
    if (!status && invocation.command)
        status = invocation.command->run(&invocation);
    invocation_clear(&invocation);
    return status;
}

/* Tokens, keys and the values of secret params stand in memory: no core dump holds them, and nobody else of
 * this user reads them through /proc. Programs that we start are as they always are. Sanitizers trace
 * themselves. */
static void keep_memory_private(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !PAWL_SANITIZED
    prctl(PR_SET_DUMPABLE, 0);
#endif
}

int main(int argument_count, char **arguments)
{
    keep_memory_private();
    output_open();
    memory_use_for_json();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of the write, as a full disk is */
    const char *token = getenv(POST_RENDER_VARIABLE);
    const struct command *command = argument_count > 1 ? command_find(arguments[1]) : NULL;
    int status;
    if (argument_count == 1 && token)
        status = post_render(token);
    else if (command && command->raw)
        status = command->run_raw(argument_count - 2, arguments + 2);
    else
        status = run_invocation(argument_count, arguments, &command);
    if (output_close() || (command && command->acts))
        return status;
    return EXIT_SYSTEM;
}
