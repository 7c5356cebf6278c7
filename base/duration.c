#include "base/duration.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS     86400000LL
#define LONGEST_MS (3650 * DAY_MS)
#define UNIT_COUNT (sizeof UNITS / sizeof *UNITS)

static const struct {
    const char *name;
    int64_t ms;
} UNITS[] = {{"d", DAY_MS}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

/* The index of the unit that the text begins with: its letters up to the next digit. */
static size_t unit_at(const char *text, size_t *length)
{
    *length = strcspn(text, "0123456789");
    for (size_t i = 0; i < UNIT_COUNT; i++)
        if (strlen(UNITS[i].name) == *length && !strncmp(UNITS[i].name, text, *length))
            return i;
    return UNIT_COUNT;
}

bool duration_read(const char *text, int64_t *out_ms)
{
    int64_t total_ms = 0;
    size_t smallest = 0; /* units must shrink from left to right */
    if (!*text)
        return false;
    while (*text) {
        int64_t number = 0;
        const char *digits = text;
        for (; *text >= '0' && *text <= '9'; text++) {
            number = number * 10 + (*text - '0');
            if (number > LONGEST_MS)
                return false;
        }
        size_t length;
        size_t unit = unit_at(text, &length);
        if (text == digits || unit == UNIT_COUNT || unit < smallest || number > LONGEST_MS / UNITS[unit].ms)
            return false;
        smallest = unit + 1;
        text += length;
        total_ms += number * UNITS[unit].ms;
    }
    if (total_ms > LONGEST_MS)
        return false;
    *out_ms = total_ms;
    return true;
}

void duration_write(int64_t ms, char text[DURATION_TEXT_SIZE])
{
    size_t used = 0;
    if (ms <= 0) {
        snprintf(text, DURATION_TEXT_SIZE, "0s");
        return;
    }
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        int64_t number = ms / UNITS[i].ms;
        ms %= UNITS[i].ms;
        if (number)
            used += (size_t)snprintf(text + used, DURATION_TEXT_SIZE - used, "%lld%s", (long long)number,
                                     UNITS[i].name);
    }
}
