/* What operators and functions do to values. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jobs/expression_evaluate.h"

#define TWO_TO_63 9223372036854775808.0

static bool fail_overload(struct evaluation *evaluation, const struct node *node, const struct value *left,
                          const struct value *right)
{
    return evaluation_fail(evaluation, node, "no such overload: %s %s %s", value_tag_text(left->tag),
                           operator_text(node->detail), value_tag_text(right->tag));
}

static bool apply_int(struct evaluation *evaluation, const struct node *node, int64_t left, int64_t right,
                      struct value *out)
{
    *out = (struct value){.tag = VALUE_INT};
    bool overflow = false;
    switch (node->detail) {
    case OPERATOR_ADD:
        overflow = __builtin_add_overflow(left, right, &out->number);
        break;
    case OPERATOR_SUBTRACT:
        overflow = __builtin_sub_overflow(left, right, &out->number);
        break;
    case OPERATOR_MULTIPLY:
        overflow = __builtin_mul_overflow(left, right, &out->number);
        break;
    default:
        if (!right)
            return evaluation_fail(evaluation, node, "%s by zero",
                                   node->detail == OPERATOR_DIVIDE ? "division" : "modulus");
        overflow = left == INT64_MIN && right == -1;
        if (!overflow)
            out->number = node->detail == OPERATOR_DIVIDE ? left / right : left % right;
    }
    return !overflow || evaluation_fail(evaluation, node, "integer overflow");
}

static bool apply_double(struct evaluation *evaluation, const struct node *node, double left, double right,
                         struct value *out)
{
    *out = (struct value){.tag = VALUE_DOUBLE};
    switch (node->detail) {
    case OPERATOR_ADD:
        out->real = left + right;
        return true;
    case OPERATOR_SUBTRACT:
        out->real = left - right;
        return true;
    case OPERATOR_MULTIPLY:
        out->real = left * right;
        return true;
    case OPERATOR_DIVIDE:
        out->real = right != 0                 ? left / right
                    : left == 0 || isnan(left) ? NAN
                                               : copysign(INFINITY, copysign(1, left) * copysign(1, right));
        return true;
    default:
        return evaluation_fail(evaluation, node, "no such overload: double %% double");
    }
}

static bool join_strings(struct evaluation *evaluation, const struct value *left, const struct value *right,
                         struct value *out)
{
    size_t length = left->string.length + right->string.length;
    if (length > LIMIT_VALUE_BYTES)
        return evaluation_exceed(evaluation, "builds a string that is too long");
    if (!evaluation_charge(evaluation, length / BYTES_PER_STEP))
        return false;
    char *bytes = arena_take(&evaluation->arena, length);
    memcpy(bytes, left->string.bytes, left->string.length);
    memcpy(bytes + left->string.length, right->string.bytes, right->string.length);
    *out = (struct value){.tag = VALUE_STRING, .string = {bytes, length}};
    return true;
}

static bool join_lists(struct evaluation *evaluation, const struct value *left, const struct value *right,
                       struct value *out)
{
    size_t first = value_count(left), count = first + value_count(right);
    if (!evaluation_charge(evaluation, count))
        return false;
    struct value *items = arena_take(&evaluation->arena, count * sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i] = i < first ? value_at(left, i) : value_at(right, i - first);
    *out = (struct value){.tag = VALUE_LIST, .built = {items, count}};
    return true;
}

static bool apply_arithmetic(struct evaluation *evaluation, const struct node *node, const struct value *left,
                             const struct value *right, struct value *out)
{
    if (left->tag == VALUE_INT && right->tag == VALUE_INT)
        return apply_int(evaluation, node, left->number, right->number, out);
    if (left->tag == VALUE_DOUBLE && right->tag == VALUE_DOUBLE)
        return apply_double(evaluation, node, left->real, right->real, out);
    bool add = node->detail == OPERATOR_ADD;
    if (add && left->tag == VALUE_STRING && right->tag == VALUE_STRING)
        return join_strings(evaluation, left, right, out);
    if (add && left->tag == VALUE_LIST && right->tag == VALUE_LIST)
        return join_lists(evaluation, left, right, out);
    return fail_overload(evaluation, node, left, right);
}

static bool apply_order(struct evaluation *evaluation, const struct node *node, const struct value *left,
                        const struct value *right, struct value *out)
{
    bool numbers = (left->tag == VALUE_INT || left->tag == VALUE_DOUBLE) &&
                   (right->tag == VALUE_INT || right->tag == VALUE_DOUBLE);
    bool alike = left->tag == right->tag && (left->tag == VALUE_BOOL || left->tag == VALUE_STRING);
    if (!numbers && !alike)
        return fail_overload(evaluation, node, left, right);
    if (left->tag == VALUE_STRING && !evaluation_charge(evaluation, left->string.length / BYTES_PER_STEP))
        return false;
    int order = value_order(left, right);
    bool truth = order == (node->detail == OPERATOR_LESS || node->detail == OPERATOR_LESS_EQUAL ? -1 : 1) ||
                 (order == 0 &&
                  (node->detail == OPERATOR_LESS_EQUAL || node->detail == OPERATOR_GREATER_EQUAL));
    *out = (struct value){.tag = VALUE_BOOL, .truth = truth};
    return true;
}

static bool are_equal(struct evaluation *evaluation, const struct value *left, const struct value *right,
                      bool *out)
{
    int equal = value_equal(left, right, &evaluation->steps_left, 0);
    if (equal < 0)
        return evaluation_exceed(evaluation, "compares values that are too large or too deep");
    *out = equal;
    return true;
}

static bool apply_in(struct evaluation *evaluation, const struct node *node, const struct value *left,
                     const struct value *right, struct value *out)
{
    struct value found;
    *out = (struct value){.tag = VALUE_BOOL};
    if (right->tag == VALUE_MAP) {
        if (left->tag == VALUE_NULL || left->tag == VALUE_LIST || left->tag == VALUE_MAP)
            return fail_overload(evaluation, node, left, right);
        out->truth = value_find(right, left, &found);
        return left->tag != VALUE_STRING ||
               evaluation_charge(evaluation, left->string.length / BYTES_PER_STEP);
    }
    if (right->tag != VALUE_LIST)
        return fail_overload(evaluation, node, left, right);
    size_t count = value_count(right);
    for (size_t i = 0; i < count && !out->truth; i++) {
        struct value item = value_at(right, i);
        if (!are_equal(evaluation, left, &item, &out->truth))
            return false;
    }
    return true;
}

bool operator_apply(struct evaluation *evaluation, const struct node *node, const struct value *left,
                    const struct value *right, struct value *out)
{
    bool equal = false;
    switch (node->detail) {
    case OPERATOR_EQUAL:
    case OPERATOR_UNEQUAL:
        if (!are_equal(evaluation, left, right, &equal))
            return false;
        *out = (struct value){.tag = VALUE_BOOL, .truth = equal == (node->detail == OPERATOR_EQUAL)};
        return true;
    case OPERATOR_LESS:
    case OPERATOR_LESS_EQUAL:
    case OPERATOR_GREATER:
    case OPERATOR_GREATER_EQUAL:
        return apply_order(evaluation, node, left, right, out);
    case OPERATOR_IN:
        return apply_in(evaluation, node, left, right, out);
    default:
        return apply_arithmetic(evaluation, node, left, right, out);
    }
}

static bool fail_argument(struct evaluation *evaluation, const struct node *node,
                          const struct value *argument)
{
    return evaluation_fail(evaluation, node, "no such overload: %s(%s)", function_text(node->detail),
                           value_tag_text(argument->tag));
}

static bool fail_conversion(struct evaluation *evaluation, const struct node *node, const struct value *text)
{
    int shown = text->string.length > 60 ? 60 : (int)text->string.length;
    return evaluation_fail(evaluation, node, "\"%.*s\" is no %s", shown, text->string.bytes,
                           function_text(node->detail));
}

static bool apply_size(struct evaluation *evaluation, const struct node *node, const struct value *argument,
                       struct value *out)
{
    *out = (struct value){.tag = VALUE_INT};
    if (argument->tag == VALUE_STRING) {
        out->number = value_string_size(argument);
        return evaluation_charge(evaluation, argument->string.length / BYTES_PER_STEP);
    }
    if (argument->tag != VALUE_LIST && argument->tag != VALUE_MAP)
        return fail_argument(evaluation, node, argument);
    out->number = (int64_t)value_count(argument);
    return true;
}

static bool apply_string(struct evaluation *evaluation, const struct node *node, const struct value *argument,
                         struct value *out)
{
    char *text = arena_take(&evaluation->arena, DOUBLE_TEXT_SIZE);
    size_t length;
    switch (argument->tag) {
    case VALUE_STRING:
        *out = *argument;
        return true;
    case VALUE_BOOL:
        length = (size_t)snprintf(text, DOUBLE_TEXT_SIZE, "%s", argument->truth ? "true" : "false");
        break;
    case VALUE_INT:
        length = (size_t)snprintf(text, DOUBLE_TEXT_SIZE, "%lld", (long long)argument->number);
        break;
    case VALUE_DOUBLE:
        length = value_double_text(argument->real, text);
        break;
    default:
        return fail_argument(evaluation, node, argument);
    }
    *out = (struct value){.tag = VALUE_STRING, .string = {text, length}};
    return true;
}

/* A number's text for strtoll or strtod: only what a number may hold, so that neither skips blanks nor reads
 * hexadecimal. */
static bool number_text(const struct value *string, const char *allowed, char buffer[512])
{
    if (!string->string.length || string->string.length > 511)
        return false;
    memcpy(buffer, string->string.bytes, string->string.length);
    buffer[string->string.length] = 0;
    return strspn(buffer, allowed) == string->string.length;
}

static bool apply_to_int(struct evaluation *evaluation, const struct node *node, const struct value *argument,
                         struct value *out)
{
    char buffer[512], *end;
    *out = (struct value){.tag = VALUE_INT};
    switch (argument->tag) {
    case VALUE_INT:
        *out = *argument;
        return true;
    case VALUE_DOUBLE:
        if (!(argument->real > -TWO_TO_63 && argument->real < TWO_TO_63))
            return evaluation_fail(evaluation, node, "range error: %g does not fit into an int",
                                   argument->real);
        out->number = (int64_t)argument->real;
        return true;
    case VALUE_STRING:
        if (!number_text(argument, "+-0123456789", buffer))
            return fail_conversion(evaluation, node, argument);
        errno = 0;
        out->number = strtoll(buffer, &end, 10);
        if (*end || end == buffer)
            return fail_conversion(evaluation, node, argument);
        return !errno ||
               evaluation_fail(evaluation, node, "range error: %.60s does not fit into an int", buffer);
    default:
        return fail_argument(evaluation, node, argument);
    }
}

static bool apply_to_double(struct evaluation *evaluation, const struct node *node,
                            const struct value *argument, struct value *out)
{
    static const char *const names[] = {"NaN", "Inf", "+Inf", "-Inf", "Infinity", "+Infinity", "-Infinity"};
    char buffer[512], *end;
    *out = (struct value){.tag = VALUE_DOUBLE};
    switch (argument->tag) {
    case VALUE_DOUBLE:
        *out = *argument;
        return true;
    case VALUE_INT:
        out->real = (double)argument->number;
        return true;
    case VALUE_STRING:
        break;
    default:
        return fail_argument(evaluation, node, argument);
    }
    if (!number_text(argument, "+-.eE0123456789INafinty", buffer))
        return fail_conversion(evaluation, node, argument);
    bool named = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        named |= !strcmp(buffer, names[i]);
    if (!named && strspn(buffer, "+-.eE0123456789") != argument->string.length)
        return fail_conversion(evaluation, node, argument);
    out->real = strtod(buffer, &end);
    if (*end || end == buffer)
        return fail_conversion(evaluation, node, argument);
    return named || !isinf(out->real) ||
           evaluation_fail(evaluation, node, "range error: %.60s does not fit into a double", buffer);
}

static bool apply_search(struct evaluation *evaluation, const struct node *node,
                         const struct value *arguments, struct value *out)
{
    if (arguments[0].tag != VALUE_STRING || arguments[1].tag != VALUE_STRING)
        return evaluation_fail(evaluation, node, "no such overload: %s.%s(%s)",
                               value_tag_text(arguments[0].tag), function_text(node->detail),
                               value_tag_text(arguments[1].tag));
    const char *text = arguments[0].string.bytes, *part = arguments[1].string.bytes;
    size_t length = arguments[0].string.length, part_length = arguments[1].string.length;
    *out = (struct value){.tag = VALUE_BOOL};
    if (part_length > length)
        return true;
    if (node->detail == FUNCTION_STARTS_WITH)
        out->truth = !memcmp(text, part, part_length);
    else if (node->detail == FUNCTION_ENDS_WITH)
        out->truth = !memcmp(text + length - part_length, part, part_length);
    else
        out->truth = memmem(text, length, part, part_length);
    return evaluation_charge(evaluation, length / BYTES_PER_STEP);
}

bool function_apply(struct evaluation *evaluation, const struct node *node, const struct value *arguments,
                    struct value *out)
{
    switch ((enum function)node->detail) {
    case FUNCTION_SIZE:
        return apply_size(evaluation, node, arguments, out);
    case FUNCTION_STRING:
        return apply_string(evaluation, node, arguments, out);
    case FUNCTION_INT:
        return apply_to_int(evaluation, node, arguments, out);
    case FUNCTION_DOUBLE:
        return apply_to_double(evaluation, node, arguments, out);
    case FUNCTION_DYN:
        *out = *arguments;
        return true;
    default:
        return apply_search(evaluation, node, arguments, out);
    }
}
