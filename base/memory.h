/* Memory that is there or the process is not.
 *
 * pawl survives being killed at any instruction, so running out of memory is treated as exactly that: one
 * line on stderr and exit status 5, resumable. No caller checks for NULL. jansson allocates through here too.
 */
#ifndef PAWL_BASE_MEMORY_H
#define PAWL_BASE_MEMORY_H

#include <stdarg.h>
#include <stddef.h>

/* `size` zeroed bytes; free() them. */
void *memory_new(size_t size);
/* realloc() of an array to `count` elements of `size` bytes; new bytes are not initialised. */
void *memory_resize(void *old, size_t count, size_t size);
/* A copy of a string; NULL stays NULL. free() it. */
char *string_copy(const char *text);
/* A formatted string; free() it. */
char *string_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *string_format_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
/* Makes jansson allocate through memory_new. Called once, first thing in main(). */
void memory_use_for_json(void);

#endif
