/* Is a value one that its parameter takes? */
#include "pure/api.h"

#include <stdio.h>
#include <string.h>

#define SENDER_LETTERS_MAX 11
#define DAYS_MAX 31
#define MONTHS_MAX 12

/* Characters of UTF-8 text; -1 when it is none. */
static int64_t text_characters(const char *text)
{
    int64_t count = 0;
    size_t left = strlen(text);

    while (left > 0) {
        const size_t length = sms365_str_utf8(text, left);
        if (length == 0)
            return -1;
        text += length;
        left -= length;
        count++;
    }
    return count;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

/* A number, or a few Latin characters that a telephone can show as a name. */
static bool is_sender(const char *value)
{
    const size_t length = strlen(value);

    if (value[strspn(value, "0123456789")] == '\0')
        return true;
    for (; *value > ' ' && *value <= '~'; value++)
        ;
    return *value == '\0' && length <= SENDER_LETTERS_MAX;
}

/* YYYY-MM-DD */
static bool is_date(const char *value)
{
    static const char form[] = "0000-00-00";
    int64_t month, day;
    char part[3] = "";

    if (strlen(value) != sizeof form - 1)
        return false;
    for (size_t i = 0; i < sizeof form - 1; i++)
        if ((form[i] == '-') != (value[i] == '-'))
            return false;
    memcpy(part, value + 5, 2);
    if (!sms365_str_number(part, 1, MONTHS_MAX, &month))
        return false;
    memcpy(part, value + 8, 2);
    return sms365_str_number(part, 1, DAYS_MAX, &day) && value[strspn(value, "0123456789-")] == '\0';
}

static bool is_email(const char *value)
{
    const char *at = strchr(value, '@');

    return at != NULL && at != value && at[1] != '\0' && strchr(at + 1, '@') == NULL && strchr(value, ' ') == NULL;
}

/* Blanks and what people put between digits; the provider ignores them. */
static bool is_msisdn(const char *value, const char *also)
{
    for (; *value != '\0'; value++)
        if (strchr("0123456789+ ().-", *value) == NULL && strchr(also, *value) == NULL)
            return false;
    return true;
}

/* What is wrong with a text of the given kind, apart from its length; NULL: nothing. */
static const char *text_fault(enum sms365_api_type type, const char *value)
{
    switch (type) {
    case SMS365_TYPE_MSISDN:
        return is_msisdn(value, "") ? NULL : "is not a phone number";
    case SMS365_TYPE_MSISDNS:
        return is_msisdn(value, ",") ? NULL : "is not one of phone numbers separated by commas";
    case SMS365_TYPE_URL:
        if (!sms365_str_starts(value, "https://") && !sms365_str_starts(value, "http://"))
            return "is not an http or https URL";
        return has_control(value) || strchr(value, ' ') != NULL ? "holds blanks or control characters" : NULL;
    case SMS365_TYPE_DATE:
        return is_date(value) ? NULL : "is not a date, YYYY-MM-DD";
    case SMS365_TYPE_EMAIL:
        return is_email(value) && !has_control(value) ? NULL : "is not an email address";
    case SMS365_TYPE_SENDER:
        return is_sender(value) ? NULL : "is neither a number nor at most 11 Latin characters without blanks";
    case SMS365_TYPE_SECRET:
        return has_control(value) ? "holds control characters" : NULL;
    default:
        return NULL;
    }
}

/* The part before the point is within bounds; so is the whole, but for a fraction at a bound. */
static bool amount_fits(const struct sms365_api_param *param, const char *value)
{
    char whole[SMS365_API_AMOUNT_DIGITS + 1];
    const bool negative = *value == '-';
    int64_t number;

    if (!sms365_str_is_decimal(value))
        return false;
    value += negative ? 1 : 0;
    const size_t length = strcspn(value, ".");
    if (length > SMS365_API_AMOUNT_DIGITS)
        return false;
    memcpy(whole, value, length);
    whole[length] = '\0';
    return sms365_str_number(whole, 0, negative ? -param->min : param->max, &number);
}

bool sms365_api_value_fits(const struct sms365_api_param *param, const char *value, char what[SMS365_API_FAULT_SIZE])
{
    const long long min = (long long)param->min;
    const long long max = (long long)param->max;
    int64_t number;

    what[0] = '\0';
    if (param->type == SMS365_TYPE_BOOL) {
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            (void)sms365_str_copy(what, SMS365_API_FAULT_SIZE, "is neither true nor false");
    } else if (param->type == SMS365_TYPE_NUMBER) {
        if (!sms365_str_number(value, param->min, param->max, &number))
            (void)snprintf(what, SMS365_API_FAULT_SIZE, "is not a number from %lld to %lld", min, max);
    } else if (param->type == SMS365_TYPE_AMOUNT) {
        if (!amount_fits(param, value))
            (void)snprintf(what, SMS365_API_FAULT_SIZE, "is not an amount from %lld to %lld", min, max);
    } else {
        const int64_t length = text_characters(value);
        const char *fault = text_fault(param->type, value);
        const bool sized = length >= param->min && length <= param->max;
        if (length < 0)
            (void)sms365_str_copy(what, SMS365_API_FAULT_SIZE, "is not UTF-8");
        else if (fault != NULL && length > 0 && (sized || param->type == SMS365_TYPE_DATE))
            (void)sms365_str_copy(what, SMS365_API_FAULT_SIZE, fault);
        else if (!sized && min == max)
            (void)snprintf(what, SMS365_API_FAULT_SIZE, "has %lld characters, not %lld", (long long)length, min);
        else if (!sized)
            (void)snprintf(
                what, SMS365_API_FAULT_SIZE, "has %lld characters, not %lld to %lld", (long long)length, min, max);
    }
    return what[0] == '\0';
}
