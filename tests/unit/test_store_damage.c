/* What store_file makes of files that were altered, exchanged or half written. */
#include "store_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOT 8192
#define FILE_BYTES (2 * SLOT)
#define SECTOR 512

static struct sms365_store *store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

/*
 * However a byte of the newest slot is altered, the older value is not what comes out: it would give tries back. In the
 * older slot alterations may go unseen, but then the newest value is right.
 */
static void an_altered_byte_never_gives_another_value(void **state)
{
    static const uint8_t changes[] = {0x01, 0x02, 0x80, 0xff};
    struct sms365_record record;
    struct sms365_error err;
    uint8_t bytes[FILE_BYTES];
    char path[200];
    unsigned refused = 0;

    const uint64_t first = fixture_put(store_of(state), USER, "alice", 0, "first", 5, 0);
    const uint64_t second = fixture_put(store_of(state), USER, "alice", first, "second", 6, 0);
    fixture_user_path(*state, path, sizeof path);
    assert_int_equal(fixture_read(path, bytes, sizeof bytes), FILE_BYTES);
    for (size_t i = 0; i < FILE_BYTES; i++) {
        for (size_t j = 0; j < sizeof changes; j++) {
            const uint8_t altered = bytes[i] ^ changes[j];
            fixture_patch(path, &altered, 1, (off_t)i);
            const enum sms365_err result = sms365_store_get(store_of(state), USER, "alice", &record, &err);
            if (result == SMS365_OK) {
                assert_true(record.version == second);
                assert_int_equal(record.length, 6);
                assert_memory_equal(record.value, "second", 6);
            } else {
                assert_int_equal(result, SMS365_CORRUPT);
                refused++;
            }
        }
        fixture_patch(path, &bytes[i], 1, (off_t)i);
    }
    /* At the least: the tags and the header, the name and the value of the newest. */
    assert_true(refused >= sizeof changes * (18 * 8 + 42 + 5 + 6));
}

/* Put sectors of two images together: bit i of mask says that sector i is the fresh one. */
static void tear(const char *path, const uint8_t *stale, const uint8_t *fresh, unsigned mask, off_t offset)
{
    for (unsigned i = 0; i < SLOT / SECTOR; i++)
        fixture_patch(path, (mask >> i & 1 ? fresh : stale) + offset + i * SECTOR, SECTOR, offset + i * SECTOR);
}

enum { SECTORS = SLOT / SECTOR, ALL_FRESH = (1 << SECTORS) - 1, TEARS = 256 + 2 * SECTORS };

/* Ways to tear a slot: every way by pairs of sectors, then every one sector that alone is fresh, or stale. */
static unsigned tear_mask(unsigned which)
{
    unsigned mask = 0;

    if (which >= 256)
        return which < 256 + SECTORS ? 1u << (which - 256) : ALL_FRESH & ~(1u << (which - 256 - SECTORS));
    for (unsigned i = 0; i < SECTORS; i++)
        mask |= (which >> i / 2 & 1) << i;
    return mask;
}

static void an_interrupted_write_leaves_the_value_before_it(void **state)
{
    struct fixture *fixture = *state;
    struct sms365_record record;
    uint8_t stale[FILE_BYTES], fresh[FILE_BYTES], value[3000];
    char path[200];
    uint64_t version = 0;

    for (unsigned i = 0; i < 3; i++) {
        memset(value, 'a' + (int)i, sizeof value);
        version = fixture_put(fixture->store, USER, "alice", version, value, sizeof value, 0);
    }
    fixture_user_path(fixture, path, sizeof path);
    (void)fixture_read(path, stale, sizeof stale);
    memset(value, 'z', sizeof value);
    const uint64_t next = fixture_put(fixture->store, USER, "alice", version, value, sizeof value, 0);
    (void)fixture_read(path, fresh, sizeof fresh);
    const off_t offset = memcmp(stale, fresh, SLOT) == 0 ? SLOT : 0;
    fixture_hook = fixture_no_sync;
    for (unsigned which = 0; which < TEARS; which++) {
        const unsigned mask = tear_mask(which);
        tear(path, stale, fresh, mask, offset);
        fixture_get(fixture->store, USER, "alice", &record);
        assert_true(record.version == (mask == ALL_FRESH ? next : version));
        assert_int_equal(record.value[0], mask == ALL_FRESH ? 'z' : 'c');
        (void)fixture_put(fixture->store, USER, "alice", record.version, "on it goes", 10, 0);
        fixture_get(fixture->store, USER, "alice", &record);
        assert_memory_equal(record.value, "on it goes", 10);
        fixture_write(path, stale, sizeof stale);
    }
}

/* Keeps what a power cut would leave of the file at each sync: the images before and after. */
static struct {
    const char *path;
    unsigned count;
    uint8_t images[4][FILE_BYTES];
} syncs;

static int keep_image(const char *call)
{
    if (strcmp(call, "fdatasync") == 0 && syncs.count < 4)
        (void)fixture_read(syncs.path, syncs.images[syncs.count++], FILE_BYTES);
    return 0;
}

/* The write that comes after an interrupted one may be interrupted, too. */
static void two_interrupted_writes_in_a_row_leave_the_value_before_them(void **state)
{
    static uint8_t stale[FILE_BYTES], fresh[FILE_BYTES], torn[FILE_BYTES];
    struct fixture *fixture = *state;
    struct sms365_record record;
    uint8_t value[3000];
    char path[200];
    uint64_t version = 0;

    for (unsigned i = 0; i < 3; i++) {
        memset(value, 'a' + (int)i, sizeof value);
        version = fixture_put(fixture->store, USER, "alice", version, value, sizeof value, 0);
    }
    fixture_user_path(fixture, path, sizeof path);
    (void)fixture_read(path, stale, sizeof stale);
    memset(value, 'y', sizeof value);
    const uint64_t next = fixture_put(fixture->store, USER, "alice", version, value, sizeof value, 0);
    (void)fixture_read(path, fresh, sizeof fresh);
    const off_t offset = memcmp(stale, fresh, SLOT) == 0 ? SLOT : 0;
    for (unsigned once = 1; once < 255; once += 7) {
        tear(path, stale, fresh, tear_mask(once), offset);
        (void)fixture_read(path, torn, sizeof torn);
        memset(value, 'z', sizeof value);
        syncs.path = path;
        syncs.count = 0;
        fixture_hook = keep_image;
        (void)fixture_put(fixture->store, USER, "alice", version, value, sizeof value, 0);
        fixture_hook = NULL;
        for (unsigned i = 0; i < syncs.count; i++) {
            for (unsigned twice = 0; twice < 256; twice++) {
                tear(path, i == 0 ? torn : syncs.images[i - 1], syncs.images[i], tear_mask(twice), offset);
                fixture_get(fixture->store, USER, "alice", &record);
                const bool is_done = i + 1 == syncs.count && twice == 255;
                assert_true(record.version == (is_done ? next : version));
                assert_int_equal(record.value[0], is_done ? 'z' : 'c');
            }
        }
    }
}

static void files_that_were_exchanged_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct sms365_store *store = fixture->store;
    struct sms365_record record;
    struct sms365_error err;
    uint8_t bytes[FILE_BYTES];
    char alice[200], bob[200];

    (void)fixture_put(store, USER, "alice", 0, "a", 1, 0);
    fixture_user_path(fixture, alice, sizeof alice);
    (void)fixture_read(alice, bytes, sizeof bytes);
    assert_int_equal(sms365_store_del(store, USER, "alice", &err), SMS365_OK);
    (void)fixture_put(store, USER, "bob", 0, "b", 1, 0);
    fixture_user_path(fixture, bob, sizeof bob);
    assert_int_equal(rename(bob, alice), 0);
    fixture_assert_refused(store, USER, "alice", alice);
    assert_non_null(strstr((sms365_store_get(store, USER, "alice", &record, &err), err.text), "another record"));
    fixture_get(store, USER, "bob", &record);
    assert_true(record.version == 0);
    fixture_write(bob, bytes, sizeof bytes);
    fixture_assert_refused(store, USER, "bob", bob);
    /* Deleting is what the message says: it always works. */
    assert_int_equal(sms365_store_del(store, USER, "bob", &err), SMS365_OK);
    (void)fixture_put(store, USER, "bob", 0, "b", 1, 0);
}

static void slots_that_were_exchanged_are_refused(void **state)
{
    struct fixture *fixture = *state;
    uint8_t bytes[FILE_BYTES];
    char path[200];

    (void)fixture_put(fixture->store, USER, "alice", 0, "a", 1, 0);
    fixture_user_path(fixture, path, sizeof path);
    (void)fixture_read(path, bytes, sizeof bytes);
    fixture_patch(path, bytes, SLOT, SLOT);
    fixture_assert_refused(fixture->store, USER, "alice", path);
    fixture_patch(path, bytes + SLOT, SLOT, SLOT);
    fixture_patch(path, bytes + SLOT, SLOT, 0);
    fixture_assert_refused(fixture->store, USER, "alice", path);
    fixture_patch(path, bytes + SLOT, SLOT, 0);
    fixture_patch(path, bytes, SLOT, SLOT);
    fixture_assert_refused(fixture->store, USER, "alice", path);
}

static void files_of_another_length_are_refused(void **state)
{
    static const off_t lengths[] = {0, 1, 100, 4095, 4096, 8191, 8192, 8193, 16383, 16385, 1000000};
    struct fixture *fixture = *state;
    uint8_t bytes[FILE_BYTES];
    char path[200];

    (void)fixture_put(fixture->store, USER, "alice", 0, "a", 1, 0);
    fixture_user_path(fixture, path, sizeof path);
    (void)fixture_read(path, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(truncate(path, lengths[i]), 0);
        fixture_assert_refused(fixture->store, USER, "alice", path);
        fixture_write(path, bytes, sizeof bytes);
    }
    memset(bytes, 0, sizeof bytes);
    fixture_write(path, bytes, sizeof bytes);
    fixture_assert_refused(fixture->store, USER, "alice", path);
    memset(bytes, 'x', sizeof bytes);
    fixture_write(path, bytes, sizeof bytes);
    fixture_assert_refused(fixture->store, USER, "alice", path);
}

/* Records of a store with another key have other names; where one gets hold of ours all the same, it is refused. */
static void records_under_another_key_are_refused(void **state)
{
    static const struct sms365_mac_key other = {{9, 9, 9}};
    struct fixture *fixture = *state;
    const struct sms365_store_file_options options = {fixture->dir, &other, 1000, NULL};
    struct sms365_store *foreign = NULL;
    struct sms365_error err;
    char ours[200], theirs[200];

    (void)fixture_put(fixture->store, USER, "alice", 0, "a", 1, 0);
    for (enum sms365_class class = HOST; class < CLASSES; class ++)
        (void)fixture_put(fixture->store, class, "::1", 0, "a", 1, 0);
    fixture_user_path(fixture, ours, sizeof ours);
    assert_int_equal(sms365_store_del(fixture->store, USER, "alice", &err), SMS365_OK);
    assert_int_equal(sms365_store_file_open(&foreign, &options, &err), SMS365_OK);
    (void)fixture_put(foreign, USER, "alice", 0, "x", 1, 0);
    fixture_user_path(fixture, theirs, sizeof theirs);
    assert_string_not_equal(ours, theirs);
    assert_int_equal(rename(theirs, ours), 0);
    fixture_assert_refused(fixture->store, USER, "alice", ours);
    for (enum sms365_class class = HOST; class < CLASSES; class ++) {
        fixture_table_path(fixture, class, ours, sizeof ours);
        fixture_assert_refused(foreign, class, "::1", ours);
    }
    sms365_store_close(foreign);
}

static bool count(void *context, const char *name, const struct sms365_record *record)
{
    assert_non_null(name);
    assert_true(record->version != 0);
    ++*(unsigned *)context;
    return true;
}

static void scan_goes_past_a_damaged_record_and_tells(void **state)
{
    struct fixture *fixture = *state;
    struct sms365_error err;
    char path[200], name[16];
    unsigned seen = 0;

    (void)fixture_put(fixture->store, USER, "damaged", 0, "x", 1, 0);
    fixture_user_path(fixture, path, sizeof path);
    assert_int_equal(truncate(path, 5), 0);
    for (unsigned i = 0; i < 10; i++) {
        (void)snprintf(name, sizeof name, "user%u", i);
        (void)fixture_put(fixture->store, USER, name, 0, "x", 1, 0);
    }
    assert_int_equal(sms365_store_scan(fixture->store, USER, count, &seen, &err), SMS365_CORRUPT);
    assert_int_equal(seen, 10);
    assert_non_null(strstr(err.text, path));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup_file, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_altered_byte_never_gives_another_value),
        CASE(an_interrupted_write_leaves_the_value_before_it),
        CASE(two_interrupted_writes_in_a_row_leave_the_value_before_them),
        CASE(files_that_were_exchanged_are_refused),
        CASE(slots_that_were_exchanged_are_refused),
        CASE(files_of_another_length_are_refused),
        CASE(records_under_another_key_are_refused),
        CASE(scan_goes_past_a_damaged_record_and_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
