/* What happened in one situation, line by line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/progress.h"
#include "cli/rehearse/rehearsal.h"

static void print_line(const struct machine *machine, const json_t *record)
{
    const char *step = json_text(record, "step", NULL), *name = json_text(record, "event", "");
    struct event event = {
        .type = event_type_read(name),
        .step = step ? machine_step_index(machine, step) : -1,
        .visit = (int)json_int(record, "visit", 0),
        .attempt = (int)json_int(record, "attempt", 0),
        .actor = json_text(record, "actor", "?"),
        .body = json_object_get(record, "body"),
    };
    if (event.type == EVENT_RUN_CLAIMED && json_int(record, "epoch", 0) > 1)
        puts("    · (another driver takes the run up)");
    if (event.type == EVENT_TYPE_COUNT || (step && event.step < 0))
        return;
    char *line = event_line(machine, &event);
    if (*line)
        printf("    %s\n", line);
    free(line);
}

void story_print(const struct rehearsal *rehearsal, const json_t *outcome)
{
    struct error ignored;
    char *text = machine_compile(rehearsal->job, &ignored);
    struct machine *machine = text ? machine_read(text, &ignored) : NULL;
    size_t index;
    json_t *record;
    printf("\n  %s: %s%s%s\n", json_text(outcome, "name", ""), json_text(outcome, "what", ""),
           *json_text(outcome, "step", "") ? ", at " : "", json_text(outcome, "step", ""));
    json_array_foreach(json_object_get(outcome, "history"), index, record)
    {
        if (machine)
            print_line(machine, record);
    }
    printf("    run %s\n", json_text(outcome, "end", ""));
    machine_free(machine);
    free(text);
}
