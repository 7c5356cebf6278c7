/* What a rehearsal says: a table of steps and of what happened to them, then every finding with the way to
 * see it again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "cli/rehearse/rehearsal.h"
#include "cli/report.h"

#define COLUMNS_MAX 32
#define STORIES_MAX 3
#define CELL_WIDTH  7
#define FIRST_WIDTH 10

/* From the best to the worst: a cell shows the worst of its situations. */
static const char *const OUTCOMES[] = {"ok", "resumes", "stops", "waits", "asks", "unsafe"};
#define OUTCOME_COUNT (int)(sizeof OUTCOMES / sizeof *OUTCOMES)

static int rank(const json_t *outcome)
{
    const char *text = json_text(outcome, "outcome", "unsafe");
    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (!strcmp(OUTCOMES[i], text))
            return i;
    return OUTCOME_COUNT - 1;
}

static bool is_unsafe(const json_t *outcome)
{
    return rank(outcome) == OUTCOME_COUNT - 1;
}

struct table {
    const char *columns[COLUMNS_MAX];
    int column_count;
    const struct rehearsal *rehearsal;
    const struct situations *situations;
    json_t **outcomes;
};

static void fill_columns(struct table *table)
{
    for (int i = 0; i < table->situations->count; i++) {
        const char *column = table->situations->list[i].column;
        int at = 0;
        while (at < table->column_count && strcmp(table->columns[at], column))
            at++;
        if (*column && at == table->column_count && at < COLUMNS_MAX)
            table->columns[table->column_count++] = column;
    }
}

/* The worst outcome of a cell; -1: nothing was rehearsed there. */
static int cell(const struct table *table, const char *step, const char *column)
{
    int worst = -1;
    for (int i = 0; i < table->situations->count; i++) {
        const struct situation *situation = &table->situations->list[i];
        bool tells = !json_bool(table->outcomes[i], "missed", false) || is_unsafe(table->outcomes[i]);
        if (!strcmp(situation->step, step) && !strcmp(situation->column, column) && tells &&
            rank(table->outcomes[i]) > worst)
            worst = rank(table->outcomes[i]);
    }
    return worst;
}

static int width_of(const char *text)
{
    return (int)utf8_count(text, strlen(text));
}

/* Wide enough for its name and for any outcome. */
static int column_width(const char *column)
{
    int width = width_of(column);
    return width < CELL_WIDTH ? CELL_WIDTH : width;
}

static void add_cell(struct text *line, const char *text, int width)
{
    text_format(line, "%s%*s", text, width - width_of(text) + 2, "");
}

/* Without the blanks behind its last cell. */
static void print_line(struct text *line)
{
    int length = (int)line->length;
    while (length && line->bytes[length - 1] == ' ')
        length--;
    printf("%.*s\n", length, text_string(line));
    text_clear(line);
}

static bool row_is_empty(const struct table *table, const char *step)
{
    for (int c = 0; c < table->column_count; c++)
        if (cell(table, step, table->columns[c]) >= 0)
            return false;
    return true;
}

static const char *cell_text(int outcome)
{
    if (outcome < 0)
        return "–";
    return outcome == OUTCOME_COUNT - 1 ? "UNSAFE" : OUTCOMES[outcome];
}

static void print_row(const struct table *table, const char *step, const char *shown, int first_width)
{
    struct text line = {0};
    if (row_is_empty(table, step))
        return;
    text_add(&line, "  ");
    add_cell(&line, shown, first_width);
    for (int c = 0; c < table->column_count; c++)
        add_cell(&line, cell_text(cell(table, step, table->columns[c])), column_width(table->columns[c]));
    print_line(&line);
}

static void print_table(const struct table *table)
{
    const struct job *job = table->rehearsal->job;
    struct text line = {0};
    int first_width = FIRST_WIDTH;
    for (int i = 0; i < job->step_count; i++)
        if (width_of(job->steps[i].id) > first_width)
            first_width = width_of(job->steps[i].id);
    if (!table->column_count)
        return;
    text_add(&line, "  ");
    add_cell(&line, "step", first_width);
    for (int c = 0; c < table->column_count; c++)
        add_cell(&line, table->columns[c], column_width(table->columns[c]));
    print_line(&line);
    print_row(table, "", "(the run)", first_width);
    for (int i = 0; i < job->step_count; i++)
        print_row(table, job->steps[i].id, job->steps[i].id, first_width);
}

/* ---- the findings ---- */

/* With nothing in it that a terminal would obey. */
static void print_word_escaped(const char *word)
{
    fputs(" $'", stdout);
    for (; *word; word++)
        if (*word >= ' ' && *word < 0x7F && *word != '\'' && *word != '\\')
            putchar(*word);
        else
            printf("\\x%02x", (unsigned char)*word);
    putchar('\'');
}

static bool is_clean(const char *word)
{
    char *clean = line_cleaned(word);
    bool same = !strcmp(clean, word);
    free(clean);
    return same;
}

/* As bash reads it back. */
static void print_word(const char *word)
{
    if (!is_clean(word)) {
        print_word_escaped(word);
        return;
    }
    if (*word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=:@,+-") ==
                     strlen(word)) {
        printf(" %s", word);
        return;
    }
    fputs(" '", stdout);
    for (; *word; word++)
        if (*word == '\'')
            fputs("'\\''", stdout);
        else
            putchar(*word);
    putchar('\'');
}

static void print_again(const struct rehearsal *rehearsal, const char *name)
{
    const struct invocation *invocation = rehearsal->invocation;
    fputs("      again: pawl rehearse", stdout);
    print_word(invocation->arguments[0]);
    for (int i = 0; i < invocation->option_count; i++) {
        const struct given_option *option = &invocation->options[i];
        bool is_param = !strcmp(option->name, "param");
        if (!strcmp(option->name, "only") || !strcmp(option->name, "fault"))
            continue;
        printf(is_param ? " -p" : " --%s", option->name);
        if (option->value)
            print_word(option->value);
    }
    printf(" --only %s\n", name);
}

/* Undisturbed, the run does not come to its end: there is nothing to hold the others against. */
static bool is_straight_failure(const struct rehearsal *rehearsal, const json_t *outcome)
{
    const char *end = json_text(outcome, "end", "");
    return outcome == rehearsal->straight && strcmp(end, "succeeded") &&
           (rehearsal->approves || strcmp(end, END_APPROVAL));
}

/* Only a part of the job, or of what can happen to it, was rehearsed. */
static bool is_narrow(const struct rehearsal *rehearsal)
{
    return rehearsal->chosen || !strcmp(json_text(rehearsal->straight, "end", ""), END_APPROVAL);
}

static void print_unsafe(const struct rehearsal *rehearsal, const json_t *outcome)
{
    size_t index;
    json_t *finding;
    printf("\n  %s %s%s%s\n", is_straight_failure(rehearsal, outcome) ? "FAILS" : "UNSAFE",
           json_text(outcome, "what", ""), *json_text(outcome, "step", "") ? ", at " : "",
           json_text(outcome, "step", ""));
    json_array_foreach(json_object_get(outcome, "findings"), index, finding)
    {
        char *clean = text_cleaned(json_string_value(finding));
        printf("      %s\n", clean);
        free(clean);
    }
    print_again(rehearsal, json_text(outcome, "name", ""));
}

static void print_counts(const struct table *table, int64_t took_ms)
{
    int counts[COLUMNS_MAX] = {0};
    for (int i = 0; i < table->situations->count; i++)
        for (int c = 0; c < table->column_count; c++)
            counts[c] += !strcmp(table->situations->list[i].column, table->columns[c]);
    printf("%d rehearsal%s in %.1f s", table->situations->count, table->situations->count == 1 ? "" : "s",
           (double)took_ms / 1000);
    for (int c = 0; c < table->column_count; c++)
        printf(" · %s %d", table->columns[c], counts[c]);
    putchar('\n');
}

static int count_of(const struct table *table, const char *outcome)
{
    int count = 0;
    for (int i = 0; i < table->situations->count; i++)
        count += !strcmp(OUTCOMES[rank(table->outcomes[i])], outcome);
    return count;
}

/* Where few were asked for by name. */
static bool tells_stories(const struct table *table)
{
    return table->rehearsal->chosen && table->situations->count - 1 <= STORIES_MAX;
}

/* Of a few rehearsals that were asked for by name, or of a run that nobody approves: nothing was found in
 * them, and that is all. */
static void print_narrow_verdict(const struct rehearsal *rehearsal)
{
    const struct invocation *invocation = rehearsal->invocation;
    struct text names = {0};
    for (int i = 0; i < invocation->option_count; i++) {
        const struct given_option *option = &invocation->options[i];
        if (!strcmp(option->name, "only") || !strcmp(option->name, "fault"))
            text_format(&names, "%s--%s %s", names.length ? " " : "", option->name, option->value);
    }
    if (!strcmp(json_text(rehearsal->straight, "end", ""), END_APPROVAL))
        text_format(&names, "%s--no-approvals, so nothing behind the approval of \"%s\"",
                    names.length ? " " : "", json_text(rehearsal->straight, "at", "?"));
    say(stdout, "nothing is to be said against what was rehearsed (%s): no verdict on the job\n",
        text_string(&names));
    text_clear(&names);
}

static void print_text(const struct table *table, int64_t took_ms, int unsafe)
{
    size_t index;
    json_t *note;
    print_counts(table, took_ms);
    print_table(table);
    for (int i = 1; tells_stories(table) && i < table->situations->count; i++)
        story_print(table->rehearsal, table->outcomes[i]);
    json_array_foreach(table->rehearsal->notes, index, note)
        say(stdout, "  note: %s\n", json_string_value(note));
    for (int i = 0; i < table->situations->count; i++)
        if (json_bool(table->outcomes[i], "missed", false))
            printf("  note: %s was not met: the run took another way (%s)\n",
                   json_text(table->outcomes[i], "name", ""), json_text(table->outcomes[i], "what", ""));
    for (int i = 0; i < table->situations->count; i++)
        if (is_unsafe(table->outcomes[i]))
            print_unsafe(table->rehearsal, table->outcomes[i]);
    int asks = count_of(table, "asks");
    if (is_straight_failure(table->rehearsal, table->outcomes[0]))
        printf("\nnot rehearsed: the run must come to its end undisturbed first\n");
    else if (unsafe)
        printf("\nNOT resume-safe: %d of %d rehearsals\n", unsafe, table->situations->count);
    else if (table->rehearsal->unplayed)
        printf("not known to be resume-safe: %d step%s not rehearsed\n", table->rehearsal->unplayed,
               table->rehearsal->unplayed == 1 ? " was" : "s were");
    else if (is_narrow(table->rehearsal))
        print_narrow_verdict(table->rehearsal);
    else
        printf("resume-safe\n");
    if (asks)
        printf("%d situation%s ask%s a person\n", asks, asks == 1 ? "" : "s", asks == 1 ? "s" : "");
}

static void print_json(const struct table *table, int64_t took_ms, int unsafe)
{
    static const char *const evidence[] = {"cluster", "counts", "done",    "files",
                                           "aims",    "trace",  "history", "pending"};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof evidence / sizeof *evidence; i++) /* what the others were held against */
        json_object_del(table->outcomes[0], evidence[i]);
    for (int i = 0; i < table->situations->count; i++)
        json_array_append(list, table->outcomes[i]);
    bool nothing_said = !unsafe && !table->rehearsal->unplayed;
    json_t *verdict = nothing_said && is_narrow(table->rehearsal) ? json_null() : json_boolean(nothing_said);
    report_json(json_pack("{s:s,s:o,s:f,s:O,s:o}", "job", table->rehearsal->job->name, "resume_safe", verdict,
                          "seconds", (double)took_ms / 1000, "notes", table->rehearsal->notes, "rehearsals",
                          list));
}

int verdict_print(const struct rehearsal *rehearsal, const struct situations *situations, json_t **outcomes,
                  int64_t took_ms)
{
    struct table table = {.rehearsal = rehearsal, .situations = situations, .outcomes = outcomes};
    fill_columns(&table);
    int unsafe = count_of(&table, "unsafe");
    if (rehearsal->invocation->json)
        print_json(&table, took_ms, unsafe);
    else
        print_text(&table, took_ms, unsafe);
    return unsafe || rehearsal->unplayed ? EXIT_FAILED : EXIT_SUCCEEDED;
}
