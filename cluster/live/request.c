#include "cluster/live/request.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/live/connection.h"

#define RETRY_AFTER_LEAST_MS 1000 /* a server that says 0 means soon, not at once */

/* ---- the answer, as it arrives ---- */

struct arrival {
    struct text body;
    bool too_large;
    int64_t retry_after_ms; /* -1: not said */
};

static size_t body_arrives(char *bytes, size_t size, size_t count, void *context)
{
    struct arrival *arrival = context;
    arrival->too_large = arrival->body.length + size * count > LIMIT_JSON_BYTES;
    if (arrival->too_large)
        return 0; /* ends the transfer */
    text_append(&arrival->body, bytes, size * count);
    return size * count;
}

/* Retry-After in seconds; the API server never gives a date. */
static size_t header_arrives(char *bytes, size_t size, size_t count, void *context)
{
    static const char name[] = "retry-after:";
    struct arrival *arrival = context;
    size_t length = size * count;
    if (length <= strlen(name) || strncasecmp(bytes, name, strlen(name)))
        return length;
    int64_t seconds = 0;
    size_t at = strlen(name);
    while (at < length && (bytes[at] == ' ' || bytes[at] == '\t'))
        at++;
    if (at == length || !isdigit((unsigned char)bytes[at]))
        return length;
    for (; at < length && isdigit((unsigned char)bytes[at]) && seconds < 86400; at++)
        seconds = seconds * 10 + (bytes[at] - '0');
    arrival->retry_after_ms = seconds ? seconds * 1000 : RETRY_AFTER_LEAST_MS;
    return length;
}

/* ---- one exchange ---- */

static struct curl_slist *headers_add(struct curl_slist *headers, const char *name, const char *value)
{
    char *line = string_format("%s: %s", name, value);
    headers = curl.slist_append(headers, line);
    explicit_bzero(line, strlen(line)); /* may hold a token */
    free(line);
    return headers;
}

static int headers_make(struct endpoint *endpoint, const struct request *request, struct curl_slist **out,
                        struct error *error)
{
    bool failed = false;
    char *token = endpoint_token(endpoint, &failed, error);
    struct curl_slist *headers = NULL;
    if (failed)
        return -1;
    headers = headers_add(headers, "Accept", request->accept ? request->accept : "application/json");
    headers = curl.slist_append(headers, "Expect:"); /* no waiting for 100 Continue */
    if (request->body)
        headers = headers_add(headers, "Content-Type",
                              request->content_type ? request->content_type : "application/json");
    if (token) {
        char *bearer = string_format("Bearer %s", token);
        headers = headers_add(headers, "Authorization", bearer);
        explicit_bzero(bearer, strlen(bearer));
        free(bearer);
        explicit_bzero(token, strlen(token));
        free(token);
    }
    *out = headers;
    return 0;
}

static bool is_read(const struct request *request)
{
    return !strcmp(request->method, "GET");
}

static void prepare(CURL *connection, const struct request *request, const char *body,
                    struct curl_slist *headers, struct arrival *arrival, int64_t left_ms)
{
    curl.easy_setopt(connection, CURLOPT_CUSTOMREQUEST, request->method);
    curl.easy_setopt(connection, CURLOPT_HTTPHEADER, headers);
    curl.easy_setopt(connection, CURLOPT_TIMEOUT_MS, (long)left_ms);
    curl.easy_setopt(connection, CURLOPT_WRITEFUNCTION, body_arrives);
    curl.easy_setopt(connection, CURLOPT_WRITEDATA, arrival);
    curl.easy_setopt(connection, CURLOPT_HEADERFUNCTION, header_arrives);
    curl.easy_setopt(connection, CURLOPT_HEADERDATA, arrival);
    if (!is_read(request)) /* see the header: never over a connection that may be dead */
        curl.easy_setopt(connection, CURLOPT_FRESH_CONNECT, 1L);
    if (body) {
        curl.easy_setopt(connection, CURLOPT_POSTFIELDS, body);
        curl.easy_setopt(connection, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    }
}

/* One request and its answer, whatever its status. -1: there was no whole answer. */
static int exchange(struct endpoint *endpoint, const struct request *request, int64_t left_ms,
                    struct arrival *arrival, long *status, struct error *error)
{
    char reason[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    if (headers_make(endpoint, request, &headers, error))
        return -1;
    char *url = string_format("%s%s", endpoint_server(endpoint), request->path);
    char *body = request->body ? json_canonical(request->body) : NULL;
    CURL *connection = connection_take(endpoint, url, reason);
    prepare(connection, request, body, headers, arrival, left_ms);
    sigset_t before;
    pipe_signal_hold(&before);
    CURLcode code = curl.easy_perform(connection);
    pipe_signal_release(&before);
    curl.easy_getinfo(connection, CURLINFO_RESPONSE_CODE, status);
    connection_give_back(endpoint, connection, !code);
    curl.slist_free_all(headers);
    free(body);
    free(url);
    if (!code)
        return 0;
    *status = 0;
    if (arrival->too_large)
        return error_set(error, ERROR_LIMIT, "%s: the answer is larger than %d bytes", request->what,
                         LIMIT_JSON_BYTES);
    return connection_failed(endpoint, request->what, code, reason, error);
}

/* ---- what a status means ---- */

static enum error_code code_of_status(long status)
{
    static const struct {
        long status;
        enum error_code code;
    } codes[] = {{401, ERROR_CLUSTER_DENIED},   {403, ERROR_CLUSTER_DENIED}, {404, ERROR_NOT_FOUND},
                 {409, ERROR_CLUSTER_CONFLICT}, {429, ERROR_CLUSTER_BUSY},   {408, ERROR_CLUSTER_BUSY}};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].status == status)
            return codes[i].code;
    return status >= 500 ? ERROR_CLUSTER_BUSY : ERROR_CLUSTER_ANSWER;
}

int request_refused(const char *what, long status, const json_t *body, struct error *error)
{
    const char *message = json_text(body, "message", "");
    error_set(error, code_of_status(status), "%s: %s%sHTTP status %ld%s", what, message, *message ? " (" : "",
              status, *message ? ")" : "");
    if (status == 401)
        return error_next(error, "the API server does not accept these credentials: look at the kubeconfig");
    if (status == 403)
        return error_next(error, "ask the cluster's administrator for this permission");
    if (status == 404 && !*message) /* the API server's 404 for a path that it does not serve */
        return error_next(error,
                          "does the cluster have this kind of object? kubectl api-resources lists them");
    return -1;
}

static int answer_read(const struct request *request, struct arrival *arrival, long status, json_t **out,
                       struct error *error)
{
    struct error malformed = {0};
    json_t *body = json_read(text_string(&arrival->body), arrival->body.length, LIMIT_JSON_BYTES,
                             "the answer", &malformed);
    if (status >= 200 && status < 300 && body) {
        *out = body;
        return 0;
    }
    if (status >= 200 && status < 300)
        return error_set(error, ERROR_CLUSTER_ANSWER, "%s: %s", request->what, malformed.message);
    request_refused(request->what, status, body, error);
    json_decref(body);
    if (error && arrival->retry_after_ms >= 0)
        error_next(error, "the API server asks to be left alone for %lld s",
                   (long long)arrival->retry_after_ms / 1000);
    return -1;
}

static void wait_ms(int64_t ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&time, &time))
        ;
}

int request_send(struct endpoint *endpoint, const struct request *request, json_t **out, long *status,
                 struct error *error)
{
    struct clock *clock = clock_system();
    int64_t until = clock->steady_ms(clock) + LIMIT_REQUEST_MS, left = LIMIT_REQUEST_MS;
    *out = NULL;
    for (;;) {
        struct arrival arrival = {.retry_after_ms = -1};
        long answered = 0;
        int result = exchange(endpoint, request, left, &arrival, &answered, error);
        if (!result)
            result = answer_read(request, &arrival, answered, out, error);
        text_clear(&arrival.body);
        if (status)
            *status = answered;
        left = until - clock->steady_ms(clock);
        bool again = result && is_read(request) && arrival.retry_after_ms >= 0 &&
                     code_of_status(answered) == ERROR_CLUSTER_BUSY && arrival.retry_after_ms < left;
        if (!again)
            return result;
        wait_ms(arrival.retry_after_ms);
        left = until - clock->steady_ms(clock);
    }
}
