#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "jobs/document.h"
#include "jobs/scalar.h"
#include "suite.h"

static struct document *read_good(const char *source)
{
    struct diagnostics diagnostics = {0};
    struct document *document = document_read(source, strlen(source), &diagnostics);
    ck_assert_msg(document && !diagnostics.count, "%s: %s", source,
                  diagnostics.count ? diagnostics.list[0].message : "");
    return document;
}

static void expect_code(const char *source, size_t length, const char *code)
{
    struct diagnostics diagnostics = {0};
    document_free(document_read(source, length, &diagnostics));
    ck_assert_msg(diagnostics.count, "%.60s: nothing is said", source);
    ck_assert_str_eq(diagnostics.list[0].code, code);
    diagnostics_clear(&diagnostics);
}

START_TEST(nodes_know_their_places)
{
    struct document *document = read_good("a: 1\nbc:\n  - 'x'\n  - {d: éé, e: f}\n");
    const struct document_entry *entry = document_entry(document->root, "bc");
    ck_assert_int_eq(entry->key_place.line, 2);
    ck_assert_int_eq(entry->key_place.length, 2);
    const struct document_node *map = entry->value->entries[1].value;
    ck_assert_int_eq(document_get(map, "d")->place.column, 9);
    ck_assert_int_eq(document_get(map, "d")->place.length, 2);
    ck_assert_int_eq(document_get(map, "e")->place.column, 16);
    document_free(document);
}
END_TEST

START_TEST(comments_behind_plain_scalars_are_seen)
{
    struct document *document = read_good("a: x # y\nb: 'x' # y\nc: x#y\nd: x\n");
    ck_assert(document_get(document->root, "a")->commented);
    ck_assert(!document_get(document->root, "b")->commented);
    ck_assert(!document_get(document->root, "c")->commented);
    ck_assert(!document_get(document->root, "d")->commented);
    document_free(document);
}
END_TEST

/* Each value ends in "@": where does that stand? */
START_TEST(bytes_of_a_value_are_found_in_the_source)
{
    static const struct {
        const char *source;
        int line, column;
    } cases[] = {
        {"a: xy@", 1, 6},
        {"a: 'it''s @'", 1, 11},
        {"a: \"\\t\\u00e9\\x41 @\"", 1, 18},
        {"a: éé @", 1, 7},
        {"a: |\n  one\n  two @", 3, 7},
        {"a: |\n\n    one\n      @", 4, 7},
        {"a: >\n  one\n  two @", 3, 7},
        {"a: >-\n  one\n\n  two\n  @", 5, 3},
        {"a: one\n  two\n   @", 3, 4},
        {"a: 'one\n  two\n   @'", 3, 4},
        {"a: \"one \\\n  two @\"", 2, 7},
        {"a: 'b'\r\nc: x@", 2, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct document *document = read_good(cases[i].source);
        const struct document_node *node = document->root->entries[document->root->count - 1].value;
        const char *at = strchr(node->text, '@');
        struct document_place place = document_place_within(document, node, (size_t)(at - node->text), 1);
        ck_assert_msg(place.line == cases[i].line && place.column == cases[i].column, "%s: %d:%d",
                      cases[i].source, place.line, place.column);
        ck_assert_int_eq(place.length, 1);
        document_free(document);
    }
}
END_TEST

START_TEST(aliases_share_their_anchors_node)
{
    struct document *document = read_good("a: &x [1, 2]\nb: *x\nc: &x 3\nd: *x\n");
    ck_assert_ptr_eq(document_get(document->root, "a"), document_get(document->root, "b"));
    ck_assert_str_eq(document_get(document->root, "d")->text, "3");
    document_free(document);
}
END_TEST

START_TEST(hostile_texts_are_refused)
{
    expect_code("a: \xff", 4, "E0002");
    expect_code("a: \0b", 5, "E0002");
    expect_code("a: \xed\xa0\x80", 6, "E0002");
    expect_code("a: \xc0\xaf", 5, "E0002");
    expect_code("a: \"\\0\"", 7, "E0002");
    expect_code("", 0, "E0005");
    expect_code("%TAG ! tag:x,2000:\n---\na: 1\n", 28, "E0004");
    expect_code("? [a]\n: b", 9, "E0010");
    expect_code("&a a: 1\n*a : 2", 14, "E0009");
    expect_code("- &x 1\n- {*x : 2}", 17, "E0010");
}
END_TEST

START_TEST(sizes_and_depths_are_bounded)
{
    size_t length = LIMIT_JOB_BYTES + 1;
    char *large = memory_new(length + 1);
    memset(large, 'a', length);
    expect_code(large, length, "E0003");
    memset(large, '[', 100000);
    expect_code(large, 100000, "E0003");
    memset(large, '\n', length);
    for (size_t i = 0; i + 2 < length; i += 2)
        memcpy(large + i, "-\n", 2);
    expect_code(large, LIMIT_JOB_BYTES, "E0003");
    free(large);
}
END_TEST

/* One line of 200,000 values: what is done for each may not begin at the line's start again. */
START_TEST(a_very_long_line_is_read_in_one_go)
{
    struct text text = {0};
    text_add(&text, "a: [");
    for (int i = 0; i < LIMIT_JOB_NODES - 10; i++)
        text_add(&text, "x, ");
    text_add(&text, "x]\n");
    document_free(read_good(text_string(&text)));
    text_clear(&text);
}
END_TEST

/* Depth counts through aliases: each of the anchors holds the one before. */
START_TEST(depth_counts_through_aliases)
{
    struct text text = {0};
    text_add(&text, "a0: &a0 [x]\n");
    for (int i = 1; i <= LIMIT_JOB_DEPTH; i++)
        text_format(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    expect_code(text_string(&text), text.length, "E0003");
    text_clear(&text);
}
END_TEST

START_TEST(scalars_follow_the_core_schema)
{
    static const char *const cases[][2] = {
        {"~", "null"},      {"null", "null"},       {"true", "true"},     {"False", "false"},
        {"yes", "\"yes\""}, {"12", "12"},           {"-3", "-3"},         {"+3", "3"},
        {"0o17", "15"},     {"0x1f", "31"},         {"017", "17"},        {"1.5", "1.5"},
        {".5", "0.5"},      {"1e3", "1000.0"},      {"1.", "1.0"},        {"1.2.3", "\"1.2.3\""},
        {"'12'", "\"12\""}, {"1_000", "\"1_000\""}, {"0b11", "\"0b11\""}, {"-", NULL}};
    for (size_t i = 0; cases[i][1]; i++) {
        char *source = string_format("a: %s", cases[i][0]);
        struct document *document = read_good(source);
        json_t *value = scalar_value(document_get(document->root, "a"));
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        ck_assert_str_eq(text, cases[i][1]);
        free(text);
        json_decref(value);
        document_free(document);
        free(source);
    }
}
END_TEST

START_TEST(only_what_json_writes_alike_is_canonical)
{
    static const struct {
        const char *text;
        bool canonical;
    } cases[] = {{"12", true},    {"-3", true},    {"0", true},    {"text", true}, {"true", true},
                 {"null", true},  {"1.10", false}, {"007", false}, {"+3", false},  {"0x1F", false},
                 {"True", false}, {"~", false},    {"-0", false},  {"1e3", false}, {".inf", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct document_node node = {.text = cases[i].text, .length = strlen(cases[i].text)};
        ck_assert_msg(scalar_is_canonical(&node) == cases[i].canonical, "%s", cases[i].text);
    }
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("jobs_document");
    TCase *tests = tcase_create("document");
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, nodes_know_their_places);
    tcase_add_test(tests, comments_behind_plain_scalars_are_seen);
    tcase_add_test(tests, bytes_of_a_value_are_found_in_the_source);
    tcase_add_test(tests, aliases_share_their_anchors_node);
    tcase_add_test(tests, hostile_texts_are_refused);
    tcase_add_test(tests, sizes_and_depths_are_bounded);
    tcase_add_test(tests, a_very_long_line_is_read_in_one_go);
    tcase_add_test(tests, depth_counts_through_aliases);
    tcase_add_test(tests, scalars_follow_the_core_schema);
    tcase_add_test(tests, only_what_json_writes_alike_is_canonical);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
