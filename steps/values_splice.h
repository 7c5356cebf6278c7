/* Splicing scalars in a Helm values file: only the scalars' own bytes change. Comments, order, quotes,
 * anchors, flow and block style, line ends, a missing last newline and a byte order mark stay. Pure: bytes
 * in, bytes out. */
#ifndef PAWL_STEPS_VALUES_SPLICE_H
#define PAWL_STEPS_VALUES_SPLICE_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

/* `set` is dotted path → scalar: a JSON scalar, or {"spelled": TEXT} for a plain scalar that is written just
 * so. A key that does not exist, exists twice, or holds a map, a list, an alias, an anchor or a block scalar
 * is an error that says where. *out_bytes is new (free() it), also where nothing changed; *out_before is path
 * → the text that was there, a new reference. */
int values_splice(const char *bytes, size_t length, const json_t *set, char **out_bytes, size_t *out_length,
                  json_t **out_before, struct error *error);
/* How a value of `set` is spelled, without quotes; free() it. */
char *value_spelled(const json_t *value);
/* The line (from 1) on which a path's scalar stands; 0 where there is none. */
int values_line(const char *bytes, size_t length, const char *path);

#endif
