#include "cli/param_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/report.h"

#define PARAMS_SHOWN 20
#define VALUE_BYTES  40
#define CHOICE_BYTES 80
#define HELP_BYTES   160
#define NAME_COLUMNS 20

/* A text as it is, where there is one, all else as JSON; free() it. */
static char *value_text(const json_t *value)
{
    return json_string_length(value) ? string_copy(json_string_value(value)) : json_canonical(value);
}

static void add_value(struct text *line, const char *before, const json_t *value)
{
    char shown[VALUE_BYTES];
    char *text = value_text(value);
    text_fit(shown, sizeof shown, "%s", text);
    text_format(line, "%s%s", before, shown);
    free(text);
}

/* ", at least 2, at most 254", ", one of chunk, meta" */
static void add_bounds(struct text *line, const struct job_param *param)
{
    struct text choice = {0};
    size_t index;
    json_t *value;
    if (param->min)
        add_value(line, ", at least ", param->min);
    if (param->max)
        add_value(line, ", at most ", param->max);
    json_array_foreach(param->one_of, index, value) add_value(&choice, index ? ", " : ", one of ", value);
    if (param->pattern)
        text_format(&choice, ", matching %s", param->pattern);
    if (choice.length) {
        char shown[CHOICE_BYTES];
        text_fit(shown, sizeof shown, "%s", text_string(&choice));
        text_add(line, shown);
    }
    text_clear(&choice);
}

static void print_param(FILE *to, const struct job_param *param)
{
    struct text line = {0};
    text_format(&line, "%-*s %s", NAME_COLUMNS, param->name, value_type_text(param->type));
    if (param->fallback)
        add_value(&line, ", default ", param->fallback);
    else
        text_add(&line, ", required");
    add_bounds(&line, param);
    if (param->help) {
        char shown[HELP_BYTES];
        text_fit(shown, sizeof shown, "%s", param->help);
        text_format(&line, ": %s", shown);
    }
    char *clean = line_cleaned(text_string(&line)); /* a job file's: it shall not look like lines of ours */
    fprintf(to, "  %s\n", clean);
    free(clean);
    text_clear(&line);
}

void param_list_print(FILE *to, const struct job *job)
{
    int shown = 0;
    if (!job->param_count) {
        say(to, "%s takes no params\n", job->name);
        return;
    }
    say(to, "the params of %s:\n", job->name);
    for (int required = 1; required >= 0; required--)
        for (int i = 0; i < job->param_count; i++)
            if ((job->params[i].fallback == NULL) == required && shown++ < PARAMS_SHOWN)
                print_param(to, &job->params[i]);
    if (shown > PARAMS_SHOWN)
        fprintf(to, "  … and %d more: they stand under params: in the job file\n", shown - PARAMS_SHOWN);
}
