/* Quantities as Kubernetes and IOMesh write them: `0B`, `1.5TiB`, `200Gi`, `1e3`, `512k`. */
#ifndef PAWL_STEPS_QUANTITY_H
#define PAWL_STEPS_QUANTITY_H

#include <jansson.h>
#include <stdbool.h>

/* A number, an optional unit (binary Ki…Ei, decimal k…E, each with or without B). False where it is none. */
bool quantity_read(const char *text, double *out);
/* The same of a JSON string or number. */
bool quantity_read_json(const json_t *value, double *out);

#endif
