/* The helm program of the simulated cluster: the subcommands and options that pawl's steps and their tests
 * use, with helm's own messages and exit statuses. Others are refused as helm refuses what it does not know.
 */
#ifndef PAWL_CLUSTER_SIM_HELM_H
#define PAWL_CLUSTER_SIM_HELM_H

#include <jansson.h>
#include <stdbool.h>

#include "base/text.h"
#include "cluster/sim/world.h"

/* A parsed command line. */
struct helm_command {
    const char *words[6]; /* subcommand and arguments: "get", "values", "iomesh" */
    int word_count;
    const char *namespace, *values, *description, *post_renderer, *version, *output, *folder;
    int64_t revision, history_max, timeout_ms;
    json_t *labels; /* NULL: none given */
    bool all, wait, dry_run, short_version, versions;
};

/* Where a helm runs: it writes to out and err. */
struct helm {
    struct world *world;
    const char *working_folder; /* relative paths are of it; NULL: the process's own */
    bool is_process;            /* it may kill itself and be interrupted */
    char version[32];           /* as the state said when it began */
    bool lies;                  /* scripted: says that it upgraded and did nothing */
    int64_t upgrade_ms;         /* how long an upgrade takes */
    struct text out, err;
};

/* Runs to its end; returns the exit status. `arguments` without the program's name, ended by NULL. */
int helm_run(struct helm *helm, const char *const *arguments);
void helm_clear(struct helm *helm);

/* helm_upgrade.c */
int helm_upgrade(struct helm *helm, const struct helm_command *command);
/* A path as the program sees it; free() it. */
char *helm_path(const struct helm *helm, const char *path);
/* "Error: …" on stderr; returns 1. */
int helm_fail(struct helm *helm, const struct error *error);
/* The chart that an argument names: a pulled archive or repo/name. A new reference; NULL with the error. */
json_t *helm_chart(struct helm *helm, const char *chart, const char *version, struct error *error);
/* Whether the simulated helm is at least of this version. */
bool helm_is_at_least(const struct helm *helm, const char *version);
void helm_print_json(struct helm *helm, json_t *value);

#endif
