#include "cli/submission.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/actor.h"
#include "cli/job_file.h"
#include "cli/report.h"

static int open_cluster(const struct invocation *invocation, struct opened_submission *opened)
{
    struct error error = {0};
    opened->cluster = cluster_open(invocation->cluster ? invocation->cluster : "live", invocation->kubeconfig,
                                   invocation->context, &error);
    return opened->cluster ? 0 : report_error(invocation, &error);
}

/* It is recorded with the run: relative paths start there. */
static char *read_folder(struct error *error)
{
    char *folder = getcwd(NULL, 0);
    if (!folder) {
        error_set_errno(error, ERROR_SYSTEM, "cannot tell the working directory");
    } else if (!utf8_is_valid(folder, strlen(folder))) {
        error_set(error, ERROR_USAGE, "the working directory's name is not UTF-8: %s", folder);
        free(folder);
        folder = NULL;
    }
    return folder;
}

int submission_open(const struct invocation *invocation, struct opened_submission *opened)
{
    struct error error = {0};
    int status = EXIT_SUCCEEDED;
    *opened = (struct opened_submission){.job = job_file_read(invocation, invocation->arguments[0], &status)};
    if (!opened->job)
        return status;
    if (job_file_is_for_later(invocation, opened->job))
        return EXIT_USAGE;
    if (!(opened->folder = read_folder(&error)))
        return report_error(invocation, &error);
    opened->actor = actor_read();
    opened->params = job_params_read(invocation, opened->job, opened->folder, &status);
    if (!opened->params || (status = open_cluster(invocation, opened)))
        return status;
    opened->submission = (struct submission){
        .job = opened->job,
        .params = opened->params,
        .cluster = opened->cluster,
        .actor = opened->actor,
        .folder = opened->folder,
    };
    return 0;
}

void submission_close(struct opened_submission *opened)
{
    cluster_close(opened->cluster);
    json_decref(opened->params);
    job_free(opened->job);
    free(opened->folder);
    free(opened->actor);
}
