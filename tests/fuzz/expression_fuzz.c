/* Any bytes as an expression and as a template: read, checked and evaluated within the limits, without a
 * fault of memory. Two things must hold besides: what is evaluated twice gives the same, and a fault's place
 * lies within the text. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "jobs/template.h"
#include "tests/fuzz/target.h"

const struct fuzz_target fuzz_target = {.name = "expression", .lines = {"tests/unit/expressions.txt"}};

static json_t *names(void)
{
    static json_t *parsed;
    if (!parsed)
        parsed = json_loads(
            "{\"x\": [1, 2.5, \"a\", null, {\"b\": [true]}], \"a\": {\"b\": {\"c\": 0}}, \"s\": \"\\u00fc\","
            " \"params\": {\"t\": {\"secret\": \"env:T\"}}}",
            0, NULL);
    return parsed;
}

static struct expression_type resolve(void *context, const char *const *path, int count, bool tested,
                                      int *part, struct expression_fault *fault)
{
    (void)context;
    (void)tested;
    (void)fault;
    *part = strlen(path[0]) % 2 ? 1 : count;
    enum expression_kind kind = strlen(path[count - 1]) % 11;
    return (struct expression_type){kind, CEL_DYN};
}

static void report(void *context, const struct expression_fault *fault)
{
    assert(fault->offset <= *(size_t *)context);
    assert(fault->code && fault->length);
}

static void try_expression(const char *text, size_t length)
{
    struct expression_fault fault;
    struct error first_error, second_error;
    struct expression *expression = expression_read(text, length, &fault);
    if (!expression) {
        report(&length, &fault);
        return;
    }
    expression_check(expression, resolve, &length, report);
    json_t *first = expression_evaluate(expression, names(), &first_error);
    json_t *second = expression_evaluate(expression, names(), &second_error);
    assert(!first == !second);
    assert(first ? json_equal(first, second) : !strcmp(first_error.message, second_error.message));
    json_decref(first);
    json_decref(second);
    expression_free(expression);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct error error;
    try_expression((const char *)bytes, length);
    char *text = memory_new(length + 1);
    memcpy(text, bytes, length);
    json_t *template = json_string(text);
    json_t *value = template ? template_evaluate(template, names(), &error) : NULL;
    json_decref(value);
    json_decref(template);
    free(template_text(text, names(), &error));
    char *escaped = template_escape(text), *back = template_text(escaped, names(), &error);
    assert(back && !strcmp(back, text));
    free(back);
    free(escaped);
    free(text);
    return 0;
}
