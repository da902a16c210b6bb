/*
 * The SIM behind a number, as it was confirmed: what a user's record remembers of it (`looked`, `swapped`) is kept
 * under its name. Network and porting are part of the name: confirming something else ends what was said of it.
 */
#ifndef SMS365_SIM_H
#define SMS365_SIM_H

#include "pure/crypto.h"
#include "pure/guard.h"
#include "pure/number.h"

/* Was the number's network confirmed? One of which nothing is known cannot be seen to change. */
bool sms365_sim_is_known(const struct sms365_number *number);

/* key: the one derived for "holder". False when the SIM is not known, or libcrypto fails. */
bool sms365_sim_name(
    uint8_t name[SMS365_PLACE_BYTES], const struct sms365_number *number, const struct sms365_mac_key *key);

#endif
