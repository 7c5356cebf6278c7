/* What the preloaded libraries of the tests share: the C library's own functions, and being handed on to
 * children, since pawl gives its keepers and their programs next to no environment. */
#ifndef PAWL_TESTS_PRELOAD_H
#define PAWL_TESTS_PRELOAD_H

#include <dlfcn.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Declares `next`: the C library's own function of a name. */
#define NEXT(name)                                                                                           \
    static __typeof__(&name) next;                                                                           \
    if (!next)                                                                                               \
    next = (__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name)

#define HANDED_ON_LIMIT   8
#define ENVIRONMENT_LIMIT 128

/* The environment of a program that is about to be executed, larger by those of `names` (at most
 * HANDED_ON_LIMIT) that are set here. It stands in static memory: this runs between fork and exec, where only
 * what is safe there may be called. */
static char **hand_on(char *const environment[], const char *const *names, int name_count)
{
    static char texts[HANDED_ON_LIMIT][PATH_MAX + 104];
    static char *larger[ENVIRONMENT_LIMIT];
    int count = 0;
    for (; environment && environment[count] && count < ENVIRONMENT_LIMIT - HANDED_ON_LIMIT; count++)
        larger[count] = environment[count];
    for (int i = 0; i < name_count; i++) {
        const char *value = getenv(names[i]);
        if (!value)
            continue;
        snprintf(texts[i], sizeof texts[i], "%s=%s", names[i], value);
        larger[count++] = texts[i];
    }
    larger[count] = NULL;
    return larger;
}

#endif
