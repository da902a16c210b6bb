/* What every implementation of the state store must do: the same cases for each. */
#include "store_fixture.h"

#include <stdio.h>
#include <string.h>

struct implementation {
    const char *name;
    bool is_shared; /* between processes */
};

static const struct implementation implementations[] = {{"mem", false}, {"file", true}};

static const struct implementation *current;

static int setup(void **state)
{
    current = *state;
    struct fixture *fixture = fixture_new();
    struct sms365_error err = {.code = SMS365_OK};

    if (current->is_shared)
        fixture->store = fixture_open_file(fixture, PATIENT_MS);
    else
        assert_int_equal(sms365_store_mem_open(&fixture->store, &err), SMS365_OK);
    *state = fixture;
    return 0;
}

static struct sms365_store *store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

static void what_was_never_written_has_version_0(void **state)
{
    struct sms365_record record = {.version = 7, .length = 7};

    for (enum sms365_class class = USER; class < CLASSES; class ++) {
        fixture_get(store_of(state), class, "nobody", &record);
        assert_true(record.version == 0);
        assert_int_equal(record.length, 0);
    }
}

static void values_come_back_whole_with_their_version(void **state)
{
    static const size_t lengths[] = {0, 1, 63, 64, 65, 455, 456, 457, 511, 512, 3839, SMS365_RECORD_MAX};
    uint8_t value[SMS365_RECORD_MAX];
    struct sms365_record record;

    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (uint8_t)(i * 7 + 1);
    for (enum sms365_class class = USER; class < CLASSES; class ++) {
        uint64_t version = 0;
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            if (class != USER && lengths[i] > SMS365_RECORD_TALLY_MAX)
                break;
            const uint64_t fresh = fixture_put(store_of(state), class, "name", version, value, lengths[i], 0);
            assert_true(fresh != version);
            version = fresh;
            fixture_get(store_of(state), class, "name", &record);
            assert_true(record.version == version);
            assert_int_equal(record.length, lengths[i]);
            assert_memory_equal(record.value, value, lengths[i]);
        }
    }
}

static void another_version_is_a_conflict_and_changes_nothing(void **state)
{
    struct sms365_record record;
    struct sms365_error err;

    for (enum sms365_class class = USER; class < CLASSES; class ++) {
        uint64_t fresh = 77;
        assert_int_equal(sms365_store_cas(store_of(state), class, "name", 5, "x", 1, 0, &fresh, &err), SMS365_CONFLICT);
        const uint64_t first = fixture_put(store_of(state), class, "name", 0, "one", 3, 0);
        const uint64_t second = fixture_put(store_of(state), class, "name", first, "two", 3, 0);
        const uint64_t wrong[] = {0, first, second - 1, second + 1, UINT64_MAX};
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
            assert_int_equal(
                sms365_store_cas(store_of(state), class, "name", wrong[i], "bad", 3, 0, &fresh, &err), SMS365_CONFLICT);
        assert_true(fresh == 77);
        fixture_get(store_of(state), class, "name", &record);
        assert_true(record.version == second);
        assert_memory_equal(record.value, "two", 3);
    }
}

static void deleting_leaves_no_version_to_use_again(void **state)
{
    struct sms365_record record;
    struct sms365_error err;
    uint64_t seen[20];

    for (enum sms365_class class = USER; class < CLASSES; class ++) {
        assert_int_equal(sms365_store_del(store_of(state), class, "name", &err), SMS365_OK);
        for (size_t i = 0; i < 20; i += 2) {
            seen[i] = fixture_put(store_of(state), class, "name", 0, "a", 1, 0);
            seen[i + 1] = fixture_put(store_of(state), class, "name", seen[i], "b", 1, 0);
            assert_int_equal(sms365_store_del(store_of(state), class, "name", &err), SMS365_OK);
            fixture_get(store_of(state), class, "name", &record);
            assert_true(record.version == 0);
            assert_int_equal(record.length, 0);
            for (size_t j = 0; j < i + 1; j++) {
                assert_true(seen[j] != seen[i + 1] && (j == i || seen[j] != seen[i]));
                assert_int_equal(
                    sms365_store_cas(store_of(state), class, "name", seen[j], "x", 1, 0, NULL, &err), SMS365_CONFLICT);
            }
        }
        assert_int_equal(sms365_store_del(store_of(state), class, "name", &err), SMS365_OK);
    }
}

static void what_has_expired_is_gone(void **state)
{
    struct sms365_record record;
    struct sms365_error err;

    for (enum sms365_class class = USER; class < CLASSES; class ++) {
        fixture_clock_shift_s = 0;
        const uint64_t first = fixture_put(store_of(state), class, "name", 0, "short", 5, 10000);
        fixture_clock_shift_s = 9000;
        fixture_get(store_of(state), class, "name", &record);
        assert_true(record.version == first);
        fixture_clock_shift_s = 10002;
        fixture_get(store_of(state), class, "name", &record);
        assert_true(record.version == 0);
        assert_int_equal(record.length, 0);
        assert_int_equal(
            sms365_store_cas(store_of(state), class, "name", first, "x", 1, 0, NULL, &err), SMS365_CONFLICT);
        const uint64_t second = fixture_put(store_of(state), class, "name", 0, "long", 4, 0);
        assert_true(second != first);
        fixture_clock_shift_s = 1000000000;
        fixture_get(store_of(state), class, "name", &record);
        assert_true(record.version == second);
        const uint64_t third = fixture_put(store_of(state), class, "name", second, "ever", 4, INT64_MAX);
        fixture_get(store_of(state), class, "name", &record);
        assert_true(record.version == third);
    }
}

static void arguments_out_of_bounds_are_refused(void **state)
{
    static const uint8_t value[SMS365_RECORD_MAX + 1];
    struct sms365_store *store = store_of(state);
    struct sms365_record record;
    struct sms365_error err;
    char name[300];

    for (enum sms365_class class = USER; class < CLASSES; class ++) {
        const size_t value_max = class == USER ? SMS365_RECORD_MAX : SMS365_RECORD_TALLY_MAX;
        const size_t name_max = class == USER ? SMS365_RECORD_NAME_MAX : SMS365_RECORD_TALLY_NAME_MAX;
        assert_int_equal(
            sms365_store_cas(store, class, "name", 0, value, value_max + 1, 0, NULL, &err), SMS365_BAD_ARGUMENT);
        assert_int_equal(sms365_store_cas(store, class, "name", 0, "x", 1, -1, NULL, &err), SMS365_BAD_ARGUMENT);
        assert_int_equal(sms365_store_cas(store, class, "", 0, "x", 1, 0, NULL, &err), SMS365_BAD_ARGUMENT);
        memset(name, 'n', sizeof name);
        name[name_max + 1] = '\0';
        assert_int_equal(sms365_store_cas(store, class, name, 0, "x", 1, 0, NULL, &err), SMS365_BAD_ARGUMENT);
        assert_int_equal(sms365_store_get(store, class, name, &record, &err), SMS365_BAD_ARGUMENT);
        assert_int_equal(sms365_store_del(store, class, name, &err), SMS365_BAD_ARGUMENT);
        name[name_max] = '\0';
        (void)fixture_put(store, class, name, 0, value, value_max, 0);
        fixture_get(store, class, name, &record);
        assert_int_equal(record.length, value_max);
    }
    assert_int_equal(sms365_store_get(store, SMS365_CLASS_COUNT, "x", &record, &err), SMS365_BAD_ARGUMENT);
    assert_int_equal(sms365_store_scan(store, SMS365_CLASS_COUNT, NULL, NULL, &err), SMS365_BAD_ARGUMENT);
    assert_int_equal(sms365_store_get(store, USER, "", &record, NULL), SMS365_BAD_ARGUMENT);
}

static void names_and_classes_are_kept_apart(void **state)
{
    static const char *const names[] = {
        "a", "ab", "A", "../a", "a/b", ".", "..", "a\nb", "\xff\xfe", "user", "\xce\xb1"};
    const size_t count = sizeof names / sizeof *names;
    struct sms365_record record;

    for (size_t i = 0; i < count; i++)
        (void)fixture_put(store_of(state), USER, names[i], 0, &i, sizeof i, 0);
    for (size_t i = 0; i < count; i++) {
        fixture_get(store_of(state), USER, names[i], &record);
        assert_memory_equal(record.value, &i, sizeof i);
    }
    for (enum sms365_class class = HOST; class < CLASSES; class ++) {
        fixture_get(store_of(state), class, "a", &record);
        assert_true(record.version == 0);
        (void)fixture_put(store_of(state), class, "a", 0, &class, sizeof class, 0);
    }
    for (enum sms365_class class = HOST; class < CLASSES; class ++) {
        fixture_get(store_of(state), class, "a", &record);
        assert_int_equal(record.length, sizeof class);
        assert_memory_equal(record.value, &class, sizeof class);
    }
}

struct tally {
    struct sms365_store *store;
    unsigned calls, stop_after;
    bool seen[64];
};

static bool count_users(void *context, const char *name, const struct sms365_record *record)
{
    struct tally *tally = context;
    struct sms365_error err;
    unsigned i = 0;

    assert_non_null(name);
    assert_int_equal(sscanf(name, "user%u", &i), 1);
    assert_true(i < 50 && !tally->seen[i]);
    tally->seen[i] = true;
    assert_int_equal(record->length, sizeof i);
    assert_memory_equal(record->value, &i, sizeof i);
    if (tally->store != NULL && i % 2 == 0)
        assert_int_equal(sms365_store_del(tally->store, USER, name, &err), SMS365_OK);
    else if (tally->store != NULL)
        (void)fixture_put(tally->store, USER, name, record->version, &i, sizeof i, 0);
    return ++tally->calls != tally->stop_after;
}

static void scan_shows_every_live_record_once(void **state)
{
    struct sms365_store *store = store_of(state);
    struct sms365_error err;
    char name[16];

    for (unsigned i = 0; i < 55; i++) {
        (void)snprintf(name, sizeof name, "user%u", i);
        (void)fixture_put(store, USER, name, 0, &i, sizeof i, i < 50 ? 0 : 10);
    }
    fixture_clock_shift_s = 20;
    (void)fixture_put(store, HOST, "user1", 0, "x", 1, 0);
    struct tally tally = {.stop_after = 7};
    assert_int_equal(sms365_store_scan(store, USER, count_users, &tally, &err), SMS365_OK);
    assert_int_equal(tally.calls, 7);
    tally = (struct tally){0};
    assert_int_equal(sms365_store_scan(store, USER, count_users, &tally, &err), SMS365_OK);
    assert_int_equal(tally.calls, 50);
    tally = (struct tally){.store = store};
    assert_int_equal(sms365_store_scan(store, USER, count_users, &tally, &err), SMS365_OK);
    assert_int_equal(tally.calls, 50);
    tally = (struct tally){0};
    assert_int_equal(sms365_store_scan(store, USER, count_users, &tally, &err), SMS365_OK);
    assert_int_equal(tally.calls, 25);
}

static bool count_nameless(void *context, const char *name, const struct sms365_record *record)
{
    assert_null(name);
    assert_int_equal(record->length, 4);
    ++*(unsigned *)context;
    return true;
}

/* In memory each table is as large as that of hosts. */
static void invented_names_take_bounded_room(void **state)
{
    struct sms365_store *store = store_of(state);
    struct sms365_record record;
    struct sms365_error err;
    char name[32];

    fixture_hook = fixture_no_sync;
    for (enum sms365_class class = HOST; class < CLASSES; class ++) {
        const size_t room = current->is_shared ? fixture_tables[class].buckets : fixture_tables[HOST].buckets;
        unsigned count = 0;
        for (unsigned i = 0; i < 4 * room; i++) {
            (void)snprintf(name, sizeof name, "host-%u.example", i);
            fixture_get(store, class, name, &record);
            (void)fixture_put(store, class, name, record.version, &i, sizeof i, 0);
        }
        assert_int_equal(sms365_store_scan(store, class, count_nameless, &count, &err), SMS365_OK);
        assert_in_range(count, room - room / 4, room);
    }
}

struct load {
    struct fixture *fixture;
    enum sms365_class class;
    unsigned rounds;
};

static int increment_many(void *context)
{
    struct load *load = context;
    struct sms365_store *store = fixture_open_file(load->fixture, PATIENT_MS);
    bool well = true;

    for (unsigned i = 0; well && i < load->rounds; i++)
        well = fixture_increment(store, load->class, "counter");
    sms365_store_close(store);
    return !well;
}

static void no_update_is_lost(void **state)
{
    struct fixture *fixture = *state;

    for (enum sms365_class class = USER; class < CLASSES; class ++) {
        struct load load = {fixture, class, 60};
        pid_t pids[8];
        uint64_t expected = 0;

        for (unsigned i = 0; i < 8 && current->is_shared; i++)
            pids[i] = fixture_fork(increment_many, &load);
        for (unsigned i = 0; i < load.rounds; i++)
            assert_true(fixture_increment(fixture->store, class, "counter"));
        expected += load.rounds;
        for (unsigned i = 0; i < 8 && current->is_shared; i++) {
            assert_int_equal(fixture_wait(pids[i]), 0);
            expected += load.rounds;
        }
        assert_true(fixture_count_of(fixture->store, class, "counter") == expected);
    }
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    sms365_store_close(NULL);
}

#define CASE(f)                                                                                                        \
    {                                                                                                                  \
#f, f                                                                                                          \
    }

static const struct {
    const char *name;
    CMUnitTestFunction run;
} cases[] = {
    CASE(what_was_never_written_has_version_0),
    CASE(values_come_back_whole_with_their_version),
    CASE(another_version_is_a_conflict_and_changes_nothing),
    CASE(deleting_leaves_no_version_to_use_again),
    CASE(what_has_expired_is_gone),
    CASE(arguments_out_of_bounds_are_refused),
    CASE(names_and_classes_are_kept_apart),
    CASE(scan_shows_every_live_record_once),
    CASE(invented_names_take_bounded_room),
    CASE(no_update_is_lost),
    CASE(closing_nothing_is_fine),
};

int main(void)
{
    enum { CASES = sizeof cases / sizeof *cases, KINDS = sizeof implementations / sizeof *implementations };
    static struct CMUnitTest tests[CASES * KINDS];
    static char names[CASES * KINDS][100];

    for (size_t i = 0; i < CASES * KINDS; i++) {
        const struct implementation *implementation = &implementations[i / CASES];
        (void)snprintf(names[i], sizeof names[i], "%s: %s", implementation->name, cases[i % CASES].name);
        tests[i] = (struct CMUnitTest){
            names[i], cases[i % CASES].run, setup, fixture_teardown, (void *)(uintptr_t)implementation};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
