/*
 * Careful opening of files that decide who gets in: never through a symbolic link in the last component, regular files
 * only, owned by root (or by whoever runs, when that is not root), writable by nobody else, no larger than a cap.
 */
#ifndef SMS365_FILE_SAFE_H
#define SMS365_FILE_SAFE_H

#include "base/mem.h"
#include "base/str.h"
#include "sms365.h"

#include <stdio.h>
#include <sys/types.h>

enum sms365_file_mode {
    SMS365_FILE_PUBLIC, /* others may read: configuration, users */
    SMS365_FILE_SECRET  /* nobody else may even read: keys (0600 or stricter) */
};

/*
 * Read a whole file of at most cap bytes. The directory it stands in must not be writable by others either. Errors:
 * NOT_FOUND, BAD_OWNER (owner, mode, type, directory: the text says which, and the chmod or chown that mends it), FULL
 * (larger than cap), IO, NO_MEMORY. err->text begins with the path. out is initialised here, and empty after an error.
 */
enum sms365_err sms365_file_read(
    struct sms365_buf *out, const char *path, enum sms365_file_mode mode, size_t cap, struct sms365_error *err);

/* The same into a secret. */
enum sms365_err sms365_file_read_secret(
    struct sms365_secret *out, const char *path, size_t cap, struct sms365_error *err);

/*
 * Replace a file's contents so that a reader or a crash sees the old or the new, never a mixture: temporary file in the
 * same directory, fsync, rename, fsync of the directory. Owner and mode of an existing file are kept, and have to be
 * safe (mode 0600: as a secret's); a new one gets mode (0600 or 0644). Errors: BAD_OWNER, FULL (disk), IO.
 */
enum sms365_err sms365_file_replace(
    const char *path, const void *data, size_t length, mode_t mode, struct sms365_error *err);

/* The same with contents that are made while they are written: an error of write leaves the file as it was. */
struct sms365_file_contents {
    enum sms365_err (*write)(void *context, FILE *file, struct sms365_error *err);
    void *context;
};
enum sms365_err sms365_file_rewrite(
    const char *path, const struct sms365_file_contents *contents, mode_t mode, struct sms365_error *err);

/* Create, only where there is none (EXISTS), whole and on disk from its first moment. */
enum sms365_err sms365_file_create(
    const char *path, const void *data, size_t length, mode_t mode, struct sms365_error *err);

/* Take an exclusive flock on PATH.lock for a read-change-write; *fd is closed to let go. BUSY after 10 s. */
enum sms365_err sms365_file_lock(int *fd, const char *path, struct sms365_error *err);

#endif
