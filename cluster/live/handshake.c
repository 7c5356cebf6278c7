/* As base/digest.c: what EVP would bring along is most of libcrypto. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "cluster/live/handshake.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define KEY_BYTES   16
#define ACCEPT_SIZE 64

void handshake_key(char key[HANDSHAKE_KEY_SIZE])
{
    unsigned char bytes[KEY_BYTES];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        abort(); /* never happens for so few bytes */
    EVP_EncodeBlock((unsigned char *)key, bytes, sizeof bytes);
}

void handshake_request(struct text *out, const char *host, const char *path, const char *protocols,
                       const char *key, const char *token)
{
    text_format(out,
                "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: pawl\r\nConnection: Upgrade\r\nUpgrade: "
                "websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Protocol: "
                "%s\r\n",
                path, host, key, protocols);
    if (token)
        text_format(out, "Authorization: Bearer %s\r\n", token);
    text_add(out, "\r\n");
}

/* The value of a header field; its length in *length. NULL where there is none. */
static const char *field_find(const char *header, size_t header_length, const char *name, size_t *length)
{
    const char *end = header + header_length, *line = header;
    size_t name_length = strlen(name);
    while (line < end) {
        const char *stop = memmem(line, (size_t)(end - line), "\r\n", 2);
        stop = stop ? stop : end;
        if ((size_t)(stop - line) > name_length && line[name_length] == ':' &&
            !strncasecmp(line, name, name_length)) {
            const char *value = line + name_length + 1;
            while (value < stop && *value == ' ')
                value++;
            *length = (size_t)(stop - value);
            return value;
        }
        line = stop + 2;
    }
    return NULL;
}

int handshake_read(const char *bytes, size_t length, struct handshake_answer *answer)
{
    static const char start[] = "HTTP/1.";
    size_t known = length < strlen(start) ? length : strlen(start);
    if (strncmp(bytes, start, known))
        return -1;
    const char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end)
        return length > LIMIT_HANDSHAKE_BYTES ? -1 : 0;
    size_t field_length;
    answer->body_at = (size_t)(end - bytes) + 4;
    answer->body_length = -1;
    if (sscanf(bytes, "HTTP/1.%*1[01] %3ld", &answer->status) != 1)
        return -1;
    const char *field = field_find(bytes, answer->body_at, "Content-Length", &field_length);
    if (field)
        answer->body_length = strtoll(field, NULL, 10);
    return 1;
}

static void accept_of(const char *key, char accept[ACCEPT_SIZE])
{
    char both[128];
    unsigned char hash[SHA_DIGEST_LENGTH];
    int length = snprintf(both, sizeof both, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    SHA_CTX context;
    SHA1_Init(&context);
    SHA1_Update(&context, both, (size_t)length);
    SHA1_Final(hash, &context);
    EVP_EncodeBlock((unsigned char *)accept, hash, sizeof hash);
}

int handshake_check(const char *bytes, size_t header_length, const char *key, const char *protocols,
                    const char *what, struct error *error)
{
    char accept[ACCEPT_SIZE];
    size_t length;
    accept_of(key, accept);
    const char *field = field_find(bytes, header_length, "Sec-WebSocket-Accept", &length);
    if (!field || length != strlen(accept) || strncmp(field, accept, length))
        return error_set(error, ERROR_EXEC_BROKEN, "%s: the answer is none to this request", what);
    field = field_find(bytes, header_length, "Sec-WebSocket-Protocol", &length);
    if (!field || !length || !memmem(protocols, strlen(protocols), field, length))
        return error_set(error, ERROR_EXEC_BROKEN, "%s: the server speaks none of %s", what, protocols);
    return 0;
}
