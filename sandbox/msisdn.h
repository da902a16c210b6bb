/*
 * Mobile numbers: any notation to international digits, with the network and the price of one message. A small part of
 * the world's numbering, enough to try things with.
 */
#ifndef SANDBOX_MSISDN_H
#define SANDBOX_MSISDN_H

#include "base.h"

#define MSISDN_TEXT 16       /* 15 digits (E.164) and a 0 */
#define MSISDN_INPUT_TEXT 65 /* as people write one, and a 0 */

struct msisdn {
    char international[MSISDN_TEXT];
    char national[MSISDN_TEXT];
    char network[8]; /* the first digits of the national number, which name its network */
    char subscriber[MSISDN_TEXT];
    const char *country, *cctld;
    unsigned country_code;
    const char *mcc, *mnc;
    milli cost;
};

/* Everything but digits is ignored, as the reference says. False: no mobile number that we know. */
bool msisdn_parse(const char *text, struct msisdn *out);

#endif
