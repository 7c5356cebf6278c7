/* A job file and its params, as `submit`, `plan` and `validate` read them from the command line. */
#ifndef PAWL_CLI_JOB_FILE_H
#define PAWL_CLI_JOB_FILE_H

#include "cli/command.h"
#include "jobs/job.h"

/* The checked job that an argument names; NULL with everything reported, *out_status the exit status. */
struct job *job_file_read(const struct invocation *invocation, const char *path, int *out_status);
/* Reports what this version does not run; true where there is something. */
bool job_file_is_for_later(const struct invocation *invocation, const struct job *job);
/* The params of -p and --params-file; NULL with everything reported. A new reference. */
json_t *job_params_read(const struct invocation *invocation, const struct job *job, const char *folder,
                        int *out_status);

#endif
