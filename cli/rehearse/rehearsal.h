/* A rehearsal: a job run again and again on simulated clusters of its own, each time with another thing going
 * wrong.
 *
 *   the stage     what every run begins from: a simulated cluster, an empty store, private copies of values
 * files a situation   one run, or one run that is cut off and resumed, or one that meets a fault of the
 * cluster its outcome   where that led, and what is to be said against it
 *
 * The first situation is the straight run. What it recorded (its commits, its effects) says where the others
 * can be cut. Each runs in a place of its own below the private folder, in processes forked from this one: a
 * driver that is cut off dies of SIGKILL. Private to cli/rehearse. */
#ifndef PAWL_CLI_REHEARSE_REHEARSAL_H
#define PAWL_CLI_REHEARSE_REHEARSAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/command.h"
#include "cluster/cluster.h"
#include "engine/machine.h"
#include "jobs/job.h"
#include "state/store.h"
#include "steps/kind.h"

#define REHEARSAL_ACTOR "rehearsal" /* who approves and resumes */

struct rehearsal {
    const struct invocation *invocation;
    struct job *job;
    const json_t *params;
    const char *working_folder; /* the operator's: relative paths start there */
    char *folder;               /* private; everything is below it */
    char *stage;                /* below it: what places are copied from */
    int lock;                   /* held while the folder is in use */
    bool approves;
    bool chosen;            /* --only, --fault: what happened is told */
    bool *has_probe;        /* of each step, as the job file said: a stand-in answers instead */
    int unplayed;           /* steps that change something and have no stand-in */
    json_t *notes;          /* array of texts: what is not rehearsed, what could not be read */
    const json_t *straight; /* the straight run's outcome; NULL before */
};

/* The "end" of an outcome that --no-approvals leads to. */
#define END_APPROVAL "waits for approval"

/* Where a driver is cut off. */
enum cut { CUT_NOTHING, CUT_BEFORE_COMMIT, CUT_AFTER_COMMIT, CUT_BEFORE_EFFECT, CUT_AFTER_EFFECT };

struct situation {
    char *name;         /* "crash:7": what --only takes */
    char *step;         /* the step that it is about; "" where it is about all of them */
    const char *column; /* of the table: "crash before", "leader moves" */
    char *what;         /* for people: "pawl killed before commit 7 (edit succeeded)" */
    enum cut cut;
    int number;          /* of the commit or the effect, from 1 */
    const char *victims; /* PAWL_SIM_VICTIMS; NULL: whoever makes the effect */
    json_t *faults;      /* array of {"step": ID or "", "words": ["leader-move", "pod=…"]}; NULL: none */
    bool passes;         /* the fault leaves nothing behind: resumed, the run must come to its end */
    bool endless;        /* it does not end by itself: long waits are cut short */
    bool must_succeed;   /* no fault at all: the run must come to its end by itself */
};

struct situations {
    struct situation *list;
    int count, capacity;
};

/* ---- situations.c: what can go wrong with this job ---- */
void situations_add(struct situations *situations, const struct situation *situation);
/* The straight run alone. */
void situations_begin(struct situations *situations);
/* All others, from what the straight run recorded. */
void situations_plan(struct situations *situations, struct rehearsal *rehearsal);
/* faults.c: those that meet a fault of the cluster. */
void situations_plan_faults(struct situations *situations, const struct rehearsal *rehearsal);
/* Whether some job's situations may be named so: what stands before the ":" or "@" of a name. */
bool situations_have_sort(const char *name, size_t length);
/* "straight, crash:N, denied@STEP …"; free() it. */
char *situations_sorts(void);
bool fault_is_known(const char *name, size_t length);
void fault_names_add(struct text *text);
void situations_clear(struct situations *situations);

/* ---- stage.c ---- */
/* Makes the private folder and the stage in it. */
int stage_set(struct rehearsal *rehearsal, struct error *error);
void stage_strike(struct rehearsal *rehearsal);
/* The private copy of a file of the operator's, made where it is first asked for. `place` is the situation's.
 */
char *stage_file(const struct rehearsal *rehearsal, const char *place, const char *path);

/* ---- likeness.c: what the stage's cluster shall be like ---- */
/* As far as the job, its params and its values file tell:
 * {"namespace","release","object","chart","chunks","metas", "wanted","values","values_path"}, what is known
 * of it; a new reference. */
json_t *likeness_of_job(struct rehearsal *rehearsal);
/* like_live.c: what a cluster tells, laid over it. Read-only. */
void likeness_read(struct rehearsal *rehearsal, struct cluster *cluster, json_t *likeness);
/* Makes the simulated cluster. */
int likeness_build(struct rehearsal *rehearsal, const json_t *likeness, const char *sim, struct error *error);
/* Something that the operator should know about this rehearsal. */
void note_add(struct rehearsal *rehearsal, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- place.c ---- */
/* A copy of the stage: the folder of one situation, named after it. free() the path; place_remove() the
 * folder. */
char *place_new(const struct rehearsal *rehearsal, const struct situation *situation, struct error *error);

/* ---- act.c: one driver process ---- */
enum act_end { /* exit statuses of the process */
               ACT_SUCCEEDED = 20,
               ACT_FAILED,
               ACT_WAITS,   /* for an approval */
               ACT_ASKS,    /* a person, about a step that is unknown */
               ACT_OTHER,   /* cancelled, rolled back, paused */
               ACT_STOPPED, /* the driver could not go on: PLACE/error says why */
               ACT_BROKEN,  /* the same, for want of what this machine has: it says nothing of the job */
};
/* In a forked process, never returns: submits the run where there is none, drives it until it rests. `round`
 * counts the drivers of this situation, from 0: only the first is cut off. */
_Noreturn void act(const struct rehearsal *rehearsal, const struct situation *situation, const char *place,
                   int round);

/* ---- person.c ---- */
/* The body of a `resolve` about the step that is unknown; a new reference, NULL where it cannot be known. */
json_t *person_decision(struct store *store, const char *sim, struct error *error);

/* ---- situation.c ---- */
/* Runs one situation to its end; a new reference: the outcome, as `--json` shows it. */
json_t *situation_run(const struct rehearsal *rehearsal, const struct situation *situation);

/* Something to be said against the job: what makes it not safe. */
void finding_add(json_t *outcome, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Something for which nothing can be said of the job: this machine could not carry the situation out. */
void situation_break(json_t *outcome, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- judge.c ---- */
/* Looks at the place when all is over and adds to the outcome: "findings", "effects", "cluster". */
void judge(const struct rehearsal *rehearsal, const struct situation *situation, const char *place,
           json_t *outcome);

/* compare.c */
void compare(const struct rehearsal *rehearsal, const struct situation *situation, json_t *outcome);

/* ---- stand_in.c ---- */
/* From here on, in this process and those forked from it: programs and requests of the job are pretended,
 * files are private copies. */
void stand_ins_install(struct rehearsal *rehearsal);
/* Which place the paths of this process lead to. */
void stand_ins_enter(const char *place);

/* ---- troupe.c: as many at a time as keep the processors busy ---- */
/* Runs situations [from, count); outcomes[i] is filled for each. -1 where a signal ended it (errno EINTR) or
 * no process can be made. */
int troupe_run(const struct rehearsal *rehearsal, const struct situations *situations, int from,
               json_t **outcomes, struct error *error);
/* The signal that ended it; 0: none. */
int troupe_signal(void);

/* ---- story.c ---- */
/* Prints what happened in a situation, as `pawl submit` shows it. */
void story_print(const struct rehearsal *rehearsal, const json_t *outcome);

/* ---- verdict.c: what is printed ---- */
/* Prints the table, or the JSON document; the exit status. */
int verdict_print(const struct rehearsal *rehearsal, const struct situations *situations, json_t **outcomes,
                  int64_t took_ms);

#endif
