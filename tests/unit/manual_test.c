/* The manual page and the completion name every command and option that the tables have. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/memory.h"
#include "cli/command.h"
#include "suite.h"

static char *page;

static void read_page(void)
{
    struct error error = {0};
    char *text = file_read("docs/pawl.1", 1 << 20, NULL, &error);
    ck_assert_msg(text != NULL, "%s", error.message);
    /* As it is read: `\-` is a dash, `\fB` and its like are no text. */
    page = memory_new(strlen(text) + 1);
    char *to = page;
    for (const char *at = text; *at; at++) {
        if (at[0] == '\\' && at[1] == 'f' && at[2])
            at += 2;
        else if (at[0] != '\\')
            *to++ = *at;
    }
    free(text);
}

static void forget_page(void)
{
    free(page);
}

static void assert_options(const struct option_declaration *option, const char *where)
{
    for (; option && option->name; option++) {
        char *name = string_format("--%s", option->name);
        ck_assert_msg(strstr(page, name) != NULL, "%s: %s is not in docs/pawl.1", where, name);
        free(name);
        char *letter = string_format("-%c", option->letter);
        ck_assert_msg(!option->letter || strstr(page, letter), "%s: %s is not in docs/pawl.1", where, letter);
        free(letter);
    }
}

static void assert_command(const struct command *command)
{
    char *entry = string_format("\n%s", command->name), *beside = string_format(", %s", command->name);
    ck_assert_msg(strstr(page, entry) || strstr(page, beside), "%s is not in docs/pawl.1", command->name);
    free(entry);
    free(beside);
    assert_options(command->options, command->name);
    for (const struct command *part = command->parts; part && part->name; part++)
        assert_command(part);
}

START_TEST(the_manual_names_every_command_and_option)
{
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (!COMMANDS[i].hidden)
            assert_command(&COMMANDS[i]);
    assert_options(GLOBAL_OPTIONS, "global");
}
END_TEST

START_TEST(completion_is_a_script_that_completes)
{
    static const char script[] =
        "source <(\"$PAWL\" completion) || exit; "
        "words() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _pawl; echo \"${COMPREPLY[*]}\"; }; "
        "[ \"$(words pawl sta)\" = status ] && [ \"$(words pawl status --wat)\" = --watch ] && "
        "[ \"$(words pawl steps helm_)\" = helm_upgrade ] && "
        "[ \"$(words pawl list --status rolled)\" = rolled_back ] && "
        "[ \"$(words pawl list --cluster si)\" = sim: ] && [ -z \"$(words pawl list --since x)\" ] && "
        "[ \"$(words pawl sim ini)\" = init ] && [ \"$(words pawl sim init --chunk-o)\" = --chunk-order ] && "
        "[ \"$(words pawl sim fault c.sim leader-mo)\" = leader-move ] && "
        "[ \"$(words pawl audit ver)\" = verify ] && [ \"$(words pawl --cluster sim : x sta)\" = status ] && "
        "[ \"$(words pawl submit jobs/scale-in-chunk.yaml -p repl)\" = replicas= ] && "
        "pawl() { case $1 in "
        "list) printf \"  RUN\\n   17  waiting\\n\" ;; "
        "status) printf \"run 17\\n  by\\n  \\342\\234\\223 leaving find_chunk x\\n    unregister unregister_chunk p\\n\" ;; "
        "esac; } && "
        "[ \"$(words pawl approve \"\")\" = 17 ] && [ \"$(words pawl approve 17 \"\")\" = \"leaving unregister\" ] && "
        "[ -z \"$(words pawl approve 17 leaving \"\")\" ] && [ \"$(words pawl resume 17 --from un)\" = unregister ]";
    char *command = string_format("PAWL=\"${PAWL:-build/pawl}\" bash -c '%s'", script);
    ck_assert_int_eq(system(command), 0);
    free(command);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("manual");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, read_page, forget_page);
    tcase_add_test(all, the_manual_names_every_command_and_option);
    tcase_add_test(all, completion_is_a_script_that_completes);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
