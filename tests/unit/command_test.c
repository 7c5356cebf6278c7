/* command: what its keeper is told to run, what its end means, and the whole of it at once where it only
 * observes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "steps/kind.h"
#include "suite.h"

#define ck_assert_says(text, part) ck_assert_msg(strstr(text, part) != NULL, "%s", text)

static struct {
    struct visit visit;
    struct answer answer;
    struct gate gate;
    struct child child;
    json_t *inputs, *kept; /* {"arguments","environment","folder","input"} */
} step;

static json_t *texts(char *const *list)
{
    json_t *array = json_array();
    for (; list && *list; list++)
        json_array_append_new(array, json_string(*list));
    return array;
}

static json_t *keep(const struct visit *visit, const struct program *program, const char *input,
                    struct error *error)
{
    (void)visit;
    (void)error;
    step.kept = json_pack("{s:o,s:o,s:s?,s:s?}", "arguments", texts(program->arguments), "environment",
                          texts(program->environment), "folder", program->folder, "input", input);
    return json_pack("{s:s}", "base", "1/step.1.1");
}

static const struct step_kind *kind(void)
{
    return step_kind_find("command");
}

static void begin(const char *inputs)
{
    char *copy = string_copy(inputs);
    for (char *quote = copy; (quote = strchr(quote, '`')); quote++)
        *quote = '"';
    memset(&step, 0, sizeof step);
    gate_init(&step.gate);
    step.inputs = json_loads(copy, 0, NULL);
    ck_assert_msg(step.inputs != NULL, "%s", copy);
    free(copy);
    step.visit.inputs = step.inputs;
    step.visit.run = 7;
    step.visit.key = "store/7/step/1";
    step.visit.gate = &step.gate;
    step.visit.keep = keep;
    step.visit.child = &step.child;
}

static void finish(void)
{
    answer_clear(&step.answer);
    json_decref(step.inputs);
    json_decref(step.kept);
    gate_destroy(&step.gate);
}

static enum answer_kind prepare(void)
{
    answer_clear(&step.answer);
    kind()->prepare(&step.visit, &step.answer);
    return step.answer.kind;
}

static enum answer_kind apply(void)
{
    answer_clear(&step.answer);
    kind()->apply(&step.visit, &step.answer);
    return step.answer.kind;
}

static enum answer_kind ask(void)
{
    answer_clear(&step.answer);
    kind()->ask(&step.visit, &step.answer);
    return step.answer.kind;
}

static bool has_variable(const char *variable)
{
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(step.kept, "environment"), index,
                       one) if (!strcmp(json_string_value(one), variable)) return true;
    return false;
}

START_TEST(keeper_gets_the_program_and_a_stated_environment)
{
    setenv("PAWL_TEST_STRAY", "1", 1);
    setenv("PAWL_TEST_SECRET", "hunter2", 1);
    begin(
        "{`argv`: [`sh`, `-c`, `true`], `cwd`: `/tmp`, `env`: {`A`: `b`, `LANG`: `C`, `TOKEN`: {`secret_text`: "
        "[`Bearer `, {`secret`: `env:PAWL_TEST_SECRET`}]}}, `stdin`: {`secret`: `env:PAWL_TEST_SECRET`}}");
    ck_assert_msg(prepare() == ANSWER_DONE, "%s", step.answer.error.message);
    const char *program = json_string_value(json_array_get(json_object_get(step.kept, "arguments"), 0));
    ck_assert_msg(*program == '/' && !strcmp(strrchr(program, '/'), "/sh"), "%s", program);
    ck_assert_str_eq(json_text(step.kept, "folder", ""), "/tmp");
    ck_assert_str_eq(json_text(step.kept, "input", ""), "hunter2");
    ck_assert(has_variable("A=b"));
    ck_assert(has_variable("LANG=C"));
    ck_assert(has_variable("TOKEN=Bearer hunter2"));
    ck_assert(has_variable("PAWL_RUN=7"));
    ck_assert(has_variable("PAWL_KEY=store/7/step/1"));
    ck_assert(!has_variable("PAWL_TEST_STRAY=1"));
    char *checkpoint = json_canonical(step.answer.checkpoint);
    ck_assert_ptr_null(strstr(checkpoint, "hunter2"));
    free(checkpoint);
    finish();
}
END_TEST

static int write_kubeconfig(struct cluster *cluster, const char *folder, char **out_path, struct error *error)
{
    (void)cluster;
    (void)error;
    *out_path = string_format("%s/kubeconfig", folder);
    FILE *file = fopen(*out_path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("the run's context", file);
    fclose(file);
    return 0;
}

START_TEST(program_is_led_to_the_runs_cluster)
{
    static const struct cluster_calls calls = {.kubeconfig = write_kubeconfig};
    struct cluster cluster = {.calls = &calls};
    begin("{`argv`: [`sh`, `-c`, `cat $KUBECONFIG; echo; echo $KUBECONFIG`]}");
    step.visit.cluster = &cluster;
    ck_assert_msg(ask() == ANSWER_DONE, "%s", step.answer.error.message);
    const char *out = json_text(step.answer.outputs, "stdout", ""), *path = strchr(out, '\n') + 1;
    ck_assert_says(out, "the run's context\n");
    ck_assert_int_ne(access(path, F_OK), 0);
    finish();
    begin("{`argv`: [`sh`, `-c`, `echo $KUBECONFIG`], `env`: {`KUBECONFIG`: `/mine`}}");
    step.visit.cluster = &cluster;
    ck_assert_int_eq(ask(), ANSWER_DONE);
    ck_assert_str_eq(json_text(step.answer.outputs, "stdout", ""), "/mine\n");
    finish();
}
END_TEST

START_TEST(what_cannot_be_run_is_said_before_anything_runs)
{
    begin("{`argv`: [`no-such-program-here`]}");
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_says(step.answer.error.message, "there is no program \"no-such-program-here\"");
    finish();
    begin("{`argv`: []}");
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    finish();
    unsetenv("PAWL_TEST_SECRET");
    begin("{`argv`: [`true`], `env`: {`T`: {`secret`: `env:PAWL_TEST_SECRET`}}}");
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_says(step.answer.error.message, "env.T: secret env:PAWL_TEST_SECRET");
    finish();
}
END_TEST

static void end_with(int exit_status, const char *out, const char *err)
{
    step.child = (struct child){.state = CHILD_EXITED,
                                .exit_status = exit_status,
                                .out = (char *)out,
                                .err = (char *)err,
                                .out_length = strlen(out),
                                .err_length = strlen(err)};
}

START_TEST(end_becomes_exit_code_and_output)
{
    begin("{`argv`: [`true`]}");
    end_with(3, "{\"a\":1}", "bad");
    ck_assert_int_eq(apply(), ANSWER_DONE); /* what 3 means the engine says */
    ck_assert_int_eq(json_int(step.answer.outputs, "exit_code", 0), 3);
    ck_assert_str_eq(json_text(step.answer.outputs, "stdout", ""), "{\"a\":1}");
    ck_assert_str_eq(json_text(step.answer.outputs, "stderr", ""), "bad");
    step.child.state = CHILD_RUNNING;
    ck_assert_int_eq(apply(), ANSWER_AGAIN);
    ck_assert(step.answer.acting);
    step.child.state = CHILD_LOST;
    ck_assert_int_eq(apply(), ANSWER_UNKNOWN);
    finish();
}
END_TEST

/* `inputs` with so long a text in the place of its @. */
static void begin_with(const char *inputs, size_t length)
{
    char *text = memory_new(length + 1);
    memset(text, 'x', length);
    const char *at = strchr(inputs, '@');
    char *whole = string_format("%.*s%s%s", (int)(at - inputs), inputs, text, at + 1);
    begin(whole);
    free(whole);
    free(text);
}

/* What fits the system does pass on. */
START_TEST(what_cannot_be_passed_on_is_refused_before_it_starts)
{
    begin_with("{`argv`: [`true`, `@`]}", LIMIT_ARGUMENT_BYTES);
    ck_assert_msg(ask() == ANSWER_DONE, "%s", step.answer.error.message);
    finish();
    begin_with("{`argv`: [`true`, `@`]}", LIMIT_ARGUMENT_BYTES + 1);
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_int_eq(step.answer.error.code, ERROR_LIMIT);
    ck_assert_says(step.answer.error.message, "argv[1] takes 131072 bytes; at most 131071");
    ck_assert_says(step.answer.error.next, "stdin");
    finish();
    begin_with("{`argv`: [`true`], `env`: {`A`: `@`}}", LIMIT_ARGUMENT_BYTES - strlen("A="));
    ck_assert_msg(ask() == ANSWER_DONE, "%s", step.answer.error.message);
    finish();
    begin_with("{`argv`: [`true`], `env`: {`A`: `@`}}", LIMIT_ARGUMENT_BYTES - 1);
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_says(step.answer.error.message, "env.A takes 131072 bytes");
    finish();
}
END_TEST

/* What has been done is done; of a program that failed the status tells more. */
START_TEST(output_that_cannot_be_read_is_said_beside_the_end)
{
    char *much = memory_new(LIMIT_COMMAND_STDOUT + 2);
    memset(much, 'x', LIMIT_COMMAND_STDOUT + 1);
    const struct {
        const char *out, *says;
        size_t length;
        enum error_code code;
    } cases[] = {
        {"\xff", "stdout is not UTF-8", 1, ERROR_EXIT_STATUS},
        {"a\0b\n", "stdout is no text: byte 2 of 4 is NUL", 4, ERROR_EXIT_STATUS},
        {much, "65537 bytes to stdout", LIMIT_COMMAND_STDOUT + 1, ERROR_LIMIT},
    };
    begin("{`argv`: [`true`]}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        end_with(0, cases[i].out, "");
        step.child.out_length = cases[i].length;
        ck_assert_int_eq(apply(), ANSWER_DONE);
        ck_assert_int_eq(step.answer.error.code, cases[i].code);
        ck_assert_says(step.answer.error.message, cases[i].says);
        ck_assert_says(step.answer.error.next, "into a file");
        ck_assert_int_eq(json_int(step.answer.outputs, "exit_code", -1), 0);
        ck_assert_ptr_null(json_object_get(step.answer.outputs, "stdout"));
    }
    end_with(0, "a", ""); /* as much as is kept, and an early NUL */
    step.child.truncated = true;
    step.child.out_length = LIMIT_CAPTURE_BYTES;
    ck_assert_int_eq(apply(), ANSWER_DONE);
    ck_assert_says(step.answer.error.message, "more than the 1048576 bytes that are kept");
    finish();
    free(much);
    begin("{`argv`: [`printf`, `a\\\\0b`]}"); /* one that only looks was to tell something */
    ck_assert_int_eq(ask(), ANSWER_FAILED);
    ck_assert_says(step.answer.error.message, "byte 2 of 3 is NUL");
    finish();
}
END_TEST

START_TEST(a_secret_that_would_be_cut_is_refused)
{
    char path[] = "/tmp/pawl-secret-XXXXXX";
    int file = mkstemp(path);
    ck_assert_int_eq(write(file, "a\0b\n", 4), 4);
    close(file);
    char *inputs = string_format("{`argv`: [`cat`], `stdin`: {`secret`: `file:%s`}}", path);
    begin(inputs);
    ck_assert_int_eq(prepare(), ANSWER_FAILED);
    ck_assert_says(step.answer.error.message, "it is no text: byte 2 of 4 is NUL");
    ck_assert_says(step.answer.error.message, path);
    ck_assert_says(step.answer.error.next, "base64");
    finish();
    free(inputs);
    unlink(path);
}
END_TEST

START_TEST(asked_it_runs_to_its_end_at_once)
{
    begin("{`argv`: [`sh`, `-c`, `cat; pwd; exit 75`], `stdin`: `in `, `cwd`: `/tmp`}");
    ck_assert_msg(ask() == ANSWER_DONE, "%s", step.answer.error.message);
    ck_assert_int_eq(json_int(step.answer.outputs, "exit_code", 0), 75);
    ck_assert_str_eq(json_text(step.answer.outputs, "stdout", ""), "in /tmp\n");
    finish();
    begin("{`argv`: [`sh`, `-c`, `cat; echo $A`], `env`: {`A`: `b`}}");
    ck_assert_int_eq(ask(), ANSWER_DONE);
    ck_assert_str_eq(json_text(step.answer.outputs, "stdout", ""), "b\n");
    finish();
}
END_TEST

static int64_t steady_ms(struct clock *clock)
{
    return clock_system()->steady_ms(clock);
}

/* A look that is cut off has found nothing out; what becomes of its step, its step's end says. */
START_TEST(a_look_ends_with_its_step)
{
    struct clock clock = {.steady_ms = steady_ms};
    static const struct cluster_calls calls = {0};
    struct cluster cluster = {.clock = &clock, .calls = &calls};
    begin("{`argv`: [`sleep`, `60`]}");
    step.visit.cluster = &cluster;
    step.visit.look_until_ms = steady_ms(&clock) + 200;
    ck_assert_int_eq(ask(), ANSWER_TURNED_BACK);
    ck_assert_int_lt(steady_ms(&clock), step.visit.look_until_ms + 20000);
    step.visit.look_until_ms = 0;
    gate_close(&step.gate);
    ck_assert_int_eq(ask(), ANSWER_TURNED_BACK);
    ck_assert_int_eq(step.answer.error.code, ERROR_TIMEOUT);
    finish();
    begin("{`argv`: [`echo`, `said`]}"); /* whether it is done is asked when the step is to end, too */
    gate_close(&step.gate);
    step.visit.is_probe = true;
    ck_assert_msg(ask() == ANSWER_DONE, "%s", step.answer.error.message);
    finish();
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("command");
    TCase *behaviour = tcase_create("behaviour");
    tcase_add_test(behaviour, keeper_gets_the_program_and_a_stated_environment);
    tcase_add_test(behaviour, program_is_led_to_the_runs_cluster);
    tcase_add_test(behaviour, what_cannot_be_run_is_said_before_anything_runs);
    tcase_add_test(behaviour, end_becomes_exit_code_and_output);
    tcase_add_test(behaviour, what_cannot_be_passed_on_is_refused_before_it_starts);
    tcase_add_test(behaviour, output_that_cannot_be_read_is_said_beside_the_end);
    tcase_add_test(behaviour, a_secret_that_would_be_cut_is_refused);
    tcase_add_test(behaviour, asked_it_runs_to_its_end_at_once);
    tcase_add_test(behaviour, a_look_ends_with_its_step);
    suite_add_tcase(suite, behaviour);
    return suite_run(suite);
}
