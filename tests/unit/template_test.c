#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "jobs/template.h"
#include "suite.h"

static const char names_text[] =
    "{\"params\": {\"replicas\": 3, \"ratio\": 1.5, \"whole\": 2.0, \"name\": \"iomesh\", \"force\": true,"
    " \"none\": null, \"list\": [1, 2], \"map\": {\"a\": 1}, \"token\": {\"secret\": \"env:TOKEN\"}},"
    " \"vars\": {\"bearer\": {\"secret_text\": [\"Bearer \", {\"secret\": \"env:TOKEN\"}]},"
    "           \"headers\": {\"A\": {\"secret\": \"file:/x\"}}},"
    " \"steps\": {\"check\": {\"status\": \"succeeded\", \"id\": 7,"
    "                       \"answer\": {\"secret\": \"env:HOME\"}}, \"later\": {\"status\": \"pending\"}}}";

static json_t *parse(const char *text)
{
    struct error error;
    json_t *value = json_read(text, strlen(text), LIMIT_JSON_BYTES, "test", &error);
    ck_assert_msg(value, "%s: %s", text, error.message);
    return value;
}

/* A template in JSON and what becomes of it: JSON, or `! part of the error`. */
static void assert_evaluates(const char *template_text, const char *expected)
{
    json_t *names = parse(names_text), *template = parse(template_text);
    struct error error = {0};
    json_t *value = template_evaluate(template, names, &error);
    if (expected[0] == '!') {
        ck_assert_msg(!value, "%s", template_text);
        ck_assert_msg(strstr(error.message, expected + 2), "%s: %s", template_text, error.message);
    } else {
        ck_assert_msg(value, "%s: %s", template_text, error.message);
        json_t *wanted = parse(expected);
        char *got = json_canonical(value), *canonical = json_canonical(wanted);
        ck_assert_str_eq(got, canonical);
        free(got);
        free(canonical);
        json_decref(wanted);
    }
    json_decref(value);
    json_decref(template);
    json_decref(names);
}

START_TEST(one_expression_keeps_its_type)
{
    assert_evaluates("\"${params.replicas}\"", "3");
    assert_evaluates("\"  ${ params.replicas }\\n\"", "3");
    assert_evaluates("\"${params.ratio}\"", "1.5");
    assert_evaluates("\"${params.force}\"", "true");
    assert_evaluates("\"${params.none}\"", "null");
    assert_evaluates("\"${params.list}\"", "[1, 2]");
    assert_evaluates("\"${params.map}\"", "{\"a\": 1}");
    assert_evaluates("\"${params.name + '!'}\"", "\"iomesh!\"");
}
END_TEST

START_TEST(expressions_within_a_longer_string_become_text)
{
    assert_evaluates("\"iomesh-chunk-${params.replicas}\"", "\"iomesh-chunk-3\"");
    assert_evaluates("\"${params.name}/${params.name}\"", "\"iomesh/iomesh\"");
    assert_evaluates("\"${params.replicas}${params.replicas}\"", "\"33\"");
    assert_evaluates("\"${params.replicas} \"", "3");
    assert_evaluates("\"${params.replicas}.\"", "\"3.\"");
    assert_evaluates("\"= ${params.ratio} ${params.whole} ${params.force}\"", "\"= 1.5 2 true\"");
    assert_evaluates("\"x ${params.list}\"", "! a list cannot become text");
    assert_evaluates("\"x ${params.map}\"", "! a map cannot become text");
    assert_evaluates("\"x ${params.none}\"", "! null cannot become text");
}
END_TEST

START_TEST(an_escaped_expression_stays_literal)
{
    assert_evaluates("\"$${params.name}\"", "\"${params.name}\"");
    assert_evaluates("\"a $${b} ${params.name}\"", "\"a ${b} iomesh\"");
    assert_evaluates("\"$$${b}\"", "\"$${b}\"");
    assert_evaluates("\"$5 and $ and $$ and $x\"", "\"$5 and $ and $$ and $x\"");
    assert_evaluates("\"{} }\"", "\"{} }\"");
    assert_evaluates("\"\"", "\"\"");
}
END_TEST

START_TEST(braces_and_quotes_inside_an_expression_do_not_end_it)
{
    assert_evaluates("\"${ {'a': {'b': 1}} }\"", "{\"a\": {\"b\": 1}}");
    assert_evaluates("\"${'}'}\"", "\"}\"");
    assert_evaluates("\"${\\\"${x}\\\"}\"", "\"${x}\"");
    assert_evaluates("\"x${ {'a': '}'}.a }y\"", "\"x}y\"");
    assert_evaluates("\"${r'\\\\'}\"", "\"\\\\\"");
}
END_TEST

START_TEST(lists_and_maps_are_evaluated_throughout)
{
    assert_evaluates(
        "{\"a\": [\"${params.replicas}\", {\"b\": \"n${params.replicas}\"}], \"c\": 5, \"d\": null}",
        "{\"a\": [3, {\"b\": \"n3\"}], \"c\": 5, \"d\": null}");
    assert_evaluates("{\"${params.name}\": 1}", "{\"${params.name}\": 1}"); /* keys are no templates */
    assert_evaluates("{\"set\": {\"count\": \"${1 / 0}\"}}", "! set: count: division by zero");
    assert_evaluates("[1, \"${params.x}\"]", "! [1]: no such key: \"x\"");
}
END_TEST

START_TEST(what_does_not_close_or_read_is_an_error)
{
    assert_evaluates("\"${params.name\"", "! has no closing }");
    assert_evaluates("\"a ${'b} c\"", "! the string is not closed");
    assert_evaluates("\"${}\"", "! the expression is empty");
    assert_evaluates("\"${1 +}\"", "! the expression ends");
    assert_evaluates("\"x ${1 # 2} y\"", "! unexpected \"#\"");
    assert_evaluates("\"${HOME}\"", "! there is no name \"HOME\"");
}
END_TEST

START_TEST(a_secret_passes_through_or_makes_a_secret_text)
{
    assert_evaluates("\"${params.token}\"", "{\"secret\": \"env:TOKEN\"}");
    assert_evaluates("\"${params.force ? params.token : ''}\"", "{\"secret\": \"env:TOKEN\"}");
    assert_evaluates("\"Bearer ${params.token}\"",
                     "{\"secret_text\": [\"Bearer \", {\"secret\": \"env:TOKEN\"}]}");
    assert_evaluates("\"${params.name}:${params.token}@${params.replicas}\"",
                     "{\"secret_text\": [\"iomesh:\", {\"secret\": \"env:TOKEN\"}, \"@3\"]}");
    assert_evaluates("\"${vars.bearer}\"", "{\"secret_text\": [\"Bearer \", {\"secret\": \"env:TOKEN\"}]}");
    assert_evaluates("\"a ${vars.bearer} b\"",
                     "{\"secret_text\": [\"a \", \"Bearer \", {\"secret\": \"env:TOKEN\"}, \" b\"]}");
    assert_evaluates("\"${vars.headers}\"", "{\"A\": {\"secret\": \"file:/x\"}}");
}
END_TEST

START_TEST(an_answer_that_looks_like_a_secret_is_refused)
{
    assert_evaluates("\"${steps.check.answer}\"", "! looks like a reference to a secret");
    assert_evaluates("\"${[steps.check.answer]}\"", "! looks like a reference to a secret");
    assert_evaluates("\"${ {'secret': 'env:HOME'} }\"", "! looks like a reference to a secret");
    assert_evaluates("\"x ${steps.check.answer}\"", "! a map cannot become text");
}
END_TEST

static char *text_of(const char *template, struct error *error)
{
    json_t *names = parse(names_text);
    char *text = template_text(template, names, error);
    json_decref(names);
    return text;
}

START_TEST(a_text_template_is_always_text_and_never_holds_a_secret)
{
    struct error error;
    char *text = text_of("${params.name}/${params.replicas}", &error);
    ck_assert_str_eq(text, "iomesh/3");
    free(text);
    text = text_of("${params.replicas}", &error);
    ck_assert_str_eq(text, "3");
    free(text);
    text = text_of("", &error);
    ck_assert_str_eq(text, "");
    free(text);
    ck_assert_ptr_null(text_of("${params.token}", &error));
    ck_assert_msg(strstr(error.message, "secret"), "%s", error.message);
    ck_assert_ptr_null(text_of("x ${params.list}", &error));
}
END_TEST

START_TEST(a_condition_is_one_expression_and_a_bool)
{
    static const struct {
        const char *text;
        int result; /* -1: an error */
    } conditions[] = {{"${params.force}", 1},
                      {" ${ !params.force } ", 0},
                      {"${has(steps.later.id)}", 0},
                      {"${has(steps.check.id)}", 1},
                      {"${1}", -1},
                      {"true", -1},
                      {"", -1},
                      {"x ${true}", -1},
                      {"${true} ${true}", -1},
                      {"${steps.later.id > 1}", -1},
                      {"${", -1}};
    json_t *names = parse(names_text);
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        struct error error;
        bool truth = false;
        int result = condition_evaluate(conditions[i].text, names, &truth, &error);
        ck_assert_msg(result == (conditions[i].result < 0 ? -1 : 0), "%s", conditions[i].text);
        if (!result)
            ck_assert_int_eq(truth, conditions[i].result);
    }
    json_decref(names);
}
END_TEST

START_TEST(the_pieces_of_a_text_are_found_with_their_places)
{
    static const char text[] = "a${b}c$${d}";
    static const struct template_part expected[] = {
        {false, 0, 1}, {true, 3, 1}, {false, 5, 1}, {false, 7, 4}};
    struct template_part part;
    struct expression_fault fault;
    size_t at = 0, count = 0;
    while (template_next(text, &at, &part, &fault) == 1) {
        ck_assert_uint_lt(count, 4);
        ck_assert_int_eq(part.is_expression, expected[count].is_expression);
        ck_assert_uint_eq(part.offset, expected[count].offset);
        ck_assert_uint_eq(part.length, expected[count].length);
        count++;
    }
    ck_assert_uint_eq(count, 4);
    at = 0;
    ck_assert_int_eq(template_next("${ a", &at, &part, &fault), -1);
    ck_assert_uint_eq(fault.offset, 0);
    ck_assert_int_eq(template_next("${ a", &at, &part, &fault), 0);
}
END_TEST

START_TEST(escaping_makes_any_literal_a_template_of_itself)
{
    static const char *const literals[] = {"", "a", "${x}", "$${x}", "$$${x}", "a ${ b", "$", "{}", "${${"};
    for (size_t i = 0; i < sizeof literals / sizeof *literals; i++) {
        struct error error;
        char *escaped = template_escape(literals[i]);
        ck_assert(!template_has_expression(escaped));
        char *text = text_of(escaped, &error);
        ck_assert_str_eq(text, literals[i]);
        free(text);
        free(escaped);
    }
    ck_assert(template_has_expression("a ${b}"));
    ck_assert(template_has_expression("$${a} ${b}"));
    ck_assert(!template_has_expression("$ { } $${"));
}
END_TEST

int main(void)
{
    memory_use_for_json();
    TCase *cases = tcase_create("template");
    tcase_add_test(cases, one_expression_keeps_its_type);
    tcase_add_test(cases, expressions_within_a_longer_string_become_text);
    tcase_add_test(cases, an_escaped_expression_stays_literal);
    tcase_add_test(cases, braces_and_quotes_inside_an_expression_do_not_end_it);
    tcase_add_test(cases, lists_and_maps_are_evaluated_throughout);
    tcase_add_test(cases, what_does_not_close_or_read_is_an_error);
    tcase_add_test(cases, a_secret_passes_through_or_makes_a_secret_text);
    tcase_add_test(cases, an_answer_that_looks_like_a_secret_is_refused);
    tcase_add_test(cases, a_text_template_is_always_text_and_never_holds_a_secret);
    tcase_add_test(cases, a_condition_is_one_expression_and_a_bool);
    tcase_add_test(cases, the_pieces_of_a_text_are_found_with_their_places);
    tcase_add_test(cases, escaping_makes_any_literal_a_template_of_itself);
    Suite *suite = suite_create("template");
    suite_add_tcase(suite, cases);
    return suite_run(suite);
}
