/* Secrets: references in the record ({"secret": "env:NAME" | "file:PATH"}), text only here and now, right
 * before use. */
#ifndef PAWL_STEPS_SECRET_H
#define PAWL_STEPS_SECRET_H

#include <jansson.h>

#include "base/error.h"

/* The text of a value: a string as it is, a secret read from where it points, a {"secret_text": […]} joined.
 * free() it, and keep it no longer than needed; NULL with the error filled (it names the reference, never the
 * text). */
char *secret_reveal(const json_t *value, struct error *error);

#endif
