/* The type checker: every mistake is reported once, and a part that is wrong counts as of any type after.
 *
 * It also knows what has() has shown: where has(x) holds on the way to a reference to x, the resolver is told
 * that it was tested. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "jobs/expression_check.h"

#define FACTS LIMIT_EXPRESSION_DEPTH

struct path {
    const char *names[LIMIT_EXPRESSION_DEPTH];
    const struct node *nodes[LIMIT_EXPRESSION_DEPTH];
    int count; /* 0: not a path */
};

typedef struct expression_type type;

static type check(struct checker *checker, const struct node *node);

type type_of(enum expression_kind kind)
{
    return (type){kind, CEL_DYN};
}

static type type_of_element(type container)
{
    return type_of(container.kind == CEL_LIST || container.kind == CEL_MAP ? container.element : CEL_DYN);
}

const char *expression_type_text(type given, char *buffer, size_t size)
{
    static const char *const texts[] = {"dyn",      "null",   "bool", "int", "double", "string",
                                        "duration", "secret", "list", "map", "error"};
    if (given.kind == CEL_LIST && given.element != CEL_DYN)
        snprintf(buffer, size, "list(%s)", texts[given.element]);
    else if (given.kind == CEL_MAP && given.element != CEL_DYN)
        snprintf(buffer, size, "map(string, %s)", texts[given.element]);
    else
        snprintf(buffer, size, "%s", texts[given.kind]);
    return buffer;
}

const char *type_phrase(type given, char *buffer, size_t size)
{
    char text[48];
    expression_type_text(given, text, sizeof text);
    const char *article = given.kind == CEL_NULL ? "" : given.kind == CEL_INT ? "an " : "a ";
    snprintf(buffer, size, "%s%s", article, text);
    return buffer;
}

type mistake(struct checker *checker, const struct node *node, const char *code, const char *hint,
             const char *format, ...)
{
    struct expression_fault fault = {.offset = node->offset, .length = node->length, .code = code};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault.message, sizeof fault.message, format, arguments);
    va_end(arguments);
    if (hint)
        snprintf(fault.hint, sizeof fault.hint, "%s", hint);
    checker->report(checker->context, &fault);
    return type_of(CEL_ERROR);
}

/* --- references --- */

/* The chain of constant selections that `node` is the end of. */
static bool path_of(const struct node *node, struct path *path)
{
    int count = 0;
    const struct node *at = node;
    for (; (at->kind == NODE_SELECT || at->kind == NODE_INDEX || at->kind == NODE_HAS) && at->text; count++)
        at = at->child[0];
    path->count = 0;
    if (at->kind != NODE_NAME)
        return false;
    path->count = count + 1;
    for (at = node; count >= 0; count--, at = at->child[0]) {
        path->names[count] = at->text;
        path->nodes[count] = at;
    }
    return true;
}

/* Whether `tested` is a beginning of `path`. */
static bool path_begins(const struct path *path, const struct path *tested)
{
    if (tested->count > path->count)
        return false;
    for (int i = 0; i < tested->count; i++)
        if (strcmp(path->names[i], tested->names[i]))
            return false;
    return true;
}

static bool is_tested(const struct checker *checker, const struct path *path)
{
    struct path tested;
    for (int i = 0; i < checker->fact_count; i++)
        if (path_of(checker->facts[i], &tested) && path_begins(path, &tested))
            return true;
    return false;
}

/* What holds where `node` is `truth`: the has() tests are added to the facts. */
static void facts_add(struct checker *checker, const struct node *node, bool truth)
{
    if (node->kind == NODE_NOT) {
        facts_add(checker, node->child[0], !truth);
    } else if (node->kind == (truth ? NODE_AND : NODE_OR)) {
        facts_add(checker, node->child[0], truth);
        facts_add(checker, node->child[1], truth);
    } else if (node->kind == NODE_HAS && truth && checker->fact_count < FACTS) {
        checker->facts[checker->fact_count++] = node;
    }
}

static type check_with_facts(struct checker *checker, const struct node *node, const struct node *condition,
                             bool truth)
{
    int before = checker->fact_count;
    facts_add(checker, condition, truth);
    type result = check(checker, node);
    checker->fact_count = before;
    return result;
}

/* One member of something of a known type. */
static type select_member(struct checker *checker, const struct node *node, type target)
{
    char text[64];
    if (target.kind == CEL_ERROR || target.kind == CEL_DYN)
        return target;
    if (target.kind == CEL_MAP)
        return type_of_element(target);
    type_phrase(target, text, sizeof text);
    if (target.kind == CEL_LIST && node->kind == NODE_INDEX)
        return mistake(checker, node->child[1], EXPRESSION_TYPE, NULL,
                       "a list's index is an int, not a string");
    return mistake(checker, node, EXPRESSION_TYPE, target.kind == CEL_LIST ? "an element is list[0]" : NULL,
                   "\"%s\" cannot be selected: this is %s, which has no members", node->text, text);
}

static bool is_shell_name(const char *name)
{
    for (; *name; name++)
        if (!isupper((unsigned char)*name) && *name != '_' && !isdigit((unsigned char)*name))
            return false;
    return true;
}

static void report_reference(struct checker *checker, const struct path *path, int part,
                             struct expression_fault *fault)
{
    if (part < 1 || part > path->count)
        part = path->count;
    const struct node *wrong = path->nodes[part - 1];
    fault->offset = path->nodes[0]->offset;
    fault->length = wrong->offset + wrong->length - fault->offset;
    if (!fault->code)
        fault->code = EXPRESSION_REFERENCE;
    if (!fault->hint[0] && path->count == 1 && is_shell_name(path->names[0]))
        snprintf(fault->hint, sizeof fault->hint, "${…} is an expression, not a variable of the shell");
    checker->report(checker->context, fault);
}

static type check_path(struct checker *checker, const struct path *path, bool tested)
{
    struct expression_fault fault = {0};
    int part = path->count;
    type result = checker->resolve(checker->context, path->names, path->count,
                                   tested || is_tested(checker, path), &part, &fault);
    if (result.kind == CEL_ERROR) {
        report_reference(checker, path, part, &fault);
        return result;
    }
    for (; part < path->count; part++)
        result = select_member(checker, path->nodes[part], result);
    return result;
}

static type check_select(struct checker *checker, const struct node *node)
{
    struct path path;
    if (path_of(node, &path))
        return check_path(checker, &path, false);
    return select_member(checker, node, check(checker, node->child[0]));
}

static type check_has(struct checker *checker, const struct node *node)
{
    struct path path;
    if (path_of(node, &path))
        check_path(checker, &path, true);
    else
        select_member(checker, node, check(checker, node->child[0]));
    return type_of(CEL_BOOL);
}

static type check_index(struct checker *checker, const struct node *node)
{
    struct path path;
    char text[64];
    if (node->text && path_of(node, &path))
        return check_path(checker, &path, false);
    type target = check(checker, node->child[0]);
    type key = check(checker, node->child[1]);
    if (target.kind == CEL_ERROR || target.kind == CEL_DYN || key.kind == CEL_ERROR)
        return type_of(target.kind == CEL_ERROR ? CEL_ERROR : CEL_DYN);
    if (target.kind == CEL_LIST && (key.kind == CEL_INT || key.kind == CEL_DYN))
        return type_of_element(target);
    bool is_key = key.kind == CEL_STRING || key.kind == CEL_INT || key.kind == CEL_BOOL ||
                  key.kind == CEL_DYN;
    if (target.kind == CEL_MAP && is_key)
        return type_of_element(target);
    if (target.kind != CEL_LIST && target.kind != CEL_MAP)
        return mistake(checker, node, EXPRESSION_TYPE, NULL, "%s has no elements",
                       type_phrase(target, text, sizeof text));
    return mistake(checker, node->child[1], EXPRESSION_TYPE, NULL, "%s, not %s",
                   target.kind == CEL_LIST ? "a list's index is an int" : "a map's key is a string",
                   type_phrase(key, text, sizeof text));
}

/* --- logic and literals --- */

static void check_is_bool(struct checker *checker, const struct node *node, type given)
{
    char text[64];
    if (given.kind != CEL_BOOL && given.kind != CEL_DYN && given.kind != CEL_ERROR)
        mistake(checker, node, EXPRESSION_TYPE, NULL, "a bool is needed here, this is %s",
                type_phrase(given, text, sizeof text));
}

static type check_logic(struct checker *checker, const struct node *node)
{
    check_is_bool(checker, node->child[0], check(checker, node->child[0]));
    check_is_bool(checker, node->child[1],
                  check_with_facts(checker, node->child[1], node->child[0], node->kind == NODE_AND));
    return type_of(CEL_BOOL);
}

/* The type that both have; false where they have none in common. */
static bool types_join(type a, type b, type *out)
{
    *out = a;
    if (a.kind == CEL_ERROR || b.kind == CEL_ERROR)
        out->kind = CEL_ERROR;
    else if ((a.kind == CEL_DYN || b.kind == CEL_DYN) && a.kind != CEL_SECRET && b.kind != CEL_SECRET)
        *out = type_of(CEL_DYN);
    else if (a.kind != b.kind)
        return false;
    else if (a.element != b.element)
        out->element = CEL_DYN;
    return true;
}

static type check_choice(struct checker *checker, const struct node *node)
{
    char left[64], right[64];
    check_is_bool(checker, node->child[0], check(checker, node->child[0]));
    type yes = check_with_facts(checker, node->child[1], node->child[0], true);
    type no = check_with_facts(checker, node->child[2], node->child[0], false);
    type both;
    if (types_join(yes, no, &both))
        return both;
    bool secret = yes.kind == CEL_SECRET || no.kind == CEL_SECRET;
    return mistake(checker, node, EXPRESSION_TYPE, secret ? NULL : "dyn(…) around one of them allows it",
                   "the branches of ?: have different types: %s and %s",
                   expression_type_text(yes, left, sizeof left),
                   expression_type_text(no, right, sizeof right));
}

static type check_negate(struct checker *checker, const struct node *node)
{
    char text[64];
    type given = check(checker, node->child[0]);
    if (given.kind == CEL_INT || given.kind == CEL_DOUBLE || given.kind == CEL_DYN || given.kind == CEL_ERROR)
        return given;
    return mistake(checker, node, EXPRESSION_TYPE, NULL, "- takes a number, this is %s",
                   type_phrase(given, text, sizeof text));
}

static void check_key(struct checker *checker, const struct node *node)
{
    enum expression_kind kind = check(checker, node).kind;
    if (kind != CEL_STRING && kind != CEL_INT && kind != CEL_BOOL && kind != CEL_DYN && kind != CEL_ERROR)
        mistake(checker, node, EXPRESSION_TYPE, NULL, "a map's key is a string, an int or a bool");
}

static type check_not_secret(struct checker *checker, const struct node *node, type given)
{
    if (given.kind != CEL_SECRET)
        return given;
    return mistake(checker, node, EXPRESSION_TYPE, NULL,
                   "a secret cannot stand in a list or map that an expression builds");
}

/* A list's elements or a map's values: different kinds make dyn. */
static type check_items(struct checker *checker, const struct node *node, enum expression_kind kind)
{
    uint32_t step = kind == CEL_MAP ? 2 : 1;
    type element = type_of(CEL_DYN), joined;
    for (uint32_t i = step - 1; i < node->count; i += step) {
        if (step == 2)
            check_key(checker, node->items[i - 1]);
        type item = check_not_secret(checker, node->items[i], check(checker, node->items[i]));
        if (i == step - 1)
            element = item;
        else
            element = types_join(element, item, &joined) ? joined : type_of(CEL_DYN);
    }
    return (type){kind, element.kind == CEL_ERROR ? CEL_DYN : element.kind};
}

static type check_literal(const struct node *node)
{
    switch (node->literal.tag) {
    case VALUE_BOOL:
        return type_of(CEL_BOOL);
    case VALUE_INT:
        return type_of(CEL_INT);
    case VALUE_DOUBLE:
        return type_of(CEL_DOUBLE);
    case VALUE_STRING:
        return type_of(CEL_STRING);
    default:
        return type_of(CEL_NULL);
    }
}

/* --- macros --- */

static type element_of_range(struct checker *checker, const struct node *range)
{
    char text[64];
    struct path path;
    type given = check(checker, range);
    if (given.kind == CEL_LIST)
        return type_of_element(given);
    if (given.kind == CEL_MAP) /* what is named comes from JSON: its keys are strings */
        return type_of((range->kind == NODE_NAME || range->kind == NODE_SELECT) && path_of(range, &path)
                           ? CEL_STRING
                           : CEL_DYN);
    if (given.kind != CEL_DYN && given.kind != CEL_ERROR)
        mistake(checker, range, EXPRESSION_TYPE, NULL, "a list or a map is needed here, this is %s",
                type_phrase(given, text, sizeof text));
    return type_of(CEL_DYN);
}

static type check_macro(struct checker *checker, const struct node *node)
{
    checker->variables[node->slot] = element_of_range(checker, node->child[0]);
    type element = checker->variables[node->slot];
    type body = check(checker, node->child[1]);
    if (node->detail != MACRO_MAP || node->child[2])
        check_is_bool(checker, node->child[1], body);
    if (node->detail != MACRO_MAP && node->detail != MACRO_FILTER)
        return type_of(CEL_BOOL);
    if (node->detail == MACRO_MAP)
        element = node->child[2] ? check_with_facts(checker, node->child[2], node->child[1], true) : body;
    element = check_not_secret(checker, node->child[node->child[2] ? 2 : 1], element);
    return (type){CEL_LIST, element.kind == CEL_ERROR ? CEL_DYN : element.kind};
}

static type check_binary(struct checker *checker, const struct node *node)
{
    type left = check(checker, node->child[0]);
    type right = check(checker, node->child[1]);
    return check_operator(checker, node, left, right);
}

static type check_call(struct checker *checker, const struct node *node)
{
    type arguments[2] = {{CEL_DYN, CEL_DYN}, {CEL_DYN, CEL_DYN}};
    for (uint32_t i = 0; i < node->count; i++)
        arguments[i] = check(checker, node->items[i]);
    return check_function(checker, node, arguments);
}

static type check(struct checker *checker, const struct node *node)
{
    struct path path;
    switch ((enum node_kind)node->kind) {
    case NODE_LITERAL:
        return check_literal(node);
    case NODE_NAME:
        path_of(node, &path);
        return check_path(checker, &path, false);
    case NODE_VARIABLE:
        return checker->variables[node->slot];
    case NODE_SELECT:
        return check_select(checker, node);
    case NODE_HAS:
        return check_has(checker, node);
    case NODE_INDEX:
        return check_index(checker, node);
    case NODE_NOT:
        check_is_bool(checker, node->child[0], check(checker, node->child[0]));
        return type_of(CEL_BOOL);
    case NODE_NEGATE:
        return check_negate(checker, node);
    case NODE_AND:
    case NODE_OR:
        return check_logic(checker, node);
    case NODE_CHOICE:
        return check_choice(checker, node);
    case NODE_BINARY:
        return check_binary(checker, node);
    case NODE_LIST:
        return check_items(checker, node, CEL_LIST);
    case NODE_MAP:
        return check_items(checker, node, CEL_MAP);
    case NODE_CALL:
        return check_call(checker, node);
    case NODE_MACRO:
        return check_macro(checker, node);
    }
    return type_of(CEL_ERROR);
}

struct expression_type expression_check(const struct expression *expression, expression_resolver *resolve,
                                        void *context,
                                        void (*report)(void *, const struct expression_fault *))
{
    struct checker checker = {.resolve = resolve, .context = context, .report = report};
    return check(&checker, expression->root);
}
