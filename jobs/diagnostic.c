#include "jobs/diagnostic.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/memory.h"
#include "jobs/source.h"

#define SHOWN_BEFORE 100 /* characters of a long line, before and behind the place */
#define SHOWN_BEHIND 100

/* Every code that there is; docs/job-format.md explains them in this order. */
static const struct {
    const char *code, *meaning;
} CODES[] = {
    {"E0001", "the text is no YAML"},
    {"E0002", "the text is not UTF-8, or holds control characters"},
    {"E0003", "the file is too large, too deep or has too many parts"},
    {"E0004", "a YAML tag"},
    {"E0005", "the file holds no document"},
    {"E0006", "more than one document"},
    {"E0007", "a key stands twice in one map"},
    {"E0008", "a merge key (<<)"},
    {"E0009", "an alias without an anchor, or one that holds itself"},
    {"E0010", "a key that is no plain text"},
    {"E0101", "an unknown key"},
    {"E0102", "a key is missing"},
    {"E0103", "a value of the wrong kind"},
    {"E0104", "a name that is none"},
    {"E0105", "a name that is used twice"},
    {"E0106", "a value out of its range"},
    {"E0107", "a default that its own param refuses"},
    {"E0108", "another version of the format"},
    {"E0109", "an unknown step kind"},
    {"E0110", "an unknown input"},
    {"E0111", "an input is missing"},
    {"E0112", "an input or output of the wrong type"},
    {"E0113", "not one of the values allowed"},
    {"E0114", "inputs that exclude each other"},
    {"E0115", "a key that does not fit this step"},
    {"E0116", "a question that a comment cuts off, or that is empty"},
    {"E0117", "a duration that is none"},
    {"E0118", "a pattern that cannot be used"},
    {"E0119", "too many of something"},
    {"E0120", "not in this version"},
    {"E0121", "a value for a param that is not accepted"},
    {"E0201", "an expression that cannot be read"},
    {"E0202", "an unknown name in an expression"},
    {"E0203", "types in an expression that do not fit"},
    {"E0204", "an unknown function, or other arguments than it takes"},
    {"E0205", "CEL that this version does not have"},
    {"E0206", "an expression that is too long or too deep"},
    {"E0207", "a step has no such output"},
    {"E0208", "a secret where it could be seen"},
    {"E0209", "an expression where none is allowed, or none where one is needed"},
    {"E0301", "a step that is never reached"},
    {"E0302", "a way to a step that does not exist"},
    {"E0303", "a loop without a bound"},
    {"E0304", "a job that can never succeed"},
    {"E0305", "a guard that does not observe"},
    {"E0310", "an output is used before its step must have succeeded"},
    {"E0311", "a guard that may not have run"},
};

static bool code_is_known(const char *code)
{
    for (size_t i = 0; i < sizeof CODES / sizeof *CODES; i++)
        if (!strcmp(CODES[i].code, code))
            return true;
    return false;
}

const char *diagnostic_meaning(int index, const char **code)
{
    if (index < 0 || (size_t)index >= sizeof CODES / sizeof *CODES)
        return NULL;
    *code = CODES[index].code;
    return CODES[index].meaning;
}

/* A name in a message may hold anything that a file can: what a terminal would obey is shown instead. */
static char *text_visible(const char *text)
{
    struct text out = {0};
    while (*text) {
        long code;
        size_t bytes = source_character(text, &code);
        if (code < 0)
            text_add(&out, "\xEF\xBF\xBD");
        else if (character_deceives((uint32_t)code))
            text_format(&out, "\\u%04lX", code);
        else
            text_append(&out, text, bytes);
        text += bytes;
    }
    return text_take(&out);
}

void diagnostics_add(struct diagnostics *diagnostics, const char *code, int line, int column, int length,
                     const char *hint, const char *format, ...)
{
    assert(code_is_known(code));
    if (diagnostics->count >= LIMIT_JOB_DIAGNOSTICS) {
        diagnostics->dropped++;
        return;
    }
    struct text message = {0};
    char buffer[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    text_add(&message, buffer);
    diagnostics->list = memory_resize(diagnostics->list, (size_t)diagnostics->count + 1,
                                      sizeof *diagnostics->list);
    diagnostics->list[diagnostics->count++] = (struct diagnostic){
        .code = code,
        .line = line,
        .column = column,
        .length = length > 0 ? length : 1,
        .message = text_visible(text_string(&message)),
        .hint = hint && *hint ? text_visible(hint) : NULL,
    };
    text_clear(&message);
}

static bool is_before(const struct diagnostic *a, const struct diagnostic *b)
{
    return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* Stable: what was found first stays first at the same place. The list is short. */
void diagnostics_sort(struct diagnostics *diagnostics)
{
    for (int i = 1; i < diagnostics->count; i++) {
        struct diagnostic moved = diagnostics->list[i];
        int at = i;
        for (; at > 0 && is_before(&moved, &diagnostics->list[at - 1]); at--)
            diagnostics->list[at] = diagnostics->list[at - 1];
        diagnostics->list[at] = moved;
    }
}

/* ---- printing ---- */

/* East Asian characters take two columns of a terminal. */
static int character_width(long code)
{
    return (code >= 0x1100 && code <= 0x115F) || (code >= 0x2E80 && code <= 0xA4CF) ||
                   (code >= 0xAC00 && code <= 0xD7A3) || (code >= 0xF900 && code <= 0xFAFF) ||
                   (code >= 0xFE30 && code <= 0xFE6F) || (code >= 0xFF00 && code <= 0xFF60) ||
                   (code >= 0x1F300 && code <= 0x1FAFF)
               ? 2
               : 1;
}

static void pad(struct text *out, const char *filler, int count)
{
    for (int i = 0; i < count; i++)
        text_add(out, filler);
}

/* The part of a line around the place, and under it the caret's line, side by side. */
static void write_line(const struct diagnostic *diagnostic, const char *line, size_t length,
                       struct text *shown, struct text *under)
{
    int first = diagnostic->column - SHOWN_BEFORE, last = diagnostic->column + SHOWN_BEHIND;
    int column = 1, underlined = 0;
    if (first > 1) {
        text_add(shown, "…");
        text_add(under, " ");
    }
    for (size_t at = 0, bytes; at < length && column <= last; at += bytes, column++) {
        long code;
        bytes = source_character(line + at, &code);
        if (column < first)
            continue;
        bool odd = code < 0 || (code != '\t' && character_deceives((uint32_t)code));
        text_append(shown, odd ? "\xEF\xBF\xBD" : line + at, odd ? 3 : bytes);
        if (column < diagnostic->column)
            pad(under, code == '\t' ? "\t" : " ", odd ? 1 : character_width(code));
        else if (column < diagnostic->column + diagnostic->length) {
            pad(under, "^", odd ? 1 : character_width(code));
            underlined++;
        }
        if (column == last && at + bytes < length)
            text_add(shown, "…");
    }
    if (!underlined) {
        pad(under, " ", diagnostic->column - column);
        text_add(under, "^");
    }
}

static void print_place(const struct diagnostics *diagnostics, const struct diagnostic *diagnostic,
                        bool colour, struct text *out)
{
    size_t length;
    const char *line = source_line(diagnostics->source, diagnostic->line, &length);
    struct text shown = {0}, under = {0};
    write_line(diagnostic, line, length, &shown, &under);
    text_format(out, "%5d | %s\n      | ", diagnostic->line, text_string(&shown));
    text_format(out, "%s%s%s", colour ? "\033[1;31m" : "", text_string(&under), colour ? "\033[0m" : "");
    if (diagnostic->hint)
        text_format(out, " %s", diagnostic->hint);
    text_add(out, "\n");
    text_clear(&shown);
    text_clear(&under);
}

static void print_one(const struct diagnostics *diagnostics, const struct diagnostic *diagnostic, bool colour,
                      struct text *out)
{
    char *file = diagnostics->file ? text_visible(diagnostics->file) : NULL;
    text_add(out, colour ? "\033[1m" : "");
    if (file && diagnostic->line)
        text_format(out, "%s:%d:%d: ", file, diagnostic->line, diagnostic->column);
    else if (file)
        text_format(out, "%s: ", file);
    free(file);
    text_format(out, "%serror[%s]:%s %s", colour ? "\033[31m" : "", diagnostic->code,
                colour ? "\033[0;1m" : "", diagnostic->message);
    if (diagnostic->hint && (!diagnostic->line || !diagnostics->source))
        text_format(out, " (%s)", diagnostic->hint);
    text_add(out, colour ? "\033[0m\n" : "\n");
    if (diagnostic->line && diagnostics->source)
        print_place(diagnostics, diagnostic, colour, out);
}

void diagnostics_print(const struct diagnostics *diagnostics, bool colour, struct text *out)
{
    for (int i = 0; i < diagnostics->count; i++)
        print_one(diagnostics, &diagnostics->list[i], colour, out);
    int all = diagnostics->count + diagnostics->dropped;
    if (diagnostics->dropped)
        text_format(out, "%d errors, the first %d are shown; nothing was recorded\n", all,
                    diagnostics->count);
    else if (all)
        text_format(out, "%d error%s; nothing was recorded\n", all, all == 1 ? "" : "s");
}

/* A file's name may be any bytes; JSON takes UTF-8 only. */
static json_t *file_json(const char *file)
{
    if (!file)
        return json_null();
    json_t *name = json_string(file);
    if (name)
        return name;
    char *visible = text_visible(file);
    name = json_string(visible);
    free(visible);
    return name;
}

json_t *diagnostics_json(const struct diagnostics *diagnostics)
{
    json_t *array = json_array();
    for (int i = 0; i < diagnostics->count; i++) {
        const struct diagnostic *diagnostic = &diagnostics->list[i];
        json_array_append_new(array, json_pack("{s:o,s:i,s:i,s:s,s:s,s:s?}", "file",
                                               file_json(diagnostics->file), "line", diagnostic->line,
                                               "column", diagnostic->column, "code", diagnostic->code,
                                               "message", diagnostic->message, "hint", diagnostic->hint));
    }
    return array;
}

void diagnostics_clear(struct diagnostics *diagnostics)
{
    for (int i = 0; i < diagnostics->count; i++) {
        free(diagnostics->list[i].message);
        free(diagnostics->list[i].hint);
    }
    free(diagnostics->list);
    free(diagnostics->file);
    free(diagnostics->source);
    *diagnostics = (struct diagnostics){0};
}

/* ---- "did you mean" ---- */

static int lower(char letter)
{
    return letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter == '-' ? '_' : letter;
}

static int least(int a, int b, int c)
{
    int smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

/* Edits from one name to another, two swapped letters counting as one; without regard to case and to - and _.
 */
static int name_distance(const char *a, const char *b)
{
    int rows[3][LIMIT_NAME_BYTES + 2];
    int length_a = (int)strlen(a), length_b = (int)strlen(b);
    if (length_a > LIMIT_NAME_BYTES || length_b > LIMIT_NAME_BYTES)
        return LIMIT_NAME_BYTES;
    for (int j = 0; j <= length_b; j++)
        rows[0][j] = j;
    for (int i = 1; i <= length_a; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= length_b; j++) {
            bool same = lower(a[i - 1]) == lower(b[j - 1]);
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]) &&
                two_above[j - 2] + 1 < row[j])
                row[j] = two_above[j - 2] + 1;
        }
    }
    return rows[length_a % 3][length_b];
}

/* `id` for `chunkid`, `int` for `integer`, `string` for `str`: one stands at the end or the beginning of the
 * other. */
static bool is_part_of(const char *name, const char *wrong)
{
    size_t length = strlen(name), wrong_length = strlen(wrong);
    size_t shorter = length < wrong_length ? length : wrong_length;
    bool ends = length >= 2 && length < wrong_length && !strcasecmp(wrong + wrong_length - length, name);
    return ends || (shorter >= 3 && !strncasecmp(wrong, name, shorter));
}

const char *name_nearest(const char *wrong, const char *const *names)
{
    const char *nearest = NULL, *part = NULL;
    int limit = (int)strlen(wrong) / 3 + 1, best = limit + 1;
    if (strlen(wrong) < 2)
        return NULL;
    for (; *names; names++) {
        int distance = name_distance(wrong, *names);
        if (distance < best && distance < (int)strlen(*names)) {
            best = distance;
            nearest = *names;
        }
        if (!part && is_part_of(*names, wrong))
            part = *names;
    }
    return nearest ? nearest : part;
}
