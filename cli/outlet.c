#include "cli/outlet.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/memory.h"

#define LAGS_BYTES (16 * 1024)

struct piece {
    struct piece *next;
    int stream;
    size_t length;
    char bytes[];
};

struct stream {
    bool in_line;    /* what came last has not ended its line */
    bool drops;      /* until there is room again */
    int64_t dropped; /* lines */
};

/* The two streams of a process, so one of each. */
static struct {
    bool open;
    void (*write)(int stream, const char *bytes, size_t length);
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct piece *first, **last;
    size_t held; /* bytes, with those that are being written */
    bool closing;
    struct stream streams[3];
} outlet = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* ---- the thread ---- */

static struct piece *next_piece(void)
{
    while (!outlet.first && !outlet.closing)
        pthread_cond_wait(&outlet.changed, &outlet.mutex);
    struct piece *piece = outlet.first;
    if (piece && !(outlet.first = piece->next))
        outlet.last = &outlet.first;
    return piece;
}

static void *write_pieces(void *context)
{
    (void)context;
    pthread_mutex_lock(&outlet.mutex);
    for (struct piece *piece; (piece = next_piece());) {
        pthread_mutex_unlock(&outlet.mutex);
        outlet.write(piece->stream, piece->bytes, piece->length);
        pthread_mutex_lock(&outlet.mutex);
        outlet.held -= piece->length;
        free(piece);
    }
    pthread_mutex_unlock(&outlet.mutex);
    return NULL;
}

/* ---- keeping ---- */

static void keep(int stream, const char *bytes, size_t length)
{
    struct piece *piece = memory_new(sizeof *piece + length);
    piece->stream = stream;
    piece->length = length;
    memcpy(piece->bytes, bytes, length);
    *outlet.last = piece;
    outlet.last = &piece->next;
    outlet.held += length;
    outlet.streams[stream].in_line = bytes[length - 1] != '\n';
    pthread_cond_signal(&outlet.changed);
}

/* On standard output stand the objects of --json, on standard error lines for people. */
static void tell_dropped(int stream)
{
    struct stream *of = &outlet.streams[stream];
    char *notice = string_format(stream == STDOUT_FILENO
                                     ? "{\"event\":\"left_out\",\"lines\":%lld}\n"
                                     : "  (%lld lines are left out here: nobody took them in time; `pawl "
                                       "history` has what happened)\n",
                                 (long long)of->dropped);
    *of = (struct stream){0};
    keep(stream, notice, strlen(notice));
    free(notice);
}

/* Only whole lines are left out: the length of what is, of these bytes. */
static size_t drop(struct stream *of, const char *bytes, size_t length)
{
    const char *end = memchr(bytes, '\n', length);
    of->dropped += end != NULL;
    of->in_line = !end;
    return end ? (size_t)(end + 1 - bytes) : length;
}

/* One line, or a part of one. */
static size_t take_line(int stream, const char *bytes, size_t length)
{
    struct stream *of = &outlet.streams[stream];
    if (of->drops && !of->in_line && outlet.held <= LIMIT_OUTLET_BYTES / 2)
        tell_dropped(stream);
    if (!of->in_line && outlet.held > LIMIT_OUTLET_BYTES)
        of->drops = true;
    if (of->drops)
        return drop(of, bytes, length);
    const char *end = memchr(bytes, '\n', length);
    size_t kept = end ? (size_t)(end + 1 - bytes) : length;
    keep(stream, bytes, kept);
    return kept;
}

bool outlet_take(int stream, const char *bytes, size_t length)
{
    pthread_mutex_lock(&outlet.mutex);
    bool taken = outlet.open;
    while (taken && length) {
        size_t gone = take_line(stream, bytes, length);
        bytes += gone;
        length -= gone;
    }
    pthread_mutex_unlock(&outlet.mutex);
    return taken;
}

bool outlet_lags(void)
{
    pthread_mutex_lock(&outlet.mutex);
    bool lags = outlet.held > LAGS_BYTES;
    pthread_mutex_unlock(&outlet.mutex);
    return lags;
}

/* ---- its life ---- */

void outlet_open(void (*write)(int stream, const char *bytes, size_t length))
{
    sigset_t all, before;
    outlet.write = write;
    outlet.last = &outlet.first;
    outlet.closing = false;
    sigfillset(&all); /* signals are the loop's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    outlet.open = !pthread_create(&outlet.thread, NULL, write_pieces, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void outlet_close(void)
{
    if (!outlet.open)
        return;
    pthread_mutex_lock(&outlet.mutex);
    for (int stream = STDOUT_FILENO; stream <= STDERR_FILENO; stream++)
        if (outlet.streams[stream].dropped)
            tell_dropped(stream);
    outlet.open = false;
    outlet.closing = true;
    pthread_cond_signal(&outlet.changed);
    pthread_mutex_unlock(&outlet.mutex);
    pthread_join(outlet.thread, NULL);
}
