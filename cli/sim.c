/* pawl sim init, show, fault: the commands around a simulated cluster; and the helm that it runs. */
#include "cli/sim.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/duration.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/report.h"
#include "cluster/sim/fault.h"
#include "cluster/sim/sim.h"

/* ---- init ---- */

enum setting_kind {
    SETTING_TEXT,
    SETTING_INT,
    SETTING_INT64,
    SETTING_DURATION,
    SETTING_TIME,
    SETTING_FLAG_OFF
};

/* X(option, kind, member, argument, help) */
#define SETTINGS(X)                                                                                          \
    X("chunks", INT, chunks, "N", "chunk pods (4)")                                                          \
    X("metas", INT, metas, "N", "meta pods (3)")                                                             \
    X("nodes", INT, nodes, "N", "worker nodes (one more than the pods need)")                                \
    X("edition", TEXT, edition, "NAME", "of the license: Enterprise, Community")                             \
    X("max-chunks", INT, max_chunks, "N", "the license's limit (255)")                                       \
    X("license", TEXT, license, "HOW",                                                                       \
      "how its keys are spelled: camel, snake, spaced; none: there is no license")                           \
    X("namespace", TEXT, namespace, "NAME", "of the release (iomesh-system)")                                \
    X("release", TEXT, release, "NAME", "its name (iomesh)")                                                 \
    X("object", TEXT, object, "NAME", "name of the IOMeshCluster object (iomesh)")                           \
    X("chunk-order", TEXT, chunk_order, "LIST",                                                              \
      "ordinals in the order in which their chunks register: 2,3,0,1")                                       \
    X("time", TIME, virtual_time, "virtual|real",                                                            \
      "virtual: it stands in the file and moves when nothing is under way")                                  \
    X("helm", TEXT, helm, "VERSION", "of the simulated helm (v3.17.1); before v3.13.0 it has no --labels")   \
    X("helm-driver", TEXT, helm_driver, "WHERE",                                                             \
      "helm keeps its records: secret; configmap, sql: the API shows none of them")                          \
    X("update-strategy", TEXT, update_strategy, "NAME", "of the StatefulSets: RollingUpdate, OnDelete")      \
    X("no-ip", FLAG_OFF, exec_has_ip, NULL, "the images have no ip program")                                 \
    X("capacity", INT64, capacity_gib, "N", "GiB of each chunk (1024)")                                      \
    X("used", INT64, used_gib, "N", "GiB used on each chunk (200)")                                          \
    X("seed", INT64, seed, "N", "of uids (random)")

static const struct setting {
    const char *option;
    enum setting_kind kind;
    size_t offset;
} settings[] = {
#define X(option, kind, member, argument, help)                                                              \
    {option, SETTING_##kind, offsetof(struct sim_options, member)},
    SETTINGS(X)
#undef X
#define X(member, option, help) {option, SETTING_DURATION, offsetof(struct sim_options, member)},
        SIM_DURATIONS(X)
#undef X
};

const struct option_declaration SIM_INIT_OPTIONS[] = {
#define X(option, kind, member, argument, help) {option, 0, argument, help},
    SETTINGS(X)
#undef X
#define X(member, option, help) {option, 0, "DURATION", help},
        SIM_DURATIONS(X)
#undef X
            {"values", 0, "FILE", "write the values file that belongs to it, too"},
    {"force", 0, NULL, "replace what exists"},
    {NULL, 0, NULL, NULL},
};

/* Whether the text is a whole number between these. */
static bool read_number(const char *text, int64_t least, int64_t most, int64_t *out)
{
    char *end;
    *out = strtoll(text, &end, 10);
    return *text && !*end && *out >= least && *out <= most;
}

/* NULL, or what the value should have been. */
static const char *setting_set(struct sim_options *options, const struct setting *setting, const char *value)
{
    void *member = (char *)options + setting->offset;
    int64_t number;
    switch (setting->kind) {
    case SETTING_TEXT:
        *(const char **)member = value;
        return NULL;
    case SETTING_INT:
        if (!read_number(value, INT_MIN, INT_MAX, &number))
            return "a whole number";
        *(int *)member = (int)number;
        return NULL;
    case SETTING_INT64:
        return read_number(value, INT64_MIN, INT64_MAX, member) ? NULL : "a whole number";
    case SETTING_DURATION:
        return duration_read(value, member) ? NULL : "a duration such as 3s or 500ms";
    case SETTING_TIME:
        *(bool *)member = !strcmp(value, "virtual");
        return !strcmp(value, "virtual") || !strcmp(value, "real") ? NULL : "virtual or real";
    case SETTING_FLAG_OFF:
        *(bool *)member = false;
        return NULL;
    }
    return NULL;
}

static int options_read(const struct invocation *invocation, struct sim_options *options, struct error *error)
{
    sim_options_default(options);
    for (int i = 0; i < invocation->option_count; i++) {
        const struct given_option *given = &invocation->options[i];
        for (size_t at = 0; at < sizeof settings / sizeof *settings; at++) {
            if (strcmp(settings[at].option, given->name))
                continue;
            const char *wanted = setting_set(options, &settings[at], given->value);
            if (wanted)
                return error_set(error, ERROR_USAGE, "--%s: \"%s\" is not %s", given->name, given->value,
                                 wanted);
        }
    }
    return 0;
}

/* What exists may be a cluster that runs act on, or anything else that cannot be made again. */
static int refuse_existing(const struct invocation *invocation, const char *path, struct error *error)
{
    struct stat status;
    if (invocation_has(invocation, "force") || lstat(path, &status))
        return 0;
    error_set(error, ERROR_USAGE, "%s exists already: nothing was written", path);
    return error_next(error, "choose another name, or replace it: --force");
}

/* The values file that an operator would have, with the comments of the procedure. */
static int values_write(const char *path, const struct sim_options *options, struct error *error)
{
    char *text = string_format("# values of the simulated cluster\n"
                               "chunk:\n  replicaCount: %d # Enter the number of chunk pods.\n"
                               "meta:\n  replicaCount: %d # Enter the number of meta pods.\n",
                               options->chunks, options->metas);
    int result = file_replace(path, text, strlen(text), 0644, error);
    free(text);
    return result;
}

static int say_made(const struct invocation *invocation, const char *file, const char *values,
                    const struct sim_options *options)
{
    if (invocation->json)
        report_json(json_pack("{s:s,s:s?}", "file", file, "values", values));
    else if (!invocation->quiet)
        say(stdout, "made %s: %d chunk pods, %d meta pods%s%s · act on it: --cluster sim:%s\n", file,
            options->chunks, options->metas, values ? " · values: " : "", values ? values : "", file);
    return EXIT_SUCCEEDED;
}

int command_sim_init(struct invocation *invocation)
{
    struct sim_options options;
    struct error error = {0};
    const char *file = invocation->arguments[0], *values = invocation_value(invocation, "values");
    if (options_read(invocation, &options, &error) || refuse_existing(invocation, file, &error) ||
        (values && refuse_existing(invocation, values, &error)) || sim_create(file, &options, &error) ||
        (values && values_write(values, &options, &error)))
        return report_error(invocation, &error);
    return say_made(invocation, file, values, &options);
}

/* ---- show ---- */

static void list_print(const json_t *document, const char *name)
{
    size_t i;
    json_t *item;
    printf("%s:\n", name);
    json_array_foreach(json_object_get(document, name), i, item)
    {
        char *text = json_is_string(item) ? string_copy(json_string_value(item))
                                          : json_dumps(item, JSON_COMPACT);
        say(stdout, "  %s\n", text);
        free(text);
    }
}

int command_sim_show(struct invocation *invocation)
{
    static const char *const shown[] = {"nodes", "pods", "chunks", "statefulsets", "releases", "effects"};
    struct error error = {0};
    json_t *document = sim_show(invocation->arguments[0], &error);
    if (!document)
        return report_error(invocation, &error);
    if (invocation->json) {
        json_dumpf(document, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        say(stdout, "leader: %s\n", json_text(document, "leader", ""));
        for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
            list_print(document, shown[i]);
        if (json_array_size(json_object_get(document, "pending")))
            list_print(document, "pending");
        printf("requests: %zu (--json lists them)\n", json_array_size(json_object_get(document, "requests")));
    }
    json_decref(document);
    return EXIT_SUCCEEDED;
}

/* ---- fault ---- */

void sim_fault_kinds_print(void)
{
    puts("\nfaults, each with the keys that it takes (!: required):");
    for (const struct fault_kind *kind = fault_kinds; kind->name; kind++) {
        printf("  %-17s %s\n", kind->name, kind->help);
        if (*kind->keys)
            printf("  %-17s   keys: %s\n", "", kind->keys);
    }
}

int command_sim_fault(struct invocation *invocation)
{
    struct error error = {0};
    if (sim_fault(invocation->arguments[0], invocation->arguments + 1, invocation->argument_count - 1,
                  &error))
        return report_error(invocation, &error);
    return EXIT_SUCCEEDED;
}

/* ---- its helm ---- */

int sim_helm_command(int count, char **arguments)
{
    if (!count) {
        fputs("usage: pawl sim-helm FILE ARGUMENTS…\n", stderr);
        return EXIT_USAGE;
    }
    return sim_helm_main(arguments[0], (const char *const *)(arguments + 1));
}
