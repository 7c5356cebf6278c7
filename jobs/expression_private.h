/* The inside of expressions: values, the tree, and what the four files of the language share.
 *
 *   text → (expression_scan.c) tokens → (expression_read.c) tree → (expression_check.c) types
 *                                                                → (expression_evaluate.c) a value
 *
 * The tree lives in one arena with a copy of its text; a value lives in the evaluation's arena or is borrowed
 * from the JSON that it came from. Nothing here is for other files. */
#ifndef PAWL_JOBS_EXPRESSION_PRIVATE_H
#define PAWL_JOBS_EXPRESSION_PRIVATE_H

#include <stdarg.h>
#include <stdint.h>

#include "base/limits.h"
#include "jobs/expression.h"

/* An arena: pieces of memory that die together. The first block may be the caller's own (a struct's tail,
 * the stack), so that small expressions need no allocation of their own. */
struct arena_block;
struct arena {
    char *at, *end;
    struct arena_block *blocks;
    size_t next_size;
};
void arena_start(struct arena *arena, void *first, size_t size);
/* `size` bytes, aligned for anything, not initialised. */
void *arena_take(struct arena *arena, size_t size);
void arena_free(struct arena *arena);

/* A value while it is computed. Where `source` is set it is that very JSON value (borrowed): lists and maps
 * are read from it in place, and a result that is one is handed out without a copy. */
enum value_tag { VALUE_NULL, VALUE_BOOL, VALUE_INT, VALUE_DOUBLE, VALUE_STRING, VALUE_LIST, VALUE_MAP };
struct value {
    enum value_tag tag;
    const json_t *source;
    union {
        bool truth;
        int64_t number;
        double real;
        struct {
            const char *bytes; /* UTF-8 without NUL bytes, not NUL-terminated */
            size_t length;
        } string;
        struct {
            struct value *items; /* a map's: key, value, key, value, … */
            size_t count;        /* elements or entries */
        } built;                 /* a list or map without a source */
    };
};

enum node_kind {
    NODE_LITERAL,
    NODE_NAME,     /* a root name: text */
    NODE_VARIABLE, /* a macro's: slot */
    NODE_SELECT,   /* child[0] . text */
    NODE_HAS,      /* has(child[0] . text) */
    NODE_INDEX,    /* child[0] [ child[1] ] */
    NODE_NOT,
    NODE_NEGATE,
    NODE_AND,
    NODE_OR,
    NODE_CHOICE, /* child[0] ? child[1] : child[2] */
    NODE_BINARY, /* detail: an operator */
    NODE_LIST,   /* items */
    NODE_MAP,    /* items: key, value, … */
    NODE_CALL,   /* detail: a function; items, a method's target first */
    NODE_MACRO, /* detail: a macro; child[0] the range, child[1] the body, child[2] map's transform or NULL */
};

enum binary_operator {
    OPERATOR_ADD,
    OPERATOR_SUBTRACT,
    OPERATOR_MULTIPLY,
    OPERATOR_DIVIDE,
    OPERATOR_MODULO,
    OPERATOR_EQUAL,
    OPERATOR_UNEQUAL,
    OPERATOR_LESS,
    OPERATOR_LESS_EQUAL,
    OPERATOR_GREATER,
    OPERATOR_GREATER_EQUAL,
    OPERATOR_IN,
    OPERATOR_COUNT
};
/* "+", "<=", … */
const char *operator_text(enum binary_operator operator);

/* X(NAME, spelling, arguments with the target, as a function, as a method) */
#define FUNCTIONS(X)                                                                                         \
    X(SIZE, "size", 1, true, true)                                                                           \
    X(STRING, "string", 1, true, false)                                                                      \
    X(INT, "int", 1, true, false)                                                                            \
    X(DOUBLE, "double", 1, true, false)                                                                      \
    X(DYN, "dyn", 1, true, false)                                                                            \
    X(STARTS_WITH, "startsWith", 2, false, true)                                                             \
    X(ENDS_WITH, "endsWith", 2, false, true)                                                                 \
    X(CONTAINS, "contains", 2, false, true)

enum function {
#define X(name, text, count, as_function, as_method) FUNCTION_##name,
    FUNCTIONS(X)
#undef X
        FUNCTION_COUNT
};
const char *function_text(enum function function);

enum macro { MACRO_ALL, MACRO_EXISTS, MACRO_EXISTS_ONE, MACRO_FILTER, MACRO_MAP, MACRO_COUNT };

struct node {
    uint8_t kind;
    uint8_t depth; /* of the tree below, itself included: recursion over it is bounded */
    uint8_t detail;
    uint8_t slot;            /* of a macro's variable */
    uint32_t offset, length; /* its place in the text */
    union {
        struct value literal;
        struct {
            struct node *child[3];
            const char *text; /* NUL-terminated */
            uint32_t text_length;
        };
        struct {
            struct node **items;
            uint32_t count;
        };
    };
};

struct expression {
    const struct node *root;
    const char *text;
    size_t length;
    struct arena arena;
};

/* Tokens: a kind and a place. Single characters stand for themselves. */
enum token_kind {
    TOKEN_END = 0,
    TOKEN_NAME = 256,
    TOKEN_INT,
    TOKEN_DOUBLE,
    TOKEN_STRING,
    TOKEN_EQUAL,
    TOKEN_UNEQUAL,
    TOKEN_LESS_EQUAL,
    TOKEN_GREATER_EQUAL,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_IN,
};
struct token {
    int kind;
    uint32_t offset, length;
};
struct scanner {
    const char *text;
    size_t length, at;
};
/* 0, or -1 with *fault filled; the scanner then stands behind what it could not read. */
int token_next(struct scanner *scanner, struct token *token, struct expression_fault *fault);
/* The value of a TOKEN_STRING, TOKEN_INT or TOKEN_DOUBLE; a string is decoded into the arena where needed. */
int token_value(const char *text, struct token token, bool negative, struct arena *arena, struct value *out,
                struct expression_fault *fault);

int fault_set(struct expression_fault *fault, size_t offset, size_t length, const char *code,
              const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Always -1, like fault_set. */
int fault_hint(struct expression_fault *fault, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* expression_value.c: what values are among themselves. */
struct value value_of_json(const json_t *json);
size_t value_count(const struct value *container);
/* An element of a list. */
struct value value_at(const struct value *list, size_t index);
/* A map's value by key; false where there is none. A double that is a whole number finds an int key. */
bool value_find(const struct value *map, const struct value *key, struct value *out);
/* A walk over a map's keys: start with *cursor = NULL and *index = 0; false at the end. */
bool value_next_key(const struct value *map, void **cursor, size_t *index, struct value *out);
/* -1, 0, 1; 2 where they have no order (NaN, or kinds that do not compare). */
int value_order(const struct value *a, const struct value *b);
/* 1 equal, 0 not, -1 where *budget (steps, counted down) or the depth ran out. */
int value_equal(const struct value *a, const struct value *b, int64_t *budget, int depth);
const char *value_tag_text(enum value_tag tag);
/* Code points. */
int64_t value_string_size(const struct value *string);
/* The shortest text that reads as the same number. */
#define DOUBLE_TEXT_SIZE 40
size_t value_double_text(double real, char text[DOUBLE_TEXT_SIZE]);
/* A new reference; NULL with the error filled where it is too large or no JSON (infinity, NaN). */
json_t *value_to_json(const struct value *value, struct error *error);

#endif
