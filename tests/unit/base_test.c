#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "suite.h"

START_TEST(durations_are_read_and_written_canonically)
{
    static const struct {
        const char *text;
        int64_t ms;
        const char *canonical;
    } good[] = {{"500ms", 500, "500ms"}, {"90s", 90000, "1m30s"}, {"6h", 21600000, "6h"},
                {"1d", 86400000, "1d"},  {"0s", 0, "0s"},         {"1m30s", 90000, "1m30s"}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t ms = -1;
        char text[DURATION_TEXT_SIZE];
        ck_assert(duration_read(good[i].text, &ms));
        ck_assert_int_eq(ms, good[i].ms);
        duration_write(ms, text);
        ck_assert_str_eq(text, good[i].canonical);
    }
    static const char *const bad[] = {"", "5", "s", "1s1m", "-1s", "1.5s", "1 s", "99999d", "1ss"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!duration_read(bad[i], &(int64_t){0}), "%s", bad[i]);
}
END_TEST

START_TEST(long_errors_end_with_an_ellipsis_on_a_whole_character)
{
    struct error error;
    char long_text[3000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    ck_assert_int_eq(error_set(&error, ERROR_SYSTEM, "%s", long_text), -1);
    size_t length = strlen(error.message);
    ck_assert_uint_lt(length, sizeof error.message);
    ck_assert_str_eq(error.message + length - 3, "…");
}
END_TEST

START_TEST(errors_are_whole_utf8_whatever_a_program_said)
{
    struct error error;
    error_set(&error, ERROR_EXIT_STATUS, "it said: %.4s", "\xc3\xa4\xc3\xa4\xc3\xa4");
    ck_assert_str_eq(error.message, "it said: \xc3\xa4\xc3\xa4");
    error_set(&error, ERROR_EXIT_STATUS, "it said: %.3s", "\xc3\xa4\xc3\xa4");
    ck_assert_str_eq(error.message, "it said: \xc3\xa4?");
    error_set(&error, ERROR_EXIT_STATUS, "it said: %s", "\xff\xfe");
    ck_assert_str_eq(error.message, "it said: ??");
}
END_TEST

START_TEST(texts_of_a_fixed_size_are_cut_at_a_character_and_say_so)
{
    char text[12];
    text_fit(text, sizeof text, "%s", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
    ck_assert_str_eq(text, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
    text_fit(text, sizeof text, "%s", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
    ck_assert_str_eq(text, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4…");
    text_fit(text, sizeof text, "x%s", "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4");
    ck_assert_str_eq(text, "x\xc3\xa4\xc3\xa4\xc3\xa4…");
}
END_TEST

START_TEST(a_lock_is_seen_by_others_until_its_last_holder_closes)
{
    char path[] = "/tmp/pawl-lock-XXXXXX";
    close(mkstemp(path));
    struct error error;
    ck_assert(!lock_is_held(path));
    int lock = lock_take(path, 0600, &error);
    ck_assert_int_ge(lock, 0);
    ck_assert(lock_is_held(path));
    ck_assert_int_eq(lock_take(path, 0600, &error), -1);
    ck_assert_int_eq(error.code, ERROR_LOCKED);
    close(lock);
    ck_assert(!lock_is_held(path));
    unlink(path);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("base");
    tcase_add_test(cases, durations_are_read_and_written_canonically);
    tcase_add_test(cases, long_errors_end_with_an_ellipsis_on_a_whole_character);
    tcase_add_test(cases, errors_are_whole_utf8_whatever_a_program_said);
    tcase_add_test(cases, texts_of_a_fixed_size_are_cut_at_a_character_and_say_so);
    tcase_add_test(cases, a_lock_is_seen_by_others_until_its_last_holder_closes);
    Suite *suite = suite_create("base");
    suite_add_tcase(suite, cases);
    return suite_run(suite);
}
