/* What store_file does about unsafe owners and modes, full disks, and system calls that fail. Needs root. */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define STRANGER 65534

static int setup(void **state)
{
    if (geteuid() != 0) {
        print_error("these tests change the owners of files: run them as root\n");
        return -1;
    }
    return fixture_setup_file(state);
}

/* The outcome of opening one more store on the fixture's directory, or on another. */
static enum sms365_err try_open(struct fixture *fixture, const char *dir, struct sms365_error *err)
{
    const struct sms365_store_file_options options = {dir, &fixture_key, 1000, &fixture->log};
    struct sms365_store *store = NULL;
    const enum sms365_err result = sms365_store_file_open(&store, &options, err);

    assert_true((store != NULL) == (result == SMS365_OK));
    sms365_store_close(store);
    return result;
}

static void the_directory_is_made_for_its_owner_alone(void **state)
{
    struct fixture *fixture = *state;
    struct sms365_error err;
    struct stat st;
    char path[100];

    assert_int_equal(stat(fixture->dir, &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0700);
    (void)snprintf(path, sizeof path, "%s/missing/dir", fixture->dir);
    assert_int_equal(try_open(fixture, path, &err), SMS365_IO);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "No such file"));
    (void)snprintf(path, sizeof path, "%s/made/", fixture->dir);
    assert_int_equal(try_open(fixture, path, &err), SMS365_OK);
    assert_int_equal(try_open(fixture, path, &err), SMS365_OK);
}

static void whatever_the_umask_files_are_their_owners(void **state)
{
    static const mode_t masks[] = {0, 0022, 0777};
    struct fixture *fixture = *state;
    struct stat st;
    char path[200];

    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        const mode_t before = umask(masks[i]);
        for (enum sms365_class class = USER; class < CLASSES; class ++)
            (void)fixture_put(fixture->store, class, "alice", 0, "x", 1, 0);
        (void)umask(before);
        for (enum sms365_class class = USER; class < CLASSES; class ++) {
            fixture_path(fixture, class, path, sizeof path);
            assert_int_equal(stat(path, &st), 0);
            assert_int_equal(st.st_mode, S_IFREG | 0600);
            assert_int_equal(unlink(path), 0);
        }
    }
}

static void an_unsafe_directory_is_refused(void **state)
{
    static const mode_t modes[] = {0701, 0710, 0704, 0740, 0770, 0755, 0777, 01777};
    struct fixture *fixture = *state;
    struct sms365_error err;
    char path[100];

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(fixture->dir, modes[i]), 0);
        assert_int_equal(try_open(fixture, fixture->dir, &err), SMS365_BAD_OWNER);
        assert_non_null(strstr(err.text, fixture->dir));
        assert_non_null(strstr(err.text, "chmod 0700"));
    }
    assert_int_equal(chmod(fixture->dir, 0700), 0);
    assert_int_equal(chown(fixture->dir, STRANGER, 0), 0);
    assert_int_equal(try_open(fixture, fixture->dir, &err), SMS365_BAD_OWNER);
    assert_non_null(strstr(err.text, fixture->dir));
    assert_non_null(strstr(err.text, "65534"));
    assert_int_equal(chown(fixture->dir, 0, 0), 0);
    assert_int_equal(try_open(fixture, fixture->dir, &err), SMS365_OK);
    (void)snprintf(path, sizeof path, "%s/../link", fixture->dir);
    assert_int_equal(symlink(fixture->dir, path), 0);
    assert_int_equal(try_open(fixture, path, &err), SMS365_BAD_OWNER);
    (void)snprintf(path, sizeof path, "%s/../link//", fixture->dir);
    assert_int_equal(try_open(fixture, path, &err), SMS365_BAD_OWNER);
    assert_int_equal(try_open(fixture, "/etc/passwd", &err), SMS365_BAD_OWNER);
}

static void assert_unsafe(struct sms365_store *store, enum sms365_class class, const char *path)
{
    struct sms365_record record;
    struct sms365_error err;

    assert_int_equal(sms365_store_get(store, class, "alice", &record, &err), SMS365_BAD_OWNER);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(sms365_store_cas(store, class, "alice", 0, "x", 1, 0, NULL, &err), SMS365_BAD_OWNER);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(sms365_store_del(store, class, "alice", &err), SMS365_BAD_OWNER);
}

static void an_unsafe_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[200], aside[210];

    for (enum sms365_class class = USER; class < CLASSES; class ++) {
        (void)fixture_put(fixture->store, class, "alice", 0, "x", 1, 0);
        fixture_path(fixture, class, path, sizeof path);
        assert_int_equal(chown(path, STRANGER, 0), 0);
        assert_unsafe(fixture->store, class, path);
        assert_int_equal(chown(path, 0, 0), 0);
        for (mode_t bit = 1; bit < 0100; bit <<= 1) {
            assert_int_equal(chmod(path, 0600 | bit), 0);
            assert_unsafe(fixture->store, class, path);
        }
        assert_int_equal(chmod(path, 0600), 0);
        (void)snprintf(aside, sizeof aside, "%s.aside", path);
        assert_int_equal(rename(path, aside), 0);
        assert_int_equal(symlink(aside, path), 0);
        assert_unsafe(fixture->store, class, path);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_unsafe(fixture->store, class, path);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rename(aside, path), 0);
        (void)fixture_put(fixture->store, class, "alice", fixture_version(fixture->store, class, "alice"), "y", 1, 0);
    }
}

/* Who is not root cannot read without noting the time of access what belongs to another: it is told so all the same. */
static int look_as_stranger(void *context)
{
    struct fixture *fixture = context;
    struct sms365_record record;
    struct sms365_error err;

    if (setresuid(STRANGER, STRANGER, STRANGER) != 0)
        return 2;
    struct sms365_store *store = fixture_open_file(fixture, 1000);
    const enum sms365_err result = sms365_store_get(store, USER, "alice", &record, &err);
    sms365_store_close(store);
    return result != SMS365_BAD_OWNER;
}

static void a_file_of_root_is_refused_in_the_directory_of_another(void **state)
{
    struct fixture *fixture = *state;
    char path[200];

    (void)fixture_put(fixture->store, USER, "alice", 0, "x", 1, 0);
    fixture_user_path(fixture, path, sizeof path);
    fixture_let_all_in(fixture);
    assert_int_equal(chown(fixture->dir, STRANGER, 0), 0);
    assert_int_equal(fixture_wait(fixture_fork(look_as_stranger, fixture)), 1);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(fixture_wait(fixture_fork(look_as_stranger, fixture)), 0);
}

/* Counts calls; the one that fault.at says fails with fault.number. */
static struct {
    unsigned calls, at;
    int number;
    char name[32];
} fault;

static int fail_one(const char *call)
{
    if (++fault.calls != fault.at)
        return 0;
    (void)snprintf(fault.name, sizeof fault.name, "%s", call);
    return fault.number;
}

enum operation { GET, CREATE, UPDATE, SECOND_UPDATE, DELETE, SCAN, OPERATIONS };

static bool see_one(void *context, const char *name, const struct sms365_record *record)
{
    (void)context;
    (void)name;
    (void)record;
    return true;
}

/* The record as the operation wants to find it; returns its version. */
static uint64_t prepare(struct sms365_store *store, enum sms365_class class, enum operation operation)
{
    uint64_t version = 0;
    struct sms365_error err;

    assert_int_equal(sms365_store_del(store, class, "alice", &err), SMS365_OK);
    if (operation != CREATE)
        version = fixture_put(store, class, "alice", 0, "old", 3, 0);
    if (operation == SECOND_UPDATE)
        version = fixture_put(store, class, "alice", version, "old", 3, 0);
    return version;
}

static enum sms365_err operate(struct sms365_store *store, enum sms365_class class, enum operation operation,
    uint64_t version, struct sms365_error *err)
{
    struct sms365_record record;

    switch (operation) {
    case GET:
        return sms365_store_get(store, class, "alice", &record, err);
    case DELETE:
        return sms365_store_del(store, class, "alice", err);
    case SCAN:
        return sms365_store_scan(store, class, see_one, NULL, err);
    default:
        return sms365_store_cas(store, class, "alice", version, "new", 3, 0, NULL, err);
    }
}

/* After a fault the record is the old or the new one, and the store works. */
static void assert_sound(struct fixture *fixture, enum sms365_class class, enum operation operation, bool is_done)
{
    struct sms365_record record;

    fixture_get(fixture->store, class, "alice", &record);
    const bool is_new = record.version != 0 && memcmp(record.value, "new", 3) == 0;
    const bool is_old = record.version != 0 && memcmp(record.value, "old", 3) == 0;
    switch (operation) {
    case GET:
    case SCAN:
        assert_true(is_old);
        break;
    case DELETE:
        assert_true(record.version == 0 || (is_old && !is_done));
        break;
    default:
        assert_true(is_new || (!is_done && (is_old || operation == CREATE)));
    }
    (void)fixture_put(fixture->store, class, "alice", record.version, "on", 2, 0);
    assert_int_equal(fixture_count(fixture, "user."), 1);
}

/* Fail each system call of an operation in turn. */
static void fail_each_call(
    struct fixture *fixture, enum sms365_class class, enum operation operation, int number, enum sms365_err expected)
{
    struct sms365_error err;

    for (unsigned at = 1;; at++) {
        fixture_hook = NULL;
        const uint64_t version = prepare(fixture->store, class, operation);
        const unsigned descriptors = fixture_descriptors();
        fault.calls = 0;
        fault.at = at;
        fault.number = number;
        fixture_hook = fail_one;
        const enum sms365_err result = operate(fixture->store, class, operation, version, &err);
        fixture_hook = NULL;
        assert_int_equal(fixture_descriptors(), descriptors);
        const bool is_over = fault.calls < at;
        /* A look for expired records may follow a write, and what fails there is no one's concern. */
        if (result != SMS365_OK && (result != expected || strstr(err.text, strerror(number)) == NULL ||
                                       strstr(err.text, fixture->dir) == NULL))
            fail_msg("%s at %s: %u, %s", strerror(number), fault.name, (unsigned)result, err.text);
        assert_sound(fixture, class, operation, result == SMS365_OK);
        if (is_over)
            return;
    }
}

static void every_system_call_may_fail(void **state)
{
    static const struct {
        int number;
        enum sms365_err code;
    } errors[] = {
        {EMFILE, SMS365_IO},
        {ENFILE, SMS365_IO},
        {EIO, SMS365_IO},
        {EROFS, SMS365_IO},
        {EACCES, SMS365_IO},
        {ENOMEM, SMS365_NO_MEMORY},
        {ENOSPC, SMS365_FULL},
        {EDQUOT, SMS365_FULL},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        for (enum sms365_class class = USER; class < CLASSES; class ++)
            for (enum operation operation = GET; operation < OPERATIONS; operation++)
                /* Of a table's scan each call is one of get's, and of other tables' calls each is one of HOST's. */
                if (class == USER || (operation != SCAN && (class == HOST || errors[i].number == ENOSPC)))
                    fail_each_call(fixture, class, operation, errors[i].number, errors[i].code);
}

static void opening_may_fail_anywhere(void **state)
{
    struct fixture *fixture = *state;
    struct sms365_error err;

    for (unsigned at = 1;; at++) {
        const unsigned descriptors = fixture_descriptors();
        fault.calls = 0;
        fault.at = at;
        fault.number = ENOMEM;
        fixture_hook = fail_one;
        const enum sms365_err result = try_open(fixture, fixture->dir, &err);
        fixture_hook = NULL;
        assert_int_equal(fixture_descriptors(), descriptors);
        if (fault.calls < at) {
            assert_int_equal(result, SMS365_OK);
            assert_true(at > 2);
            break;
        }
        assert_int_equal(result, SMS365_NO_MEMORY);
    }
}

static void a_process_out_of_descriptors_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit limit, none;
    struct sms365_record record;
    struct sms365_error err;

    const uint64_t version = fixture_put(fixture->store, USER, "alice", 0, "old", 3, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3; /* nothing above the standard three can be opened */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    const enum sms365_err read = sms365_store_get(fixture->store, USER, "alice", &record, &err);
    const enum sms365_err written = sms365_store_cas(fixture->store, USER, "alice", version, "x", 1, 0, NULL, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(read, SMS365_IO);
    assert_int_equal(written, SMS365_IO);
    assert_non_null(strstr(err.text, "Too many open files"));
    assert_non_null(strstr(err.text, fixture->dir));
    (void)fixture_put(fixture->store, USER, "alice", version, "new", 3, 0);
}

/* Fill a file system to its last byte; returns a descriptor of the file that does. */
static int fill_up(const char *dir)
{
    static const char zeros[4096];
    char path[100];

    (void)snprintf(path, sizeof path, "%s/../ballast", dir);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, zeros, sizeof zeros) > 0)
        continue;
    assert_int_equal(errno, ENOSPC);
    return fd;
}

static void on_a_full_disk(struct fixture *fixture)
{
    struct sms365_store *store = fixture->store = fixture_open_file(fixture, 1000);
    struct sms365_error err;

    uint64_t version = fixture_put(store, USER, "alice", 0, "x", 1, 0);
    const int ballast = fill_up(fixture->dir);
    for (unsigned i = 0; i < 20; i++)
        version = fixture_put(store, USER, "alice", version, &i, sizeof i, 0);
    assert_int_equal(sms365_store_cas(store, USER, "bob", 0, "x", 1, 0, NULL, &err), SMS365_FULL);
    assert_non_null(strstr(err.text, fixture->dir));
    assert_non_null(strstr(err.text, "No space left on device"));
    assert_int_equal(fixture_count(fixture, "user."), 1);
    for (enum sms365_class class = HOST; class < CLASSES; class ++) {
        assert_int_equal(sms365_store_cas(store, class, "::1", 0, "x", 1, 0, NULL, &err), SMS365_FULL);
        assert_non_null(strstr(err.text, fixture_tables[class].file));
    }
    assert_int_equal(ftruncate(ballast, 0), 0);
    (void)close(ballast);
    (void)fixture_put(store, USER, "bob", 0, "x", 1, 0);
    for (enum sms365_class class = HOST; class < CLASSES; class ++)
        (void)fixture_put(store, class, "::1", 0, "x", 1, 0);
    (void)close(fill_up(fixture->dir));
    for (enum sms365_class class = HOST; class < CLASSES; class ++)
        for (unsigned i = 0; i < 20; i++)
            (void)fixture_put(store, class, "::1", fixture_version(store, class, "::1"), &i, sizeof i, 0);
    assert_int_equal(sms365_store_del(store, USER, "bob", &err), SMS365_OK);
}

static void on_a_read_only_disk(struct fixture *fixture)
{
    struct sms365_store *store = fixture->store;
    struct sms365_record record;
    struct sms365_error err;

    fixture_get(store, USER, "alice", &record);
    assert_true(record.version != 0);
    assert_int_equal(sms365_store_cas(store, USER, "alice", record.version, "x", 1, 0, NULL, &err), SMS365_IO);
    assert_non_null(strstr(err.text, "Read-only file system"));
    assert_int_equal(sms365_store_cas(store, USER, "bob", 0, "x", 1, 0, NULL, &err), SMS365_IO);
    assert_int_equal(sms365_store_del(store, USER, "alice", &err), SMS365_IO);
    for (enum sms365_class class = HOST; class < CLASSES; class ++) {
        fixture_get(store, class, "::1", &record);
        assert_int_equal(sms365_store_cas(store, class, "::1", record.version, "x", 1, 0, NULL, &err), SMS365_IO);
    }
}

/* In a mount namespace of its own: the small disk is seen by nobody else, and goes with the process. */
static int use_a_small_disk(void *context)
{
    struct fixture *fixture = context;
    char parent[sizeof fixture->dir];

    (void)snprintf(parent, sizeof parent, "%s", fixture->dir);
    *strrchr(parent, '/') = '\0';
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("none", parent, "tmpfs", 0, "size=8m,mode=700") != 0) {
        perror("mount");
        return 2;
    }
    on_a_full_disk(fixture);
    if (mount("none", parent, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL) != 0) {
        perror("remount");
        return 3;
    }
    on_a_read_only_disk(fixture);
    sms365_store_close(fixture->store);
    return 0;
}

static int setup_without_store(void **state)
{
    if (setup(state) != 0)
        return -1;
    struct fixture *fixture = *state;
    sms365_store_close(fixture->store);
    fixture->store = NULL;
    return 0;
}

static void a_full_or_read_only_disk_breaks_nothing(void **state)
{
    assert_int_equal(fixture_wait(fixture_fork(use_a_small_disk, *state)), 0);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_directory_is_made_for_its_owner_alone),
        CASE(whatever_the_umask_files_are_their_owners),
        CASE(an_unsafe_directory_is_refused),
        CASE(an_unsafe_file_is_refused),
        CASE(a_file_of_root_is_refused_in_the_directory_of_another),
        CASE(every_system_call_may_fail),
        CASE(opening_may_fail_anywhere),
        CASE(a_process_out_of_descriptors_is_told),
        cmocka_unit_test_setup_teardown(a_full_or_read_only_disk_breaks_nothing, setup_without_store, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
