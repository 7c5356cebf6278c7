/* Time is an argument. Whoever needs it is handed a clock: the system's, or a simulated cluster's.
 *
 * wall: for records and people, may jump. steady: for timeouts and settle, never goes back; after a reboot it
 * starts anew, which the engine learns from the boot id. Both in milliseconds. */
#ifndef PAWL_BASE_CLOCK_H
#define PAWL_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_TEXT_SIZE   32
#define CLOCK_EARLIEST_MS 1               /* 0 in a record means that there was no such moment */
#define CLOCK_LATEST_MS   253402300799999 /* the end of the year 9999 */

struct clock {
    int64_t (*wall_ms)(struct clock *clock);
    int64_t (*steady_ms)(struct clock *clock);
    /* For a virtual clock: nothing is under way, go to this steady time at once. NULL: time passes by itself.
     */
    void (*jump_to)(struct clock *clock, int64_t steady_ms);
};

/* What is written of the wall clock: one that is set to before 1970 or beyond 9999 says the nearest time that
 * a record may hold. A clock is mostly wrong so before it has been set for the first time. */
int64_t clock_recorded_ms(struct clock *clock);
/* Whether it says such a time. */
bool clock_is_set(struct clock *clock);
/* The system's clock; never freed. */
struct clock *clock_system(void);
static inline bool clock_is_virtual(const struct clock *clock)
{
    return clock->jump_to;
}

/* RFC 3339 in UTC with milliseconds, `2026-11-24T03:00:01.120Z`; what is no time (a damaged record's) is
 * written as 1970. */
void clock_write(int64_t wall_ms, char text[CLOCK_TEXT_SIZE]);

#endif
