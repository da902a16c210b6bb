#include "edges/key_rotation.h"

#include "base/err.h"
#include "edges/file_safe.h"
#include "edges/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NOTE "sms365: a new key of this name was asked for; to bring it to its end, run: sms365 key rotate\n"

static enum sms365_err io_error(const char *path, const char *what, struct sms365_error *err)
{
    const int number = errno;

    return sms365_error_set(err, number == ENOSPC || number == EDQUOT ? SMS365_FULL : SMS365_IO, "%s: cannot %s: %s",
        path, what, strerror(number));
}

static enum sms365_err directory_sync(const char *dir, struct sms365_error *err)
{
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool done = fd >= 0 && fsync(fd) == 0;
    const enum sms365_err code = done ? SMS365_OK : io_error(dir, "write the directory", err);

    if (fd >= 0)
        (void)close(fd);
    return code;
}

enum sms365_err sms365_rotation_open(
    struct sms365_rotation *rotation, const char *dir, const char *name, struct sms365_error *err)
{
    *rotation = (struct sms365_rotation){.lock = -1, .dir = dir};
    enum sms365_err code = sms365_key_path(rotation->path, dir, name, SMS365_KEY_SUFFIX, err);
    if (code == SMS365_OK)
        code = sms365_key_path(rotation->next, dir, name, SMS365_KEY_NEXT_SUFFIX, err);
    if (code == SMS365_OK)
        code = sms365_keys_lock(&rotation->lock, dir, err);
    if (code != SMS365_OK)
        return code;
    rotation->found = faccessat(AT_FDCWD, rotation->next, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    return SMS365_OK;
}

void sms365_rotation_close(struct sms365_rotation *rotation)
{
    if (rotation->lock >= 0)
        (void)close(rotation->lock);
    rotation->lock = -1;
}

/* Write text over the whole file, zeros behind it, and have it on the disk. */
static enum sms365_err next_write(
    const struct sms365_rotation *rotation, const char *text, size_t length, int flags, struct sms365_error *err)
{
    char content[SMS365_KEY_FILE_MAX] = "";
    const int fd = open(rotation->next, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | flags, 0600);

    if (fd < 0)
        return io_error(rotation->next, "open", err);
    memcpy(content, text, length);
    const ssize_t written = pwrite(fd, content, sizeof content, 0);
    if (written >= 0 && written != (ssize_t)sizeof content)
        errno = ENOSPC;
    const bool done = written == (ssize_t)sizeof content && fsync(fd) == 0;
    const enum sms365_err code = done ? SMS365_OK : io_error(rotation->next, "write", err);
    (void)close(fd);
    return code;
}

enum sms365_err sms365_rotation_begin(struct sms365_rotation *rotation, struct sms365_error *err)
{
    if (rotation->found)
        return SMS365_OK;
    enum sms365_err code = next_write(rotation, NOTE, strlen(NOTE), O_CREAT | O_EXCL, err);
    if (code == SMS365_OK)
        code = directory_sync(rotation->dir, err);
    if (code != SMS365_OK)
        (void)unlink(rotation->next);
    else
        rotation->found = true;
    return code;
}

enum sms365_err sms365_rotation_keep(struct sms365_rotation *rotation, const struct sms365_key *key,
    const struct sms365_secret *master, bool sandbox, struct sms365_error *err)
{
    struct sms365_key stamped = *key; /* borrows the secret: never freed */
    struct sms365_buf text;

    enum sms365_err code = sms365_key_check(key, sandbox, err);
    if (code != SMS365_OK)
        return code;
    sms365_key_stamp(&stamped);
    sms365_buf_init(&text, SMS365_KEY_FILE_MAX);
    code = sms365_key_write(&text, &stamped, master, err);
    if (code == SMS365_OK)
        code = next_write(rotation, sms365_buf_text(&text), text.length, 0, err);
    sms365_buf_free(&text);
    return code;
}

enum sms365_err sms365_rotation_finish(struct sms365_rotation *rotation, struct sms365_error *err)
{
    char content[SMS365_KEY_FILE_MAX];
    const int fd = open(rotation->next, O_RDWR | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return io_error(rotation->next, "open", err);
    /* The zeros behind the key go first: without them it is a key file like any other. */
    const ssize_t got = pread(fd, content, sizeof content, 0);
    const bool cut = got > 0 && ftruncate(fd, (off_t)strnlen(content, (size_t)got)) == 0 && fsync(fd) == 0;
    enum sms365_err code = cut ? SMS365_OK : io_error(rotation->next, "write", err);
    (void)close(fd);
    if (code == SMS365_OK && rename(rotation->next, rotation->path) != 0)
        code = io_error(rotation->path, "put the new key in place", err);
    if (code != SMS365_OK)
        return code;
    rotation->found = false;
    return directory_sync(rotation->dir, err);
}

enum sms365_err sms365_rotation_cancel(struct sms365_rotation *rotation, struct sms365_error *err)
{
    if (unlink(rotation->next) != 0 && errno != ENOENT)
        return io_error(rotation->next, "remove", err);
    rotation->found = false;
    return directory_sync(rotation->dir, err);
}
