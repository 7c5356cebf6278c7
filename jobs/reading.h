/* A job file while it is being read: what parse*.c and check*.c share. Private to jobs/.
 *
 * Every value of the file goes through value_read(), which types literals and remembers the values that hold
 * `${…}` as *sites*. When all steps and ways are known, check*.c types the sites' expressions. */
#ifndef PAWL_JOBS_READING_H
#define PAWL_JOBS_READING_H

#include "jobs/document.h"
#include "jobs/flow.h"
#include "jobs/job.h"
#include "jobs/job_memory.h"

/* What the expressions of a value may name. */
enum sight {
    SIGHT_NOTHING, /* no expression may stand here */
    SIGHT_SUBMIT,  /* params, and vars above */
    SIGHT_STEP,    /* params, vars, run, and what has run before the step */
    SIGHT_ANSWER,  /* the same and the names of a general kind's answer */
    SIGHT_UNDO,    /* as the step, but outputs of later visits may be gone by then */
    SIGHT_HOOK,    /* params, vars, run with its outcome; of steps nothing is certain */
};

/* What is expected of a value, and what it may name. */
struct wish {
    enum value_type type;
    const char *what; /* `input "count" of "check_scale"`: for messages */
    enum sight sight;
    int step;                                 /* whose value; under SIGHT_SUBMIT: how many vars are seen */
    const struct kind_declaration *answering; /* under SIGHT_ANSWER */
    const char *one_of;                       /* "a|b"; NULL: any */
    bool of_texts, as_spelled, allows_secret; /* as in declared_input */
    bool as_text;                             /* becomes text: any scalar will do */
    bool is_expression;                       /* always one `${…}` */
    enum value_type *type_found;              /* where the type of the whole is wanted; NULL */
};

/* A value with `${…}` in it. */
struct site {
    const struct document_node *node;
    struct wish wish;
};

/* Of a step, what only the second look needs. */
struct step_source {
    const struct document_node *node;
    struct document_place place; /* of its id */
    bool way_is_broken;          /* a way to nowhere: already reported */
};

struct reading {
    struct job *job;
    struct document *document;
    struct diagnostics *diagnostics;
    kind_finder *find;
    kind_lister *kinds;
    struct job_memory *memory;   /* job->memory */
    struct step_source *sources; /* of each step */
    struct site *sites;
    int site_count;
    struct job_retry retry; /* defaults */
    int64_t timeout_ms;
    struct flow *flow;
    bool ways_are_broken;
};

/* ---- reporting ---- */
void report(struct reading *reading, const char *code, struct document_place place, const char *hint,
            const char *format, ...) __attribute__((format(printf, 5, 6)));
/* A use of what this version parses and checks, but does not run. */
void report_later(struct reading *reading, struct document_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* `did you mean "id"?` into the buffer, "" where no name is near. Names end with NULL. */
const char *hint_nearest(const char *wrong, const char *const *names, char *buffer, size_t size);
/* A text that lives as long as the job. */
const char *reading_text(struct reading *reading, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- values (value.c) ---- */
/* The value as a template, or NULL with its mistakes reported. Kept by the job's memory. */
json_t *value_of_node(struct reading *reading, const struct document_node *node, const struct wish *wish);
/* Literals of a fixed type; false with the mistake reported. */
const char *read_text(struct reading *reading, const struct document_node *node, const char *what);
bool read_int(struct reading *reading, const struct document_node *node, const char *what, int64_t least,
              int64_t most, int64_t *out);
bool read_float(struct reading *reading, const struct document_node *node, const char *what, double least,
                double most, double *out);
bool read_duration(struct reading *reading, const struct document_node *node, const char *what,
                   int64_t *out_ms);
/* A name as expressions can write it; `what` is "a step's id". */
const char *read_name(struct reading *reading, const struct document_node *node, const char *what);
bool name_is_good(const char *name);
/* An `if:`, `until:`, …: one `${…}`. */
const char *read_condition(struct reading *reading, const struct document_node *node,
                           const struct wish *wish);
/* Reports what is no map (list), and what keys it may not have. `keys` end with NULL. */
bool is_map(struct reading *reading, const struct document_node *node, const char *what);
bool is_list(struct reading *reading, const struct document_node *node, const char *what);
void keys_check(struct reading *reading, const struct document_node *map, const char *const *keys,
                const char *what);

/* ---- parse*.c ---- */
void parse_job(struct reading *reading);
void parse_params(struct reading *reading, const struct document_node *node);
void parse_steps(struct reading *reading, const struct document_node *node);
void parse_retry(struct reading *reading, const struct document_node *node, struct job_retry *retry);
/* `uses` and `with`: the kind, or NULL with the mistake reported. */
const struct kind_declaration *parse_uses(struct reading *reading, const struct document_node *step,
                                          const struct document_node *uses);
json_t *parse_with(struct reading *reading, const struct document_node *owner,
                   const struct document_node *with, const struct kind_declaration *kind, enum sight sight,
                   int step);
/* probe, undo, outputs, until, every, stable_for, rehearse, effect. */
void parse_general(struct reading *reading, const struct document_node *node, int step);
void parse_hooks(struct reading *reading, const struct document_node *root);

/* ---- check*.c ---- */
/* The order of steps: reachability, bounds of loops, guards. */
void check_ways(struct reading *reading);
/* The types of all sites' expressions. */
void check_sites(struct reading *reading);

#endif
