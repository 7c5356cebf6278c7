#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "steps/kind.h"
#include "suite.h"

START_TEST(every_kind_is_found_by_its_name_and_explains_itself)
{
    int count = 0;
    for (const struct kind_declaration *const *list = step_declarations(); *list; list++, count++) {
        const struct kind_declaration *kind = *list;
        ck_assert_ptr_eq(step_declaration_find(kind->name), kind);
        ck_assert_ptr_eq(&step_kind_find(kind->name)->declaration, kind);
        ck_assert_msg(kind->help && *kind->help, "%s has no help", kind->name);
        for (const struct declared_input *input = kind->inputs; input->name; input++) {
            ck_assert_msg(input->help && *input->help, "%s.%s has no help", kind->name, input->name);
            ck_assert_msg(!(input->optional && input->fallback), "%s.%s", kind->name, input->name);
        }
        for (const struct declared_output *output = kind->outputs; output->name; output++) {
            ck_assert_msg(output->help && *output->help, "%s.%s has no help", kind->name, output->name);
            ck_assert_msg(strcmp(output->name, OUTPUT_BUILT_IN), "%s: steps.ID.%s is the step's own status",
                          kind->name, output->name);
        }
    }
    ck_assert_int_eq(count, 19);
    ck_assert_ptr_null(step_kind_find("no_such_kind"));
}
END_TEST

/* The general ones that this version only checks. */
START_TEST(later_kinds_are_marked_as_such)
{
    static const char *const later[] = {"kube_get", "kube_exec", "kube_patch", "kube_scale", "http_request"};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        ck_assert_msg(step_declaration_find(later[i])->later, "%s", later[i]);
    ck_assert(!step_declaration_find("unregister_chunk")->later);
}
END_TEST

START_TEST(alternatives_name_optional_inputs)
{
    for (const struct kind_declaration *const *list = step_declarations(); *list; list++) {
        if (!(*list)->alternatives)
            continue;
        char names[128];
        snprintf(names, sizeof names, "%s", (*list)->alternatives);
        for (char *rest, *name = strtok_r(names, "|", &rest); name; name = strtok_r(NULL, "|", &rest)) {
            const struct declared_input *input = declaration_input(*list, name);
            ck_assert_msg(input && input->optional, "%s.%s", (*list)->name, name);
        }
    }
}
END_TEST

START_TEST(a_closed_gate_turns_back_and_remembers_what_began)
{
    struct gate gate;
    gate_init(&gate);
    ck_assert(!gate_has_begun(&gate));
    ck_assert(!gate_close(&gate));
    ck_assert(!gate_pass(&gate));
    ck_assert(!gate_has_begun(&gate));
    gate_open(&gate);
    ck_assert(gate_pass(&gate));
    ck_assert(gate_close(&gate));
    ck_assert(!gate_pass(&gate));
    gate_reopen(&gate);
    ck_assert(gate_has_begun(&gate)); /* what has begun stays begun */
    gate_open(&gate);
    ck_assert(!gate_has_begun(&gate));
    gate_destroy(&gate);
}
END_TEST

START_TEST(durations_among_the_inputs_are_read_in_milliseconds)
{
    json_t *inputs = json_pack("{s:s}", "for", "1m30s");
    struct visit visit = {.inputs = inputs};
    ck_assert_int_eq(input_duration_ms(&visit, "for"), 90000);
    ck_assert_int_eq(input_duration_ms(&visit, "absent"), 0);
    json_decref(inputs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("steps_kinds");
    TCase *tests = tcase_create("kinds");
    tcase_add_test(tests, every_kind_is_found_by_its_name_and_explains_itself);
    tcase_add_test(tests, later_kinds_are_marked_as_such);
    tcase_add_test(tests, alternatives_name_optional_inputs);
    tcase_add_test(tests, a_closed_gate_turns_back_and_remembers_what_began);
    tcase_add_test(tests, durations_among_the_inputs_are_read_in_milliseconds);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
