#include "pure/sim.h"

#include "base/str.h"

#include <string.h>

#define TEXT_MAX 256

bool sms365_sim_is_known(const struct sms365_number *number)
{
    return number->mcc[0] != '\0';
}

bool sms365_sim_name(
    uint8_t name[SMS365_PLACE_BYTES], const struct sms365_number *number, const struct sms365_mac_key *key)
{
    uint8_t mac[SMS365_MAC_BYTES];
    struct sms365_buf text;

    if (!sms365_sim_is_known(number))
        return false;
    sms365_buf_init(&text, TEXT_MAX);
    sms365_buf_printf(&text, "sim %s %s %s %s", number->msisdn, number->mcc, number->mnc, number->ported);
    const bool hashed = !text.failed && sms365_hmac(mac, key, sms365_buf_text(&text), text.length);
    sms365_buf_free(&text);
    if (hashed)
        memcpy(name, mac, SMS365_PLACE_BYTES);
    return hashed;
}
