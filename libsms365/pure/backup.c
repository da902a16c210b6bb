#include "pure/backup.h"

#include "pure/draw.h"

#include <stdio.h>
#include <string.h>

int sms365_backup_left(const struct sms365_backup *backup)
{
    int left = 0;

    for (unsigned i = 0; i < backup->count; i++)
        left += (backup->used >> i & 1) == 0;
    return left;
}

static bool hash_code(uint8_t hash[SMS365_BACKUP_HASH_BYTES], const uint8_t salt[SMS365_SALT_BYTES], const char *code,
    const struct sms365_mac_key *key)
{
    uint8_t stretched[SMS365_MAC_BYTES];
    uint8_t mac[SMS365_MAC_BYTES];
    const bool hashed = sms365_stretch(stretched, code, SMS365_BACKUP_DIGITS, salt) &&
                        sms365_hmac(mac, key, stretched, sizeof stretched);

    if (hashed)
        memcpy(hash, mac, SMS365_BACKUP_HASH_BYTES);
    sms365_wipe(stretched, sizeof stretched);
    sms365_wipe(mac, sizeof mac);
    return hashed;
}

bool sms365_backup_make(struct sms365_backup *backup, char texts[SMS365_BACKUP_CODES][SMS365_BACKUP_TEXT_SIZE],
    const uint8_t seed[SMS365_BACKUP_SEED_BYTES], const struct sms365_mac_key *key)
{
    struct sms365_backup fresh = {.count = SMS365_BACKUP_CODES};
    char code[SMS365_DIGITS_MAX + 1];
    unsigned counter = 0;
    uint8_t mac[SMS365_MAC_BYTES];

    if (!sms365_draw(mac, seed, counter++))
        return false;
    memcpy(fresh.salt, mac, sizeof fresh.salt);
    for (size_t i = 0; i < SMS365_BACKUP_CODES; i++) {
        if (!sms365_draw_digits(code, SMS365_BACKUP_DIGITS, seed, &counter) ||
            !hash_code(fresh.hashes[i], fresh.salt, code, key))
            return false;
        (void)snprintf(texts[i], SMS365_BACKUP_TEXT_SIZE, "%.4s %.4s", code, code + 4);
    }
    sms365_wipe(code, sizeof code);
    *backup = fresh;
    return true;
}

bool sms365_backup_parse(char code[SMS365_BACKUP_DIGITS + 1], const char *answer)
{
    size_t digits = 0;

    for (; *answer != '\0'; answer++) {
        if (strchr(" \t\r\n-", *answer) != NULL)
            continue;
        if (*answer < '0' || *answer > '9' || digits == SMS365_BACKUP_DIGITS)
            return false;
        code[digits++] = *answer;
    }
    code[digits] = '\0';
    return digits == SMS365_BACKUP_DIGITS;
}

int sms365_backup_find(const struct sms365_backup *backup, const char *code, const struct sms365_mac_key *key)
{
    uint8_t hash[SMS365_BACKUP_HASH_BYTES];
    int found = -1;

    if (!hash_code(hash, backup->salt, code, key))
        return -1;
    for (int i = 0; i < backup->count; i++)
        if (sms365_equal(hash, backup->hashes[i], sizeof hash) && (backup->used >> i & 1) == 0)
            found = i;
    sms365_wipe(hash, sizeof hash);
    return found;
}

void sms365_backup_put(struct sms365_writer *writer, const struct sms365_backup *backup)
{
    sms365_put_u8(writer, backup->count);
    if (backup->count > 0) {
        sms365_put_u8(writer, (uint8_t)backup->used);
        sms365_put_u8(writer, (uint8_t)(backup->used >> 8));
        sms365_put_bytes(writer, backup->salt, sizeof backup->salt);
        sms365_put_bytes(writer, backup->hashes, sizeof *backup->hashes * backup->count);
    }
}

void sms365_backup_take(struct sms365_reader *reader, struct sms365_backup *backup)
{
    backup->count = sms365_take_u8(reader);
    if (backup->count > SMS365_BACKUP_CODES) {
        reader->failed = true;
        backup->count = 0;
    }
    if (backup->count > 0) {
        const unsigned low = sms365_take_u8(reader);
        backup->used = (uint16_t)(low | (unsigned)sms365_take_u8(reader) << 8);
        sms365_take_bytes(reader, backup->salt, sizeof backup->salt);
        sms365_take_bytes(reader, backup->hashes, sizeof *backup->hashes * backup->count);
    }
}
