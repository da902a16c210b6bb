/*
 * A record of the state store. The first byte: a pair as it comes, or one of ours in which each further four bytes
 * (slot, place, what is put there) alter a byte.
 */
#include "edges/store_slot.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIZE SMS365_SLOT_USER_BYTES
#define ALTERED 1

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const values[2] = {"the older value", "the newer one, which counts"};

static void demand(bool good)
{
    if (!good)
        abort();
}

static void write_ours(uint8_t pair[2][SIZE], struct sms365_mac *key, const struct sms365_slot_id *id)
{
    for (unsigned i = 0; i < 2; i++) {
        struct sms365_store_slot content = {.sequence = 2 + i, .kind = SMS365_SLOT_VALUE, .length = strlen(values[i])};
        memcpy(content.value, values[i], content.length);
        demand(sms365_slot_write(pair[i], SIZE, key, id, &content));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t pair[2][SIZE];
    static struct sms365_store_slot newest;
    static const struct sms365_mac_key raw_key = {{7}};
    const struct sms365_slot_id id = {.class = SMS365_CLASS_USER, .name = "alice", .name_length = 5};
    const uint8_t *const both[2] = {pair[0], pair[1]};
    struct sms365_mac *key = sms365_mac_new(&raw_key);
    bool newborn;
    unsigned next = 0;

    if (size == 0 || key == NULL)
        goto out;
    memset(pair, 0, sizeof pair);
    const bool ours = data[0] == ALTERED;
    if (ours)
        write_ours(pair, key, &id);
    else
        memcpy(pair, data + 1, size - 1 < sizeof pair ? size - 1 : sizeof pair);
    for (size_t at = 1; ours && at + 4 <= size; at += 4)
        pair[data[at] & 1][((size_t)data[at + 1] << 8 | data[at + 2]) % SIZE] = data[at + 3];
    const enum sms365_pair found = sms365_slot_judge(&newest, &newborn, &next, both, SIZE, key, &id);
    demand(next < 2);
    if ((found == SMS365_PAIR_CLEAN || found == SMS365_PAIR_TORN) && newest.sequence != 0) {
        /* Only what we wrote is ever read. */
        demand(ours && (newest.sequence == 2 || newest.sequence == 3) && newest.kind == SMS365_SLOT_VALUE);
        const char *value = values[newest.sequence - 2];
        demand(newest.length == strlen(value) && memcmp(newest.value, value, newest.length) == 0);
    }
out:
    sms365_mac_free(key);
    return 0;
}
