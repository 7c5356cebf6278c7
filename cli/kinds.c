/* pawl steps: what step kinds there are, and what one takes and gives. Read off the declarations. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/declaration.h"
#include "base/duration.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "steps/kind.h"

/* ---- JSON ---- */

static json_t *input_json(const struct declared_input *input)
{
    bool required = !input->optional && !input->fallback;
    json_t *object = json_pack("{s:s,s:s,s:b,s:s?,s:s}", "name", input->name, "type",
                               value_type_text(input->type), "required", required, "default", input->fallback,
                               "help", input->help ? input->help : "");
    if (input->one_of)
        json_object_set_new(object, "one_of", json_string(input->one_of));
    return object;
}

static json_t *kind_json(const struct kind_declaration *kind)
{
    json_t *inputs = json_array(), *outputs = json_array();
    for (const struct declared_input *input = kind->inputs; input->name; input++)
        json_array_append_new(inputs, input_json(input));
    for (const struct declared_output *output = kind->outputs; output->name; output++)
        json_array_append_new(outputs, json_pack("{s:s,s:s,s:s}", "name", output->name, "type",
                                                 value_type_text(output->type), "help",
                                                 output->help ? output->help : ""));
    json_t *object = json_pack("{s:s,s:s,s:s,s:b,s:b,s:o,s:o}", "name", kind->name, "help", kind->help,
                               "effect", effect_class_text(kind->effect), "general", kind->general, "later",
                               kind->later, "inputs", inputs, "outputs", outputs);
    if (kind->alternatives)
        json_object_set_new(object, "alternatives", json_string(kind->alternatives));
    if (kind->timeout_ms)
        json_object_set_new(object, "timeout", json_real((double)kind->timeout_ms / 1000));
    return object;
}

/* ---- for people ---- */

static void print_all(void)
{
    for (const struct kind_declaration *const *kind = step_declarations(); *kind; kind++)
        printf("%-20s %-9s %s%s\n", (*kind)->name, effect_class_text((*kind)->effect), (*kind)->help,
               (*kind)->later ? " (not in this version)" : "");
}

static void print_input(const struct declared_input *input)
{
    char *type = string_format("%s%s", value_type_text(input->type), input->optional ? "?" : "");
    struct text says = {0};
    if (input->fallback)
        text_format(&says, "= %s  ", input->fallback);
    if (input->one_of)
        text_format(&says, "%s  ", input->one_of);
    if (input->help)
        text_add(&says, input->help);
    printf("  %-22s %-10s %s\n", input->name, type, text_string(&says));
    text_clear(&says);
    free(type);
}

static void print_kind(const struct kind_declaration *kind)
{
    static const char *const effects[] = {
        [EFFECT_OBSERVE] = "observe: reads only",
        [EFFECT_CONVERGE] = "converge: sets a desired state; repeating it is harmless",
        [EFFECT_ONCE] = "once: never repeated blindly",
    };
    printf("%s: %s\n  effect  %s\n", kind->name, kind->help, effects[kind->effect]);
    if (kind->timeout_ms) {
        char timeout[DURATION_TEXT_SIZE];
        duration_write(kind->timeout_ms, timeout);
        printf("  timeout %s, unless the step says otherwise\n", timeout);
    }
    if (kind->later)
        puts("  not in this version: a job that uses it is checked, and refused at submit");
    puts("\nwith (= default, ? may be left out):");
    for (const struct declared_input *input = kind->inputs; input->name; input++)
        print_input(input);
    if (kind->alternatives) {
        char *names = string_copy(kind->alternatives);
        for (char *bar = names; *bar; bar++)
            if (*bar == '|')
                *bar = ',';
        printf("  exactly one of: %s\n", names);
        free(names);
    }
    if (kind->outputs[0].name)
        puts("\noutputs:");
    for (const struct declared_output *output = kind->outputs; output->name; output++)
        printf("  %-22s %-10s %s\n", output->name, value_type_text(output->type),
               output->help ? output->help : "");
    if (kind->general)
        puts("\nIt is a general kind: it also takes effect, settle, probe, undo, outputs, until, every,\n"
             "stable_for and rehearse.");
    if (kind->answers)
        printf("In outputs, until, done and in_progress its answer is: %s\n", kind->answers);
}

static int refuse_kind(const struct invocation *invocation, const char *name)
{
    struct error error;
    const char *names[64];
    int count = 0;
    for (const struct kind_declaration *const *kind = step_declarations(); *kind && count < 63; kind++)
        names[count++] = (*kind)->name;
    names[count] = NULL;
    const char *near = name_nearest(name, names);
    error_set(&error, ERROR_USAGE, "there is no step kind \"%s\"", name);
    if (near)
        error_next(&error, "did you mean \"%s\"?", near);
    else
        error_next(&error, "pawl steps");
    return report_error(invocation, &error);
}

int command_steps(struct invocation *invocation)
{
    if (invocation->argument_count) {
        const struct kind_declaration *kind = step_declaration_find(invocation->arguments[0]);
        if (!kind)
            return refuse_kind(invocation, invocation->arguments[0]);
        if (invocation->json)
            report_json(kind_json(kind));
        else
            print_kind(kind);
        return EXIT_SUCCEEDED;
    }
    if (!invocation->json) {
        print_all();
        return EXIT_SUCCEEDED;
    }
    json_t *all = json_array();
    for (const struct kind_declaration *const *kind = step_declarations(); *kind; kind++)
        json_array_append_new(all, kind_json(*kind));
    report_json(all);
    return EXIT_SUCCEEDED;
}
