#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/commands.h"
#include "cli/report.h"

static void print_options(const struct option_declaration *option)
{
    for (; option && option->name; option++) {
        char left[64];
        int length = option->letter ? snprintf(left, sizeof left, "-%c, ", option->letter)
                                    : snprintf(left, sizeof left, "    ");
        snprintf(left + length, sizeof left - (size_t)length, "--%s%s%s", option->name,
                 option->argument ? " " : "", option->argument ? option->argument : "");
        printf("  %-34s %s\n", left, option->help);
    }
}

static void print_overview(void)
{
    puts("pawl runs cluster scale operations so that they survive anything.\n\n"
         "usage: pawl COMMAND [ARGUMENT…] [OPTION…]\n\ncommands:");
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (!COMMANDS[i].hidden)
            printf("  %-10s %s\n", COMMANDS[i].name, COMMANDS[i].summary);
    puts("\nglobal options:");
    print_options(GLOBAL_OPTIONS);
    puts(
        "\nexit status: 0 succeeded · 1 the run failed, was cancelled or rolled back · 2 usage or an invalid job\n"
        "file, nothing was recorded · 3 waits for a person · 4 locked by another run or driver · 5 the store, the\n"
        "system or the cluster failed, or output was lost · 10 plan --detailed-exitcode found something to do ·\n"
        "130, 143, 129 interrupted by INT, TERM, HUP, resumable\n\n"
        "pawl help COMMAND explains one. The manual: man pawl.");
}

static void print_command(const struct command *command)
{
    printf("usage: pawl %s %s\n\n%s\n", command->name, command->synopsis,
           command->help ? command->help : command->summary);
    if (command->options) {
        puts("\noptions:");
        print_options(command->options);
    }
    if (command->parts)
        puts("\ncommands:");
    for (const struct command *part = command->parts; part && part->name; part++)
        printf("  %-14s %s\n", part->name, part->summary);
    if (command->parts)
        printf("\npawl help %s explains one.\n", command->parts->name);
    if (command->tell_more)
        command->tell_more();
    puts("\nglobal options:");
    print_options(GLOBAL_OPTIONS);
}

/* ---- as JSON ---- */

static json_t *options_json(const struct option_declaration *option)
{
    json_t *options = json_array();
    for (; option && option->name; option++) {
        const char letter[] = {option->letter, '\0'};
        json_array_append_new(options, json_pack("{s:s,s:s?,s:s?,s:s}", "name", option->name, "letter",
                                                 option->letter ? letter : NULL, "argument", option->argument,
                                                 "help", option->help));
    }
    return options;
}

static json_t *command_json(const struct command *command)
{
    json_t *told = json_pack("{s:s,s:s,s:s,s:s?,s:o}", "name", command->name, "synopsis", command->synopsis,
                             "summary", command->summary, "help", command->help, "options",
                             options_json(command->options));
    for (const struct command *part = command->parts; part && part->name; part++) {
        if (part == command->parts)
            json_object_set_new(told, "commands", json_array());
        json_array_append_new(json_object_get(told, "commands"), command_json(part));
    }
    return told;
}

static json_t *overview_json(void)
{
    json_t *commands = json_array();
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (!COMMANDS[i].hidden)
            json_array_append_new(commands, command_json(&COMMANDS[i]));
    return json_pack("{s:o,s:o}", "commands", commands, "global_options", options_json(GLOBAL_OPTIONS));
}

/* ---- the command ---- */

static void explain(const struct invocation *invocation, const struct command *command)
{
    if (invocation->json)
        report_json(command ? command_json(command) : overview_json());
    else if (command)
        print_command(command);
    else
        print_overview();
}

int command_help(struct invocation *invocation)
{
    const char *first = invocation->argument_count ? invocation->arguments[0] : "",
               *second = invocation->argument_count > 1 ? invocation->arguments[1] : "";
    char *name = string_format("%s%s%s", first, *second ? " " : "", second);
    const struct command *command = command_find(name);
    int status = EXIT_SUCCEEDED;
    if (!*name || (command && !command->hidden)) {
        explain(invocation, command);
    } else {
        struct error error;
        error_set(&error, ERROR_USAGE, "unknown command \"%s\"", name);
        error_next(&error, "pawl help");
        status = report_error(invocation, &error);
    }
    free(name);
    return status;
}
