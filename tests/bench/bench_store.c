/*
 * How fast the state store is beside the plainest thing that is as durable: open, flock, pread, pwrite, fdatasync,
 * close. Both take turns, since machines change their speed; the table shows medians, and the median of the ratios.
 *
 *   bench_store [DIRECTORY]     a directory on the disk in question; default: the current one
 */
#include "edges/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RECORDS 1000
#define VALUE_BYTES 256
#define ROUNDS 9
#define ROUND_MS 400
#define MAX_PROCESSES 8

static const struct sms365_mac_key key = {{42}};
static char top[200], plain_dir[256], store_dir[256];

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "bench_store: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void plain_update(unsigned record)
{
    char path[300];
    uint8_t value[VALUE_BYTES];

    (void)snprintf(path, sizeof path, "%s/%u", plain_dir, record);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) != 0 || pread(fd, value, sizeof value, 0) != (ssize_t)sizeof value)
        die(path);
    value[0]++;
    if (pwrite(fd, value, sizeof value, 0) != (ssize_t)sizeof value || fdatasync(fd) != 0)
        die(path);
    (void)close(fd);
}

static struct sms365_store *store_open(void)
{
    const struct sms365_store_file_options options = {.dir = store_dir, .key = &key, .lock_timeout_ms = 60000};
    struct sms365_store *store;
    struct sms365_error err;

    if (sms365_store_file_open(&store, &options, &err) == SMS365_OK)
        return store;
    (void)fprintf(stderr, "bench_store: %s\n", err.text);
    exit(1);
}

static void store_change(enum sms365_class class, unsigned record, size_t length)
{
    struct sms365_store *store = store_open();
    struct sms365_record value;
    struct sms365_error err;
    enum sms365_err result;
    char name[32];

    (void)snprintf(name, sizeof name, "record%u", record);
    do {
        result = sms365_store_get(store, class, name, &value, &err);
        value.value[0]++;
        if (result == SMS365_OK)
            result = sms365_store_cas(store, class, name, value.version, value.value, length, 0, NULL, &err);
    } while (result == SMS365_CONFLICT);
    sms365_store_close(store);
    if (result != SMS365_OK) {
        (void)fprintf(stderr, "bench_store: %s\n", err.text);
        exit(1);
    }
}

static void user_update(unsigned record)
{
    store_change(SMS365_CLASS_USER, record, VALUE_BYTES);
}

static void host_update(unsigned record)
{
    store_change(SMS365_CLASS_HOST, record, SMS365_RECORD_TALLY_MAX);
}

static void user_read(unsigned record)
{
    struct sms365_store *store = store_open();
    struct sms365_record value;
    char name[32];

    (void)snprintf(name, sizeof name, "record%u", record);
    if (sms365_store_get(store, SMS365_CLASS_USER, name, &value, NULL) != SMS365_OK)
        die(name);
    sms365_store_close(store);
}

/* One process: as many as it can in a round, from the moment the pipe closes. */
static _Noreturn void work(void (*step)(unsigned record), unsigned seed, int start, int result)
{
    uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    uint64_t done = 0;
    char byte;

    while (read(start, &byte, 1) > 0)
        continue;
    for (const int64_t end = now_us() + ROUND_MS * 1000; now_us() < end; done++) {
        random = random * UINT64_C(6364136223846793005) + 1;
        step((unsigned)(random >> 33) % RECORDS);
    }
    if (write(result, &done, sizeof done) != (ssize_t)sizeof done)
        die("write");
    _exit(0);
}

/* Steps a second of so many processes together. */
static double measure(void (*step)(unsigned record), unsigned processes, unsigned round)
{
    int start[2], result[2];
    uint64_t total = 0;

    if (pipe(start) != 0 || pipe(result) != 0)
        die("pipe");
    for (unsigned i = 0; i < processes; i++) {
        const pid_t pid = fork();
        if (pid < 0)
            die("fork");
        if (pid == 0) {
            (void)close(start[1]);
            work(step, round * MAX_PROCESSES + i, start[0], result[1]);
        }
    }
    (void)close(start[0]);
    (void)close(start[1]);
    (void)close(result[1]);
    for (uint64_t done; read(result[0], &done, sizeof done) == (ssize_t)sizeof done;)
        total += done;
    (void)close(result[0]);
    for (unsigned i = 0; i < processes; i++) {
        int status;
        if (wait(&status) < 0 || status != 0)
            die("a process failed");
    }
    return (double)total * 1000 / ROUND_MS;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

static void report(const char *title, void (*step)(unsigned record), unsigned processes)
{
    double plain[ROUNDS], ours[ROUNDS], ratio[ROUNDS];

    for (unsigned i = 0; i < ROUNDS; i++) {
        /* Whoever comes second finds the disk busy with the other's leavings: take turns in that, too. */
        if (i % 2 == 0)
            plain[i] = measure(plain_update, processes, i);
        ours[i] = measure(step, processes, i);
        if (i % 2 != 0)
            plain[i] = measure(plain_update, processes, i);
        ratio[i] = ours[i] / plain[i];
    }
    const double middle = median(ratio);
    (void)printf("%-44s %2u %10.0f %10.0f %7.2f  (%.2f to %.2f)\n", title, processes, median(plain), median(ours),
        middle, ratio[0], ratio[ROUNDS - 1]);
    (void)fflush(stdout);
}

static void prepare(const char *where)
{
    static const uint8_t zeros[4096];
    char path[300];

    (void)snprintf(top, sizeof top, "%s/bench-store-XXXXXX", where);
    if (mkdtemp(top) == NULL)
        die(top);
    (void)snprintf(plain_dir, sizeof plain_dir, "%s/plain", top);
    (void)snprintf(store_dir, sizeof store_dir, "%s/store", top);
    if (mkdir(plain_dir, 0700) != 0)
        die(plain_dir);
    for (unsigned i = 0; i < RECORDS; i++) {
        (void)snprintf(path, sizeof path, "%s/%u", plain_dir, i);
        const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, zeros, sizeof zeros) != (ssize_t)sizeof zeros)
            die(path);
        (void)close(fd);
        /* Three times: the first updates of a young record take longer. */
        for (unsigned j = 0; j < 3; j++)
            user_update(i);
    }
    host_update(0);
    sync();
}

static void clean(const char *path)
{
    DIR *dir = opendir(path);

    if (dir == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    (void)closedir(dir);
    (void)rmdir(path);
}

int main(int argc, char **argv)
{
    prepare(argc > 1 ? argv[1] : ".");
    (void)printf("%d records of %d bytes; per second, medians of %d rounds of %d ms in turn\n\n", RECORDS, VALUE_BYTES,
        ROUNDS, ROUND_MS);
    (void)printf("%-44s %2s %10s %10s %7s\n", "", "of", "plain", "store", "ratio");
    report("USER: open, get, cas, close, durable", user_update, 1);
    report("USER: open, get, cas, close, durable", user_update, MAX_PROCESSES);
    report("HOST: open, get, cas, close, durable", host_update, 1);
    report("HOST: open, get, cas, close, durable", host_update, MAX_PROCESSES);
    report("USER: open, get, close", user_read, 1);
    clean(plain_dir);
    clean(store_dir);
    (void)rmdir(top);
    return 0;
}
