/* Calls: functions, methods, has() and the macros, each checked against its row in a table. */
#include <string.h>

#include "jobs/expression_parser.h"

static const struct {
    const char *text;
    uint8_t arguments;
    bool as_function, as_method;
} functions[] = {
#define X(name, text, arguments, as_function, as_method) {text, arguments, as_function, as_method},
    FUNCTIONS(X)
#undef X
};

/* Each macro with the numbers of arguments that it takes. */
static const struct {
    const char *text;
    int least, most;
} macros[MACRO_COUNT] = {
    [MACRO_ALL] = {"all", 2, 2},
    [MACRO_EXISTS] = {"exists", 2, 2},
    [MACRO_EXISTS_ONE] = {"exists_one", 2, 2},
    [MACRO_FILTER] = {"filter", 2, 2},
    [MACRO_MAP] = {"map", 2, 3},
};

static const char *const functions_of_cel[] = {"uint",     "bool",      "bytes",     "type",     "matches",
                                               "duration", "timestamp", "has_field", "getHours", "format"};

const char *function_text(enum function function)
{
    return functions[function].text;
}

static struct node *fault_argument_count(struct parser *parser, const struct token *name, const char *wanted)
{
    fault_set(parser->fault, name->offset, name->length, EXPRESSION_CALL, "%.*s() takes %s",
              (int)name->length, parser->scanner.text + name->offset, wanted);
    return NULL;
}

/* has(a.b): the parser stands behind the parenthesis. */
struct node *parse_has(struct parser *parser, const struct token *name)
{
    struct node *selected = parse_expression(parser);
    if (!selected)
        return NULL;
    if (selected->kind != NODE_SELECT || parser->token.kind != ')') {
        fault_set(parser->fault, selected->offset, selected->length, EXPRESSION_CALL,
                  "has() takes one selection");
        fault_hint(parser->fault, "as in has(steps.check.usage)");
        return NULL;
    }
    selected->kind = NODE_HAS;
    selected->offset = name->offset;
    return node_close(parser, selected, ')', "\")\"");
}

static struct node *fault_no_function(struct parser *parser, const struct token *name, bool method)
{
    const char *text = parser->scanner.text + name->offset;
    int length = name->length > 60 ? 60 : (int)name->length;
    for (size_t i = 0; i < sizeof functions_of_cel / sizeof *functions_of_cel; i++)
        if (strlen(functions_of_cel[i]) == name->length && !memcmp(functions_of_cel[i], text, name->length)) {
            fault_set(parser->fault, name->offset, name->length, EXPRESSION_LATER,
                      "%s() is not in this version", functions_of_cel[i]);
            return NULL;
        }
    fault_set(parser->fault, name->offset, name->length, EXPRESSION_CALL, "there is no %s %.*s()",
              method ? "method" : "function", length, text);
    for (int i = 0; i < FUNCTION_COUNT; i++)
        if (strlen(functions[i].text) == name->length && !memcmp(functions[i].text, text, name->length)) {
            fault_hint(parser->fault, method ? "write %s(x)" : "write x.%s(…)", functions[i].text);
            return NULL;
        }
    for (int i = 0; i < MACRO_COUNT && !method; i++)
        if (strlen(macros[i].text) == name->length && !memcmp(macros[i].text, text, name->length)) {
            fault_hint(parser->fault, "write list.%s(x, …)", macros[i].text);
            return NULL;
        }
    fault_hint(parser->fault, "there are size string int double dyn startsWith endsWith contains has");
    return NULL;
}

/* A call of `name`, on `target` where it is a method; the parser stands behind the parenthesis. */
struct node *parse_call(struct parser *parser, const struct token *name, struct node *target)
{
    const char *text = parser->scanner.text + name->offset;
    int function = 0;
    while (function < FUNCTION_COUNT &&
           (strlen(functions[function].text) != name->length ||
            memcmp(functions[function].text, text, name->length) ||
            !(target ? functions[function].as_method : functions[function].as_function)))
        function++;
    if (function == FUNCTION_COUNT)
        return fault_no_function(parser, name, target);
    struct node *node = node_new(parser, NODE_CALL, target ? target->offset : name->offset);
    node->detail = (uint8_t)function;
    struct item_list list = {0};
    if (target) {
        if (!node_over(parser, node, target))
            return NULL;
        item_add(parser, &list, target);
    }
    if (!parse_items(parser, node, &list, ')', false))
        return NULL;
    if (parser->token.kind == ')' && list.count != functions[function].arguments)
        return fault_argument_count(parser, name,
                                    functions[function].arguments - (target != NULL) == 0 ? "no argument"
                                                                                          : "one argument");
    node->items = list.items;
    node->count = list.count;
    return node_close(parser, node, ')', "\",\" or \")\"");
}

static bool parse_macro_variable(struct parser *parser, const struct token *name, struct node *node)
{
    if (parser->token.kind == ')') {
        fault_argument_count(parser, name, "a name and an expression");
        return false;
    }
    if (parser->token.kind != TOKEN_NAME || is_reserved(parser)) {
        fault_unexpected(parser, "a name for each element");
        return false;
    }
    if (parser->variable_count == LIMIT_EXPRESSION_DEPTH) {
        fault_too_deep(parser);
        return false;
    }
    node->slot = (uint8_t)parser->variable_count;
    parser->variables[parser->variable_count].name = token_text(parser);
    parser->variables[parser->variable_count].length = parser->token.length;
    return !advance(parser);
}

/* range.map(x, …): the parser stands behind the parenthesis. */
struct node *parse_macro(struct parser *parser, const struct token *name, int macro, struct node *range)
{
    struct node *node = node_new(parser, NODE_MACRO, range->offset);
    node->detail = (uint8_t)macro;
    node->child[0] = range;
    if (!node_over(parser, node, range) || !parse_macro_variable(parser, name, node))
        return NULL;
    parser->variable_count++;
    int count = 1;
    while (parser->token.kind == ',' && count < macros[macro].most) {
        if (advance(parser) || !(node->child[count] = parse_expression(parser)) ||
            !node_over(parser, node, node->child[count]))
            return NULL;
        count++;
    }
    parser->variable_count--;
    if ((parser->token.kind == ')' && count < macros[macro].least) || parser->token.kind == ',')
        return fault_argument_count(parser, name,
                                    macros[macro].most == 3 ? "a name and one or two expressions"
                                                            : "a name and an expression");
    return node_close(parser, node, ')', "\",\" or \")\"");
}

int macro_of(const struct parser *parser, const struct token *name)
{
    for (int i = 0; i < MACRO_COUNT; i++)
        if (strlen(macros[i].text) == name->length &&
            !memcmp(macros[i].text, parser->scanner.text + name->offset, name->length))
            return i;
    return -1;
}
