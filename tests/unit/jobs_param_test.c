#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "jobs/param.h"
#include "steps/kind.h"
#include "suite.h"

static const char JOB[] = "job: a\n"
                          "version: 1\n"
                          "params:\n"
                          "  replicas: {type: int, min: 2, max: 9}\n"
                          "  name: {type: string, default: iomesh, pattern: '[a-z]+'}\n"
                          "  values: {type: path, default: iomesh.yaml}\n"
                          "  pause: {type: duration, default: 90s, max: 1h}\n"
                          "  share: {type: float, default: 1, enum: [0.5, 1]}\n"
                          "  token: {type: secret, default: 'env:TOKEN'}\n"
                          "  hosts: {type: list, default: []}\n"
                          "  dry: {type: bool, default: false}\n"
                          "steps: [{id: a, uses: sleep, with: {for: 1s}}]\n";

static struct job *job_new(void)
{
    struct diagnostics diagnostics = {0};
    struct job *job = job_read(JOB, strlen(JOB), "a.yaml", step_declaration_find, step_declarations,
                               &diagnostics);
    ck_assert_msg(job, "%s", diagnostics.count ? diagnostics.list[0].message : "");
    diagnostics_clear(&diagnostics);
    return job;
}

/* The params as canonical JSON, or the messages, one a line. free() it. */
static char *outcome(const struct param_given *given, int count, const char *file)
{
    struct job *job = job_new();
    struct diagnostics diagnostics = {0};
    struct error error = {0};
    struct text text = {0};
    json_t *values = file ? params_file_read(file, strlen(file), "params.yaml", &error) : NULL;
    json_t *params = error.code ? NULL : params_read(job, given, count, values, "/home/op", &diagnostics);
    if (error.code)
        text_add(&text, error.message);
    for (int i = 0; i < diagnostics.count; i++) {
        ck_assert_int_eq(diagnostics.list[i].line, 0);
        text_format(&text, "%s\n", diagnostics.list[i].message);
    }
    char *canonical = params ? json_canonical(params) : NULL;
    text_add(&text, canonical ? canonical : "");
    free(canonical);
    json_decref(params);
    json_decref(values);
    diagnostics_clear(&diagnostics);
    job_free(job);
    return text_take(&text);
}

static void expect(const char *name, const char *value, const char *wanted)
{
    struct param_given given[] = {{"replicas", "3"}, {name, value}};
    bool replicas = !strcmp(name, "replicas");
    char *text = outcome(given + replicas, 2 - replicas, NULL);
    ck_assert_msg(strstr(text, wanted), "%s=%s gives %s", name, value, text);
    free(text);
}

START_TEST(defaults_are_filled_in_with_paths_absolute_and_durations_canonical)
{
    struct param_given given[] = {{"replicas", "3"}};
    char *text = outcome(given, 1, NULL);
    ck_assert_str_eq(text,
                     "{\"dry\":false,\"hosts\":[],\"name\":\"iomesh\",\"pause\":\"1m30s\",\"replicas\":3,"
                     "\"share\":1.0,\"token\":{\"secret\":\"env:TOKEN\"},"
                     "\"values\":\"/home/op/iomesh.yaml\"}");
    free(text);
}
END_TEST

START_TEST(given_values_are_read_by_type)
{
    expect("replicas", "0x5", "\"replicas\":5");
    expect("name", "abc", "\"name\":\"abc\"");
    expect("values", "/etc/v.yaml", "\"values\":\"/etc/v.yaml\"");
    expect("values", "./v.yaml", "\"values\":\"/home/op/v.yaml\"");
    expect("pause", "60m", "\"pause\":\"1h\"");
    expect("share", "0.5", "\"share\":0.5");
    expect("token", "file:/run/token", "{\"secret\":\"file:/run/token\"}");
    expect("hosts", "[\"a\", 1]", "\"hosts\":[\"a\",1]");
    expect("dry", "true", "\"dry\":true");
}
END_TEST

START_TEST(wrong_values_are_refused_with_the_reason)
{
    expect("replicas", "1", "param replicas 1 is below min 2");
    expect("replicas", "10", "param replicas 10 is above max 9");
    expect("replicas", "three", "replicas: \"three\" is no int");
    expect("replicas", "", "replicas: \"\" is no int");
    expect("name", "A1", "param name A1 is not of the pattern [a-z]+");
    expect("name", "ok\nB", "is not of the pattern");
    expect("pause", "2h", "param pause 2h is above max 1h");
    expect("share", "0.7", "param share 0.7 is none of [0.5,1.0]");
    expect("hosts", "a,b", "hosts: \"a,b\" is no list");
    expect("dry", "yes", "dry: \"yes\" is no bool");
    expect("nme", "x", "the job has no param \"nme\"");
}
END_TEST

START_TEST(a_secret_given_in_the_open_is_refused_and_not_repeated)
{
    struct param_given given[] = {{"replicas", "3"}, {"token", "hunter2"}};
    char *text = outcome(given, 2, NULL);
    ck_assert(strstr(text, "token is a secret"));
    ck_assert(!strstr(text, "hunter2"));
    free(text);
}
END_TEST

START_TEST(every_mistake_is_said_at_once)
{
    struct param_given given[] = {{"name", "A"}, {"name", "b"}, {"nothing", "x"}};
    char *text = outcome(given, 3, NULL);
    ck_assert_str_eq(text, "the param \"name\" is given twice\n"
                           "the job has no param \"nothing\"\n"
                           "the param \"replicas\" (int) is required\n"
                           "param name A is not of the pattern [a-z]+\n");
    free(text);
}
END_TEST

START_TEST(a_params_file_is_read_by_type_and_the_command_line_wins)
{
    struct param_given given[] = {{"name", "won"}};
    char *text = outcome(given, 1, "replicas: 4\nname: lost\nvalues: 1.10\npause: 2m\nhosts: [a]\n");
    ck_assert_str_eq(text,
                     "{\"dry\":false,\"hosts\":[\"a\"],\"name\":\"won\",\"pause\":\"2m\",\"replicas\":4,"
                     "\"share\":1.0,\"token\":{\"secret\":\"env:TOKEN\"},\"values\":\"/home/op/1.10\"}");
    free(text);
    text = outcome(NULL, 0, "{\"replicas\": \"4\"}");
    ck_assert_str_eq(text, "replicas must be a value of the type int, and is \"4\"\n");
    free(text);
    text = outcome(NULL, 0, "- a\n");
    ck_assert_str_eq(text, "params.yaml: a params file is a map of names and values");
    free(text);
    text = outcome(NULL, 0, "a: 1\na: 2\n");
    ck_assert_str_eq(text, "params.yaml:2:1: \"a\" stands here twice");
    free(text);
}
END_TEST

static void expect_conform(enum value_type type, const char *json, const char *wanted)
{
    struct error error = {0};
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    json_t *fit = value_conform(type, "x", value, "/w", &error);
    char *text = fit ? json_canonical(fit) : string_copy("refused");
    ck_assert_msg(!strcmp(text, wanted), "%s as %s: %s", json, value_type_text(type), text);
    free(text);
    json_decref(fit);
    json_decref(value);
}

START_TEST(values_of_expressions_are_made_to_fit)
{
    expect_conform(TYPE_FLOAT, "3", "3.0");
    expect_conform(TYPE_INT, "3.0", "refused");
    expect_conform(TYPE_INT, "\"3\"", "refused");
    expect_conform(TYPE_DURATION, "\"60s\"", "\"1m\"");
    expect_conform(TYPE_DURATION, "\"soon\"", "refused");
    expect_conform(TYPE_PATH, "\"a/b\"", "\"/w/a/b\"");
    expect_conform(TYPE_PATH, "\"\"", "refused");
    expect_conform(TYPE_STRING, "1", "refused");
    expect_conform(TYPE_LIST, "{}", "refused");
    expect_conform(TYPE_MAP, "{\"a\":1}", "{\"a\":1}");
    expect_conform(TYPE_ANY, "null", "null");
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("jobs_param");
    TCase *tests = tcase_create("param");
    tcase_add_test(tests, defaults_are_filled_in_with_paths_absolute_and_durations_canonical);
    tcase_add_test(tests, given_values_are_read_by_type);
    tcase_add_test(tests, wrong_values_are_refused_with_the_reason);
    tcase_add_test(tests, a_secret_given_in_the_open_is_refused_and_not_repeated);
    tcase_add_test(tests, every_mistake_is_said_at_once);
    tcase_add_test(tests, a_params_file_is_read_by_type_and_the_command_line_wins);
    tcase_add_test(tests, values_of_expressions_are_made_to_fit);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
