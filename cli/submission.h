/* What `submit` and `plan` begin with: the job file, its params and the cluster that the command line names.
 */
#ifndef PAWL_CLI_SUBMISSION_H
#define PAWL_CLI_SUBMISSION_H

#include "cli/command.h"
#include "engine/submit.h"

/* A submission and what it borrows from. submission_close() it, also where opening failed. */
struct opened_submission {
    struct submission submission;
    struct job *job;
    json_t *params;
    struct cluster *cluster;
    char *folder, *actor;
};

/* 0, or the exit status with everything reported; nothing is recorded. */
int submission_open(const struct invocation *invocation, struct opened_submission *opened);
void submission_close(struct opened_submission *opened);

#endif
