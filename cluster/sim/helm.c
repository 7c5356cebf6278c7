#include "cluster/sim/helm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cluster/sim/chart.h"
#include "cluster/sim/fault.h"
#include "cluster/sim/objects.h"
#include "cluster/sim/release.h"

/* ---- the command line ---- */

enum option_kind { OPTION_TEXT, OPTION_NUMBER, OPTION_DURATION, OPTION_FLAG, OPTION_LABELS, OPTION_IGNORED };

static const struct helm_option {
    const char *name, *letter;
    enum option_kind kind;
    size_t offset;     /* of the member of struct helm_command */
    const char *since; /* the helm that has it */
} helm_options[] = {
    {"--namespace", "-n", OPTION_TEXT, offsetof(struct helm_command, namespace), NULL},
    {"--values", "-f", OPTION_TEXT, offsetof(struct helm_command, values), NULL},
    {"--description", NULL, OPTION_TEXT, offsetof(struct helm_command, description), NULL},
    {"--post-renderer", NULL, OPTION_TEXT, offsetof(struct helm_command, post_renderer), NULL},
    {"--version", NULL, OPTION_TEXT, offsetof(struct helm_command, version), NULL},
    {"--output", "-o", OPTION_TEXT, offsetof(struct helm_command, output), NULL},
    {"--destination", "-d", OPTION_TEXT, offsetof(struct helm_command, folder), NULL},
    {"--revision", NULL, OPTION_NUMBER, offsetof(struct helm_command, revision), NULL},
    {"--history-max", NULL, OPTION_NUMBER, offsetof(struct helm_command, history_max), NULL},
    {"--max", NULL, OPTION_IGNORED, 0, NULL},
    {"--timeout", NULL, OPTION_DURATION, offsetof(struct helm_command, timeout_ms), NULL},
    {"--labels", "-l", OPTION_LABELS, offsetof(struct helm_command, labels), "v3.13.0"},
    {"--all", "-a", OPTION_FLAG, offsetof(struct helm_command, all), NULL},
    {"--wait", NULL, OPTION_FLAG, offsetof(struct helm_command, wait), NULL},
    {"--dry-run", NULL, OPTION_FLAG, offsetof(struct helm_command, dry_run), NULL},
    {"--short", NULL, OPTION_FLAG, offsetof(struct helm_command, short_version), NULL},
    {"--versions", NULL, OPTION_FLAG, offsetof(struct helm_command, versions), NULL},
    {"--kubeconfig", NULL, OPTION_IGNORED, 0, NULL},
    {"--kube-context", NULL, OPTION_IGNORED, 0, NULL},
};

static int __attribute__((format(printf, 2, 3))) usage(struct helm *helm, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = string_format_list(format, arguments);
    va_end(arguments);
    text_format(&helm->err, "Error: %s\n", text);
    free(text);
    return 1;
}

static const struct helm_option *option_find(const char *argument, size_t length)
{
    for (size_t i = 0; i < sizeof helm_options / sizeof *helm_options; i++) {
        const struct helm_option *option = &helm_options[i];
        if ((strlen(option->name) == length && !strncmp(option->name, argument, length)) ||
            (option->letter && !strcmp(option->letter, argument)))
            return option;
    }
    return NULL;
}

/* "a=b,c=d" */
static void labels_set(json_t **labels, const char *text)
{
    char *copy = string_copy(text), *rest = copy;
    if (!*labels)
        *labels = json_object();
    for (char *pair; (pair = strsep(&rest, ","));) {
        char *value = strchr(pair, '=');
        if (!value)
            continue;
        *value++ = '\0';
        json_object_set_new(*labels, pair, json_string(value));
    }
    free(copy);
}

static int option_set(struct helm *helm, struct helm_command *command, const struct helm_option *option,
                      const char *value)
{
    void *member = (char *)command + option->offset;
    char *end = "";
    switch (option->kind) {
    case OPTION_TEXT:
        *(const char **)member = value;
        break;
    case OPTION_NUMBER:
        *(int64_t *)member = strtoll(value, &end, 10);
        break;
    case OPTION_DURATION:
        if (!duration_read(value, member))
            end = "?";
        break;
    case OPTION_LABELS:
        labels_set(member, value);
        break;
    case OPTION_FLAG:
    case OPTION_IGNORED:
        break;
    }
    return *end ? usage(helm, "invalid argument \"%s\"", value) : 0;
}

static int command_read(struct helm *helm, struct helm_command *command, const char *const *arguments)
{
    for (; *arguments; arguments++) {
        const char *argument = *arguments;
        if (*argument != '-') {
            if (command->word_count < (int)(sizeof command->words / sizeof *command->words))
                command->words[command->word_count++] = argument;
            continue;
        }
        size_t length = strcspn(argument, "=");
        const struct helm_option *option = option_find(argument, length);
        if (!option || (option->since && !helm_is_at_least(helm, option->since)))
            return usage(helm, "unknown flag: %s", argument);
        if (option->kind == OPTION_FLAG) {
            const char *value = argument[length] ? argument + length + 1 : "true";
            *((bool *)((char *)command + option->offset)) = strcmp(value, "false") && strcmp(value, "none");
            continue;
        }
        const char *value = argument[length] ? argument + length + 1 : *++arguments;
        if (!value)
            return usage(helm, "flag needs an argument: %s", argument);
        if (option_set(helm, command, option, value))
            return 1;
    }
    return 0;
}

/* ---- helpers ---- */

bool helm_is_at_least(const struct helm *helm, const char *version)
{
    return version_compare(helm->version, version) >= 0;
}

int helm_fail(struct helm *helm, const struct error *error)
{
    text_format(&helm->err, "Error: %s\n", error->message);
    return 1;
}

void helm_print_json(struct helm *helm, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    text_add(&helm->out, text);
    text_add(&helm->out, "\n");
    free(text);
    json_decref(value);
}

char *helm_path(const struct helm *helm, const char *path)
{
    if (*path == '/' || !helm->working_folder)
        return string_copy(path);
    return string_format("%s/%s", helm->working_folder, path);
}

json_t *helm_chart(struct helm *helm, const char *chart, const char *version, struct error *error)
{
    char *path = helm_path(helm, chart);
    struct stat status;
    bool is_file = !stat(path, &status) && S_ISREG(status.st_mode);
    json_t *found = NULL;
    const char *slash = strchr(chart, '/');
    if (is_file)
        found = chart_archive_read(path, error);
    else if (*chart && !strcmp(chart, world_setting_text(helm->world, "chart")))
        found = json_deep_copy(chart_find(helm->world, "iomesh", version, error));
    else if (*chart == '/' || !slash)
        error_set(error, ERROR_HELM, "path \"%s\" not found", chart);
    else if (strncmp(chart, "iomesh/", strlen("iomesh/")))
        error_set(error, ERROR_HELM, "repo %.*s not found", (int)(slash - chart), chart);
    else
        found = json_deep_copy(chart_find(helm->world, slash + 1, version, error));
    free(path);
    return found;
}

/* ---- subcommands that read ---- */

static const char *namespace_of(const struct helm_command *command)
{
    return command->namespace ? command->namespace : "default";
}

static int no_release(struct helm *helm)
{
    return usage(helm, "release: not found");
}

static int history(struct helm *helm, const struct helm_command *command)
{
    json_t *history = release_history(helm->world, namespace_of(command), command->words[1]);
    if (!json_array_size(history)) {
        json_decref(history);
        return no_release(helm);
    }
    helm_print_json(helm, history);
    return 0;
}

static int get(struct helm *helm, const struct helm_command *command)
{
    const json_t *record = release_find(helm->world, namespace_of(command), command->words[2],
                                        command->revision);
    if (!record)
        return no_release(helm);
    const json_t *sim = json_object_get(record, "sim");
    if (!strcmp(command->words[1], "manifest")) {
        text_add(&helm->out, json_text(sim, "manifest", ""));
        text_add(&helm->out, "\n");
        return 0;
    }
    if (strcmp(command->words[1], "values"))
        return usage(helm, "unknown command \"%s\" for \"helm get\"", command->words[1]);
    json_t *values = json_object_get(sim, "values");
    if (command->all)
        values = chart_values(json_object_get(sim, "chart"), values);
    else
        values = json_object_size(values) ? json_deep_copy(values) : json_null();
    helm_print_json(helm, values);
    return 0;
}

static int pull(struct helm *helm, const struct helm_command *command)
{
    struct error error;
    json_t *chart = helm_chart(helm, command->words[1], command->version, &error);
    if (!chart)
        return helm_fail(helm, &error);
    char *folder = helm_path(helm, command->folder ? command->folder : ".");
    char *path = string_format("%s/%s-%s.tgz", folder, json_text(chart, "name", ""),
                               json_text(chart, "version", ""));
    char *archive = chart_archive(chart);
    int status = 0;
    if (file_replace(path, archive, strlen(archive), 0644, &error))
        status = helm_fail(helm, &error);
    free(archive);
    free(path);
    free(folder);
    json_decref(chart);
    return status;
}

static json_t *search_entry(const json_t *chart)
{
    return json_pack("{s:o, s:s, s:s, s:s}", "name", json_sprintf("iomesh/%s", json_text(chart, "name", "")),
                     "version", json_text(chart, "version", ""), "app_version",
                     json_text(chart, "app_version", ""), "description", "A simulated IOMesh");
}

static int search(struct helm *helm, const struct helm_command *command)
{
    json_t *found = json_array(), *chart;
    size_t i;
    const json_t *newest = chart_find(helm->world, "iomesh", NULL, NULL);
    bool wanted = command->word_count < 3 || strstr("iomesh/iomesh", command->words[2]);
    json_array_foreach(json_object_get(helm->world->state, "charts"), i, chart)
    {
        bool fits = command->version ? !version_compare(command->version, json_text(chart, "version", ""))
                                     : command->versions || chart == newest;
        if (wanted && fits)
            json_array_append_new(found, search_entry(chart));
    }
    helm_print_json(helm, found);
    return 0;
}

static int version(struct helm *helm, const struct helm_command *command)
{
    if (command->short_version)
        text_format(&helm->out, "%s+gsim\n", helm->version);
    else
        text_format(&helm->out,
                    "version.BuildInfo{Version:\"%s\", GitCommit:\"sim\", GitTreeState:\"clean\"}\n",
                    helm->version);
    return 0;
}

/* What the command line names: first word, how many words at least. upgrade makes its own calls. */
static const struct {
    const char *name;
    int words;
    int (*run)(struct helm *, const struct helm_command *);
} subcommands[] = {
    {"history", 2, history}, {"get", 3, get},         {"pull", 2, pull},
    {"search", 2, search},   {"version", 1, version}, {"upgrade", 3, helm_upgrade},
};

/* Logs the request; a trouble that it meets ends it here. */
static int request_log(struct helm *helm, const struct helm_command *command, const char *const *arguments)
{
    json_t *list = json_array();
    for (; *arguments; arguments++)
        json_array_append_new(list, json_string(*arguments));
    const char *name = command->words[0];
    const json_t *fault = fault_take(helm->world, "helm", name, NULL, NULL);
    world_request(helm->world, "helm", name, command->namespace, NULL, fault_code(fault),
                  json_pack("{s:o}", "arguments", list));
    struct error error;
    if (!fault)
        return 0;
    fault_error(fault, "Kubernetes cluster unreachable", &error);
    return helm_fail(helm, &error);
}

static int subcommand_run(struct helm *helm, const struct helm_command *command, const char *const *arguments)
{
    struct error error;
    size_t i = 0, count = sizeof subcommands / sizeof *subcommands;
    for (; i < count; i++)
        if (command->word_count && !strcmp(command->words[0], subcommands[i].name))
            break;
    if (i == count)
        return usage(helm, "unknown command \"%s\" for \"helm\"",
                     command->word_count ? command->words[0] : "");
    if (command->word_count < subcommands[i].words)
        return usage(helm, "\"helm %s\" requires more arguments", command->words[0]);
    if (world_begin(helm->world, &error))
        return helm_fail(helm, &error);
    int status = request_log(helm, command, arguments);
    bool upgrades = subcommands[i].run == helm_upgrade;
    if (!status && !upgrades)
        status = subcommands[i].run(helm, command);
    if (world_end(helm->world, &error))
        return helm_fail(helm, &error);
    return !status && upgrades ? helm_upgrade(helm, command) : status;
}

int helm_run(struct helm *helm, const char *const *arguments)
{
    struct helm_command command = {.history_max = 10, .timeout_ms = 300000};
    struct error error;
    int status = 1;
    /* The state tells which options this helm has. */
    if (world_begin(helm->world, &error))
        return helm_fail(helm, &error);
    snprintf(helm->version, sizeof helm->version, "%s", world_setting_text(helm->world, "helm"));
    helm->upgrade_ms = world_setting(helm->world, "helm_ms");
    status = command_read(helm, &command, arguments);
    if (world_end(helm->world, &error))
        status = helm_fail(helm, &error);
    if (!status)
        status = subcommand_run(helm, &command, arguments);
    json_decref(command.labels);
    return status;
}

void helm_clear(struct helm *helm)
{
    text_clear(&helm->out);
    text_clear(&helm->err);
}
