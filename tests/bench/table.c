#include "tests/bench/table.h"

#include <stdio.h>

void table_target(const char *what, double value, const char *unit, bool met, const char *target)
{
    printf("  %-44s %8.2f %-9s %s%s\n", what, value, unit, target, met ? "" : "  MISSED");
}

void table_number(const char *what, double value, int decimals, const char *unit)
{
    printf("  %-44s %8.*f %s\n", what, decimals, value, unit);
}
