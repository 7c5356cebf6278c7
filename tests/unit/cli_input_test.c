/* What pawl reads when it is run as a program: files that are none, outputs that are no text, and too much.
 */
#include <sys/stat.h>

#include "cli_scene.h"

/* Whoever would write into the pipe never comes: to open it must not wait for him. */
START_TEST(what_is_no_regular_file_is_refused_at_once)
{
    write_job("secret",
              "job: secret\nversion: 1\nparams: {f: {type: secret}}\nsteps:\n"
              "  - {id: one, uses: command, timeout: 3s, with: {argv: [cat], stdin: '${params.f}'}}\n");
    ck_assert_int_eq(mkfifo("pipe.yaml", 0600), 0);
    expect("submit secret.yaml -p f=file:$PWD/pipe.yaml", 1);
    ck_assert_msg(strstr(ran.err, "pipe.yaml: it is a pipe, not a regular file"), "%s", ran.err);
    expect("validate pipe.yaml", 2);
    ck_assert_msg(strstr(ran.err, "it is a pipe") && strstr(ran.err, "into a file"), "%s", ran.err);
    expect("submit good.yaml --params-file pipe.yaml", 2);
    ck_assert_msg(strstr(ran.err, "it is a pipe"), "%s", ran.err);
    expect("validate /dev/zero", 2);
    ck_assert_msg(strstr(ran.err, "it is a device"), "%s", ran.err);
    expect("validate .", 2);
    ck_assert_msg(strstr(ran.err, "it is a folder"), "%s", ran.err);
    expect("submit good.yaml --cluster sim:$PWD/pipe.yaml", 5);
}
END_TEST

/* What has happened is not lost by what was said of it, and nothing is decided by a part of that. */
START_TEST(an_output_with_a_nul_byte_is_asked_for)
{
    write_job("says",
              "job: says\nversion: 1\nsteps:\n"
              "  - id: one\n    uses: command\n    effect: once\n    settle: 1s\n"
              "    with: {argv: [printf, 'a\\000b']}\n"
              "    outputs: {o: {type: string, value: '${stdout}'}, c: {type: int, value: '${exit_code}'}}\n"
              "  - {id: two, uses: assert, with: {that: '${steps.one.o == \"ab\"}'}}\n");
    write_job("unread", "job: unread\nversion: 1\nsteps:\n"
                        "  - id: one\n    uses: command\n    effect: once\n    settle: 1s\n"
                        "    with: {argv: [printf, 'a\\000b']}\n"
                        "    outputs: {c: {type: int, value: '${exit_code}'}}\n"
                        "  - {id: two, uses: assert, with: {that: '${steps.one.c == 0}'}}\n");
    write_job("looks", "job: looks\nversion: 1\nsteps:\n"
                       "  - id: one\n    uses: command\n    effect: observe\n"
                       "    with: {argv: [printf, 'x\\000ready']}\n"
                       "    until: '${stdout.contains(\"ready\")}'\n");
    expect("submit says.yaml", 3);
    ck_assert_msg(strstr(ran.err, "\"one\" has happened, but its output \"o\"") &&
                      strstr(ran.err, "stdout is no text: byte 2 of 3 is NUL") &&
                      strstr(ran.err, "pawl resolve 1 one --done --output o="),
                  "%s", ran.err);
    expect("resolve 1 one --done --output o=ab --output c=0 --reason seen", 0);
    expect("resume 1", 0);
    expect("submit unread.yaml", 0);
    expect("submit looks.yaml", 1);
    ck_assert_msg(strstr(ran.err, "byte 2 of 7 is NUL"), "%s", ran.err);
}
END_TEST

#define ELEVEN                                                                                               \
    "'${params.big}', '${params.big}', '${params.big}', '${params.big}', '${params.big}', "                  \
    "'${params.big}', '${params.big}', '${params.big}', '${params.big}', '${params.big}', '${params.big}'"

START_TEST(what_the_record_does_not_take_is_refused_before_anything_is_done)
{
    write_job("inputs", "job: inputs\nversion: 1\nparams: {big: {type: string}}\nsteps:\n"
                        "  - {id: one, uses: command, with: {argv: [touch, done, " ELEVEN "]}}\n");
    write_job("vars",
              "job: vars\nversion: 1\nparams: {big: {type: string}}\nvars: {all: [" ELEVEN "]}\nsteps:\n"
              "  - {id: one, uses: sleep, with: {for: 1s}}\n");
    expect("submit inputs.yaml -p big=\"$(head -c 100000 /dev/zero | tr '\\0' x)\"", 1);
    ck_assert_msg(strstr(ran.err, "the inputs take 1100") && strstr(ran.err, "at most 1048576"), "%s",
                  ran.err);
    ck_assert(access("done", F_OK));
    expect("submit vars.yaml -p big=\"$(head -c 100000 /dev/zero | tr '\\0' x)\"", 2);
    ck_assert_msg(strstr(ran.err, "params take 100010 bytes and vars 1100"), "%s", ran.err);
    ck_assert_uint_eq(run_count(), 1);
}
END_TEST

/* Whoever has not got them right is told what there is, as far as a screen goes. */
START_TEST(wrong_params_are_answered_with_the_list_of_them)
{
    struct text many = {0};
    text_add(&many, "job: many\nversion: 1\nparams:\n");
    for (int i = 0; i < 30; i++)
        text_format(&many, "  p%d: {type: string, default: x}\n", i);
    text_add(&many, "  count: {type: int, min: 2, max: 9, help: \"how many\\nrun 7 succeeded\"}\n"
                    "  size: {type: string, default: s, enum: [s, m]}\nsteps:\n"
                    "  - {id: one, uses: sleep, with: {for: 1s}}\n");
    write_job("many", text_string(&many));
    text_clear(&many);
    static const char *const wrong[] = {"", "-p count=x", "-p count=3 -p size=xl", "-p count=3 -p siz=m"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *arguments = string_format("submit many.yaml %s", wrong[i]);
        expect(arguments, 2);
        const char *list = strstr(ran.err,
                                  "the params of many:\n  count                int, required, at least 2, "
                                  "at most 9: how many\\x0arun 7 succeeded\n");
        ck_assert_msg(list != NULL, "%s", ran.err);
        ck_assert_msg(strstr(ran.err, "  … and 12 more: ") != NULL, "%s", ran.err);
        free(arguments);
    }
    expect("submit many.yaml --json", 2);
    ck_assert_str_eq(ran.err, "");
    write_job("none", "job: none\nversion: 1\nsteps:\n  - {id: one, uses: sleep, with: {for: 1s}}\n");
    expect("plan none.yaml -p x=1", 2);
    ck_assert_msg(strstr(ran.err, "none takes no params\n") != NULL, "%s", ran.err);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        wrong_params_are_answered_with_the_list_of_them,
        what_is_no_regular_file_is_refused_at_once,
        an_output_with_a_nul_byte_is_asked_for,
        what_the_record_does_not_take_is_refused_before_anything_is_done,
    };
    return run_in_scene("cli: input", tests, sizeof tests / sizeof *tests, 60);
}
