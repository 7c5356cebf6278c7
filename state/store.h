/* The store: one SQLite file that remembers everything. `events` is append-only and hash-chained per run, the
 * chain of all of them has one head more; `runs` and `steps` are projections that a replay must reproduce.
 *
 * Contract: store_begin, any number of appends and puts, store_commit; WAL and synchronous=FULL, so that what
 * store_commit has returned 0 for survives power loss. The store knows no meaning: rows go in and come out,
 * the engine folds. One handle is used by one thread. Other processes write through their own handles. */
#ifndef PAWL_STATE_STORE_H
#define PAWL_STATE_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"

struct store;

/* One append-only record. `seq` counts from 1 within its run. */
struct record {
    int64_t run;
    int64_t seq;
    int64_t time_ms;
    const char *event; /* "step_started" */
    const char *step;  /* NULL: of the run */
    int visit;         /* 0: none */
    int attempt;       /* 0: none */
    int64_t epoch;
    const char *actor;
    const char *body; /* canonical JSON object */
    struct digest
        hash; /* SHA-256 over the run's previous hash and the canonical record; filled by store_append */
};

/* The projection of a run: one row, kept by the engine's fold. Texts are borrowed while a visitor runs. */
struct run_row {
    int64_t run;
    const char *job; /* name */
    const char *job_digest, *machine_digest;
    const char *status;
    const char *step;    /* the step in hand; NULL: none */
    const char *waiting; /* canonical JSON {"for","step","until"}; NULL */
    const char *error;   /* canonical JSON {"code","message","step"}; NULL */
    const char *cluster; /* canonical JSON {"kind","context","server","identity",…} */
    const char *params;  /* canonical JSON */
    const char *lock;    /* "NAMESPACE/NAME"; NULL: none */
    const char *key;     /* of `submit --key`; NULL */
    const char *driver;  /* canonical JSON of the latest claim's driver; NULL before the first */
    const char *actor;   /* who submitted */
    int64_t epoch;
    int64_t submitted_ms;
    int64_t finished_ms; /* 0: not finished */
    int64_t seq;         /* of the run's newest record */
    struct digest head;  /* its hash; kept by store_append */
};

struct step_row {
    int64_t run;
    int position; /* in the machine */
    const char *step, *uses, *status;
    int visit, attempt;
    int64_t started_ms, finished_ms; /* 0: not yet */
    const char *outputs;             /* canonical JSON; NULL */
    const char *error;               /* canonical JSON; NULL */
};

/* A person's word from another process; the run's driver takes it up. */
struct command_row {
    int64_t id;
    int64_t run;
    int64_t time_ms;
    const char *name; /* "approve", "reject", "pause", "cancel", "resolve", "rollback" */
    const char *body; /* canonical JSON: step, visit, question (digest), reason, outputs, done|retry … */
    const char *actor;
    int64_t uid;
    const char *outcome; /* NULL: not taken up; "accepted"; "refused" */
    const char *answer;  /* why it was refused (refusal_read in engine/); NULL */
};

/* ---- opening ---- */
enum store_mode { STORE_CREATE, STORE_WRITE, STORE_READ };

/* Where the store is: the option, PAWL_STORE, /var/lib/pawl/pawl.db where it may be written, the user's state
 * folder. free() it. */
char *store_path(const char *option);
/* Opens (STORE_CREATE makes file and folder with the modes of the manual) and migrates forward. A newer
 * schema is ERROR_STORE_TOO_NEW, a network file system is refused, a missing one is ERROR_NOT_FOUND unless
 * STORE_CREATE. NULL with the error filled. */
struct store *store_open(const char *path, enum store_mode mode, struct error *error);
void store_close(struct store *store);
const char *store_uuid(const struct store *store);
/* The folder beside the store for locks, keepers and captured output ("pawl.db.d"); made by STORE_CREATE. */
const char *store_folder(const struct store *store);

/* ---- transactions; every write below belongs into one ---- */
/* BEGIN IMMEDIATE; waits LIMIT_STORE_BUSY_MS for another process. */
int store_begin(struct store *store, struct error *error);
int store_commit(struct store *store, struct error *error);
void store_rollback(struct store *store);
/* Is told right before and right after each commit of this handle: for a rehearsal, which cuts a driver off
 * there.
 */
void store_watch_commits(struct store *store, void (*tell)(void *context, bool committed), void *context);
/* One view of the store for all reads until store_rollback: what others commit meanwhile is not seen. For
 * those who compare what they read. */
int store_begin_reading(struct store *store, struct error *error);
/* Changes whenever another connection has committed; cheap (PRAGMA data_version). -1 with the error filled.
 */
int64_t store_data_version(struct store *store, struct error *error);

/* ---- jobs and machines, by digest ---- */
int store_put_job(struct store *store, const struct digest *digest, const char *source, size_t length,
                  struct error *error);
int store_put_machine(struct store *store, const struct digest *digest, const char *json,
                      struct error *error);
/* NULL with ERROR_NOT_FOUND, or ERROR_STORE_CORRUPT where the text has another digest; free() it. */
char *store_read_job(struct store *store, const char *digest_hex, struct error *error);
char *store_read_machine(struct store *store, const char *digest_hex, struct error *error);

/* ---- runs and events ---- */
/* Takes the next run number, 1, 2, 3 …: within the transaction that then puts its row and its first event. */
int store_next_run(struct store *store, int64_t *out_run, struct error *error);
/* Appends to the run's chain: sets seq's hash from *head (updated) and writes. `record->seq` must be the
 * head's successor. The caller has put or fenced the run in this transaction. */
int store_append(struct store *store, struct record *record, struct digest *head, struct error *error);
int store_put_run(struct store *store, const struct run_row *row, struct error *error);
int store_put_step(struct store *store, const struct step_row *row, struct error *error);
/* ERROR_FENCED where the run's stored epoch is not `epoch` (another driver has claimed it). */
int store_fence(struct store *store, int64_t run, int64_t epoch, struct error *error);
/* The number of a run's newest record; 0: none. */
int store_newest_seq(struct store *store, int64_t run, int64_t *out_seq, struct error *error);
/* The number of the newest run that has records; 0: none. */
int store_newest_run(struct store *store, int64_t *out_run, struct error *error);
/* Deletes all rows in `runs`, `steps` and `locks`, for a rebuild by replay. */
int store_drop_projections(struct store *store, struct error *error);

/* Visitors return 0 to go on; anything else ends the visit and is returned. -1 with the error filled on
 * failure. */
typedef int run_visitor(void *context, const struct run_row *row);
typedef int step_visitor(void *context, const struct step_row *row);
typedef int record_visitor(void *context, const struct record *record);
/* ERROR_NOT_FOUND where there is no such run. */
int store_read_run(struct store *store, int64_t run, run_visitor *visit, void *context, struct error *error);
struct run_filter {
    const char *status, *job, *cluster; /* NULL: any; cluster matches the context or the server */
    const char *lock;                   /* NULL: any; that the run holds or wants to hold */
    int64_t since_ms, until_ms;         /* 0: any; of the submission */
    int64_t limit;                      /* 0: all */
    bool open_only;                     /* leave out succeeded, cancelled and rolled_back ones */
};
/* Newest first. */
int store_each_run(struct store *store, const struct run_filter *filter, run_visitor *visit, void *context,
                   struct error *error);
int store_each_step(struct store *store, int64_t run, step_visitor *visit, void *context,
                    struct error *error);
/* In order; run 0: all runs, in the order of their commits; from seq `after` + 1 on (only for one run). */
int store_each_record(struct store *store, int64_t run, int64_t after, record_visitor *visit, void *context,
                      struct error *error);
/* The run that was submitted with this key; 0 where there is none. */
int store_find_key(struct store *store, const char *key, int64_t *out_run, struct error *error);

/* ---- locks: one run holds NAMESPACE/NAME of a cluster ---- */
/* *out_holder is the run that holds it after the call: `run` itself where it was free. */
int store_take_lock(struct store *store, const char *identity, const char *name, int64_t run,
                    int64_t *out_holder, struct error *error);
int store_release_lock(struct store *store, int64_t run, struct error *error);
/* The lock that a run holds by the table: copies, to be freed; NULL both where it holds none. */
int store_read_lock(struct store *store, int64_t run, char **out_identity, char **out_name,
                    struct error *error);
int store_count_locks(struct store *store, int64_t *out_count, struct error *error);

/* ---- commands ---- */
/* Its own transaction; the id goes to row->id. ERROR_NOT_ALLOWED_NOW where the run has ended: nobody would
 * ever take it up. */
int store_put_command(struct store *store, struct command_row *row, struct error *error);
/* Those of a run that nobody has taken up, in order; run 0: of all runs. */
typedef int command_visitor(void *context, const struct command_row *row);
int store_each_command(struct store *store, int64_t run, command_visitor *visit, void *context,
                       struct error *error);
/* Within the driver's commit: accepted (answer NULL) or refused, why. */
int store_answer_command(struct store *store, int64_t id, bool accepted, const char *answer,
                         struct error *error);
int store_read_command(struct store *store, int64_t id, command_visitor *visit, void *context,
                       struct error *error);

#endif
