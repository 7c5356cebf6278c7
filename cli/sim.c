#include "cli/sim.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "cli/report.h"
#include "cluster/sim/fault.h"
#include "cluster/sim/sim.h"

static int fail(const struct error *error)
{
    return report_error(&(struct invocation){.json = false}, error);
}

/* ---- init ---- */

enum setting_kind {
    SETTING_TEXT,
    SETTING_INT,
    SETTING_INT64,
    SETTING_DURATION,
    SETTING_TIME,
    SETTING_FLAG_OFF
};

static const struct setting {
    const char *name;
    enum setting_kind kind;
    size_t offset;
    const char *help;
} settings[] = {
    {"chunks", SETTING_INT, offsetof(struct sim_options, chunks), "chunk pods (4)"},
    {"metas", SETTING_INT, offsetof(struct sim_options, metas), "meta pods (3)"},
    {"nodes", SETTING_INT, offsetof(struct sim_options, nodes), "worker nodes (one more than the pods need)"},
    {"edition", SETTING_TEXT, offsetof(struct sim_options, edition), "of the license: Enterprise, Community"},
    {"max-chunks", SETTING_INT, offsetof(struct sim_options, max_chunks), "the license's limit (255)"},
    {"license", SETTING_TEXT, offsetof(struct sim_options, license),
     "how its keys are spelled: camel, snake, spaced; none: there is no license"},
    {"namespace", SETTING_TEXT, offsetof(struct sim_options, namespace), "of the release (iomesh-system)"},
    {"release", SETTING_TEXT, offsetof(struct sim_options, release), "its name (iomesh)"},
    {"object", SETTING_TEXT, offsetof(struct sim_options, object),
     "name of the IOMeshCluster object (iomesh)"},
    {"chunk-order", SETTING_TEXT, offsetof(struct sim_options, chunk_order),
     "ordinals in the order in which their chunks register: 2,3,0,1"},
    {"time", SETTING_TIME, offsetof(struct sim_options, virtual_time),
     "virtual (time stands in the file and moves when nothing is under way) or real"},
    {"helm", SETTING_TEXT, offsetof(struct sim_options, helm),
     "the version of the simulated helm (v3.17.1); before v3.13.0 it has no --labels"},
    {"helm-driver", SETTING_TEXT, offsetof(struct sim_options, helm_driver),
     "where helm keeps its records: secret; configmap, sql: the API shows none of them"},
    {"update-strategy", SETTING_TEXT, offsetof(struct sim_options, update_strategy),
     "of the StatefulSets: RollingUpdate, OnDelete"},
    {"no-ip", SETTING_FLAG_OFF, offsetof(struct sim_options, exec_has_ip), "the images have no ip program"},
    {"capacity", SETTING_INT64, offsetof(struct sim_options, capacity_gib), "GiB of each chunk (1024)"},
    {"used", SETTING_INT64, offsetof(struct sim_options, used_gib), "GiB used on each chunk (200)"},
    {"seed", SETTING_INT64, offsetof(struct sim_options, seed), "of uids (random)"},
#define X(member, name, help) {name, SETTING_DURATION, offsetof(struct sim_options, member), help},
    SIM_DURATIONS(X)
#undef X
};
#define SETTING_COUNT (sizeof settings / sizeof *settings)

static int setting_set(struct sim_options *options, const struct setting *setting, const char *value)
{
    void *member = (char *)options + setting->offset;
    struct error error;
    char *end = "";
    switch (setting->kind) {
    case SETTING_TEXT:
        *(const char **)member = value;
        break;
    case SETTING_INT:
        *(int *)member = (int)strtol(value, &end, 10);
        break;
    case SETTING_INT64:
        *(int64_t *)member = strtoll(value, &end, 10);
        break;
    case SETTING_DURATION:
        end = duration_read(value, member) ? "" : "?";
        break;
    case SETTING_TIME:
        *(bool *)member = !strcmp(value, "virtual");
        end = !strcmp(value, "virtual") || !strcmp(value, "real") ? "" : "?";
        break;
    case SETTING_FLAG_OFF:
        *(bool *)member = false;
        break;
    }
    if (!*end)
        return 0;
    error_set(&error, ERROR_USAGE, "--%s %s: not a valid value (%s)", setting->name, value, setting->help);
    return fail(&error);
}

static void init_help(FILE *to)
{
    fputs("usage: pawl sim init FILE [options]\n", to);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        fprintf(to, "  --%-16s %s\n", settings[i].name, settings[i].help);
    fputs("  --values FILE      write the values file that belongs to it\n", to);
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

static int sim_init(int count, char **arguments)
{
    struct option list[SETTING_COUNT + 3] = {{NULL, 0, NULL, 0}};
    struct sim_options options;
    struct error error;
    const char *values = NULL;
    int at, status = 0;
    for (size_t i = 0; i < SETTING_COUNT; i++)
        list[i] = (struct option){settings[i].name,
                                  settings[i].kind == SETTING_FLAG_OFF ? no_argument : required_argument,
                                  NULL, 0};
    list[SETTING_COUNT] = (struct option){"values", required_argument, NULL, 0};
    list[SETTING_COUNT + 1] = (struct option){"help", no_argument, NULL, 'h'};
    sim_options_default(&options);
    optind = 0;
    for (int option; !status && (option = getopt_long(count, arguments, "h", list, &at)) != -1;) {
        if (option == 'h') {
            init_help(stdout);
            return 0;
        }
        if (option)
            return 2;
        if (at == SETTING_COUNT)
            values = optarg;
        else
            status = setting_set(&options, &settings[at], optarg);
    }
    if (!status && optind != count - 1) {
        init_help(stderr);
        return 2;
    }
    if (status)
        return status;
    if (sim_create(arguments[optind], &options, &error) || (values && values_write(values, &options, &error)))
        return fail(&error);
    return 0;
}

/* ---- show ---- */

static void list_print(const json_t *document, const char *name)
{
    size_t i;
    json_t *item;
    printf("%s:\n", name);
    json_array_foreach(json_object_get(document, name), i, item)
    {
        char *text = json_dumps(item, JSON_COMPACT);
        say(stdout, "  %s\n", text);
        free(text);
    }
}

static int sim_show_print(int count, char **arguments)
{
    static const struct option list[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
    static const char *const shown[] = {"nodes", "pods", "chunks", "statefulsets", "releases", "effects"};
    struct error error;
    bool as_json = false;
    optind = 0;
    for (int option; (option = getopt_long(count, arguments, "", list, NULL)) != -1;) {
        if (option != 'j')
            return 2;
        as_json = true;
    }
    if (optind != count - 1) {
        fputs("usage: pawl sim show FILE [--json]\n", stderr);
        return 2;
    }
    json_t *document = sim_show(arguments[optind], &error);
    if (!document)
        return report_error(&(struct invocation){.json = as_json}, &error);
    if (as_json) {
        json_dumpf(document, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        say(stdout, "leader: %s\n", json_text(document, "leader", ""));
        for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
            list_print(document, shown[i]);
        printf("requests: %zu (--json lists them)\n", json_array_size(json_object_get(document, "requests")));
    }
    json_decref(document);
    return 0;
}

/* ---- fault ---- */

static void fault_help(FILE *to)
{
    fputs(
        "usage: pawl sim fault FILE KIND [key=value]…\n"
        "what happens to the cluster takes in=DURATION, or on=EFFECT with count=N and delay=DURATION, too;\n"
        "requests meet trouble in the order of the script: skip=N, times=N (0: for ever)\n",
        to);
    for (const struct fault_kind *kind = fault_kinds; kind->name; kind++)
        fprintf(to, "  %-17s %s\n  %-17s   keys: %s\n", kind->name, kind->help, "", kind->keys);
}

static int sim_fault_add(int count, char **arguments)
{
    struct error error;
    if (count > 1 && (!strcmp(arguments[1], "--help") || !strcmp(arguments[1], "-h"))) {
        fault_help(stdout);
        return 0;
    }
    if (count < 3) {
        fault_help(stderr);
        return 2;
    }
    if (sim_fault(arguments[1], (const char *const *)(arguments + 2), count - 2, &error))
        return fail(&error);
    return 0;
}

/* ---- dispatch ---- */

int sim_command(int count, char **arguments)
{
    static const struct {
        const char *name;
        int (*run)(int, char **);
    } commands[] = {{"init", sim_init}, {"show", sim_show_print}, {"fault", sim_fault_add}};
    for (size_t i = 0; count && i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(arguments[0], commands[i].name))
            return commands[i].run(count, arguments);
    fputs("usage: pawl sim init|show|fault FILE …\n", stderr);
    return 2;
}

int sim_helm_command(int count, char **arguments)
{
    if (!count) {
        fputs("usage: pawl sim-helm FILE ARGUMENTS…\n", stderr);
        return 2;
    }
    return sim_helm_main(arguments[0], (const char *const *)(arguments + 1));
}
