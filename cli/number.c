/* What people type as phone numbers, and what the provider's replies tell of them. */
#include "base/err.h"
#include "drive/typed.h"
#include "user.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NATIONAL_DIGITS_MAX 10 /* of numbers that the provider takes without a country code */

/* The provider drops all but digits: "(0)" would be dialled, and two numbers in one word become a third. */
bool cli_number_typed(const char *typed)
{
    return strstr(typed, "(0)") == NULL && strspn(typed, "0123456789+ .-()") == strlen(typed);
}

bool cli_number_international(const char *typed, const char *msisdn)
{
    const char *digits = typed + strcspn(typed, "0123456789");

    return strchr(typed, '+') != NULL || sms365_str_starts(digits, "00") || strlen(msisdn) > NATIONAL_DIGITS_MAX;
}

void cli_number_take(
    struct cli *cli, struct sms365_number *number, const struct sms365_mobile *mobile, const char *typed)
{
    char cost[32] = "";

    if (!isnan(mobile->cost))
        (void)snprintf(cost, sizeof cost, "%.15g", mobile->cost);
    const char *const notes[][2] = {{"mcc", mobile->mcc}, {"mnc", mobile->mnc}, {"cost", cost}};
    (void)sms365_str_copy(number->msisdn, sizeof number->msisdn, mobile->msisdn);
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (notes[i][1][0] != '\0' && !sms365_number_note(number, notes[i][0], notes[i][1]))
            cli_note(cli, "the provider's %s of %s makes no sense and is not kept", notes[i][0], typed);
}

void cli_number_network(struct sms365_number *number, const struct sms365_network *network)
{
    static const char *const ported[] = {
        [SMS365_PORTED_UNKNOWN] = "", [SMS365_PORTED_NO] = "no", [SMS365_PORTED_YES] = "yes"};

    (void)sms365_str_copy(number->mcc, sizeof number->mcc, network->mcc);
    (void)sms365_str_copy(number->mnc, sizeof number->mnc, network->mnc);
    (void)sms365_str_copy(number->ported, sizeof number->ported, ported[network->ported]);
}

enum sms365_err cli_hlr_lookup(struct cli *cli, struct sms365_number *number, struct sms365_error *err)
{
    struct sms365_network network;
    const enum sms365_err code = sms365_ask_hlr_lookup(&cli->provider, NULL, number->msisdn, &network, err);

    if (code == SMS365_OK)
        cli_number_network(number, &network);
    return code;
}

bool cli_numbers_equal(const struct sms365_user *a, const struct sms365_user *b)
{
    bool equal = a->count == b->count;

    for (size_t i = 0; equal && i < a->count; i++)
        equal = strcmp(a->numbers[i].msisdn, b->numbers[i].msisdn) == 0;
    return equal;
}
