#include "edges/file_safe.h"

#include "base/err.h"
#include "edges/monotonic.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TIMEOUT_MS 10000
#define LOCK_POLL_MS 20

/* A file by its directory, which stays open, and its name in it. */
struct place {
    int dir;
    const char *path;
    const char *name;
    char dir_path[PATH_MAX];
};

static enum sms365_err io_error(const char *path, const char *what, struct sms365_error *err)
{
    const int number = errno;
    const enum sms365_err code = number == ENOENT || number == ENOTDIR  ? SMS365_NOT_FOUND
                                 : number == EEXIST                     ? SMS365_EXISTS
                                 : number == ENOSPC || number == EDQUOT ? SMS365_FULL
                                 : number == ENOMEM                     ? SMS365_NO_MEMORY
                                                                        : SMS365_IO;
    return sms365_error_set(err, code, "%s: cannot %s: %s", path, what, strerror(number));
}

static bool owner_is_trusted(uid_t owner)
{
    return owner == 0 || owner == geteuid();
}

/* Whoever may write to the directory may put another file in the place of this one. */
static enum sms365_err directory_check(const struct place *place, struct sms365_error *err)
{
    struct stat st;

    if (fstat(place->dir, &st) != 0)
        return io_error(place->dir_path, "look at the directory", err);
    if (!owner_is_trusted(st.st_uid))
        return sms365_error_set(err, SMS365_BAD_OWNER,
            "%s: its directory belongs to user id %u, who could replace it; run: chown root %s", place->path,
            (unsigned)st.st_uid, place->dir_path);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return sms365_error_set(err, SMS365_BAD_OWNER,
            "%s: others may write to its directory (mode %04o) and could replace it; run: chmod go-w %s", place->path,
            (unsigned)(st.st_mode & 07777), place->dir_path);
    return SMS365_OK;
}

/* On success the caller closes place->dir. */
static enum sms365_err place_open(struct place *place, const char *path, struct sms365_error *err)
{
    const char *slash = strrchr(path, '/');

    place->path = path;
    place->name = slash == NULL ? path : slash + 1;
    if (slash == NULL)
        (void)sms365_str_copy(place->dir_path, sizeof place->dir_path, ".");
    else if (slash == path)
        (void)sms365_str_copy(place->dir_path, sizeof place->dir_path, "/");
    else if ((size_t)(slash - path) < sizeof place->dir_path) {
        memcpy(place->dir_path, path, (size_t)(slash - path));
        place->dir_path[slash - path] = '\0';
    } else
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "%s: the path is too long", path);
    if (place->name[0] == '\0' || strlen(place->name) > NAME_MAX - 24)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "%s: not the path of a file", path);
    place->dir = open(place->dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place->dir < 0)
        return io_error(path, "open its directory", err);
    const enum sms365_err code = directory_check(place, err);
    if (code != SMS365_OK)
        (void)close(place->dir);
    return code;
}

static enum sms365_err file_check(
    const struct stat *st, const char *path, enum sms365_file_mode mode, struct sms365_error *err)
{
    const unsigned bits = (unsigned)(st->st_mode & 07777);

    if (!S_ISREG(st->st_mode))
        return sms365_error_set(err, SMS365_BAD_OWNER,
            "%s: not a regular file (a link, pipe, device or directory); put the file itself there", path);
    if (!owner_is_trusted(st->st_uid))
        return sms365_error_set(err, SMS365_BAD_OWNER, "%s: belongs to user id %u, not to root; run: chown root %s",
            path, (unsigned)st->st_uid, path);
    if (mode == SMS365_FILE_SECRET && (bits & (S_IRWXG | S_IRWXO)) != 0)
        return sms365_error_set(err, SMS365_BAD_OWNER,
            "%s: holds a secret and others may read or write it (mode %04o); run: chmod 0600 %s", path, bits, path);
    if ((bits & (S_IWGRP | S_IWOTH)) != 0)
        return sms365_error_set(
            err, SMS365_BAD_OWNER, "%s: others may write to it (mode %04o); run: chmod go-w %s", path, bits, path);
    return SMS365_OK;
}

static enum sms365_err file_open(
    int *fd, size_t *size_bytes, const char *path, enum sms365_file_mode mode, size_t cap, struct sms365_error *err)
{
    struct place place;
    struct stat st;

    enum sms365_err code = place_open(&place, path, err);
    if (code != SMS365_OK)
        return code;
    /* O_NONBLOCK: a pipe put in the file's place must not hold the login until somebody writes to it. */
    const int opened = openat(place.dir, place.name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    const int number = errno;
    (void)close(place.dir);
    errno = number;
    if (opened < 0 && errno == ELOOP)
        return sms365_error_set(err, SMS365_BAD_OWNER, "%s: a symbolic link; put the file itself there", path);
    if (opened < 0 && errno == ENXIO)
        return sms365_error_set(err, SMS365_BAD_OWNER, "%s: not a regular file; put the file itself there", path);
    if (opened < 0)
        return io_error(path, "open", err);
    code = fstat(opened, &st) == 0 ? file_check(&st, path, mode, err) : io_error(path, "look at the file", err);
    if (code == SMS365_OK && (st.st_size < 0 || (uintmax_t)st.st_size > cap))
        code = sms365_error_set(err, SMS365_FULL, "%s: larger than the %zu bytes that such a file may have", path, cap);
    if (code != SMS365_OK) {
        (void)close(opened);
        return code;
    }
    *fd = opened;
    *size_bytes = (size_t)st.st_size;
    return SMS365_OK;
}

/* read(2) that is not interrupted. */
static ssize_t read_some(int fd, void *data, size_t size)
{
    ssize_t got;

    do
        got = read(fd, data, size);
    while (got < 0 && errno == EINTR);
    return got;
}

enum sms365_err sms365_file_read(
    struct sms365_buf *out, const char *path, enum sms365_file_mode mode, size_t cap, struct sms365_error *err)
{
    char chunk[4096];
    size_t size_bytes = 0;
    ssize_t got;
    int fd = -1;

    sms365_buf_init(out, cap);
    out->secret = mode == SMS365_FILE_SECRET;
    enum sms365_err code = file_open(&fd, &size_bytes, path, mode, cap, err);
    if (code != SMS365_OK)
        return code;
    while ((got = read_some(fd, chunk, sizeof chunk)) > 0) {
        if ((size_t)got > cap - out->length) {
            code = sms365_error_set(
                err, SMS365_FULL, "%s: larger than the %zu bytes that such a file may have", path, cap);
            break;
        }
        sms365_buf_add(out, chunk, (size_t)got);
    }
    if (got < 0)
        code = io_error(path, "read", err);
    else if (code == SMS365_OK && out->failed)
        code = sms365_error_set(err, SMS365_NO_MEMORY, "%s: no memory to read it", path);
    (void)close(fd);
    sms365_wipe(chunk, sizeof chunk);
    if (code != SMS365_OK)
        sms365_buf_free(out);
    return code;
}

enum sms365_err sms365_file_read_secret(
    struct sms365_secret *out, const char *path, size_t cap, struct sms365_error *err)
{
    struct sms365_secret secret = {0};
    size_t size_bytes = 0;
    size_t length = 0;
    ssize_t got;
    int fd = -1;

    enum sms365_err code = file_open(&fd, &size_bytes, path, SMS365_FILE_SECRET, cap, err);
    if (code != SMS365_OK)
        return code;
    if (!sms365_secret_alloc(&secret, size_bytes)) {
        code = sms365_error_set(err, SMS365_NO_MEMORY, "%s: no memory to read it", path);
        goto out;
    }
    while ((got = read_some(fd, secret.data + length, size_bytes - length)) > 0)
        length += (size_t)got;
    if (got < 0)
        code = io_error(path, "read", err);
    else if (length != size_bytes)
        code = sms365_error_set(err, SMS365_IO, "%s: became shorter while it was read; try again", path);
out:
    (void)close(fd);
    if (code == SMS365_OK) {
        sms365_secret_free(out);
        *out = secret;
    } else {
        sms365_secret_free(&secret);
    }
    return code;
}

/* The group is of no matter where the mode gives it nothing: whoever is not in it may not give it. */
static bool owner_give(int fd, const struct stat *like, mode_t mode)
{
    if (fchown(fd, like->st_uid, like->st_gid) == 0)
        return true;
    return errno == EPERM && (mode & S_IRWXG) == 0 && fchown(fd, like->st_uid, (gid_t)-1) == 0;
}

/*
 * A temporary file beside the place, complete and on disk, with mode and, when like is given, its owner. temporary gets
 * its name; the caller renames or unlinks it.
 */
static enum sms365_err temporary_write(const struct place *place, char temporary[NAME_MAX + 1],
    const struct sms365_file_contents *contents, mode_t mode, const struct stat *like, struct sms365_error *err)
{
    uint8_t random[4];
    char suffix[2 * sizeof random + 1];

    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return io_error(place->path, "get random bytes", err);
    sms365_str_hex(suffix, random, sizeof random);
    (void)snprintf(temporary, NAME_MAX + 1, ".%s.%s.tmp", place->name, suffix);
    const int fd = openat(place->dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_error(place->path, "create a file beside it", err);
    FILE *file = fdopen(fd, "w");
    enum sms365_err code = SMS365_OK;
    if (file == NULL || (like != NULL && !owner_give(fd, like, mode)) || fchmod(fd, mode) != 0)
        code = io_error(place->path, "write", err);
    else
        code = contents->write(contents->context, file, err);
    if (code == SMS365_OK && (fflush(file) != 0 || ferror(file) || fsync(fd) != 0))
        code = io_error(place->path, "write", err);
    if ((file == NULL ? close(fd) : fclose(file)) != 0 && code == SMS365_OK)
        code = io_error(place->path, "write", err);
    if (code != SMS365_OK)
        (void)unlinkat(place->dir, temporary, 0);
    return code;
}

struct bytes {
    const void *data;
    size_t length;
};

/* What goes wrong stays with the stream, and is seen when it is flushed. */
static enum sms365_err bytes_write(void *context, FILE *file, struct sms365_error *err)
{
    const struct bytes *bytes = context;

    (void)err;
    if (bytes->length > 0)
        (void)fwrite(bytes->data, 1, bytes->length, file);
    return SMS365_OK;
}

enum sms365_err sms365_file_replace(
    const char *path, const void *data, size_t length, mode_t mode, struct sms365_error *err)
{
    struct bytes bytes = {data, length};

    return sms365_file_rewrite(path, &(const struct sms365_file_contents){bytes_write, &bytes}, mode, err);
}

enum sms365_err sms365_file_rewrite(
    const char *path, const struct sms365_file_contents *contents, mode_t mode, struct sms365_error *err)
{
    struct place place;
    struct stat st;
    char temporary[NAME_MAX + 1];

    enum sms365_err code = place_open(&place, path, err);
    if (code != SMS365_OK)
        return code;
    const bool there = fstatat(place.dir, place.name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!there && errno != ENOENT)
        code = io_error(path, "look at the file", err);
    else if (there)
        code = file_check(&st, path, (mode & 077) == 0 ? SMS365_FILE_SECRET : SMS365_FILE_PUBLIC, err);
    if (code == SMS365_OK)
        code = temporary_write(&place, temporary, contents, there ? st.st_mode & 0777 : mode, there ? &st : NULL, err);
    if (code == SMS365_OK && renameat(place.dir, temporary, place.dir, place.name) != 0) {
        code = io_error(path, "put the new contents in place", err);
        (void)unlinkat(place.dir, temporary, 0);
    } else if (code == SMS365_OK && fsync(place.dir) != 0) {
        code = io_error(path, "write its directory", err);
    }
    (void)close(place.dir);
    return code;
}

enum sms365_err sms365_file_create(
    const char *path, const void *data, size_t length, mode_t mode, struct sms365_error *err)
{
    struct bytes bytes = {data, length};
    const struct sms365_file_contents contents = {bytes_write, &bytes};
    struct place place;
    char temporary[NAME_MAX + 1];

    enum sms365_err code = place_open(&place, path, err);
    if (code != SMS365_OK)
        return code;
    code = temporary_write(&place, temporary, &contents, mode, NULL, err);
    if (code == SMS365_OK) {
        /* link(2) is as exclusive as O_EXCL, and the file is whole from its first moment. */
        if (linkat(place.dir, temporary, place.dir, place.name, 0) != 0)
            code = errno == EEXIST ? sms365_error_set(err, SMS365_EXISTS, "%s: there already", path)
                                   : io_error(path, "create", err);
        (void)unlinkat(place.dir, temporary, 0);
    }
    if (code == SMS365_OK && fsync(place.dir) != 0)
        code = io_error(path, "write its directory", err);
    (void)close(place.dir);
    return code;
}

enum sms365_err sms365_file_lock(int *fd, const char *path, struct sms365_error *err)
{
    static const struct timespec pause = {.tv_nsec = LOCK_POLL_MS * 1000000L};
    const int64_t deadline = sms365_monotonic_ms() + LOCK_TIMEOUT_MS;
    struct place place;
    struct stat st;
    char lock_path[PATH_MAX + 8];

    (void)snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    enum sms365_err code = place_open(&place, lock_path, err);
    if (code != SMS365_OK)
        return code;
    const int opened =
        openat(place.dir, place.name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (opened < 0)
        code = io_error(lock_path, "open", err);
    (void)close(place.dir);
    if (code != SMS365_OK)
        return code;
    code = fstat(opened, &st) == 0 ? file_check(&st, lock_path, SMS365_FILE_SECRET, err)
                                   : io_error(lock_path, "look at the file", err);
    while (code == SMS365_OK && flock(opened, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            code = io_error(lock_path, "lock", err);
        else if (sms365_monotonic_ms() >= deadline)
            code = sms365_error_set(err, SMS365_BUSY,
                "%s: held by another process for %d s; this shows which: fuser -v %s", lock_path,
                LOCK_TIMEOUT_MS / 1000, lock_path);
        else
            (void)nanosleep(&pause, NULL);
    }
    if (code != SMS365_OK) {
        (void)close(opened);
        return code;
    }
    *fd = opened;
    return SMS365_OK;
}
