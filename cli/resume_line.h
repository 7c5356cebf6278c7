/* What `pawl resume` says about a run that it takes up: where it stands, and why it stood still. */
#ifndef PAWL_CLI_RESUME_LINE_H
#define PAWL_CLI_RESUME_LINE_H

#include "state/store.h"

/* Asked before the run is claimed, which ends the driver that holds it where it is `taken_over`; `from` is
 * the step that it re-enters, or NULL. With a newline at its end, free() it. NULL: there is nothing to say.
 */
char *resume_line(struct store *store, int64_t run, const char *from, bool taken_over);

#endif
