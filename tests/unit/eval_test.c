/* `pawl eval` as a person or a script calls it: $PAWL is the program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "suite.h"

/* What the command prints, on both streams; its exit status in *status. free() it. */
static char *eval(const char *arguments, int *status)
{
    char *command = string_format("%s eval %s 2>&1", getenv("PAWL"), arguments);
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    char *output = memory_new(4096);
    size_t length = fread(output, 1, 4095, pipe);
    output[length] = 0;
    *status = WEXITSTATUS(pclose(pipe));
    free(command);
    return output;
}

static void assert_eval(const char *arguments, int expected_status, const char *expected)
{
    int status;
    char *output = eval(arguments, &status);
    ck_assert_str_eq(output, expected);
    ck_assert_int_eq(status, expected_status);
    free(output);
}

START_TEST(the_value_and_its_type_are_printed)
{
    assert_eval("'1 + 2'", 0, "3 (int)\n");
    assert_eval("\"'a' + 'b'\"", 0, "\"ab\" (string)\n");
    assert_eval("'[1, 2].map(x, x * 2)'", 0, "[2,4] (list(int))\n");
    assert_eval("null", 0, "null (null)\n");
    assert_eval("-- -1", 0, "-1 (int)\n");
    assert_eval("'1 < 2.5' --json", 0, "{\"type\":\"bool\",\"value\":true}\n");
    assert_eval("'[0.1, 0.1 + 0.2]'", 0, "[0.10000000000000001,0.30000000000000004] (list(double))\n");
    assert_eval("0.1", 0, "0.1 (double)\n");
    assert_eval("--json -- 1.5", 0, "{\"type\":\"double\",\"value\":1.5}\n");
}
END_TEST

START_TEST(what_is_wrong_is_shown_under_the_expression)
{
    assert_eval("\"1 + 'ü' + x\"", 2,
                "pawl: int + string: there is no such operation [E0203]\n"
                "  1 + 'ü' + x\n"
                "  ^~~~~~~ convert with string(…)\n"
                "pawl: there is no name \"x\" [E0202]\n"
                "  1 + 'ü' + x\n"
                "            ^ names are the top-level keys of --data FILE\n");
    assert_eval("'1 +'", 2, "pawl: the expression ends where a value should follow [E0201]\n  1 +\n     ^\n");
    assert_eval("'1 / 0'", 1, "pawl: division by zero, in \"1 / 0\"\n");
    assert_eval("'1 / 0' --json", 1,
                "{\"error\":{\"code\":\"expression\",\"message\":\"division by zero, in \\\"1 / 0\\\"\"}}\n");
    assert_eval(
        "'a + b' --json", 2,
        "{\"error\":{\"code\":\"expression\",\"message\":\"there is no name \\\"a\\\"; there is no name "
        "\\\"b\\\"\"}}\n");
}
END_TEST

START_TEST(a_documents_keys_are_names)
{
    char path[] = "/tmp/pawl-eval-XXXXXX", arguments[256];
    static const char data[] = "{\"a\": {\"b\": [1, 2.5]}, \"n\": null}";
    int file = mkstemp(path);
    ck_assert_int_eq(write(file, data, sizeof data - 1), sizeof data - 1);
    close(file);
    snprintf(arguments, sizeof arguments, "'a.b[1] > a.b[0]' --data %s", path);
    assert_eval(arguments, 0, "true (bool)\n");
    snprintf(arguments, sizeof arguments, "--data=%s a.b", path);
    assert_eval(arguments, 0, "[1,2.5] (list)\n");
    snprintf(arguments, sizeof arguments, "--data=%s 'n == null'", path);
    assert_eval(arguments, 0, "true (bool)\n");
    snprintf(arguments, sizeof arguments, "--data=%s a.c", path);
    assert_eval(arguments, 1, "pawl: no such key: \"c\", in \"a.c\"\n");
    unlink(path);
}
END_TEST

START_TEST(a_wrong_call_leaves_with_status_2)
{
    static const char *const wrong[] = {
        "", "1 2", "--frob 1", "1 --data", "1 --data /no/such/file", "1 --data /dev/null"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int status;
        char *output = eval(wrong[i], &status);
        ck_assert_msg(status == 2 && *output, "%s: %d %s", wrong[i], status, output);
        free(output);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("eval");
    tcase_add_test(cases, the_value_and_its_type_are_printed);
    tcase_add_test(cases, what_is_wrong_is_shown_under_the_expression);
    tcase_add_test(cases, a_documents_keys_are_names);
    tcase_add_test(cases, a_wrong_call_leaves_with_status_2);
    Suite *suite = suite_create("eval");
    suite_add_tcase(suite, cases);
    return suite_run(suite);
}
