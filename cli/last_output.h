/* A run's program while it runs: that it does, and the last line that it has written. */
#ifndef PAWL_CLI_LAST_OUTPUT_H
#define PAWL_CLI_LAST_OUTPUT_H

#include "engine/run.h"

/* Whether the step in hand has a program that runs now, with a driver or without: its keeper sees it to its
 * end. */
bool program_goes_on(const struct run *run, const char *store_folder);
/* Of the step in hand, without control sequences; "" where it runs none now, or nothing was written. free()
 * it. */
char *last_output(const struct run *run, const char *store_folder);
/* The last line of a text, as a terminal would show it in the end: free of control sequences, what a carriage
 * return has overwritten left out. free() it. */
char *last_line_of(const char *text);

#endif
