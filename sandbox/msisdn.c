#include "msisdn.h"

#include <stdio.h>
#include <string.h>

/* Numbers written without a country are taken as Greek: the provider is. */
#define HOME_PREFIX "69"
#define HOME_DIGITS 10

static const struct country {
    unsigned code;
    const char *name, *cctld;
    const char *mobile; /* a mobile number's first national digits, separated by blanks */
    size_t min_digits, max_digits;
    size_t network_digits;
    const char *mcc, *mnc;
    milli cost;
} countries[] = {
    /* clang-format off */
    { 30, "GREECE",         "gr", "69",             10, 10, 3, "202", "05", 1000},
    {357, "CYPRUS",         "cy", "9",               8,  8, 2, "280", "01", 1000},
    { 33, "FRANCE",         "fr", "6 7",             9,  9, 2, "208", "01", 1500},
    { 34, "SPAIN",          "es", "6 7",             9,  9, 3, "214", "01", 1500},
    { 39, "ITALY",          "it", "3",               9, 10, 3, "222", "01", 1500},
    { 44, "UNITED KINGDOM", "uk", "7",              10, 10, 4, "234", "10", 1250},
    { 49, "GERMANY",        "de", "15 16 17",        9, 11, 3, "262", "01", 2000},
    { 31, "NETHERLANDS",    "nl", "6",               9,  9, 2, "204", "04", 2250},
    { 32, "BELGIUM",        "be", "4",               9,  9, 3, "206", "01", 2250},
    { 40, "ROMANIA",        "ro", "7",               9,  9, 3, "226", "01", 1250},
    { 41, "SWITZERLAND",    "ch", "7",               9,  9, 2, "228", "01", 2000},
    { 43, "AUSTRIA",        "at", "6",              10, 13, 3, "232", "01", 2000},
    { 45, "DENMARK",        "dk", "2 3 4 5 6 9",     8,  8, 2, "238", "01", 1500},
    { 46, "SWEDEN",         "se", "7",               9,  9, 2, "240", "01", 1750},
    { 47, "NORWAY",         "no", "4 9",             8,  8, 2, "242", "01", 1750},
    { 48, "POLAND",         "pl", "4 5 6 7 8",       9,  9, 2, "260", "01", 1250},
    { 90, "TURKEY",         "tr", "5",              10, 10, 3, "286", "01",  500},
    {351, "PORTUGAL",       "pt", "9",               9,  9, 2, "268", "01", 1250},
    {353, "IRELAND",        "ie", "8",               9,  9, 2, "272", "01", 2000},
    {355, "ALBANIA",        "al", "6",               9,  9, 2, "276", "01", 1750},
    {358, "FINLAND",        "fi", "4 5",             7, 10, 2, "244", "05", 2000},
    {359, "BULGARIA",       "bg", "8 9",             8,  9, 2, "284", "01", 1750},
    {389, "NORTH MACEDONIA","mk", "7",               8,  8, 2, "294", "01", 1250},
    {  1, "UNITED STATES",  "us", "2 3 4 5 6 7 8 9",10, 10, 3, "310", "410", 333},
    /* clang-format on */
};

static bool starts_with_one_of(const char *digits, const char *prefixes)
{
    while (*prefixes != '\0') {
        size_t len = strcspn(prefixes, " ");
        if (strncmp(digits, prefixes, len) == 0)
            return true;
        prefixes += len;
        prefixes += *prefixes == ' ';
    }
    return false;
}

static bool fits(const struct country *c, const char *national)
{
    size_t len = strlen(national);
    return len >= c->min_digits && len <= c->max_digits && starts_with_one_of(national, c->mobile);
}

static void fill(struct msisdn *out, const struct country *c, const char *national)
{
    *out = (struct msisdn){
        .country = c->name, .cctld = c->cctld, .country_code = c->code, .mcc = c->mcc, .mnc = c->mnc, .cost = c->cost};
    snprintf(out->international, sizeof(out->international), "%u%s", c->code, national);
    text_copy(out->national, sizeof(out->national), national);
    text_copy(out->network, c->network_digits + 1, national);
    text_copy(out->subscriber, sizeof(out->subscriber), national + c->network_digits);
}

bool msisdn_parse(const char *text, struct msisdn *out)
{
    char digits[24];
    size_t len = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            continue;
        if (len == sizeof(digits) - 1)
            return false;
        digits[len++] = *text;
    }
    digits[len] = '\0';
    const char *number = strncmp(digits, "00", 2) == 0 ? digits + 2 : digits;

    for (size_t i = 0; i < sizeof(countries) / sizeof(countries[0]); i++) {
        char prefix[8];
        int prefix_len = snprintf(prefix, sizeof(prefix), "%u", countries[i].code);
        if (strncmp(number, prefix, (size_t)prefix_len) != 0 || strlen(number) >= MSISDN_TEXT)
            continue;
        if (fits(&countries[i], number + prefix_len)) {
            fill(out, &countries[i], number + prefix_len);
            return true;
        }
    }
    if (strlen(number) == HOME_DIGITS && strncmp(number, HOME_PREFIX, strlen(HOME_PREFIX)) == 0) {
        fill(out, &countries[0], number);
        return true;
    }
    return false;
}
