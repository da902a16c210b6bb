/* The text of one key file: header and sealed key. Between the key store's parts only. */
#ifndef SMS365_KEY_FILE_H
#define SMS365_KEY_FILE_H

#include "base/str.h"
#include "edges/keys.h"

#define SMS365_KEY_FILE_MAX 8192 /* bytes */
#define SMS365_KEY_SECRET_MAX 256

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
