/* Templates: JSON in which every string may hold `${…}` (CEL, expression.h).
 *
 * A string that is one `${…}` takes the expression's value and type; `${…}` within a longer string becomes
 * text;
 * `$${` is a literal `${`. Pure: the names come in, the value goes out. A secret within a longer text gives
 * {"secret_text": ["Bearer ", {"secret": "env:TOKEN"}]}. */
#ifndef PAWL_JOBS_TEMPLATE_H
#define PAWL_JOBS_TEMPLATE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

/* `names` is an object of the root names: {"params": {…}, "vars": {…}, "steps": {ID: {"status": …, OUTPUT:
 * …}}, "run": {…}}. The result is a new reference; NULL with the error filled. */
json_t *template_evaluate(const json_t *template, const json_t *names, struct error *error);
/* The same for a template that is text (`approve:`, `lock:`): the result is a string; free() it. */
char *template_text(const char *template, const json_t *names, struct error *error);
/* The value of an `if:`, `until:`, … text. Anything but a boolean is an error. */
int condition_evaluate(const char *condition, const json_t *names, bool *out, struct error *error);
/* Whether a string holds a `${` that is not escaped. */
bool template_has_expression(const char *text);
/* A literal as a template: each "${" becomes "$${". free() it. */
char *template_escape(const char *literal);

#endif
