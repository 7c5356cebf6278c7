#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static void text_reserve(struct text *text, size_t more)
{
    size_t wanted = text->length + more + 1;
    if (wanted <= text->capacity)
        return;
    size_t capacity = text->capacity ? text->capacity : 256;
    while (capacity < wanted)
        capacity *= 2;
    text->bytes = memory_resize(text->bytes, capacity, 1);
    text->capacity = capacity;
}

void text_append(struct text *text, const void *bytes, size_t length)
{
    text_reserve(text, length);
    if (length)
        memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void text_add(struct text *text, const char *string)
{
    text_append(text, string, strlen(string));
}

void text_format(struct text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    text_reserve(text, 0);
    size_t room = text->capacity - text->length;
    int length = vsnprintf(text->bytes + text->length, room, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length >= room) {
        text_reserve(text, (size_t)length);
        vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
    }
    if (length > 0)
        text->length += (size_t)length;
    text->bytes[text->length] = '\0';
    va_end(again);
}

char *text_take(struct text *text)
{
    char *bytes = text->bytes ? text->bytes : string_copy("");
    *text = (struct text){0};
    return bytes;
}

const char *text_string(const struct text *text)
{
    return text->bytes ? text->bytes : "";
}

void text_clear(struct text *text)
{
    free(text->bytes);
    *text = (struct text){0};
}

size_t utf8_length(const char *text, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    if (!length || bytes[0] < 0x80)
        return length > 0;
    size_t wanted = bytes[0] < 0xC2 ? 0 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : bytes[0] < 0xF5 ? 4 : 0;
    if (!wanted || wanted > length)
        return 0;
    for (size_t i = 1; i < wanted; i++)
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (bytes[0] == 0xE0 && bytes[1] < 0xA0) || (bytes[0] == 0xF0 && bytes[1] < 0x90);
    bool surrogate = bytes[0] == 0xED && bytes[1] >= 0xA0, beyond = bytes[0] == 0xF4 && bytes[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : wanted;
}

uint32_t utf8_code(const char *bytes, size_t length)
{
    static const unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = length ? (unsigned char)bytes[0] & masks[length] : 0;
    for (size_t i = 1; i < length; i++)
        code = code << 6 | ((unsigned char)bytes[i] & 0x3F);
    return code;
}

size_t utf8_count(const char *bytes, size_t length)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += (bytes[i] & 0xC0) != 0x80;
    return count;
}

bool utf8_is_valid(const char *bytes, size_t length)
{
    for (size_t at = 0, size; at < length; at += size) {
        size = (unsigned char)bytes[at] < 0x80 ? 1
                                               : utf8_length(bytes + at, length - at); /* most are ASCII */
        if (!size)
            return false;
    }
    return true;
}

bool character_deceives(uint32_t c)
{
    static const uint32_t ranges[][2] = {{0x00, 0x1F},     {0x7F, 0x9F},      {0xAD, 0xAD},
                                         {0x61C, 0x61C},   {0x180E, 0x180E},  {0x200B, 0x200F},
                                         {0x2028, 0x202E}, {0x2060, 0x206F},  {0xFEFF, 0xFEFF},
                                         {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

size_t text_trimmed_length(const char *text)
{
    size_t length = strlen(text);
    while (length && strchr("\r\n", text[length - 1]))
        length--;
    return length;
}

/* What a program said may be no UTF-8, or was cut within a character. */
static void make_whole(char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length;) {
        size_t bytes = utf8_length(text + i, length - i);
        if (!bytes)
            text[i] = '?';
        i += bytes ? bytes : 1;
    }
}

void text_fit_list(char *out, size_t size, const char *format, va_list arguments)
{
    static const char ellipsis[] = "…";
    int length = vsnprintf(out, size, format, arguments);
    if (length >= 0 && (size_t)length >= size) {
        size_t end = size - sizeof ellipsis;
        while (end > 0 && ((unsigned char)out[end] & 0xC0) == 0x80)
            end--;
        memcpy(out + end, ellipsis, sizeof ellipsis);
    }
    make_whole(out);
}

void text_fit(char *out, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_fit_list(out, size, format, arguments);
    va_end(arguments);
}
