/* The commands around a simulated cluster, and the help of commands that have parts. */
#include "cli_support.h"
#include "suite.h"

static void go_to_folder(void)
{
    make_folder();
    ck_assert_int_eq(chdir(test_folder), 0);
}

static void leave_folder(void)
{
    ck_assert_int_eq(chdir("/"), 0);
    remove_folder();
}

static void write_text(const char *path, const char *text)
{
    struct error error = {0};
    DO(file_replace(path, text, strlen(text), 0600, &error));
}

static void expect_text(const char *name, const char *wanted)
{
    char *text = slurp(name);
    ck_assert_str_eq(text, wanted);
    free(text);
}

START_TEST(sim_init_says_what_it_made)
{
    ck_assert_msg(pawl("sim init c.sim --chunks 5 --values v.yaml") == 0, "%s", ran.err);
    ck_assert_str_eq(
        ran.out, "made c.sim: 5 chunk pods, 3 meta pods · values: v.yaml · act on it: --cluster sim:c.sim\n");
    ck_assert_int_eq(pawl("sim init d.sim --quiet"), 0);
    ck_assert_str_eq(ran.out, "");
}
END_TEST

START_TEST(sim_init_leaves_what_exists_as_it_is)
{
    static const char *const words[] = {"sim init precious.txt", "sim init new.sim --values mine.yaml",
                                        "sim init dangling"};
    write_text("precious.txt", "my notes");
    write_text("mine.yaml", "my: production values");
    ck_assert_int_eq(symlink("nowhere", "dangling"), 0);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        ck_assert_int_eq(pawl(words[i]), 2);
        ck_assert_msg(strstr(ran.err, "exists already: nothing was written") && strstr(ran.err, "--force"),
                      "%s", ran.err);
    }
    expect_text("precious.txt", "my notes");
    expect_text("mine.yaml", "my: production values");
    ck_assert_int_ne(access("new.sim", F_OK), 0);
    ck_assert_msg(pawl("sim init precious.txt --values mine.yaml --force") == 0, "%s", ran.err);
    ck_assert_int_eq(pawl("sim show precious.txt"), 0);
}
END_TEST

START_TEST(a_setting_that_is_none_says_what_it_should_be)
{
    static const struct {
        const char *words, *says;
    } wrong[] = {
        {"--start 3", "--start: \"3\" is not a duration such as 3s"},
        {"--chunks x", "--chunks: \"x\" is not a whole number"},
        {"--chunks 4294967299", "is not a whole number"},
        {"--seed ''", "--seed: \"\" is not a whole number"},
        {"--time slow", "--time: \"slow\" is not virtual or real"},
        {"--bogus", "unknown option --bogus\n      pawl help sim init\n"},
        {"--valuess v", "did you mean --values?"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *words = string_format("sim init c.sim %s", wrong[i].words);
        ck_assert_int_eq(pawl(words), 2);
        ck_assert_msg(strstr(ran.err, wrong[i].says) && !strncmp(ran.err, "pawl: ", 6), "%s: %s", words,
                      ran.err);
        free(words);
    }
    ck_assert_int_ne(access("c.sim", F_OK), 0);
}
END_TEST

START_TEST(a_command_s_parts_are_commands)
{
    static const struct {
        const char *words;
        int status;
        const char *says;
    } calls[] = {
        {"sim", 2, "usage: pawl sim init|show|fault FILE"},
        {"sim inti c.sim", 2, "did you mean \"sim init\"?"},
        {"sim show", 2, "usage: pawl sim show FILE"},
        {"help sim", 0, "sim fault"},
        {"help sim init", 0, "--values FILE"},
        {"sim init --help", 0, "usage: pawl sim init"},
        {"sim show --help", 0, "usage: pawl sim show"},
        {"help sim fault", 0, "leader-move"},
        {"help sim bogus", 2, "unknown command \"sim bogus\""},
        {"help list extra", 2, "unknown command \"list extra\""},
        {"--store x sim init --help", 0, "usage: pawl sim init"},
    };
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        ck_assert_msg(pawl(calls[i].words) == calls[i].status, "pawl %s: %d", calls[i].words, ran.status);
        ck_assert_msg(strstr(ran.status ? ran.err : ran.out, calls[i].says), "pawl %s: %s%s", calls[i].words,
                      ran.out, ran.err);
    }
}
END_TEST

START_TEST(a_fault_is_checked_like_every_word)
{
    ck_assert_int_eq(pawl("sim init c.sim -q"), 0);
    ck_assert_int_eq(pawl("sim fault c.sim leader-move pod=iomesh-meta-1"), 0);
    ck_assert_int_eq(pawl("sim fault c.sim no-such-kind a=b"), 2);
    ck_assert_int_eq(pawl("sim fault c.sim"), 2);
    ck_assert_msg(strstr(ran.err, "usage: pawl sim fault FILE FAULT"), "%s", ran.err);
    json_t *shown = pawl_json("sim show c.sim --json", 0);
    ck_assert_str_eq(text_at(shown, "leader"), "iomesh-meta-1");
    json_decref(shown);
}
END_TEST

/* Mistyped, or of a command that is never called: it would be silent for ever. */
START_TEST(a_fault_that_has_not_happened_is_told)
{
    static const char job[] =
        "job: looks\nversion: 1\nsteps:\n  - {id: idle, uses: verify_idle, retry: {delay: 1s}}\n"
        "  - {id: nap, uses: sleep, with: {for: 1m}}\n";
    write_text("looks.yaml", job);
    static const char *const faults[] = {
        "fail verb=get resource=iomeshclusters code=503 times=9",
        "fail verb=exec command=unregistr code=cut times=0", "fail verb=list resource=pods code=503 times=0",
        "pod-delete pod=iomesh-chunk-0 on=unregister delay=2s", "node-cordon node=worker-1 in=10s"};
    ck_assert_int_eq(pawl("sim init c.sim -q"), 0);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        char *arguments = string_format("sim fault c.sim %s", faults[i]);
        ck_assert_msg(pawl(arguments) == 0, "%s", ran.err);
        free(arguments);
    }
    json_t *shown = pawl_json("sim show c.sim --json", 0), *pending = json_object_get(shown, "pending");
    ck_assert_uint_eq(json_array_size(pending), 5);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        ck_assert_str_eq(json_string_value(json_array_get(pending, i)), faults[i]);
    json_decref(shown);
    ck_assert_int_eq(pawl("submit looks.yaml --cluster sim:c.sim"),
                     1); /* no pods can be listed: that one is met */
    ck_assert_msg(strstr(ran.err,
                         "note: a fault of sim:c.sim has not happened: fail verb=exec command=unregistr "
                         "code=cut times=0\n"),
                  "%s", ran.err);
    ck_assert_msg(strstr(ran.err, "not happened: pod-delete pod=iomesh-chunk-0 on=unregister delay=2s\n"),
                  "%s", ran.err);
    ck_assert_ptr_null(strstr(ran.err, "not happened: fail verb=list"));
    ck_assert_int_eq(pawl("sim show c.sim"), 0);
    ck_assert_msg(strstr(ran.out, "pending:\n  fail verb="), "%s", ran.out);
}
END_TEST

START_TEST(the_version_is_an_option_too)
{
    ck_assert_int_eq(pawl("version"), 0);
    char *version = string_copy(ran.out);
    ck_assert_int_eq(pawl("--version"), 0);
    ck_assert_str_eq(ran.out, version);
    ck_assert_int_eq(pawl("-V"), 0);
    ck_assert_str_eq(ran.out, version);
    ck_assert_int_eq(pawl("--versoin"), 2);
    ck_assert_str_eq(ran.err, "pawl: unknown option --versoin\n      did you mean --version?\n");
    ck_assert_int_eq(pawl("--bogus"), 2);
    ck_assert_str_eq(ran.err, "pawl: unknown option --bogus\n      pawl help\n");
    free(version);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli sim");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, go_to_folder, leave_folder);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, sim_init_says_what_it_made);
    tcase_add_test(all, sim_init_leaves_what_exists_as_it_is);
    tcase_add_test(all, a_setting_that_is_none_says_what_it_should_be);
    tcase_add_test(all, a_command_s_parts_are_commands);
    tcase_add_test(all, a_fault_is_checked_like_every_word);
    tcase_add_test(all, a_fault_that_has_not_happened_is_told);
    tcase_add_test(all, the_version_is_an_option_too);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
