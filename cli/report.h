/* The one place where errors are printed, and JSON documents. */
#ifndef PAWL_CLI_REPORT_H
#define PAWL_CLI_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/command.h"
#include "jobs/diagnostic.h"

/* Prints to stderr (under --json: {"errors":[…]} on stdout) and returns the exit status of the error's code.
 */
int report_error(const struct invocation *invocation, const struct error *error);
/* The same for what is wrong with a job file or its params: exit status 2. */
int report_diagnostics(const struct invocation *invocation, const struct diagnostics *diagnostics);
/* One JSON document and a newline on stdout; takes the reference over. */
void report_json(json_t *value);
/* Text from elsewhere (a job file, a cluster, helm, a store) for a terminal: what it could act upon or what
 * deceives a reader becomes \xNN or \u{NN}: controls, bytes that are no UTF-8, marks that turn the direction
 * of writing, characters without width. Line ends and tabs stay; in line_cleaned they are shown too, so that
 * no text can look like a line of ours. free() them. */
char *text_cleaned(const char *text);
char *line_cleaned(const char *text);
/* printf of what may hold such text: all of it is cleaned. Colours are put around it. */
void say(FILE *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Text from elsewhere as JSON: as it is where it is UTF-8, else cleaned; a new reference. */
json_t *text_json(const char *text);

#endif
