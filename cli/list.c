/* pawl list: runs, newest first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/run_view.h"
#include "cli/store_open.h"

const struct option_declaration LIST_OPTIONS[] = {
    {"status", 0, "STATUS", "only those: queued, running, waiting, interrupted, succeeded, failed …"},
    {"job", 0, "NAME", "only runs of this job"},
    {"since", 0, "TIME", "submitted since: 2026-11-24, 2026-11-24T03:00, or 2d for two days ago"},
    {"until", 0, "TIME", "submitted before"},
    {"limit", 0, "N", "at most so many; else 1000, or all under --json"},
    {NULL, 0, NULL, NULL},
};

const char *const RUN_STATUSES[] = {"queued", "running",   "waiting",     "interrupted", "succeeded",
                                    "failed", "cancelled", "rolled_back", NULL};

struct listing {
    struct store *store;
    const struct invocation *invocation;
    const char *status;
    int64_t limit, count; /* no limit: 0 */
    bool chosen;          /* the limit, by the one who asks */
    bool more;            /* than are shown */
    json_t *array;        /* under --json */
};

/* ---- reading the filter ---- */

static int read_time(const char *option, const char *text, int64_t *out_ms, struct error *error)
{
    static const char *const formats[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
                                          "%Y-%m-%dT%H:%M",     "%Y-%m-%d %H:%M",    "%Y-%m-%d"};
    int64_t ago_ms;
    if (duration_read(text, &ago_ms)) {
        *out_ms = clock_system()->wall_ms(clock_system()) - ago_ms;
        return 0;
    }
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct tm parts = {0};
        const char *end = strptime(text, formats[i], &parts);
        if (end && !*end) {
            *out_ms = (int64_t)timegm(&parts) * 1000;
            return 0;
        }
    }
    error_set(error, ERROR_USAGE, "--%s: \"%s\" is no time", option, text);
    return error_next(error, "write 2026-11-24, 2026-11-24T03:00:00Z (UTC), or 2d for two days ago");
}

static int read_status(struct listing *listing, struct error *error)
{
    if (!listing->status)
        return 0;
    for (int i = 0; RUN_STATUSES[i]; i++)
        if (!strcmp(RUN_STATUSES[i], listing->status) ||
            !strcmp(status_shown(RUN_STATUSES[i]), listing->status)) {
            listing->status = RUN_STATUSES[i]; /* also as the list itself shows it */
            return 0;
        }
    const char *near = name_nearest(listing->status, RUN_STATUSES);
    error_set(error, ERROR_USAGE, "--status: there is no status \"%s\"", listing->status);
    return near ? error_next(error, "did you mean \"%s\"?", near)
                : error_next(error, "queued, running, waiting, interrupted, succeeded, failed, cancelled or "
                                    "rolled_back");
}

/* What is shown as running or waiting may be stored so and be interrupted, never the other way round; all
 * that is not over has an index, however many runs are. */
static void narrow(const struct listing *listing, struct run_filter *filter)
{
    if (!listing->status)
        return;
    filter->open_only = !status_is_over(listing->status);
    if (strcmp(listing->status, "interrupted"))
        filter->status = listing->status;
}

static int read_filter(struct listing *listing, struct run_filter *filter, struct error *error)
{
    const struct invocation *invocation = listing->invocation;
    const char *since = invocation_value(invocation, "since"), *until = invocation_value(invocation, "until"),
               *limit = invocation_value(invocation, "limit");
    *filter = (struct run_filter){.job = invocation_value(invocation, "job")};
    /* The global --cluster filters here; the environment's default does not. */
    filter->cluster = invocation_value(invocation, "cluster");
    listing->status = invocation_value(invocation, "status");
    if ((since && read_time("since", since, &filter->since_ms, error)) ||
        (until && read_time("until", until, &filter->until_ms, error)) || read_status(listing, error))
        return -1;
    char *end = NULL;
    listing->limit = invocation->json ? 0 : LIMIT_LISTED_RUNS;
    listing->chosen = limit != NULL;
    if (limit)
        listing->limit = strtoll(limit, &end, 10);
    narrow(listing, filter);
    if (limit && (*end || end == limit || listing->limit < 1))
        return error_set(error, ERROR_USAGE, "--limit: \"%s\" is no number above 0", limit);
    return 0;
}

/* ---- printing ---- */

static void print_row(struct listing *listing, const struct run_row *row, const char *shown)
{
    char submitted[SHOWN_TIME_SIZE];
    shown_time(row->submitted_ms, submitted);
    submitted[strcspn(submitted, ".")] = '\0';
    json_t *cluster = json_read_stored(row->cluster, "the record", NULL);
    json_t *waiting = json_read_stored(row->waiting, "the record", NULL);
    char *where = line_cleaned(cluster_name(cluster));
    if (!listing->count)
        printf("%5s  %-11s  %-24s  %-19s  %-16s  %s\n", "RUN", "STATUS", "JOB", "SUBMITTED (UTC)", "STEP",
               "CLUSTER");
    say(stdout, "%5lld  %-11s  %-24s  %-19s  %-16s  %s", (long long)row->run, status_shown(shown), row->job,
        submitted, row->step ? row->step : "-", where);
    const char *what = json_text(waiting, "for", "nothing");
    if (waiting && !strcmp(shown, "waiting") && strcmp(what, "nothing"))
        say(stdout, "  (%s%s)", strcmp(what, "paused") ? "waits for " : "", what);
    putchar('\n');
    free(where);
    json_decref(cluster);
    json_decref(waiting);
}

static int list_run(void *context, const struct run_row *row)
{
    struct listing *listing = context;
    const char *shown = run_shown_status(listing->store, row);
    if (listing->status && strcmp(listing->status, shown))
        return 0;
    listing->more = listing->limit && listing->count == listing->limit;
    if (listing->more)
        return 1;
    if (listing->array)
        json_array_append_new(listing->array, run_view_json(row, shown));
    else
        print_row(listing, row, shown);
    listing->count++;
    return 0;
}

int command_list(struct invocation *invocation)
{
    struct error error = {0};
    struct run_filter filter;
    struct listing listing = {.invocation = invocation};
    int status = EXIT_SUCCEEDED;
    if (read_filter(&listing, &filter, &error))
        return report_error(invocation, &error);
    listing.store = invocation_store(invocation, STORE_READ, &status);
    if (!listing.store)
        return status;
    listing.array = invocation->json ? json_array() : NULL;
    if (store_each_run(listing.store, &filter, list_run, &listing, &error) < 0) {
        status = report_error(invocation, &error);
        json_decref(listing.array);
    } else if (listing.array) {
        report_json(listing.array);
    } else if (!listing.count && !invocation->quiet) {
        fputs("no runs\n", stderr);
    }
    if (listing.more && !listing.chosen)
        fprintf(stderr, "the newest %d are shown, there are more: --limit N shows so many\n",
                LIMIT_LISTED_RUNS);
    store_close(listing.store);
    return status;
}
