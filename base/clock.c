#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t now_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall_ms(struct clock *clock)
{
    (void)clock;
    return now_ms(CLOCK_REALTIME);
}

static int64_t system_steady_ms(struct clock *clock)
{
    (void)clock;
    return now_ms(CLOCK_BOOTTIME); /* goes on while the machine sleeps, as the cluster does */
}

struct clock *clock_system(void)
{
    static struct clock clock = {.wall_ms = system_wall_ms, .steady_ms = system_steady_ms};
    return &clock;
}

bool clock_is_set(struct clock *clock)
{
    int64_t wall_ms = clock->wall_ms(clock);
    return wall_ms >= CLOCK_EARLIEST_MS && wall_ms <= CLOCK_LATEST_MS;
}

int64_t clock_recorded_ms(struct clock *clock)
{
    int64_t wall_ms = clock->wall_ms(clock);
    if (wall_ms < CLOCK_EARLIEST_MS)
        return CLOCK_EARLIEST_MS;
    return wall_ms > CLOCK_LATEST_MS ? CLOCK_LATEST_MS : wall_ms;
}

void clock_write(int64_t wall_ms, char text[CLOCK_TEXT_SIZE])
{
    if (wall_ms < 0 || wall_ms > CLOCK_LATEST_MS) /* of a damaged store: no time */
        wall_ms = 0;
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    char date[24];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, CLOCK_TEXT_SIZE, "%s.%03dZ", date, (int)(wall_ms % 1000));
}
