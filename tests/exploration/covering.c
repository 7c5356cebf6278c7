/* A covering array of strength two: rows are added until every two values of two factors have stood together.
 * Each row is built value by value, always the one that covers most of what is left. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "exploration/policy.h"

struct covering {
    const int *counts;
    int factors;
    unsigned char *left; /* one flag for each pair of (factor, value) */
    int left_count;
};

static unsigned char *pair_of(const struct covering *covering, int factor, int value, int other,
                              int other_value)
{
    size_t width = (size_t)covering->factors * VALUES_MOST;
    size_t low = (size_t)(factor < other ? factor * VALUES_MOST + value : other * VALUES_MOST + other_value);
    size_t high = (size_t)(factor < other ? other * VALUES_MOST + other_value : factor * VALUES_MOST + value);
    return covering->left + low * width + high;
}

/* How many pairs that are left a value would cover together with what the row has so far. */
static int gain(const struct covering *covering, const unsigned char *row, const bool *chosen, int factor,
                int value)
{
    int count = 0;
    for (int other = 0; other < covering->factors; other++)
        if (other != factor && chosen[other])
            count += *pair_of(covering, factor, value, other, row[other]);
    return count;
}

/* What a value could still cover in all: where nothing is chosen yet, this decides. */
static int potential(const struct covering *covering, int factor, int value)
{
    int count = 0;
    for (int other = 0; other < covering->factors; other++)
        for (int k = 0; other != factor && k < covering->counts[other]; k++)
            count += *pair_of(covering, factor, value, other, k);
    return count;
}

static void fill_row(const struct covering *covering, unsigned char *row, int first)
{
    bool *chosen = memory_new((size_t)covering->factors * sizeof *chosen);
    for (int n = 0; n < covering->factors; n++) {
        int factor = (first + n) % covering->factors, best = 0, best_gain = -1;
        for (int value = 0; value < covering->counts[factor]; value++) {
            int now = 1000 * gain(covering, row, chosen, factor, value) + potential(covering, factor, value);
            if (now > best_gain) {
                best_gain = now;
                best = value;
            }
        }
        row[factor] = (unsigned char)best;
        chosen[factor] = true;
    }
    free(chosen);
}

static void take_row(struct covering *covering, const unsigned char *row)
{
    for (int i = 0; i < covering->factors; i++)
        for (int k = i + 1; k < covering->factors; k++) {
            unsigned char *pair = pair_of(covering, i, row[i], k, row[k]);
            covering->left_count -= *pair;
            *pair = 0;
        }
}

int covering_rows(const int *value_counts, int factors, unsigned char **out_rows)
{
    size_t width = (size_t)factors * VALUES_MOST;
    struct covering covering = {
        .counts = value_counts, .factors = factors, .left = memory_new(width * width)};
    for (int i = 0; i < factors; i++)
        for (int k = i + 1; k < factors; k++)
            for (int v = 0; v < value_counts[i]; v++)
                for (int w = 0; w < value_counts[k]; w++) {
                    *pair_of(&covering, i, v, k, w) = 1;
                    covering.left_count++;
                }
    int count = 0;
    *out_rows = NULL;
    while (covering.left_count) {
        *out_rows = memory_resize(*out_rows, (size_t)(count + 1) * (size_t)factors, 1);
        unsigned char *row = *out_rows + (size_t)count * (size_t)factors;
        fill_row(&covering, row, count);
        take_row(&covering, row);
        count++;
    }
    free(covering.left);
    return count;
}
