#include "jobs/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "jobs/reading.h"

static const struct job_retry NO_RETRY = {
    .attempts = 1, .delay_ms = 1000, .max_delay_ms = 60000, .factor = 2, .jitter = 0.2};

/* The text that lines and columns are counted in: behind a byte order mark. */
static const char *source_text(const struct job *job)
{
    return strncmp(job->source, "\xEF\xBB\xBF", 3) ? job->source : job->source + 3;
}

static struct job *job_new(const char *source, size_t length, const char *file)
{
    struct job *job = memory_new(sizeof *job);
    job->memory = job_memory_new();
    job->source = memory_new(length + 1);
    memcpy(job->source, source, length);
    job->source_length = length;
    job->digest = digest_of(source, length);
    job->later.file = string_copy(file);
    job->later.source = string_copy(source_text(job));
    return job;
}

static void job_check(struct reading *reading)
{
    reading->flow = flow_new(reading->job);
    check_ways(reading);
    check_sites(reading);
    flow_free(reading->flow);
}

struct job *job_read(const char *source, size_t length, const char *file, kind_finder *find,
                     kind_lister *kinds, struct diagnostics *diagnostics)
{
    struct job *job = job_new(source, length, file);
    int before = diagnostics->count + diagnostics->dropped;
    if (!diagnostics->source) {
        free(diagnostics->file);
        diagnostics->file = string_copy(file);
        diagnostics->source = string_copy(source_text(job));
    }
    struct reading reading = {.job = job,
                              .document = document_read(job->source, length, diagnostics),
                              .diagnostics = diagnostics,
                              .find = find,
                              .kinds = kinds,
                              .memory = job->memory,
                              .retry = NO_RETRY};
    if (reading.document) {
        parse_job(&reading);
        if (job->step_count)
            job_check(&reading);
    }
    document_free(reading.document);
    diagnostics_sort(diagnostics);
    diagnostics_sort(&job->later);
    if (diagnostics->count + diagnostics->dropped == before)
        return job;
    job_free(job);
    return NULL;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    diagnostics_clear(&job->later);
    job_memory_free(job->memory);
    free(job->source);
    free(job);
}

int job_step_index(const struct job *job, const char *id)
{
    for (int i = 0; i < job->step_count; i++)
        if (!strcmp(job->steps[i].id, id))
            return i;
    return -1;
}

static const char *const ON_FAILURE_TEXTS[] = {
#define X(name, text) [ON_FAILURE_##name] = text,
    ON_FAILURES(X)
#undef X
};

const char *on_failure_text(enum on_failure on_failure)
{
    return ON_FAILURE_TEXTS[on_failure];
}

enum on_failure on_failure_read(const char *text)
{
    for (int i = 0; i < ON_FAILURE_COUNT; i++)
        if (!strcmp(ON_FAILURE_TEXTS[i], text))
            return (enum on_failure)i;
    return ON_FAILURE_COUNT;
}
