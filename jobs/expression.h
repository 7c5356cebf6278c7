/* Expressions: a typed subset of CEL, the Common Expression Language, as Kubernetes uses it (job-format,
 * docs).
 *
 * expression_read parses, expression_check types against declared names, expression_evaluate computes over
 * JSON. Always terminating: depth, steps and the size of values are bounded (base/limits.h). Semantics are
 * those of the CEL specification: 64-bit integers, overflow is an error, && and || absorb errors. */
#ifndef PAWL_JOBS_EXPRESSION_H
#define PAWL_JOBS_EXPRESSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum expression_kind {
    CEL_DYN,
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,
    CEL_DOUBLE,
    CEL_STRING,
    CEL_DURATION, /* passes through, compares with == and becomes text; canonical text at run time */
    CEL_SECRET,   /* a reference; only passes through or becomes a part of a secret text */
    CEL_LIST,
    CEL_MAP,
    CEL_ERROR, /* what a mistake already reported has for a type: never reported again */
};

struct expression_type {
    enum expression_kind kind;
    enum expression_kind element; /* of a list or map's values; CEL_DYN where not known */
};

struct expression; /* opaque; expression_free() */

/* The diagnostics' codes that reading and checking give; a resolver brings its own. */
#define EXPRESSION_SYNTAX    "E0201" /* it cannot be read */
#define EXPRESSION_REFERENCE "E0202" /* where the resolver gives no code */
#define EXPRESSION_TYPE      "E0203" /* types that do not fit */
#define EXPRESSION_CALL      "E0204" /* no such function, or other arguments than it takes */
#define EXPRESSION_LATER     "E0205" /* CEL, but not in this version */
#define EXPRESSION_LIMIT     "E0206" /* too long or too deep */

/* What is wrong within an expression's text: byte offsets from its first byte. */
struct expression_fault {
    size_t offset, length;
    const char *code; /* a diagnostic's code, "E0201" */
    char message[512];
    char hint[128]; /* "" where there is none */
};

/* How the checker learns what a name is. `path` is a chain of constant selections from a root name
 * ("steps", "expired", "id"; `a["b"]` is one too), `tested` is set where it stands in has() or where a has()
 * of it is known to hold: behind `has(x) ?`, `has(x) &&`, `!has(x) ||`, and so on.
 *
 * Returns the type. *part comes in as `count`; set to less, only that many members were consumed and the rest
 * is selected from the type. Where the reference is wrong it fills *fault (code, message, hint; not the
 * place) and returns {CEL_ERROR}; *part set to less then marks the path's first *part members as what is
 * wrong. */
typedef struct expression_type expression_resolver(void *context, const char *const *path, int count,
                                                   bool tested, int *part, struct expression_fault *fault);

/* NULL with *fault filled. The text is what stands between `${` and `}`. */
struct expression *expression_read(const char *text, size_t length, struct expression_fault *fault);
/* Types it; every mistake goes to `report` (may be called several times). Returns the type of the whole. */
struct expression_type expression_check(const struct expression *expression, expression_resolver *resolve,
                                        void *context,
                                        void (*report)(void *, const struct expression_fault *));
/* A new reference, or NULL with ERROR_EXPRESSION (its message holds the offset's text) or ERROR_LIMIT. */
json_t *expression_evaluate(const struct expression *expression, const json_t *names, struct error *error);
void expression_free(struct expression *expression);

/* "int", "list(string)", …; into the buffer, which is returned. */
const char *expression_type_text(struct expression_type type, char *buffer, size_t size);

#endif
