#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/command.h"

static int cause; /* errno of the first write that failed; 0: none has */

/* It takes everything: stdio would else offer again what has failed, behind what has arrived. */
static ssize_t write_out(void *context, const char *bytes, size_t length)
{
    (void)context;
    if (!cause && descriptor_write(STDOUT_FILENO, bytes, length))
        cause = errno;
    return (ssize_t)length;
}

/* Opened the wrong way round: what was closed cannot be used, and its number is not given away. */
static void hold_standard_streams(void)
{
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int stream = 0; stream < 3; stream++)
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", modes[stream]) != stream)
            _exit(EXIT_SYSTEM);
}

void output_open(void)
{
    hold_standard_streams();
    FILE *watched = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_out});
    if (!watched)
        _exit(EXIT_SYSTEM);
    setvbuf(watched, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFSIZ);
    stdout = watched;
}

bool output_is_gone(void)
{
    return cause != 0;
}

bool output_close(void)
{
    fflush(stdout);
    if (!cause || cause == EPIPE)
        return true;
    fprintf(stderr, "pawl: cannot write to standard output: %s\n", strerror(cause));
    return false;
}
