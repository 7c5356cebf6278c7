#include "base/declaration.h"

#include <stddef.h>
#include <string.h>

static const char *const EFFECTS[] = {"observe", "converge", "once"};

const char *effect_class_text(enum effect_class effect)
{
    return EFFECTS[effect];
}

int effect_class_read(const char *text)
{
    for (int i = 0; i < 3; i++)
        if (!strcmp(EFFECTS[i], text))
            return i;
    return -1;
}

const struct declared_input *declaration_input(const struct kind_declaration *kind, const char *name)
{
    for (const struct declared_input *input = kind->inputs; input->name; input++)
        if (!strcmp(input->name, name))
            return input;
    return NULL;
}
