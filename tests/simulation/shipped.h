/* The other family of histories: the jobs that ship (jobs/scale-*.yaml), the real kinds of steps/ and the
 * simulated cluster of cluster/sim/, under the same faults. Real is all of pawl but the rim, and all of the
 * cluster: its file lies in memory (a folder that the program makes and removes), its time is the history's.
 *
 * shipped_plan.c draws one; shipped_world.c holds the cluster, and stands between it and those who speak to
 * it; shipped_files.c their files; shipped_helm.c the helm under a keeper, a coroutine; shipped_judge.c says
 * what must hold of the cluster and of the values file beside what judge.c says of all runs. */
#ifndef PAWL_TESTS_SIMULATION_SHIPPED_H
#define PAWL_TESTS_SIMULATION_SHIPPED_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cluster/cluster.h"
#include "jobs/job.h"
#include "simulation/simulation.h"

struct world;

/* ---- shipped_plan.c ---- */
struct shipped_job {
    const char *name;
    const char *set;  /* the StatefulSet that it scales */
    const char *path; /* of the values file */
    bool in, drain;   /* takes a chunk away; while its pod still runs */
};
/* The present history's; NULL: it is one of a generated job. */
const struct shipped_job *shipped_job(void);
void shipped_draw(struct plan *plan);
const char *shipped_step_id(const struct plan *plan, int index);
unsigned shipped_guards(const struct plan *plan, int index);
/* The job file, read once; free() the text. */
char *shipped_text(const struct plan *plan);
void shipped_print(const struct plan *plan, FILE *to);
const char *shipped_script(int64_t number);
/* The parameters of a run; a new reference. */
json_t *shipped_params(const struct job *job);

/* ---- shipped_world.c ---- */
void shipped_begin(void);
void shipped_end(void);
void shipped_quiet(void);
struct cluster *shipped_cluster(void);
/* A fault of the cluster's own (cluster/sim/fault.h). */
void shipped_befall(int64_t number);
/* The cluster as it is now; borrowed. */
const json_t *shipped_state(void);
/* The one handle of its file that everybody shares. */
struct world *shipped_world(void);

/* ---- shipped_files.c ---- */
/* Where the cluster's file and the values file lie, and the store's files where the store has none. */
const char *shipped_folder(void);
/* Of a file of the present history: "iomesh.yaml", "pawl.db.d"; "": of the folder that holds them. */
const char *shipped_path(const char *name);
void shipped_files_begin(const char *values);
/* A private folder; free() its path. NULL with the error filled. */
char *shipped_temporary(const char *name, struct error *error);
/* What the values file holds; free() it. */
char *shipped_values(void);
/* Before the program ends. */
void shipped_files_remove(void);

/* ---- shipped_helm.c: keeper.c's child ---- */
struct helm_child;
struct helm_child *helm_child_new(const struct program *program, const char *key);
/* Its keeper has forked it: it lives from here on. */
void helm_child_begins(struct helm_child *child);
/* Lets it go on; when it goes on next. */
void helm_child_go_on(struct helm_child *child);
int64_t helm_child_next_ms(const struct helm_child *child);
bool helm_child_has_ended(const struct helm_child *child, int *exit_status);
/* SIGTERM: helm ends in order. */
void helm_child_interrupt(struct helm_child *child);
/* It is gone: nothing of it has an effect any more. NULL is fine. */
void helm_child_kill(struct helm_child *child);
const char *helm_child_out(const struct helm_child *child, bool err);
void helm_child_free(struct helm_child *child);
/* The key of the helm that goes on now; NULL: none does. */
const char *helm_child_inside(void);
/* A call of it that reaches the cluster. True: it is dead. */
bool helm_child_calls(void);
/* The next helm, or its keeper, dies at its so-manieth call; 0: it does not. */
void helm_doom(bool child, int call);
/* How many have begun and have not ended. */
int helm_children_living(void);
/* Gives back what those hold that were killed. */
void helm_children_reap(void);

/* ---- shipped_judge.c ---- */
void shipped_judge_begin(void);
/* What the cluster's log says, once it is written. `caller` is the key that it was done for, "other" where
 * nobody of ours did it. */
void shipped_judge_effect(const char *effect, const json_t *more, const char *caller, int64_t at_ms);
void shipped_judge_event(const char *event, const json_t *more, int64_t at_ms);
/* The chunks have other numbers now. */
void shipped_judge_renumbered(void);
/* The values file was replaced. */
void shipped_judge_file(void);
/* A command is sent to take this chunk away. */
void shipped_judge_sent(const char *key, int id);
/* Was what this key sends already so, by another run, and not yet to be seen? A chunk is listed for a while
 * after it has gone, nothing else tells, and iomeshctl refuses what comes then: no harm, and no effect of
 * this key. */
bool shipped_judge_came_late(const char *key);
/* A step's success was recorded, by what. */
void shipped_judge_succeeded(int64_t run, int step, const char *by);
/* A person has said how a step stands, or where the run goes on: what the run promises is theirs now. */
void shipped_judge_person(int64_t run);
void shipped_judge_run_ended(int64_t run, const char *event, bool half_done);
void shipped_judge_history(void);

#endif
