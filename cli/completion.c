/* pawl completion: a bash completion script, read off the tables of commands, options and kinds. `make
 * install` writes it where bash finds it. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "steps/kind.h"

static void print_options(const struct option_declaration *option)
{
    for (; option && option->name; option++)
        printf(" --%s", option->name);
}

/* Options that want a value get none of the command's words offered behind them. */
static void print_value_options(const struct option_declaration *option)
{
    for (; option && option->name; option++)
        if (option->argument)
            printf("|--%s", option->name);
}

/* What stands behind a command, by the first word of its synopsis. */
static const char *arguments_of(const struct command *command)
{
    static const struct {
        const char *begins, *completes;
    } forms[] = {
        {"JOB", "COMPREPLY+=($(compgen -f -X '!*.y*ml' -- \"$word\") $(compgen -d -- \"$word\"))"},
        {"RUN",
         "COMPREPLY+=($(compgen -W \"$(pawl list 2>/dev/null | awk 'NR > 1 {print $1}')\" -- \"$word\"))"},
        {"[RUN",
         "COMPREPLY+=($(compgen -W \"$(pawl list 2>/dev/null | awk 'NR > 1 {print $1}')\" -- \"$word\"))"},
        {"[KIND]", "COMPREPLY+=($(compgen -W \"$kinds\" -- \"$word\"))"},
        {"[COMMAND]", "COMPREPLY+=($(compgen -W \"$commands\" -- \"$word\"))"},
        {"verify", "COMPREPLY+=($(compgen -W 'verify export rebuild' -- \"$word\"))"},
        {"init", "COMPREPLY+=($(compgen -W 'init show fault' -f -- \"$word\"))"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!strncmp(command->synopsis, forms[i].begins, strlen(forms[i].begins)))
            return forms[i].completes;
    return NULL;
}

static void print_command(const struct command *command)
{
    const char *arguments = arguments_of(command);
    printf("    %s)\n        options=\"", command->name);
    print_options(command->options);
    puts("\"");
    if (arguments)
        printf("        %s\n", arguments);
    puts("        ;;");
}

int command_completion(struct invocation *invocation)
{
    (void)invocation;
    puts("# bash completion for pawl; written by `pawl completion`\n_pawl()\n{");
    puts("    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= options= at");
    fputs("    local commands=\"", stdout);
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (!COMMANDS[i].hidden)
            printf("%s ", COMMANDS[i].name);
    fputs("\"\n    local kinds=\"", stdout);
    for (const struct kind_declaration *const *kind = step_declarations(); *kind; kind++)
        printf("%s ", (*kind)->name);
    fputs("\"\n    local global=\"", stdout);
    print_options(GLOBAL_OPTIONS);
    puts("\"\n    COMPREPLY=()");
    fputs("    case $before in\n    --store|--kubeconfig|--params-file|--data)\n"
          "        COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n    -p",
          stdout);
    print_value_options(GLOBAL_OPTIONS);
    for (int i = 0; i < COMMAND_COUNT; i++)
        print_value_options(COMMANDS[i].options);
    puts(")\n        return ;;\n    esac");
    puts(
        "    for ((at = 1; at < COMP_CWORD; at++)); do\n"
        "        [[ \" $commands \" == *\" ${COMP_WORDS[at]} \"* ]] && { command=${COMP_WORDS[at]}; break; }\n"
        "    done");
    puts("    case $command in\n    '') COMPREPLY=($(compgen -W \"$commands\" -- \"$word\")) ;;");
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (!COMMANDS[i].hidden)
            print_command(&COMMANDS[i]);
    puts("    esac\n    if [[ $word == -* ]]; then\n"
         "        COMPREPLY=($(compgen -W \"$options $global\" -- \"$word\"))\n    fi\n}\n"
         "complete -o filenames -F _pawl pawl");
    return EXIT_SUCCEEDED;
}
