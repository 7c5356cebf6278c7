/* Which types the operators and functions take, and what they give. */
#include <string.h>

#include "jobs/expression_check.h"

#define NO_KIND CEL_ERROR

typedef struct expression_type type;

static bool is_number(enum expression_kind kind)
{
    return kind == CEL_INT || kind == CEL_DOUBLE;
}

static bool is_open(enum expression_kind kind)
{
    return kind == CEL_DYN || kind == CEL_ERROR;
}

static type mistake_operator(struct checker *checker, const struct node *node, type left, type right,
                             const char *hint)
{
    char left_text[64], right_text[64];
    return mistake(checker, node, EXPRESSION_TYPE, hint, "%s %s %s: there is no such operation",
                   expression_type_text(left, left_text, sizeof left_text), operator_text(node->detail),
                   expression_type_text(right, right_text, sizeof right_text));
}

/* What could be meant where + - * / % meet two types that do not fit. */
static const char *hint_arithmetic(const struct node *node, type left, type right)
{
    bool add = node->detail == OPERATOR_ADD;
    if (is_number(left.kind) && is_number(right.kind))
        return node->detail == OPERATOR_MODULO ? "% takes two ints" : "convert one: double(…) or int(…)";
    if (left.kind == CEL_SECRET || right.kind == CEL_SECRET)
        return "a secret may only stand in a text: 'Bearer ${params.token}'";
    if (add && (left.kind == CEL_STRING || right.kind == CEL_STRING))
        return "convert with string(…)";
    return NULL;
}

static bool arithmetic_takes(const struct node *node, enum expression_kind kind)
{
    if (kind == CEL_INT || kind == CEL_DYN)
        return true;
    if (kind == CEL_DOUBLE)
        return node->detail != OPERATOR_MODULO;
    return node->detail == OPERATOR_ADD && (kind == CEL_STRING || kind == CEL_LIST);
}

static type check_arithmetic(struct checker *checker, const struct node *node, type left, type right)
{
    if (left.kind == CEL_ERROR || right.kind == CEL_ERROR)
        return type_of(CEL_ERROR);
    bool fits = arithmetic_takes(node, left.kind) && arithmetic_takes(node, right.kind);
    if (!fits || (left.kind != right.kind && left.kind != CEL_DYN && right.kind != CEL_DYN))
        return mistake_operator(checker, node, left, right, hint_arithmetic(node, left, right));
    if (left.kind == CEL_DYN && right.kind == CEL_DYN)
        return type_of(node->detail == OPERATOR_MODULO ? CEL_INT : CEL_DYN);
    type result = left.kind == CEL_DYN ? right : left;
    if (left.kind != right.kind || left.element != right.element)
        result.element = CEL_DYN;
    return result;
}

static type check_order(struct checker *checker, const struct node *node, type left, type right)
{
    static const bool ordered[] = {[CEL_DYN] = true,    [CEL_BOOL] = true,   [CEL_INT] = true,
                                   [CEL_DOUBLE] = true, [CEL_STRING] = true, [CEL_ERROR] = true};
    bool alike = left.kind == right.kind || is_open(left.kind) || is_open(right.kind) ||
                 (is_number(left.kind) && is_number(right.kind));
    if (alike && ordered[left.kind] && ordered[right.kind])
        return type_of(CEL_BOOL);
    const char *hint = left.kind == CEL_DURATION && right.kind == CEL_DURATION
                           ? "durations compare only with == and !="
                           : NULL;
    mistake_operator(checker, node, left, right, hint);
    return type_of(CEL_BOOL);
}

/* Whether values of the two kinds can be equal at all. */
static bool can_equal(enum expression_kind left, enum expression_kind right)
{
    if (left == CEL_SECRET || right == CEL_SECRET)
        return false;
    if (left == right || is_open(left) || is_open(right) || (is_number(left) && is_number(right)))
        return true;
    return (left == CEL_DURATION && right == CEL_STRING) || (left == CEL_STRING && right == CEL_DURATION);
}

static type check_equal(struct checker *checker, const struct node *node, type left, type right)
{
    char left_text[64], right_text[64];
    if (left.kind == CEL_SECRET || right.kind == CEL_SECRET)
        mistake(checker, node, EXPRESSION_TYPE, NULL, "a secret cannot be compared");
    else if (!can_equal(left.kind, right.kind))
        mistake(checker, node, EXPRESSION_TYPE,
                left.kind == CEL_NULL || right.kind == CEL_NULL ? "has(…) tells whether something is there"
                                                                : "dyn(…) around one of them allows it",
                "%s never equals %s", type_phrase(left, left_text, sizeof left_text),
                type_phrase(right, right_text, sizeof right_text));
    return type_of(CEL_BOOL);
}

static type check_in(struct checker *checker, const struct node *node, type left, type right)
{
    char text[64], container[64];
    type result = type_of(CEL_BOOL);
    if (is_open(right.kind) || left.kind == CEL_ERROR)
        return result;
    if (right.kind != CEL_LIST && right.kind != CEL_MAP) {
        mistake(checker, node->child[1], EXPRESSION_TYPE,
                right.kind == CEL_STRING ? "write text.contains(part)" : NULL,
                "in needs a list or a map, this is %s", type_phrase(right, text, sizeof text));
        return result;
    }
    bool can = right.kind == CEL_LIST ? can_equal(left.kind, right.element)
                                      : left.kind == CEL_DYN || left.kind == CEL_STRING ||
                                            is_number(left.kind) || left.kind == CEL_BOOL;
    if (!can)
        mistake(checker, node, EXPRESSION_TYPE, NULL, "%s is never in %s",
                type_phrase(left, text, sizeof text), type_phrase(right, container, sizeof container));
    return result;
}

type check_operator(struct checker *checker, const struct node *node, type left, type right)
{
    switch (node->detail) {
    case OPERATOR_EQUAL:
    case OPERATOR_UNEQUAL:
        return check_equal(checker, node, left, right);
    case OPERATOR_LESS:
    case OPERATOR_LESS_EQUAL:
    case OPERATOR_GREATER:
    case OPERATOR_GREATER_EQUAL:
        return check_order(checker, node, left, right);
    case OPERATOR_IN:
        return check_in(checker, node, left, right);
    default:
        return check_arithmetic(checker, node, left, right);
    }
}

/* What each function takes, every argument of it, and what it gives. */
static const struct {
    enum expression_kind takes[4]; /* dyn besides; ended by NO_KIND */
    enum expression_kind gives;
} function_types[FUNCTION_COUNT] = {
    [FUNCTION_SIZE] = {{CEL_STRING, CEL_LIST, CEL_MAP, NO_KIND}, CEL_INT},
    [FUNCTION_STRING] = {{CEL_STRING, CEL_INT, CEL_DOUBLE, CEL_BOOL}, CEL_STRING},
    [FUNCTION_INT] = {{CEL_INT, CEL_DOUBLE, CEL_STRING, NO_KIND}, CEL_INT},
    [FUNCTION_DOUBLE] = {{CEL_INT, CEL_DOUBLE, CEL_STRING, NO_KIND}, CEL_DOUBLE},
    [FUNCTION_STARTS_WITH] = {{CEL_STRING, NO_KIND}, CEL_BOOL},
    [FUNCTION_ENDS_WITH] = {{CEL_STRING, NO_KIND}, CEL_BOOL},
    [FUNCTION_CONTAINS] = {{CEL_STRING, NO_KIND}, CEL_BOOL},
};

static bool function_takes(enum function function, enum expression_kind kind)
{
    if (is_open(kind) || (function == FUNCTION_STRING && kind == CEL_DURATION))
        return true;
    for (int i = 0; i < 4 && function_types[function].takes[i] != NO_KIND; i++)
        if (function_types[function].takes[i] == kind)
            return true;
    return false;
}

static const char *hint_function(enum function function, enum expression_kind given)
{
    if (function == FUNCTION_CONTAINS && (given == CEL_LIST || given == CEL_MAP))
        return "write x in list";
    if (function == FUNCTION_INT && given == CEL_BOOL)
        return "write b ? 1 : 0";
    if (given == CEL_SECRET)
        return "a secret may only stand in a text: 'Bearer ${params.token}'";
    return NULL;
}

type check_function(struct checker *checker, const struct node *node, const type *arguments)
{
    char text[64];
    enum function function = node->detail;
    if (function == FUNCTION_DYN && arguments[0].kind != CEL_SECRET)
        return type_of(arguments[0].kind == CEL_ERROR ? CEL_ERROR : CEL_DYN);
    for (uint32_t i = 0; i < node->count; i++)
        if (function == FUNCTION_DYN || !function_takes(function, arguments[i].kind))
            mistake(checker, node->items[i], EXPRESSION_TYPE, hint_function(function, arguments[i].kind),
                    "%s() does not take %s", function_text(function),
                    type_phrase(arguments[i], text, sizeof text));
    return type_of(function_types[function].gives);
}
