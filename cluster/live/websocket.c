#include "cluster/live/websocket.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/live/connection.h"
#include "cluster/live/handshake.h"

#define BODY_QUIET_MS 1000 /* a refusal without Content-Length has ended when nothing came for so long */

struct websocket {
    CURL *connection;
    int descriptor;
    char *what;
    struct text early; /* bytes that came right behind the header */
    size_t early_read;
    wslay_event_context_ptr frames;
    websocket_message *on_message;
    void *context;
    bool ended;
    struct error why; /* where it has ended */
};

static int64_t steady_ms(void)
{
    return clock_system()->steady_ms(clock_system());
}

/* Waits until the socket can be read (or written); false where the time is over. */
static bool socket_wait(const struct websocket *socket, short events, int64_t until)
{
    for (;;) {
        int64_t left = until - steady_ms();
        struct pollfd look = {socket->descriptor, events, 0};
        int ready = poll(&look, 1, left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left);
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

/* ---- the handshake ---- */

static int request_write(struct websocket *socket, const struct text *request, int64_t until,
                         struct error *error)
{
    size_t sent = 0;
    while (sent < request->length) {
        size_t now = 0;
        CURLcode code = curl.easy_send(socket->connection, request->bytes + sent, request->length - sent,
                                       &now);
        sent += now;
        if (code == CURLE_AGAIN && socket_wait(socket, POLLOUT, until))
            continue;
        if (code)
            return error_set(error, ERROR_CLUSTER_UNREACHABLE, "%s: the request could not be sent: %s",
                             socket->what, curl.easy_strerror(code));
    }
    return 0;
}

/* Reads more of the answer: 1 read, 0 the other side has ended or the time is over. */
static int answer_more(struct websocket *socket, int64_t until)
{
    char piece[LIMIT_PIECE_BYTES];
    for (;;) {
        size_t length = 0;
        CURLcode code = curl.easy_recv(socket->connection, piece, sizeof piece, &length);
        if (!code && length) {
            text_append(&socket->early, piece, length);
            return 1;
        }
        if (code != CURLE_AGAIN || !socket_wait(socket, POLLIN, until))
            return 0;
    }
}

/* The answer's header; the bytes read stand in socket->early. */
static int answer_read(struct websocket *socket, int64_t until, struct handshake_answer *answer,
                       struct error *error)
{
    for (;;) {
        int whole = handshake_read(text_string(&socket->early), socket->early.length, answer);
        if (whole > 0)
            return 0;
        if (whole < 0)
            return error_set(error, ERROR_EXEC_BROKEN, "%s: the answer is not HTTP", socket->what);
        if (!answer_more(socket, until))
            return error_set(error, ERROR_EXEC_BROKEN, "%s: the connection ended, or nothing came for %d s",
                             socket->what, LIMIT_REQUEST_MS / 1000);
    }
}

/* The Status object that comes with a refusal; NULL where there is none. A new reference. */
static json_t *refusal_read(struct websocket *socket, const struct handshake_answer *answer, int64_t until)
{
    struct text *bytes = &socket->early;
    size_t wanted = answer->body_length < 0 || answer->body_length > LIMIT_HANDSHAKE_BYTES
                        ? LIMIT_HANDSHAKE_BYTES
                        : (size_t)answer->body_length;
    while (bytes->length - answer->body_at < wanted) {
        int64_t quiet = steady_ms() + BODY_QUIET_MS;
        if (!answer_more(socket, quiet < until ? quiet : until))
            break;
    }
    assert(bytes->bytes && bytes->length >= answer->body_at); /* the header stands in front */
    /* From brace to brace: what surrounds it are the marks of a chunk. */
    const char *start = memchr(bytes->bytes + answer->body_at, '{', bytes->length - answer->body_at);
    const char *end = memrchr(bytes->bytes, '}', bytes->length);
    if (!start || end < start)
        return NULL;
    return json_read(start, (size_t)(end - start) + 1, LIMIT_HANDSHAKE_BYTES, "the answer", NULL);
}

/* An answer other than 101. A gateway in between (502, 504, no Status object) may have passed the request on
 * and lost the answer; the API server itself upgrades before it starts anything. */
static enum opening refused(struct websocket *socket, const struct handshake_answer *answer, int64_t until,
                            struct error *error)
{
    json_t *body = refusal_read(socket, answer, until);
    bool certain = (answer->status >= 300 && answer->status < 500) ||
                   ((answer->status == 500 || answer->status == 503) && json_object_get(body, "status"));
    request_refused(socket->what, answer->status, body, error);
    json_decref(body);
    return certain ? OPENING_REFUSED : OPENING_LOST;
}

static enum opening shake_hands(struct websocket *socket, struct endpoint *endpoint, const char *path,
                                const char *protocols, struct error *error)
{
    char key[HANDSHAKE_KEY_SIZE];
    bool failed;
    int64_t until = steady_ms() + LIMIT_REQUEST_MS;
    char *token = endpoint_token(endpoint, &failed, error);
    if (failed)
        return OPENING_REFUSED;
    struct text request = {0};
    char *whole_path = string_format("%s%s", endpoint_prefix(endpoint), path);
    handshake_key(key);
    handshake_request(&request, endpoint_host(endpoint), whole_path, protocols, key, token);
    int unsent = request_write(socket, &request, until, error);
    explicit_bzero(request.bytes, request.length);
    text_clear(&request);
    free(whole_path);
    free(token);
    if (unsent)
        return OPENING_REFUSED; /* half a request starts nothing */
    struct handshake_answer answer = {0};
    if (answer_read(socket, until, &answer, error))
        return OPENING_LOST;
    if (answer.status != 101)
        return refused(socket, &answer, until, error);
    if (handshake_check(socket->early.bytes, answer.body_at, key, protocols, socket->what, error))
        return OPENING_LOST;
    socket->early_read = answer.body_at;
    return OPENING_DONE;
}

/* ---- frames: wslay's callbacks ---- */

static int ended(struct websocket *socket, const char *how)
{
    if (!socket->ended)
        error_set(&socket->why, ERROR_EXEC_BROKEN, "%s: %s", socket->what, how);
    socket->ended = true;
    return -1;
}

static ssize_t on_receive(wslay_event_context_ptr frames, uint8_t *bytes, size_t size, int flags,
                          void *context)
{
    struct websocket *socket = context;
    size_t length = socket->early.length - socket->early_read;
    (void)flags;
    if (length) {
        length = length < size ? length : size;
        memcpy(bytes, socket->early.bytes + socket->early_read, length);
        socket->early_read += length;
        return (ssize_t)length;
    }
    CURLcode code = curl.easy_recv(socket->connection, bytes, size, &length);
    if (!code && length)
        return (ssize_t)length;
    if (code == CURLE_AGAIN) {
        wslay.set_error(frames, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    wslay.set_error(frames, WSLAY_ERR_CALLBACK_FAILURE);
    return ended(socket, code ? curl.easy_strerror(code) : "the connection ended");
}

static ssize_t on_send(wslay_event_context_ptr frames, const uint8_t *bytes, size_t length, int flags,
                       void *context)
{
    struct websocket *socket = context;
    size_t sent = 0;
    (void)flags;
    CURLcode code = curl.easy_send(socket->connection, bytes, length, &sent);
    if (!code)
        return (ssize_t)sent;
    wslay.set_error(frames, code == CURLE_AGAIN ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return code == CURLE_AGAIN ? -1 : ended(socket, curl.easy_strerror(code));
}

static int on_mask(wslay_event_context_ptr frames, uint8_t *bytes, size_t length, void *context)
{
    (void)frames;
    (void)context;
    return getrandom(bytes, length, 0) == (ssize_t)length ? 0 : -1;
}

static void on_frames_message(wslay_event_context_ptr frames,
                              const struct wslay_event_on_msg_recv_arg *message, void *context)
{
    struct websocket *socket = context;
    (void)frames;
    if (wslay_is_ctrl_frame(message->opcode)) /* wslay has queued the answer to a ping or a close */
        return;
    socket->on_message(socket->context, message->msg, message->msg_length);
}

/* ---- its life ---- */

static void frames_start(struct websocket *socket)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_receive,
        .send_callback = on_send,
        .genmask_callback = on_mask,
        .on_msg_recv_callback = on_frames_message,
    };
    if (wslay.context_client_init(&socket->frames, &callbacks, socket))
        abort(); /* out of memory, see base/memory.h */
    wslay.config_set_max_recv_msg_length(socket->frames, LIMIT_EXEC_MESSAGE_BYTES);
}

enum opening websocket_open(struct endpoint *endpoint, const char *path, const char *protocols,
                            const char *what, websocket_message *on_message, void *context,
                            struct websocket **out, struct error *error)
{
    *out = NULL;
    if (library_load_wslay(error))
        return OPENING_REFUSED;
    CURL *connection = endpoint_connect(endpoint, what, error);
    curl_socket_t descriptor = -1;
    if (!connection)
        return OPENING_REFUSED;
    curl.easy_getinfo(connection, CURLINFO_ACTIVESOCKET, &descriptor);
    struct websocket *socket = memory_new(sizeof *socket);
    *socket = (struct websocket){.connection = connection,
                                 .descriptor = descriptor,
                                 .what = string_copy(what),
                                 .on_message = on_message,
                                 .context = context};
    sigset_t before;
    pipe_signal_hold(&before);
    enum opening opening = shake_hands(socket, endpoint, path, protocols, error);
    pipe_signal_release(&before);
    if (opening == OPENING_DONE) {
        frames_start(socket);
        *out = socket;
    } else {
        websocket_free(socket);
    }
    return opening;
}

/* Whatever can be read and written now. */
static void frames_exchange(struct websocket *socket)
{
    if (wslay.recv(socket->frames))
        ended(socket, "the server does not keep to the WebSocket protocol");
    if (!socket->ended && wslay.want_write(socket->frames) && wslay.send(socket->frames))
        ended(socket, "the connection ended");
    if (wslay.get_close_received(socket->frames))
        ended(socket, "the server closed the connection");
    /* After a fault of protocol wslay reports none: it says goodbye and reads no more. */
    if (!wslay.want_read(socket->frames) && !wslay.want_write(socket->frames))
        ended(socket, "the server does not keep to the WebSocket protocol");
}

bool websocket_poll(struct websocket *socket, int64_t wait_ms, const bool *enough, struct error *error)
{
    int64_t until = steady_ms() + wait_ms;
    sigset_t before;
    pipe_signal_hold(&before);
    for (;;) {
        frames_exchange(socket); /* to its end: TLS may hold bytes that poll() cannot see */
        if (socket->ended || (enough && *enough))
            break;
        short events = wslay.want_write(socket->frames) ? POLLIN | POLLOUT : POLLIN;
        if (!socket_wait(socket, events, until) || steady_ms() > until) /* a flood must not keep us either */
            break;
    }
    pipe_signal_release(&before);
    if (socket->ended && error)
        *error = socket->why;
    return !socket->ended;
}

void websocket_free(struct websocket *socket)
{
    if (!socket)
        return;
    sigset_t before;
    pipe_signal_hold(&before);
    if (socket->frames && !socket->ended && !wslay.queue_close(socket->frames, 1000, NULL, 0))
        wslay.send(socket->frames);
    if (socket->frames)
        wslay.context_free(socket->frames);
    curl.easy_cleanup(socket->connection);
    pipe_signal_release(&before);
    text_clear(&socket->early);
    free(socket->what);
    free(socket);
}
