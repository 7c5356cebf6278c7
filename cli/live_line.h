/* The one line on a terminal that is written over while a step is under way: its name and attempt, what it
 * waits for or the last line that its program wrote, and for how long. */
#ifndef PAWL_CLI_LIVE_LINE_H
#define PAWL_CLI_LIVE_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/run.h"

#define STEP_NAME_WIDTH 12 /* columns, of all lines about a step */

struct live_line {
    bool stands; /* on the terminal, now */
    unsigned spin;
    int64_t run; /* whose step began, and when */
    int step;
    int64_t began_ms; /* steady */
};

/* A step of the run begins, or is taken up `passed_ms` after it has begun. */
void live_line_begin(struct live_line *line, const struct run *run, int step, int64_t passed_ms);
/* `store_folder`: where the program's output is kept; `what` is shown where nothing has been written. */
void live_line_show(struct live_line *line, const struct run *run, const char *store_folder,
                    const char *what);
/* Before anything else is printed. */
void live_line_clear(struct live_line *line);

#endif
