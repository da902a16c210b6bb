#include "store_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int64_t fixture_clock_shift_s;

const struct sms365_mac_key fixture_key = {{1, 2, 3}};

const struct fixture_table fixture_tables[CLASSES] = {
    [HOST] = {"host.table", 4096, true},
    [SPEND] = {"spend.table", 16384, false},
    [SHARD] = {"shard.table", SMS365_SHARDS, false},
    [FLAG] = {"flag.table", 8, true},
};

int (*fixture_hook)(const char *call);

/* True: the wrapped call is not to be made, and *result is what it returns. */
static bool is_hooked(const char *call, int *result)
{
    const int answer = fixture_hook == NULL ? 0 : fixture_hook(call);

    *result = answer > 0 ? -1 : 0;
    if (answer > 0)
        errno = answer;
    return answer != 0;
}

/* The linker hands the library's calls of NAME to __wrap_NAME; see STORE_WRAPS in the Makefile. */
#define WRAP(type, name, parameters, arguments)                                                                        \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters                                                                                      \
    {                                                                                                                  \
        int result;                                                                                                    \
        return is_hooked(#name, &result) ? result : __real_##name arguments;                                           \
    }

WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, fsync, (int fd), (fd))
WRAP(int, fstat, (int fd, struct stat *st), (fd, st))
WRAP(int, fstatat, (int dir, const char *name, struct stat *st, int flags), (dir, name, st, flags))
WRAP(int, flock, (int fd, int how), (fd, how))
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(int, ftruncate, (int fd, off_t length), (fd, length))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, unlinkat, (int dir, const char *name, int flags), (dir, name, flags))
WRAP(ssize_t, pread, (int fd, void *data, size_t length, off_t offset), (fd, data, length, offset))
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t length, off_t offset), (fd, data, length, offset))
WRAP(ssize_t, getrandom, (void *data, size_t length, unsigned flags), (data, length, flags))

int __real_openat(int dir, const char *name, int flags, mode_t mode);
int __wrap_openat(int dir, const char *name, int flags, mode_t mode);
int __wrap_openat(int dir, const char *name, int flags, mode_t mode)
{
    int result;

    return is_hooked("openat", &result) ? result : __real_openat(dir, name, flags, mode);
}

/* Returns its error instead of setting errno. */
int __real_posix_fallocate(int fd, off_t offset, off_t length);
int __wrap_posix_fallocate(int fd, off_t offset, off_t length);
int __wrap_posix_fallocate(int fd, off_t offset, off_t length)
{
    int result;

    if (is_hooked("posix_fallocate", &result))
        return result == 0 ? 0 : errno;
    return __real_posix_fallocate(fd, offset, length);
}

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    int result;

    return is_hooked("calloc", &result) ? NULL : __real_calloc(count, size);
}

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    const int result = __real_clock_gettime(clock, now);

    if (result == 0 && clock == CLOCK_REALTIME)
        now->tv_sec += (time_t)fixture_clock_shift_s;
    return result;
}

int fixture_no_sync(const char *call)
{
    return strcmp(call, "fdatasync") == 0 || strcmp(call, "fsync") == 0 ? FIXTURE_PRETEND : 0;
}

static void keep_line(void *context, int priority, const char *text)
{
    struct fixture *fixture = context;

    (void)priority;
    (void)snprintf(fixture->logged, sizeof fixture->logged, "%s", text);
}

struct fixture *fixture_new(void)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);

    assert_non_null(fixture);
    (void)snprintf(fixture->dir, sizeof fixture->dir, "/tmp/sms365-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    const size_t length = strlen(fixture->dir);
    (void)snprintf(fixture->dir + length, sizeof fixture->dir - length, "/state");
    fixture->log = (struct sms365_log){keep_line, fixture};
    fixture_clock_shift_s = 0;
    fixture_hook = NULL;
    return fixture;
}

static void remove_names(const char *path)
{
    DIR *dir = opendir(path);

    if (dir == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(dirfd(dir), entry->d_name, 0) != 0)
            (void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    (void)closedir(dir);
}

void fixture_free(struct fixture *fixture)
{
    char parent[sizeof fixture->dir];

    fixture_hook = NULL;
    sms365_store_close(fixture->store);
    remove_names(fixture->dir);
    (void)snprintf(parent, sizeof parent, "%s", fixture->dir);
    *strrchr(parent, '/') = '\0';
    remove_names(parent);
    assert_int_equal(rmdir(parent), 0);
    free(fixture);
}

void fixture_let_all_in(const struct fixture *fixture)
{
    char parent[sizeof fixture->dir];

    (void)snprintf(parent, sizeof parent, "%s", fixture->dir);
    *strrchr(parent, '/') = '\0';
    assert_int_equal(chmod(parent, 0711), 0);
}

struct sms365_store *fixture_open_file(struct fixture *fixture, int64_t lock_timeout_ms)
{
    const struct sms365_store_file_options options = {fixture->dir, &fixture_key, lock_timeout_ms, &fixture->log};
    struct sms365_store *store = NULL;
    struct sms365_error err = {.code = SMS365_OK};

    if (sms365_store_file_open(&store, &options, &err) != SMS365_OK)
        fail_msg("%s", err.text);
    return store;
}

int fixture_setup_file(void **state)
{
    struct fixture *fixture = fixture_new();

    fixture->store = fixture_open_file(fixture, PATIENT_MS);
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

void fixture_user_path(const struct fixture *fixture, char *out, size_t size)
{
    DIR *dir = opendir(fixture->dir);

    assert_non_null(dir);
    out[0] = '\0';
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strncmp(entry->d_name, "user.", 5) == 0)
            (void)snprintf(out, size, "%s/%s", fixture->dir, entry->d_name);
    (void)closedir(dir);
    assert_string_not_equal(out, "");
}

void fixture_table_path(const struct fixture *fixture, enum sms365_class class, char *out, size_t size)
{
    (void)snprintf(out, size, "%s/%s", fixture->dir, fixture_tables[class].file);
}

void fixture_path(const struct fixture *fixture, enum sms365_class class, char *out, size_t size)
{
    if (class == USER)
        fixture_user_path(fixture, out, size);
    else
        fixture_table_path(fixture, class, out, size);
}

unsigned fixture_count(const struct fixture *fixture, const char *prefix)
{
    DIR *dir = opendir(fixture->dir);
    unsigned count = 0;

    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    (void)closedir(dir);
    return count;
}

size_t fixture_read(const char *path, uint8_t *out, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t done = 0;

    assert_true(fd >= 0);
    for (ssize_t got; (got = read(fd, out + done, size - done)) > 0;)
        done += (size_t)got;
    (void)close(fd);
    return done;
}

void fixture_write(const char *path, const void *data, size_t length)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, length), length);
    (void)close(fd);
}

void fixture_patch(const char *path, const void *data, size_t length, off_t offset)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, length, offset), length);
    (void)close(fd);
}

void fixture_assert_refused(struct sms365_store *store, enum sms365_class class, const char *name, const char *path)
{
    struct sms365_record record;
    struct sms365_error err;

    assert_int_equal(sms365_store_get(store, class, name, &record, &err), SMS365_CORRUPT);
    assert_non_null(strstr(err.text, path));
    assert_non_null(strstr(err.text, "deleting the file"));
    assert_int_equal(sms365_store_cas(store, class, name, 0, "x", 1, 0, NULL, &err), SMS365_CORRUPT);
    assert_non_null(strstr(err.text, path));
}

uint64_t fixture_put(struct sms365_store *store, enum sms365_class class, const char *name, uint64_t version,
    const void *value, size_t length, int64_t ttl_s)
{
    struct sms365_error err = {.code = SMS365_OK};
    uint64_t fresh = 0;

    if (sms365_store_cas(store, class, name, version, value, length, ttl_s, &fresh, &err) != SMS365_OK)
        fail_msg("%s", err.text);
    assert_true(fresh != 0);
    return fresh;
}

void fixture_get(struct sms365_store *store, enum sms365_class class, const char *name, struct sms365_record *record)
{
    struct sms365_error err = {.code = SMS365_OK};

    if (sms365_store_get(store, class, name, record, &err) != SMS365_OK)
        fail_msg("%s", err.text);
}

uint64_t fixture_version(struct sms365_store *store, enum sms365_class class, const char *name)
{
    struct sms365_record record;

    fixture_get(store, class, name, &record);
    return record.version;
}

bool fixture_increment(struct sms365_store *store, enum sms365_class class, const char *name)
{
    struct sms365_record record;
    struct sms365_error err = {.code = SMS365_OK};
    enum sms365_err result;

    do {
        uint64_t count = 0;
        result = sms365_store_get(store, class, name, &record, &err);
        if (result != SMS365_OK)
            break;
        memcpy(&count, record.value, record.length);
        count++;
        result = sms365_store_cas(store, class, name, record.version, &count, sizeof count, 0, NULL, &err);
    } while (result == SMS365_CONFLICT);
    if (result != SMS365_OK)
        (void)fprintf(stderr, "increment: %s\n", err.text);
    return result == SMS365_OK;
}

uint64_t fixture_count_of(struct sms365_store *store, enum sms365_class class, const char *name)
{
    struct sms365_record record;
    uint64_t count = 0;

    fixture_get(store, class, name, &record);
    assert_true(record.length == 0 || record.length == sizeof count);
    memcpy(&count, record.value, record.length);
    return count;
}

unsigned fixture_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

pid_t fixture_fork(int (*body)(void *context), void *context)
{
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        /* A test that fails leaves nobody behind, stopped or waiting. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(body(context));
    }
    return pid;
}

int fixture_wait(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) != pid)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
