/* Taking runs up: load them, look who drives them, claim them all. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/drive.h"
#include "engine/host.h"
#include "engine/runnable.h"

/* ---- loading: what runs share is opened once ---- */

static struct machine *driver_machine(struct driver *driver, const char *digest, struct error *error)
{
    for (struct machine_entry *entry = driver->machines; entry; entry = entry->next)
        if (!strcmp(entry->digest, digest))
            return entry->machine;
    char *json = store_read_machine(driver->store, digest, error);
    struct machine *machine = json ? machine_read(json, error) : NULL;
    free(json);
    if (!machine || machine_check_kinds(machine, error)) {
        machine_free(machine);
        return NULL;
    }
    struct machine_entry *entry = memory_new(sizeof *entry);
    *entry = (struct machine_entry){string_copy(digest), machine, driver->machines};
    driver->machines = entry;
    return machine;
}

static struct cluster *driver_cluster(struct driver *driver, const char *record, struct error *error)
{
    for (struct cluster_entry *entry = driver->clusters; entry; entry = entry->next)
        if (!strcmp(entry->record, record))
            return entry->cluster;
    json_t *parsed = json_read_stored(record, "the record", NULL);
    struct cluster *cluster = NULL;
    if (!host_check_stand_ins(parsed, error))
        cluster = cluster_open_recorded(parsed, driver->kubeconfig, error);
    json_decref(parsed);
    if (!cluster)
        return NULL;
    struct cluster_entry *entry = memory_new(sizeof *entry);
    *entry = (struct cluster_entry){string_copy(record), cluster, driver->clusters};
    driver->clusters = entry;
    return cluster;
}

struct looking {
    char *machine_digest;
    char *cluster;
};

static int keep_row(void *context, const struct run_row *row)
{
    struct looking *looking = context;
    looking->machine_digest = string_copy(row->machine_digest);
    looking->cluster = string_copy(row->cluster);
    return 0;
}

static struct drive *load_drive(struct driver *driver, int64_t id, struct error *error)
{
    struct looking looking = {0};
    struct drive *drive = NULL;
    struct digest head;
    if (store_read_run(driver->store, id, keep_row, &looking, error))
        return NULL;
    struct machine *machine = driver_machine(driver, looking.machine_digest, error);
    struct run *run = machine ? run_load(driver->store, id, machine, &head, error) : NULL;
    struct cluster *cluster = run ? driver_cluster(driver, looking.cluster, error) : NULL;
    if (cluster) {
        drive = drive_new(driver, run, machine, cluster);
        drive->head = head;
    } else {
        run_free(run);
    }
    free(looking.machine_digest);
    free(looking.cluster);
    return drive;
}

int driver_take(struct driver *driver, int64_t id, const struct driver_take *take, struct error *error)
{
    struct drive *drive = load_drive(driver, id, error);
    if (!drive)
        return -1;
    drive->take = take;
    if (drive_check_holder(drive, error)) {
        drive_free(drive);
        return -1;
    }
    drive->next = driver->drives;
    driver->drives = drive;
    return 0;
}

/* ---- claiming ---- */

void drive_let_go(struct drive *drive, const struct error *error)
{
    drive->let_go = true;
    drive->error = *error;
}

/* The claims of all runs share a commit: a driver that takes up a thousand runs waits once. */
static int record_claims(struct driver *driver)
{
    if (!driver->drives)
        return 0;
    if (store_begin(driver->store, &driver->error))
        return -1;
    for (struct drive *drive = driver->drives; drive; drive = drive->next) {
        struct error error = {0};
        if (drive_claim(drive, &error)) {
            drive_let_go(drive, &error);
        } else if (drive_write(drive, &driver->error)) {
            store_rollback(driver->store);
            return -1;
        }
    }
    return store_commit(driver->store, &driver->error);
}

/* The word that came with the run is said now, or after those that lay in the store. */
static void begin_drive(struct drive *drive)
{
    const struct driver_take *take = drive->take;
    struct run_command command = {.name = take->command, .body = take->body, .actor = drive->driver->actor};
    struct error error = {0};
    decision_clear(drive->decision);
    drive->ready = true;
    drive->lock_since_ms = clock_system()->steady_ms(clock_system());
    drive->stood_failed = drive->run->place == PLACE_STOPPED;
    if (take->command && drive_has_open_command(drive))
        return;
    drive->take = NULL;
    if (command.name && drive_command(drive, &command, &error) == COMMAND_REFUSED)
        drive_let_go(drive, &error);
}

int driver_claim_all(struct driver *driver)
{
    if (record_claims(driver))
        return -1;
    for (struct drive *drive = driver->drives; drive; drive = drive->next)
        if (!drive->let_go)
            begin_drive(drive);
    return 0;
}
