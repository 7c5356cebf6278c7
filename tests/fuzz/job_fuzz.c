/* Whatever the bytes are: a job file is read or refused with a place, and nothing else happens.
 *
 * clang -fsanitize=fuzzer,address,undefined; the seeds are jobs/ and tests/broken/. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "jobs/job.h"
#include "steps/kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct diagnostics diagnostics = {0};
    struct text text = {0};
    char *source = memory_new(size + 1);
    if (size)
        memcpy(source, bytes, size);
    struct job *job = job_read(source, size, "fuzz.yaml", step_declaration_find, step_declarations,
                               &diagnostics);
    assert(!job == (diagnostics.count > 0));
    for (int i = 0; i < diagnostics.count; i++)
        assert(diagnostics.list[i].line > 0 && diagnostics.list[i].column > 0);
    diagnostics_print(&diagnostics, false, &text);
    text_clear(&text);
    diagnostics_clear(&diagnostics);
    job_free(job);
    free(source);
    return 0;
}
