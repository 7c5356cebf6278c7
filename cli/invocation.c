/* argv → invocation: GNU style, options anywhere, `--` ends them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/report.h"

const struct option_declaration GLOBAL_OPTIONS[] = {
    {"store", 0, "PATH", "the store (PAWL_STORE; else /var/lib/pawl or the user's state folder)"},
    {"cluster", 0, "live|sim:FILE", "the cluster that a new run acts on (PAWL_CLUSTER; live)"},
    {"kubeconfig", 0, "PATH", "as kubectl's"},
    {"context", 0, "NAME", "as kubectl's"},
    {"json", 0, NULL, "print JSON"},
    {"quiet", 'q', NULL, "no progress: results, errors, and what is to be done"},
    {"no-color", 0, NULL, "no colours (NO_COLOR)"},
    {"wait", 0, "DURATION", "wait that long for another run's lock"},
    {"help", 'h', NULL, "explain the command"},
    {"version", 'V', NULL, "print the version"},
    {NULL, 0, NULL, NULL},
};

/* ---- looking an option up ---- */

static const struct option_declaration *find_in(const struct option_declaration *list, const char *name,
                                                size_t length, char letter)
{
    for (; list && list->name; list++)
        if (letter ? list->letter == letter
                   : strlen(list->name) == length && !strncmp(list->name, name, length))
            return list;
    return NULL;
}

static const struct option_declaration *find_option(const struct command *command, const char *name,
                                                    size_t length, char letter)
{
    const struct option_declaration *own = find_in(command ? command->options : NULL, name, length, letter);
    return own ? own : find_in(GLOBAL_OPTIONS, name, length, letter);
}

static int refuse_unknown(const struct command *command, const char *word, struct error *error)
{
    const char *names[64];
    int count = 0;
    for (const struct option_declaration *o = command ? command->options : NULL; o && o->name && count < 50;
         o++)
        names[count++] = o->name;
    for (const struct option_declaration *o = GLOBAL_OPTIONS; o->name && count < 63; o++)
        names[count++] = o->name;
    names[count] = NULL;
    size_t length = strcspn(word, "=");
    char *name = string_format("%.*s", (int)length, word);
    const char *near = name_nearest(name + strspn(name, "-"), names);
    error_set(error, ERROR_USAGE, "unknown option %s", name);
    if (near)
        error_next(error, "did you mean --%s?", near);
    else
        error_next(error, "pawl help%s%s", command ? " " : "", command ? command->name : "");
    free(name);
    return -1;
}

/* ---- taking what was given ---- */

static int refuse_duration(const char *value, struct error *error)
{
    error_set(error, ERROR_USAGE, "--wait: \"%s\" is no duration", value);
    return error_next(error, "write 30s, 10m or 2h");
}

static int take_global(struct invocation *invocation, const char *name, const char *value,
                       struct error *error)
{
    struct {
        const char *name;
        const char **to;
    } texts[] = {{"store", &invocation->store},
                 {"cluster", &invocation->cluster},
                 {"kubeconfig", &invocation->kubeconfig},
                 {"context", &invocation->context}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(texts[i].name, name))
            *texts[i].to = value;
    invocation->json = invocation->json || !strcmp(name, "json");
    invocation->quiet = invocation->quiet || !strcmp(name, "quiet");
    invocation->colour = invocation->colour && strcmp(name, "no-color");
    if (!strcmp(name, "wait") && !duration_read(value, &invocation->wait_ms))
        return refuse_duration(value, error);
    return 0;
}

static int take_option(struct invocation *invocation, const struct option_declaration *option,
                       const char *value, struct error *error)
{
    if (invocation->option_count == OPTIONS_LIMIT)
        return error_set(error, ERROR_USAGE, "more than %d options", OPTIONS_LIMIT);
    invocation->options[invocation->option_count++] = (struct given_option){option->name, value};
    bool own = invocation->command &&
               find_in(invocation->command->options, option->name, strlen(option->name), 0);
    return own ? 0 : take_global(invocation, option->name, value, error);
}

/* One word that begins with a dash; *next is the word behind it, taken where the option wants an argument. */
static int parse_option(struct invocation *invocation, const char *word, const char *next, bool *took_next,
                        struct error *error)
{
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    const char *equals = is_long ? strchr(name, '=') : NULL;
    size_t length = is_long ? strcspn(name, "=") : 1;
    const struct option_declaration *option = find_option(invocation->command, name, length,
                                                          is_long ? 0 : *name);
    if (!option)
        return refuse_unknown(invocation->command, word, error);
    const char *attached = equals ? equals + 1 : !is_long && name[1] ? name + 1 : NULL;
    if (!option->argument) {
        if (attached)
            return error_set(error, ERROR_USAGE, "--%s takes no value", option->name);
        return take_option(invocation, option, NULL, error);
    }
    *took_next = !attached;
    if (!attached && !next)
        return error_set(error, ERROR_USAGE, "--%s wants a value: %s", option->name, option->argument);
    return take_option(invocation, option, attached ? attached : next, error);
}

static int refuse_command(const struct command *within, const char *word, struct error *error)
{
    const char *names[64];
    int count = 0;
    for (int i = 0; !within && i < COMMAND_COUNT && count < 63; i++)
        if (!COMMANDS[i].hidden)
            names[count++] = COMMANDS[i].name;
    for (const struct command *part = within ? within->parts : NULL; part && part->name && count < 63; part++)
        names[count++] = part->name;
    names[count] = NULL;
    const char *near = name_nearest(word, names);
    error_set(error, ERROR_USAGE, "unknown command \"%s\"", word);
    if (near)
        return error_next(error, "did you mean \"%s\"?", near);
    return error_next(error, "pawl help%s%s", within ? " " : "", within ? within->name : "");
}

/* A command's word, or the second word of one that has parts. */
static int find_command(struct invocation *invocation, const char *word, struct error *error)
{
    const struct command *within = invocation->command;
    char *name = string_format("%s%s%s", within ? within->name : "", within ? " " : "", word);
    const struct command *found = command_find(name);
    if (found)
        invocation->command = found;
    int result = found ? 0 : refuse_command(within, name, error);
    free(name);
    return result;
}

static int check_environment(struct error *error)
{
    static const char *const names[] = {"PAWL_STORE", "PAWL_CLUSTER", "PAWL_ACTOR", "PAWL_HELM",
                                        "KUBECONFIG", "HOME",         "TMPDIR",     "XDG_STATE_HOME"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && !utf8_is_valid(value, strlen(value)))
            return error_set(error, ERROR_USAGE, "the environment's %s is not UTF-8: %s", names[i], value);
    }
    const char *actor = getenv("PAWL_ACTOR");
    return actor && *actor ? identifier_check("PAWL_ACTOR", actor, error) : 0;
}

/* Words go into records and into JSON. */
static int check_text(int count, char **words, struct error *error)
{
    for (int i = 1; i < count; i++)
        if (!utf8_is_valid(words[i], strlen(words[i])))
            return error_set(error, ERROR_USAGE, "argument %d is not UTF-8: %s", i, words[i]);
    return check_environment(error);
}

/* The command is the first word that is no option of ours, so that global options may stand before it. */
static int parse_words(struct invocation *invocation, int count, char **words, struct error *error)
{
    bool options_end = false;
    for (int i = 1; i < count; i++) {
        const char *word = words[i];
        bool took_next = false;
        if (!options_end && !strcmp(word, "--")) {
            options_end = true;
        } else if (!options_end && word[0] == '-' && word[1]) {
            if (parse_option(invocation, word, i + 1 < count ? words[i + 1] : NULL, &took_next, error))
                return -1;
            i += took_next;
        } else if (!invocation->command || invocation->command->parts) {
            if (find_command(invocation, word, error))
                return -1;
        } else {
            invocation->arguments[invocation->argument_count++] = word;
        }
    }
    return 0;
}

static int check_count(const struct invocation *invocation, struct error *error)
{
    const struct command *command = invocation->command;
    int count = invocation->argument_count;
    if (count >= command->least && count <= command->most)
        return 0;
    if (count > command->most)
        error_set(error, ERROR_USAGE, "%s: too many arguments: \"%s\"", command->name,
                  invocation->arguments[command->most]);
    else
        error_set(error, ERROR_USAGE, "%s: an argument is missing", command->name);
    return error_next(error, "usage: pawl %s %s", command->name, command->synopsis);
}

/* `pawl COMMAND … --help` is `pawl help COMMAND`. */
static void mean_help(struct invocation *invocation)
{
    invocation->argument_count = invocation->command != NULL;
    if (invocation->command)
        invocation->arguments[0] = invocation->command->name;
    invocation->command = command_find("help");
}

static void mean_version(struct invocation *invocation)
{
    invocation->argument_count = 0;
    invocation->command = command_find("version");
}

static bool asks_for_json(int count, char **words)
{
    for (int i = 1; i < count && strcmp(words[i], "--"); i++)
        if (!strcmp(words[i], "--json"))
            return true;
    return false;
}

int invocation_parse(int count, char **words, struct invocation *invocation)
{
    struct error error = {0};
    *invocation = (struct invocation){.colour = !getenv("NO_COLOR") && isatty(STDOUT_FILENO)};
    invocation->cluster = getenv("PAWL_CLUSTER");
    invocation->arguments = memory_new((size_t)count * sizeof *invocation->arguments);
    if (check_text(count, words, &error) || parse_words(invocation, count, words, &error)) {
        invocation->json = asks_for_json(count, words); /* it may stand behind what is wrong */
        return report_error(invocation, &error);
    }
    if (invocation_has(invocation, "help"))
        mean_help(invocation);
    else if (invocation_has(invocation, "version"))
        mean_version(invocation);
    if (!invocation->command) {
        mean_help(invocation);
        command_help(invocation);
        return EXIT_USAGE;
    }
    return check_count(invocation, &error) ? report_error(invocation, &error) : 0;
}

void invocation_clear(struct invocation *invocation)
{
    free(invocation->arguments);
}

/* ---- asking ---- */

const char *invocation_value(const struct invocation *invocation, const char *name)
{
    const char *value = NULL;
    for (int i = 0; i < invocation->option_count; i++)
        if (!strcmp(invocation->options[i].name, name))
            value = invocation->options[i].value;
    return value;
}

bool invocation_has(const struct invocation *invocation, const char *name)
{
    for (int i = 0; i < invocation->option_count; i++)
        if (!strcmp(invocation->options[i].name, name))
            return true;
    return false;
}

/* As it can be typed again: what a shell would take apart is left to whoever knows it. */
static void add_typed(const char *word, struct text *typed)
{
    bool plain = *word && !word[strcspn(word, " \t\n\"'\\$`*?[]{}()<>|&;~#!")];
    text_format(typed, " %s", plain ? word : "…");
}

int invocation_need_reason(const struct invocation *invocation, struct error *error)
{
    const char *reason = invocation_value(invocation, "reason"), *name = invocation->command->name;
    if (reason && *reason)
        return 0;
    struct text typed = {0};
    for (int i = 0; i < invocation->argument_count; i++)
        add_typed(invocation->arguments[i], &typed);
    for (int i = 0; i < invocation->option_count; i++) {
        const struct given_option *option = &invocation->options[i];
        if (!strcmp(option->name, "reason"))
            continue;
        text_format(&typed, " --%s", option->name);
        if (option->value)
            add_typed(option->value, &typed);
    }
    error_set(error, ERROR_USAGE, "%s: --reason is missing", name);
    error_next(error, "say why, for the record: pawl %s%s --reason \"…\"", name, text_string(&typed));
    text_clear(&typed);
    return -1;
}

int identifier_check(const char *what, const char *text, struct error *error)
{
    if (!*text)
        return error_set(error, ERROR_USAGE, "%s is empty", what);
    if (strlen(text) > LIMIT_KEY_BYTES)
        return error_set(error, ERROR_USAGE, "%s is longer than %d bytes", what, LIMIT_KEY_BYTES);
    char *clean = line_cleaned(text);
    bool plain = !strcmp(clean, text);
    free(clean);
    return plain ? 0 : error_set(error, ERROR_USAGE, "%s holds what cannot be shown: %s", what, text);
}

int option_split(const struct given_option *option, char **out_name, const char **out_value,
                 struct error *error)
{
    const char *equals = strchr(option->value, '=');
    if (!equals || equals == option->value)
        return error_set(error, ERROR_USAGE, "--%s: \"%s\" is not NAME=VALUE", option->name, option->value);
    *out_name = string_format("%.*s", (int)(equals - option->value), option->value);
    *out_value = equals + 1;
    return 0;
}

int64_t invocation_run(const struct invocation *invocation, int index, struct error *error)
{
    const char *text = invocation->arguments[index];
    char *end = NULL;
    long long run = strtoll(text, &end, 10);
    if (*text >= '1' && *text <= '9' && !*end && run > 0)
        return run;
    error_set(error, ERROR_USAGE, "\"%s\" is no run: runs are numbered 1, 2, 3 …", text);
    error_next(error, "pawl list");
    return 0;
}
