/* What is wrong with a job file: every error of a file in one list, each with its place.
 *
 * Codes: E01xx keys, values and params · E02xx references and expressions · E03xx the order of steps ·
 * E00xx YAML itself. They are one table in diagnostic.c and stay what they are for ever. */
#ifndef PAWL_JOBS_DIAGNOSTIC_H
#define PAWL_JOBS_DIAGNOSTIC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct diagnostic {
    const char *code; /* "E0204" */
    int line;         /* from 1 */
    int column;       /* from 1, in characters */
    int length;       /* characters to underline, at least 1 */
    char *message;
    char *hint; /* behind the caret: `did you mean "id"?`; NULL: none */
};

struct diagnostics {
    char *file;   /* as the user named it */
    char *source; /* the text, for the quoted lines */
    struct diagnostic *list;
    int count;
    int dropped; /* beyond LIMIT_JOB_DIAGNOSTICS: counted, not kept */
};

/* Adds one; message and hint are copied. */
void diagnostics_add(struct diagnostics *diagnostics, const char *code, int line, int column, int length,
                     const char *hint, const char *format, ...) __attribute__((format(printf, 7, 8)));
/* By line and column. */
void diagnostics_sort(struct diagnostics *diagnostics);
/* As compilers print them: file:line:column, message, source line, caret, hint; and the closing count. */
void diagnostics_print(const struct diagnostics *diagnostics, bool colour, struct text *out);
/* The array of `{"errors":[…]}` (docs/pawl.1, "JSON"); a new reference. */
json_t *diagnostics_json(const struct diagnostics *diagnostics);
void diagnostics_clear(struct diagnostics *diagnostics);
/* What the index-th code means, for the reference; NULL behind the last. */
const char *diagnostic_meaning(int index, const char **code);

/* The nearest of `names` (ended by NULL) to `wrong`, or NULL where none is near. */
const char *name_nearest(const char *wrong, const char *const *names);

#endif
