#include "cli/job_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/param_list.h"
#include "cli/report.h"
#include "jobs/param.h"
#include "steps/kind.h"

/* Where the jobs that ship are: beside the installed program, or in the repository that it was built in, in
 * its build folder or one below (which has folders of the houses' names, too); free() it, NULL where there
 * are none. */
static char *shipped_folder(void)
{
    static const char *const beside[] = {"../share/pawl/jobs", "../jobs", "../../jobs"};
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    char *bin = path_folder(program), *folder = NULL;
    for (size_t i = 0; i < sizeof beside / sizeof *beside && !folder; i++) {
        char *candidate = string_format("%s/%s", bin, beside[i]);
        char *one = string_format("%s/scale-in-chunk.yaml", candidate);
        folder = access(one, R_OK) ? NULL : realpath(candidate, NULL);
        free(one);
        free(candidate);
    }
    free(bin);
    return folder;
}

/* Who looks for one of them is told where it is. */
static void hint_shipped(const char *path, struct error *error)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *folder = shipped_folder(), *shipped = folder ? string_format("%s/%s", folder, name) : NULL;
    if (shipped && *name && !access(shipped, R_OK))
        error_next(error, "it ships with pawl: cp %s .", shipped);
    else if (folder)
        error_next(error, "the jobs that ship with pawl are in %s", folder);
    free(shipped);
    free(folder);
}

struct job *job_file_read(const struct invocation *invocation, const char *path, int *out_status)
{
    struct error error = {0};
    size_t length = 0;
    char *text = file_read(path, LIMIT_JOB_BYTES, &length, &error);
    if (!text) {
        if (error.code == ERROR_NOT_FOUND)
            hint_shipped(path, &error);
        error.code = ERROR_USAGE; /* whatever it was: nothing was recorded */
        *out_status = report_error(invocation, &error);
        return NULL;
    }
    struct diagnostics diagnostics = {0};
    struct job *job = job_read(text, length, path, step_declaration_find, step_declarations, &diagnostics);
    if (!job)
        *out_status = report_diagnostics(invocation, &diagnostics);
    diagnostics_clear(&diagnostics);
    free(text);
    return job;
}

bool job_file_is_for_later(const struct invocation *invocation, const struct job *job)
{
    if (!job->later.count)
        return false;
    report_diagnostics(invocation, &job->later);
    return true;
}

static json_t *read_params_file(const struct invocation *invocation, const char *path, int *out_status)
{
    struct error error = {0};
    size_t length = 0;
    char *text = file_read(path, LIMIT_JOB_BYTES, &length, &error);
    json_t *values = text ? params_file_read(text, length, path, &error) : NULL;
    free(text);
    if (values)
        return values;
    error.code = ERROR_USAGE;
    *out_status = report_error(invocation, &error);
    return NULL;
}

/* `-p name=value` in their order; the names are copies. */
static int split_given(const struct invocation *invocation, struct param_given *given, struct error *error)
{
    int count = 0;
    for (int i = 0; i < invocation->option_count; i++) {
        const struct given_option *option = &invocation->options[i];
        if (strcmp(option->name, "param"))
            continue;
        char *name;
        const char *value;
        if (option_split(option, &name, &value, error))
            return -1;
        given[count++] = (struct param_given){name, value};
    }
    return count;
}

json_t *job_params_read(const struct invocation *invocation, const struct job *job, const char *folder,
                        int *out_status)
{
    struct error error = {0};
    struct param_given given[OPTIONS_LIMIT] = {0};
    struct diagnostics diagnostics = {0};
    json_t *file_values = NULL, *params = NULL;
    const char *file = invocation_value(invocation, "params-file");
    int count = split_given(invocation, given, &error);
    if (count < 0) {
        *out_status = report_error(invocation, &error);
    } else if (!file || (file_values = read_params_file(invocation, file, out_status))) {
        params = params_read(job, given, count, file_values, folder, &diagnostics);
        if (!params) {
            *out_status = report_diagnostics(invocation, &diagnostics);
            if (!invocation->json)
                param_list_print(stderr, job);
        }
    }
    for (int i = 0; i < OPTIONS_LIMIT; i++)
        free((char *)given[i].name);
    diagnostics_clear(&diagnostics);
    json_decref(file_values);
    return params;
}
