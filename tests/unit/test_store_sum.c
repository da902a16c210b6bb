/* The sum of a class's tallies: what a cap of the whole store is held against. The same cases for each implementation.
 */
#include "store_fixture.h"

#include "edges/process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define WINDOW_MS ((int64_t)SMS365_DAY_MS)

static int setup_mem(void **state)
{
    struct fixture *fixture = fixture_new();
    struct sms365_error err = {.code = SMS365_OK};

    assert_int_equal(sms365_store_mem_open(&fixture->store, &err), SMS365_OK);
    *state = fixture;
    return 0;
}

static struct sms365_store *store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

static struct sms365_now now(void)
{
    struct sms365_now moment;
    struct sms365_error err;

    assert_int_equal(sms365_now_read(&moment, &err), SMS365_OK);
    return moment;
}

/* Name a shard, so that it has a record of its own in either implementation: one that has none yet. */
static void free_shard(struct sms365_store *store, enum sms365_class class, char name[16])
{
    unsigned i = 0;

    do
        (void)snprintf(name, 16, "%u", i++);
    while (fixture_version(store, class, name) != 0);
}

/* Write a tally that began so long ago. */
static void put_tally(
    struct sms365_store *store, enum sms365_class class, int64_t count, int64_t cost, int64_t age_ms, int64_t ttl_s)
{
    const struct sms365_now moment = now();
    const struct sms365_tally tally = {.since_ms = moment.boot_ms - age_ms, .count = count, .cost = cost};
    uint8_t record[SMS365_RECORD_TALLY_MAX];
    size_t length;
    char name[16];

    assert_true(sms365_tally_encode(&tally, &moment, record, sizeof record, &length));
    free_shard(store, class, name);
    (void)fixture_put(store, class, name, 0, record, length, ttl_s);
}

static void assert_sum(struct sms365_store *store, enum sms365_class class, int64_t count, int64_t cost)
{
    struct sms365_tally total = {.count = -1};
    struct sms365_error err = {.code = SMS365_OK};

    if (sms365_store_sum(store, class, WINDOW_MS, &total, &err) != SMS365_OK)
        fail_msg("%s", err.text);
    assert_true(total.count == count);
    assert_true(total.cost == cost);
}

static void every_tally_of_the_class_counts_once_and_no_other(void **state)
{
    for (enum sms365_class class = HOST; class < CLASSES; class ++) {
        assert_sum(store_of(state), class, 0, 0);
        for (int64_t i = 1; i <= 5; i++)
            put_tally(store_of(state), class, i, i * 1500, 0, 0);
    }
    for (enum sms365_class class = HOST; class < CLASSES; class ++)
        assert_sum(store_of(state), class, 15, 15 * 1500);
}

static void what_is_older_than_the_window_or_has_expired_does_not_count(void **state)
{
    for (enum sms365_class class = HOST; class < CLASSES; class ++) {
        fixture_clock_shift_s = 0;
        put_tally(store_of(state), class, 1, 1000, WINDOW_MS - 60000, 0);
        put_tally(store_of(state), class, 2, 2000, WINDOW_MS, 0);
        put_tally(store_of(state), class, 4, 4000, 30 * WINDOW_MS, 0);
        put_tally(store_of(state), class, 8, 8000, 0, 100);
        assert_sum(store_of(state), class, 9, 9000);
        fixture_clock_shift_s = 200;
        assert_sum(store_of(state), class, 1, 1000);
    }
}

static void a_record_that_is_no_tally_fails_the_sum_and_leaves_the_total_alone(void **state)
{
    struct sms365_tally total = {.count = 77};
    struct sms365_error err;
    char name[16];

    for (enum sms365_class class = HOST; class < CLASSES; class ++) {
        put_tally(store_of(state), class, 1, 1000, 0, 0);
        free_shard(store_of(state), class, name);
        (void)fixture_put(store_of(state), class, name, 0, "none of ours", 12, 0);
        assert_int_equal(sms365_store_sum(store_of(state), class, WINDOW_MS, &total, &err), SMS365_CORRUPT);
        assert_true(total.count == 77);
    }
    assert_int_equal(sms365_store_sum(store_of(state), CLASSES, WINDOW_MS, &total, &err), SMS365_BAD_ARGUMENT);
}

/* --- Several processes: store_file alone --- */

static bool charge(struct sms365_store *store, unsigned shard)
{
    struct sms365_record record;
    struct sms365_error err = {.code = SMS365_OK};
    enum sms365_err result;
    char name[16];

    (void)snprintf(name, sizeof name, "%u", shard);
    do {
        const struct sms365_now moment = now();
        struct sms365_tally tally;
        uint8_t value[SMS365_RECORD_TALLY_MAX];
        size_t length;
        result = sms365_store_get(store, SHARD, name, &record, &err);
        if (result != SMS365_OK || !sms365_tally_decode(&tally, &moment, record.value, record.length))
            return false;
        if (tally.count == 0)
            tally.since_ms = moment.boot_ms;
        tally.count++;
        tally.cost += 1000;
        if (!sms365_tally_encode(&tally, &moment, value, sizeof value, &length))
            return false;
        result = sms365_store_cas(store, SHARD, name, record.version, value, length, 0, NULL, &err);
    } while (result == SMS365_CONFLICT);
    return result == SMS365_OK;
}

struct charger {
    struct fixture *fixture;
    unsigned number;
};

enum { CHARGERS = 8, CHARGES = 60 };

static int charge_many(void *context)
{
    const struct charger *charger = context;
    struct sms365_store *store = fixture_open_file(charger->fixture, PATIENT_MS);
    bool well = true;

    for (unsigned i = 0; well && i < CHARGES; i++)
        well = charge(store, (charger->number + i) % SMS365_SHARDS);
    sms365_store_close(store);
    return !well;
}

static void a_sum_taken_while_others_charge_never_falls_and_misses_none_in_the_end(void **state)
{
    struct fixture *fixture = *state;
    pid_t pids[CHARGERS];
    int64_t least = 0;

    for (unsigned i = 0; i < CHARGERS; i++) {
        struct charger charger = {fixture, i};
        pids[i] = fixture_fork(charge_many, &charger);
    }
    for (unsigned i = 0; i < 50; i++) {
        struct sms365_tally total;
        struct sms365_error err;
        assert_int_equal(sms365_store_sum(fixture->store, SHARD, WINDOW_MS, &total, &err), SMS365_OK);
        assert_in_range(total.count, least, CHARGERS * CHARGES);
        assert_true(total.cost == total.count * 1000);
        least = total.count;
    }
    for (unsigned i = 0; i < CHARGERS; i++)
        assert_int_equal(fixture_wait(pids[i]), 0);
    assert_sum(fixture->store, SHARD, CHARGERS * CHARGES, CHARGERS * CHARGES * 1000);
}

static int stop_before_write(const char *call)
{
    if (strcmp(call, "pwrite") == 0) {
        fixture_hook = NULL;
        (void)raise(SIGSTOP);
    }
    return 0;
}

static int charge_and_stop(void *context)
{
    struct sms365_store *store = fixture_open_file(context, PATIENT_MS);

    fixture_hook = stop_before_write;
    return !charge(store, 0);
}

/* A frozen holder: its shard is busy, at once; in most others there is room, and the sum waits for nobody. */
static void a_held_shard_holds_up_neither_the_others_nor_the_sum(void **state)
{
    struct fixture *fixture = *state;
    unsigned free_shards = 0;
    int status = 0;

    assert_true(charge(fixture->store, 0));
    const pid_t holder = fixture_fork(charge_and_stop, fixture);
    assert_int_equal(waitpid(holder, &status, WUNTRACED), holder);
    assert_true(WIFSTOPPED(status));
    struct sms365_store *hasty = fixture_open_file(fixture, 0);
    for (unsigned shard = 0; shard < SMS365_SHARDS; shard++)
        free_shards += charge(hasty, shard);
    assert_false(charge(hasty, 0));
    assert_in_range(free_shards, SMS365_SHARDS / 2, SMS365_SHARDS - 1);
    assert_sum(hasty, SHARD, 1 + free_shards, (1 + free_shards) * 1000);
    sms365_store_close(hasty);
    assert_int_equal(kill(holder, SIGCONT), 0);
    assert_int_equal(fixture_wait(holder), 0);
    assert_sum(fixture->store, SHARD, 2 + free_shards, (2 + free_shards) * 1000);
}

#define BOTH(f)                                                                                                        \
    {"mem: " #f, f, setup_mem, fixture_teardown, NULL},                                                                \
    {                                                                                                                  \
        "file: " #f, f, fixture_setup_file, fixture_teardown, NULL                                                     \
    }
#define FILE_ONLY(f) cmocka_unit_test_setup_teardown(f, fixture_setup_file, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(every_tally_of_the_class_counts_once_and_no_other),
        BOTH(what_is_older_than_the_window_or_has_expired_does_not_count),
        BOTH(a_record_that_is_no_tally_fails_the_sum_and_leaves_the_total_alone),
        FILE_ONLY(a_sum_taken_while_others_charge_never_falls_and_misses_none_in_the_end),
        FILE_ONLY(a_held_shard_holds_up_neither_the_others_nor_the_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
