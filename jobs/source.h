/* A job file's text by lines and characters, as YAML counts them: CR, LF, CR LF, NEL, LS and PS end a line.
 */
#ifndef PAWL_JOBS_SOURCE_H
#define PAWL_JOBS_SOURCE_H

#include <stddef.h>

/* Bytes of the line break that `at` begins with; 0: there is none. The text ends with a NUL. */
size_t source_break(const char *at);
/* Bytes of the UTF-8 character at `at`; 1 where it is none. *code is the code point, or -1. */
size_t source_character(const char *at, long *code);
/* Line `line` (from 1) without its break, "" where there is none. */
const char *source_line(const char *source, int line, size_t *length);

#endif
