/* One kubeconfig file as JSON: YAML in which every scalar is text, `null` and nothing are null. */
#ifndef PAWL_CLUSTER_LIVE_KUBECONFIG_FILE_H
#define PAWL_CLUSTER_LIVE_KUBECONFIG_FILE_H

#include <jansson.h>

#include "base/error.h"
#include "base/limits.h"

/* The document, an object; an empty file gives an empty one. NULL with the error filled: ERROR_NOT_FOUND
 * where the file does not exist. A new reference. */
json_t *kubeconfig_file_read(const char *path, struct error *error);

#endif
