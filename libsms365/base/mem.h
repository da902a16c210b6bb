/*
 * Memory for secrets: wiped when freed, left out of core dumps, compared in constant time. A struct sms365_secret has
 * no printable form: there is no way to hand one to a format string by accident.
 */
#ifndef SMS365_MEM_H
#define SMS365_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Owns its bytes, which live on pages of their own. {0} is an empty one. */
struct sms365_secret {
    uint8_t *data;
    size_t length;
    size_t mapped_bytes;
};

/* Copy length bytes; a terminating NUL follows them in memory (not counted). False when out of memory. */
bool sms365_secret_set(struct sms365_secret *secret, const void *data, size_t length);

/* Room for length bytes, zeroed. False when out of memory. */
bool sms365_secret_alloc(struct sms365_secret *secret, size_t length);

/* Wipe and release; the secret is empty afterwards. */
void sms365_secret_free(struct sms365_secret *secret);

/* Zeroed memory for a struct that holds secrets, left out of core dumps; NULL when there is none. delete wipes it. */
void *sms365_secret_new(size_t size_bytes);
void sms365_secret_delete(void *data, size_t size_bytes);

/* Overwrite in a way the compiler cannot leave out. */
void sms365_wipe(void *data, size_t length);

/* Constant-time comparison of two byte strings of one length. */
bool sms365_equal(const void *a, const void *b, size_t length);

#endif
