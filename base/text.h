/* A string that grows. Zero-initialise it; text_take() hands the bytes to the caller. */
#ifndef PAWL_BASE_TEXT_H
#define PAWL_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *bytes; /* always NUL-terminated once anything was appended; NULL before */
    size_t length;
    size_t capacity;
};

void text_append(struct text *text, const void *bytes, size_t length);
void text_add(struct text *text, const char *string);
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The bytes, "" where nothing was appended; free() them. *text is empty again. */
char *text_take(struct text *text);
/* Borrowed: the bytes so far, never NULL. */
const char *text_string(const struct text *text);
void text_clear(struct text *text);

/* How many bytes the UTF-8 character at `bytes` has, of `length` that are there; 0: it is none (a stray byte,
 * one cut off, an overlong form, a surrogate, beyond U+10FFFF). */
size_t utf8_length(const char *bytes, size_t length);
/* Its code point, of as many bytes as utf8_length says. */
uint32_t utf8_code(const char *bytes, size_t length);
/* How many characters a text has that is UTF-8: the columns of one without wide characters. */
size_t utf8_count(const char *bytes, size_t length);
bool utf8_is_valid(const char *bytes, size_t length);
/* The length of a text without the line ends behind it, which a program's output has. */
size_t text_trimmed_length(const char *text);
/* snprintf for texts of a fixed size that people read and JSON takes: whole UTF-8 whatever the arguments are
 * ("?" for a byte that is none), and what does not fit is cut at a character and ends with "…". */
void text_fit(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
void text_fit_list(char *out, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
/* Whether a terminal acts upon this code point, or a reader is deceived by it: C0 and C1 controls (line ends
 * among them), separators of lines, what has no width, what turns the direction of writing, tags. */
bool character_deceives(uint32_t code);

#endif
