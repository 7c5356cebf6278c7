#include "jobs/template.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "base/text.h"
#include "jobs/expression_private.h"

/* --- the pieces of a text --- */

/* The `}` that ends the expression at `start`; strings and braces inside it are seen. */
static int find_close(const char *text, size_t length, size_t start, size_t *close,
                      struct expression_fault *fault)
{
    struct scanner scanner = {.text = text, .length = length, .at = start};
    struct expression_fault strange = {0};
    struct token token;
    bool strange_string = false;
    int open = 0;
    for (;;) {
        if (token_next(&scanner, &token, &strange)) { /* the reader reports what it cannot read */
            strange_string |= text[token.offset] == '"' || text[token.offset] == '\'';
            continue;
        }
        if (token.kind == TOKEN_END)
            break;
        if (token.kind == '{')
            open++;
        if (token.kind == '}' && !open--) {
            *close = token.offset;
            return 0;
        }
    }
    if (strange_string)
        *fault = strange;
    else
        fault_set(fault, start - 2, length - start + 2, EXPRESSION_SYNTAX, "this ${ has no closing }");
    if (!fault->hint[0])
        fault_hint(fault, "a literal ${ is written $${");
    return -1;
}

int template_next(const char *text, size_t *at, struct template_part *part, struct expression_fault *fault)
{
    size_t start = *at, end = start;
    if (!strncmp(text + start, "$${", 3))
        end = 3 + start++;
    else if (!strncmp(text + start, "${", 2)) {
        size_t length = strlen(text), close;
        *at = length;
        if (find_close(text, length, start + 2, &close, fault))
            return -1;
        *part = (struct template_part){true, start + 2, close - start - 2};
        *at = close + 1;
        return 1;
    }
    while (text[end] && strncmp(text + end, "${", 2) && strncmp(text + end, "$${", 3))
        end++;
    *part = (struct template_part){false, start, end - start};
    *at = end;
    return end > start;
}

static bool is_blank(const char *text, size_t length)
{
    return strspn(text, " \t\r\n") >= length;
}

bool template_is_single(const char *text, struct template_part *part)
{
    struct expression_fault fault;
    size_t at = strspn(text, " \t\r\n");
    return template_next(text, &at, part, &fault) == 1 && part->is_expression &&
           is_blank(text + at, strlen(text + at));
}

bool template_has_expression(const char *text)
{
    for (; (text = strchr(text, '$')); text++) {
        if (!strncmp(text, "$${", 3))
            text += 2;
        else if (text[1] == '{')
            return true;
    }
    return false;
}

char *template_escape(const char *literal)
{
    struct text text = {0};
    for (const char *found; (found = strstr(literal, "${")); literal = found + 2) {
        text_append(&text, literal, (size_t)(found - literal));
        text_add(&text, "$${");
    }
    text_add(&text, literal);
    return text_take(&text);
}

/* --- values --- */

static int error_from_fault(struct error *error, const char *text, const struct expression_fault *fault)
{
    error_set(error, fault->code && !strcmp(fault->code, EXPRESSION_LIMIT) ? ERROR_LIMIT : ERROR_EXPRESSION,
              "%s, in \"%.120s\"", fault->message, text);
    return fault->hint[0] ? error_next(error, "%s", fault->hint) : -1;
}

static json_t *evaluate_part(const char *text, const struct template_part *part, const json_t *names,
                             struct error *error)
{
    struct expression_fault fault;
    struct expression *expression = expression_read(text + part->offset, part->length, &fault);
    if (!expression) {
        error_from_fault(error, text, &fault);
        return NULL;
    }
    json_t *value = expression_evaluate(expression, names, error);
    expression_free(expression);
    return value;
}

static bool looks_secret(const json_t *value)
{
    return json_object_size(value) == 1 && (json_is_string(json_object_get(value, "secret")) ||
                                            json_is_array(json_object_get(value, "secret_text")));
}

/* Whether `wanted` itself, not an equal one, stands in `value`. */
static bool is_within(json_t *value, const json_t *wanted, int depth)
{
    size_t index;
    const char *key;
    json_t *item;
    if (value == wanted)
        return true;
    if (depth > LIMIT_VALUE_DEPTH)
        return false;
    json_array_foreach(value, index, item)
    {
        if (is_within(item, wanted, depth + 1))
            return true;
    }
    json_object_foreach(value, key, item)
    {
        if (is_within(item, wanted, depth + 1))
            return true;
    }
    return false;
}

static bool is_own_secret(const json_t *value, const json_t *names)
{
    return is_within(json_object_get(names, "params"), value, 0) ||
           is_within(json_object_get(names, "vars"), value, 0);
}

/* Whether something inside an expression's value pretends to be a secret. */
static bool holds_false_secret(json_t *value, const json_t *names, int depth)
{
    size_t index;
    const char *key;
    json_t *item;
    if (!json_is_object(value) && !json_is_array(value))
        return false;
    if (looks_secret(value))
        return !is_own_secret(value, names);
    if (depth > LIMIT_VALUE_DEPTH)
        return true;
    json_array_foreach(value, index, item)
    {
        if (holds_false_secret(item, names, depth + 1))
            return true;
    }
    json_object_foreach(value, key, item)
    {
        if (holds_false_secret(item, names, depth + 1))
            return true;
    }
    return false;
}

static json_t *evaluate_single(const char *text, const struct template_part *part, const json_t *names,
                               struct error *error)
{
    json_t *value = evaluate_part(text, part, names, error);
    if (!value || !holds_false_secret(value, names, 0))
        return value;
    json_decref(value);
    error_set(error, ERROR_EXPRESSION,
              "a value that looks like a reference to a secret but is no param's, in \"%.120s\"", text);
    error_next(error, "declare a param of the type secret");
    return NULL;
}

/* A text in the making: literal so far, and, once it holds a secret, what came before. */
struct composed {
    struct text text;
    json_t *secret_parts; /* NULL: none yet */
};

static void composed_flush(struct composed *composed)
{
    if (!composed->text.length)
        return;
    json_array_append_new(composed->secret_parts, json_stringn(composed->text.bytes, composed->text.length));
    composed->text.length = 0;
}

static void composed_add_secret(struct composed *composed, json_t *secret)
{
    if (!composed->secret_parts)
        composed->secret_parts = json_array();
    composed_flush(composed);
    json_t *parts = json_object_get(secret, "secret_text");
    if (parts)
        json_array_extend(composed->secret_parts, parts);
    else
        json_array_append(composed->secret_parts, secret);
}

static int composed_add(struct composed *composed, json_t *value, const json_t *names, const char *text,
                        struct error *error)
{
    char number[DOUBLE_TEXT_SIZE];
    if (json_is_string(value))
        text_append(&composed->text, json_string_value(value), json_string_length(value));
    else if (json_is_integer(value))
        text_format(&composed->text, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        text_append(&composed->text, number, value_double_text(json_real_value(value), number));
    else if (json_is_boolean(value))
        text_add(&composed->text, json_is_true(value) ? "true" : "false");
    else if (looks_secret(value) && is_own_secret(value, names))
        composed_add_secret(composed, value);
    else
        return error_set(error, ERROR_EXPRESSION, "%s cannot become text, in \"%.120s\"",
                         json_is_null(value)    ? "null"
                         : json_is_array(value) ? "a list"
                                                : "a map",
                         text);
    if (composed->text.length <= LIMIT_VALUE_BYTES)
        return 0;
    return error_set(error, ERROR_LIMIT, "the text would take more than %d KiB, in \"%.120s\"",
                     LIMIT_VALUE_BYTES / 1024, text);
}

/* Every piece, one behind the other. */
static int compose(struct composed *composed, const char *text, const json_t *names, struct error *error)
{
    struct template_part part;
    struct expression_fault fault;
    size_t at = 0;
    int found;
    while ((found = template_next(text, &at, &part, &fault)) == 1) {
        if (!part.is_expression) {
            text_append(&composed->text, text + part.offset, part.length);
            continue;
        }
        json_t *value = evaluate_part(text, &part, names, error);
        int failed = !value || composed_add(composed, value, names, text, error);
        json_decref(value);
        if (failed)
            return -1;
    }
    return found ? error_from_fault(error, text, &fault) : 0;
}

static json_t *evaluate_composed(const char *text, const json_t *names, struct error *error)
{
    struct composed composed = {0};
    json_t *result = NULL;
    if (!compose(&composed, text, names, error)) {
        if (composed.secret_parts) {
            composed_flush(&composed);
            result = json_pack("{s:O}", "secret_text", composed.secret_parts);
        } else {
            result = json_stringn(text_string(&composed.text), composed.text.length);
        }
    }
    json_decref(composed.secret_parts);
    text_clear(&composed.text);
    return result;
}

static json_t *evaluate_string(json_t *template, const json_t *names, struct error *error)
{
    const char *text = json_string_value(template);
    struct template_part part;
    if (!strchr(text, '$'))
        return json_incref(template);
    if (template_is_single(text, &part))
        return evaluate_single(text, &part, names, error);
    return evaluate_composed(text, names, error);
}

static json_t *evaluate_template(json_t *template, const json_t *names, int depth, struct error *error);

static json_t *evaluate_array(json_t *template, const json_t *names, int depth, struct error *error)
{
    json_t *result = json_array(), *item;
    size_t index;
    json_array_foreach(template, index, item)
    {
        json_t *value = evaluate_template(item, names, depth + 1, error);
        if (!value) {
            json_decref(result);
            error_context(error, "[%zu]", index);
            return NULL;
        }
        json_array_append_new(result, value);
    }
    return result;
}

static json_t *evaluate_object(json_t *template, const json_t *names, int depth, struct error *error)
{
    json_t *result = json_object(), *item;
    const char *key;
    json_object_foreach(template, key, item)
    {
        json_t *value = evaluate_template(item, names, depth + 1, error);
        if (!value) {
            json_decref(result);
            error_context(error, "%s", key);
            return NULL;
        }
        json_object_set_new(result, key, value);
    }
    return result;
}

static json_t *evaluate_template(json_t *template, const json_t *names, int depth, struct error *error)
{
    if (depth > LIMIT_VALUE_DEPTH) {
        error_set(error, ERROR_LIMIT, "the template is nested more than %d deep", LIMIT_VALUE_DEPTH);
        return NULL;
    }
    if (json_is_string(template))
        return evaluate_string(template, names, error);
    if (json_is_array(template))
        return evaluate_array(template, names, depth, error);
    if (json_is_object(template))
        return evaluate_object(template, names, depth, error);
    return json_incref(template);
}

json_t *template_evaluate(const json_t *template, const json_t *names, struct error *error)
{
    return evaluate_template((json_t *)template, names, 0, error); /* counted, never changed */
}

char *template_text(const char *template, const json_t *names, struct error *error)
{
    struct composed composed = {0};
    int failed = compose(&composed, template, names, error);
    if (!failed && composed.secret_parts)
        failed = error_set(error, ERROR_EXPRESSION, "a secret cannot be shown, in \"%.120s\"", template);
    json_decref(composed.secret_parts);
    if (!failed)
        return text_take(&composed.text);
    text_clear(&composed.text);
    return NULL;
}

int condition_evaluate(const char *condition, const json_t *names, bool *out, struct error *error)
{
    struct template_part part;
    if (!template_is_single(condition, &part)) {
        error_set(error, ERROR_EXPRESSION, "a condition is one ${…}, not \"%.120s\"", condition);
        return -1;
    }
    json_t *value = evaluate_part(condition, &part, names, error);
    if (!value)
        return -1;
    int failed = json_is_boolean(value)
                     ? 0
                     : error_set(error, ERROR_EXPRESSION,
                                 "a condition must be true or false, and \"%.120s\" is neither", condition);
    *out = json_is_true(value);
    json_decref(value);
    return failed;
}

/* ---- references ---- */

struct telling {
    void (*tell)(void *context, const char *const *path, int count);
    void *context;
};

/* An expression_resolver for which every name is right. */
static struct expression_type tell_reference(void *context, const char *const *path, int count, bool tested,
                                             int *part, struct expression_fault *fault)
{
    const struct telling *telling = context;
    (void)tested;
    (void)part;
    (void)fault;
    telling->tell(telling->context, path, count);
    return (struct expression_type){CEL_DYN, CEL_DYN};
}

static void ignore_fault(void *context, const struct expression_fault *fault)
{
    (void)context;
    (void)fault;
}

void template_each_reference(const char *text,
                             void (*tell)(void *context, const char *const *path, int count), void *context)
{
    struct telling telling = {.tell = tell, .context = context};
    struct template_part part;
    struct expression_fault fault;
    size_t at = 0;
    for (int more; (more = template_next(text, &at, &part, &fault));) {
        bool is_expression = more > 0 && part.is_expression;
        struct expression *expression = is_expression
                                            ? expression_read(text + part.offset, part.length, &fault)
                                            : NULL;
        if (expression)
            expression_check(expression, tell_reference, &telling, ignore_fault);
        expression_free(expression);
    }
}
