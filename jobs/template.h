/* Templates: JSON in which every string may hold `${…}` (CEL, expression.h).
 *
 * A string that is one `${…}` takes the expression's value and type; `${…}` within a longer string becomes
 * text; `$${` is a literal `${`. Pure: the names come in, the value goes out. A secret within a longer text
 * gives {"secret_text": ["Bearer ", {"secret": "env:TOKEN"}]}. Only params and vars hold secrets: an answer
 * that happens to look like one is refused, it could name any file. */
#ifndef PAWL_JOBS_TEMPLATE_H
#define PAWL_JOBS_TEMPLATE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "jobs/expression.h"

/* A piece of a template's text: an expression (what stands between `${` and `}`) or literal text. */
struct template_part {
    bool is_expression;
    size_t offset, length; /* bytes of the text */
};

/* The piece that begins at *at (0 at first), which moves on: 1, 0 at the end, or -1 with *fault filled (its
 * offset counts from the text's first byte) and *at behind what could not be read. An escape's first `$`
 * belongs to no piece. */
int template_next(const char *text, size_t *at, struct template_part *part, struct expression_fault *fault);
/* Whether the text is one `${…}`, white space around it aside; that piece in *part. */
bool template_is_single(const char *text, struct template_part *part);

/* `names` is an object of the root names: {"params": {…}, "vars": {…}, "steps": {ID: {"status": …, OUTPUT:
 * …}}, "run": {…}}. Every step of the job is in "steps", one that has not run yet without outputs: has() asks
 * for a member, and what it is a member of must be there. The result is a new reference and shares what it
 * took whole with `names`: only read it. NULL with the error filled. */
json_t *template_evaluate(const json_t *template, const json_t *names, struct error *error);
/* The same for a template that is text (`approve:`, `lock:`): the result is a string; free() it. */
char *template_text(const char *template, const json_t *names, struct error *error);
/* The value of an `if:`, `until:`, … text. Anything but a boolean is an error. */
int condition_evaluate(const char *condition, const json_t *names, bool *out, struct error *error);
/* Whether a string holds a `${` that is not escaped. */
bool template_has_expression(const char *text);
/* Tells the references of a template's text, however they are spelled: "params", "replicas"; "steps",
 * "leader", "pod". `path` is borrowed. What cannot be read is passed over. */
void template_each_reference(const char *text,
                             void (*tell)(void *context, const char *const *path, int count), void *context);
/* A literal as a template: each "${" becomes "$${". free() it. */
char *template_escape(const char *literal);

#endif
