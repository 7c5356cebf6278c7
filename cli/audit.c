/* pawl audit: verify, export, rebuild. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/store_open.h"
#include "engine/replay.h"
#include "state/chain.h"

const struct option_declaration AUDIT_VERIFY_OPTIONS[] = {
    {"chain-only", 0, NULL, "the hash chain alone, without the replay"},
    {NULL, 0, NULL, NULL},
};

static int print_report(const struct invocation *invocation, const struct chain_report *report)
{
    if (invocation->json) {
        json_t *document = json_pack("{s:b,s:I,s:I}", "intact", report->intact, "records",
                                     (json_int_t)report->records, "runs", (json_int_t)report->runs);
        if (!report->intact) {
            json_object_set_new(document, "run", json_integer(report->bad_run));
            json_object_set_new(document, "seq", json_integer(report->bad_seq));
            json_object_set_new(document, "message", json_string(report->what));
        }
        report_json(document);
    } else if (report->intact) {
        printf("intact: %lld record%s of %lld run%s\n", (long long)report->records,
               report->records == 1 ? "" : "s", (long long)report->runs, report->runs == 1 ? "" : "s");
    } else {
        printf("NOT intact: ");
        if (report->bad_run)
            printf("run %lld", (long long)report->bad_run);
        if (report->bad_seq)
            printf(", record %lld", (long long)report->bad_seq);
        say(stdout, "%s%s\n", report->bad_run ? ": " : "", report->what);
    }
    return report->intact ? EXIT_SUCCEEDED : EXIT_FAILED;
}

static int verify(const struct invocation *invocation, struct store *store)
{
    struct chain_report report;
    struct error error = {0};
    bool chain_only = invocation_has(invocation, "chain-only");
    int result = store_begin_reading(store, &error);
    if (!result)
        result = (chain_only ? chain_verify : replay_verify)(store, &report, &error);
    store_rollback(store);
    return result ? report_error(invocation, &error) : print_report(invocation, &report);
}

static int export_record(void *context, const struct record *record)
{
    (void)context;
    report_json(record_json(record));
    return output_is_gone();
}

static int export_all(const struct invocation *invocation, struct store *store)
{
    struct error error = {0};
    return store_each_record(store, 0, 0, export_record, NULL, &error) < 0 ? report_error(invocation, &error)
                                                                           : EXIT_SUCCEEDED;
}

static int rebuild(const struct invocation *invocation, struct store *store)
{
    struct error error = {0};
    if (replay_rebuild(store, &error))
        return report_error(invocation, &error);
    if (invocation->json)
        report_json(json_pack("{s:b}", "rebuilt", true));
    else if (!invocation->quiet)
        puts("rebuilt: the stored state is what the records give");
    return EXIT_SUCCEEDED;
}

typedef int audited(const struct invocation *invocation, struct store *store);

static int on_store(const struct invocation *invocation, enum store_mode mode, audited *what)
{
    int status = EXIT_SUCCEEDED;
    struct store *store = invocation_store(invocation, mode, &status);
    if (!store)
        return status;
    status = what(invocation, store);
    store_close(store);
    return status;
}

int command_audit_verify(struct invocation *invocation)
{
    return on_store(invocation, STORE_READ, verify);
}

int command_audit_export(struct invocation *invocation)
{
    return on_store(invocation, STORE_READ, export_all);
}

int command_audit_rebuild(struct invocation *invocation)
{
    return on_store(invocation, STORE_WRITE, rebuild);
}
