#include "edges/spool.h"

#include "base/err.h"
#include "edges/monotonic.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 50
#define REPORT_MODE 0640
#define TEMPORARY_NAME_SIZE (SMS365_REPORT_NAME_SIZE + 16)

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

    return name[0] == '.' || (length >= sizeof suffix && strcmp(name + length - (sizeof suffix - 1), suffix) == 0);
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/*
 * Look at so many names, and remove reports that nobody will ask for any more and what writers of reports left behind
 * when they were interrupted. False when the directory cannot be read; *stay counts the names that stay.
 */
static bool sweep(int dir, unsigned most, unsigned *stay)
{
    /* The same directory opened again: the stream takes its descriptor with it, and reads from the beginning. */
    const int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    const time_t before = time(NULL) - SMS365_SPOOL_KEEP_S;
    const struct dirent *entry;
    struct stat st;

    *stay = 0;
    if (stream == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    for (unsigned seen = 0; seen < most && (entry = readdir(stream)) != NULL; seen++) {
        if (is_dot(entry->d_name))
            continue;
        const bool old = is_ours_to_remove(entry->d_name) &&
                         fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
                         st.st_mtime < before;
        if (!old || unlinkat(dir, entry->d_name, 0) != 0)
            ++*stay;
    }
    (void)closedir(stream);
    return true;
}

enum sms365_err sms365_spool_wait(const char *dir, const uint8_t id[SMS365_ID_BYTES], bool discard, int64_t timeout_ms,
    char out[SMS365_REPORT_MAX + 1], size_t *length, struct sms365_error *err)
{
    const int64_t until_ms = sms365_monotonic_ms() + timeout_ms;
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    char name[SMS365_REPORT_NAME_SIZE];
    enum sms365_err code;
    unsigned stay;

    *length = 0;
    sms365_report_name(name, id);
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sms365_error_set(err, SMS365_IO, "spool %s: %s", dir, strerror(errno));
    /* Nothing depends on it, so nothing is said when it fails: the next look goes on. */
    (void)sweep(fd, SMS365_SPOOL_SWEEP_MAX, &stay);
    if (discard)
        (void)unlinkat(fd, name, 0);
    for (;;) {
        code = read_report(fd, name, out, length, err);
        if (code != SMS365_OK || *length > 0 || sms365_monotonic_ms() >= until_ms)
            break;
        (void)nanosleep(&pause, NULL);
    }
    (void)close(fd);
    return code;
}

enum sms365_err sms365_spool_open(int *dir, const char *path, struct sms365_error *err)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return sms365_error_set(
            err, errno == ENOENT ? SMS365_NOT_FOUND : SMS365_IO, "spool %s: %s", path, strerror(errno));
    if (fstat(fd, &st) != 0 || (st.st_mode & S_IWOTH) != 0) {
        (void)close(fd);
        return sms365_error_set(
            err, SMS365_BAD_OWNER, "spool %s: everybody may write to it; run: chmod o-w %s", path, path);
    }
    *dir = fd;
    return SMS365_OK;
}

/* Whether a final report of this message is there. Whatever else may lie under its name counts as none. */
static bool has_final(int dir, const char *name, const struct sms365_report *report, const struct sms365_mac_key *key)
{
    char text[SMS365_REPORT_MAX + 1];
    enum sms365_delivery delivery;
    int64_t cost;
    size_t length;

    return read_report(dir, name, text, &length, NULL) == SMS365_OK && length > 0 &&
           sms365_report_parse(&delivery, &cost, text, length, key, report->id);
}

static enum sms365_err keep_fail(int dir, int number, struct sms365_error *err)
{
    struct stat st;

    if (fstat(dir, &st) == 0 && st.st_nlink == 0)
        return sms365_error_set(err, SMS365_NOT_FOUND, "the spool directory was removed");
    return sms365_error_set(err, number == ENOSPC || number == EDQUOT ? SMS365_FULL : SMS365_IO,
        "the spool cannot be written: %s", strerror(number));
}

/* 0, or the error's number; then nothing is left behind. */
static int write_temporary(int dir, const char *name, const struct sms365_report *report)
{
    /* One that a thread of this id did not live to finish is nobody's any more. */
    (void)unlinkat(dir, name, 0);
    const int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, REPORT_MODE);
    if (fd < 0)
        return errno;
    errno = EIO; /* a write that is cut short names no error */
    bool good = write(fd, report->text, report->length) == (ssize_t)report->length && fchmod(fd, REPORT_MODE) == 0;
    int number = errno;
    if (close(fd) != 0 && good) {
        good = false;
        number = errno;
    }
    if (good)
        return 0;
    (void)unlinkat(dir, name, 0);
    return number;
}

enum sms365_err sms365_spool_keep(
    int dir, const struct sms365_report *report, const struct sms365_mac_key *key, struct sms365_error *err)
{
    char name[SMS365_REPORT_NAME_SIZE];
    char temporary[TEMPORARY_NAME_SIZE];
    unsigned stay;
    enum sms365_err code = SMS365_OK;

    sms365_report_name(name, report->id);
    (void)snprintf(temporary, sizeof temporary, ".%.32s.%ld", name, (long)gettid());
    if (has_final(dir, name, report, key))
        return sms365_error_set(err, SMS365_EXISTS, "there is a final report already");
    if (!sweep(dir, 2 * SMS365_SPOOL_FILES_MAX, &stay))
        return keep_fail(dir, errno, err);
    if (stay >= SMS365_SPOOL_FILES_MAX)
        return sms365_error_set(err, SMS365_FULL, "%u files lie in the spool", stay);
    const int number = write_temporary(dir, temporary, report);
    if (number != 0)
        return keep_fail(dir, number, err);
    /* A link does not take the place of another receiver's report that came first; a rename takes that of rubbish. */
    if (linkat(dir, temporary, dir, name, 0) != 0) {
        const bool taken = errno == EEXIST;
        if (taken && has_final(dir, name, report, key))
            code = sms365_error_set(err, SMS365_EXISTS, "there is a final report already");
        else if (!taken || renameat(dir, temporary, dir, name) != 0)
            code = keep_fail(dir, errno, err);
    }
    (void)unlinkat(dir, temporary, 0);
    return code;
}
