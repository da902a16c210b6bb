/* One key file: where it is, and its text, header and sealed key. Between the key store's parts only. */
#ifndef SMS365_KEY_FILE_H
#define SMS365_KEY_FILE_H

#include "base/str.h"
#include "edges/keys.h"

#include <limits.h>

#define SMS365_KEY_FILE_MAX 8192 /* bytes */
#define SMS365_KEY_SECRET_MAX 256
#define SMS365_KEY_SUFFIX ".key"
#define SMS365_KEY_NEXT_SUFFIX ".next" /* see key_rotation.h */

/* DIR/NAME and its suffix. Errors: BAD_ARGUMENT (too long, not the name of a key). */
enum sms365_err sms365_key_path(
    char out[PATH_MAX], const char *dir, const char *name, const char *suffix, struct sms365_error *err);

/* Take the key store's lock, which whoever changes it holds; *lock is closed to let go. */
enum sms365_err sms365_keys_lock(int *lock, const char *dir, struct sms365_error *err);

/* It is added now. */
void sms365_key_stamp(struct sms365_key *key);

/* Append the file of a checked key. Errors: CRYPTO, NO_MEMORY. */
enum sms365_err sms365_key_write(struct sms365_buf *text, const struct sms365_key *key,
    const struct sms365_secret *master, struct sms365_error *err);

/*
 * Read a file's text (length bytes), of which the file's name says that it is the key called name. *key is set on
 * success alone. Errors: CORRUPT (with the line), CRYPTO, NO_MEMORY, and those of sms365_key_check().
 */
enum sms365_err sms365_key_read(struct sms365_key *key, const char *text, size_t length, const char *name,
    const struct sms365_secret *master, bool sandbox, struct sms365_error *err);

#endif
