/* Evaluation: a walk over the tree, as deep as the tree, counted in steps.
 *
 * An error is a value in CEL: && and || (and all() and exists(), which are made of them) go on behind one and
 * drop it where the other side decides. Only a limit ends everything at once. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "jobs/expression_evaluate.h"

bool evaluation_fail(struct evaluation *evaluation, const struct node *node, const char *format, ...)
{
    char message[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    size_t shown = node->length > 80 ? 80 : node->length;
    const char *text = evaluation->expression->text + node->offset;
    while (shown < node->length && shown && (text[shown] & 0xC0) == 0x80)
        shown--;
    error_set(&evaluation->error, ERROR_EXPRESSION, "%s, in \"%.*s%s\"", message, (int)shown, text,
              shown < node->length ? "…" : "");
    return false;
}

bool evaluation_exceed(struct evaluation *evaluation, const char *what)
{
    evaluation->ended = true;
    error_set(&evaluation->error, ERROR_LIMIT, "the expression \"%.80s\" %s", evaluation->expression->text,
              what);
    return false;
}

bool evaluation_charge(struct evaluation *evaluation, size_t steps)
{
    evaluation->steps_left -= (int64_t)steps;
    if (evaluation->steps_left >= 0)
        return true;
    char what[64];
    snprintf(what, sizeof what, "takes more than %d steps", LIMIT_EXPRESSION_STEPS);
    return evaluation_exceed(evaluation, what);
}

bool evaluation_condition(struct evaluation *evaluation, const struct node *node, bool *out)
{
    struct value value = {0};
    if (!evaluate(evaluation, node, &value))
        return false;
    if (value.tag != VALUE_BOOL)
        return evaluation_fail(evaluation, node, "%s where a bool is needed", value_tag_text(value.tag));
    *out = value.truth;
    return true;
}

/* && where `decisive` is false, || where it is true. */
static bool evaluate_logic(struct evaluation *evaluation, const struct node *node, bool decisive,
                           struct value *out)
{
    *out = (struct value){.tag = VALUE_BOOL, .truth = decisive};
    bool truth = false;
    if (evaluation_condition(evaluation, node->child[0], &truth))
        return truth == decisive || evaluation_condition(evaluation, node->child[1], &out->truth);
    if (evaluation->ended)
        return false;
    struct error first = evaluation->error;
    if (evaluation_condition(evaluation, node->child[1], &truth) && truth == decisive)
        return true;
    if (!evaluation->ended)
        evaluation->error = first;
    return false;
}

static bool evaluate_choice(struct evaluation *evaluation, const struct node *node, struct value *out)
{
    bool truth = false;
    return evaluation_condition(evaluation, node->child[0], &truth) &&
           evaluate(evaluation, node->child[truth ? 1 : 2], out);
}

static bool evaluate_name(struct evaluation *evaluation, const struct node *node, struct value *out)
{
    const json_t *found = json_object_getn(evaluation->names, node->text, node->text_length);
    if (!found)
        return evaluation_fail(evaluation, node, "there is no name \"%s\"", node->text);
    *out = value_of_json(found);
    return true;
}

/* a.b, and has(a.b): the same but for what a missing key is. */
static bool evaluate_select(struct evaluation *evaluation, const struct node *node, struct value *out)
{
    struct value target = {0}, key = {.tag = VALUE_STRING, .string = {node->text, node->text_length}};
    if (!evaluate(evaluation, node->child[0], &target))
        return false;
    if (target.tag != VALUE_MAP)
        return evaluation_fail(evaluation, node, "no such overload: %s has no members",
                               value_tag_text(target.tag));
    bool found = value_find(&target, &key, out);
    if (node->kind == NODE_HAS) {
        *out = (struct value){.tag = VALUE_BOOL, .truth = found};
        return true;
    }
    return found || evaluation_fail(evaluation, node, "no such key: \"%s\"", node->text);
}

static bool index_list(struct evaluation *evaluation, const struct node *node, const struct value *list,
                       const struct value *key, struct value *out)
{
    int64_t index = key->number;
    if (key->tag == VALUE_DOUBLE && key->real >= 0 && key->real < 1e15 && key->real == floor(key->real))
        index = (int64_t)key->real;
    else if (key->tag != VALUE_INT)
        return evaluation_fail(evaluation, node, "no such overload: list[%s]", value_tag_text(key->tag));
    size_t count = value_count(list);
    if (index < 0 || (uint64_t)index >= count)
        return evaluation_fail(evaluation, node, "index %lld is out of range, the list has %zu elements",
                               (long long)index, count);
    *out = value_at(list, (size_t)index);
    return true;
}

static bool index_map(struct evaluation *evaluation, const struct node *node, const struct value *map,
                      const struct value *key, struct value *out)
{
    if (key->tag == VALUE_STRING && !evaluation_charge(evaluation, key->string.length / BYTES_PER_STEP))
        return false;
    if (value_find(map, key, out))
        return true;
    switch (key->tag) {
    case VALUE_STRING:
        return evaluation_fail(evaluation, node, "no such key: \"%.*s\"",
                               key->string.length > 100 ? 100 : (int)key->string.length, key->string.bytes);
    case VALUE_INT:
        return evaluation_fail(evaluation, node, "no such key: %lld", (long long)key->number);
    case VALUE_BOOL:
        return evaluation_fail(evaluation, node, "no such key: %s", key->truth ? "true" : "false");
    case VALUE_DOUBLE:
        return evaluation_fail(evaluation, node, "no such key: %g", key->real);
    default:
        return evaluation_fail(evaluation, node, "no such overload: map[%s]", value_tag_text(key->tag));
    }
}

static bool evaluate_index(struct evaluation *evaluation, const struct node *node, struct value *out)
{
    struct value target = {0}, key = {0};
    if (!evaluate(evaluation, node->child[0], &target) || !evaluate(evaluation, node->child[1], &key))
        return false;
    if (target.tag == VALUE_LIST)
        return index_list(evaluation, node, &target, &key, out);
    if (target.tag == VALUE_MAP)
        return index_map(evaluation, node, &target, &key, out);
    return evaluation_fail(evaluation, node, "no such overload: %s has no elements",
                           value_tag_text(target.tag));
}

static bool evaluate_not(struct evaluation *evaluation, const struct node *node, struct value *out)
{
    bool truth = false;
    if (!evaluation_condition(evaluation, node->child[0], &truth))
        return false;
    *out = (struct value){.tag = VALUE_BOOL, .truth = !truth};
    return true;
}

static bool evaluate_negate(struct evaluation *evaluation, const struct node *node, struct value *out)
{
    if (!evaluate(evaluation, node->child[0], out))
        return false;
    out->source = NULL;
    if (out->tag == VALUE_DOUBLE) {
        out->real = -out->real;
        return true;
    }
    if (out->tag != VALUE_INT)
        return evaluation_fail(evaluation, node, "no such overload: -%s", value_tag_text(out->tag));
    if (out->number == INT64_MIN)
        return evaluation_fail(evaluation, node, "integer overflow");
    out->number = -out->number;
    return true;
}

static bool evaluate_list(struct evaluation *evaluation, const struct node *node, struct value *out)
{
    struct value list = {.tag = VALUE_LIST};
    list.built.count = node->count;
    list.built.items = arena_take(&evaluation->arena, node->count * sizeof list);
    for (uint32_t i = 0; i < node->count; i++)
        if (!evaluate(evaluation, node->items[i], &list.built.items[i]))
            return false;
    *out = list;
    return true;
}

static bool evaluate_map(struct evaluation *evaluation, const struct node *node, struct value *out)
{
    struct value map = {.tag = VALUE_MAP}, twice;
    map.built.items = arena_take(&evaluation->arena, node->count * sizeof map);
    for (uint32_t i = 0; i < node->count; i += 2) {
        struct value *key = &map.built.items[i];
        if (!evaluate(evaluation, node->items[i], key) ||
            !evaluate(evaluation, node->items[i + 1], &map.built.items[i + 1]))
            return false;
        if (key->tag != VALUE_STRING && key->tag != VALUE_INT && key->tag != VALUE_BOOL)
            return evaluation_fail(evaluation, node->items[i], "a map's key cannot be a %s",
                                   value_tag_text(key->tag));
        if (value_find(&map, key, &twice))
            return evaluation_fail(evaluation, node->items[i], "the key stands twice in the map");
        map.built.count++;
        if (!evaluation_charge(evaluation, map.built.count / 8))
            return false;
    }
    *out = map;
    return true;
}

static bool evaluate_binary(struct evaluation *evaluation, const struct node *node, struct value *out)
{
    struct value left, right;
    return evaluate(evaluation, node->child[0], &left) && evaluate(evaluation, node->child[1], &right) &&
           operator_apply(evaluation, node, &left, &right, out);
}

static bool evaluate_call(struct evaluation *evaluation, const struct node *node, struct value *out)
{
    struct value arguments[2];
    for (uint32_t i = 0; i < node->count; i++)
        if (!evaluate(evaluation, node->items[i], &arguments[i]))
            return false;
    return function_apply(evaluation, node, arguments, out);
}

bool evaluate(struct evaluation *evaluation, const struct node *node, struct value *out)
{
    if (!evaluation_charge(evaluation, 1))
        return false;
    switch ((enum node_kind)node->kind) {
    case NODE_LITERAL:
        *out = node->literal;
        return true;
    case NODE_NAME:
        return evaluate_name(evaluation, node, out);
    case NODE_VARIABLE:
        *out = evaluation->variables[node->slot];
        return true;
    case NODE_SELECT:
    case NODE_HAS:
        return evaluate_select(evaluation, node, out);
    case NODE_INDEX:
        return evaluate_index(evaluation, node, out);
    case NODE_NOT:
        return evaluate_not(evaluation, node, out);
    case NODE_NEGATE:
        return evaluate_negate(evaluation, node, out);
    case NODE_AND:
        return evaluate_logic(evaluation, node, false, out);
    case NODE_OR:
        return evaluate_logic(evaluation, node, true, out);
    case NODE_CHOICE:
        return evaluate_choice(evaluation, node, out);
    case NODE_BINARY:
        return evaluate_binary(evaluation, node, out);
    case NODE_LIST:
        return evaluate_list(evaluation, node, out);
    case NODE_MAP:
        return evaluate_map(evaluation, node, out);
    case NODE_CALL:
        return evaluate_call(evaluation, node, out);
    case NODE_MACRO:
        return macro_apply(evaluation, node, out);
    }
    return evaluation_fail(evaluation, node, "an unknown node");
}

json_t *expression_evaluate(const struct expression *expression, const json_t *names, struct error *error)
{
    struct evaluation evaluation;
    char first[1024];
    evaluation.expression = expression;
    evaluation.names = names;
    evaluation.steps_left = LIMIT_EXPRESSION_STEPS;
    evaluation.ended = false;
    arena_start(&evaluation.arena, first, sizeof first);
    struct value value;
    json_t *result = NULL;
    if (!evaluate(&evaluation, expression->root, &value)) {
        if (error)
            *error = evaluation.error;
    } else if (!(result = value_to_json(&value, error))) {
        error_context(error, "in \"%.80s\"", expression->text);
    }
    arena_free(&evaluation.arena);
    return result;
}
