/* What is printed while runs are driven, so that a reader who lags (a full pipe, a terminal that was stopped)
 * holds up no run: it is kept, and a thread of its own writes it out in the order of its coming. Beyond
 * LIMIT_OUTLET_BYTES whole lines are left out, and counted where they would have stood. */
#ifndef PAWL_CLI_OUTLET_H
#define PAWL_CLI_OUTLET_H

#include <stdbool.h>
#include <stddef.h>

/* `write` is called by the thread, and may wait. Where no thread can be had nothing is kept. */
void outlet_open(void (*write)(int stream, const char *bytes, size_t length));
/* Keeps bytes for standard output (1) or error (2); false where there is no outlet. */
bool outlet_take(int stream, const char *bytes, size_t length);
/* Whether so much waits for the reader that what only shows that time passes had better not be added. */
bool outlet_lags(void);
/* Waits until all has been taken. */
void outlet_close(void);

#endif
