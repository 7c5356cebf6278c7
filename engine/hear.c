/* What people say through the store: rows that are taken up, and answered in the commit that holds what
 * follows from them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/memory.h"
#include "engine/drive.h"

void drive_refusal(const struct drive *drive, const struct run_command *command, const struct error *why,
                   struct event *event)
{
    static const char *const told[] = {"step", "how", "reason"};
    json_t *body = json_pack("{s:s,s:s}", "command", command->name, "why", why->message);
    for (int i = 0; i < 3; i++)
        if (json_object_get(command->body, told[i]))
            json_object_set(body, told[i], json_object_get(command->body, told[i]));
    *event = (struct event){.type = EVENT_COMMAND_REFUSED,
                            .step = -1,
                            .time_ms = drive->live->wall_ms,
                            .epoch = drive->run->epoch,
                            .actor = command->actor,
                            .body = body};
}

static void answer_command(struct drive *drive, int64_t id, bool accepted, const struct error *why)
{
    json_t *answer = json_pack("{s:I,s:b}", "id", (json_int_t)id, "accepted", accepted);
    if (!accepted) {
        char *refusal = refusal_write(why);
        json_object_set_new(answer, "why", json_string(refusal));
        free(refusal);
    }
    json_array_append_new(drive->answers, answer);
}

char *refusal_write(const struct error *why)
{
    json_t *object = error_json(why);
    char *text = json_canonical(object);
    json_decref(object);
    return text;
}

int refusal_read(const char *text, struct error *error)
{
    json_t *object = json_read(text, strlen(text), LIMIT_JSON_BYTES, "the answer", NULL);
    const char *next = json_text(object, "next", "");
    error_set(error, ERROR_NOT_ALLOWED_NOW, "refused: %s", json_text(object, "message", text));
    if (*next)
        error_next(error, "%s", next);
    json_decref(object);
    return -1;
}

/* What was said, and counts for nothing, is in the history nevertheless. */
static void refuse_command(struct drive *drive, int64_t id, const struct run_command *command,
                           const struct error *why)
{
    struct decision *decision = drive->decision;
    answer_command(drive, id, false, why);
    decision->more = true; /* that it is durable moves nothing: the run is looked at again */
    assert(decision->event_count < DECISION_EVENTS_LIMIT); /* machine_next leaves room */
    if (!decision->failed) {
        struct event *event = &decision->events[decision->event_count++];
        drive_refusal(drive, command, why, event);
        decision->failed = run_fold(drive->run, event, &decision->error) != 0;
    }
}

static int note_command(void *context, const struct command_row *row)
{
    (void)row;
    *(bool *)context = true;
    return 1;
}

bool run_has_command(struct store *store, int64_t run)
{
    bool any = false;
    struct error ignored;
    store_each_command(store, run, note_command, &any, &ignored);
    return any;
}

bool drive_has_open_command(const struct drive *drive)
{
    return run_has_command(drive->driver->store, drive->run->id);
}

bool drive_is_undurable(const struct drive *drive)
{
    return drive->decision && (drive->decision->event_count || drive->decision->order != ORDER_NOTHING);
}

/* The word of a rollback that waits for what is in flight: it may yet be refused. */
static void defer_command(struct drive *drive, int64_t id, const struct run_command *command)
{
    drive->deferred = id;
    json_decref(drive->deferred_word);
    drive->deferred_word = json_pack("{s:s,s:s,s:O}", "name", command->name, "actor", command->actor, "body",
                                     command->body);
}

static void obey_row(struct drive *drive, const struct command_row *row, enum command_rank rank)
{
    struct error error = {0};
    json_t *body = json_read_stored(row->body, "the record", NULL);
    struct run_command command = {.name = row->name, .body = body, .actor = row->actor};
    if (command_rank(&command) == rank) {
        free(drive->command_actor); /* the events before it are durable, and no longer name it */
        command.actor = drive->command_actor = string_copy(row->actor);
        enum command_outcome outcome = drive_command(drive, &command, &error);
        drive->leaving = drive->leaving && outcome == COMMAND_REFUSED;
        drive->stood_failed = drive->stood_failed && outcome == COMMAND_REFUSED;
        if (outcome == COMMAND_DEFERRED)
            defer_command(drive, row->id, &command);
        else if (outcome == COMMAND_ACCEPTED)
            answer_command(drive, row->id, true, NULL);
        else
            refuse_command(drive, row->id, &command, &error);
        drive->ready = true;
    }
    json_decref(body);
}

struct hearing {
    struct driver *driver;
    enum command_rank rank;
};

static int take_command(void *context, const struct command_row *row)
{
    struct hearing *hearing = context;
    struct driver *driver = hearing->driver;
    for (struct drive *drive = driver->drives; drive; drive = drive->next) {
        if (drive->run->id != row->run || drive->let_go || drive->deferred == row->id)
            continue;
        if (drive_is_undurable(drive)) {
            driver->data_version = -1; /* look again after the commit */
            return 0;
        }
        obey_row(drive, row, hearing->rank);
    }
    return 0;
}

void hear_commands(struct driver *driver)
{
    int64_t version = store_data_version(driver->store, &driver->error);
    if (version == driver->data_version && version >= 0)
        return;
    driver->data_version = version;
    driver->failed = driver->failed || version < 0;
    for (int rank = 0; rank < RANK_COUNT && !driver->failed; rank++) {
        struct hearing hearing = {driver, (enum command_rank)rank};
        if (store_each_command(driver->store, 0, take_command, &hearing, &driver->error))
            driver->failed = true;
    }
}

/* What people had said before comes first; a run that fails by it (a rejection) is not resumed by the same
 * word that only let it be heard. */
void hear_what_was_kept(struct driver *driver)
{
    for (struct drive *drive = driver->drives; drive; drive = drive->next) {
        if (!drive->take || drive->let_go || drive_is_undurable(drive) || drive_has_open_command(drive))
            continue;
        struct run_command command = {
            .name = drive->take->command, .body = drive->take->body, .actor = driver->actor};
        struct error error = {0};
        bool fails_since = drive->run->place == PLACE_STOPPED && !drive->stood_failed;
        bool only_listens = fails_since && !json_object_get(command.body, "from");
        if (!only_listens && !run_is_ended(drive->run)) {
            if (drive_command(drive, &command, &error) == COMMAND_REFUSED)
                drive_let_go(drive, &error);
            drive->leaving = false;
            drive->ready = true;
        }
        drive->take = NULL;
    }
}

/* Why a rollback that waited is not done: the run has ended before it, or what is in flight cannot be known.
 */
static void explain_overtaken(const struct run *run, struct error *why)
{
    if (run_is_ended(run))
        error_set(why, ERROR_NOT_ALLOWED_NOW, "run %lld has ended: %s", (long long)run->id,
                  run_status_words(run->status));
    else
        error_set(why, ERROR_NOT_ALLOWED_NOW, "%s",
                  json_text(run->question, "text", "the step in flight could not be settled"));
}

/* A rollback that waited for what was in flight: the machine has begun it, or has given it up. */
void hear_out_deferred(struct drive *drive)
{
    const struct run *run = drive->run;
    bool waits = drive->live->ending == ENDING_ROLLBACK && !run_is_ended(run);
    struct error why = {0};
    if (!drive->deferred || !drive->decision || waits)
        return;
    if (run->undoing) {
        answer_command(drive, drive->deferred, true, NULL);
    } else {
        const struct run_command word = {.name = json_text(drive->deferred_word, "name", ""),
                                         .body = json_object_get(drive->deferred_word, "body"),
                                         .actor = json_text(drive->deferred_word, "actor", "")};
        explain_overtaken(run, &why);
        refuse_command(drive, drive->deferred, &word, &why);
    }
    drive->deferred = 0;
    drive->to_act = true; /* what is recorded for it is forgotten then */
}
