/* Any JSON in a store whose digests and chain are right: machines, records and rows that pawl did not write,
 * but somebody who knows how. Sections: the machine, the records ("EVENT STEP VISIT ATTEMPT EPOCH TIME BODY",
 * "-" for no step), the run's row as JSON ({"status": …}: texts of its columns). */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "state/store.h"
#include "tests/fuzz/stored.h"
#include "tests/fuzz/target.h"

/* ---- seeds: what pawl itself writes ---- */

struct writing {
    struct text text;
    char *machine;
};

static int write_record(void *context, const struct record *record)
{
    struct writing *writing = context;
    text_format(&writing->text, "%s %s %d %d %lld %lld %s\n", record->event,
                record->step ? record->step : "-", record->visit, record->attempt, (long long)record->epoch,
                (long long)record->time_ms, record->body);
    return 0;
}

static int take_machine(void *context, const struct run_row *row)
{
    ((struct writing *)context)->machine = string_copy(row->machine_digest);
    return 0;
}

static void generate_from(const char *path, int64_t run, fuzz_put *put, void *context)
{
    struct error error = {0};
    struct writing writing = {0};
    char name[24];
    struct store *store = store_open(path, STORE_READ, &error);
    if (!store || store_read_run(store, run, take_machine, &writing, &error))
        abort();
    char *machine = store_read_machine(store, writing.machine, &error);
    text_format(&writing.text, "%s\n%%\n", machine);
    if (!machine || store_each_record(store, run, 0, write_record, &writing, &error))
        abort();
    text_add(
        &writing.text,
        "%\n{\"status\":\"running\",\"waiting\":\"{\\\"for\\\":\\\"approval\\\",\\\"step\\\":\\\"a\\\"}\"}\n");
    snprintf(name, sizeof name, "run-%lld", (long long)run);
    put(context, name, writing.text.bytes, writing.text.length);
    text_clear(&writing.text);
    free(writing.machine);
    free(machine);
    store_close(store);
}

/* A body as deep as JSON is read at all. */
static void generate_deep(fuzz_put *put, void *context)
{
    struct text text = {0};
    text_add(&text, "{\"format\":1,\"steps\":[]}\n%\nrun_submitted - 0 0 0 1 {\"params\":");
    for (int i = 0; i < 2040; i++)
        text_add(&text, "[");
    for (int i = 0; i < 2040; i++)
        text_add(&text, "]");
    text_add(&text,
             "}\n%\n{\"waiting\":\"[[[[]]]]\",\"error\":\"[]\",\"driver\":\"{\\\"lock\\\":\\\"..\\\"}\"}");
    put(context, "deep", text.bytes, text.length);
    text_clear(&text);
}

static void generate(fuzz_put *put, void *context)
{
    char *sim = place_path("sim.json"), *path = place_path("seed.db");
    char *values = string_format("values=%s/values.yaml", place_folder()),
         *values_path = place_path("values.yaml");
    const char *init[] = {"sim", "init", sim, "--values", values_path, NULL};
    const char *seed[] = {"submit", "tests/fuzz/seed.yaml", NULL};
    const char *approve[] = {"approve", "1", "ask", NULL}, *resume[] = {"resume", "1", NULL};
    const char *shipped[] = {"submit", "jobs/scale-in-chunk.yaml", "-p", values, "-p", "replicas=3", NULL};
    place_pawl(0, init);
    place_pawl(3, seed);
    place_pawl(0, approve);
    place_pawl(1, resume);
    place_pawl(3, shipped);
    generate_from(path, 1, put, context);
    generate_from(path, 2, put, context);
    generate_deep(put, context);
    free(values_path);
    free(values);
    free(path);
    free(sim);
}

const struct fuzz_target fuzz_target = {.name = "record", .generate = generate};

/* ---- the store ---- */

/* An empty store, made once and copied. */
static void put_empty(const char *path)
{
    static char *bytes;
    static size_t length;
    if (!bytes) {
        struct error error = {0};
        struct store *store = store_open(path, STORE_CREATE, &error);
        store_close(store);
        bytes = store ? file_read(path, 1 << 22, &length, NULL) : NULL;
        if (!bytes || length < 4096)
            abort();
    }
    place_write("fuzz.db", bytes, length);
}

static int put_records(struct store *store, char *lines, struct run_row *row, struct error *error)
{
    char *line;
    while ((line = strsep(&lines, "\n"))) {
        char event[64], step[96];
        int visit, attempt, body = -1;
        long long epoch, time_ms;
        if (sscanf(line, "%63s %95s %d %d %lld %lld %n", event, step, &visit, &attempt, &epoch, &time_ms,
                   &body) < 6 ||
            body < 0)
            continue;
        struct record record = {.run = 1,
                                .seq = ++row->seq,
                                .time_ms = time_ms,
                                .event = event,
                                .step = strcmp(step, "-") ? step : NULL,
                                .visit = visit,
                                .attempt = attempt,
                                .epoch = epoch,
                                .actor = "me@here",
                                .body = line + body};
        if (store_append(store, &record, &row->head, error))
            return -1;
    }
    return 0;
}

static int put_run(struct store *store, const struct sections *sections, const json_t *columns,
                   struct error *error)
{
    const char *machine = section_text(sections, 0);
    struct digest digest = digest_of(machine, strlen(machine));
    char hex[DIGEST_HEX_SIZE];
    digest_hex(&digest, hex);
    struct run_row row = {.run = 1,
                          .job = json_text(columns, "job", "seed"),
                          .job_digest = hex,
                          .machine_digest = json_text(columns, "machine_digest", hex),
                          .status = json_text(columns, "status", "running"),
                          .step = json_text(columns, "step", NULL),
                          .waiting = json_text(columns, "waiting", NULL),
                          .error = json_text(columns, "error", NULL),
                          .cluster = json_text(columns, "cluster", "{}"),
                          .params = json_text(columns, "params", "{}"),
                          .lock = json_text(columns, "lock", NULL),
                          .driver = json_text(columns, "driver", NULL),
                          .actor = json_text(columns, "actor", "me@here"),
                          .epoch = json_int(columns, "epoch", 1),
                          .submitted_ms = json_int(columns, "submitted_ms", 1790000000000),
                          .finished_ms = json_int(columns, "finished_ms", 0)};
    struct step_row step = {.run = 1,
                            .step = json_text(columns, "id", "look"),
                            .uses = json_text(columns, "uses", "assert"),
                            .status = json_text(columns, "step_status", "running"),
                            .outputs = json_text(columns, "outputs", NULL),
                            .error = json_text(columns, "step_error", NULL)};
    if (store_begin(store, error) || store_put_machine(store, &digest, machine, error) ||
        put_records(store, sections->count > 1 ? sections->texts[1] : NULL, &row, error) ||
        store_put_run(store, &row, error) || store_put_step(store, &step, error))
        return -1;
    return store_commit(store, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static const char *const endings[] = {"-wal", "-shm"};
    struct sections sections;
    struct error error = {0};
    char *path = place_path("fuzz.db");
    put_empty(path);
    for (int i = 0; i < 2; i++) {
        char *name = string_format("%s%s", path, endings[i]);
        unlink(name);
        free(name);
    }
    sections_read(bytes, length, &sections);
    if (sections.count) {
        /* The machine as its line is: the line end is not part of it. */
        sections.texts[0][strcspn(sections.texts[0], "\n")] = '\0';
        json_t *columns = json_loads(section_text(&sections, 2), 0, NULL);
        struct store *store = store_open(path, STORE_WRITE, &error);
        assert(store);
        int result = put_run(store, &sections, columns, &error);
        store_close(store);
        if (!result)
            stored_use(path, (unsigned)length);
        json_decref(columns);
    }
    sections_clear(&sections);
    free(path);
    return 0;
}
