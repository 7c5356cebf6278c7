/* A step's inputs: its `with:` template evaluated, each value made to fit the type that its kind declares. */
#ifndef PAWL_ENGINE_INPUTS_H
#define PAWL_ENGINE_INPUTS_H

#include <jansson.h>

#include "base/error.h"

/* `folder` is where relative paths start (the run's, at its submission). A new reference; NULL with the error
 * filled. Pure. */
json_t *inputs_evaluate(const char *uses, const json_t *with, const json_t *names, const char *folder,
                        struct error *error);

/* Sends every input that is a path to another one: a rehearsal's, set once before any run, so that a step
 * finds private copies. It returns a new text. */
typedef char *path_mapper(const char *path);
void inputs_map_paths(path_mapper *map);

#endif
