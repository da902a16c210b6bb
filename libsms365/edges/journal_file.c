#include "edges/journal_file.h"

#include "base/err.h"
#include "edges/file_safe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 512
#define READ_BYTES 65536
#define SHRINK_STEP_BYTES 65536 /* that a large journal grows by before it is looked at again */
#define LOCK_TRIES 200          /* half a millisecond to ten milliseconds each */

static enum sms365_err fail(const char *path, const char *action, struct sms365_error *err)
{
    const int number = errno;
    const enum sms365_err code = number == ENOSPC || number == EDQUOT ? SMS365_FULL : SMS365_IO;

    return sms365_error_set(err, code, "%s: cannot %s: %s", path, action, strerror(number));
}

static bool path_of(char out[PATH_SIZE], const char *dir)
{
    const int length = snprintf(out, PATH_SIZE, "%s/%s", dir, SMS365_JOURNAL_FILE);

    return length > 0 && length < PATH_SIZE;
}

/* Open without following links; a file that is not a regular one of our own is refused. *fd is -1 when it is not there.
 */
static enum sms365_err open_own(int *fd, const char *path, int flags, struct stat *status, struct sms365_error *err)
{
    *fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (*fd < 0)
        return errno == ENOENT ? SMS365_OK : fail(path, "open", err);
    if (fstat(*fd, status) == 0 && S_ISREG(status->st_mode) && status->st_uid == geteuid() &&
        (status->st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return SMS365_OK;
    (void)close(*fd);
    *fd = -1;
    return sms365_error_set(err, SMS365_BAD_OWNER, "%s: not a file of its directory's owner alone (mode 0600)", path);
}

/* Locked, and still the file of that name. Those who make it smaller put another in its place. */
static enum sms365_err open_locked(int *fd, const char *path, struct stat *status, struct sms365_error *err)
{
    for (unsigned i = 0; i < LOCK_TRIES; i++) {
        struct stat named;
        const struct timespec pause = {.tv_nsec = i < 20 ? 500000 : 10000000};
        const enum sms365_err code = open_own(fd, path, O_RDWR | O_APPEND | O_CREAT, status, err);
        if (code != SMS365_OK)
            return code;
        const bool locked = *fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) == 0;
        if (locked && lstat(path, &named) == 0 && named.st_ino == status->st_ino && named.st_dev == status->st_dev &&
            fstat(*fd, status) == 0)
            return SMS365_OK;
        if (*fd >= 0)
            (void)close(*fd);
        (void)nanosleep(&pause, NULL);
    }
    *fd = -1;
    return sms365_error_set(err, SMS365_BUSY, "%s: another process holds it", path);
}

/* What is still of use, of a whole journal. */
static void keep_lines(struct sms365_buf *out, const char *text, size_t length, int64_t now_s)
{
    struct sms365_journal_line line;

    for (const char *end; length > 0; length -= (size_t)(end - text) + 1, text = end + 1) {
        end = memchr(text, '\n', length);
        if (end == NULL)
            return;
        if (!sms365_journal_read(&line, text, (size_t)(end - text)))
            continue;
        const bool session = sms365_journal_is_issue(line.kind) || line.kind == SMS365_JOURNAL_REVOKED;
        if (session ? line.expires_s > now_s : line.when_s > now_s - SMS365_REVOCATION_KEEP_S)
            sms365_buf_add(out, text, (size_t)(end - text) + 1);
    }
}

/* Under the lock. What cannot be made smaller stays as large as it is. */
static void shrink(const char *path, int fd, off_t size, int64_t now_s)
{
    char *text = malloc((size_t)size);
    struct sms365_buf kept;

    sms365_buf_init(&kept, (size_t)size);
    if (text != NULL && pread(fd, text, (size_t)size, 0) == size) {
        keep_lines(&kept, text, (size_t)size, now_s);
        if (!kept.failed && kept.length <= (size_t)size / 2)
            (void)sms365_file_replace(path, sms365_buf_text(&kept), kept.length, 0600, NULL);
    }
    sms365_buf_free(&kept);
    free(text);
}

/* Did a line come whole, with its end? One that was cut off by a crash must not swallow the next. */
static bool ends_whole(int fd, off_t size)
{
    char last = '\n';

    return size == 0 || (pread(fd, &last, 1, size - 1) == 1 && last == '\n');
}

/* Under the lock: all of it, or nothing. */
static enum sms365_err append(
    const char *path, int fd, const struct stat *status, const struct sms365_buf *text, struct sms365_error *err)
{
    const ssize_t written = write(fd, text->data, text->length);

    if (written != (ssize_t)text->length) {
        const enum sms365_err code = fail(path, "write", err);
        if (written > 0 && ftruncate(fd, status->st_size) != 0)
            return fail(path, "undo half a line", err);
        return code;
    }
    return fdatasync(fd) == 0 ? SMS365_OK : fail(path, "write", err);
}

enum sms365_err sms365_journal_add(
    const char *dir, const struct sms365_journal_line *line, int64_t now_s, struct sms365_error *err)
{
    char path[PATH_SIZE];
    struct sms365_buf text;
    struct stat status;
    int fd;

    if (!path_of(path, dir))
        return sms365_error_set(err, SMS365_IO, "%s: the path is too long", dir);
    enum sms365_err code = open_locked(&fd, path, &status, err);
    if (code != SMS365_OK)
        return code;
    sms365_buf_init(&text, SMS365_JOURNAL_LINE_MAX);
    sms365_buf_puts(&text, ends_whole(fd, status.st_size) ? "" : "\n");
    sms365_journal_write(&text, line);
    code = text.failed ? sms365_error_set(err, SMS365_BAD_ARGUMENT, "%s: the line is too long", path)
                       : append(path, fd, &status, &text, err);
    const off_t size = status.st_size + (off_t)text.length;
    if (code == SMS365_OK && size >= SMS365_JOURNAL_SHRINK_BYTES &&
        size / SHRINK_STEP_BYTES != status.st_size / SHRINK_STEP_BYTES)
        shrink(path, fd, size, now_s);
    sms365_buf_free(&text);
    (void)close(fd);
    return code;
}

/* Whole lines of a piece; returns the bytes that they took, *more is false when each wanted no more. */
static size_t each_line(const char *text, size_t length,
    bool (*each)(void *context, const struct sms365_journal_line *line), void *context, bool *more)
{
    struct sms365_journal_line line;
    size_t used = 0;

    while (*more && used < length) {
        const char *end = memchr(text + used, '\n', length - used);
        if (end == NULL)
            break;
        if (sms365_journal_read(&line, text + used, (size_t)(end - text) - used))
            *more = each(context, &line);
        used = (size_t)(end - text) + 1;
    }
    return used;
}

enum sms365_err sms365_journal_follow(const char *dir, struct sms365_journal_place *place,
    bool (*each)(void *context, const struct sms365_journal_line *line), void *context, struct sms365_error *err)
{
    char path[PATH_SIZE];
    char *piece;
    struct stat status;
    bool more = true;
    int fd = -1;

    if (!path_of(path, dir))
        return sms365_error_set(err, SMS365_IO, "%s: the path is too long", dir);
    enum sms365_err code = open_own(&fd, path, O_RDONLY, &status, err);
    if (code != SMS365_OK || fd < 0)
        return code;
    if (status.st_ino != place->inode || status.st_dev != place->device || status.st_size < place->offset)
        *place = (struct sms365_journal_place){status.st_dev, status.st_ino, 0};
    piece = malloc(READ_BYTES);
    if (piece == NULL)
        code = sms365_error_set(err, SMS365_NO_MEMORY, "%s: out of memory", path);
    while (code == SMS365_OK && more && place->offset < status.st_size) {
        const ssize_t got = pread(fd, piece, READ_BYTES, place->offset);
        if (got < 0)
            code = fail(path, "read", err);
        const size_t used = got <= 0 ? 0 : each_line(piece, (size_t)got, each, context, &more);
        place->offset += (off_t)used;
        if (used == 0)
            break;
    }
    free(piece);
    (void)close(fd);
    return code;
}
