/* docs/job-format.md: every example is read, the broken one gives what stands there, every code is explained.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "jobs/job.h"
#include "steps/kind.h"
#include "suite.h"

#define PAGE "docs/job-format.md"

static char *page;

static void page_open(void)
{
    struct error error;
    page = file_read(PAGE, 1 << 20, NULL, &error);
    ck_assert_msg(page, "%s", error.message);
}

static void page_close(void)
{
    free(page);
}

/* The block that begins with `fence` at or behind *at, which moves on behind it; NULL where there is none.
 * free() it.
 */
static char *block_next(const char **at, const char *fence)
{
    const char *begin = strstr(*at, fence);
    if (!begin)
        return NULL;
    begin += strlen(fence);
    const char *end = strstr(begin, "\n```");
    ck_assert(end);
    *at = end + 4;
    return string_format("%.*s\n", (int)(end - begin), begin);
}

/* A whole job, or the steps or the top of one. */
static char *example_complete(const char *example)
{
    if (!strncmp(example, "job:", 4))
        return string_copy(example);
    if (!strncmp(example, "  - ", 4))
        return string_format("job: example\nversion: 1\nparams: {replicas: {type: int}}\nsteps:\n%s",
                             example);
    return string_format("job: example\nversion: 1\n%ssteps: [{id: a, uses: locate_meta_leader}]\n", example);
}

static char *diagnostics_of(const char *source, const char *name)
{
    struct diagnostics diagnostics = {0};
    struct text text = {0};
    job_free(job_read(source, strlen(source), name, step_declaration_find, step_declarations, &diagnostics));
    diagnostics_print(&diagnostics, false, &text);
    diagnostics_clear(&diagnostics);
    return text_take(&text);
}

START_TEST(every_example_is_a_valid_job)
{
    const char *at = page;
    int count = 0;
    for (char *example; (example = block_next(&at, "```yaml\n")); count++) {
        char *source = example_complete(example);
        char *text = diagnostics_of(source, PAGE);
        ck_assert_msg(!*text, "%s\n%s", text, source);
        free(text);
        free(source);
        free(example);
    }
    ck_assert_int_ge(count, 8);
}
END_TEST

START_TEST(the_broken_example_gives_what_the_page_says)
{
    const char *at = page;
    char *source = block_next(&at, "```yaml broken\n");
    char *expected = block_next(&at, "```text\n");
    char *text = diagnostics_of(source, "scale-in.yaml");
    ck_assert_str_eq(text, expected);
    free(text);
    free(expected);
    free(source);
}
END_TEST

START_TEST(every_code_is_explained)
{
    const char *code, *meaning;
    for (int i = 0; (meaning = diagnostic_meaning(i, &code)); i++) {
        char *row = string_format("| %s | %s |\n", code, meaning);
        ck_assert_msg(strstr(page, row), "missing: %s", row);
        free(row);
    }
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("jobs_reference");
    TCase *tests = tcase_create("reference");
    tcase_add_checked_fixture(tests, page_open, page_close);
    tcase_add_test(tests, every_example_is_a_valid_job);
    tcase_add_test(tests, the_broken_example_gives_what_the_page_says);
    tcase_add_test(tests, every_code_is_explained);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
