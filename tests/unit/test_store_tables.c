/* What store_file makes of tables that were altered, exchanged or half written. */
#include "store_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TABLE_SLOT 128
#define TABLE_MAX (4096 + 2 * 16384 * TABLE_SLOT) /* bytes of the largest table, SPEND's */

static uint8_t table[TABLE_MAX + 1];

static size_t half_bytes(enum sms365_class class)
{
    return fixture_tables[class].buckets * TABLE_SLOT;
}

static size_t table_bytes(enum sms365_class class)
{
    return 4096 + 2 * half_bytes(class);
}

/* step: not every change, where the same code was tried with all of them. */
static void alter_bucket(struct fixture *fixture, enum sms365_class class, unsigned step)
{
    struct sms365_record record;
    struct sms365_error err;
    char path[200];

    const uint64_t first = fixture_put(fixture->store, class, "::1", 0, "first", 5, 0);
    const uint64_t second = fixture_put(fixture->store, class, "::1", first, "second", 6, 0);
    fixture_table_path(fixture, class, path, sizeof path);
    assert_int_equal(fixture_read(path, table, sizeof table), table_bytes(class));
    for (size_t i = 0; i < table_bytes(class); i++) {
        if (table[i] == 0)
            continue;
        for (unsigned change = 1; change < 256; change += step) {
            const uint8_t altered = table[i] ^ (uint8_t)change;
            fixture_patch(path, &altered, 1, (off_t)i);
            const enum sms365_err result = sms365_store_get(fixture->store, class, "::1", &record, &err);
            assert_true(result == SMS365_CORRUPT || (result == SMS365_OK && record.version == second));
            assert_true(result == SMS365_CORRUPT || memcmp(record.value, "second", 6) == 0);
        }
        fixture_patch(path, &table[i], 1, (off_t)i);
    }
    fixture_get(fixture->store, class, "::1", &record);
    assert_true(record.version == second);
}

static void an_altered_bucket_never_gives_another_value(void **state)
{
    for (enum sms365_class class = HOST; class < CLASSES; class ++)
        alter_bucket(*state, class, class == HOST ? 1 : 21);
}

/* What is not on disk when it is acknowledged reaches it in any order: a power cut leaves one half older by several
 * writes.
 */
static void halves_of_different_ages_leave_the_later_value_where_writes_are_not_ordered(void **state)
{
    static const char number[] = "number/0/306971234567";
    static uint8_t older[TABLE_MAX + 1];
    struct fixture *fixture = *state;
    const size_t half = half_bytes(SPEND);
    struct sms365_record record;
    char path[200];
    char value[2] = "a";
    uint64_t version = fixture_put(fixture->store, SPEND, number, 0, value, 1, 0);

    version = fixture_put(fixture->store, SPEND, number, version, "b", 1, 0);
    fixture_table_path(fixture, SPEND, path, sizeof path);
    assert_int_equal(fixture_read(path, older, sizeof older), table_bytes(SPEND));
    for (size_t at = 4096; at < table_bytes(SPEND); at += half) {
        for (value[0] = 'c'; value[0] <= 'g'; value[0]++)
            version = fixture_put(fixture->store, SPEND, number, version, value, 1, 0);
        fixture_patch(path, older + at, half, (off_t)at);
        fixture_get(fixture->store, SPEND, number, &record);
        assert_int_equal(record.length, 1);
        assert_true(record.value[0] == 'f' || record.value[0] == 'g');
        version = record.version;
    }
}

/* The slot that a write to a bucket changed. */
static size_t changed_slot(const uint8_t *before, const uint8_t *after)
{
    size_t at = 4096;

    while (at < TABLE_MAX && memcmp(before + at, after + at, TABLE_SLOT) == 0)
        at += TABLE_SLOT;
    assert_true(at < TABLE_MAX);
    return at;
}

/* The slot of the same bucket in half 0 or 1 of the table. */
static size_t slot_in_half(enum sms365_class class, size_t slot, size_t half)
{
    return 4096 + (slot - 4096) % half_bytes(class) + half * half_bytes(class);
}

/* Whatever a first write to a bucket, or a later one, may leave: memory is copied in words, or larger pieces. */
static void interrupt_writes_to_a_bucket(struct fixture *fixture, enum sms365_class class)
{
    static uint8_t fresh[TABLE_MAX];
    struct sms365_record record;
    char path[200];

    fixture_table_path(fixture, class, path, sizeof path);
    (void)fixture_put(fixture->store, class, "other", 0, "x", 1, 0);
    fixture_hook = fixture_no_sync;
    for (unsigned write = 0; write < 4; write++) {
        fixture_get(fixture->store, class, "::1", &record);
        const uint64_t before = record.version;
        (void)fixture_read(path, table, sizeof table);
        const uint64_t after = fixture_put(fixture->store, class, "::1", before, &write, sizeof write, 0);
        (void)fixture_read(path, fresh, sizeof fresh);
        const size_t at = changed_slot(table, fresh);
        for (size_t length = 0; length < TABLE_SLOT; length += 8) {
            fixture_patch(path, table + at, TABLE_SLOT, (off_t)at);
            fixture_patch(path, fresh + at, length, (off_t)at);
            const bool is_whole = memcmp(table + at + length, fresh + at + length, TABLE_SLOT - length) == 0;
            fixture_get(fixture->store, class, "::1", &record);
            assert_true(record.version == (is_whole ? after : before));
            (void)fixture_put(fixture->store, class, "::1", record.version, "on", 2, 0);
            fixture_get(fixture->store, class, "::1", &record);
            assert_memory_equal(record.value, "on", 2);
            for (size_t half = 0; half < 2; half++)
                fixture_patch(
                    path, table + slot_in_half(class, at, half), TABLE_SLOT, (off_t)slot_in_half(class, at, half));
        }
        fixture_patch(path, fresh + at, TABLE_SLOT, (off_t)at);
    }
}

static void an_interrupted_write_to_a_bucket_leaves_the_value_before_it(void **state)
{
    for (enum sms365_class class = HOST; class < CLASSES; class ++)
        interrupt_writes_to_a_bucket(*state, class);
}

static void exchange_buckets(struct fixture *fixture, enum sms365_class class)
{
    static uint8_t later[TABLE_MAX + 1];
    char path[200], name[16];
    unsigned i = 2;

    (void)fixture_put(fixture->store, class, "10.0.0.1", 0, "a", 1, 0);
    fixture_table_path(fixture, class, path, sizeof path);
    (void)fixture_read(path, table, sizeof table);
    do /* until one has another bucket */
        (void)snprintf(name, sizeof name, "10.0.0.%u", i++);
    while (fixture_version(fixture->store, class, name) != 0);
    (void)fixture_put(fixture->store, class, name, 0, "b", 1, 0);
    (void)fixture_read(path, later, sizeof later);
    const size_t second = changed_slot(table, later);
    memset(later, 0, sizeof later);
    const size_t first = changed_slot(later, table);
    (void)fixture_read(path, later, sizeof later);
    for (size_t half = 0; half < 2; half++)
        fixture_patch(
            path, later + slot_in_half(class, second, half), TABLE_SLOT, (off_t)slot_in_half(class, first, half));
    fixture_assert_refused(fixture->store, class, "10.0.0.1", path);
}

static void buckets_that_were_exchanged_are_refused(void **state)
{
    for (enum sms365_class class = HOST; class < CLASSES; class ++)
        exchange_buckets(*state, class);
}

static void alter_title(struct fixture *fixture, enum sms365_class class)
{
    char path[200];

    (void)fixture_put(fixture->store, class, "::1", 0, "a", 1, 0);
    fixture_table_path(fixture, class, path, sizeof path);
    (void)fixture_read(path, table, sizeof table);
    for (off_t i = 0; i < 64; i++) {
        const uint8_t altered = table[i] ^ 1;
        fixture_patch(path, &altered, 1, i);
        fixture_assert_refused(fixture->store, class, "::1", path);
        fixture_patch(path, &table[i], 1, i);
    }
    assert_int_equal(truncate(path, (off_t)table_bytes(class) - 1), 0);
    fixture_assert_refused(fixture->store, class, "::1", path);
    assert_int_equal(truncate(path, (off_t)table_bytes(class) + 1), 0);
    fixture_assert_refused(fixture->store, class, "::1", path);
}

static void a_table_with_another_title_or_length_is_refused(void **state)
{
    for (enum sms365_class class = HOST; class < CLASSES; class ++)
        alter_title(*state, class);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup_file, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_altered_bucket_never_gives_another_value),
        CASE(halves_of_different_ages_leave_the_later_value_where_writes_are_not_ordered),
        CASE(an_interrupted_write_to_a_bucket_leaves_the_value_before_it),
        CASE(buckets_that_were_exchanged_are_refused),
        CASE(a_table_with_another_title_or_length_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
