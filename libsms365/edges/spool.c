#include "edges/spool.h"

#include "base/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 50

static int64_t monotonic_ms(void)
{
    struct timespec now = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The whole report, or length 0 while it is not there. */
static enum sms365_err read_report(
    int dir, const char *name, char out[SMS365_REPORT_MAX + 1], size_t *length, struct sms365_error *err)
{
    struct stat st;
    ssize_t got;

    *length = 0;
    const int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return SMS365_OK;
    if (fd < 0)
        return sms365_error_set(err, SMS365_IO, "delivery report %s: %s", name, strerror(errno));
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > SMS365_REPORT_MAX) {
        (void)close(fd);
        return sms365_error_set(err, SMS365_CORRUPT, "delivery report %s is no small regular file", name);
    }
    got = read(fd, out, SMS365_REPORT_MAX);
    (void)close(fd);
    if (got < 0)
        return sms365_error_set(err, SMS365_IO, "delivery report %s: %s", name, strerror(errno));
    out[got] = '\0';
    *length = (size_t)got;
    return SMS365_OK;
}

static bool is_ours_to_remove(const char *name)
{
    static const char suffix[] = ".report";
    const size_t length = strlen(name);

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    return name[0] == '.' || (length >= sizeof suffix && strcmp(name + length - (sizeof suffix - 1), suffix) == 0);
}

/*
 * Remove reports that nobody will ask for any more, and what writers of reports left behind when they were interrupted.
 * Nothing depends on it, so nothing is said when it fails: the next look goes on.
 */
static void sweep(int dir)
{
    /* The same directory opened again: the stream takes its descriptor with it, and reads from the beginning. */
    const int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    const time_t before = time(NULL) - SMS365_SPOOL_KEEP_S;
    const struct dirent *entry;
    struct stat st;

    if (stream == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return;
    }
    for (unsigned seen = 0; seen < SMS365_SPOOL_SWEEP_MAX && (entry = readdir(stream)) != NULL; seen++)
        if (is_ours_to_remove(entry->d_name) && fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && st.st_mtime < before)
            (void)unlinkat(dir, entry->d_name, 0);
    (void)closedir(stream);
}

enum sms365_err sms365_spool_wait(const char *dir, const uint8_t id[SMS365_ID_BYTES], bool discard, int64_t timeout_ms,
    char out[SMS365_REPORT_MAX + 1], size_t *length, struct sms365_error *err)
{
    const int64_t until_ms = monotonic_ms() + timeout_ms;
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    char name[SMS365_REPORT_NAME_SIZE];
    enum sms365_err code;

    *length = 0;
    sms365_report_name(name, id);
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sms365_error_set(err, SMS365_IO, "spool %s: %s", dir, strerror(errno));
    sweep(fd);
    if (discard)
        (void)unlinkat(fd, name, 0);
    for (;;) {
        code = read_report(fd, name, out, length, err);
        if (code != SMS365_OK || *length > 0 || monotonic_ms() >= until_ms)
            break;
        (void)nanosleep(&pause, NULL);
    }
    (void)close(fd);
    return code;
}
