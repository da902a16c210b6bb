#include "api.h"

#include <stdio.h>
#include <string.h>

#define KEY_DIGITS 32

static const struct {
    unsigned (*begin)(struct call *c);
    void (*end)(struct call *c);
} handlers[EP_COUNT] = {
    [EP_MOBILE_CHECK] = {api_mobile_check, NULL},
    [EP_KEY_GET] = {api_key_get, NULL},
    [EP_KEY_RESET] = {api_key_reset, NULL},
    [EP_ME_BALANCE] = {api_me_balance, NULL},
    [EP_SMS_SEND] = {api_sms_send, NULL},
    [EP_VIBER_SEND] = {api_viber_send, NULL},
    [EP_HLR_LOOKUP] = {api_hlr_lookup, NULL},
    [EP_STATUS_SMS] = {api_status_sms, NULL},
    [EP_2FA_SEND] = {api_2fa_send, api_2fa_send_end},
    [EP_2FA_CHECK] = {api_2fa_check, NULL},
};

const char *call_given(const struct call *c, const char *name)
{
    const char *value = params_get(c->params, name);
    return value != NULL && *value != '\0' ? value : NULL;
}

bool call_says_yes(const struct call *c, const char *name)
{
    const char *value = call_given(c, name);
    return value != NULL && (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

static bool is_equal(const char *given, const char *expected)
{
    return given != NULL && strcmp(given, expected) == 0;
}

/* A wrong key and an address that is not on the whitelist are one and the same to the caller, as at the provider. */
static bool is_allowed(const struct call *c)
{
    const struct settings *s = &c->box->settings;
    if (c->endpoint->auth == AUTH_OPEN)
        return true;
    bool known = is_equal(params_get(c->params, "key"), s->key);
    if (!known && c->endpoint->auth == AUTH_LOGIN)
        known = is_equal(params_get(c->params, "username"), s->username) &&
                is_equal(params_get(c->params, "password"), s->password);
    return known && whitelist_has(&s->whitelist, c->from);
}

static unsigned run(struct call *c)
{
    if (!is_allowed(c))
        return ERROR_CREDENTIALS;
    const char *missing = NULL;
    unsigned error = endpoint_check(c->endpoint, c->params, &missing);
    if (error == ERROR_UNNAMED) {
        snprintf(c->reply.words, sizeof(c->reply.words), "%s parameter is empty", missing);
        c->reply.remarks = c->reply.words;
    }
    if (error != 0)
        return error;
    if (handlers[c->endpoint->id].begin == NULL) {
        c->reply.remarks = "The sandbox does not have this endpoint";
        return ERROR_UNNAMED;
    }
    return handlers[c->endpoint->id].begin(c);
}

void api_begin(struct call *c)
{
    reply_init(&c->reply);
    c->reply.error = run(c);
    if (c->reply.remarks == NULL)
        c->reply.remarks = endpoint_error_text(c->reply.error);
}

void api_end(struct call *c)
{
    if (c->reply.error == 0 && handlers[c->endpoint->id].end != NULL)
        handlers[c->endpoint->id].end(c);
}

unsigned api_mobile_check(struct call *c)
{
    struct msisdn number;
    if (!msisdn_parse(params_get(c->params, "mobile"), &number))
        return endpoint_param(EP_MOBILE_CHECK, "mobile")->err_bad;
    c->reply.total = 1;
    cJSON *mobile = reply_object(&c->reply, "mobile");
    cJSON_AddStringToObject(mobile, "msisdn", number.international);
    cJSON_AddStringToObject(mobile, "national", number.national);
    cJSON_AddStringToObject(mobile, "country", number.country);
    cJSON_AddNumberToObject(mobile, "countryCode", number.country_code);
    cJSON_AddStringToObject(mobile, "gsmCode", number.network);
    cJSON_AddStringToObject(mobile, "number", number.subscriber);
    cJSON_AddStringToObject(mobile, "mcc", number.mcc);
    cJSON_AddStringToObject(mobile, "mnc", number.mnc);
    cJSON_AddNumberToObject(mobile, "cost", (double)number.cost / 1000);
    return 0;
}

unsigned api_key_get(struct call *c)
{
    reply_text(&c->reply, "key", c->box->settings.key);
    return 0;
}

unsigned api_key_reset(struct call *c)
{
    chance_hex(&c->box->chance, c->box->settings.key, KEY_DIGITS);
    return api_key_get(c);
}

unsigned api_me_balance(struct call *c)
{
    reply_amount(&c->reply, "balance", c->box->settings.balance);
    return 0;
}
