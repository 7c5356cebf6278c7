/* A checked job as a machine: what is known of it when it is compiled, and must not be missed. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/machine.h"
#include "jobs/diagnostic.h"
#include "steps/kind.h"
#include "suite.h"

static struct machine *compile(const char *yaml)
{
    struct diagnostics diagnostics = {0};
    struct error error = {0};
    struct job *job = job_read(yaml, strlen(yaml), "job.yaml", step_declaration_find, step_declarations,
                               &diagnostics);
    ck_assert_msg(job != NULL, "%s", yaml);
    char *text = machine_compile(job, &error);
    struct machine *machine = text ? machine_read(text, &error) : NULL;
    ck_assert_msg(machine != NULL, "%s", error.message);
    free(text);
    diagnostics_clear(&diagnostics);
    job_free(job);
    return machine;
}

/* Where a probe says that such a step is done, it must be able to give the output. */
START_TEST(output_is_needed_however_a_later_text_spells_it)
{
    static const struct {
        const char *that;
        bool needed;
    } cases[] = {
        {"${steps.greet.said == 'x'}", true},
        {"${steps.greet['said'] == 'x'}", true},
        {"${steps[\"greet\"].said == 'x'}", true},
        {"${steps['greet'][\"said\"] == 'x'}", true},
        {"${ steps . greet . said == 'x'}", true},
        {"${has(steps.greet.said) && size(steps.greet['said']) > 1}", true},
        {"${[1].exists(i, steps.greet['said'] == string(i))}", true},
        {"${steps.greet.said_too == 'x'}", false},
        {"${steps.greet.status == 'steps.greet.said'}", false},
        {"${true}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *yaml = string_format("job: j\n"
                                   "version: 1\n"
                                   "steps:\n"
                                   "  - id: greet\n"
                                   "    uses: command\n"
                                   "    with: {argv: [echo]}\n"
                                   "    outputs:\n"
                                   "      said: {type: string, value: '${stdout}'}\n"
                                   "      said_too: {type: string, value: '${stdout}'}\n"
                                   "  - id: check\n"
                                   "    uses: assert\n"
                                   "    with:\n"
                                   "      message: not steps.greet.said\n"
                                   "      that: >-\n"
                                   "        %s\n",
                                   cases[i].that);
        struct machine *machine = compile(yaml);
        ck_assert_msg(machine->steps[0].outputs[0].needed == cases[i].needed, "%s", cases[i].that);
        machine_free(machine);
        free(yaml);
    }
}
END_TEST

int main(void)
{
    memory_use_for_json();
    Suite *suite = suite_create("machine: compile");
    TCase *all = tcase_create("all");
    tcase_add_test(all, output_is_needed_however_a_later_text_spells_it);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
