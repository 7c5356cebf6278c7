#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/command.h"
#include "cli/outlet.h"

static atomic_int cause; /* errno of the first write to standard output that failed; 0: none has */

/* The place of each stream, for stdio. */
static int STREAMS[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};

static void write_stream(int stream, const char *bytes, size_t length)
{
    bool watched = stream == STDOUT_FILENO;
    if (!(watched && cause) && descriptor_write(stream, bytes, length) && watched)
        cause = errno;
}

/* It takes everything: stdio would else offer again what has failed, behind what has arrived. */
static ssize_t write_out(void *stream, const char *bytes, size_t length)
{
    if (!outlet_take(*(int *)stream, bytes, length))
        write_stream(*(int *)stream, bytes, length);
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

static FILE *watched(int stream, int mode)
{
    FILE *file = fopencookie(&STREAMS[stream], "w", (cookie_io_functions_t){.write = write_out});
    if (!file)
        _exit(EXIT_SYSTEM);
    setvbuf(file, NULL, mode, mode == _IONBF ? 0 : BUFSIZ);
    return file;
}

void output_open(void)
{
    hold_standard_streams();
    stdout = watched(STDOUT_FILENO, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF);
    stderr = watched(STDERR_FILENO, _IONBF);
}

void output_hold_up_nobody(void)
{
    fflush(stdout);
    outlet_open(write_stream);
}

void output_settle(void)
{
    fflush(stdout);
    outlet_close();
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
