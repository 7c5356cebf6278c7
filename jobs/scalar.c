#include "jobs/scalar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(*list, text))
            return true;
    return false;
}

static bool is_null(const char *text)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    return is_one_of(text, nulls);
}

static bool is_true(const char *text)
{
    static const char *const words[] = {"true", "True", "TRUE", NULL};
    return is_one_of(text, words);
}

static bool is_false(const char *text)
{
    static const char *const words[] = {"false", "False", "FALSE", NULL};
    return is_one_of(text, words);
}

/* What YAML 1.1 took for a bool. */
static bool is_old_bool(const char *text)
{
    static const char *const words[] = {"yes", "no",  "on",  "off", "y",  "n",   "Yes", "No",
                                        "On",  "Off", "YES", "NO",  "ON", "OFF", NULL};
    return is_one_of(text, words);
}

static bool is_all(const char *text, const char *set)
{
    return *text && !text[strspn(text, set)];
}

/* The base of an integer's spelling, or 0 where it is none; *digits are what strtoll shall read. */
static int integer_base(const char *text, const char **digits)
{
    bool is_hex = !strncmp(text, "0x", 2), is_octal = !strncmp(text, "0o", 2);
    *digits = is_hex || is_octal ? text + 2 : text;
    if (is_hex)
        return is_all(*digits, "0123456789abcdefABCDEF") ? 16 : 0;
    if (is_octal)
        return is_all(*digits, "01234567") ? 8 : 0;
    return is_all(text + (*text == '-' || *text == '+'), "0123456789") ? 10 : 0;
}

static bool is_float(const char *text)
{
    const char *at = text + (*text == '-' || *text == '+');
    size_t before = strspn(at, "0123456789"), behind = 0;
    at += before;
    if (*at == '.') {
        behind = strspn(at + 1, "0123456789");
        at += 1 + behind;
    }
    if (!before && !behind)
        return false;
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '-' || at[1] == '+');
        if (!is_all(at, "0123456789"))
            return false;
        return true;
    }
    return !*at;
}

static bool is_not_finite(const char *text)
{
    static const char *const words[] = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL};
    return is_one_of(text + (*text == '-' || *text == '+'), words);
}

static json_t *read_integer(const char *digits, int base)
{
    errno = 0;
    long long number = strtoll(digits, NULL, base);
    return errno ? NULL : json_integer(number);
}

static json_t *read_float(const char *text)
{
    double number = strtod(text, NULL);
    return isfinite(number) ? json_real(number) : NULL;
}

json_t *scalar_value(const struct document_node *node)
{
    const char *digits, *text = node->text;
    if (node->style != STYLE_PLAIN)
        return json_string(text);
    if (is_null(text))
        return json_null();
    if (is_true(text) || is_false(text))
        return json_boolean(is_true(text));
    int base = integer_base(text, &digits);
    if (base)
        return read_integer(digits, base);
    if (is_not_finite(text))
        return NULL;
    return is_float(text) ? read_float(text) : json_string(text);
}

bool scalar_is_canonical(const struct document_node *node)
{
    const char *digits, *text = node->text;
    if (node->style != STYLE_PLAIN)
        return true;
    if (is_null(text) || is_true(text) || is_false(text))
        return !strcmp(text, "null") || !strcmp(text, "true") || !strcmp(text, "false");
    if (integer_base(text, &digits)) {
        const char *first = text + (*text == '-');
        return digits == text && *text != '+' && (*first != '0' || (!first[1] && first == text));
    }
    return !is_float(text) && !is_not_finite(text);
}

/* ---- as a type ---- */

static json_t *as_text(const struct document_node *node, enum scalar_fault *fault)
{
    *fault = node->style == STYLE_PLAIN && !node->length ? SCALAR_EMPTY : SCALAR_FITS;
    return *fault ? NULL : json_string(node->text);
}

static json_t *as_duration(const struct document_node *node, enum scalar_fault *fault)
{
    int64_t ms;
    char text[DURATION_TEXT_SIZE];
    if (!duration_read(node->text, &ms)) {
        *fault = SCALAR_OTHER_TYPE;
        return NULL;
    }
    duration_write(ms, text);
    return json_string(text);
}

static bool value_fits(const json_t *value, enum value_type type)
{
    return type == TYPE_ANY || (type == TYPE_INT && json_is_integer(value)) ||
           (type == TYPE_FLOAT && json_is_number(value)) || (type == TYPE_BOOL && json_is_boolean(value));
}

json_t *scalar_as(const struct document_node *node, enum value_type type, enum scalar_fault *fault)
{
    *fault = SCALAR_FITS;
    if (type == TYPE_STRING || type == TYPE_PATH)
        return as_text(node, fault);
    if (type == TYPE_DURATION)
        return as_duration(node, fault);
    json_t *value = scalar_value(node);
    if (!value)
        *fault = SCALAR_RANGE;
    else if (type != TYPE_ANY && node->style != STYLE_PLAIN)
        *fault = SCALAR_QUOTED;
    else if (type != TYPE_ANY && !node->length)
        *fault = SCALAR_EMPTY;
    else if (type == TYPE_BOOL && is_old_bool(node->text))
        *fault = SCALAR_OLD_BOOL;
    else if (!value_fits(value, type))
        *fault = SCALAR_OTHER_TYPE;
    if (!*fault && type == TYPE_FLOAT && json_is_integer(value)) {
        json_t *real = json_real((double)json_integer_value(value));
        json_decref(value);
        return real;
    }
    if (!*fault)
        return value;
    json_decref(value);
    return NULL;
}
