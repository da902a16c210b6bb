/*
 * The SIM behind a number, as it was confirmed: what a user's record remembers of it (`looked`, `swapped`) is kept
 * under its name. Network and porting are part of the name: confirming something else ends what was said of it.
 */
#ifndef SMS365_SIM_H
#define SMS365_SIM_H

#include "pure/crypto.h"
#include "pure/guard.h"
#include "pure/number.h"

/* key: the one derived for "holder". False when the number's network was never confirmed, or libcrypto fails. */
bool sms365_sim_name(
    uint8_t name[SMS365_PLACE_BYTES], const struct sms365_number *number, const struct sms365_mac_key *key);

#endif
