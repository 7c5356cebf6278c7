/* One evaluation under way, shared by the walk (expression_evaluate.c), the operators and functions
 * (expression_apply.c) and the macros (expression_macro.c). Not for other files. */
#ifndef PAWL_JOBS_EXPRESSION_EVALUATE_H
#define PAWL_JOBS_EXPRESSION_EVALUATE_H

#include "jobs/expression_private.h"

#define BYTES_PER_STEP 64 /* how many bytes of a string are worked on, or built, in one step */

struct evaluation {
    const struct expression *expression;
    const json_t *names;
    struct arena arena; /* values that are built */
    int64_t steps_left;
    bool ended; /* by a limit: nothing absorbs that */
    struct error error;
    struct value variables[LIMIT_EXPRESSION_DEPTH]; /* the macros', by slot */
};

/* True with *out filled, or false with evaluation->error filled. */
bool evaluate(struct evaluation *evaluation, const struct node *node, struct value *out);
/* The same where only a bool will do. */
bool evaluation_condition(struct evaluation *evaluation, const struct node *node, bool *out);
bool operator_apply(struct evaluation *evaluation, const struct node *node, const struct value *left,
                    const struct value *right, struct value *out);
bool function_apply(struct evaluation *evaluation, const struct node *node, const struct value *arguments,
                    struct value *out);
bool macro_apply(struct evaluation *evaluation, const struct node *node, struct value *out);

/* An error of CEL's: false. The node's text is quoted behind the message. */
bool evaluation_fail(struct evaluation *evaluation, const struct node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A limit: false, and the whole evaluation ends. */
bool evaluation_exceed(struct evaluation *evaluation, const char *what);
/* Work that takes longer than one step, or memory. */
bool evaluation_charge(struct evaluation *evaluation, size_t steps);

#endif
