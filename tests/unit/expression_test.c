/* The expression language, from three tables in plain text:
 *   expressions.txt       an expression, `< DATA` where it needs any, the value in JSON or `! PART OF THE
 * ERROR` expression_types.txt  an expression, its type or one line `^~~~ message` a mistake
 *   ../../docs/expressions.md  every ```cel block: lines `EXPRESSION  // VALUE` over the page's ```json block
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "jobs/expression.h"
#include "suite.h"

/* --- a table, line by line --- */

struct table {
    char *bytes, *at;
    int line;
};

static void table_open(struct table *table, const char *path)
{
    struct error error;
    table->bytes = table->at = file_read(path, 1024 * 1024, NULL, &error);
    table->line = 0;
    ck_assert_msg(table->bytes, "%s: %s (run from the repository's root)", path, error.message);
}

/* The next line, without its end; NULL at the end of the file. */
static char *table_next(struct table *table)
{
    if (!*table->at)
        return NULL;
    char *line = table->at, *end = strchr(line, '\n');
    table->at = end ? end + 1 : line + strlen(line);
    if (end)
        *end = 0;
    table->line++;
    return line;
}

/* The next line that is neither empty nor a comment. */
static char *table_next_case(struct table *table)
{
    char *line;
    while ((line = table_next(table)) && (!*line || *line == '#'))
        continue;
    return line;
}

/* --- evaluation --- */

/* The value as canonical JSON, or the error's message; free() it. */
static char *outcome(const char *text, size_t length, const json_t *names, bool *good)
{
    struct expression_fault fault;
    struct expression *expression = expression_read(text, length, &fault);
    *good = false;
    if (!expression) {
        ck_assert_uint_le(fault.offset, length);
        return string_format("%s: %s", fault.message, fault.hint);
    }
    struct error error;
    json_t *value = expression_evaluate(expression, names, &error);
    expression_free(expression);
    if (!value) {
        ck_assert(error.code == ERROR_EXPRESSION || error.code == ERROR_LIMIT);
        return string_copy(error.message);
    }
    *good = true;
    char *canonical = json_canonical(value);
    json_decref(value);
    return canonical;
}

static json_t *json_of(const char *text, int line)
{
    struct error error;
    json_t *value = json_read(text, strlen(text), LIMIT_JSON_BYTES, "table", &error);
    ck_assert_msg(value, "line %d: %s", line, error.message);
    return value;
}

static bool matches(const char *got, bool good, const char *expected, int line)
{
    if (!strncmp(expected, "! ", 2))
        return !good && strstr(got, expected + 2);
    json_t *value = json_of(expected, line);
    char *wanted = json_canonical(value);
    bool same = good && !strcmp(got, wanted);
    free(wanted);
    json_decref(value);
    return same;
}

START_TEST(every_expression_of_the_table_has_its_value_or_error)
{
    struct table table;
    char *text;
    int count = 0, wrong = 0;
    table_open(&table, "tests/unit/expressions.txt");
    while ((text = table_next_case(&table))) {
        int line = table.line;
        char *next = table_next(&table);
        json_t *names = NULL;
        if (next && !strncmp(next, "< ", 2)) {
            names = json_of(next + 2, table.line);
            next = table_next(&table);
        }
        ck_assert_msg(next && *next, "expressions.txt:%d: no expected value", line);
        bool good;
        char *got = outcome(text, strlen(text), names, &good);
        if (!matches(got, good, next, line)) {
            fprintf(stderr, "expressions.txt:%d: %s\n  expected %s\n  got      %s%s\n", line, text, next,
                    good ? "" : "! ", got);
            wrong++;
        }
        count++;
        free(got);
        json_decref(names);
    }
    free(table.bytes);
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_gt(count, 300);
}
END_TEST

/* --- the manual page --- */

/* The lines of the page's ```json block as one value. */
static json_t *page_names(struct table *table)
{
    struct text text = {0};
    char *line;
    while ((line = table_next(table)) && strcmp(line, "```json"))
        continue;
    while ((line = table_next(table)) && strcmp(line, "```"))
        text_format(&text, "%s\n", line);
    json_t *names = json_of(text_string(&text), table->line);
    text_clear(&text);
    return names;
}

/* `EXPRESSION  // VALUE` or `EXPRESSION  // error: PART`. */
static void run_example(char *line, const json_t *names, int number)
{
    char *expected = strstr(line, "  // ");
    ck_assert_msg(expected, "expressions.md:%d: no value", number);
    *expected = 0;
    expected += 5;
    bool good, error = !strncmp(expected, "error: ", 7);
    char *got = outcome(line, strlen(line), names, &good);
    bool right = error ? !good && strstr(got, expected + 7) : matches(got, good, expected, number);
    ck_assert_msg(right, "expressions.md:%d: %s gives %s", number, line, got);
    free(got);
}

START_TEST(every_example_of_the_manual_page_is_true)
{
    struct table table;
    char *line;
    int count = 0;
    table_open(&table, "docs/expressions.md");
    json_t *names = page_names(&table);
    while ((line = table_next(&table))) {
        if (strcmp(line, "```cel"))
            continue;
        for (; (line = table_next(&table)) && strcmp(line, "```"); count++)
            run_example(line, names, table.line);
    }
    json_decref(names);
    free(table.bytes);
    ck_assert_int_gt(count, 30);
}
END_TEST

/* --- types --- */

#define LIST_OF(kind)                                                                                        \
    {                                                                                                        \
        CEL_LIST, kind                                                                                       \
    }

static const struct {
    const char *path;
    struct expression_type type;
    bool needs_test; /* only where has() has shown that it is there */
} declared[] = {
    {"params.replicas", {CEL_INT, CEL_DYN}, false},
    {"params.ratio", {CEL_DOUBLE, CEL_DYN}, false},
    {"params.namespace", {CEL_STRING, CEL_DYN}, false},
    {"params.force", {CEL_BOOL, CEL_DYN}, false},
    {"params.wait", {CEL_DURATION, CEL_DYN}, false},
    {"params.token", {CEL_SECRET, CEL_DYN}, false},
    {"params.names", LIST_OF(CEL_STRING), false},
    {"params.counts", LIST_OF(CEL_INT), false},
    {"params.things", LIST_OF(CEL_DYN), false},
    {"params.labels", {CEL_MAP, CEL_STRING}, false},
    {"steps.check.usage", {CEL_DOUBLE, CEL_DYN}, false},
    {"steps.later.id", {CEL_INT, CEL_DYN}, true},
    {"steps.later.ip", {CEL_STRING, CEL_DYN}, true},
    {"steps.my-step.id", {CEL_INT, CEL_DYN}, false},
    {"json", {CEL_DYN, CEL_DYN}, false},
};

/* The longest declared beginning of the path counts; the rest is selected from its type. */
static struct expression_type resolve(void *context, const char *const *path, int count, bool tested,
                                      int *part, struct expression_fault *fault)
{
    (void)context;
    char name[256] = "";
    for (int used = 1; used <= count; used++) {
        size_t length = strlen(name);
        snprintf(name + length, sizeof name - length, "%s%s", used > 1 ? "." : "", path[used - 1]);
        for (size_t i = 0; i < sizeof declared / sizeof *declared; i++) {
            if (strcmp(declared[i].path, name))
                continue;
            *part = used;
            if (!declared[i].needs_test || tested)
                return declared[i].type;
            fault->code = "E0299";
            snprintf(fault->message, sizeof fault->message, "%s is not there on every path", name);
            return (struct expression_type){CEL_ERROR, CEL_DYN};
        }
    }
    snprintf(fault->message, sizeof fault->message, "there is no %s", name);
    return (struct expression_type){CEL_ERROR, CEL_DYN};
}

static void report(void *context, const struct expression_fault *fault)
{
    struct text *text = context;
    ck_assert_int_eq(fault->code[0], 'E');
    for (size_t i = 0; i < fault->offset; i++)
        text_add(text, " ");
    for (size_t i = 0; i < fault->length; i++)
        text_add(text, i ? "~" : "^");
    text_format(text, " %s%s%s%s\n", fault->message, *fault->hint ? " (" : "", fault->hint,
                *fault->hint ? ")" : "");
}

/* The lines that the table has below an expression. */
static char *check_outcome(const char *text)
{
    struct text lines = {0};
    struct expression_fault fault;
    struct expression *expression = expression_read(text, strlen(text), &fault);
    if (!expression) {
        report(&lines, &fault);
        return text_take(&lines);
    }
    struct expression_type type = expression_check(expression, resolve, &lines, report);
    char buffer[64];
    if (!lines.length)
        text_format(&lines, "%s\n", expression_type_text(type, buffer, sizeof buffer));
    expression_free(expression);
    return text_take(&lines);
}

START_TEST(every_expression_of_the_table_has_its_type_or_mistakes)
{
    struct table table;
    char *text, *line;
    int count = 0, wrong = 0;
    table_open(&table, "tests/unit/expression_types.txt");
    while ((text = table_next_case(&table))) {
        int number = table.line;
        struct text expected = {0};
        while ((line = table_next(&table)) && *line)
            text_format(&expected, "%s\n", line);
        char *got = check_outcome(text);
        if (strcmp(got, text_string(&expected))) {
            fprintf(stderr, "expression_types.txt:%d:\n%s\n%s-- got --\n%s\n", number, text,
                    text_string(&expected), got);
            wrong++;
        }
        count++;
        free(got);
        text_clear(&expected);
    }
    free(table.bytes);
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_gt(count, 100);
}
END_TEST

/* --- bounds --- */

static char *repeated(const char *begin, const char *middle, int times, const char *end)
{
    struct text text = {0};
    text_add(&text, begin);
    for (int i = 0; i < times; i++)
        text_add(&text, middle);
    text_add(&text, end);
    return text_take(&text);
}

static void assert_refused(char *text, const json_t *names, const char *part)
{
    bool good;
    char *got = outcome(text, strlen(text), names, &good);
    ck_assert_msg(!good && strstr(got, part), "%.60s: %s", text, got);
    free(got);
    free(text);
}

START_TEST(what_is_nested_too_deeply_is_refused_not_recursed_into)
{
    assert_refused(repeated("", "(", 2000, "1"), NULL, "nested more than");
    assert_refused(repeated("", "[", 2000, "1"), NULL, "nested more than");
    assert_refused(repeated("", "!", 2000, "true"), NULL, "nested more than");
    assert_refused(repeated("", "- ", 1900, "x"), NULL, "nested more than");
    assert_refused(repeated("1", "+1", 2000, ""), NULL, "nested more than");
    assert_refused(repeated("x", ".x", 2000, ""), NULL, "nested more than");
    assert_refused(repeated("", "true?", 800, "1"), NULL, "");
    assert_refused(repeated("", "true?1:", 500, "1"), NULL, "nested more than");
    assert_refused(repeated("", "[].map(x,", 400, "1"), NULL, "nested more than");
    assert_refused(repeated("", "1+1+1+1+1", 1000, ""), NULL, "at most 4096");
}
END_TEST

START_TEST(thirty_two_terms_and_levels_are_taken)
{
    static const char *const forms[][3] = {{"1", "+1", ""}, {"true", "&&true", ""}, {"'a'", "+'a'", ""}};
    bool good;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        char *text = repeated(forms[i][0], forms[i][1], 32, forms[i][2]);
        free(outcome(text, strlen(text), NULL, &good));
        ck_assert_msg(good, "%s", text);
        free(text);
    }
    char *text = repeated("((((((((((((((((((((((((((((((((1", ")", 32, "");
    free(outcome(text, strlen(text), NULL, &good));
    ck_assert(good);
    free(text);
}
END_TEST

static json_t *list_of_zeroes(size_t count)
{
    json_t *names = json_object(), *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_integer(0));
    json_object_set_new(names, "list", list);
    return names;
}

START_TEST(evaluation_ends_after_a_bounded_number_of_steps)
{
    json_t *names = list_of_zeroes(2000);
    assert_refused(string_copy("list.all(a, list.all(b, list.all(c, true)))"), names, "steps");
    json_decref(names);
}
END_TEST

START_TEST(a_limit_is_not_absorbed_like_an_error)
{
    json_t *names = list_of_zeroes(2000);
    assert_refused(string_copy("list.all(a, list.all(b, a + b == 0)) || true"), names, "steps");
    assert_refused(string_copy("[1].exists(x, list.all(a, list.all(b, a + b == 0)) || true)"), names,
                   "steps");
    /* A limit that leaves steps over. */
    char *too_long = repeated("['0123456789abcdef']", ".map(x, x + x)", 20, "");
    assert_refused(string_format("size(%s) > 0 || true", too_long), NULL, "too long");
    assert_refused(string_format("size(%s) > 0 && false", too_long), NULL, "too long");
    assert_refused(string_format("[1, 2].exists(i, i == 2 || size(%s) > 0)", too_long), NULL, "too long");
    assert_refused(string_format("[1, 2].exists(i, i == 2 ? true : size(%s) > 0)", too_long), NULL,
                   "too long");
    free(too_long);
    json_decref(names);
}
END_TEST

START_TEST(a_value_does_not_grow_without_bound)
{
    /* 2^40 elements, by sharing: small in memory until they are written out. */
    char *doubled = repeated("[1]", ".map(x, [x, x])", 40, "");
    assert_refused(doubled, NULL, "KiB");
    doubled = repeated("['0123456789abcdef']", ".map(x, x + x)", 40, "");
    assert_refused(doubled, NULL, "too long");
    json_t *names = json_object();
    json_object_set_new(names, "big", json_array());
    for (int i = 0; i < 5000; i++)
        json_array_append_new(json_object_get(names, "big"), json_string("sixteen letters!"));
    assert_refused(string_copy("[big, big, big, big]"), names, "KiB");
    bool good;
    char *got = outcome("[big]", 5, names, &good);
    ck_assert(good);
    free(got);
    json_decref(names);
}
END_TEST

START_TEST(what_is_compared_may_not_be_nested_without_bound)
{
    json_t *deep = json_array(), *names = json_object();
    for (int i = 0; i < 1000; i++) {
        json_t *outer = json_array();
        json_array_append_new(outer, deep);
        deep = outer;
    }
    json_object_set_new(names, "a", json_deep_copy(deep));
    json_object_set_new(names, "b", deep);
    assert_refused(string_copy("a == b"), names, "too deep");
    assert_refused(string_copy("[a]"), names, "too deep");
    json_decref(names);
}
END_TEST

START_TEST(a_value_taken_whole_is_shared_not_copied)
{
    json_t *names = json_pack("{s:{s:[i,i]}}", "params", "list", 1, 2);
    struct expression_fault fault;
    struct error error;
    struct expression *expression = expression_read("params.list", 11, &fault);
    json_t *value = expression_evaluate(expression, names, &error);
    ck_assert_ptr_eq(value, json_at(names, "params", "list", NULL));
    json_decref(value);
    expression_free(expression);
    json_decref(names);
}
END_TEST

START_TEST(bytes_that_are_no_utf8_or_end_early_are_errors)
{
    static const struct {
        const char *text;
        size_t length;
    } broken[] = {{"'\xff'", 3},     {"{'\xff': 1}", 8}, {"a\0b", 3},     {"'a\0b'", 5},
                  {"{'a\0': 1}", 9}, {"'\\\0'", 4},      {"'\\", 2},      {"'\\x", 3},
                  {"r'", 2},         {"'''", 3},         {"\xe2\x82", 2}, {"//", 2},
                  {"1e", 2},         {"0x", 2},          {"a.", 2},       {"", 0}};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        bool good;
        char *exact = memory_new(broken[i].length + 1);
        memcpy(exact, broken[i].text, broken[i].length);
        exact = memory_resize(exact, broken[i].length ? broken[i].length : 1,
                              1); /* for ASan: no byte behind */
        free(outcome(exact, broken[i].length, NULL, &good));
        ck_assert_msg(!good, "case %zu", i);
        free(exact);
    }
}
END_TEST

START_TEST(newlines_and_comments_are_white_space)
{
    static const char text[] = "1 + // one\n\t2 // two";
    bool good;
    char *got = outcome(text, sizeof text - 1, NULL, &good);
    ck_assert_str_eq(got, "3");
    free(got);
}
END_TEST

int main(void)
{
    memory_use_for_json();
    TCase *cases = tcase_create("expression");
    tcase_add_test(cases, every_expression_of_the_table_has_its_value_or_error);
    tcase_add_test(cases, every_expression_of_the_table_has_its_type_or_mistakes);
    tcase_add_test(cases, every_example_of_the_manual_page_is_true);
    tcase_add_test(cases, what_is_nested_too_deeply_is_refused_not_recursed_into);
    tcase_add_test(cases, thirty_two_terms_and_levels_are_taken);
    tcase_add_test(cases, evaluation_ends_after_a_bounded_number_of_steps);
    tcase_add_test(cases, a_limit_is_not_absorbed_like_an_error);
    tcase_add_test(cases, a_value_does_not_grow_without_bound);
    tcase_add_test(cases, what_is_compared_may_not_be_nested_without_bound);
    tcase_add_test(cases, a_value_taken_whole_is_shared_not_copied);
    tcase_add_test(cases, bytes_that_are_no_utf8_or_end_early_are_errors);
    tcase_add_test(cases, newlines_and_comments_are_white_space);
    Suite *suite = suite_create("expression");
    suite_add_tcase(suite, cases);
    return suite_run(suite);
}
