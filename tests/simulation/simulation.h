/* Deterministic simulation: pawl's own machine, driver, store and step kinds in one process, with time,
 * scheduling, randomness, store and cluster driven by one seed.
 *
 * Real: everything of engine/ but the rim below, jobs/, the kinds command, sleep, assert and approve, and
 * state/ (simulation-sqlite) or a stand-in in memory (store_memory.c). Simulated is the rim, function by
 * function: the loop and its pool (loop.c in the place of engine/loop.c: bodies are coroutines that may be
 * held up at every call that leaves them), keepers and their children (keeper.c), hosts, locks, clocks and
 * random bits (host.c, by the linker's --wrap), the cluster and the programs that run on it (world.c), and
 * kinds that act as helm_upgrade, unregister_chunk and edit_values do (kinds.c).
 *
 * One history in a few is of the other family: a job that ships, with the real kinds on the simulated cluster
 * of cluster/sim/ (shipped.h). For it world.c, kinds.c and the performances of keeper.c stand aside.
 *
 * A history: runs of one generated job are driven by simulated processes while people say things and
 * processes, keepers, children and hosts die (history.c); then it is quiet, and an operator brings every run
 * to its end, or to a person. judge.c watches: it believes only what it reads back from the store after each
 * commit, and the world's own ledger of effects.
 *
 * A crash is what the rim sees of one: from then on nothing of that process has an effect, and what was not
 * committed is gone. */
#ifndef PAWL_TESTS_SIMULATION_H
#define PAWL_TESTS_SIMULATION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "cluster/cluster.h"
#include "engine/driver.h"
#include "simulation/coroutine.h"
#include "state/store.h"
#include "steps/kind.h"

#define SIMULATION_STEPS_MOST  10
#define SIMULATION_RUNS_MOST   3
#define SIMULATION_ITEMS_MOST  24
#define SIMULATION_EVENTS_MOST 6000  /* of the schedule, in one history: beyond, it is stuck */
#define SHIPPED_EVENTS_MOST    60000 /* the same of a shipped job, which waits for hours */
#define SIMULATION_PROCESSES   16
#define SIMULATION_KEEPERS     256
#define SIMULATION_SENT        128
#define SIMULATION_WALL_MS     INT64_C(1790000000000) /* when a history begins */

/* ---- chance.c: one stream of chance for each concern, so that leaving a fault out shifts little else ----
 */
enum chance {
    CHANCE_JOB,
    CHANCE_ITEMS,
    CHANCE_SCHEDULE,
    CHANCE_WORLD,
    CHANCE_BITS,
    CHANCE_PEOPLE,
    CHANCE_FAMILY,
    CHANCES
};
void chance_begin(uint64_t seed);
uint64_t chance_bits(enum chance chance);
int64_t chance_below(enum chance chance, int64_t limit); /* 0 … limit - 1 */
bool chance_percent(enum chance chance, int percent);
int64_t chance_time_ms(enum chance chance, int64_t most_ms); /* mostly short, now and then long */

/* ---- plan.c: what a history consists of, drawn from the seed before it begins, so that it can be cut ----
 */
enum shape {
    SHAPE_COMMAND,
    SHAPE_ASKING,  /* a command that observes, with until: */
    SHAPE_RELEASE, /* like helm_upgrade */
    SHAPE_CALL,    /* like unregister_chunk */
    SHAPE_FILE,    /* like edit_values */
    SHAPE_SLEEP,
    SHAPE_ASSERT,
    SHAPE_APPROVE,
    SHAPES
};

struct plan_step {
    enum shape shape;
    enum effect_class effect;
    bool probe, undo, approve, outputs, uses_output, dropped;
    int guards;    /* how many of those that may guard it do */
    int condition; /* 0: none, 1: true, 2: false, 3: broken, 4: by another step's status */
    int timeout_s, attempt_timeout_s, attempts, settle_s;
    enum { AFTER_STOP, AFTER_CONTINUE, AFTER_ROLLBACK, AFTER_GOTO } on_failure;
    int to, max_visits; /* of goto */
    bool loops;         /* next: leads back to `to` */
};

enum item_kind {
    ITEM_SAY,              /* a person says something */
    ITEM_CRASH,            /* the process that makes the n-th call dies there */
    ITEM_POWER,            /* at the n-th call the host loses power */
    ITEM_COMMIT_LOST,      /* the next commit fails */
    ITEM_COMMIT_SAYS_LOST, /* … but has been made */
    ITEM_KEEPER_DIES,
    ITEM_CHILD_DIES,
    ITEM_SIGNAL,
    ITEM_STUCK, /* a driver is stopped */
    ITEM_TAKE_OVER,
    ITEM_CLOCK,   /* the wall clock jumps */
    ITEM_MOVE,    /* the host burns down; the store goes to another */
    ITEM_CLUSTER, /* of a shipped job: something happens to the cluster, or will to a request */
    ITEM_KINDS
};

struct plan_item {
    enum item_kind kind;
    int64_t at_ms;          /* when it comes; or */
    int64_t call, delay_ms; /* so long after the n-th call; 0: by time */
    int step;               /* both count from the first start of step - 1; 0: from the begin */
    int64_t number;         /* which process, which word … */
    bool dropped;
};

/* What goes wrong again and again in some histories, until it is quiet: what comes at the end of patience. */
enum curse {
    CURSE_NONE,
    CURSE_LOOKS_VANISH, /* programs that look are lost with their keepers */
    CURSE_MENDS,        /* releases die in the middle, and their records cannot be removed */
    CURSE_PROBES,       /* probes cannot tell */
    CURSE_GUARDS,       /* what looks says no */
    CURSE_PREPARES,     /* what prepares fails, slowly */
    CURSE_PLANS,        /* the look at the whole refuses, slowly */
    CURSES
};

/* A job that ships, on the simulated cluster of pawl (shipped.h); its steps say only what judge.c asks of
 * them. */
enum shipped {
    SHIPPED_NOT, /* a generated job */
    SHIPPED_OUT_CHUNK,
    SHIPPED_OUT_META,
    SHIPPED_IN_CHUNK,
    SHIPPED_IN_CHUNK_DRAIN,
    SHIPPED_JOBS
};

struct plan {
    uint64_t seed;
    enum shipped shipped;
    int from, to;  /* of a shipped job: replicas */
    int lag_ms;    /* how late the cluster's status is */
    bool unmarked; /* a helm that can put no mark on its records */
    enum curse curse;
    struct plan_step steps[SIMULATION_STEPS_MOST];
    int step_count;
    struct plan_item items[SIMULATION_ITEMS_MOST];
    int item_count;
    int runs;
    bool locks, yes;
    int trouble;  /* percent of calls to the world that go wrong */
    int patience; /* how often the operator resumes a failed run */
};

void plan_draw(struct plan *plan, uint64_t seed);
/* How often a history has such items, in percent, and how many then; for plan_draw_items(), which draws those
 * of a family: none in so many percent of its histories. */
struct item_draw {
    enum item_kind kind;
    int percent, most;
};
void plan_draw_items(struct plan *plan, const struct item_draw *draws, size_t count, int calm_percent,
                     void (*add)(struct plan *plan, enum item_kind kind));
/* A step's name. */
const char *plan_step_id(const struct plan *plan, int index);
/* -1: none has this name. */
int plan_step_find(const struct plan *plan, const char *id);
/* The steps that guard it, as bits: the last before it that surely ran, and observe. */
unsigned plan_guards(const struct plan *plan, int index);
/* The step that it leads to once it has succeeded or was skipped; -1: the end. */
int plan_next(const struct plan *plan, int index, bool skipped);
/* The job file; free() it. */
char *plan_job(const struct plan *plan);
void plan_print(const struct plan *plan, FILE *to);
const char *item_text(enum item_kind kind);

/* ---- history.c: one history ---- */
struct process {
    bool used, begun, dead, draining;
    int number; /* its pid */
    int host, boot;
    char lock[48]; /* the file name of its driver's lock */
    struct store *store;
    struct driver *driver;
    struct driver_take take;
    json_t *body;
    int64_t run;
    int64_t wake_ms;                        /* its loop goes on then; -1: nothing to wait for */
    int64_t stuck_ms;                       /* until then it is not scheduled */
    int tasks;                              /* bodies that are out */
    bool stopped[SIMULATION_RUNS_MOST + 1]; /* a gate let it through although the run had been stopped */
    bool passed[SIMULATION_RUNS_MOST + 1];  /* the gate, and has sent nothing since */
};

struct counts {
    uint64_t histories, shipped, shipped_successes, shipped_whole /* held to all promises */, invalid, events,
        calls, crashes, power_losses, commands, takeovers, keepers, effects, commit_faults, schedules;
};

struct simulation {
    const struct plan *plan;
    int64_t now_ms; /* since the history began */
    int64_t wall_shift_ms;
    int64_t booted_ms; /* when the host was booted last */
    int boot, host;
    int64_t calls; /* rim calls so far: where a crash strikes */
    int64_t commits;
    int64_t silence_ms;      /* when it falls quiet */
    bool quiet;              /* no more faults, no more people but the operator */
    struct process *current; /* whose code runs now; NULL: nobody's */
    struct process processes[SIMULATION_PROCESSES];
    int process_count, processes_ever;
    char violation[512];
    FILE *trace;         /* NULL: none */
    int commit_fault;    /* 1: the next commit fails, 2: … though it was made */
    struct store *store; /* the people's, and the judge's */
};
extern struct simulation simulation;
extern struct counts counts;

/* Runs it. False: simulation.violation says what broke. */
bool history_run(const struct plan *plan, FILE *trace);
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void violate(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A call that leaves a process, before or after its effect: a crash may strike here. True: the caller is
 * dead, and nothing that it does has an effect. */
bool rim(const char *what);
/* The same for a caller that is no driver. True: the caller is to die here. */
bool call_strikes(void);
bool is_dead(void);
/* A step is started for the first time: what counts from there begins to. */
void items_count_from(int step);
/* One of the planned crashes strikes now. */
void strike(const char *why);
void process_kill(struct process *process, const char *why);
void power_loss(void);
void wake(struct process *process, int64_t after_ms);
/* Someone has committed: whoever looks every 100 ms will see. */
void wake_all(void);
json_t *process_record(int number, int host, int boot);

/* ---- loop.c ---- */
/* When the next body goes on; -1: none is out. */
int64_t loop_next_ms(void);
void loop_go_on(void);
void loop_signal(const struct process *process, int number);
void loop_forget(void);

/* ---- host.c ---- */
void machines_forget(void);

/* ---- keeper.c ---- */
int64_t keepers_next_ms(void);
void keepers_go_on(void);
void keepers_power_loss(void);
/* The host burns down. The programs of a generated job go on there: whoever takes over elsewhere must say
 * that they know (a person's word); those of a shipped one burn with it. */
void keepers_host_lost(void);
void keepers_pipe_closed(const struct process *process);
bool keepers_kill(bool child, int64_t number);
/* Programs that hang end now. */
void keepers_quiet(void);
/* Whether a program of this run has been told to go and has not ended. */
bool keepers_has_child(int64_t run);
void keepers_begin(void);

/* ---- world.c ---- */
void outside_begin(void);
void outside_end(void);
int64_t outside_next_ms(void);
void outside_go_on(void);
struct cluster *outside_cluster(void);
/* A success was recorded: what happened before is no longer in question. `keys` is what they begin with. */
void outside_claimed(const char *keys);
/* A program under a keeper begins: how long it runs, when it acts, how it ends. */
struct performance {
    char program[16], key[128], token[32]; /* "act", "undo", "release", "probe", "look" */
    bool acts, hangs, vanishes, ignores_term, records, recorded, acted;
    int64_t acts_at_ms, records_at_ms, ends_at_ms;
    int exit_status;
    const char *out;
};
void performance_begin(struct performance *performance, const json_t *arguments, const char *key);
/* Carries out what is due of it. */
void performance_go_on(struct performance *performance, bool foreign);

/* ---- judge.c ---- */
void judge_begin(void);
/* After a commit: reads what is new. */
void judge_commit(void);
/* The gate of a run's drive lets something through. */
void judge_gate(int64_t run);
/* Something is sent that changes the world: what must hold of its sender, whatever it is. What a dead start
 * left may be put away after a cancel, too. */
void judge_sends(int64_t run, const char *via, bool puts_away);
/* The key of the run's latest start, and which start that is; "": none yet. */
const char *judge_key_in_hand(int64_t run, int *start);
/* When that start was recorded; -1: none of that key. */
int64_t judge_started_ms(const char *key);
/* How often that key's act may be done once more: a person said so, or it converges and nobody could tell. */
int judge_repeats(const char *key);
/* Something is about to begin that may have the key's effect. */
void judge_begins(const char *key, const char *via, int start);
/* It has its effect. */
void judge_effect(const char *key, const char *via, bool foreign);
/* Whether that key's step only observes. */
bool judge_observes(const char *key);
/* Whether that key's effect must never be repeated blindly. */
bool judge_is_once(const char *key);
/* Has a step failed without a word of what follows? A good moment to die. */
bool judge_is_midway(void);
/* Does some run hold the lock, by what its history says? */
bool judge_lock_is_held(void);
/* All is quiet: who has ended keeps no lock. */
void judge_locks_at_rest(void);
/* At the end of a history. */
void judge_history(void);

/* ---- the store behind it: store_memory.c or store_sqlite.c ---- */
/* An empty one, for a new history. */
void simulation_store_begin(void);
/* A handle of a process of its own; what it has not committed is rolled back when it is closed. */
struct store *simulation_store_open(struct error *error);
void simulation_store_close(struct store *store);
void simulation_store_forget(void);
const char *simulation_store_kind(void);
int simulation_store_verify(struct store *store, char what[256]);
int __wrap_store_commit(struct store *store, struct error *error);

#endif
