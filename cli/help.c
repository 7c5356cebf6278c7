#include <stdio.h>
#include <string.h>

#include "cli/command.h"
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
        "system or the cluster failed · 130, 143, 129 interrupted by INT, TERM, HUP, resumable\n\n"
        "pawl help COMMAND explains one. The manual: man pawl.");
}

void help_print(const struct command *command)
{
    if (!command) {
        print_overview();
        return;
    }
    printf("usage: pawl %s %s\n\n%s\n", command->name, command->synopsis,
           command->help ? command->help : command->summary);
    if (command->options) {
        puts("\noptions:");
        print_options(command->options);
    }
    puts("\nglobal options:");
    print_options(GLOBAL_OPTIONS);
}

int command_help(struct invocation *invocation)
{
    if (!invocation->argument_count) {
        help_print(NULL);
        return EXIT_SUCCEEDED;
    }
    const struct command *command = command_find(invocation->arguments[0]);
    if (command && !command->hidden) {
        help_print(command);
        return EXIT_SUCCEEDED;
    }
    struct error error;
    error_set(&error, ERROR_USAGE, "unknown command \"%s\"", invocation->arguments[0]);
    error_next(&error, "pawl help");
    return report_error(invocation, &error);
}
