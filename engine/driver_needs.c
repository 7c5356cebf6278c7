/* What a driver needs of the system, asked before its loop is made: where libuv cannot have its descriptors
 * or its threads it ends the process without a word. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/limits.h"
#include "engine/driver.h"

#define DESCRIPTORS 16 /* the loop's own; with the first body's */

static int need_descriptors(struct error *error)
{
    int files[DESCRIPTORS], count = 0, result = 0;
    while (count < DESCRIPTORS && (files[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    if (count < DESCRIPTORS)
        result = error_set_errno(error, ERROR_SYSTEM,
                                 "only %d of the %d descriptors that a driver needs can be opened", count,
                                 DESCRIPTORS);
    while (count--)
        close(files[count]);
    return result;
}

static void *wait_for_others(void *mutex)
{
    pthread_mutex_lock(mutex);
    pthread_mutex_unlock(mutex);
    return NULL;
}

/* All at once, as they will be. */
static int need_threads(struct error *error)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[LIMIT_WORKERS];
    int count = 0, cause = 0;
    pthread_mutex_lock(&mutex);
    while (count < LIMIT_WORKERS && !(cause = pthread_create(&threads[count], NULL, wait_for_others, &mutex)))
        count++;
    pthread_mutex_unlock(&mutex);
    int made = count;
    while (count--)
        pthread_join(threads[count], NULL);
    if (!cause)
        return 0;
    errno = cause;
    error_set_errno(error, ERROR_SYSTEM, "only %d of the %d threads that a driver needs can be started", made,
                    LIMIT_WORKERS);
    return error_next(error,
                      "raise the limits of memory (ulimit -v) and processes (ulimit -u), then try again: "
                      "nothing is lost");
}

bool driver_is_possible(struct error *error)
{
    return !need_descriptors(error) && !need_threads(error);
}
