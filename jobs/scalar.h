/* What a plain scalar means: YAML 1.2's core schema, or the type that is expected of it. */
#ifndef PAWL_JOBS_SCALAR_H
#define PAWL_JOBS_SCALAR_H

#include <jansson.h>

#include "base/value_type.h"
#include "jobs/document.h"

enum scalar_fault {
    SCALAR_FITS,
    SCALAR_OTHER_TYPE,
    SCALAR_QUOTED,
    SCALAR_RANGE,
    SCALAR_EMPTY,
    SCALAR_OLD_BOOL
};

/* By the core schema: null, a bool, an int, a float, else text; a quoted scalar is text. NULL where a number
 * is out of range or not finite. A new reference. */
json_t *scalar_value(const struct document_node *node);
/* As `type` (not a list, map or secret); a new reference, or NULL with *fault saying why. A duration becomes
 * canonical text. */
json_t *scalar_as(const struct document_node *node, enum value_type type, enum scalar_fault *fault);
/* Whether JSON writes the value as it is spelled here: false for 1.10, 0x1F, True, ~. */
bool scalar_is_canonical(const struct document_node *node);

#endif
