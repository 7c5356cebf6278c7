/* A WebSocket over a connection of its own: libcurl connects, wslay frames. One thread at a time. */
#ifndef PAWL_CLUSTER_LIVE_WEBSOCKET_H
#define PAWL_CLUSTER_LIVE_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "cluster/live/request.h"

struct websocket;

/* How an attempt to open one ended. */
enum opening {
    OPENING_DONE,
    OPENING_REFUSED, /* the server has certainly done nothing */
    OPENING_LOST,    /* the request went out, and nobody can say what came of it */
};

/* Called in websocket_poll with each whole message that has arrived. */
typedef void websocket_message(void *context, const unsigned char *bytes, size_t length);

/* Sends the upgrade request for `path` and waits for the answer, LIMIT_REQUEST_MS at most. `protocols` as in
 * Sec-WebSocket-Protocol. *out is NULL and the error filled unless OPENING_DONE. `what` is copied. */
enum opening websocket_open(struct endpoint *endpoint, const char *path, const char *protocols,
                            const char *what, websocket_message *on_message, void *context,
                            struct websocket **out, struct error *error);
/* Reads, answers pings and hands out messages for up to wait_ms, or until `*enough` (may be NULL) is true
 * after a message. False once the connection has ended; then the error says how. */
bool websocket_poll(struct websocket *socket, int64_t wait_ms, const bool *enough, struct error *error);
/* Says goodbye without waiting for an answer. NULL is fine. */
void websocket_free(struct websocket *socket);

#endif
