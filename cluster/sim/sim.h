/* The simulated cluster: Kubernetes, IOMesh and helm in one JSON file, for the demo, rehearsals and tests.
 *
 * Every call locks FILE.lock, reads FILE, lets happen what is due by now (pods start and go, sessions expire,
 * data moves), serves the request and replaces FILE. Requests and effects are lines of FILE.log.
 * Time is real, or virtual: then it stands in the file and moves only when somebody moves it. */
#ifndef PAWL_CLUSTER_SIM_SIM_H
#define PAWL_CLUSTER_SIM_SIM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "cluster/cluster.h"

/* What `pawl sim init` can choose; sim_options_default() fills in the defaults. Durations in ms. */
struct sim_options {
    int chunks, metas;
    int nodes; /* workers, 0: one more than pods need; one tainted control-plane node comes on top */
    const char *edition; /* "Enterprise", "Community" */
    int max_chunks;      /* the license's limit */
    const char *license; /* how its keys are spelled: "camel", "snake", "spaced"; "none": there is none */
    const char *namespace, *release, *object;
    const char
        *chunk_order; /* ordinals in the order in which their chunks register, "2,3,0,1"; NULL: shuffled */
    const char *helm; /* the version that helm reports, "v3.17.1" */
    const char *helm_driver;     /* where its records are: "secret"; elsewhere the API shows none of them */
    const char *update_strategy; /* of the StatefulSets */
    bool virtual_time;
    bool exec_has_ip;               /* false: the pods' images have no `ip` program */
    int64_t start_ms;               /* a pod's start */
    int64_t terminate_ms;           /* a pod's end */
    int64_t expire_ms;              /* how long a lost chunk's session lives on */
    int64_t recover_ms;             /* how long lost copies are made again, after that */
    int64_t migrate_ms;             /* how long data moves after a chunk joined */
    int64_t drain_ms;               /* how long a removed chunk gives its data away */
    int64_t election_ms;            /* how long there is no meta leader after one is lost */
    int64_t lag_ms;                 /* how late the cluster object's status is */
    int64_t helm_ms;                /* how long a helm upgrade takes */
    int64_t capacity_gib, used_gib; /* of each chunk */
    uint64_t seed;                  /* of uids; 0: random */
    const char *chart;              /* what names the chart beside "iomesh/iomesh"; NULL: nothing does */
    const char *chart_version;      /* NULL: 1.0.0 */
    const json_t *values;           /* of the release, beside the counts of pods; NULL: none */
};

/* X(member, command line option, help): the options that are durations or numbers, for cli/sim.c. */
#define SIM_DURATIONS(X)                                                                                     \
    X(start_ms, "start", "how long a pod takes to start")                                                    \
    X(terminate_ms, "terminate", "how long a pod takes to end")                                              \
    X(expire_ms, "expire", "how long a lost chunk's session lives on")                                       \
    X(recover_ms, "recover", "how long lost copies are made again after that")                               \
    X(migrate_ms, "migrate", "how long data moves after a chunk joined")                                     \
    X(drain_ms, "drain", "how long a chunk that is unregistered gives its data away")                        \
    X(election_ms, "election", "how long there is no meta leader after one is lost")                         \
    X(lag_ms, "lag", "how late the cluster object's status is")                                              \
    X(helm_ms, "helm-time", "how long a helm upgrade takes")

void sim_options_default(struct sim_options *options);
/* Makes (or replaces) a simulated cluster that has come to rest: all pods ready, all chunks healthy, the
 * release at revision 1. */
int sim_create(const char *file, const struct sim_options *options, struct error *error);

/* Makes a new one look like another: {"nodes": [{"name","cordoned","tainted"}], "nodes_of_pods": {POD: NODE},
 * "chunk_list": [{"pod","id","ip","status","capacity","used"}] (GiB; one without a pod is lost), "leader":
 * POD}; what is missing stays as it is. */
int sim_dress(const char *file, const json_t *likeness, struct error *error);

/* After a copy of FILE and FILE.lock, with an empty FILE.log: counts from here on, in virtual time. */
int sim_begin_anew(const char *file, struct error *error);

/* cluster_open("sim:FILE"). */
struct cluster *cluster_sim_open(const char *file, struct error *error);

/* An effect that only a rehearsal's stand-in pretends, counted for `step` and logged as "stand_in" with
 * `more` (stolen) like those of the cluster itself. *out_fails: a scripted `fail verb=stand_in name=STEP`
 * meets it. */
int sim_pretend(struct cluster *cluster, const char *step, json_t *more, bool *out_fails,
                struct error *error);
/* How often so far; -1 with the error filled. */
int64_t sim_pretended(struct cluster *cluster, const char *step, struct error *error);

/* Scripts a fault: `words` are "KIND", "key=value"… as `pawl sim fault` takes them (fault.h lists them). */
int sim_fault(const char *file, const char *const *words, int count, struct error *error);

/* The faults that are scripted and have not happened: an array of texts; a new reference. */
json_t *sim_faults_pending(const char *file, struct error *error);

/* What `pawl sim show --json` prints; a new reference. */
json_t *sim_show(const char *file, struct error *error);
/* The same without what the log tells: the cluster as it is. */
json_t *sim_show_state(const char *file, struct error *error);

/* The hidden command `pawl sim-helm FILE ARGUMENTS…`: the program that a keeper runs. Returns the exit
 * status; writes to stdout and stderr. `arguments` are ended by NULL. */
int sim_helm_main(const char *file, const char *const *arguments);

#endif
