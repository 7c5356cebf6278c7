#include "jobs/param_bounds.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/json.h"
#include "base/memory.h"

#define PATTERN_BYTES   256
#define PATTERN_REPEATS 1000 /* all {n,m} of a pattern multiplied: each one copies what it repeats */

bool secret_reference_is_good(const char *text)
{
    return (!strncmp(text, "env:", 4) && text[4] && !strchr(text, '=')) ||
           (!strncmp(text, "file:", 5) && text[5]);
}

static int64_t duration_of(const json_t *value)
{
    int64_t ms = 0;
    duration_read(json_string_value(value), &ms);
    return ms;
}

int value_compare(enum value_type type, const json_t *a, const json_t *b)
{
    if (type == TYPE_FLOAT) {
        double x = json_number_value(a), y = json_number_value(b);
        return (x > y) - (x < y);
    }
    int64_t x = type == TYPE_DURATION ? duration_of(a) : json_integer_value(a);
    int64_t y = type == TYPE_DURATION ? duration_of(b) : json_integer_value(b);
    return (x > y) - (x < y);
}

/* ---- patterns ---- */

/* The greatest number of a `{n,m}`, or 1. */
static long repeats_at(const char *at)
{
    long most = 1;
    for (at++; *at && *at != '}'; at++)
        if (*at >= '0' && *at <= '9') {
            char *end;
            long number = strtol(at, &end, 10);
            most = number > most ? number : most;
            at = end - 1;
        }
    return most;
}

static const char *pattern_danger(const char *pattern)
{
    long repeats = 1;
    if (strlen(pattern) > PATTERN_BYTES)
        return "is longer than 256 bytes";
    for (const char *at = pattern; *at; at++) {
        if (*at == '\\' && at[1] >= '1' && at[1] <= '9')
            return "refers back to a group, which pawl does not take";
        if (*at == '\\' && at[1])
            at++;
        else if (*at == '{' && (repeats *= repeats_at(at)) > PATTERN_REPEATS)
            return "repeats more than 1000 times";
    }
    return NULL;
}

static int pattern_compile(const char *pattern, regex_t *regex)
{
    char *anchored = string_format("^(%s)$", pattern);
    int result = regcomp(regex, anchored, REG_EXTENDED | REG_NOSUB);
    free(anchored);
    return result;
}

bool pattern_is_good(const char *pattern, char *why, size_t size)
{
    regex_t regex;
    const char *danger = pattern_danger(pattern);
    if (danger) {
        snprintf(why, size, "the pattern %s", danger);
        return false;
    }
    int result = pattern_compile(pattern, &regex);
    if (!result) {
        regfree(&regex);
        return true;
    }
    char reason[128];
    regerror(result, NULL, reason, sizeof reason);
    snprintf(why, size, "the pattern is no regular expression: %s", reason);
    return false;
}

static bool pattern_matches(const char *pattern, const char *text)
{
    regex_t regex;
    if (pattern_compile(pattern, &regex))
        return true; /* reported where it was read */
    bool matches = !regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    return matches;
}

/* ---- values ---- */

static char *value_shown(const json_t *value)
{
    if (json_is_string(value))
        return string_copy(json_string_value(value));
    return json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15)); /* for people */
}

static bool is_listed(const json_t *list, const json_t *value)
{
    size_t index;
    json_t *listed;
    json_array_foreach(list, index, listed) if (json_equal(listed, value)) return true;
    return false;
}

static bool refuse(const json_t *value, const char *what, const char *reason, const json_t *bound, char *why,
                   size_t size)
{
    char *shown = value_shown(value), *limit = value_shown(bound);
    snprintf(why, size, "%s %.200s is %s %.200s", what, shown, reason, limit);
    free(shown);
    free(limit);
    return false;
}

bool param_accepts(const struct job_param *param, const json_t *value, const char *what, char *why,
                   size_t size)
{
    if (param->min && value_compare(param->type, value, param->min) < 0)
        return refuse(value, what, "below min", param->min, why, size);
    if (param->max && value_compare(param->type, value, param->max) > 0)
        return refuse(value, what, "above max", param->max, why, size);
    if (param->one_of && !is_listed(param->one_of, value))
        return refuse(value, what, "none of", param->one_of, why, size);
    if (param->pattern && !pattern_matches(param->pattern, json_string_value(value))) {
        json_t *pattern = json_string(param->pattern);
        refuse(value, what, "not of the pattern", pattern, why, size);
        json_decref(pattern);
        return false;
    }
    return true;
}
