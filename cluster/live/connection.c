#include "cluster/live/connection.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"

#define IDLE_MAX         LIMIT_WORKERS
#define ALIVE_IDLE_S     15L /* a peer that vanished is noticed after a minute */
#define ALIVE_INTERVAL_S 15L
#define CONNECT_MS       10000L

struct endpoint {
    const struct kubeconfig *kubeconfig;
    char *host, *prefix;
    bool on_loopback; /* never through a proxy */
    pthread_mutex_t mutex;
    CURL *idle[IDLE_MAX];
    size_t idle_count;
};

/* ---- the endpoint ---- */

static bool host_is_loopback(const char *host)
{
    size_t length = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    return !strncmp(host, "127.", 4) || (length == 5 && !strncmp(host, "[::1]", 5)) ||
           (length == 9 && !strncmp(host, "localhost", 9));
}

struct endpoint *endpoint_new(const struct kubeconfig *kubeconfig, struct error *error)
{
    if (library_load_curl(error))
        return NULL;
    struct endpoint *endpoint = memory_new(sizeof *endpoint);
    const char *host = strstr(kubeconfig->server, "://") + 3;
    size_t length = strcspn(host, "/");
    endpoint->kubeconfig = kubeconfig;
    endpoint->host = string_format("%.*s", (int)length, host);
    endpoint->prefix = string_copy(host + length);
    endpoint->on_loopback = host_is_loopback(endpoint->host);
    pthread_mutex_init(&endpoint->mutex, NULL);
    return endpoint;
}

void endpoint_free(struct endpoint *endpoint)
{
    if (!endpoint)
        return;
    sigset_t before;
    pipe_signal_hold(&before); /* closing TLS writes */
    while (endpoint->idle_count)
        curl.easy_cleanup(endpoint->idle[--endpoint->idle_count]);
    pipe_signal_release(&before);
    pthread_mutex_destroy(&endpoint->mutex);
    free(endpoint->host);
    free(endpoint->prefix);
    free(endpoint);
}

const char *endpoint_server(const struct endpoint *endpoint)
{
    return endpoint->kubeconfig->server;
}

const char *endpoint_host(const struct endpoint *endpoint)
{
    return endpoint->host;
}

const char *endpoint_prefix(const struct endpoint *endpoint)
{
    return endpoint->prefix;
}

char *endpoint_token(const struct endpoint *endpoint, bool *failed, struct error *error)
{
    const char *path = endpoint->kubeconfig->token_file;
    *failed = false;
    if (!path)
        return string_copy(endpoint->kubeconfig->token);
    size_t length;
    char *token = file_read(path, LIMIT_TOKEN_BYTES, &length, error);
    if (!token) {
        *failed = true;
        if (error)
            error->code = ERROR_CLUSTER_DENIED;
        error_context(error, "tokenFile");
        return NULL;
    }
    token[strcspn(token, "\r\n")] = '\0';
    return token;
}

/* ---- SIGPIPE ---- */

static sigset_t pipe_signal(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

void pipe_signal_hold(sigset_t *before)
{
    sigset_t set = pipe_signal();
    pthread_sigmask(SIG_BLOCK, &set, before);
}

void pipe_signal_release(const sigset_t *before)
{
    sigset_t set = pipe_signal();
    struct timespec now = {0, 0};
    if (!sigismember(before, SIGPIPE))
        while (sigtimedwait(&set, NULL, &now) > 0)
            ;
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* ---- connections ---- */

/* A file's path, or its bytes. */
static void set_credential(CURL *connection, CURLoption path_option, CURLoption bytes_option,
                           const struct credential *credential)
{
    if (credential->path)
        curl.easy_setopt(connection, path_option, credential->path);
    if (!credential->bytes)
        return;
    struct curl_blob blob = {credential->bytes, credential->length, CURL_BLOB_NOCOPY};
    curl.easy_setopt(connection, bytes_option, &blob);
}

/* tls-server-name: libcurl takes the name to verify from the URL, so the URL gets that name and the
 * connection goes where the kubeconfig says. */
static char *url_for_name(const char *url, const char *host, const char *name)
{
    const char *at = strstr(url, host);
    const char *port = host[0] == '[' ? strchr(host, ']') + 1 : strchr(host, ':');
    return string_format("%.*s%s%s%s", (int)(at - url), url, name, port ? port : "", at + strlen(host));
}

static struct curl_slist *set_url(CURL *connection, const struct endpoint *endpoint, const char *url)
{
    const char *name = endpoint->kubeconfig->tls_server_name;
    if (!name) {
        curl.easy_setopt(connection, CURLOPT_URL, url);
        return NULL;
    }
    char *named = url_for_name(url, endpoint->host, name);
    char *route = string_format("::%s", endpoint->host);
    struct curl_slist *routes = curl.slist_append(NULL, route);
    curl.easy_setopt(connection, CURLOPT_URL, named);
    curl.easy_setopt(connection, CURLOPT_CONNECT_TO, routes);
    free(route);
    free(named);
    return routes;
}

static void set_common(CURL *connection, const struct endpoint *endpoint, const char *url, char *reason)
{
    const struct kubeconfig *kubeconfig = endpoint->kubeconfig;
    /* The list must live as long as the connection does: kept with it, freed when it is prepared anew. */
    struct curl_slist *routes = set_url(connection, endpoint, url);
    curl.easy_setopt(connection, CURLOPT_PRIVATE, routes);
    curl.easy_setopt(connection, CURLOPT_ERRORBUFFER, reason);
    curl.easy_setopt(connection, CURLOPT_NOSIGNAL, 1L);
    curl.easy_setopt(connection, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl.easy_setopt(connection, CURLOPT_PROTOCOLS_STR, "http,https");
    curl.easy_setopt(connection, CURLOPT_USERAGENT, "pawl");
    curl.easy_setopt(connection, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl.easy_setopt(connection, CURLOPT_TCP_KEEPALIVE, 1L);
    curl.easy_setopt(connection, CURLOPT_TCP_KEEPIDLE, ALIVE_IDLE_S);
    curl.easy_setopt(connection, CURLOPT_TCP_KEEPINTVL, ALIVE_INTERVAL_S);
    curl.easy_setopt(connection, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (endpoint->on_loopback)
        curl.easy_setopt(connection, CURLOPT_PROXY, "");
    if (kubeconfig->insecure_skip_tls_verify) {
        curl.easy_setopt(connection, CURLOPT_SSL_VERIFYPEER, 0L);
        curl.easy_setopt(connection, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (kubeconfig->authority.path || kubeconfig->authority.bytes)
        curl.easy_setopt(connection, CURLOPT_CAPATH, NULL); /* that authority and no other */
    set_credential(connection, CURLOPT_CAINFO, CURLOPT_CAINFO_BLOB, &kubeconfig->authority);
    set_credential(connection, CURLOPT_SSLCERT, CURLOPT_SSLCERT_BLOB, &kubeconfig->certificate);
    set_credential(connection, CURLOPT_SSLKEY, CURLOPT_SSLKEY_BLOB, &kubeconfig->key);
}

static void routes_free(CURL *connection)
{
    struct curl_slist *routes = NULL;
    curl.easy_getinfo(connection, CURLINFO_PRIVATE, &routes);
    curl.easy_setopt(connection, CURLOPT_CONNECT_TO, NULL);
    curl.easy_setopt(connection, CURLOPT_PRIVATE, NULL);
    curl.slist_free_all(routes);
}

CURL *connection_take(struct endpoint *endpoint, const char *url, char *reason)
{
    pthread_mutex_lock(&endpoint->mutex);
    CURL *connection = endpoint->idle_count ? endpoint->idle[--endpoint->idle_count] : NULL;
    pthread_mutex_unlock(&endpoint->mutex);
    if (connection)
        curl.easy_reset(connection); /* options only: the connection itself stays */
    else
        connection = curl.easy_init();
    if (!connection)
        abort(); /* out of memory, see base/memory.h */
    set_common(connection, endpoint, url, reason);
    return connection;
}

void connection_give_back(struct endpoint *endpoint, CURL *connection, bool reusable)
{
    routes_free(connection);
    curl.easy_reset(connection); /* it points to what its caller owned */
    pthread_mutex_lock(&endpoint->mutex);
    bool kept = reusable && endpoint->idle_count < IDLE_MAX;
    if (kept)
        endpoint->idle[endpoint->idle_count++] = connection;
    pthread_mutex_unlock(&endpoint->mutex);
    if (kept)
        return;
    sigset_t before;
    pipe_signal_hold(&before);
    curl.easy_cleanup(connection);
    pipe_signal_release(&before);
}

int connection_failed(const struct endpoint *endpoint, const char *what, CURLcode code, const char *reason,
                      struct error *error)
{
    static const struct {
        CURLcode code;
        const char *next;
    } denied[] = {
        {CURLE_PEER_FAILED_VERIFICATION,
         "is this the right certificate-authority for that server? tls-server-name may be missing"},
        {CURLE_SSL_CERTPROBLEM, "look at the client certificate and key in the kubeconfig"},
        {CURLE_SSL_CACERT_BADFILE, "look at the certificate-authority in the kubeconfig"},
    };
    const char *said = *reason ? reason : curl.easy_strerror(code);
    for (size_t i = 0; i < sizeof denied / sizeof *denied; i++) {
        if (denied[i].code != code)
            continue;
        error_set(error, ERROR_CLUSTER_DENIED, "%s: %s: %s", what, endpoint_server(endpoint), said);
        return error_next(error, "%s", denied[i].next);
    }
    return error_set(error, ERROR_CLUSTER_UNREACHABLE, "%s: %s: %s", what, endpoint_server(endpoint), said);
}

CURL *endpoint_connect(struct endpoint *endpoint, const char *what, struct error *error)
{
    char reason[CURL_ERROR_SIZE] = "";
    sigset_t before;
    CURL *connection = curl.easy_init();
    if (!connection)
        abort();
    set_common(connection, endpoint, endpoint_server(endpoint), reason);
    curl.easy_setopt(connection, CURLOPT_CONNECT_ONLY, 1L);
    pipe_signal_hold(&before);
    CURLcode code = curl.easy_perform(connection);
    curl.easy_setopt(connection, CURLOPT_ERRORBUFFER, NULL);
    routes_free(connection);
    if (code) {
        curl.easy_cleanup(connection);
        connection = NULL;
        connection_failed(endpoint, what, code, reason, error);
    }
    pipe_signal_release(&before);
    return connection;
}
