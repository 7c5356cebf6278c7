/* A checked job: what a job file declares, with every reference resolved and every type known.
 *
 *   text → (document.h) YAML nodes with places → (parse.c) parsed job → (check*.c) checked job
 *
 * job_read() does all of it. What engine/compile.c makes of a checked job is the machine. Values that may
 * hold
 * `${…}` stay templates (template.h): JSON in which every string may contain expressions. */
#ifndef PAWL_JOBS_JOB_H
#define PAWL_JOBS_JOB_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/declaration.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/limits.h"
#include "jobs/diagnostic.h"

struct job_param {
    const char *name;
    enum value_type type;
    json_t *fallback;    /* NULL: required */
    const char *help;    /* may be NULL */
    json_t *min, *max;   /* numbers or durations; NULL: none */
    json_t *one_of;      /* `enum:`, an array; NULL: any */
    const char *pattern; /* POSIX extended regular expression, anchored at both ends; NULL: any */
};

struct job_var {
    const char *name;
    json_t *value; /* a template; computed once at submit */
    enum value_type type;
};

struct job_retry {
    int attempts; /* in all, 1: no retry */
    int64_t delay_ms, max_delay_ms;
    double factor;
    double jitter;      /* 0.2: up to 20 % more or less */
    int64_t timeout_ms; /* of one attempt; 0: none */
    int on_exit[16];    /* exit statuses that count as transient */
    int on_exit_count;
};

/* Where a step leads when it does not go on in list order. */
struct job_way {
    int target;     /* a step's index; -1: none */
    int max_visits; /* of the target; 0: not bounded (only for ways forward) */
};

/* What follows a failure that stays one, with its word in job files and machines. */
#define ON_FAILURES(X)                                                                                       \
    X(STOP, "stop")                                                                                          \
    X(CONTINUE, "continue")                                                                                  \
    X(ROLLBACK, "rollback")                                                                                  \
    X(GOTO, "goto")
enum on_failure {
#define X(name, text) ON_FAILURE_##name,
    ON_FAILURES(X)
#undef X
        ON_FAILURE_COUNT
};

/* `probe:` and `undo:` of a general step: another kind with inputs of its own. */
struct job_call {
    const struct kind_declaration *kind; /* NULL: not given */
    json_t *with;                        /* template object, defaults filled in */
    const char *done, *in_progress;      /* `${…}` over the answer; NULL: by exit status */
};

struct job_output {
    const char *name;
    enum value_type type;
    const char *value; /* `${…}` over the answer */
    json_t *fallback;  /* `default:`; NULL: none */
};

struct job_step {
    const char *id;
    const char *name; /* NULL: the id serves */
    int line;
    const struct kind_declaration *kind;
    enum effect_class effect; /* the kind's, or `effect:` */
    json_t *with;             /* template object; literals have the input's type; defaults are filled in */
    const char *condition;    /* `if:`, a `${…}`; NULL: always */
    int guards[LIMIT_GUARDS]; /* indexes of steps */
    int guard_count;
    const char *approve; /* the question, a template; NULL: none */
    int64_t timeout_ms;  /* 0: none */
    int64_t settle_ms;   /* for `once` steps; 60 s by default */
    struct job_retry retry;
    struct job_way next; /* target -1: the next in the list */
    enum on_failure on_failure;
    struct job_way failure_way; /* of ON_FAILURE_GOTO */
    struct job_call probe, undo;
    struct job_output *outputs; /* general kinds; NULL: the kind's own */
    int output_count;
    const char *until; /* `${…}`; NULL: none */
    int64_t every_ms, stable_for_ms;
    json_t *rehearse; /* as it stands; NULL: none */
};

struct job {
    const char *name;
    const char *description; /* "" where there is none */
    struct job_param *params;
    int param_count;
    struct job_var *vars;
    int var_count;
    const char *lock; /* template "NAMESPACE/NAME"; NULL: none */
    struct job_step *steps;
    int step_count;
    json_t *hooks; /* {"on_success": […], …} as they stand; NULL: none */
    char *source;  /* the file's text, as stored in `jobs` */
    size_t source_length;
    struct digest digest;     /* of the source */
    struct diagnostics later; /* uses of keys and kinds that this version does not run: refused at submit */
    struct job_memory *memory;
};

/* Reads and checks a job file's text. NULL where diagnostics were added; all of the file's, in one go.
 * `file` is the name to show. The job is the caller's: job_free(). */
struct job *job_read(const char *source, size_t length, const char *file, kind_finder *find,
                     kind_lister *kinds, struct diagnostics *diagnostics);
void job_free(struct job *job);
/* -1 where there is none of that id. */
int job_step_index(const struct job *job, const char *id);
const char *on_failure_text(enum on_failure on_failure);
/* ON_FAILURE_COUNT where the text names none. */
enum on_failure on_failure_read(const char *text);

#endif
