/* The values of a job's params: read by type from `-p name=value` and `--params-file`, checked against min,
 * max, enum and pattern, defaults filled in. Nothing is recorded before this has succeeded. */
#ifndef PAWL_JOBS_PARAM_H
#define PAWL_JOBS_PARAM_H

#include "jobs/job.h"

struct param_given {
    const char *name;
    const char
        *text; /* as on the command line: JSON for lists and maps, `env:NAME`/`file:PATH` for secrets */
};

/* All params' values as a JSON object, a new reference; paths are made absolute against `folder`, durations
 * canonical. `file_values` (may be NULL) is the parsed params file (YAML or JSON): an object; -p wins over
 * it. NULL with every mistake in *diagnostics, without places in a file (line 0). */
json_t *params_read(const struct job *job, const struct param_given *given, int given_count,
                    const json_t *file_values, const char *folder, struct diagnostics *diagnostics);
/* A params file's text (YAML, of which JSON is a part), as an object of plain values; NULL with the error
 * filled. */
json_t *params_file_read(const char *text, size_t length, const char *file, struct error *error);

/* One value of a static type from a command-line text (`--output name=value`); NULL with the error filled. */
json_t *value_read(enum value_type type, const char *name, const char *text, const char *folder,
                   struct error *error);
/* A value that an expression gave, made to fit the type that is wanted (an int for a float, a duration's text
 * made canonical, a path made absolute against `folder`): a new reference, or NULL with the error filled. */
json_t *value_conform(enum value_type type, const char *name, const json_t *value, const char *folder,
                      struct error *error);

#endif
