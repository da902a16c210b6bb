#include "pure/number.h"

#include "base/str.h"
#include "pure/tally.h"

#include <string.h>

#define DIGITS "0123456789"
#define CREDITS_DIGITS_MAX 9
#define COUNTRY_DIGITS_MAX 4 /* of a country code, with the area code that some share it by */

int64_t sms365_cost_parse(const char *text)
{
    const size_t whole = strspn(text, DIGITS);
    const char *fraction = text[whole] == '.' ? text + whole + 1 : text + whole;
    const size_t places = strspn(fraction, DIGITS);
    int64_t cost = 0;

    if (whole == 0 || whole > CREDITS_DIGITS_MAX || fraction[places] != '\0')
        return SMS365_COST_UNIT;
    for (size_t i = 0; i < whole; i++)
        cost = cost * 10 + (text[i] - '0');
    for (size_t i = 0; i < 3; i++)
        cost = cost * 10 + (i < places ? fraction[i] - '0' : 0);
    for (size_t i = 3; i < places; i++)
        if (fraction[i] != '0')
            return cost + 1;
    return cost;
}

bool sms365_number_allowed(const char *msisdn, const char *countries)
{
    bool listed = false;
    size_t length;

    for (const char *code; (code = sms365_str_word(&countries, &length)) != NULL; listed = true)
        if (strncmp(msisdn, code, length) == 0)
            return true;
    return !listed;
}

const char *sms365_countries_check(const char *countries)
{
    size_t length;

    for (const char *code; (code = sms365_str_word(&countries, &length)) != NULL;)
        if (length > COUNTRY_DIGITS_MAX || strspn(code, DIGITS) < length || code[0] == '0')
            return "must be country codes as a number begins with them, without + or 00, as in `30 357`";
    return NULL;
}
