#include "pure/report.h"

#include "base/str.h"
#include "pure/number.h"

#include <stdio.h>
#include <string.h>

#define TOKEN_MAC_BYTES 16
#define REPORT_VALUE_SIZE 65 /* of one parameter, with the NUL */
/* What stands for itself in a query string (RFC 3986, section 2.3). */
#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

static bool token_mac(uint8_t mac[SMS365_MAC_BYTES], const struct sms365_mac_key *key, const uint8_t *id)
{
    return sms365_hmac(mac, key, id, SMS365_ID_BYTES);
}

bool sms365_token_make(char out[SMS365_TOKEN_SIZE], const struct sms365_mac_key *key, const uint8_t id[SMS365_ID_BYTES])
{
    uint8_t mac[SMS365_MAC_BYTES];
    uint8_t token[SMS365_ID_BYTES + TOKEN_MAC_BYTES];

    if (!token_mac(mac, key, id))
        return false;
    memcpy(token, id, SMS365_ID_BYTES);
    memcpy(token + SMS365_ID_BYTES, mac, TOKEN_MAC_BYTES);
    return sms365_str_base64url(out, SMS365_TOKEN_SIZE, token, sizeof token);
}

bool sms365_token_check(uint8_t id[SMS365_ID_BYTES], const struct sms365_mac_key *key, const char *token)
{
    uint8_t mac[SMS365_MAC_BYTES];
    uint8_t bytes[SMS365_ID_BYTES + TOKEN_MAC_BYTES];
    size_t length;

    if (!sms365_str_unbase64url(bytes, sizeof bytes, &length, token) || length != sizeof bytes)
        return false;
    if (!token_mac(mac, key, bytes) || !sms365_equal(mac, bytes + SMS365_ID_BYTES, TOKEN_MAC_BYTES))
        return false;
    memcpy(id, bytes, SMS365_ID_BYTES);
    return true;
}

bool sms365_callback_url(char *out, size_t size, const char *callback, const char *token)
{
    const char joint = strchr(callback, '?') == NULL ? '?' : '&';
    const int length = snprintf(out, size, "%s%ct=%s", callback, joint, token);

    return length > 0 && (size_t)length < size;
}

void sms365_report_name(char out[SMS365_REPORT_NAME_SIZE], const uint8_t id[SMS365_ID_BYTES])
{
    char hex[2 * SMS365_ID_BYTES + 1];

    sms365_str_hex(hex, id, SMS365_ID_BYTES);
    (void)snprintf(out, SMS365_REPORT_NAME_SIZE, "%s.report", hex);
}

/* The value of the first parameter of that name, as it stands (our values need no decoding). */
static bool query_value(char *out, size_t size, const char *query, const char *name)
{
    const size_t name_length = strlen(name);

    while (query != NULL) {
        if (strncmp(query, name, name_length) == 0 && query[name_length] == '=') {
            const char *value = query + name_length + 1;
            const size_t length = strcspn(value, "&");
            if (length >= size)
                return false;
            memcpy(out, value, length);
            out[length] = '\0';
            return true;
        }
        query = strchr(query, '&');
        query = query == NULL ? NULL : query + 1;
    }
    return false;
}

/* A trimmed copy of a query string; false when it is too long, or has a NUL in it. */
static bool query_copy(char copy[SMS365_REPORT_MAX + 1], const char *query, size_t length)
{
    if (length > SMS365_REPORT_MAX || memchr(query, '\0', length) != NULL)
        return false;
    memcpy(copy, query, length);
    copy[length] = '\0';
    const char *text = sms365_str_trim(copy);
    memmove(copy, text, strlen(text) + 1);
    return true;
}

bool sms365_report_parse(enum sms365_delivery *delivery, int64_t *cost, const char *query, size_t length,
    const struct sms365_mac_key *key, const uint8_t id[SMS365_ID_BYTES])
{
    char copy[SMS365_REPORT_MAX + 1];
    char token[SMS365_TOKEN_SIZE];
    char status[8];
    char amount[16];
    uint8_t found[SMS365_ID_BYTES];

    if (!query_copy(copy, query, length) || !query_value(token, sizeof token, copy, "t") ||
        !query_value(status, sizeof status, copy, "status"))
        return false;
    if (!sms365_token_check(found, key, token) || !sms365_equal(found, id, sizeof found))
        return false;
    *cost = query_value(amount, sizeof amount, copy, "cost") && amount[0] >= '0' && amount[0] <= '9'
                ? sms365_cost_parse(amount)
                : -1;
    *delivery = sms365_delivery_parse(status);
    return *delivery != SMS365_DELIVERY_PENDING;
}

bool sms365_report_take(
    struct sms365_report *report, const char *query, size_t length, const struct sms365_mac_key *key)
{
    static const char *const names[] = {"t", "msgid", "status", "cost", "to", "mcc", "mnc"};
    char copy[SMS365_REPORT_MAX + 1];
    char value[REPORT_VALUE_SIZE];

    memset(report, 0, sizeof *report);
    if (!query_copy(copy, query, length) || !query_value(value, sizeof value, copy, "t") ||
        !sms365_token_check(report->id, key, value))
        return false;
    report->delivery = SMS365_DELIVERY_PENDING;
    if (query_value(value, sizeof value, copy, "status"))
        report->delivery = sms365_delivery_parse(value);
    /* It cannot become longer than the query it is made of. */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (query_value(value, sizeof value, copy, names[i]) && value[strspn(value, UNRESERVED)] == '\0')
            report->length += (size_t)snprintf(report->text + report->length, sizeof report->text - report->length,
                "%s%s=%s", i == 0 ? "" : "&", names[i], value);
    return true;
}

enum sms365_delivery sms365_delivery_parse(const char *status)
{
    if (strcmp(status, "d") == 0 || strcmp(status, "2") == 0)
        return SMS365_DELIVERY_DONE;
    if (strcmp(status, "f") == 0 || strcmp(status, "3") == 0)
        return SMS365_DELIVERY_FAILED;
    return SMS365_DELIVERY_PENDING;
}
