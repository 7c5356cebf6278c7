#include "cluster/live/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

struct curl_functions curl;
struct wslay_functions wslay;

struct symbol {
    const char *name;
    void *at; /* the function pointer to fill */
};

static const struct symbol CURL_SYMBOLS[] = {
#define X(name) {"curl_" #name, &curl.name},
    CURL_FUNCTIONS(X){NULL, NULL},
#undef X
};
static const struct symbol WSLAY_SYMBOLS[] = {
#define X(name) {"wslay_event_" #name, &wslay.name},
    WSLAY_FUNCTIONS(X){NULL, NULL},
#undef X
};

static struct library {
    const char *file, *package;
    const struct symbol *symbols;
    pthread_mutex_t mutex;
    bool loaded;
} curl_library = {"libcurl.so.4", "libcurl4", CURL_SYMBOLS, PTHREAD_MUTEX_INITIALIZER, false},
  wslay_library = {"libwslay.so.1", "libwslay1", WSLAY_SYMBOLS, PTHREAD_MUTEX_INITIALIZER, false};

static int fill(const struct library *library, struct error *error)
{
    void *shared = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
    for (const struct symbol *symbol = library->symbols; shared && symbol->name; symbol++) {
        void *found = dlsym(shared, symbol->name);
        if (!found) {
            dlclose(shared);
            shared = NULL;
        } else {
            memcpy(symbol->at, &found, sizeof found); /* ISO C has no cast from object to function */
        }
    }
    if (shared)
        return 0;
    const char *why = dlerror();
    error_set(error, ERROR_SYSTEM, "cannot load %s: %s", library->file, why ? why : "no reason given");
    return error_next(error, "apt-get install %s", library->package);
}

static int load_once(struct library *library, struct error *error)
{
    pthread_mutex_lock(&library->mutex);
    int result = 0;
    if (!library->loaded)
        result = fill(library, error);
    if (!result && !library->loaded && library == &curl_library && curl.global_init(CURL_GLOBAL_DEFAULT))
        result = error_set(error, ERROR_SYSTEM, "libcurl does not start");
    library->loaded = library->loaded || !result;
    pthread_mutex_unlock(&library->mutex);
    return result;
}

int library_load_curl(struct error *error)
{
    return load_once(&curl_library, error);
}

int library_load_wslay(struct error *error)
{
    return load_once(&wslay_library, error);
}
