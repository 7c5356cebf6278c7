#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "jobs/source.h"

char *text_cleaned(const char *text)
{
    struct text clean = {0};
    for (size_t length; *text; text += length) {
        long code;
        length = source_character(text, &code);
        bool c1 = code >= 0x80 && code < 0xA0;
        if (code == '\n' || code == '\t' || (code >= 0x20 && code != 0x7F && !c1))
            text_append(&clean, text, length);
        else
            text_format(&clean, "\\x%02x", c1 ? (unsigned)code : (unsigned char)*text);
    }
    return text_take(&clean);
}

json_t *text_json(const char *text)
{
    json_t *value = json_string(text);
    if (value)
        return value;
    char *clean = text_cleaned(text);
    value = json_string(clean);
    free(clean);
    return value;
}

void report_json(json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    puts(text);
    fflush(stdout);
    free(text);
    json_decref(value);
}

int report_error(const struct invocation *invocation, const struct error *error)
{
    if (invocation->json) {
        json_t *one = json_pack("{s:s,s:o}", "code", error_code_text(error->code), "message",
                                text_json(error->message));
        if (error->next[0])
            json_object_set_new(one, "hint", text_json(error->next));
        report_json(json_pack("{s:[o]}", "errors", one));
    } else {
        char *message = text_cleaned(error->message), *next = text_cleaned(error->next);
        fprintf(stderr, "pawl: %s\n", message);
        if (*next)
            fprintf(stderr, "      %s\n", next);
        free(message);
        free(next);
    }
    return error_exit_status(error->code);
}

int report_diagnostics(const struct invocation *invocation, const struct diagnostics *diagnostics)
{
    if (invocation->json) {
        report_json(json_pack("{s:o}", "errors", diagnostics_json(diagnostics)));
        return EXIT_USAGE;
    }
    struct text text = {0};
    diagnostics_print(diagnostics, invocation->colour && isatty(STDERR_FILENO), &text);
    fputs(text_string(&text), stderr);
    text_clear(&text);
    return EXIT_USAGE;
}
