/* Sets scalars in a YAML text by replacing just their bytes: comments, order, quoting, anchors, flow and
 * block style, line ends and a byte order mark stay as they are. Pure: bytes in, bytes out.
 *
 * A scalar is named by the keys that lead to it, joined by dots. It keeps its quoting where that can hold the
 * new value. What cannot be replaced without changing more than was meant is refused, with its line. */
#ifndef PAWL_STEPS_VALUES_SPLICE_H
#define PAWL_STEPS_VALUES_SPLICE_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

struct splice {
    char *bytes; /* NUL-terminated behind the last; owned */
    size_t length;
    int changed;        /* scalars that were replaced */
    json_t *before;     /* path → the value that was there, as helm reads it; owned */
    json_t *before_raw; /* path → the bytes that spelled it; owned */
    json_t *lines;      /* path → its line, from 1; owned */
};

/* `set`: an object, path → scalar: JSON, or {"spelled": "1.10"} for one whose spelling JSON would not keep,
 * or
 * {"raw": "\"4\""} for bytes that are put in as they are. `name` is the file's, for messages. Fills *out
 * (splice_clear()) or returns -1: ERROR_REFUSED, ERROR_LIMIT. */
int values_splice(const char *bytes, size_t length, const char *name, const json_t *set, struct splice *out,
                  struct error *error);
void splice_clear(struct splice *splice);

#endif
