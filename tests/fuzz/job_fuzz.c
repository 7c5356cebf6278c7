/* Whatever the bytes are: a job file is read or refused with a place; what was read compiles to a machine
 * that is read back as it was written; params given for it are taken or refused. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/machine.h"
#include "jobs/job.h"
#include "jobs/param.h"
#include "steps/kind.h"
#include "tests/fuzz/target.h"

const struct fuzz_target fuzz_target = {
    .name = "job", .files = {"jobs/*.yaml", "tests/broken/*.yaml", "tests/crash/*.yaml"}};

static void compile(const struct job *job)
{
    struct error error = {0};
    char *text = machine_compile(job, &error);
    if (!text) {
        assert(error.code == ERROR_LIMIT);
        return;
    }
    struct machine *machine = machine_read(text, &error);
    assert(machine);
    char *again = json_canonical(machine->document);
    assert(!strcmp(text, again));
    free(again);
    free(text);
    machine_free(machine);
}

/* The bytes once more, as a params file and as each param's text. */
static void give_params(const struct job *job, const char *source, size_t length)
{
    struct diagnostics diagnostics = {0};
    struct error error = {0};
    json_t *values = params_file_read(source, length, "params.yaml", &error);
    assert(values || error.code);
    struct param_given given[4];
    int count = job->param_count < 4 ? job->param_count : 4;
    for (int i = 0; i < count; i++)
        given[i] = (struct param_given){job->params[i].name, source};
    json_decref(params_read(job, given, count, values, "/", &diagnostics));
    diagnostics_clear(&diagnostics);
    json_decref(values);
}

static void check_places(const struct diagnostics *diagnostics)
{
    struct text text = {0};
    for (int i = 0; i < diagnostics->count; i++)
        assert(diagnostics->list[i].line > 0 && diagnostics->list[i].column > 0);
    diagnostics_print(diagnostics, false, &text);
    text_clear(&text);
    json_decref(diagnostics_json(diagnostics));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct diagnostics diagnostics = {0};
    char *source = memory_new(length + 1);
    if (length)
        memcpy(source, bytes, length);
    struct job *job = job_read(source, length, "fuzz.yaml", step_declaration_find, step_declarations,
                               &diagnostics);
    assert(!job == (diagnostics.count > 0));
    check_places(&diagnostics);
    if (job) {
        compile(job);
        give_params(job, source, length);
    }
    diagnostics_clear(&diagnostics);
    job_free(job);
    free(source);
    return 0;
}
