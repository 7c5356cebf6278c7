/* `pawl eval`: an expression over a JSON document, whose top-level keys are the names in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "jobs/expression.h"

struct eval {
    const char *text;
    json_t *names;
    bool as_json;
    int mistakes;
    struct text shown;    /* the mistakes, for people */
    struct text messages; /* the same in one line, for JSON */
};

static struct expression_type type_of_value(const json_t *value)
{
    static const enum expression_kind kinds[] = {
        [JSON_OBJECT] = CEL_MAP,  [JSON_ARRAY] = CEL_LIST,  [JSON_STRING] = CEL_STRING,
        [JSON_INTEGER] = CEL_INT, [JSON_REAL] = CEL_DOUBLE, [JSON_TRUE] = CEL_BOOL,
        [JSON_FALSE] = CEL_BOOL,  [JSON_NULL] = CEL_DYN};
    return (struct expression_type){kinds[json_typeof(value)], CEL_DYN};
}

/* A name is a key of the document; what lies below it is known only when it is read. */
static struct expression_type resolve(void *context, const char *const *path, int count, bool tested,
                                      int *part, struct expression_fault *fault)
{
    const struct eval *eval = context;
    (void)count;
    (void)tested;
    const json_t *value = json_object_get(eval->names, path[0]);
    *part = 1;
    if (value)
        return type_of_value(value);
    snprintf(fault->message, sizeof fault->message, "there is no name \"%.100s\"", path[0]);
    snprintf(fault->hint, sizeof fault->hint, "names are the top-level keys of --data FILE");
    return (struct expression_type){CEL_ERROR, CEL_DYN};
}

static void underline(struct text *out, const char *text, size_t offset, size_t length)
{
    for (size_t i = 0; text[i] && i < offset + length; i++)
        if ((text[i] & 0xC0) != 0x80)
            text_add(out, i < offset ? text[i] == '\t' ? "\t" : " " : i == offset ? "^" : "~");
    if (offset >= strlen(text))
        text_add(out, "^");
}

static void report(void *context, const struct expression_fault *fault)
{
    struct eval *eval = context;
    text_format(&eval->messages, "%s%s", eval->mistakes++ ? "; " : "", fault->message);
    text_format(&eval->shown, "pawl: %s [%s]\n  %s\n  ", fault->message, fault->code, eval->text);
    underline(&eval->shown, eval->text, fault->offset, fault->length);
    text_format(&eval->shown, "%s%s\n", fault->hint[0] ? " " : "", fault->hint);
}

/* The error in the form asked for. */
static int fail(const struct eval *eval, enum error_code code, const char *message, const char *shown)
{
    if (!eval->as_json) {
        say(stderr, "%s", shown);
        return EXIT_FAILED;
    }
    report_json(
        json_pack("{s:{s:s,s:o}}", "error", "code", error_code_text(code), "message", text_json(message)));
    return EXIT_FAILED;
}

/* Canonical text, but doubles in 15 digits where that is all of them: 0.1, not 0.10000000000000001. */
static char *text_for_people(const json_t *value)
{
    const size_t flags = JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY;
    char *text = json_dumps(value, flags | JSON_REAL_PRECISION(15));
    json_t *again = json_loads(text, JSON_DECODE_ANY, NULL);
    bool same = json_equal(again, (json_t *)value);
    json_decref(again);
    if (same)
        return text;
    free(text);
    return json_canonical(value);
}

static int print_value(const struct eval *eval, json_t *value, struct expression_type type)
{
    char type_text[64];
    if (json_is_null(value))
        type.kind = CEL_NULL;
    else if (type.kind == CEL_DYN)
        type = type_of_value(value);
    expression_type_text(type, type_text, sizeof type_text);
    if (eval->as_json) {
        report_json(json_pack("{s:s,s:O}", "type", type_text, "value", value));
    } else {
        char *text = text_for_people(value);
        say(stdout, "%s (%s)\n", text, type_text);
        free(text);
    }
    return EXIT_SUCCEEDED;
}

/* An expression that is none: whoever called it is wrong, whatever the document holds. */
static int refuse(struct eval *eval)
{
    fail(eval, ERROR_EXPRESSION, text_string(&eval->messages), text_string(&eval->shown));
    return EXIT_USAGE;
}

static int evaluate(struct eval *eval, const struct expression *expression)
{
    struct expression_type type = expression_check(expression, resolve, eval, report);
    if (eval->mistakes)
        return refuse(eval);
    struct error error;
    json_t *value = expression_evaluate(expression, eval->names, &error);
    if (!value) {
        char *clean = text_cleaned(error.message); /* it may quote the document */
        text_format(&eval->shown, "pawl: %s\n", clean);
        free(clean);
        return fail(eval, error.code, error.message, text_string(&eval->shown));
    }
    int status = print_value(eval, value, type);
    json_decref(value);
    return status;
}

static int eval_run(struct eval *eval)
{
    struct expression_fault fault;
    struct expression *expression = expression_read(eval->text, strlen(eval->text), &fault);
    if (!expression) {
        report(eval, &fault);
        return refuse(eval);
    }
    int status = evaluate(eval, expression);
    expression_free(expression);
    return status;
}

static json_t *names_read(const char *path, struct error *error)
{
    size_t length;
    char *bytes = file_read(path, LIMIT_JSON_BYTES, &length, error);
    if (!bytes)
        return NULL;
    json_t *names = json_read(bytes, length, LIMIT_JSON_BYTES, path, error);
    free(bytes);
    if (names && !json_is_object(names)) {
        json_decref(names);
        error_set(error, ERROR_USAGE, "%s: not a JSON object: its keys are the names", path);
        return NULL;
    }
    return names;
}

int command_eval(struct invocation *invocation)
{
    const char *path = invocation_value(invocation, "data");
    struct eval eval = {.text = invocation->arguments[0], .as_json = invocation->json};
    struct error error = {0};
    eval.names = path ? names_read(path, &error) : json_object();
    if (!eval.names) {
        error.code = ERROR_USAGE; /* whatever is wrong with the file: nothing was evaluated */
        return report_error(invocation, &error);
    }
    int status = eval_run(&eval);
    text_clear(&eval.shown);
    text_clear(&eval.messages);
    json_decref(eval.names);
    return status;
}
