/* One check under way, shared by the walk over the tree (expression_check.c) and the rules of operators and
 * functions (expression_overload.c). Not for other files. */
#ifndef PAWL_JOBS_EXPRESSION_CHECK_H
#define PAWL_JOBS_EXPRESSION_CHECK_H

#include "jobs/expression_private.h"

struct checker {
    expression_resolver *resolve;
    void *context;
    void (*report)(void *context, const struct expression_fault *fault);
    struct expression_type variables[LIMIT_EXPRESSION_DEPTH]; /* the macros', by slot */
    const struct node *facts[LIMIT_EXPRESSION_DEPTH];         /* the has() nodes known to hold here */
    int fact_count;
};

struct expression_type type_of(enum expression_kind kind);
/* "an int", "a list(string)", "null": for sentences; into the buffer, which is returned. */
const char *type_phrase(struct expression_type given, char *buffer, size_t size);
/* Reports a mistake at a node and gives the type of one. */
struct expression_type mistake(struct checker *checker, const struct node *node, const char *code,
                               const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The type of `left operator right`, the node's operator. */
struct expression_type check_operator(struct checker *checker, const struct node *node,
                                      struct expression_type left, struct expression_type right);
struct expression_type check_function(struct checker *checker, const struct node *node,
                                      const struct expression_type *arguments);

#endif
