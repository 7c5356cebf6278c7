#include "jobs/source.h"

#include <string.h>

#include "base/text.h"

size_t source_break(const char *at)
{
    static const char *const breaks[] = {"\r\n", "\n", "\r", "\xC2\x85", "\xE2\x80\xA8", "\xE2\x80\xA9"};
    if (*at != '\r' && *at != '\n' && *at != '\xC2' && *at != '\xE2')
        return 0;
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++)
        if (!strncmp(at, breaks[i], strlen(breaks[i])))
            return strlen(breaks[i]);
    return 0;
}

size_t source_character(const char *at, long *code)
{
    size_t length = *at ? utf8_length(at, strnlen(at, 4)) : 1; /* the NUL at the end is one, too */
    *code = length ? (long)utf8_code(at, length) : -1;
    return length ? length : 1;
}

const char *source_line(const char *source, int line, size_t *length)
{
    const char *at = source;
    for (; line > 1 && *at; at += source_break(at) ? source_break(at) : 1)
        if (source_break(at))
            line--;
    size_t bytes = 0;
    while (line == 1 && at[bytes] && !source_break(at + bytes))
        bytes++;
    *length = bytes;
    return at;
}
