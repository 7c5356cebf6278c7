#include "steps/quantity.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char PREFIXES[] = "kmgtpe";

/* `unit` without blanks in front: "", "B", "Ki", "KiB", "k", "kB". False where it is no unit. */
static bool unit_factor(const char *unit, double *out)
{
    *out = 1;
    const char *prefix = *unit ? strchr(PREFIXES, tolower((unsigned char)*unit)) : NULL;
    if (prefix) {
        bool is_binary = unit[1] == 'i';
        *out = pow(is_binary ? 1024 : 1000, (double)(prefix - PREFIXES + 1));
        unit += is_binary ? 2 : 1;
    }
    return !*unit || !strcmp(unit, "B");
}

bool quantity_read(const char *text, double *out)
{
    double factor;
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    double number = strtod(text, &end);
    while (*end == ' ')
        end++;
    if (!isfinite(number) || !unit_factor(end, &factor))
        return false;
    *out = number * factor;
    return true;
}

bool quantity_read_json(const json_t *value, double *out)
{
    if (json_is_string(value))
        return quantity_read(json_string_value(value), out);
    if (!json_is_number(value) || json_number_value(value) < 0)
        return false;
    *out = json_number_value(value);
    return true;
}
