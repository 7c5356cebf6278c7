/* CEL's macros over lists and over the keys of maps. */
#include "jobs/expression_evaluate.h"

/* The elements of a list or the keys of a map, one after another. */
struct walk {
    struct value range;
    void *cursor;
    size_t index;
};

static bool walk_next(struct walk *walk, struct value *out)
{
    if (walk->range.tag == VALUE_MAP)
        return value_next_key(&walk->range, &walk->cursor, &walk->index, out);
    if (walk->index == value_count(&walk->range))
        return false;
    *out = value_at(&walk->range, walk->index++);
    return true;
}

/* exists where `decisive` is true, all where it is false: an error counts only where nothing decides. */
static bool apply_quantifier(struct evaluation *evaluation, const struct node *node, struct walk *walk,
                             bool decisive, struct value *out)
{
    struct error first;
    bool failed = false, truth;
    while (walk_next(walk, &evaluation->variables[node->slot])) {
        if (!evaluation_condition(evaluation, node->child[1], &truth)) {
            if (evaluation->ended)
                return false;
            if (!failed)
                first = evaluation->error;
            failed = true;
        } else if (truth == decisive) {
            *out = (struct value){.tag = VALUE_BOOL, .truth = decisive};
            return true;
        }
    }
    if (failed) {
        evaluation->error = first;
        return false;
    }
    *out = (struct value){.tag = VALUE_BOOL, .truth = !decisive};
    return true;
}

static bool apply_exists_one(struct evaluation *evaluation, const struct node *node, struct walk *walk,
                             struct value *out)
{
    int64_t count = 0;
    bool truth;
    while (walk_next(walk, &evaluation->variables[node->slot])) {
        if (!evaluation_condition(evaluation, node->child[1], &truth))
            return false;
        count += truth;
    }
    *out = (struct value){.tag = VALUE_BOOL, .truth = count == 1};
    return true;
}

/* filter, and map with or without a filter of its own. */
static bool apply_collect(struct evaluation *evaluation, const struct node *node, struct walk *walk,
                          struct value *out)
{
    const struct node *filter = node->child[1], *transform = node->child[2];
    if (node->detail == MACRO_MAP && !transform) {
        transform = filter;
        filter = NULL;
    }
    struct value list = {.tag = VALUE_LIST}, *element = &evaluation->variables[node->slot];
    size_t room = value_count(&walk->range);
    if (!evaluation_charge(evaluation, room / 2))
        return false;
    list.built.items = arena_take(&evaluation->arena, room * sizeof list);
    while (walk_next(walk, element)) {
        bool wanted = true;
        if (filter && !evaluation_condition(evaluation, filter, &wanted))
            return false;
        if (!wanted)
            continue;
        struct value *item = &list.built.items[list.built.count];
        if (!transform)
            *item = *element;
        else if (!evaluate(evaluation, transform, item))
            return false;
        list.built.count++;
    }
    *out = list;
    return true;
}

bool macro_apply(struct evaluation *evaluation, const struct node *node, struct value *out)
{
    struct walk walk = {0};
    if (!evaluate(evaluation, node->child[0], &walk.range))
        return false;
    if (walk.range.tag != VALUE_LIST && walk.range.tag != VALUE_MAP)
        return evaluation_fail(evaluation, node->child[0], "no such overload: %s has no elements",
                               value_tag_text(walk.range.tag));
    switch ((enum macro)node->detail) {
    case MACRO_ALL:
        return apply_quantifier(evaluation, node, &walk, false, out);
    case MACRO_EXISTS:
        return apply_quantifier(evaluation, node, &walk, true, out);
    case MACRO_EXISTS_ONE:
        return apply_exists_one(evaluation, node, &walk, out);
    default:
        return apply_collect(evaluation, node, &walk, out);
    }
}
