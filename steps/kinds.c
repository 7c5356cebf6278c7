#include "steps/kinds.h"

#include <stddef.h>
#include <string.h>

static const struct step_kind *const KINDS[] = {
#define X(name) &kind_##name,
    STEP_KINDS(X)
#undef X
};

static const struct kind_declaration *const DECLARATIONS[] = {
#define X(name) &kind_##name.declaration,
    STEP_KINDS(X)
#undef X
        NULL,
};

static step_kind_replacer *replacer;

void step_kinds_replace(step_kind_replacer *replace)
{
    replacer = replace;
}

const struct step_kind *step_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        const char *known = KINDS[i]->declaration.name;
        if (*known == *name && !strcmp(known, name)) /* asked several times a step: few letters agree */
            return replacer ? replacer(KINDS[i]) : KINDS[i];
    }
    return NULL;
}

const struct kind_declaration *step_declaration_find(const char *name)
{
    const struct step_kind *kind = step_kind_find(name);
    return kind ? &kind->declaration : NULL;
}

const struct kind_declaration *const *step_declarations(void)
{
    return DECLARATIONS;
}
