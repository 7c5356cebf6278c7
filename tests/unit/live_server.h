/* A server on loopback that speaks canned HTTP and WebSocket: tests say what it answers, in order, and look
 * at what it was asked. For one test program; the test is single-threaded, the server has its threads. */
#ifndef PAWL_TESTS_LIVE_SERVER_H
#define PAWL_TESTS_LIVE_SERVER_H

#include <arpa/inet.h>
#include <check.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

#define SERVER_REPLIES_MAX 64

/* Talks to one client itself, the request read already. */
typedef void server_talk(int connection, const char *request);

struct server_reply {
    char *bytes; /* as they go over the wire; NULL: `talk` */
    size_t length;
    server_talk *talk;
    bool hang_up; /* afterwards */
};

static struct {
    int listener, port;
    pthread_t thread;
    pthread_mutex_t mutex;
    struct server_reply replies[SERVER_REPLIES_MAX];
    size_t reply_count, replied;
    char *requests[SERVER_REPLIES_MAX];
    int connections;                       /* accepted so far */
    pthread_t talkers[SERVER_REPLIES_MAX]; /* one for each connection */
} server;

/* ---- what it answers ---- */

static inline void server_will(struct server_reply reply)
{
    pthread_mutex_lock(&server.mutex);
    ck_assert_uint_lt(server.reply_count, SERVER_REPLIES_MAX);
    server.replies[server.reply_count++] = reply;
    pthread_mutex_unlock(&server.mutex);
}

static inline void server_answers_raw(const char *bytes, bool hang_up)
{
    server_will((struct server_reply){string_copy(bytes), strlen(bytes), NULL, hang_up});
}

/* `fields`: more header lines, each with its line end; "" for none. */
static inline void server_answers_with(int status, const char *fields, const char *body)
{
    char *bytes = string_format("HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\n%sContent-Length: "
                                "%zu\r\n\r\n%s",
                                status, fields, strlen(body), body);
    server_answers_raw(bytes, false);
    free(bytes);
}

static inline void server_answers(int status, const char *body)
{
    server_answers_with(status, "", body);
}

static inline void server_refuses(int status, const char *reason, const char *message)
{
    char *body = string_format(
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":"
        "\"%s\",\"reason\":\"%s\",\"code\":%d}",
        message, reason, status);
    server_answers(status, body);
    free(body);
}

static inline void server_talks(server_talk *talk)
{
    server_will((struct server_reply){NULL, 0, talk, true});
}

/* ---- WebSocket, the server's side ---- */

static inline void server_write(int connection, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length) {
        ssize_t sent = send(connection, at, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        at += sent;
        length -= (size_t)sent;
    }
}

static inline void server_upgrade(int connection, const char *request, const char *protocol)
{
    char both[256], accept[64], answer[512];
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int hash_length;
    const char *key = strstr(request, "Sec-WebSocket-Key: ");
    int length = snprintf(both, sizeof both, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
                          key ? key + strlen("Sec-WebSocket-Key: ") : "");
    EVP_Digest(both, (size_t)length, hash, &hash_length, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)accept, hash, (int)hash_length);
    length = snprintf(answer, sizeof answer,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n",
                      accept, protocol);
    server_write(connection, answer, (size_t)length);
}

/* A frame: opcode 0 goes on, 2 binary, 8 close, 9 ping. */
static inline void server_frame(int connection, bool last, int opcode, const void *bytes, size_t length)
{
    unsigned char header[4] = {(unsigned char)((last ? 0x80 : 0) | opcode)};
    size_t header_length = 2;
    if (length < 126) {
        header[1] = (unsigned char)length;
    } else { /* enough for what tests send */
        header[1] = 126;
        header[2] = (unsigned char)(length >> 8);
        header[3] = (unsigned char)length;
        header_length = 4;
    }
    server_write(connection, header, header_length);
    server_write(connection, bytes, length);
}

/* One whole message on a channel. */
static inline void server_channel(int connection, int channel, const char *text)
{
    char *bytes = string_format("%c%s", channel, text);
    server_frame(connection, true, 2, bytes, strlen(text) + 1);
    free(bytes);
}

static inline void server_exits(int connection, const char *code)
{
    char *status = string_format(
        "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command terminated with "
        "non-zero exit code\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":"
        "[{\"reason\":\"ExitCode\",\"message\":\"%s\"}]}}",
        code);
    server_channel(connection, 3, status);
    free(status);
}

/* ---- its life ---- */

/* A whole request, header and body; NULL where the client has left. */
static inline char *server_request_read(int connection)
{
    struct text request = {0};
    size_t wanted = 0;
    while (!wanted || request.length < wanted) {
        char piece[4096];
        ssize_t length = recv(connection, piece, sizeof piece, 0);
        if (length <= 0) {
            text_clear(&request);
            return NULL;
        }
        text_append(&request, piece, (size_t)length);
        const char *end = strstr(request.bytes, "\r\n\r\n");
        const char *field = strstr(request.bytes, "Content-Length: ");
        if (end)
            wanted = (size_t)(end - request.bytes) + 4 +
                     (field && field < end ? strtoul(field + strlen("Content-Length: "), NULL, 10) : 0);
    }
    return text_take(&request);
}

/* The next canned reply; false where there is none left. */
static inline bool server_next(char *request, struct server_reply *reply)
{
    pthread_mutex_lock(&server.mutex);
    bool is_left = server.replied < server.reply_count;
    if (is_left) {
        server.requests[server.replied] = request;
        *reply = server.replies[server.replied++];
    } else {
        free(request);
    }
    pthread_mutex_unlock(&server.mutex);
    return is_left;
}

static inline void *server_connection(void *context)
{
    int connection = (int)(intptr_t)context;
    struct server_reply reply = {0};
    char *request, rest[4096];
    while (!reply.hang_up && (request = server_request_read(connection)) && server_next(request, &reply)) {
        if (reply.talk)
            reply.talk(connection, request);
        else
            server_write(connection, reply.bytes, reply.length);
    }
    shutdown(connection, SHUT_WR);
    while (recv(connection, rest, sizeof rest, 0) > 0) /* or what was sent would be lost by a reset */
        ;
    close(connection);
    return NULL;
}

static inline void *server_main(void *context)
{
    (void)context;
    for (;;) {
        int connection = accept(server.listener, NULL, NULL);
        if (connection < 0)
            return NULL;
        pthread_mutex_lock(&server.mutex);
        pthread_create(&server.talkers[server.connections++], NULL, server_connection,
                       (void *)(intptr_t)connection);
        pthread_mutex_unlock(&server.mutex);
    }
}

static inline void server_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    memset(&server, 0, sizeof server);
    pthread_mutex_init(&server.mutex, NULL);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(server.listener, (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(getsockname(server.listener, (struct sockaddr *)&address, &length), 0);
    ck_assert_int_eq(listen(server.listener, 16), 0);
    server.port = ntohs(address.sin_port);
    pthread_create(&server.thread, NULL, server_main, NULL);
}

/* After every client has left. */
static inline void server_stop(void)
{
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
    for (int i = 0; i < server.connections; i++)
        pthread_join(server.talkers[i], NULL);
    for (size_t i = 0; i < server.reply_count; i++)
        free(server.replies[i].bytes);
    for (size_t i = 0; i < server.replied; i++)
        free(server.requests[i]);
}

/* Nothing that was prepared was left unasked. */
static inline void server_is_done(void)
{
    pthread_mutex_lock(&server.mutex);
    size_t left = server.reply_count - server.replied;
    pthread_mutex_unlock(&server.mutex);
    ck_assert_uint_eq(left, 0);
}

#endif
