/* A command in a container: Kubernetes' remote command protocol over a WebSocket. Each message begins with
 * the number of its channel; the outcome comes on one of its own, and where it does not come, nobody knows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/live/live_cluster.h"
#include "cluster/live/websocket.h"

/* v5 first, for servers that do without v4 one day; Kubernetes 1.20 picks v4. For us they are the same. */
#define PROTOCOLS "v5.channel.k8s.io, v4.channel.k8s.io"
#define LINGER_MS 500 /* for output that is still on its way behind the outcome */

enum { CHANNEL_STDOUT = 1, CHANNEL_STDERR = 2, CHANNEL_STATUS = 3 };

struct capture {
    struct text text;
    bool cut;
};

struct exec {
    struct websocket *socket; /* NULL: the connection was lost before it was one */
    struct capture out, err;
    struct text status; /* the outcome, as it comes */
    json_t *outcome;    /* the whole of it; NULL: not yet */
    bool has_outcome;   /* ends websocket_poll */
    struct exec_result result;
    char what[256];
};

/* ---- what arrives ---- */

/* Callers read C strings: a NUL byte becomes the replacement character. */
static void capture_add(struct capture *capture, const char *bytes, size_t length)
{
    static const char marker[] = "\n[pawl: cut here, more than 1 MiB]\n";
    if (capture->cut)
        return;
    for (size_t at = 0; at < length;) {
        size_t piece = strnlen(bytes + at, length - at);
        text_append(&capture->text, bytes + at, piece);
        at += piece;
        if (at < length) {
            text_add(&capture->text, "\xEF\xBF\xBD");
            at++;
        }
    }
    if (capture->text.length <= LIMIT_CAPTURE_BYTES)
        return;
    capture->cut = true;
    capture->text.length = LIMIT_CAPTURE_BYTES - sizeof marker;
    text_add(&capture->text, marker);
}

static void status_add(struct exec *exec, const char *bytes, size_t length)
{
    if (exec->has_outcome || exec->status.length + length > LIMIT_EXEC_STATUS_BYTES)
        return;
    text_append(&exec->status, bytes, length);
    exec->outcome = json_read(text_string(&exec->status), exec->status.length, LIMIT_EXEC_STATUS_BYTES,
                              "the outcome", NULL);
    exec->has_outcome = exec->outcome != NULL;
}

static void on_message(void *context, const unsigned char *bytes, size_t length)
{
    struct exec *exec = context;
    if (length < 2) /* empty ones come, one on stdout at the start */
        return;
    const char *content = (const char *)bytes + 1;
    if (bytes[0] == CHANNEL_STDOUT)
        capture_add(&exec->out, content, length - 1);
    else if (bytes[0] == CHANNEL_STDERR)
        capture_add(&exec->err, content, length - 1);
    else if (bytes[0] == CHANNEL_STATUS)
        status_add(exec, content, length - 1);
}

/* ---- the outcome ---- */

/* The exit code among the causes of a failure; -1 where it is not there. */
static int exit_code_of(const json_t *outcome)
{
    size_t at;
    json_t *cause;
    json_array_foreach(json_at(outcome, "details", "causes", NULL), at, cause)
    {
        if (strcmp(json_text(cause, "reason", ""), "ExitCode"))
            continue;
        char *end;
        const char *text = json_text(cause, "message", "");
        long code = strtol(text, &end, 10);
        return *text && !*end && code >= 0 && code < 256 ? (int)code : -1;
    }
    return -1;
}

/* What a shell would leave with where the container runtime could not start the program at all. */
static int exit_code_of_runtime(const char *message)
{
    static const struct {
        const char *words;
        int code;
    } known[] = {
        {"executable file not found", 127}, {"no such file or directory", 127}, {"permission denied", 126}};
    if (!strstr(message, "exec failed") && !strstr(message, "failed to start exec"))
        return -1;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(message, known[i].words))
            return known[i].code;
    return -1;
}

/* The status that the outcome tells; -1 where it tells none. */
static int outcome_code(struct exec *exec)
{
    const char *status = json_text(exec->outcome, "status", "");
    const char *message = json_text(exec->outcome, "message", "");
    if (!strcmp(status, "Success"))
        return 0;
    if (strcmp(status, "Failure"))
        return -1;
    int code = exit_code_of(exec->outcome);
    if (code >= 0)
        return code;
    code = exit_code_of_runtime(message);
    if (code > 0)
        capture_add(&exec->err, message, strlen(message));
    return code;
}

/* A failure with the exit code 0 contradicts itself: nobody knows what became of the command. */
static void outcome_read(struct exec *exec)
{
    struct exec_result *result = &exec->result;
    const char *message = json_text(exec->outcome, "message", "");
    int code = outcome_code(exec);
    bool fails = strcmp(json_text(exec->outcome, "status", ""), "Success") != 0;
    result->ended = true;
    result->known = fails ? code > 0 : code == 0;
    result->exit_status = result->known ? code : 0;
    if (fails && code == 0)
        error_set(&result->error, ERROR_EXEC_BROKEN, "%s: the outcome says failure, and the exit code 0",
                  exec->what);
    else if (!result->known)
        error_set(&result->error, ERROR_EXEC_BROKEN, "%s: %s", exec->what,
                  *message ? message : "the outcome says neither success nor an exit code");
}

/* ---- the calls ---- */

static char *exec_path(const struct resource *pod, const char *container, const char *const *arguments,
                       struct error *error)
{
    struct text query = {0};
    text_add(&query, "?stdout=true&stderr=true");
    if (container) {
        text_add(&query, "&container=");
        escape_add(&query, container);
    }
    for (; *arguments; arguments++) {
        text_add(&query, "&command=");
        escape_add(&query, *arguments);
    }
    char *path = resource_path(pod, "/exec", text_string(&query), error);
    text_clear(&query);
    return path;
}

int live_exec_begin(struct cluster *cluster, const char *namespace, const char *pod, const char *container,
                    const char *const *arguments, struct exec **out, struct error *error)
{
    struct resource resource = {"", "v1", "pods", namespace, pod};
    char *path = exec_path(&resource, container, arguments, error);
    *out = NULL;
    if (!path)
        return -1;
    struct exec *exec = memory_new(sizeof *exec);
    struct error cause = {0};
    snprintf(exec->what, sizeof exec->what, "exec in %s/%s", namespace, pod);
    enum opening opening = websocket_open(live_of(cluster)->endpoint, path, PROTOCOLS, exec->what, on_message,
                                          exec, &exec->socket, &cause);
    free(path);
    if (opening == OPENING_REFUSED) {
        live_exec_free(exec);
        if (error)
            *error = cause;
        return -1;
    }
    if (opening == OPENING_LOST)
        exec->result = (struct exec_result){.ended = true, .known = false, .error = cause};
    *out = exec;
    return 0;
}

void live_exec_poll(struct exec *exec, int64_t wait_ms, struct exec_result *result)
{
    if (!exec->result.ended) {
        struct error cause = {0};
        bool alive = websocket_poll(exec->socket, wait_ms, &exec->has_outcome, &cause);
        if (exec->has_outcome && alive)
            websocket_poll(exec->socket, LINGER_MS, NULL, NULL);
        if (exec->has_outcome)
            outcome_read(exec);
        else if (!alive)
            exec->result = (struct exec_result){.ended = true, .known = false, .error = cause};
    }
    *result = exec->result;
}

void live_exec_output(const struct exec *exec, const char **out, const char **err)
{
    *out = text_string(&exec->out.text);
    *err = text_string(&exec->err.text);
}

void live_exec_free(struct exec *exec)
{
    if (!exec)
        return;
    websocket_free(exec->socket);
    text_clear(&exec->out.text);
    text_clear(&exec->err.text);
    text_clear(&exec->status);
    json_decref(exec->outcome);
    free(exec);
}
