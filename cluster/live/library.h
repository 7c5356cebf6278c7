/* libcurl and libwslay, loaded when a live cluster is first spoken to: without them pawl starts in a
 * millisecond, with them in ten. `curl` and `wslay` are tables of their functions, filled once. */
#ifndef PAWL_CLUSTER_LIVE_LIBRARY_H
#define PAWL_CLUSTER_LIVE_LIBRARY_H

#include <curl/curl.h>
#include <wslay/wslay.h>

#include "base/error.h"

/* X(function without its prefix) */
#define CURL_FUNCTIONS(X)                                                                                    \
    X(global_init)                                                                                           \
    X(easy_init)                                                                                             \
    X(easy_setopt)                                                                                           \
    X(easy_getinfo)                                                                                          \
    X(easy_perform)                                                                                          \
    X(easy_reset)                                                                                            \
    X(easy_cleanup)                                                                                          \
    X(easy_send)                                                                                             \
    X(easy_recv)                                                                                             \
    X(easy_strerror)                                                                                         \
    X(slist_append)                                                                                          \
    X(slist_free_all)
#define WSLAY_FUNCTIONS(X)                                                                                   \
    X(context_client_init)                                                                                   \
    X(context_free)                                                                                          \
    X(config_set_max_recv_msg_length)                                                                        \
    X(recv)                                                                                                  \
    X(send)                                                                                                  \
    X(want_write)                                                                                            \
    X(want_read)                                                                                             \
    X(queue_close)                                                                                           \
    X(set_error)                                                                                             \
    X(get_close_received)

struct curl_functions {
#define X(name) __typeof__(curl_##name) *name;
    CURL_FUNCTIONS(X)
#undef X
};
struct wslay_functions {
#define X(name) __typeof__(wslay_event_##name) *name;
    WSLAY_FUNCTIONS(X)
#undef X
};

extern struct curl_functions curl;
extern struct wslay_functions wslay;

/* Load them, once for the process; ERROR_SYSTEM names what is missing and how to get it. */
int library_load_curl(struct error *error);
int library_load_wslay(struct error *error);

#endif
