/* JSON as pawl writes and reads it. One value type serves the whole program: jansson's json_t.
 *
 * Canonical JSON is what digests are taken of: object keys sorted by bytes, no white space, integers as such,
 * reals in 17 significant digits, UTF-8 as it is. Values that are borrowed from a document are `const json_t
 * *`. */
#ifndef PAWL_BASE_JSON_H
#define PAWL_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Canonical text of any value, NULL included ("null"); free() it. */
char *json_canonical(const json_t *value);
/* How many bytes that takes. */
size_t json_size(const json_t *value);
/* Parses one document, at most `limit` bytes and LIMIT_JSON_DEPTH deep, duplicate keys refused; NULL with the
 * error filled: ERROR_LIMIT, or ERROR_CLUSTER_ANSWER where it is no JSON. A new reference. */
json_t *json_read(const char *bytes, size_t length, size_t limit, const char *what, struct error *error);
/* One that the store holds, which may be deeper: it wraps what was read. Where it is no JSON,
 * ERROR_STORE_CORRUPT. NULL for a NULL text, too (then no error is filled). A new reference. */
json_t *json_read_stored(const char *text, const char *what, struct error *error);
/* What is as plain as nearly all that json_canonical writes, as json_read would read it but several times as
 * fast; NULL where it is not. For json_read_stored. */
json_t *json_read_plain(const char *text);

/* Members of an object, with a default where the member is missing or of another type. */
const char *json_text(const json_t *object, const char *key, const char *otherwise);
/* Whether a list holds this text; of anything else it holds none. */
bool json_list_has(const json_t *list, const char *text);
int64_t json_int(const json_t *object, const char *key, int64_t otherwise);
bool json_bool(const json_t *object, const char *key, bool otherwise);
/* A member by a path of keys and NULL: json_at(o, "status", "summary", NULL); NULL where any is missing. */
json_t *json_at(const json_t *object, ...) __attribute__((sentinel));

#endif
