/* The one place where errors are printed, and JSON documents. */
#ifndef PAWL_CLI_REPORT_H
#define PAWL_CLI_REPORT_H

#include <jansson.h>

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
/* Text from elsewhere for a terminal: control characters, and bytes that are no UTF-8, become \xNN; free()
 * it.
 */
char *text_cleaned(const char *text);
/* Text from elsewhere as JSON: as it is where it is UTF-8, else cleaned; a new reference. */
json_t *text_json(const char *text);

#endif
