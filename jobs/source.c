#include "jobs/source.h"

#include <string.h>

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
    static const struct {
        unsigned char mask, lead;
        long least; /* shorter forms exist below it */
    } forms[] = {{0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};
    const unsigned char *bytes = (const unsigned char *)at;
    *code = -1;
    for (size_t more = 0; more < 4; more++) {
        if ((bytes[0] & forms[more].mask) != forms[more].lead)
            continue;
        long point = bytes[0] & (unsigned char)~forms[more].mask;
        for (size_t i = 1; i <= more; i++) {
            if ((bytes[i] & 0xC0) != 0x80)
                return 1;
            point = point << 6 | (bytes[i] & 0x3F);
        }
        if (point < forms[more].least || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
            return 1;
        *code = point;
        return more + 1;
    }
    return 1;
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
