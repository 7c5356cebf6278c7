/* Standard output and error, watched: whoever prints and flushes, the first write to standard output that
 * fails is remembered, and main() says so at the end. What follows it is dropped, so that what arrived is a
 * whole beginning. A reader that has left (EPIPE: `pawl history 7 | head`) is no failure. */
#ifndef PAWL_CLI_OUTPUT_H
#define PAWL_CLI_OUTPUT_H

#include <stdbool.h>

/* Before anything else. Standard streams that are closed are held, so that no file that is opened, the store
 * say, is ever written to as one; using them fails. */
void output_open(void);
/* While runs are driven: what is printed is kept for a thread that writes it (outlet.h), until output_settle,
 * which waits for the reader. */
void output_hold_up_nobody(void);
void output_settle(void);
/* Whether what is printed arrives no more: who would go on printing for ever stops. */
bool output_is_gone(void);
/* Flushes. False, with the cause said on standard error, where something was lost. */
bool output_close(void);

#endif
