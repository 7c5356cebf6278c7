/* The params of a job, for somebody who has given wrong ones. */
#ifndef PAWL_CLI_PARAM_LIST_H
#define PAWL_CLI_PARAM_LIST_H

#include <stdio.h>

#include "jobs/job.h"

/* One line a param: its name, type, default or that it is required, what it may be, its help. The required
 * ones first; of very many only the first are shown, and long texts are cut. */
void param_list_print(FILE *to, const struct job *job);

#endif
