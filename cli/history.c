/* pawl history: the audit trail of one run, with its chain checked on the way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/run_view.h"
#include "cli/saying.h"
#include "cli/store_open.h"
#include "state/chain.h"

/* One that this pawl does not know is shown by its name. */
static void print_record(const struct record *record)
{
    char time[SHOWN_TIME_SIZE];
    shown_time(record->time_ms, time);
    struct event event = {.type = event_type_read(record->event),
                          .visit = record->visit,
                          .attempt = record->attempt,
                          .epoch = record->epoch,
                          .actor = record->actor,
                          .body = json_read_stored(record->body, "the record", NULL)};
    bool known = event.type != EVENT_TYPE_COUNT;
    char *said = known ? saying_of(event.type)->say(&event, true) : string_copy("");
    char *who = string_format("%s%s%s", record->step ? record->step : "", record->step ? " " : "",
                              known ? saying_of(event.type)->words : record->event);
    char *clean = line_cleaned(said);
    say(stdout, " %s  %-24s%s%s\n", time, who, *clean ? "  " : "", clean);
    free(who);
    free(said);
    free(clean);
    event_clear(&event);
}

/* ---- the trail ---- */

struct trail {
    bool json;
    struct digest head;
    int64_t records, bad_seq; /* the first record that does not fit; 0: none */
    int64_t stored_seq;       /* as the run's row has it */
    struct digest stored_head;
};

static int note_run(void *context, const struct run_row *row)
{
    struct trail *trail = context;
    trail->stored_seq = row->seq;
    trail->stored_head = row->head;
    if (!trail->json)
        say(stdout, "run %lld %-30s job %.4s…%s, machine %.4s…%s, submitted by %s; times in UTC\n",
            (long long)row->run, row->job, row->job_digest,
            row->job_digest + (strlen(row->job_digest) > 2 ? strlen(row->job_digest) - 2 : 0),
            row->machine_digest,
            row->machine_digest + (strlen(row->machine_digest) > 2 ? strlen(row->machine_digest) - 2 : 0),
            row->actor);
    return 0;
}

static int take_record(void *context, const struct record *record)
{
    struct trail *trail = context;
    struct digest hash = chain_hash(&trail->head, record);
    trail->records++;
    if (!trail->bad_seq &&
        (record->seq != trail->records || memcmp(hash.bytes, record->hash.bytes, DIGEST_BYTES)))
        trail->bad_seq = record->seq;
    trail->head = record->hash;
    if (trail->json)
        report_json(record_json(record));
    else
        print_record(record);
    return 0; /* the chain is looked at to its end, whoever reads */
}

static int finish(const struct trail *trail)
{
    bool whole = trail->records == trail->stored_seq &&
                 !memcmp(trail->head.bytes, trail->stored_head.bytes, DIGEST_BYTES);
    if (!trail->bad_seq && whole) {
        if (!trail->json)
            printf("chain: %lld records, intact\n", (long long)trail->records);
        return EXIT_SUCCEEDED;
    }
    if (trail->bad_seq)
        fprintf(stderr, "pawl: chain: NOT intact: record %lld was changed, or the one before it\n",
                (long long)trail->bad_seq);
    else
        fprintf(stderr, "pawl: chain: NOT intact: %lld records are there, %lld were written\n",
                (long long)trail->records, (long long)trail->stored_seq);
    fputs("      pawl audit verify\n", stderr);
    return EXIT_SYSTEM;
}

int command_history(struct invocation *invocation)
{
    struct error error = {0};
    int status = EXIT_SUCCEEDED;
    struct trail trail = {.json = invocation->json};
    int64_t run = invocation_run(invocation, 0, &error);
    if (!run)
        return report_error(invocation, &error);
    struct store *store = invocation_store(invocation, STORE_READ, &status);
    if (!store)
        return status;
    if (store_begin_reading(store, &error) || store_read_run(store, run, note_run, &trail, &error) ||
        store_each_record(store, run, 0, take_record, &trail, &error) < 0)
        status = report_error(invocation, &error);
    else
        status = finish(&trail);
    store_close(store);
    return status;
}
