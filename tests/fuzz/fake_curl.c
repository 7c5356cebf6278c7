#include "tests/fuzz/fake_curl.h"

#include <assert.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "cluster/live/library.h"

#define PIECE 7 /* bytes that one reading gives at most, nearly always */

typedef size_t arrives(char *bytes, size_t size, size_t count, void *context);

struct connection {
    arrives *body, *header;
    void *body_context, *header_context, *private;
    long status, connects_only;
};

static struct {
    const struct sections *answers;
    int next;
    const uint8_t *stream;
    size_t stream_length, stream_at;
    int shakes_hands, turn;
    struct text request, greeting;
    size_t greeting_at;
} server;

static int descriptor = -1; /* one that can always be read and written */

/* A server may ask to be left alone: not us. */
int nanosleep(const struct timespec *wanted, struct timespec *left)
{
    (void)wanted;
    (void)left;
    return 0;
}

static CURL *make(void)
{
    return memory_new(sizeof(struct connection));
}

static void drop(CURL *handle)
{
    free(handle);
}

static void reset(CURL *handle)
{
    *(struct connection *)handle = (struct connection){0};
}

static CURLcode set(CURL *handle, CURLoption option, ...)
{
    struct connection *connection = handle;
    va_list arguments;
    va_start(arguments, option);
    switch (option) {
    case CURLOPT_WRITEFUNCTION:
        connection->body = va_arg(arguments, arrives *);
        break;
    case CURLOPT_WRITEDATA:
        connection->body_context = va_arg(arguments, void *);
        break;
    case CURLOPT_HEADERFUNCTION:
        connection->header = va_arg(arguments, arrives *);
        break;
    case CURLOPT_HEADERDATA:
        connection->header_context = va_arg(arguments, void *);
        break;
    case CURLOPT_PRIVATE:
        connection->private = va_arg(arguments, void *);
        break;
    case CURLOPT_CONNECT_ONLY:
        connection->connects_only = va_arg(arguments, long);
        break;
    case CURLOPT_URL: { /* whole and readable, as the real one needs it */
        char *copy = string_copy(va_arg(arguments, const char *));
        assert(copy);
        free(copy);
        break;
    }
    default:
        break;
    }
    va_end(arguments);
    return CURLE_OK;
}

static CURLcode get(CURL *handle, CURLINFO what, ...)
{
    struct connection *connection = handle;
    va_list arguments;
    va_start(arguments, what);
    void *to = va_arg(arguments, void *);
    if (what == CURLINFO_RESPONSE_CODE)
        *(long *)to = connection->status;
    else if (what == CURLINFO_PRIVATE)
        *(void **)to = connection->private;
    else if (what == CURLINFO_ACTIVESOCKET)
        *(curl_socket_t *)to = descriptor;
    va_end(arguments);
    return CURLE_OK;
}

static bool hand_over(arrives *to, void *context, const char *bytes, size_t length)
{
    if (!to || !length)
        return true;
    char *copy = memory_new(length); /* without a NUL behind it */
    memcpy(copy, bytes, length);
    bool taken = to(copy, 1, length, context) == length;
    free(copy);
    return taken;
}

static CURLcode perform(CURL *handle)
{
    struct connection *connection = handle;
    if (connection->connects_only)
        return CURLE_OK;
    if (!server.answers || server.next >= server.answers->count)
        return CURLE_COULDNT_CONNECT;
    const char *answer = server.answers->texts[server.next];
    size_t length = server.answers->lengths[server.next++], line = strcspn(answer, "\n"),
           status = strcspn(answer, " \n");
    connection->status = strtol(answer, NULL, 10);
    if (connection->status < 100 || connection->status > 999)
        return CURLE_RECV_ERROR;
    size_t body = line < length ? line + 1 : length, half = body + (length - body) / 2;
    if ((status < line && !hand_over(connection->header, connection->header_context, answer + status + 1,
                                     line - status - 1)) ||
        !hand_over(connection->body, connection->body_context, answer + body, half - body) ||
        !hand_over(connection->body, connection->body_context, answer + half, length - half))
        return CURLE_WRITE_ERROR;
    return CURLE_OK;
}

/* The answer that belongs to the key that was asked with. */
static void greet(void)
{
    char both[256], accept[64];
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int hash_length;
    const char *key = strstr(text_string(&server.request), "Sec-WebSocket-Key: ");
    assert(key);
    snprintf(both, sizeof both, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
             key + strlen("Sec-WebSocket-Key: "));
    EVP_Digest(both, strlen(both), hash, &hash_length, EVP_sha1(), NULL);
    EVP_EncodeBlock((unsigned char *)accept, hash, (int)hash_length);
    text_format(&server.greeting,
                "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: "
                "v4.channel.k8s.io\r\n\r\n",
                accept);
}

static CURLcode send_bytes(CURL *handle, const void *bytes, size_t length, size_t *sent)
{
    (void)handle;
    bool whole = strstr(text_string(&server.request), "\r\n\r\n");
    if (!whole)
        text_append(&server.request, bytes, length);
    if (!whole && server.shakes_hands && strstr(text_string(&server.request), "\r\n\r\n"))
        greet();
    *sent = length;
    return CURLE_OK;
}

static CURLcode receive(CURL *handle, void *bytes, size_t size, size_t *received)
{
    (void)handle;
    *received = 0;
    if (++server.turn % 3 == 0)
        return CURLE_AGAIN;
    size_t wanted = server.turn % 5 == 0 ? 4096 : PIECE;
    wanted = wanted < size ? wanted : size;
    if (server.greeting_at < server.greeting.length) {
        size_t left = server.greeting.length - server.greeting_at;
        *received = wanted < left ? wanted : left;
        memcpy(bytes, server.greeting.bytes + server.greeting_at, *received);
        server.greeting_at += *received;
        return CURLE_OK;
    }
    size_t left = server.stream_length - server.stream_at;
    *received = wanted < left ? wanted : left;
    if (*received)
        memcpy(bytes, server.stream + server.stream_at, *received);
    server.stream_at += *received;
    return CURLE_OK; /* with nothing: the connection has ended */
}

void fake_curl_install(void)
{
    struct error error;
    if (descriptor >= 0)
        return;
    if (library_load_curl(&error) || library_load_wslay(&error) ||
        (descriptor = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
        abort();
    curl.easy_init = make;
    curl.easy_cleanup = drop;
    curl.easy_reset = reset;
    curl.easy_setopt = set;
    curl.easy_getinfo = get;
    curl.easy_perform = perform;
    curl.easy_send = send_bytes;
    curl.easy_recv = receive;
}

void fake_curl_answers(const struct sections *sections, int first)
{
    server.answers = sections;
    server.next = first;
}

void fake_curl_streams(const uint8_t *bytes, size_t length, int shakes_hands)
{
    text_clear(&server.request);
    text_clear(&server.greeting);
    server.greeting_at = server.stream_at = 0;
    server.stream = bytes;
    server.stream_length = length;
    server.shakes_hands = shakes_hands;
    server.turn = 0;
}

void fake_live_make(struct live_cluster *live)
{
    struct error error = {0};
    static const char text[] = "current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"
                               "clusters: [{name: c, cluster: {server: 'https://192.0.2.1:6443/a'}}]\n"
                               "users: [{name: u, user: {token: t}}]\n";
    fake_curl_install();
    place_write("config", text, strlen(text));
    char *path = place_path("config");
    *live = (struct live_cluster){.cluster = {.clock = clock_system()}};
    live->kubeconfig = kubeconfig_read(path, NULL, &error);
    live->endpoint = live->kubeconfig ? endpoint_new(live->kubeconfig, &error) : NULL;
    free(path);
    if (!live->endpoint)
        abort();
}

void fake_live_clear(struct live_cluster *live)
{
    endpoint_free(live->endpoint);
    kubeconfig_free(live->kubeconfig);
}
