#include <fcntl.h>
#include <sqlite3.h>
#include <time.h>

#include "state/chain.h"
#include "store_support.h"
#include "suite.h"

static struct chain_report verify(void)
{
    struct store *store = open_store(STORE_READ);
    struct chain_report report;
    struct error error = {0};
    ck_assert_msg(chain_verify(store, &report, &error) == 0, "%s", error.message);
    store_close(store);
    return report;
}

/* What nobody does by accident: the triggers are dropped first. */
static void tamper(const char *sql)
{
    sqlite3 *database;
    char *message = NULL;
    ck_assert_int_eq(sqlite3_open(test_path, &database), 0);
    int result = sqlite3_exec(database,
                              "DROP TRIGGER IF EXISTS events_are_not_changed;"
                              "DROP TRIGGER IF EXISTS events_are_not_deleted",
                              NULL, NULL, &message);
    if (!result)
        result = sqlite3_exec(database, sql, NULL, NULL, &message);
    ck_assert_msg(result == 0, "%s: %s", sql, message);
    sqlite3_close(database);
}

static void make_two_runs(void)
{
    struct store *store = open_store(STORE_CREATE);
    put_run(store, 5);
    put_run(store, 4);
    store_close(store);
}

START_TEST(untouched_records_are_intact)
{
    make_two_runs();
    struct chain_report report = verify();
    ck_assert_msg(report.intact, "%s", report.what);
    ck_assert_int_eq(report.records, 9);
    ck_assert_int_eq(report.runs, 2);
}
END_TEST

START_TEST(a_change_in_any_column_names_its_record)
{
    static const char *const changes[] = {
        "run = 1",
        "seq = 7",
        "time_ms = time_ms + 1",
        "event = 'step_starteD'",
        "step = 'upgradf'",
        "step = NULL",
        "step = ''",
        "visit = 2",
        "attempt = 2",
        "epoch = 2",
        "actor = 'me@herf'",
        "body = '{\"inputs\":{\"count\":4},\"key\":\"k\"}'",
        "body = body || char(0) || 'x'",
        "hash = zeroblob(32)",
        "hash = substr(hash, 1, 31)",
        "id = 100",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        make_folder();
        make_two_runs();
        char *sql = string_format("UPDATE events SET %s WHERE run = 2 AND seq = 3", changes[i]);
        if (!strcmp(changes[i], "id = 100") || !strcmp(changes[i], "run = 1")) {
            free(sql); /* the last one, so that the order stays, and (run, seq) stays unique */
            sql = string_format("UPDATE events SET %s WHERE run = 2 AND seq = 4", changes[i]);
            if (strcmp(changes[i], "id = 100"))
                tamper("DROP INDEX events_of_run");
        }
        tamper(sql);
        struct chain_report report = verify();
        ck_assert_msg(!report.intact, "%s went unnoticed", changes[i]);
        ck_assert_msg(report.records == (strstr(sql, "seq = 4") && !strstr(sql, "seq = 3") ? 8 : 7),
                      "%s: noticed behind %lld records: %s", changes[i], (long long)report.records,
                      report.what);
        free(sql);
        remove_folder();
    }
    make_folder();
}
END_TEST

START_TEST(records_that_are_missing_or_exchanged_are_noticed)
{
    static const struct {
        const char *sql;
        int64_t run, seq;
    } cuts[] = {
        {"DELETE FROM events WHERE run = 1 AND seq = 2", 1, 3},
        {"DELETE FROM events WHERE run = 1 AND seq = 5", 2, 1}, /* a gap in the order of commits */
        {"DELETE FROM events WHERE run = 2 AND seq = 4", 2, 4},
        {"DELETE FROM events WHERE run = 2", 2, 1},
        {"DELETE FROM events WHERE run = 2; DELETE FROM runs WHERE run = 2", 0, 0},
        {"DELETE FROM events; DELETE FROM runs", 0, 0},
        {"UPDATE store SET records = 8", 0, 0},
        {"UPDATE store SET head = zeroblob(32)", 0, 0},
        {"UPDATE runs SET head = zeroblob(32) WHERE run = 2", 2, 5},
        {"UPDATE events SET id = 50 WHERE id = 2; UPDATE events SET id = 2 WHERE id = 6;"
         "UPDATE events SET id = 6 WHERE id = 50",
         1, 3}, /* two runs that moved at once: each is whole, and the third record is in the wrong place */
    };
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        make_folder();
        make_two_runs();
        tamper(cuts[i].sql);
        struct chain_report report = verify();
        ck_assert_msg(!report.intact, "%s went unnoticed", cuts[i].sql);
        ck_assert_msg(report.bad_run == cuts[i].run && report.bad_seq == cuts[i].seq,
                      "%s: run %lld, record %lld: %s", cuts[i].sql, (long long)report.bad_run,
                      (long long)report.bad_seq, report.what);
        remove_folder();
    }
    make_folder();
}
END_TEST

/* ---- every byte of the file ---- */

struct pages {
    unsigned char *bytes;
    long length;
};

static struct pages read_file(void)
{
    FILE *file = fopen(test_path, "rb");
    struct pages pages = {0};
    fseek(file, 0, SEEK_END);
    pages.length = ftell(file);
    rewind(file);
    pages.bytes = memory_new((size_t)pages.length);
    ck_assert_int_eq(fread(pages.bytes, 1, (size_t)pages.length, file), pages.length);
    fclose(file);
    return pages;
}

static void write_byte(long at, unsigned char byte)
{
    int file = open(test_path, O_WRONLY);
    ck_assert_int_eq(pwrite(file, &byte, 1, at), 1);
    close(file);
}

static int64_t root_page(void)
{
    sqlite3 *database;
    sqlite3_stmt *statement;
    ck_assert_int_eq(sqlite3_open(test_path, &database), 0);
    ck_assert_int_eq(sqlite3_prepare_v2(database, "SELECT rootpage FROM sqlite_schema WHERE name = 'events'",
                                        -1, &statement, NULL),
                     0);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    int64_t page = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return page;
}

static void fold_log_back(void)
{
    sqlite3 *database;
    ck_assert_int_eq(sqlite3_open(test_path, &database), 0);
    ck_assert_int_eq(sqlite3_exec(database, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), 0);
    sqlite3_close(database);
}

/* The one byte of a cell that means nothing: the column `id` is the cell's own number, and what stands in its
 * place is never read. The payload, the number and the header's size are one byte each here. */
static bool is_placeholder(const unsigned char *page, long at)
{
    int cells = page[3] << 8 | page[4];
    for (int i = 0; i < cells; i++)
        if (at == (page[8 + 2 * i] << 8 | page[9 + 2 * i]) + 3)
            return true;
    return false;
}

/* Every byte of the page that holds the records, the free bytes between cells left out. */
START_TEST(a_flipped_bit_in_any_byte_of_a_record_is_noticed)
{
    make_two_runs();
    fold_log_back();
    struct pages pages = read_file();
    long page_size = pages.bytes[16] << 8 | pages.bytes[17], start = (root_page() - 1) * page_size;
    const unsigned char *page = pages.bytes + start;
    long content = page[5] << 8 | page[6];
    int flips = 0;
    ck_assert_int_eq(page[0], 13); /* a leaf */
    for (long at = 0; at < page_size; at++) {
        bool header = at < 8 + 2 * 9;
        if (!header && at < content)
            continue;
        if (at == 1 || at == 2 || at == 7) /* free blocks and fragments: about bytes that hold nothing */
            continue;
        if (is_placeholder(page, at))
            continue;
        int bit = (int)(at * 5 % 8); /* one bit of each byte, another each time */
        write_byte(start + at, page[at] ^ (unsigned char)(1 << bit));
        struct chain_report report = verify();
        ck_assert_msg(!report.intact, "bit %d of byte %ld of the page went unnoticed", bit, at);
        write_byte(start + at, page[at]);
        flips++;
    }
    ck_assert_int_gt(flips, 900);
    free(pages.bytes);
    ck_assert(verify().intact);
}
END_TEST

/* ---- what is hashed ---- */

START_TEST(records_that_differ_have_different_hashes)
{
    struct digest zero = {0};
    struct record a = plain_record(1, 1), b = a;
    a.event = "ab", a.step = "c";
    b.event = "a", b.step = "bc";
    struct digest first = chain_hash(&zero, &a), second = chain_hash(&zero, &b);
    ck_assert(memcmp(&first, &second, sizeof first));
    b = a;
    b.step = NULL, a.step = "";
    first = chain_hash(&zero, &a), second = chain_hash(&zero, &b);
    ck_assert(memcmp(&first, &second, sizeof first));
}
END_TEST

/* Written down: what was hashed once must be hashed so for ever. */
START_TEST(the_hash_of_a_record_stays_what_it_is)
{
    struct digest previous;
    memset(&previous, 7, sizeof previous);
    struct record record = plain_record(12, 3);
    struct digest hash = chain_hash(&previous, &record);
    const char *text =
        "12 3 1790000000003 1 1 1;12:step_started,7:upgrade,7:me@here,32:{\"inputs\":{\"count\":3}"
        ",\"key\":\"k\"},";
    struct digest expected = digest_of_two(&previous, sizeof previous, text, strlen(text));
    ck_assert(!memcmp(&hash, &expected, sizeof hash));
}
END_TEST

START_TEST(long_bodies_and_negative_numbers_are_hashed_whole)
{
    struct digest zero = {0};
    char *body = memory_new(100001);
    memset(body, 'x', 100000);
    struct record record = plain_record(1, 1);
    record.body = body;
    struct digest first = chain_hash(&zero, &record);
    body[99999] = 'y';
    struct digest second = chain_hash(&zero, &record);
    ck_assert(memcmp(&first, &second, sizeof first));
    record.time_ms = INT64_MIN;
    second = chain_hash(&zero, &record);
    record.time_ms = INT64_MAX;
    first = chain_hash(&zero, &record);
    ck_assert(memcmp(&first, &second, sizeof first));
    free(body);
}
END_TEST

START_TEST(a_record_is_printed_as_the_reference_says)
{
    struct record record = plain_record(7, 1);
    json_t *object = record_json(&record);
    static const char *const names[] = {"seq",     "time",  "run",   "event", "step", "visit",
                                        "attempt", "epoch", "actor", "body",  "hash"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_msg(json_object_get(object, names[i]) != NULL, "%s", names[i]);
    ck_assert_uint_eq(json_object_size(object), sizeof names / sizeof *names);
    ck_assert(json_is_object(json_object_get(object, "body")));
    json_decref(object);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chain");
    TCase *stores = tcase_create("stores"), *hashes = tcase_create("hashes");
    tcase_add_checked_fixture(stores, make_folder, remove_folder);
    tcase_set_timeout(stores, 60);
    tcase_add_test(stores, untouched_records_are_intact);
    tcase_add_test(stores, a_change_in_any_column_names_its_record);
    tcase_add_test(stores, records_that_are_missing_or_exchanged_are_noticed);
    tcase_add_test(stores, a_flipped_bit_in_any_byte_of_a_record_is_noticed);
    tcase_add_test(hashes, records_that_differ_have_different_hashes);
    tcase_add_test(hashes, the_hash_of_a_record_stays_what_it_is);
    tcase_add_test(hashes, long_bodies_and_negative_numbers_are_hashed_whole);
    tcase_add_test(hashes, a_record_is_printed_as_the_reference_says);
    suite_add_tcase(suite, stores);
    suite_add_tcase(suite, hashes);
    return suite_run(suite);
}
