/*
 * Backup codes: ten codes of eight digits that a user keeps on paper, for when no message arrives (NIST SP 800-63B
 * 5.1.2, look-up secrets). Each is good once; what is kept of them is a salted, stretched and keyed hash. Wrong ones
 * have a budget of their own, in each share of the guard.
 */
#ifndef SMS365_BACKUP_H
#define SMS365_BACKUP_H

#include "base/wire.h"
#include "pure/crypto.h"

#define SMS365_BACKUP_CODES 10
#define SMS365_BACKUP_DIGITS 8
#define SMS365_BACKUP_TEXT_SIZE (SMS365_BACKUP_DIGITS + 2) /* "1234 5678" with the NUL */
#define SMS365_BACKUP_HASH_BYTES 16

/* Plain data; {0} is a user without backup codes. */
struct sms365_backup {
    uint8_t count; /* codes that were made */
    uint16_t used; /* a bit each */
    uint8_t salt[SMS365_SALT_BYTES];
    uint8_t hashes[SMS365_BACKUP_CODES][SMS365_BACKUP_HASH_BYTES];
};

int sms365_backup_left(const struct sms365_backup *backup);

/*
 * Make a new set from fresh random bytes, in the place of the old one; texts gets the codes. False when libcrypto
 * fails; then the old set is still there.
 */
#define SMS365_BACKUP_SEED_BYTES 32
bool sms365_backup_make(struct sms365_backup *backup, char texts[SMS365_BACKUP_CODES][SMS365_BACKUP_TEXT_SIZE],
    const uint8_t seed[SMS365_BACKUP_SEED_BYTES], const struct sms365_mac_key *key);

/* Take an answer: eight digits, blanks and hyphens between them left out. False when it is none. */
bool sms365_backup_parse(char code[SMS365_BACKUP_DIGITS + 1], const char *answer);

/* Which unused code this is; -1: none. Takes the same time for every code. */
int sms365_backup_find(const struct sms365_backup *backup, const char *code, const struct sms365_mac_key *key);

void sms365_backup_put(struct sms365_writer *writer, const struct sms365_backup *backup);
void sms365_backup_take(struct sms365_reader *reader, struct sms365_backup *backup);

#endif
