/* What people type as phone numbers, and what the provider's replies tell of them. */
#include "base/err.h"
#include "user.h"

#include <string.h>

#define NATIONAL_DIGITS_MAX 10 /* of numbers that the provider takes without a country code */
/* hlr/lookup: "Result of the query, successful if OK". */
#define FOUND "OK"

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

bool cli_number_take(struct cli *cli, struct sms365_number *number, const struct sms365_reply *reply, const char *typed)
{
    static const char *const notes[][2] = {{"mcc", "mobile.mcc"}, {"mnc", "mobile.mnc"}, {"cost", "mobile.cost"}};
    const char *msisdn = sms365_reply_get(reply, "mobile.msisdn");

    if (msisdn == NULL || !sms365_msisdn_parse(number->msisdn, msisdn) || strcmp(number->msisdn, msisdn) != 0)
        return false;
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        const char *value = sms365_reply_get(reply, notes[i][1]);
        if (value != NULL && !sms365_number_note(number, notes[i][0], value))
            cli_note(cli, "the provider's %s of %s makes no sense and is not kept", notes[i][0], typed);
    }
    return true;
}

enum sms365_err cli_number_network(
    struct sms365_number *number, const struct sms365_reply *reply, struct sms365_error *err)
{
    static const struct {
        const char *name;
        bool needed;
    } fields[] = {{"mcc", true}, {"mnc", true}, {"ported", false}};
    const char *result = sms365_reply_get(reply, "result");
    struct sms365_number now = *number;

    if (result == NULL || strcmp(result, FOUND) != 0) {
        const char *why = sms365_reply_get(reply, "description");
        return sms365_error_set(err, SMS365_NOT_FOUND, "no network knows +%s at present (%s)", number->msisdn,
            why == NULL ? "no reason is given" : why);
    }
    now.mcc[0] = now.mnc[0] = now.ported[0] = '\0';
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *value = sms365_reply_get(reply, fields[i].name);
        const bool missing = value == NULL || value[0] == '\0';
        if (missing ? fields[i].needed : !sms365_number_note(&now, fields[i].name, value))
            return sms365_error_set(err, SMS365_BAD_REPLY, "the provider's %s of +%s is missing or makes no sense",
                fields[i].name, number->msisdn);
    }
    *number = now;
    return SMS365_OK;
}

bool cli_numbers_equal(const struct sms365_user *a, const struct sms365_user *b)
{
    bool equal = a->count == b->count;

    for (size_t i = 0; equal && i < a->count; i++)
        equal = strcmp(a->numbers[i].msisdn, b->numbers[i].msisdn) == 0;
    return equal;
}
