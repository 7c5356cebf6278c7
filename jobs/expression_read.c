/* The parser: precedence climbing over the table below, bounded in depth.
 *
 * CEL's macros bind a name in their body; where that name is met it becomes a slot, so that evaluation never
 * looks a variable up by name. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "jobs/expression_parser.h"

#define ARENA_LEAST 512
#define ARENA_MOST  16384

static const struct {
    int token;
    uint8_t precedence;
    uint8_t kind, detail;
    const char *text;
} binary_operators[] = {
    {TOKEN_OR, 1, NODE_OR, 0, "||"},
    {TOKEN_AND, 2, NODE_AND, 0, "&&"},
    {TOKEN_EQUAL, 3, NODE_BINARY, OPERATOR_EQUAL, "=="},
    {TOKEN_UNEQUAL, 3, NODE_BINARY, OPERATOR_UNEQUAL, "!="},
    {'<', 3, NODE_BINARY, OPERATOR_LESS, "<"},
    {TOKEN_LESS_EQUAL, 3, NODE_BINARY, OPERATOR_LESS_EQUAL, "<="},
    {'>', 3, NODE_BINARY, OPERATOR_GREATER, ">"},
    {TOKEN_GREATER_EQUAL, 3, NODE_BINARY, OPERATOR_GREATER_EQUAL, ">="},
    {TOKEN_IN, 3, NODE_BINARY, OPERATOR_IN, "in"},
    {'+', 4, NODE_BINARY, OPERATOR_ADD, "+"},
    {'-', 4, NODE_BINARY, OPERATOR_SUBTRACT, "-"},
    {'*', 5, NODE_BINARY, OPERATOR_MULTIPLY, "*"},
    {'/', 5, NODE_BINARY, OPERATOR_DIVIDE, "/"},
    {'%', 5, NODE_BINARY, OPERATOR_MODULO, "%"},
};
#define BINARY_OPERATORS (sizeof binary_operators / sizeof *binary_operators)

static const char *const reserved[] = {
    "as",   "break",   "const",     "continue", "else", "for",  "function", "if",   "import", "let",
    "loop", "package", "namespace", "return",   "var",  "void", "while",    "true", "false",  "null"};

static struct node *parse_unary(struct parser *parser);

const char *operator_text(enum binary_operator operator)
{
    for (size_t i = 0; i < BINARY_OPERATORS; i++)
        if (binary_operators[i].kind == NODE_BINARY && binary_operators[i].detail == operator)
            return binary_operators[i].text;
    return "?";
}

static bool token_is(const struct parser *parser, const char *word)
{
    return parser->token.kind == TOKEN_NAME && parser->token.length == strlen(word) &&
           !memcmp(parser->scanner.text + parser->token.offset, word, parser->token.length);
}

bool is_reserved(const struct parser *parser)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (token_is(parser, reserved[i]))
            return true;
    return false;
}

const char *token_text(const struct parser *parser)
{
    return parser->scanner.text + parser->token.offset;
}

int advance(struct parser *parser)
{
    return token_next(&parser->scanner, &parser->token, parser->fault);
}

int fault_unexpected(struct parser *parser, const char *wanted)
{
    struct token token = parser->token;
    if (token.kind == TOKEN_END)
        return fault_set(parser->fault, token.offset, 1, EXPRESSION_SYNTAX,
                         "the expression ends where %s should follow", wanted);
    int length = token.length > 40 ? 40 : (int)token.length;
    fault_set(parser->fault, token.offset, token.length, EXPRESSION_SYNTAX,
              "unexpected \"%.*s\" where %s should stand", length, token_text(parser), wanted);
    if (token_is(parser, "and"))
        fault_hint(parser->fault, "did you mean \"&&\"?");
    if (token_is(parser, "or"))
        fault_hint(parser->fault, "did you mean \"||\"?");
    return -1;
}

int expect(struct parser *parser, int kind, const char *wanted)
{
    return parser->token.kind == kind ? advance(parser) : fault_unexpected(parser, wanted);
}

int fault_too_deep(struct parser *parser)
{
    fault_set(parser->fault, parser->token.offset, parser->token.length, EXPRESSION_LIMIT,
              "the expression is nested more than %d deep", LIMIT_EXPRESSION_DEPTH);
    return fault_hint(parser->fault, "split it, or name a part of it under vars");
}

struct node *node_new(struct parser *parser, enum node_kind kind, size_t offset)
{
    struct node *node = arena_take(parser->arena, sizeof *node);
    memset(node, 0, sizeof *node);
    node->kind = kind;
    node->depth = 1;
    node->offset = (uint32_t)offset;
    return node;
}

bool node_over(struct parser *parser, struct node *node, const struct node *child)
{
    if (child->depth >= LIMIT_EXPRESSION_DEPTH) {
        fault_too_deep(parser);
        return false;
    }
    if (node->depth <= child->depth)
        node->depth = child->depth + 1;
    if (node->offset + node->length < child->offset + child->length)
        node->length = child->offset + child->length - node->offset;
    return true;
}

static const char *name_copy(struct parser *parser, const char *bytes, size_t length)
{
    char *name = arena_take(parser->arena, length + 1);
    memcpy(name, bytes, length);
    name[length] = 0;
    return name;
}

struct node *node_close(struct parser *parser, struct node *node, int kind, const char *wanted)
{
    uint32_t end = parser->token.offset + parser->token.length;
    if (expect(parser, kind, wanted))
        return NULL;
    node->length = end - node->offset;
    return node;
}

static struct node *parse_literal(struct parser *parser, size_t offset, bool negative)
{
    struct node *node = node_new(parser, NODE_LITERAL, offset);
    node->length = (uint32_t)(parser->token.offset + parser->token.length - offset);
    if (token_value(parser->scanner.text, parser->token, negative, parser->arena, &node->literal,
                    parser->fault) ||
        advance(parser))
        return NULL;
    return node;
}

void item_add(struct parser *parser, struct item_list *list, struct node *item)
{
    if (list->count == list->room) {
        uint32_t room = list->room ? list->room * 2 : 4;
        struct node **items = arena_take(parser->arena, room * sizeof *items);
        if (list->count)
            memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = item;
}

static bool parse_item(struct parser *parser, struct node *node, struct item_list *list)
{
    struct node *item = parse_expression(parser);
    if (!item || !node_over(parser, node, item))
        return false;
    item_add(parser, list, item);
    return true;
}

bool parse_items(struct parser *parser, struct node *node, struct item_list *list, int closing, bool pairs)
{
    while (parser->token.kind != closing) {
        if (!parse_item(parser, node, list))
            return false;
        if (pairs && (expect(parser, ':', "\":\"") || !parse_item(parser, node, list)))
            return false;
        if (parser->token.kind != ',')
            return true;
        if (advance(parser))
            return false;
    }
    return true;
}

static struct node *parse_list(struct parser *parser)
{
    struct node *node = node_new(parser, NODE_LIST, parser->token.offset);
    struct item_list list = {0};
    if (advance(parser) || !parse_items(parser, node, &list, ']', false))
        return NULL;
    node->items = list.items;
    node->count = list.count;
    return node_close(parser, node, ']', "\",\" or \"]\"");
}

static struct node *parse_map(struct parser *parser)
{
    struct node *node = node_new(parser, NODE_MAP, parser->token.offset);
    struct item_list list = {0};
    if (advance(parser) || !parse_items(parser, node, &list, '}', true))
        return NULL;
    node->items = list.items;
    node->count = list.count;
    return node_close(parser, node, '}', "\",\" or \"}\"");
}

static struct node *parse_constant(struct parser *parser)
{
    struct node *node = node_new(parser, NODE_LITERAL, parser->token.offset);
    node->length = parser->token.length;
    node->literal.tag = token_is(parser, "null") ? VALUE_NULL : VALUE_BOOL;
    node->literal.truth = token_is(parser, "true");
    return advance(parser) ? NULL : node;
}

static struct node *fault_later(struct parser *parser, const char *what)
{
    fault_set(parser->fault, parser->token.offset, parser->token.length, EXPRESSION_LATER,
              "%s not in this version", what);
    return NULL;
}

static struct node *parse_name(struct parser *parser)
{
    if (token_is(parser, "true") || token_is(parser, "false") || token_is(parser, "null"))
        return parse_constant(parser);
    struct token name = parser->token;
    const char *text = token_text(parser);
    if (is_reserved(parser)) {
        fault_set(parser->fault, name.offset, name.length, EXPRESSION_SYNTAX,
                  "\"%.*s\" is a reserved word and cannot be a name by itself", (int)name.length, text);
        return NULL;
    }
    if (advance(parser))
        return NULL;
    if (parser->token.kind == '(') {
        if (advance(parser))
            return NULL;
        if (name.length == 3 && !memcmp(text, "has", 3))
            return parse_has(parser, &name);
        return parse_call(parser, &name, NULL);
    }
    if (parser->token.kind == '{')
        return fault_later(parser, "messages are");
    struct node *node = node_new(parser, NODE_NAME, name.offset);
    node->length = name.length;
    for (int i = parser->variable_count - 1; i >= 0; i--)
        if (parser->variables[i].length == name.length &&
            !memcmp(parser->variables[i].name, text, name.length)) {
            node->kind = NODE_VARIABLE;
            node->slot = (uint8_t)i;
            return node;
        }
    node->text = name_copy(parser, text, name.length);
    node->text_length = name.length;
    return node;
}

static struct node *parse_primary(struct parser *parser)
{
    struct node *inner;
    switch (parser->token.kind) {
    case TOKEN_NAME:
        return parse_name(parser);
    case TOKEN_INT:
    case TOKEN_DOUBLE:
    case TOKEN_STRING:
        return parse_literal(parser, parser->token.offset, false);
    case '[':
        return parse_list(parser);
    case '{':
        return parse_map(parser);
    case '(':
        if (advance(parser) || !(inner = parse_expression(parser)) || expect(parser, ')', "\")\""))
            return NULL;
        return inner;
    default:
        fault_unexpected(parser, "a value");
        return NULL;
    }
}

/* Behind a dot: a member, a method or a macro. */
static struct node *parse_member(struct parser *parser, struct node *target)
{
    struct token name = parser->token;
    const char *text = token_text(parser);
    if (name.kind == '?')
        return fault_later(parser, "optional members are");
    if (name.kind != TOKEN_NAME || token_is(parser, "true") || token_is(parser, "false") ||
        token_is(parser, "null")) {
        fault_unexpected(parser, "a member's name");
        return NULL;
    }
    if (advance(parser))
        return NULL;
    if (parser->token.kind == '(') {
        int macro = macro_of(parser, &name);
        if (advance(parser))
            return NULL;
        return macro < 0 ? parse_call(parser, &name, target) : parse_macro(parser, &name, macro, target);
    }
    struct node *node = node_new(parser, NODE_SELECT, target->offset);
    node->length = name.offset + name.length - node->offset;
    node->child[0] = target;
    node->text = name_copy(parser, text, name.length);
    node->text_length = name.length;
    return node_over(parser, node, target) ? node : NULL;
}

static struct node *parse_index(struct parser *parser, struct node *target)
{
    struct node *node = node_new(parser, NODE_INDEX, target->offset);
    if (parser->token.kind == '?')
        return fault_later(parser, "optional elements are");
    node->child[0] = target;
    node->child[1] = parse_expression(parser);
    if (!node->child[1] || !node_over(parser, node, target) || !node_over(parser, node, node->child[1]))
        return NULL;
    const struct node *key = node->child[1];
    if (key->kind == NODE_LITERAL && key->literal.tag == VALUE_STRING) {
        node->text = name_copy(parser, key->literal.string.bytes, key->literal.string.length);
        node->text_length = (uint32_t)key->literal.string.length;
    }
    return node_close(parser, node, ']', "\"]\"");
}

static struct node *parse_postfix(struct parser *parser, struct node *node)
{
    while (node && (parser->token.kind == '.' || parser->token.kind == '[')) {
        int kind = parser->token.kind;
        if (advance(parser))
            return NULL;
        node = kind == '.' ? parse_member(parser, node) : parse_index(parser, node);
    }
    return node;
}

static struct node *parse_prefixed(struct parser *parser)
{
    struct token sign = parser->token;
    if (advance(parser))
        return NULL;
    if (sign.kind == '-' && (parser->token.kind == TOKEN_INT || parser->token.kind == TOKEN_DOUBLE))
        return parse_postfix(parser, parse_literal(parser, sign.offset, true));
    struct node *inner = parse_unary(parser);
    if (!inner)
        return NULL;
    struct node *node = node_new(parser, sign.kind == '-' ? NODE_NEGATE : NODE_NOT, sign.offset);
    node->child[0] = inner;
    return node_over(parser, node, inner) ? node : NULL;
}

static struct node *parse_unary(struct parser *parser)
{
    if (parser->token.kind != '-' && parser->token.kind != '!')
        return parse_postfix(parser, parse_primary(parser));
    if (parser->depth >= LIMIT_EXPRESSION_DEPTH) {
        fault_too_deep(parser);
        return NULL;
    }
    parser->depth++;
    struct node *node = parse_prefixed(parser);
    parser->depth--;
    return node;
}

/* The row of the operator ahead that binds at least as tightly as `least`, or -1. */
static int operator_ahead(const struct parser *parser, int least)
{
    if (parser->token.kind == TOKEN_END)
        return -1;
    for (size_t i = 0; i < BINARY_OPERATORS; i++)
        if (binary_operators[i].token == parser->token.kind)
            return binary_operators[i].precedence >= least ? (int)i : -1;
    return -1;
}

/* Recurses at most once for each level of precedence. */
static struct node *parse_binary(struct parser *parser, int least)
{
    struct node *left = parse_unary(parser);
    int row;
    while (left && (row = operator_ahead(parser, least)) >= 0) {
        if (advance(parser))
            return NULL;
        struct node *right = parse_binary(parser, binary_operators[row].precedence + 1);
        if (!right)
            return NULL;
        struct node *node = node_new(parser, binary_operators[row].kind, left->offset);
        node->detail = binary_operators[row].detail;
        node->child[0] = left;
        node->child[1] = right;
        if (!node_over(parser, node, left) || !node_over(parser, node, right))
            return NULL;
        left = node;
    }
    return left;
}

static struct node *parse_choice(struct parser *parser)
{
    struct node *condition = parse_binary(parser, 1);
    if (!condition || parser->token.kind != '?')
        return condition;
    struct node *node = node_new(parser, NODE_CHOICE, condition->offset);
    node->child[0] = condition;
    if (advance(parser) || !(node->child[1] = parse_binary(parser, 1)) || expect(parser, ':', "\":\"") ||
        !(node->child[2] = parse_expression(parser)))
        return NULL;
    for (int i = 0; i < 3; i++)
        if (!node_over(parser, node, node->child[i]))
            return NULL;
    return node;
}

struct node *parse_expression(struct parser *parser)
{
    if (parser->depth >= LIMIT_EXPRESSION_DEPTH) {
        fault_too_deep(parser);
        return NULL;
    }
    parser->depth++;
    struct node *node = parse_choice(parser);
    parser->depth--;
    return node;
}

static const struct node *parse_all(struct parser *parser)
{
    if (advance(parser))
        return NULL;
    if (parser->token.kind == TOKEN_END) {
        fault_set(parser->fault, 0, 1, EXPRESSION_SYNTAX, "the expression is empty");
        return NULL;
    }
    struct node *root = parse_expression(parser);
    if (root && parser->token.kind != TOKEN_END) {
        fault_unexpected(parser, "an operator or the end");
        return NULL;
    }
    return root;
}

struct expression *expression_read(const char *text, size_t length, struct expression_fault *fault)
{
    if (length > LIMIT_EXPRESSION_BYTES) {
        fault_set(fault, 0, length, EXPRESSION_LIMIT, "the expression has %zu bytes, at most %d are allowed",
                  length, LIMIT_EXPRESSION_BYTES);
        fault_hint(fault, "name parts of it under vars");
        return NULL;
    }
    size_t room = ARENA_LEAST + length * 24;
    if (room > ARENA_MOST)
        room = ARENA_MOST;
    struct expression *expression = memory_resize(NULL, 1, sizeof *expression + room);
    arena_start(&expression->arena, expression + 1, room);
    char *copy = arena_take(&expression->arena, length + 1);
    memcpy(copy, text, length);
    copy[length] = 0;
    expression->text = copy;
    expression->length = length;
    struct parser parser;
    parser.arena = &expression->arena;
    parser.fault = fault;
    parser.depth = parser.variable_count = 0; /* the variables themselves need no clearing */
    parser.scanner = (struct scanner){.text = copy, .length = length};
    expression->root = parse_all(&parser);
    if (expression->root)
        return expression;
    expression_free(expression);
    return NULL;
}

void expression_free(struct expression *expression)
{
    if (!expression)
        return;
    arena_free(&expression->arena);
    free(expression);
}
