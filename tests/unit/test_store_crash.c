/*
 * Processes that use store_file and are killed: at random moments, and before and after each of their system calls.
 * The record is the old one or the new one, and whoever comes next can work. What is on disk when, and what is swept.
 */
#include "store_fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 300
#define MORE_ROUNDS 60 /* of the classes whose records live as those of HOST do */
#define WORKERS 3

/* What the workers tell, in memory that they share with the test. */
struct ledger {
    struct fixture *fixture;
    enum sms365_class class;
    uint64_t acknowledged[WORKERS];
    uint64_t steps;
};

struct worker {
    struct ledger *ledger;
    unsigned number;
};

static int count_for_ever(void *context)
{
    const struct worker *worker = context;
    struct ledger *ledger = worker->ledger;

    for (;;) {
        struct sms365_store *store = fixture_open_file(ledger->fixture, PATIENT_MS);
        (void)__atomic_add_fetch(&ledger->steps, 1, __ATOMIC_RELAXED);
        if (!fixture_increment(store, ledger->class, "counter"))
            return 1;
        (void)__atomic_add_fetch(&ledger->acknowledged[worker->number], 1, __ATOMIC_RELAXED);
        sms365_store_close(store);
    }
}

static uint64_t total(const struct ledger *ledger)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < WORKERS; i++)
        sum += __atomic_load_n(&ledger->acknowledged[i], __ATOMIC_RELAXED);
    return sum;
}

/* Wait until the workers have come so far, and a bit further: the pause is what makes the moment a random one. */
static void wait_for_steps(const struct ledger *ledger, uint64_t steps, uint32_t random)
{
    const struct timespec pause = {.tv_nsec = random % 300000};

    while (__atomic_load_n(&ledger->steps, __ATOMIC_RELAXED) < steps)
        (void)nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
    (void)nanosleep(&pause, NULL);
}

/* An increment that was acknowledged is there; of each worker killed, one more may be. */
static void kill_workers(struct fixture *fixture, enum sms365_class class, unsigned rounds)
{
    struct ledger *ledger = mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint32_t random = 12345;
    uint64_t unsure = 0;

    assert_true(ledger != MAP_FAILED);
    ledger->fixture = fixture;
    ledger->class = class;
    for (unsigned round = 0; round < rounds; round++) {
        pid_t pids[WORKERS];
        const uint64_t start = ledger->steps;
        for (unsigned i = 0; i < WORKERS; i++) {
            struct worker worker = {ledger, i};
            pids[i] = fixture_fork(count_for_ever, &worker);
        }
        random = random * 1664525 + 1013904223;
        wait_for_steps(ledger, start + 1 + (random >> 16) % 8, random);
        for (unsigned i = 0; i < WORKERS; i++)
            assert_int_equal(kill(pids[i], SIGKILL), 0);
        for (unsigned i = 0; i < WORKERS; i++)
            assert_int_equal(fixture_wait(pids[i]), 128 + SIGKILL);
        unsure += WORKERS;
        const uint64_t count = fixture_count_of(fixture->store, class, "counter");
        assert_in_range(count, total(ledger), total(ledger) + unsure);
        if (round % 10 == 9) {
            /* Made anew from time to time: that, too, is interrupted. */
            assert_int_equal(sms365_store_del(fixture->store, class, "counter", NULL), SMS365_OK);
            memset(ledger->acknowledged, 0, sizeof ledger->acknowledged);
            unsure = 0;
        }
    }
    assert_true(fixture_increment(fixture->store, class, "counter"));
    (void)munmap(ledger, sizeof *ledger);
}

static void killed_at_random_nothing_acknowledged_is_lost(void **state)
{
    for (enum sms365_class class = USER; class < CLASSES; class ++)
        kill_workers(*state, class, class <= HOST ? ROUNDS : MORE_ROUNDS);
}

enum operation { CREATE, UPDATE, SECOND_UPDATE, DELETE, OPERATIONS };

struct step {
    struct sms365_store *store;
    enum sms365_class class;
    enum operation operation;
    uint64_t version;
};

/* Stop when traced, so that the test counts from here. */
static int operate(void *context)
{
    const struct step *step = context;

    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0)
        return 2;
    if (step->operation == DELETE)
        return sms365_store_del(step->store, step->class, "alice", NULL) != SMS365_OK;
    return sms365_store_cas(step->store, step->class, "alice", step->version, "new", 3, 0, NULL, NULL) != SMS365_OK;
}

/* Run the operation, and kill it where its system call number `stop` (counting entries and exits) would go on. Returns
 * true when it had ended before. */
static bool run_and_kill(const struct step *step, unsigned stop)
{
    struct step copy = *step;
    const pid_t pid = fixture_fork(operate, &copy);
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD), 0);
    for (unsigned i = 0; i < stop; i++) {
        assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status)) {
            assert_int_equal(WEXITSTATUS(status), 0);
            return true;
        }
        assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == (SIGTRAP | 0x80));
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(fixture_wait(pid), 128 + SIGKILL);
    return false;
}

static uint64_t prepare(const struct step *step)
{
    uint64_t version = 0;

    assert_int_equal(sms365_store_del(step->store, step->class, "alice", NULL), SMS365_OK);
    if (step->operation != CREATE)
        version = fixture_put(step->store, step->class, "alice", 0, "old", 3, 0);
    if (step->operation == SECOND_UPDATE)
        version = fixture_put(step->store, step->class, "alice", version, "old", 3, 0);
    return version;
}

static void assert_old_or_new(const struct step *step)
{
    struct sms365_record record;

    fixture_get(step->store, step->class, "alice", &record);
    const bool is_new = record.version != 0 && memcmp(record.value, "new", 3) == 0;
    const bool is_old = record.version != 0 && memcmp(record.value, "old", 3) == 0;
    assert_int_equal(record.length, record.version == 0 ? 0 : 3);
    if (step->operation == CREATE)
        assert_true(is_new || record.version == 0);
    else if (step->operation == DELETE)
        assert_true(is_old || record.version == 0);
    else
        assert_true((is_old && record.version == step->version) || (is_new && record.version == step->version + 1));
    /* The next one works, at once. */
    const uint64_t next = fixture_put(step->store, step->class, "alice", record.version, "next", 4, 0);
    fixture_get(step->store, step->class, "alice", &record);
    assert_true(record.version == next);
    assert_memory_equal(record.value, "next", 4);
}

static void remove_table(const struct fixture *fixture, enum sms365_class class)
{
    char path[200];

    fixture_table_path(fixture, class, path, sizeof path);
    assert_true(unlink(path) == 0 || errno == ENOENT);
}

static void killed_at_each_system_call_leaves_old_or_new(void **state)
{
    struct fixture *fixture = *state;
    unsigned stops = 0;

    struct sms365_store *hasty = fixture_open_file(fixture, 0);
    for (enum sms365_class class = USER; class < CLASSES; class ++) {
        for (enum operation operation = CREATE; operation < OPERATIONS; operation++) {
            bool is_over = false;
            for (unsigned stop = 1; !is_over; stop++) {
                struct step step = {hasty, class, operation, 0};
                step.version = prepare(&step);
                if (operation == CREATE && class != USER)
                    remove_table(fixture, class);
                is_over = run_and_kill(&step, stop);
                assert_old_or_new(&step);
                assert_int_equal(fixture_count(fixture, "user."), 1);
                stops++;
            }
        }
    }
    print_message("killed at %u stops\n", stops);
    /* Each operation makes at least six system calls. */
    assert_true(stops > 2 * CLASSES * OPERATIONS * 6);
    sms365_store_close(hasty);
}

/* The calls that change what is on disk, in their order. */
static char changes[200];

static int note_changes(const char *call)
{
    static const char *const noted[] = {"pwrite", "fdatasync", "fsync", "renameat", "unlinkat", "posix_fallocate"};
    const size_t length = strlen(changes);

    for (size_t i = 0; i < sizeof noted / sizeof *noted; i++)
        if (strcmp(call, noted[i]) == 0)
            (void)snprintf(changes + length, sizeof changes - length, "%s ", call);
    return 0;
}

/*
 * What no kill can show, and a power cut would: a file is on disk before it gets its name, its name before anything
 * relies on it, and all of it before the answer; in SPEND and SHARD the values themselves are not.
 */
static void each_step_is_on_disk_before_the_next(void **state)
{
    static const struct {
        enum sms365_class class;
        enum operation operation;
        const char *changes;
    } cases[] = {
        {USER, CREATE, "pwrite pwrite fdatasync renameat fsync "},
        {USER, UPDATE, "fsync pwrite fdatasync "},
        {USER, SECOND_UPDATE, "pwrite fdatasync "},
        {USER, DELETE, "unlinkat fsync "},
        {HOST, CREATE, "posix_fallocate fsync fsync pwrite fdatasync pwrite fdatasync "},
        {HOST, UPDATE, "pwrite fdatasync "},
        {HOST, DELETE, "pwrite fdatasync "},
        {FLAG, CREATE, "posix_fallocate fsync fsync pwrite fdatasync pwrite fdatasync "},
        {FLAG, UPDATE, "pwrite fdatasync "},
        {FLAG, DELETE, "pwrite fdatasync "},
        {SPEND, CREATE, "posix_fallocate fsync fsync pwrite fdatasync pwrite "},
        {SPEND, UPDATE, "pwrite "},
        {SPEND, DELETE, "pwrite "},
        {SHARD, CREATE, "posix_fallocate fsync fsync pwrite fdatasync pwrite "},
        {SHARD, UPDATE, "pwrite "},
        {SHARD, DELETE, "pwrite "},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct step step = {fixture->store, cases[i].class, cases[i].operation, 0};
        step.version = prepare(&step);
        if (step.operation == CREATE && step.class != USER)
            remove_table(fixture, step.class);
        changes[0] = '\0';
        fixture_hook = note_changes;
        if (step.operation == DELETE)
            assert_int_equal(sms365_store_del(step.store, step.class, "alice", NULL), SMS365_OK);
        else
            (void)fixture_put(step.store, step.class, "alice", step.version, "new", 3, 0);
        fixture_hook = NULL;
        /* A look for expired records may follow, and writes where it stopped: nothing relies on that. */
        assert_memory_equal(changes, cases[i].changes, strlen(cases[i].changes));
        assert_true(strcmp(changes + strlen(cases[i].changes), "") == 0 ||
                    strcmp(changes + strlen(cases[i].changes), "pwrite ") == 0);
    }
    /* Whoever deleted it may have been killed before that was on disk. */
    changes[0] = '\0';
    fixture_hook = note_changes;
    assert_int_equal(sms365_store_del(fixture->store, USER, "nobody", NULL), SMS365_OK);
    assert_string_equal(changes, "fsync ");
}

static void what_a_killed_maker_left_is_overwritten(void **state)
{
    static const size_t lengths[] = {0, 1, 4096, 8192, 20000};
    static uint8_t garbage[20000];
    struct fixture *fixture = *state;
    struct sms365_record record;
    char path[200], leftover[210];

    (void)fixture_put(fixture->store, USER, "alice", 0, "x", 1, 0);
    fixture_user_path(fixture, path, sizeof path);
    (void)snprintf(leftover, sizeof leftover, "%s.new", path);
    memset(garbage, 'g', sizeof garbage);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(sms365_store_del(fixture->store, USER, "alice", NULL), SMS365_OK);
        fixture_write(leftover, garbage, lengths[i]);
        fixture_get(fixture->store, USER, "alice", &record);
        assert_true(record.version == 0);
        const uint64_t version = fixture_put(fixture->store, USER, "alice", 0, "y", 1, 0);
        fixture_get(fixture->store, USER, "alice", &record);
        assert_true(record.version == version);
        assert_int_equal(fixture_count(fixture, "user."), 1);
    }
}

static unsigned data_syncs, name_syncs;

static int count_syncs(const char *call)
{
    data_syncs += strcmp(call, "fdatasync") == 0;
    name_syncs += strcmp(call, "fsync") == 0;
    return 0;
}

/* Durable writes are what a login waits for. */
static void a_write_to_a_record_syncs_once(void **state)
{
    uint64_t version = 0;

    fixture_hook = count_syncs;
    for (unsigned i = 0; i < 200; i++) {
        data_syncs = name_syncs = 0;
        version = fixture_put(((struct fixture *)*state)->store, USER, "alice", version, &i, sizeof i, 0);
        assert_int_equal(data_syncs, 1);
        /* Making a record syncs its name; the second write makes sure of it, should the maker have been killed. */
        assert_int_equal(name_syncs, i < 2 ? 1 : 0);
    }
    version = fixture_put(((struct fixture *)*state)->store, HOST, "::1", 0, "x", 1, 0);
    for (unsigned i = 0; i < 200; i++) {
        data_syncs = name_syncs = 0;
        version = fixture_put(((struct fixture *)*state)->store, HOST, "::1", version, &i, sizeof i, 0);
        assert_int_equal(data_syncs, 1);
        assert_int_equal(name_syncs, 0);
    }
}

static void expired_records_and_leftovers_are_swept(void **state)
{
    struct fixture *fixture = *state;
    char name[16], path[200], leftover[210];
    uint64_t version = 0;

    fixture_hook = fixture_no_sync;
    (void)fixture_put(fixture->store, USER, "half made", 0, "x", 1, 100);
    fixture_user_path(fixture, path, sizeof path);
    (void)snprintf(leftover, sizeof leftover, "%s.new", path);
    assert_int_equal(rename(path, leftover), 0);
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "user%u", i);
        (void)fixture_put(fixture->store, USER, name, 0, "x", 1, i % 2 == 0 ? 0 : 100);
    }
    fixture_clock_shift_s = 200;
    unsigned writes = 0;
    while (fixture_count(fixture, "user.") > 50) {
        version = fixture_put(fixture->store, USER, "user0",
            version == 0 ? fixture_version(fixture->store, USER, "user0") : version, "y", 1, 0);
        assert_true(++writes < 20000);
    }
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof name, "user%u", i);
        assert_true((fixture_version(fixture->store, USER, name) != 0) == (i % 2 == 0));
    }
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup_file, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(killed_at_random_nothing_acknowledged_is_lost),
        CASE(killed_at_each_system_call_leaves_old_or_new),
        CASE(each_step_is_on_disk_before_the_next),
        CASE(what_a_killed_maker_left_is_overwritten),
        CASE(a_write_to_a_record_syncs_once),
        CASE(expired_records_and_leftovers_are_swept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
