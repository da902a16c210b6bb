#include "seen.h"

#include "base/err.h"
#include "edges/process.h"
#include "pure/crypto.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 1024

enum sms365_err cli_seen_init(struct cli_seen *seen, struct sms365_error *err)
{
    struct sms365_mac_key key;

    *seen = (struct cli_seen){.size = FIRST_SIZE};
    const enum sms365_err code = sms365_random(key.bytes, sizeof key.bytes, err);
    if (code != SMS365_OK)
        return code;
    seen->mac = sms365_mac_new(&key);
    sms365_wipe(&key, sizeof key);
    seen->slots = calloc(seen->size, sizeof *seen->slots);
    if (seen->mac == NULL || seen->slots == NULL)
        return sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
    return SMS365_OK;
}

void cli_seen_free(struct cli_seen *seen)
{
    sms365_mac_free(seen->mac);
    free(seen->slots);
    *seen = (struct cli_seen){.mac = NULL};
}

static uint64_t hash_of(struct cli_seen *seen, const void *text, size_t length)
{
    uint8_t mac[SMS365_MAC_BYTES];
    uint64_t hash = 0;

    if (!sms365_mac_make(mac, seen->mac, text, length))
        abort();
    memcpy(&hash, mac, sizeof hash);
    return hash == 0 ? 1 : hash;
}

/* Its slot, or the free one where it would be. */
static uint64_t *slot_of(const struct cli_seen *seen, uint64_t hash)
{
    size_t i = (size_t)hash & (seen->size - 1);

    while (seen->slots[i] != 0 && seen->slots[i] != hash)
        i = (i + 1) & (seen->size - 1);
    return &seen->slots[i];
}

bool cli_seen_has(struct cli_seen *seen, const void *text, size_t length)
{
    return *slot_of(seen, hash_of(seen, text, length)) != 0;
}

static bool grow(struct cli_seen *seen)
{
    struct cli_seen larger = *seen;

    larger.size = 2 * seen->size;
    larger.slots = calloc(larger.size, sizeof *larger.slots);
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < seen->size; i++)
        if (seen->slots[i] != 0)
            *slot_of(&larger, seen->slots[i]) = seen->slots[i];
    free(seen->slots);
    *seen = larger;
    return true;
}

enum sms365_err cli_seen_add(
    struct cli_seen *seen, const void *text, size_t length, bool *fresh, struct sms365_error *err)
{
    const uint64_t hash = hash_of(seen, text, length);

    if (seen->count >= seen->size / 4 * 3 && !grow(seen))
        return sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
    uint64_t *slot = slot_of(seen, hash);
    *fresh = *slot == 0;
    seen->count += *fresh;
    *slot = hash;
    return SMS365_OK;
}
