/* What a caller's limit on the size of files (RLIMIT_FSIZE) can do to the store: nothing. */
#include "store_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define SLOT_BYTES 8192
#define TABLE_BYTES (4096 + 2 * 4096 * 128)

struct attempt {
    struct sms365_store *store;
    enum sms365_class class;
    rlim_t limit;
    uint64_t version;
    uint64_t value;
};

enum { WRITTEN, REFUSED, ENDED_OTHERWISE };

/* In a child: its limit ends with it. A signal would end it, too. */
static int write_under_limit(void *context)
{
    const struct attempt *attempt = context;
    const struct rlimit limit = {attempt->limit, attempt->limit};
    struct sms365_error err = {.code = SMS365_OK};

    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return ENDED_OTHERWISE;
    const enum sms365_err result = sms365_store_cas(attempt->store, attempt->class, "alice", attempt->version,
        &attempt->value, sizeof attempt->value, 0, NULL, &err);
    if (result == SMS365_OK)
        return WRITTEN;
    return result == SMS365_IO && strstr(err.text, "ulimit") != NULL ? REFUSED : ENDED_OTHERWISE;
}

static int attempt_at(struct attempt *attempt, rlim_t limit)
{
    attempt->limit = limit;
    return fixture_wait(fixture_fork(write_under_limit, attempt));
}

/* Write under every limit twice, so that it meets both slots: all or nothing is written each time. */
static void every_limit_writes_all_or_nothing(
    struct fixture *fixture, enum sms365_class class, const rlim_t *limits, size_t count)
{
    struct attempt attempt = {.store = fixture->store, .class = class, .value = 1};
    struct sms365_record record;

    fixture_hook = fixture_no_sync;
    attempt.version =
        fixture_put(attempt.store, class, "alice", attempt.version, &attempt.value, sizeof attempt.value, 0);
    for (size_t i = 0; i < 2 * count; i++) {
        const uint64_t before = attempt.value++;
        const int ended = attempt_at(&attempt, limits[i / 2]);
        if (ended != WRITTEN && ended != REFUSED)
            fail_msg("limit %llu: %d", (unsigned long long)limits[i / 2], ended);
        const uint64_t now = fixture_count_of(attempt.store, class, "alice");
        assert_true(now == (ended == WRITTEN ? attempt.value : before));
        fixture_get(attempt.store, class, "alice", &record);
        /* The other slot gets its turn whatever the limit was. */
        attempt.version =
            fixture_put(attempt.store, class, "alice", record.version, &attempt.value, sizeof attempt.value, 0);
        if (ended == WRITTEN)
            attempt.version =
                fixture_put(attempt.store, class, "alice", attempt.version, &attempt.value, sizeof attempt.value, 0);
    }
    fixture_hook = NULL;
}

static void no_limit_damages_a_user_record(void **state)
{
    static rlim_t limits[2 * SLOT_BYTES + 2];
    size_t count = 0;

    /* Every byte about the ends of slots and sectors, where the tags are; some between. */
    for (rlim_t limit = 0; limit <= 2 * SLOT_BYTES + 1; limit++)
        if (limit % 512 < 40 || limit % 512 > 500 || limit % 97 == 0)
            limits[count++] = limit;
    every_limit_writes_all_or_nothing(*state, USER, limits, count);
}

static void no_limit_damages_a_host_record(void **state)
{
    struct fixture *fixture = *state;
    static rlim_t limits[2 * 128];
    uint8_t table[TABLE_BYTES];
    char path[128];
    size_t count = 0, end = TABLE_BYTES;

    (void)fixture_put(fixture->store, HOST, "alice", 0, "x", 1, 0);
    fixture_table_path(fixture, HOST, path, sizeof path);
    assert_int_equal(fixture_read(path, table, sizeof table), TABLE_BYTES);
    while (table[end - 1] == 0)
        end--;
    assert_true(end > 4096);
    for (rlim_t limit = end - 128; limit < end + 1; limit++)
        limits[count++] = limit;
    assert_int_equal(sms365_store_del(fixture->store, HOST, "alice", NULL), SMS365_OK);
    every_limit_writes_all_or_nothing(fixture, HOST, limits, count);
}

static void no_limit_leaves_half_of_a_new_record(void **state)
{
    struct fixture *fixture = *state;
    static const rlim_t limits[] = {0, 1, 7, 8, 511, 512, 4096, 8191, 8192, 8193, 16383, 16384};
    struct sms365_record record;

    fixture_hook = fixture_no_sync;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct attempt attempt = {.store = fixture->store, .class = USER, .value = 7};
        assert_int_equal(attempt_at(&attempt, limits[i]), limits[i] < 2 * SLOT_BYTES ? REFUSED : WRITTEN);
        fixture_get(fixture->store, USER, "alice", &record);
        assert_int_equal(record.length, limits[i] < 2 * SLOT_BYTES ? 0 : sizeof attempt.value);
        assert_int_equal(fixture_count(fixture, "user."), limits[i] < 2 * SLOT_BYTES ? 0 : 1);
    }
    fixture_hook = NULL;
}

static void no_limit_leaves_half_a_table(void **state)
{
    struct fixture *fixture = *state;
    static const rlim_t limits[] = {0, 1, 63, 64, 4096, 65536, TABLE_BYTES - 1, TABLE_BYTES};
    struct sms365_record record;

    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct attempt attempt = {.store = fixture->store, .class = HOST, .value = 7};
        assert_int_equal(attempt_at(&attempt, limits[i]), limits[i] < TABLE_BYTES ? REFUSED : WRITTEN);
        fixture_get(fixture->store, HOST, "alice", &record);
        assert_int_equal(record.length, limits[i] < TABLE_BYTES ? 0 : sizeof attempt.value);
    }
}

#define store_test(function) cmocka_unit_test_setup_teardown(function, fixture_setup_file, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(no_limit_damages_a_user_record),
        store_test(no_limit_damages_a_host_record),
        store_test(no_limit_leaves_half_of_a_new_record),
        store_test(no_limit_leaves_half_a_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
