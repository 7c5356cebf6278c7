/* Canonical JSON is hashed and compared for ever: it must stay what jansson writes. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "suite.h"

static void expect_as_jansson(const json_t *value)
{
    char *ours = json_canonical(value);
    char *theirs = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    ck_assert_str_eq(ours, theirs);
    free(ours);
    free(theirs);
}

static uint64_t draw(uint64_t *state, uint64_t below)
{
    *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (*state >> 33) % below;
}

static json_t *draw_text(uint64_t *state)
{
    static const char *const pieces[] = {"a",    "Z",  "\"", "\\",   "/",     "\b",   "\f",
                                         "\n",   "\r", "\t", "\x01", "\x1f",  "\x7f", "é",
                                         "日本", "😀",  " ",  "{}",   "step_1"};
    char text[64] = "";
    for (uint64_t i = draw(state, 8); i; i--)
        strcat(text, pieces[draw(state, sizeof pieces / sizeof *pieces)]);
    return json_string(text);
}

static json_t *draw_value(uint64_t *state, int depth)
{
    json_t *value;
    switch (draw(state, depth ? 8 : 6)) {
    case 0:
        return draw_text(state);
    case 1:
        return json_integer((json_int_t)(draw(state, 1U << 31) * draw(state, 1U << 31)) *
                            (draw(state, 2) ? 1 : -1));
    case 2:
        return json_real((double)draw(state, 1U << 30) / (double)(1 + draw(state, 1000)) * 1e-3);
    case 3:
        return json_true();
    case 4:
        return json_false();
    case 5:
        return json_null();
    case 6:
        value = json_array();
        for (uint64_t i = draw(state, 5); i; i--)
            json_array_append_new(value, draw_value(state, depth - 1));
        return value;
    default:
        value = json_object();
        for (uint64_t i = draw(state, 60); i; i -= i > 4 ? 4 : 1) {
            json_t *key = draw_text(state);
            json_object_set_new(value, json_string_value(key), draw_value(state, depth - 1));
            json_decref(key);
        }
        return value;
    }
}

START_TEST(canonical_text_is_what_jansson_writes)
{
    uint64_t state = 7;
    for (int i = 0; i < 3000; i++) {
        json_t *value = draw_value(&state, 4);
        expect_as_jansson(value);
        json_decref(value);
    }
}
END_TEST

START_TEST(objects_of_any_size_are_sorted)
{
    json_t *object = json_object();
    for (int i = 0; i < 100; i++) {
        char *key = string_format("key %d", i * 37 % 100);
        json_object_set_new(object, key, json_integer(i));
        free(key);
        expect_as_jansson(object);
    }
    json_decref(object);
}
END_TEST

START_TEST(reals_and_the_widest_integers_keep_their_spelling)
{
    static const double reals[] = {0.0, -0.0, 1.0, 1e300, 1e-300, 0.1, 123456789012345680.0};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        json_t *value = json_real(reals[i]);
        expect_as_jansson(value);
        json_decref(value);
    }
    json_t *widest = json_pack("[I,I]", (json_int_t)INT64_MAX, (json_int_t)INT64_MIN);
    expect_as_jansson(widest);
    json_decref(widest);
}
END_TEST

/* Both refuse, or both read the same. */
static void expect_read_as_jansson(const char *text)
{
    struct error error;
    json_t *ours = json_read_stored(text, "test", &error);
    json_t *theirs = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    ck_assert_msg(ours && theirs ? json_equal(ours, theirs) : ours == theirs, "%s", text);
    json_decref(ours);
    json_decref(theirs);
}

START_TEST(what_was_written_is_read_as_jansson_reads_it)
{
    static const char bytes[] = "\"\\{}[],:0-9.eatrunl \x01\x80\xC3z"; /* with the NUL behind them */
    uint64_t state = 11;
    for (int i = 0; i < 3000; i++) {
        json_t *value = draw_value(&state, 4);
        char *text = json_canonical(value);
        expect_read_as_jansson(text);
        for (int k = 0; k < 20; k++) { /* and what a flipped byte makes of it */
            char *at = text + draw(&state, strlen(text)), kept = *at;
            *at = bytes[draw(&state, sizeof bytes)];
            expect_read_as_jansson(text);
            *at = kept;
        }
        free(text);
        json_decref(value);
    }
}
END_TEST

START_TEST(odd_spellings_are_read_as_jansson_reads_them)
{
    static const char *const texts[] = {"",
                                        "-",
                                        "-0",
                                        "00",
                                        "01",
                                        "1 ",
                                        "+1",
                                        "1e3",
                                        "1.",
                                        ".5",
                                        "[1,]",
                                        "[,1]",
                                        "{,}",
                                        "{\"a\":}",
                                        "{\"a\" }",
                                        "{\"a\":1,}",
                                        "tru",
                                        "truee",
                                        "nul",
                                        "\"a",
                                        "[",
                                        "{",
                                        "[[]",
                                        "[]]",
                                        "\"\\u00e9\"",
                                        "\"\\u0000\"",
                                        "[1 ]",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "-9223372036854775808",
                                        "{\"b\":1,\"a\":2}",
                                        "{\"a\":1,\"a\":2}",
                                        "{\"\":1,\"a\":2}",
                                        "{\"\":1,\"\":2}",
                                        "-a",
                                        "- 1"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect_read_as_jansson(texts[i]);
    char deep[201] = ""; /* deeper than what is plain; then with too few brackets at either end */
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    expect_read_as_jansson(deep);
    expect_read_as_jansson(deep + 50);
    deep[150] = '\0';
    expect_read_as_jansson(deep + 50);
    expect_read_as_jansson(deep);
}
END_TEST

START_TEST(nothing_is_null)
{
    char *text = json_canonical(NULL);
    ck_assert_str_eq(text, "null");
    free(text);
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("canonical");
    TCase *all = tcase_create("all");
    tcase_add_test(all, canonical_text_is_what_jansson_writes);
    tcase_add_test(all, objects_of_any_size_are_sorted);
    tcase_add_test(all, reals_and_the_widest_integers_keep_their_spelling);
    tcase_add_test(all, what_was_written_is_read_as_jansson_reads_it);
    tcase_add_test(all, odd_spellings_are_read_as_jansson_reads_them);
    tcase_add_test(all, nothing_is_null);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
