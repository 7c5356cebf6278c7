/* What a step kind declares about itself: inputs, outputs, effect class.
 *
 * The job checker, `pawl steps KIND`, the JSON Schema, shell completion and the reference page are all read
 * off this one declaration; steps/ fills it in, the others only read. */
#ifndef PAWL_BASE_DECLARATION_H
#define PAWL_BASE_DECLARATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/value_type.h"

enum effect_class {
    EFFECT_OBSERVE,  /* reads only */
    EFFECT_CONVERGE, /* sets a desired state; repeating it is harmless */
    EFFECT_ONCE,     /* must never be repeated blindly */
};

struct declared_input {
    const char *name; /* NULL ends a list */
    enum value_type type;
    const char *fallback; /* the default as a job file would spell it; NULL: none */
    bool optional;        /* may be left out although it has no default */
    const char *one_of;   /* "chunk|meta": the values of an enum; NULL: any */
    const char *help;
    bool allows_secret; /* a secret param may stand in it (command: env, stdin) */
    bool of_texts;      /* a list or map: a plain scalar in it is text, `[sleep, 5]` is ["sleep", "5"] */
    bool as_spelled; /* a map: a plain scalar whose spelling JSON would not keep (1.10, 0x1F, True, ~) comes
                        as {"spelled": "1.10"} */
};

/* steps.ID.status is the step's own: no output may be named like it. */
#define OUTPUT_BUILT_IN "status"

struct declared_output {
    const char *name; /* NULL ends a list */
    enum value_type type;
    const char *help;
};

struct kind_declaration {
    const char *name; /* as in `uses:` */
    const char *help; /* one line */
    enum effect_class effect;
    struct declared_input inputs[16];
    struct declared_output outputs[8];
    const char
        *alternatives; /* "component|statefulset": exactly one of these inputs is given; NULL: no such rule */
    bool general;      /* takes effect, probe, undo, outputs, until, every, stable_for, rehearse */
    const char *answers; /* general kinds: the dyn names in its expressions, "exit_code|stdout|json" */
    bool later;          /* not in this version: parsed and checked, refused at submit */
    int64_t timeout_ms;  /* where the kind states one; 0: none */
};

const char *effect_class_text(enum effect_class effect);
/* -1 where the text names none. */
int effect_class_read(const char *text);
/* NULL where the kind has no such input. */
const struct declared_input *declaration_input(const struct kind_declaration *kind, const char *name);

/* How the job checker finds kinds without knowing steps/. */
typedef const struct kind_declaration *kind_finder(const char *name);
/* All of them, in order, ended by NULL: for "did you mean" and reference pages. */
typedef const struct kind_declaration *const *kind_lister(void);

#endif
