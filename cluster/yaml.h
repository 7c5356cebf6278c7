/* YAML as helm reads it (values files, post-rendered manifests) and writes it (manifests). */
#ifndef PAWL_CLUSTER_YAML_H
#define PAWL_CLUSTER_YAML_H

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"

/* All documents of a text as an array, empty ones left out; NULL with the error filled. A new reference. */
json_t *yaml_documents_read(const char *text, size_t length, const char *what, struct error *error);
/* Appends one value in block style. */
void yaml_write(struct text *text, const json_t *value);
/* A plain scalar as helm resolves it ("4" is a number); a new reference. */
json_t *yaml_scalar(const char *text);

#endif
