#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

char *text_cleaned(const char *text)
{
    struct text clean = {0};
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        bool harmless = (byte >= 0x20 && byte != 0x7F) || byte == '\n' || byte == '\t';
        /* C1 controls come as C2 80 … C2 9F in UTF-8 */
        bool c1 = byte == 0xC2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xA0;
        if (harmless && !c1) {
            text_append(&clean, text, 1);
        } else if (c1) {
            text_format(&clean, "\\x%02x", (unsigned char)*++text);
        } else {
            text_format(&clean, "\\x%02x", byte);
        }
    }
    return text_take(&clean);
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
        json_t *one = json_pack("{s:s,s:s}", "code", error_code_text(error->code), "message", error->message);
        if (error->next[0])
            json_object_set_new(one, "hint", json_string(error->next));
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
