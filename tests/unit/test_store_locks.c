/* Who waits for whom in store_file, and what a process that holds a lock is protected from. Needs root. */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STRANGER 65534

static int setup(void **state)
{
    if (geteuid() != 0) {
        print_error("these tests change their user ids: run them as root\n");
        return -1;
    }
    return fixture_setup_file(state);
}

static struct sms365_store *store_of(void **state)
{
    return ((struct fixture *)*state)->store;
}

/* A process that stops in the middle of a write, with the lock in its hands. */
struct holder {
    struct fixture *fixture;
    enum sms365_class class;
    const char *name;
    uint64_t version;
};

/* Where every write is synced, when it is written and before it is on disk; elsewhere before it is written. */
static bool stop_before_write;

static int stop_in_the_middle(const char *call)
{
    if (stop_before_write ? strcmp(call, "pwrite") == 0
                          : strcmp(call, "fdatasync") == 0 || strcmp(call, "fsync") == 0) {
        fixture_hook = NULL;
        (void)raise(SIGSTOP);
    }
    return 0;
}

static int write_and_stop(void *context)
{
    const struct holder *holder = context;
    struct sms365_store *store = fixture_open_file(holder->fixture, PATIENT_MS);
    struct sms365_error err;

    stop_before_write = holder->class != USER && !fixture_tables[holder->class].durable;
    fixture_hook = stop_in_the_middle;
    const enum sms365_err result =
        sms365_store_cas(store, holder->class, holder->name, holder->version, "held", 4, 0, NULL, &err);
    sms365_store_close(store);
    return result != SMS365_OK;
}

static pid_t start_holder(struct fixture *fixture, enum sms365_class class, const char *name, uint64_t version)
{
    struct holder holder = {fixture, class, name, version};
    const pid_t pid = fixture_fork(write_and_stop, &holder);
    int status = 0;

    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    return pid;
}

/* BUSY in time, and the holder named in the error and in the log. */
static void assert_busy(struct fixture *fixture, enum sms365_class class, const char *name, pid_t holder)
{
    struct sms365_store *store = fixture_open_file(fixture, 30);
    struct sms365_error err;
    char text[40];

    (void)snprintf(text, sizeof text, "process %ld ", (long)holder);
    fixture->logged[0] = '\0';
    assert_int_equal(sms365_store_cas(store, class, name, 0, "x", 1, 0, NULL, &err), SMS365_BUSY);
    assert_non_null(strstr(err.text, text));
    assert_non_null(strstr(err.text, fixture->dir));
    assert_string_equal(fixture->logged, err.text);
    assert_int_equal(sms365_store_cas(store, class, name, 0, "x", 1, 0, NULL, NULL), SMS365_BUSY);
    sms365_store_close(store);
}

static void a_stopped_holder_is_named_and_nothing_is_lost(void **state)
{
    struct fixture *fixture = *state;
    struct sms365_record record;

    for (enum sms365_class class = USER; class < CLASSES; class ++) {
        const uint64_t version = fixture_put(fixture->store, class, "alice", 0, "x", 1, 0);
        const pid_t pid = start_holder(fixture, class, "alice", version);
        assert_busy(fixture, class, "alice", pid);
        struct sms365_store *hasty = fixture_open_file(fixture, 0);
        assert_int_equal(sms365_store_del(hasty, class, "alice", NULL), SMS365_BUSY);
        sms365_store_close(hasty);
        /* Reading needs no lock. */
        fixture_get(fixture->store, class, "alice", &record);
        assert_true(record.version != 0);
        assert_int_equal(kill(pid, SIGCONT), 0);
        assert_int_equal(fixture_wait(pid), 0);
        fixture_get(fixture->store, class, "alice", &record);
        assert_memory_equal(record.value, "held", 4);
        (void)fixture_put(fixture->store, class, "alice", record.version, "y", 1, 0);
    }
}

static void a_killed_holder_lets_go(void **state)
{
    struct fixture *fixture = *state;

    for (enum sms365_class class = USER; class < CLASSES; class ++) {
        const uint64_t version = fixture_put(fixture->store, class, "alice", 0, "x", 1, 0);
        const pid_t pid = start_holder(fixture, class, "alice", version);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(fixture_wait(pid), 128 + SIGKILL);
        (void)fixture_put(fixture->store, class, "alice", fixture_version(fixture->store, class, "alice"), "y", 1, 0);
    }
}

/* Also while a record is made, and while the table is. */
static void a_stopped_maker_is_named_too(void **state)
{
    struct fixture *fixture = *state;

    for (enum sms365_class class = USER; class < CLASSES; class ++) {
        const pid_t pid = start_holder(fixture, class, "alice", 0);
        assert_busy(fixture, class, "alice", pid);
        assert_true(fixture_version(fixture->store, class, "alice") == 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(fixture_wait(pid), 128 + SIGKILL);
        (void)fixture_put(fixture->store, class, "alice", fixture_version(fixture->store, class, "alice"), "y", 1, 0);
    }
}

struct other {
    struct fixture *fixture;
    enum sms365_class class;
    unsigned number;
};

/* No patience at all: whoever had to wait would fail. */
static int write_at_once(void *context)
{
    const struct other *other = context;
    struct sms365_store *store = fixture_open_file(other->fixture, 0);
    struct sms365_error err = {.code = SMS365_OK};
    enum sms365_err result = SMS365_OK;
    uint64_t version = 0;
    char name[32];

    (void)snprintf(name, sizeof name, "user%u", other->number);
    for (unsigned i = 0; i < 5 && result == SMS365_OK; i++)
        result = sms365_store_cas(store, other->class, name, version, &i, sizeof i, 0, &version, &err);
    if (result != SMS365_OK)
        (void)fprintf(stderr, "%s\n", err.text);
    sms365_store_close(store);
    return result != SMS365_OK;
}

/* The key is always the same, so these names are in 65 different buckets. (A shard is anybody's: see test_store_sum.)
 */
static void sixty_four_users_do_not_wait_for_one_that_is_held(void **state)
{
    struct fixture *fixture = *state;

    for (enum sms365_class class = USER; class <= SPEND; class ++) {
        const uint64_t version = fixture_put(fixture->store, class, "held", 0, "x", 1, 0);
        const pid_t holder = start_holder(fixture, class, "held", version);
        pid_t pids[64];
        for (unsigned i = 0; i < 64; i++) {
            struct other other = {fixture, class, i};
            pids[i] = fixture_fork(write_at_once, &other);
        }
        unsigned failed = 0;
        for (unsigned i = 0; i < 64; i++)
            failed += fixture_wait(pids[i]) != 0;
        assert_int_equal(failed, 0);
        assert_int_equal(kill(holder, SIGKILL), 0);
        assert_int_equal(fixture_wait(holder), 128 + SIGKILL);
    }
}

/*
 * One process changes what a name stands for while another waits for the lock of what it stood for. The first stops
 * before `call`; the second when it has found the lock taken once.
 */
static struct {
    struct fixture *fixture;
    const char *call;
    uint64_t version;
    unsigned attempts;
} race;

static int stop_at_call(const char *call)
{
    if (strcmp(call, race.call) == 0) {
        fixture_hook = NULL;
        (void)raise(SIGSTOP);
    }
    return 0;
}

static int delete_it(void *context)
{
    (void)context;
    fixture_hook = stop_at_call;
    return sms365_store_del(race.fixture->store, USER, "alice", NULL) != SMS365_OK;
}

static int make_it(void *context)
{
    (void)context;
    fixture_hook = stop_at_call;
    return sms365_store_cas(race.fixture->store, USER, "alice", 0, "first", 5, 0, NULL, NULL) != SMS365_OK;
}

static int make_it_anew(void *context)
{
    return delete_it(context) != 0 || make_it(context) != 0;
}

static int stop_at_second_attempt(const char *call)
{
    if (strcmp(call, "flock") == 0 && ++race.attempts == 2)
        (void)raise(SIGSTOP);
    return 0;
}

static int write_after_waiting(void *context)
{
    (void)context;
    fixture_hook = stop_at_second_attempt;
    return (int)sms365_store_cas(race.fixture->store, USER, "alice", race.version, "late", 4, 0, NULL, NULL);
}

static pid_t start_and_stop(int (*body)(void *context))
{
    const pid_t pid = fixture_fork(body, NULL);
    int status = 0;

    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    return pid;
}

static void go_on(pid_t pid, int expected)
{
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(fixture_wait(pid), expected);
}

/* The second process is too late, in whichever way. */
static void run_race(struct fixture *fixture, int (*first)(void *context), const char *call, uint64_t version)
{
    race.fixture = fixture;
    race.call = call;
    race.version = version;
    const pid_t holder = start_and_stop(first);
    const pid_t late = start_and_stop(write_after_waiting);
    go_on(holder, 0);
    go_on(late, SMS365_CONFLICT);
}

static void a_record_deleted_while_another_waits_is_not_written_to(void **state)
{
    const uint64_t version = fixture_put(store_of(state), USER, "alice", 0, "x", 1, 0);

    run_race(*state, delete_it, "unlinkat", version);
    assert_true(fixture_version(store_of(state), USER, "alice") == 0);
}

static void assert_is_first(struct fixture *fixture)
{
    struct sms365_record record;

    fixture_get(fixture->store, USER, "alice", &record);
    assert_int_equal(record.length, 5);
    assert_memory_equal(record.value, "first", 5);
    assert_int_equal(fixture_count(fixture, "user."), 1);
}

static void a_record_made_anew_while_another_waits_is_not_overwritten(void **state)
{
    const uint64_t version = fixture_put(store_of(state), USER, "alice", 0, "x", 1, 0);

    run_race(*state, make_it_anew, "unlinkat", version);
    assert_is_first(*state);
}

static void a_record_made_while_another_waits_is_not_overwritten(void **state)
{
    run_race(*state, make_it, "renameat", 0);
    assert_is_first(*state);
}

static int increment_many(void *context)
{
    struct sms365_store *store = fixture_open_file(context, PATIENT_MS);
    bool well = true;

    for (unsigned i = 0; well && i < 100; i++)
        well = fixture_increment(store, USER, "counter");
    sms365_store_close(store);
    return !well;
}

static void deleting_under_those_who_write_leaves_them_well(void **state)
{
    struct fixture *fixture = *state;
    pid_t pids[3];
    unsigned running = 3;

    for (unsigned i = 0; i < 3; i++)
        pids[i] = fixture_fork(increment_many, fixture);
    while (running > 0) {
        assert_int_equal(sms365_store_del(fixture->store, USER, "counter", NULL), SMS365_OK);
        for (unsigned i = 0; i < 3; i++) {
            int status;
            if (pids[i] == 0 || waitpid(pids[i], &status, WNOHANG) != pids[i])
                continue;
            assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
            pids[i] = 0;
            running--;
        }
    }
    assert_int_equal(sms365_store_del(fixture->store, USER, "counter", NULL), SMS365_OK);
    assert_true(fixture_increment(fixture->store, USER, "counter"));
    assert_true(fixture_count_of(fixture->store, USER, "counter") == 1);
    assert_int_equal(fixture_count(fixture, "user."), 1);
}

/* What is seen from inside, at each sync: that is while the lock is held. */
static struct {
    unsigned looks;
    bool is_shielded;
    unsigned inherited;
    bool is_safe_from_strangers;
    int answer;
} inside;

static bool stops_are_blocked(void)
{
    static const int stops[] = {SIGTSTP, SIGTTIN, SIGTTOU};
    sigset_t mask;

    (void)sigprocmask(SIG_SETMASK, NULL, &mask);
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++)
        if (sigismember(&mask, stops[i]) != 1)
            return false;
    return true;
}

/* Descriptors that an exec would hand on. */
static unsigned inherited_descriptors(void)
{
    unsigned count = 0;

    for (int fd = 3; fd < 256; fd++) {
        const int flags = fcntl(fd, F_GETFD);
        count += flags >= 0 && (flags & FD_CLOEXEC) == 0;
    }
    return count;
}

/* The user who started us may not stop or kill us now. */
static int try_to_stop_parent(void *context)
{
    (void)context;
    if (setresuid(STRANGER, STRANGER, STRANGER) != 0)
        return 2;
    return kill(getppid(), SIGSTOP) == 0 || errno != EPERM;
}

static int look_inside(const char *call)
{
    uid_t real, effective, saved;

    if (strcmp(call, "fdatasync") != 0)
        return 0;
    fixture_hook = NULL;
    inside.looks++;
    inside.is_shielded =
        getresuid(&real, &effective, &saved) == 0 && real == 0 && effective == 0 && saved == 0 && stops_are_blocked();
    inside.inherited = inherited_descriptors();
    inside.is_safe_from_strangers = fixture_wait(fixture_fork(try_to_stop_parent, NULL)) == 0;
    fixture_hook = look_inside;
    return inside.answer;
}

/* As in a setuid program that STRANGER started. What fails is said by the exit status. */
static int write_as_setuid_program(void *context)
{
    struct fixture *fixture = context;
    const unsigned inherited = inherited_descriptors();
    struct sms365_store *store = fixture_open_file(fixture, 10);
    struct sms365_error err;
    uid_t real, effective, saved;
    uint64_t version = 0;
    sigset_t before, after;

    if (setresuid(STRANGER, 0, STRANGER) != 0)
        return 2;
    (void)sigemptyset(&before);
    (void)sigaddset(&before, SIGTTIN);
    (void)sigaddset(&before, SIGUSR1);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    fixture_hook = look_inside;
    for (unsigned i = 0; i < 3; i++) {
        inside.answer = i == 2 ? EIO : 0;
        inside.looks = 0;
        const enum sms365_err result = sms365_store_cas(store, USER, "alice", version, "x", 1, 0, &version, &err);
        if (result != (i == 2 ? SMS365_IO : SMS365_OK))
            return 3;
        if (inside.looks != 1 || !inside.is_shielded || inside.inherited != inherited || !inside.is_safe_from_strangers)
            return 4;
        if (getresuid(&real, &effective, &saved) != 0 || real != STRANGER || effective != 0 || saved != STRANGER)
            return 5;
        (void)sigprocmask(SIG_SETMASK, NULL, &after);
        for (int number = 1; number < SIGRTMIN; number++)
            if (sigismember(&before, number) != sigismember(&after, number))
                return 6;
    }
    fixture_hook = NULL;
    sms365_store_close(store);
    return 0;
}

static void a_holder_cannot_be_stopped_by_who_started_it(void **state)
{
    assert_int_equal(fixture_wait(fixture_fork(write_as_setuid_program, *state)), 0);
}

static int wait_in_vain_as_setuid_program(void *context)
{
    struct sms365_store *store = fixture_open_file(context, 30);
    struct sms365_error err;
    uid_t real, effective, saved;

    if (setresuid(STRANGER, 0, 0) != 0)
        return 2;
    if (sms365_store_cas(store, USER, "alice", 0, "x", 1, 0, NULL, &err) != SMS365_BUSY)
        return 3;
    if (getresuid(&real, &effective, &saved) != 0 || real != STRANGER || effective != 0 || saved != 0)
        return 4;
    sms365_store_close(store);
    return stops_are_blocked() ? 5 : 0;
}

static void who_waits_in_vain_is_left_as_before(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t version = fixture_put(fixture->store, USER, "alice", 0, "x", 1, 0);
    const pid_t pid = start_holder(fixture, USER, "alice", version);

    assert_int_equal(fixture_wait(fixture_fork(wait_in_vain_as_setuid_program, fixture)), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(fixture_wait(pid), 128 + SIGKILL);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_stopped_holder_is_named_and_nothing_is_lost),
        CASE(a_killed_holder_lets_go),
        CASE(a_stopped_maker_is_named_too),
        CASE(sixty_four_users_do_not_wait_for_one_that_is_held),
        CASE(a_record_deleted_while_another_waits_is_not_written_to),
        CASE(a_record_made_anew_while_another_waits_is_not_overwritten),
        CASE(a_record_made_while_another_waits_is_not_overwritten),
        CASE(deleting_under_those_who_write_leaves_them_well),
        CASE(a_holder_cannot_be_stopped_by_who_started_it),
        CASE(who_waits_in_vain_is_left_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
