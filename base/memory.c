#include "base/memory.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void die_without_memory(void)
{
    static const char text[] = "pawl: out of memory: nothing is lost; free some and run `pawl resume`\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written; /* there is nobody left to tell */
    _exit(5);
}

void *memory_new(size_t size)
{
    void *bytes = calloc(1, size ? size : 1);
    if (!bytes)
        die_without_memory();
    return bytes;
}

void *memory_resize(void *old, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        die_without_memory();
    size_t wanted = count * size;
    void *bytes = realloc(old, wanted ? wanted : 1);
    if (!bytes)
        die_without_memory();
    return bytes;
}

char *string_copy(const char *text)
{
    if (!text)
        return NULL;
    size_t size = strlen(text) + 1;
    return memcpy(memory_new(size), text, size);
}

char *string_format_list(const char *format, va_list arguments)
{
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0)
        die_without_memory();
    return text;
}

char *string_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = string_format_list(format, arguments);
    va_end(arguments);
    return text;
}

static void *json_allocate(size_t size)
{
    void *bytes = malloc(size ? size : 1);
    if (!bytes)
        die_without_memory();
    return bytes;
}

void memory_use_for_json(void)
{
    json_set_alloc_funcs(json_allocate, free);
}
