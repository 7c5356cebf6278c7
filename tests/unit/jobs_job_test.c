/* Whole job files: the shipped ones are right, each of tests/broken/ gives exactly its diagnostics. With
 * UPDATE=1 the expected texts are written anew. */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "jobs/job.h"
#include "steps/kind.h"
#include "suite.h"

#define LEAST_BROKEN 60

static struct job *read_text(const char *text, const char *name, struct diagnostics *diagnostics)
{
    return job_read(text, strlen(text), name, step_declaration_find, step_declarations, diagnostics);
}

static struct job *read_path(const char *path, struct diagnostics *diagnostics)
{
    struct error error;
    size_t length;
    char *text = file_read(path, 16 << 20, &length, &error);
    ck_assert_msg(text, "%s", error.message);
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    struct job *job = job_read(text, length, name, step_declaration_find, step_declarations, diagnostics);
    free(text);
    return job;
}

static char *printed(struct diagnostics *diagnostics)
{
    struct text text = {0};
    diagnostics_print(diagnostics, false, &text);
    diagnostics_clear(diagnostics);
    return text_take(&text);
}

START_TEST(shipped_jobs_are_valid_and_run_in_this_version)
{
    static const char *const names[] = {"scale-out-chunk", "scale-out-meta", "scale-in-chunk",
                                        "scale-in-chunk-drain"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct diagnostics diagnostics = {0};
        char *path = string_format("jobs/%s.yaml", names[i]);
        struct job *job = read_path(path, &diagnostics);
        char *text = printed(&diagnostics);
        ck_assert_msg(job, "%s", text);
        ck_assert_str_eq(job->name, names[i]);
        ck_assert_int_eq(job->later.count, 0);
        job_free(job);
        free(text);
        free(path);
    }
}
END_TEST

static char *expected_path(const char *path)
{
    return string_format("%.*s.expected", (int)(strlen(path) - strlen(".yaml")), path);
}

static void check_broken(const char *path, bool update)
{
    struct diagnostics diagnostics = {0};
    struct error error;
    size_t length;
    struct job *job = read_path(path, &diagnostics);
    ck_assert_msg(!job, "%s is not broken", path);
    char *text = printed(&diagnostics), *where = expected_path(path);
    if (update)
        ck_assert_msg(!file_replace(where, text, strlen(text), 0644, &error), "%s", error.message);
    char *expected = file_read(where, 1 << 20, &length, &error);
    ck_assert_msg(expected, "%s: run it with UPDATE=1, and look at what comes out", error.message);
    ck_assert_str_eq(text, expected);
    free(expected);
    free(where);
    free(text);
}

START_TEST(broken_jobs_give_exactly_their_diagnostics)
{
    glob_t found;
    ck_assert_int_eq(glob("tests/broken/*.yaml", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++)
        check_broken(found.gl_pathv[i], getenv("UPDATE") && *getenv("UPDATE"));
    ck_assert_uint_ge(found.gl_pathc, LEAST_BROKEN);
    globfree(&found);
}
END_TEST

/* The code of every diagnostic is shown broken at least once. */
START_TEST(every_code_is_met_in_the_broken_jobs)
{
    static const char *const elsewhere[] = {"E0003", "E0121", "E0206", NULL}; /* sizes; values of params */
    const char *code;
    struct text all = {0};
    glob_t found;
    ck_assert_int_eq(glob("tests/broken/*.expected", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        size_t length;
        char *text = file_read(found.gl_pathv[i], 1 << 20, &length, &(struct error){0});
        text_add(&all, text);
        free(text);
    }
    globfree(&found);
    for (int i = 0; diagnostic_meaning(i, &code); i++) {
        bool listed = false;
        for (int j = 0; elsewhere[j]; j++)
            listed |= !strcmp(code, elsewhere[j]);
        if (!listed && strcmp(code, "E0120"))
            ck_assert_msg(strstr(text_string(&all), code), "%s is never met", code);
    }
    text_clear(&all);
}
END_TEST

START_TEST(kinds_keys_and_hooks_of_later_versions_are_checked_and_listed)
{
    struct diagnostics diagnostics = {0};
    struct job *job = read_text("job: later\n"
                                "version: 1\n"
                                "steps:\n"
                                "  - id: look\n"
                                "    uses: kube_get\n"
                                "    with: {apiVersion: v1, kind: Pod, name: a}\n"
                                "    outputs: {phase: {type: string, value: '${object.status.phase}'}}\n"
                                "on_failure:\n"
                                "  - uses: http_request\n"
                                "    with: {url: 'https://example.org/${run.status}', method: POST}\n",
                                "later.yaml", &diagnostics);
    char *text = printed(&diagnostics);
    ck_assert_msg(job, "%s", text);
    free(text);
    ck_assert_int_eq(job->later.count, 3);
    ck_assert_str_eq(job->later.list[0].message, "the step kind \"kube_get\": not in this version");
    ck_assert_int_eq(job->later.list[0].line, 5);
    ck_assert_str_eq(job->later.list[1].message, "the hook \"on_failure\": not in this version");
    job_free(job);
}
END_TEST

static void expect_with(const char *step, const char *canonical)
{
    struct diagnostics diagnostics = {0};
    char *source = string_format("job: a\nversion: 1\nparams: {n: {type: int, default: 1}}\nsteps:\n%s",
                                 step);
    struct job *job = read_text(source, "a.yaml", &diagnostics);
    char *text = printed(&diagnostics);
    ck_assert_msg(job, "%s", text);
    char *with = json_canonical(job->steps[0].with);
    ck_assert_str_eq(with, canonical);
    free(with);
    job_free(job);
    free(text);
    free(source);
}

START_TEST(a_file_whose_name_is_no_text_is_not_dropped)
{
    struct diagnostics diagnostics = {0};
    struct job *job = read_text("version: 1\n", "a\377.yaml", &diagnostics);
    json_t *array = diagnostics_json(&diagnostics);
    ck_assert_ptr_null(job);
    ck_assert_uint_eq(json_array_size(array), (size_t)diagnostics.count);
    ck_assert_str_eq(json_text(json_array_get(array, 0), "file", ""), "a\xEF\xBF\xBD.yaml");
    json_decref(array);
    diagnostics_clear(&diagnostics);
}
END_TEST

START_TEST(literals_take_the_type_of_the_input_they_stand_in)
{
    expect_with("  - {id: a, uses: command, with: {argv: [sleep, 5, 1.10, yes], env: {A: 007}}}\n",
                "{\"argv\":[\"sleep\",\"5\",\"1.10\",\"yes\"],\"env\":{\"A\":\"007\"}}");
    expect_with("  - {id: a, uses: sleep, with: {for: 90s}}\n", "{\"for\":\"1m30s\"}");
    expect_with(
        "  - {id: a, uses: edit_values, with: {file: 1.10, set: {a: 3, b: 1.10, c: 0x1F, d: 'x', e: true, "
        "f: '${params.n}'}}}\n",
        "{\"file\":\"1.10\",\"set\":{\"a\":3,\"b\":{\"spelled\":\"1.10\"},\"c\":{\"spelled\":\"0x1F\"},"
        "\"d\":\"x\",\"e\":true,\"f\":\"${params.n}\"}}");
}
END_TEST

START_TEST(defaults_of_inputs_are_filled_in_with_their_types)
{
    expect_with("  - {id: a, uses: unregister_chunk, with: {leader: l, chunk_id: 0x10, chunk_ip: i}}\n",
                "{\"chunk_id\":16,\"chunk_ip\":\"i\",\"expect_status\":[\"CHUNK_STATUS_SESSION_EXPIRED\"],"
                "\"leader\":\"l\",\"namespace\":\"iomesh-system\",\"object\":\"iomesh\"}");
    expect_with(
        "  - {id: a, uses: verify_pods, with: {component: chunk, count: 3}}\n",
        "{\"component\":\"chunk\",\"count\":3,\"namespace\":\"iomesh-system\",\"stable_for\":\"10s\"}");
}
END_TEST

START_TEST(policy_is_read_into_the_step)
{
    struct diagnostics diagnostics = {0};
    struct job *job = read_text("job: a\n"
                                "version: 1\n"
                                "defaults: {timeout: 1h, retry: {attempts: 5, delay: 2s}}\n"
                                "steps:\n"
                                "  - {id: one, uses: locate_meta_leader, with: {}}\n"
                                "  - id: two\n"
                                "    uses: command\n"
                                "    with: {argv: [true]}\n"
                                "    guards: [one]\n"
                                "    timeout: 5m\n"
                                "    settle: 90s\n"
                                "    retry: {attempts: 3, on_exit: [75]}\n"
                                "    on_failure: {goto: one, max_visits: 4}\n"
                                "  - {id: three, uses: command, with: {argv: [a]}, effect: observe, "
                                "until: '${exit_code == 0}', every: 5s, stable_for: 1m}\n",
                                "a.yaml", &diagnostics);
    char *text = printed(&diagnostics);
    ck_assert_msg(job, "%s", text);
    free(text);
    const struct job_step *one = &job->steps[0], *two = &job->steps[1], *three = &job->steps[2];
    ck_assert_int_eq(one->timeout_ms, 3600000);
    ck_assert_int_eq(one->retry.attempts, 5);
    ck_assert_int_eq(one->settle_ms, 0);
    ck_assert_int_eq(two->line, 6);
    ck_assert_int_eq(two->effect, EFFECT_ONCE);
    ck_assert_int_eq(two->timeout_ms, 300000);
    ck_assert_int_eq(two->settle_ms, 90000);
    ck_assert_int_eq(two->retry.attempts, 3);
    ck_assert_int_eq(two->retry.delay_ms, 2000);
    ck_assert_int_eq(two->retry.on_exit_count, 1);
    ck_assert_int_eq(two->on_failure, ON_FAILURE_GOTO);
    ck_assert_int_eq(two->failure_way.target, 0);
    ck_assert_int_eq(two->failure_way.max_visits, 4);
    ck_assert_int_eq(two->guards[0], 0);
    ck_assert_int_eq(three->effect, EFFECT_OBSERVE);
    ck_assert_int_eq(three->every_ms, 5000);
    ck_assert_int_eq(three->stable_for_ms, 60000);
    job_free(job);
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("jobs_job");
    TCase *tests = tcase_create("job");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, shipped_jobs_are_valid_and_run_in_this_version);
    tcase_add_test(tests, broken_jobs_give_exactly_their_diagnostics);
    tcase_add_test(tests, every_code_is_met_in_the_broken_jobs);
    tcase_add_test(tests, kinds_keys_and_hooks_of_later_versions_are_checked_and_listed);
    tcase_add_test(tests, a_file_whose_name_is_no_text_is_not_dropped);
    tcase_add_test(tests, literals_take_the_type_of_the_input_they_stand_in);
    tcase_add_test(tests, defaults_of_inputs_are_filled_in_with_their_types);
    tcase_add_test(tests, policy_is_read_into_the_step);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
