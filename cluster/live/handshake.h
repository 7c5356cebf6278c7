/* The HTTP half of a WebSocket: the request that asks for one and the answer to it, as text. No I/O. */
#ifndef PAWL_CLUSTER_LIVE_HANDSHAKE_H
#define PAWL_CLUSTER_LIVE_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/text.h"

#define HANDSHAKE_KEY_SIZE 32

/* A fresh random Sec-WebSocket-Key. */
void handshake_key(char key[HANDSHAKE_KEY_SIZE]);
/* The whole request; `token` may be NULL. */
void handshake_request(struct text *out, const char *host, const char *path, const char *protocols,
                       const char *key, const char *token);

struct handshake_answer {
    long status;
    size_t body_at;        /* where the bytes behind the header begin */
    long long body_length; /* Content-Length; -1: not said */
};

/* 1: the header is whole and *answer filled; 0: more must come; -1: this is not HTTP. */
int handshake_read(const char *bytes, size_t length, struct handshake_answer *answer);
/* Whether an answer of status 101 is one to this key and chose one of the protocols. */
int handshake_check(const char *bytes, size_t header_length, const char *key, const char *protocols,
                    const char *what, struct error *error);

#endif
