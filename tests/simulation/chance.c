#include "simulation/simulation.h"

static uint64_t states[CHANCES];

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

void chance_begin(uint64_t seed)
{
    for (int i = 0; i < CHANCES; i++)
        states[i] = mix(seed * 0x9E3779B97F4A7C15ULL + (uint64_t)i * 0xD1B54A32D192ED03ULL + 1);
}

uint64_t chance_bits(enum chance chance)
{
    return mix(states[chance] += 0x9E3779B97F4A7C15ULL); /* splitmix64 */
}

int64_t chance_below(enum chance chance, int64_t limit)
{
    return limit > 0 ? (int64_t)(chance_bits(chance) % (uint64_t)limit) : 0;
}

bool chance_percent(enum chance chance, int percent)
{
    return chance_below(chance, 100) < percent;
}

int64_t chance_time_ms(enum chance chance, int64_t most_ms)
{
    int64_t short_ms = most_ms / 50 + 1;
    return chance_percent(chance, 85) ? chance_below(chance, short_ms) : chance_below(chance, most_ms + 1);
}
