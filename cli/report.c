#include "cli/report.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

static char *cleaned(const char *text, bool one_line)
{
    struct text clean = {0};
    for (size_t length = strlen(text), size; length; text += size, length -= size) {
        size = utf8_length(text, length);
        bool stays = !one_line && size == 1 && (*text == '\n' || *text == '\t');
        uint32_t c = utf8_code(text, size);
        if (!size || (size == 1 && !stays && character_deceives(c))) {
            text_format(&clean, "\\x%02x", (unsigned char)*text);
            size = 1;
        } else if (size > 1 && character_deceives(c)) {
            text_format(&clean, "\\u{%x}", c);
        } else {
            text_append(&clean, text, size);
        }
    }
    return text_take(&clean);
}

char *text_cleaned(const char *text)
{
    return cleaned(text, false);
}

char *line_cleaned(const char *text)
{
    return cleaned(text, true);
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

void say(FILE *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *said = string_format_list(format, arguments);
    va_end(arguments);
    char *clean = text_cleaned(said);
    fputs(clean, to);
    free(clean);
    free(said);
}

void report_json(json_t *value)
{
    /* On a terminal what is beyond ASCII is escaped, too: it may turn the direction of writing. */
    size_t ascii = isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0;
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | ascii);
    puts(text ? text : "null"); /* what json_pack could not make: a text that is no UTF-8 */
    fflush(stdout);
    free(text);
    json_decref(value);
}

/* What to do next; where a command was called wrongly and nobody says it better, its help. free() it. */
static char *next_of(const struct invocation *invocation, const struct error *error)
{
    bool asks_help = !error->next[0] && error->code == ERROR_USAGE && invocation->command;
    return asks_help ? string_format("pawl help %s", invocation->command->name) : text_cleaned(error->next);
}

int report_error(const struct invocation *invocation, const struct error *error)
{
    char *next = next_of(invocation, error);
    if (invocation->json) {
        json_t *one = json_pack("{s:s,s:o}", "code", error_code_text(error->code), "message",
                                text_json(error->message));
        if (*next)
            json_object_set_new(one, "hint", text_json(next));
        report_json(json_pack("{s:[o]}", "errors", one));
    } else {
        char *message = text_cleaned(error->message);
        fprintf(stderr, "pawl: %s\n", message);
        if (*next)
            fprintf(stderr, "      %s\n", next);
        free(message);
    }
    free(next);
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
    fputs(text_string(&text), stderr); /* diagnostics_print has shown what a terminal could act upon */
    text_clear(&text);
    return EXIT_USAGE;
}
