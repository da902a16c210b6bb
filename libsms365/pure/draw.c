#include "pure/draw.h"

#include <string.h>

bool sms365_draw(uint8_t block[SMS365_MAC_BYTES], const uint8_t seed[SMS365_KEY_BYTES], unsigned counter)
{
    struct sms365_mac_key key;

    memcpy(key.bytes, seed, sizeof key.bytes);
    const bool drawn = sms365_hmac(block, &key, &counter, sizeof counter);
    sms365_wipe(&key, sizeof key);
    return drawn;
}

bool sms365_draw_digits(char *digits, int count, const uint8_t seed[SMS365_KEY_BYTES], unsigned *counter)
{
    uint8_t block[SMS365_MAC_BYTES];
    uint64_t number;
    uint64_t bound = 1;
    bool drawn;

    for (int i = 0; i < count; i++)
        bound *= 10;
    /* Numbers beyond the last whole multiple of bound would make small ones likelier: they are drawn again. */
    do {
        drawn = sms365_draw(block, seed, (*counter)++);
        memcpy(&number, block, sizeof number);
    } while (drawn && number >= UINT64_MAX - UINT64_MAX % bound);
    for (int i = count; drawn && i-- > 0; number /= 10)
        digits[i] = (char)('0' + number % 10);
    digits[drawn ? count : 0] = '\0';
    sms365_wipe(block, sizeof block);
    return drawn;
}
