#include "pure/report.h"

#include "base/str.h"
#include "pure/number.h"

#include <stdio.h>
#include <string.h>

#define TOKEN_MAC_BYTES 16

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

bool sms365_report_parse(struct sms365_report *report, const char *query, size_t length,
    const struct sms365_mac_key *key, const uint8_t id[SMS365_ID_BYTES])
{
    char copy[SMS365_REPORT_MAX + 1];
    char token[SMS365_TOKEN_SIZE];
    char status[8];
    char cost[16];
    uint8_t found[SMS365_ID_BYTES];

    if (length > SMS365_REPORT_MAX || memchr(query, '\0', length) != NULL)
        return false;
    memcpy(copy, query, length);
    copy[length] = '\0';
    char *text = sms365_str_trim(copy);
    if (!query_value(token, sizeof token, text, "t") || !query_value(status, sizeof status, text, "status"))
        return false;
    if (!sms365_token_check(found, key, token) || !sms365_equal(found, id, sizeof found))
        return false;
    report->delivery = sms365_delivery_parse(status);
    report->cost =
        query_value(cost, sizeof cost, text, "cost") && cost[0] >= '0' && cost[0] <= '9' ? sms365_cost_parse(cost) : -1;
    return report->delivery != SMS365_DELIVERY_PENDING;
}

enum sms365_delivery sms365_delivery_parse(const char *status)
{
    if (strcmp(status, "d") == 0 || strcmp(status, "2") == 0)
        return SMS365_DELIVERY_DONE;
    if (strcmp(status, "f") == 0 || strcmp(status, "3") == 0)
        return SMS365_DELIVERY_FAILED;
    return SMS365_DELIVERY_PENDING;
}
