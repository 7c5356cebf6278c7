/* pawl validate: check a job file; contacts nothing. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/job_file.h"
#include "cli/report.h"

static void print_later(const struct job *job)
{
    for (int i = 0; i < job->later.count; i++)
        say(stderr, "%s:%d:%d: note: %s\n", job->later.file, job->later.list[i].line,
            job->later.list[i].column, job->later.list[i].message);
    if (job->later.count)
        fputs("this version checks it, and refuses it at submit\n", stderr);
}

int command_validate(struct invocation *invocation)
{
    int status = EXIT_SUCCEEDED;
    struct job *job = job_file_read(invocation, invocation->arguments[0], &status);
    if (!job)
        return status;
    if (invocation->json) {
        report_json(json_pack("{s:[],s:s,s:i,s:i,s:o}", "errors", "job", job->name, "steps", job->step_count,
                              "params", job->param_count, "later", diagnostics_json(&job->later)));
    } else {
        print_later(job);
        if (!invocation->quiet)
            say(stdout, "%s: job \"%s\", %d step%s, %d param%s: no errors\n", invocation->arguments[0],
                job->name, job->step_count, job->step_count == 1 ? "" : "s", job->param_count,
                job->param_count == 1 ? "" : "s");
    }
    job_free(job);
    return status;
}
