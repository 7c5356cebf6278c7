#include "tests/bench/workload.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "cluster/sim/sim.h"
#include "engine/submit.h"
#include "jobs/param.h"
#include "steps/kind.h"

static void write_job(const struct workload *workload, struct text *text)
{
    text_format(text, "job: bench-%s\nversion: 1\nsteps:\n", workload->name);
    for (int i = 1; i <= workload->steps; i++)
        text_format(text, "  - {id: step_%d, uses: assert, with: {that: '${true}'}%s}\n", i,
                    workload->skips_last && i == workload->steps ? ", if: '${false}'" : "");
}

static int submit_all(const struct workload *workload, const char *folder, const struct job *job,
                      struct cluster *cluster, struct error *error)
{
    char *path = string_format("%s/pawl.db", folder);
    struct store *store = store_open(path, STORE_CREATE, error);
    json_t *params = json_object();
    struct submission submission = {
        .job = job, .params = params, .cluster = cluster, .actor = "bench", .folder = folder};
    int result = store ? 0 : -1;
    for (int i = 0; !result && i < workload->runs; i++) {
        int64_t run;
        bool old;
        result = run_submit(store, &submission, &run, &old, error);
    }
    store_close(store);
    json_decref(params);
    free(path);
    return result;
}

int workload_make(const struct workload *workload, const char *folder, struct error *error)
{
    struct text source = {0};
    struct diagnostics diagnostics = {0};
    struct sim_options options;
    char *file = string_format("%s/cluster.json", folder), *spec = string_format("sim:%s", file);
    char *job_file = string_format("%s/job.yaml", folder);
    folder_remove(folder);
    sim_options_default(&options);
    options.virtual_time = false;
    write_job(workload, &source);
    struct job *job = job_read(source.bytes, source.length, "bench.yaml", step_declaration_find,
                               step_declarations, &diagnostics);
    struct cluster *cluster = NULL;
    int result = -1;
    if (!job)
        error_set(error, ERROR_USAGE, "%s", diagnostics.list[0].message);
    else if (!folder_make(folder, 0700, error) &&
             !file_replace(job_file, source.bytes, source.length, 0600, error) &&
             !sim_create(file, &options, error) && (cluster = cluster_open(spec, NULL, NULL, error)))
        result = submit_all(workload, folder, job, cluster, error);
    cluster_close(cluster);
    job_free(job);
    diagnostics_clear(&diagnostics);
    text_clear(&source);
    free(spec);
    free(file);
    free(job_file);
    return result;
}
