/* The parser under way, shared by the grammar (expression_read.c) and its calls and macros
 * (expression_call.c). Every function that gives NULL, false or -1 has filled the fault. Not for other files.
 */
#ifndef PAWL_JOBS_EXPRESSION_PARSER_H
#define PAWL_JOBS_EXPRESSION_PARSER_H

#include "jobs/expression_private.h"

struct parser {
    struct scanner scanner;
    struct token token; /* the one ahead */
    struct arena *arena;
    struct expression_fault *fault;
    int depth; /* of the parser's own recursion */
    struct {
        const char *name;
        uint32_t length;
    } variables[LIMIT_EXPRESSION_DEPTH];
    int variable_count;
};

/* Expressions between commas up to `close`, behind those that `items` holds already. */
struct item_list {
    struct node **items;
    uint32_t count, room;
};

/* The token ahead: its text (not terminated), the one behind it. */
const char *token_text(const struct parser *parser);
int advance(struct parser *parser);
/* Whether it is a word that CEL keeps for itself. */
bool is_reserved(const struct parser *parser);
/* Goes on behind a token of that kind; another one is a fault. */
int expect(struct parser *parser, int kind, const char *wanted);
int fault_unexpected(struct parser *parser, const char *wanted);
int fault_too_deep(struct parser *parser);

/* A node that begins at `offset`. */
struct node *node_new(struct parser *parser, enum node_kind kind, size_t offset);
/* Makes it deep and long enough for a child; false where that is too deep. */
bool node_over(struct parser *parser, struct node *node, const struct node *child);
/* Takes the token ahead as its end. */
struct node *node_close(struct parser *parser, struct node *node, int kind, const char *wanted);

struct node *parse_expression(struct parser *parser);
void item_add(struct parser *parser, struct item_list *list, struct node *item);
/* Parses what stands before `closing` into the list of `node`: items, or pairs with a colon between; the last
 * may have a comma behind it. */
bool parse_items(struct parser *parser, struct node *node, struct item_list *list, int closing, bool pairs);

/* The macro of that name, or -1. */
int macro_of(const struct parser *parser, const struct token *name);
/* These three stand behind the opening parenthesis. `target` is what a method is called on, or NULL. */
struct node *parse_has(struct parser *parser, const struct token *name);
struct node *parse_call(struct parser *parser, const struct token *name, struct node *target);
struct node *parse_macro(struct parser *parser, const struct token *name, int macro, struct node *range);

#endif
