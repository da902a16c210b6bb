/*
 * Delivery reports by callback. The provider calls CALLBACK?t=TOKEN&msgid=..&status=d&cost=..&to=..&mcc=..&mnc=..;
 * nothing authenticates it but the token, which is bound to one message:
 *
 *   TOKEN = base64url(id (16 bytes) | first 16 bytes of HMAC-SHA256(key "callback", id))
 */
#ifndef SMS365_REPORT_H
#define SMS365_REPORT_H

#include "pure/crypto.h"
#include "pure/policy.h"

#define SMS365_TOKEN_SIZE 44       /* base64url of 32 bytes, with the NUL */
#define SMS365_REPORT_MAX 2048     /* bytes of a query string */
#define SMS365_REPORT_NAME_SIZE 40 /* 32 hexadecimal digits, ".report", NUL */

/* False when libcrypto fails. */
bool sms365_token_make(
    char out[SMS365_TOKEN_SIZE], const struct sms365_mac_key *key, const uint8_t id[SMS365_ID_BYTES]);

/* Read the id out of a token that this key made. False for every other text. */
bool sms365_token_check(uint8_t id[SMS365_ID_BYTES], const struct sms365_mac_key *key, const char *token);

/* Append the token to a callback URL. False when it does not fit. */
bool sms365_callback_url(char *out, size_t size, const char *callback, const char *token);

/* Name of the spool file of a report. */
void sms365_report_name(char out[SMS365_REPORT_NAME_SIZE], const uint8_t id[SMS365_ID_BYTES]);

/*
 * Read a query string: is it a report on the message `id`, and which? False unless the token is that message's own and
 * the status is d or f (or 2 or 3, as older replies have it). *cost is in thousandths of a credit; -1: it is not told.
 */
bool sms365_report_parse(enum sms365_delivery *delivery, int64_t *cost, const char *query, size_t length,
    const struct sms365_mac_key *key, const uint8_t id[SMS365_ID_BYTES]);

/* A report as a receiver keeps it. */
struct sms365_report {
    uint8_t id[SMS365_ID_BYTES];
    enum sms365_delivery delivery;    /* pending: it says nothing final, and is not worth keeping */
    char text[SMS365_REPORT_MAX + 1]; /* of the query string, what is known and harmless: see sms365_report_take() */
    size_t length;
};

/*
 * Read the query string of a callback. False unless it carries a token that this key made. The text keeps the first of
 * each parameter that the provider sends, if its value is of letters, digits and -._~ alone and not too long.
 */
bool sms365_report_take(
    struct sms365_report *report, const char *query, size_t length, const struct sms365_mac_key *key);

/* The status word of the API (s, d, f; older: 1, 2, 3); what is none of them is pending. */
enum sms365_delivery sms365_delivery_parse(const char *status);

#endif
