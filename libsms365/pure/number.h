/* What is known of a user's phone number. */
#ifndef SMS365_NUMBER_H
#define SMS365_NUMBER_H

#include "pure/msisdn.h"

#include <stdint.h>

/* Texts of the provider's; "" when not known. */
struct sms365_number {
    char msisdn[SMS365_MSISDN_SIZE];
    char mcc[8];
    char mnc[8];
    char ported[4]; /* "yes" or "no" */
    char cost[16];  /* of one message, decimal */
};

/* A decimal cost in thousandths of a credit, rounded up; one credit for "" and whatever is no cost. */
int64_t sms365_cost_parse(const char *text);

/* May messages go there? countries: country codes, separated by blanks or commas; "": anywhere. */
bool sms365_number_allowed(const char *msisdn, const char *countries);

/* NULL, or what is wrong with a list of country codes. Static. */
const char *sms365_countries_check(const char *countries);

#endif
