#include "pure/msisdn.h"

#include <stdio.h>
#include <string.h>

#define DIGITS_MIN 8
#define DIGITS_MAX (SMS365_MSISDN_SIZE - 1)

bool sms365_msisdn_parse(char out[SMS365_MSISDN_SIZE], const char *text)
{
    char digits[DIGITS_MAX + 3]; /* with the 00 of an international call */
    size_t length = 0;
    bool plus = false;

    /* "+44 (0)20...": the bracketed zero must not be dialled; a number that is read wrongly is somebody else's. */
    if (strstr(text, "(0)") != NULL)
        return false;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '+' && !plus && length == 0)
            plus = true;
        else if (*c >= '0' && *c <= '9' && length < sizeof digits - 1)
            digits[length++] = *c;
        else if (strchr(" \t.-()", *c) == NULL)
            return false;
    }
    digits[length] = '\0';
    const char *number = !plus && length > 2 && digits[0] == '0' && digits[1] == '0' ? digits + 2 : digits;
    length = strlen(number);
    if (length < DIGITS_MIN || length > DIGITS_MAX || number[0] == '0')
        return false;
    memcpy(out, number, length + 1);
    return true;
}

/* Length of the country code (ITU-T E.164, list of assigned codes): zones 1 and 7 have one digit, those listed here
 * two, all others three. */
static size_t country_length(const char *msisdn)
{
    static const char two[] =
        "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 "
        "64 65 66 81 82 84 86 90 91 92 93 94 95 98";
    const char code[3] = {msisdn[0], msisdn[1], '\0'};

    if (msisdn[0] == '1' || msisdn[0] == '7')
        return 1;
    return strstr(two, code) != NULL ? 2 : 3;
}

void sms365_msisdn_mask(char out[32], const char *msisdn)
{
    const size_t length = strlen(msisdn);

    if (length < DIGITS_MIN || length > DIGITS_MAX || strspn(msisdn, "0123456789") != length) {
        (void)snprintf(out, 32, "****");
        return;
    }
    const size_t country = country_length(msisdn);
    const size_t rest = length - country;
    /* At least four digits stay hidden: what is shown must not be a number one can guess. */
    const size_t head = rest >= 10 ? 2 : 0;
    const size_t tail = rest >= 8 ? 4 : rest >= 6 ? 2 : 0;
    (void)snprintf(out, 32, "+%.*s %.*s%.*s%s", (int)country, msisdn, (int)head, msisdn + country,
        (int)(rest - head - tail), "***************", msisdn + length - tail);
}
