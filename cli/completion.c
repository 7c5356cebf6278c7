/* pawl completion: a bash completion script, read off the tables of commands, options, kinds and statuses.
 * `make install` writes it where bash finds it. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cluster/sim/fault.h"
#include "steps/kind.h"

/* ---- read off the tables ---- */

static void print_options(const struct option_declaration *option)
{
    for (; option && option->name; option++)
        printf(" --%s", option->name);
}

/* Options that want a value; `with`: only those whose argument is called so. */
static void print_valued(const struct option_declaration *option, const char *with, const char *between)
{
    for (; option && option->name; option++) {
        if (!option->argument || (with && strcmp(option->argument, with)))
            continue;
        printf("%s--%s", between, option->name);
        if (option->letter)
            printf("%s-%c", between, option->letter);
    }
}

static void print_all_valued(const char *with, const char *between)
{
    print_valued(GLOBAL_OPTIONS, with, between);
    for (int i = 0; i < COMMAND_COUNT; i++) {
        print_valued(COMMANDS[i].options, with, between);
        for (const struct command *part = COMMANDS[i].parts; part && part->name; part++)
            print_valued(part->options, with, between);
    }
}

/* "RUN [STEP] [--follow]" as "RUN STEP": what stands behind the command, up to its options. */
static void print_takes(const char *synopsis)
{
    for (const char *word = synopsis + strspn(synopsis, "[ "); *word && *word != '-';
         word += strspn(word, "[ ")) {
        size_t length = strcspn(word, " ]"), all = strcspn(word, " ");
        if (!memchr(word, '=', length))
            printf(" '%.*s'", (int)length, word);
        word += all;
    }
}

static void print_command(const struct command *command)
{
    printf("    '%s')\n        options=\"", command->name);
    print_options(command->options);
    fputs("\" takes=(", stdout);
    print_takes(command->synopsis);
    puts(") ;;");
}

static void print_commands(void)
{
    puts("    case $command in");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (COMMANDS[i].hidden)
            continue;
        print_command(&COMMANDS[i]);
        for (const struct command *part = COMMANDS[i].parts; part && part->name; part++)
            print_command(part);
    }
    puts("    esac");
}

static void print_names(void)
{
    fputs("    local commands=\"", stdout);
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (!COMMANDS[i].hidden)
            printf("%s ", COMMANDS[i].name);
    fputs("\"\n    local parts=\"", stdout);
    for (int i = 0; i < COMMAND_COUNT; i++)
        for (const struct command *part = COMMANDS[i].parts; part && part->name; part++)
            printf("|%s|", part->name);
    fputs("\"\n    local kinds=\"", stdout);
    for (const struct kind_declaration *const *kind = step_declarations(); *kind; kind++)
        printf("%s ", (*kind)->name);
    fputs("\"\n    local faults=\"", stdout);
    for (const struct fault_kind *fault = fault_kinds; fault->name; fault++)
        printf("%s ", fault->name);
    fputs("\"\n    local statuses=\"", stdout);
    for (int i = 0; RUN_STATUSES[i]; i++)
        printf("%s ", RUN_STATUSES[i]);
    fputs("\"\n    local global=\"", stdout);
    print_options(GLOBAL_OPTIONS);
    fputs("\"\n    local valued=\" ", stdout);
    print_all_valued(NULL, " ");
    puts(" \"");
}

/* ---- the script ---- */

static const char BEGIN[] =
    "# bash completion for pawl; written by `pawl completion`\n"
    "_pawl_runs() { pawl list 2>/dev/null | awk 'NR > 1 {print $1}'; }\n"
    "_pawl_steps() { # RUN KINDS: a step's line is [MARK] ID KIND …\n"
    "    pawl status \"$1\" 2>/dev/null | awk -v list=\"$2\" '\n"
    "        BEGIN {split(list, names, \" \"); for (at in names) kinds[names[at]]}\n"
    "        /^  / && $2 in kinds {print $1; next}\n"
    "        /^  / && $3 in kinds {print $2}'\n"
    "}\n"
    "_pawl_params() { # JOB\n"
    "    awk '/^params:/ {inside = 1; next} /^[^ #]/ {inside = 0}\n"
    "        inside && /^  [A-Za-z_]/ {sub(/:.*/, \"\"); print $1 \"=\"}' \"$1\" 2>/dev/null\n"
    "}\n"
    "_pawl()\n{\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
    "    local command= options= first= given= count=0 at takes=()\n";

/* Bash makes words of its own of the ":" and "=" in sim:FILE, name=value and --option=value. */
static const char SCAN[] =
    "    COMPREPLY=()\n"
    "    [[ $word == [:=] ]] && before=$word word=\n"
    "    if [[ $before == : ]]; then\n"
    "        COMPREPLY=($(compgen -f -- \"$word\")); return\n"
    "    fi\n"
    "    [[ $before == = ]] && for ((at = COMP_CWORD; at > 0; at--)); do\n"
    "        [[ ${COMP_WORDS[at]} == = ]] && { before=${COMP_WORDS[at-1]}; break; }\n"
    "    done\n"
    "    for ((at = 1; at < COMP_CWORD; at++)); do\n"
    "        given=${COMP_WORDS[at]}\n"
    "        if [[ $given == [:=] ]]; then ((at++))\n"
    "        elif [[ $valued == *\" $given \"* && ${COMP_WORDS[at+1]} != = ]]; then ((at++))\n"
    "        elif [[ $given == -* ]]; then :\n"
    "        elif [[ -z $command ]]; then command=$given\n"
    "        elif [[ $parts == *\"|$command $given|\"* ]]; then command=\"$command $given\"\n"
    "        else ((count++)) || first=$given\n"
    "        fi\n"
    "    done\n";

static const char CHOOSE[] =
    "    if [[ $valued == *\" $before \"* ]]; then\n"
    "        case $before in\n"
    "        --status) COMPREPLY=($(compgen -W \"$statuses\" -- \"$word\")) ;;\n"
    "        --from) COMPREPLY=($(compgen -W \"$(_pawl_steps \"$first\" \"$kinds\")\" -- \"$word\")) ;;\n"
    "        --cluster) compopt -o nospace 2>/dev/null; COMPREPLY=($(compgen -W 'live sim:' -- \"$word\")) ;;\n"
    "        -p|--param) compopt -o nospace 2>/dev/null\n"
    "            COMPREPLY=($(compgen -W \"$(_pawl_params \"$first\")\" -- \"$word\")) ;;\n"
    "        $files) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
    "        esac\n"
    "        return\n"
    "    fi\n"
    "    if [[ $word == -* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"$options $global\" -- \"$word\")); return\n"
    "    fi\n"
    "    [[ $command ]] || takes=(COMMAND)\n"
    "    case ${takes[count]} in\n"
    "    COMMAND) COMPREPLY=($(compgen -W \"$commands\" -- \"$word\")) ;;\n"
    "    JOB) COMPREPLY=($(compgen -f -X '!*.y*ml' -- \"$word\") $(compgen -d -- \"$word\")) ;;\n"
    "    RUN) COMPREPLY=($(compgen -W \"$(_pawl_runs)\" -- \"$word\")) ;;\n"
    "    STEP) COMPREPLY=($(compgen -W \"$(_pawl_steps \"$first\" \"$kinds\")\" -- \"$word\")) ;;\n"
    "    KIND) COMPREPLY=($(compgen -W \"$kinds\" -- \"$word\")) ;;\n"
    "    FAULT) COMPREPLY=($(compgen -W \"$faults\" -- \"$word\")) ;;\n"
    "    FILE) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n"
    "    *\\|*) COMPREPLY=($(compgen -W \"${takes[count]//|/ }\" -- \"$word\")) ;;\n"
    "    esac\n"
    "}\n"
    "complete -o filenames -F _pawl pawl\n";

int command_completion(struct invocation *invocation)
{
    (void)invocation;
    fputs(BEGIN, stdout);
    print_names();
    fputs("    local files=\"@(--params-file", stdout);
    print_all_valued("PATH", "|");
    print_all_valued("FILE", "|");
    puts(")\"");
    fputs(SCAN, stdout);
    print_commands();
    fputs(CHOOSE, stdout);
    return EXIT_SUCCEEDED;
}
