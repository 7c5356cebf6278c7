#include "cli/run_view.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/driver.h"
#include "engine/run.h"

#define SHOWN_VALUE_BYTES 60

bool run_waits_for_person(const struct run_row *row, bool approves)
{
    json_t *waiting = json_read_stored(row->waiting, "the record", NULL);
    const char *what = json_text(waiting, "for", "");
    bool person = (!strcmp(what, "approval") && !approves) || !strcmp(what, "decision") ||
                  !strcmp(what, "paused");
    json_decref(waiting);
    return person;
}

const char *run_shown_status(struct store *store, const struct run_row *row)
{
    bool open = !strcmp(row->status, "running") || !strcmp(row->status, "waiting");
    if (!open || !row->driver || driver_lives(store, row->driver))
        return row->status;
    if (run_waits_for_person(row, false) && !run_has_command(store, row->run))
        return row->status;
    return "interrupted";
}

bool status_is_over(const char *status)
{
    return !strcmp(status, "succeeded") || !strcmp(status, "cancelled") || !strcmp(status, "rolled_back");
}

const char *status_shown(const char *status)
{
    return strcmp(status, run_status_text(RUN_ROLLED_BACK)) ? status : run_status_words(RUN_ROLLED_BACK);
}

json_t *instant_json(int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    if (!wall_ms)
        return json_null();
    clock_write(wall_ms, text);
    return json_string(text);
}

void shown_time(int64_t wall_ms, char text[SHOWN_TIME_SIZE])
{
    char whole[CLOCK_TEXT_SIZE];
    clock_write(wall_ms, whole);
    whole[strcspn(whole, "T")] = ' ';
    whole[strcspn(whole, "Z")] = '\0';
    memcpy(text, whole, strlen(whole) + 1);
}

/* Stored canonical JSON, or null. */
static json_t *stored_json(const char *text)
{
    json_t *value = json_read_stored(text, "the record", NULL);
    return value ? value : json_null();
}

/* What is stored of a wait holds only what is known. */
static json_t *waiting_json(const char *text)
{
    json_t *waiting = stored_json(text);
    static const char *const members[] = {"step", "until"};
    for (int i = 0; json_is_object(waiting) && i < 2; i++)
        if (!json_object_get(waiting, members[i]))
            json_object_set_new(waiting, members[i], json_null());
    return waiting;
}

json_t *run_view_json(const struct run_row *row, const char *shown)
{
    return json_pack("{s:I,s:s,s:s,s:I,s:o,s:o,s:o,s:o,s:o}", "run", (json_int_t)row->run, "job", row->job,
                     "status", shown, "epoch", (json_int_t)row->epoch, "cluster", stored_json(row->cluster),
                     "submitted", instant_json(row->submitted_ms), "finished", instant_json(row->finished_ms),
                     "waiting", waiting_json(row->waiting), "error", stored_json(row->error));
}

json_t *step_view_json(const struct step_row *row)
{
    json_t *outputs = row->outputs ? stored_json(row->outputs) : json_object();
    return json_pack("{s:s,s:s,s:s,s:i,s:i,s:o,s:o,s:o,s:o}", "id", row->step, "uses", row->uses, "status",
                     row->status, "visit", row->visit, "attempt", row->attempt, "started",
                     instant_json(row->started_ms), "finished", instant_json(row->finished_ms), "outputs",
                     outputs, "error", stored_json(row->error));
}

const char *cluster_name(const json_t *cluster)
{
    return json_text(cluster, "context", json_text(cluster, "file", json_text(cluster, "server", "")));
}

/* Without the line's end that a program's output has; a share with as many digits as one reads. */
static char *value_shown(const json_t *value)
{
    if (json_is_real(value))
        return string_format("%g", json_real_value(value));
    if (!json_is_string(value))
        return json_canonical(value);
    const char *text = json_string_value(value);
    return string_format("%.*s", (int)text_trimmed_length(text), text);
}

char *values_shown(const json_t *values)
{
    struct text text = {0};
    const char *name;
    json_t *value;
    int hidden = 0;
    json_object_foreach((json_t *)values, name, value)
    {
        char *shown = value_shown(value);
        if (strlen(shown) <= SHOWN_VALUE_BYTES)
            text_format(&text, "%s%s=%s", text.length ? " " : "", name, shown);
        else
            hidden++;
        free(shown);
    }
    if (hidden)
        text_format(&text, "%s(%d more: --json)", text.length ? " " : "", hidden);
    return text_take(&text);
}
