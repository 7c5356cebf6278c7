#include "cli/live_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/last_output.h"
#include "cli/outlet.h"
#include "cli/report.h"
#include "jobs/source.h"

#define COLUMNS_LEAST 20 /* in a narrower terminal there is none */
#define TIME_COLUMNS  10 /* kept free behind the text */

static int64_t steady_ms(void)
{
    return clock_system()->steady_ms(clock_system());
}

/* Columns of a character on a terminal: 2 where it may be 2, for a line that wraps cannot be written over. */
static int columns_of(long code)
{
    static const struct {
        long first, last;
    } wide[] = {{0x1100, 0x115F}, {0x2E80, 0xA4CF}, {0xA960, 0xA97F}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},
                {0xFE30, 0xFE6F}, {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}, {0x1F000, 0x1FAFF}, {0x20000, 0x3FFFD}};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (code >= wide[i].first && code <= wide[i].last)
            return 2;
    return 1;
}

static void cut(char *line, int columns)
{
    for (char *at = line; *at;) {
        long code;
        size_t length = source_character(at, &code);
        columns -= columns_of(code);
        if (columns < 0) {
            *at = '\0';
            return;
        }
        if (*at == '\n' || *at == '\t')
            *at = ' ';
        at += length;
    }
}

void live_line_begin(struct live_line *line, const struct run *run, int step, int64_t passed_ms)
{
    line->run = run->id;
    line->step = step;
    line->began_ms = steady_ms() - (passed_ms > 0 ? passed_ms : 0);
}

static char *text_of(struct live_line *line, const struct run *run, const char *what)
{
    static const char *const frames[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
    char *clean = line_cleaned(what);
    char *attempt = run->steps[run->step].attempt > 1
                        ? string_format("attempt %d · ", run->steps[run->step].attempt)
                        : string_copy("");
    char *text = string_format("  %s %-*s %s%s", frames[line->spin++ % 10], STEP_NAME_WIDTH,
                               run->machine->steps[run->step].id, attempt, clean);
    free(attempt);
    free(clean);
    return text;
}

void live_line_show(struct live_line *line, const struct run *run, const char *store_folder, const char *what)
{
    struct winsize size = {.ws_col = 80};
    ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    if (!size.ws_col) /* it does not tell */
        size.ws_col = 80;
    if (run->step < 0 || size.ws_col < COLUMNS_LEAST || outlet_lags())
        return;
    char *output = last_output(run, store_folder);
    char *text = text_of(line, run, *output ? output : what);
    cut(text, size.ws_col - TIME_COLUMNS);
    live_line_clear(line);
    fputs(text, stderr);
    if (line->run == run->id && line->step == run->step)
        fprintf(stderr, "  %lld s", (long long)(steady_ms() - line->began_ms) / 1000);
    line->stands = true;
    free(text);
    free(output);
}

void live_line_clear(struct live_line *line)
{
    if (line->stands)
        fputs("\r\033[K", stderr);
    line->stands = false;
}
