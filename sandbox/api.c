#include "api.h"

#include <stdio.h>
#include <string.h>

static const struct {
    unsigned (*begin)(struct call *c);
    void (*end)(struct call *c);
} handlers[EP_COUNT] = {
    [EP_MOBILE_CHECK] = {api_mobile_check, NULL},
    [EP_KEY_GET] = {api_key_get, NULL},
    [EP_KEY_RESET] = {api_key_reset, NULL},
    [EP_SMS_SEND] = {api_sms_send, NULL},
    [EP_SMS_BULK] = {api_sms_bulk, NULL},
    [EP_SMS_CANCEL] = {api_sms_cancel, NULL},
    [EP_VIBER_SEND] = {api_viber_send, NULL},
    [EP_VIBER_BULK] = {api_viber_bulk, NULL},
    [EP_VIBER_BALANCE] = {api_viber_balance, NULL},
    [EP_ME_BALANCE] = {api_me_balance, NULL},
    [EP_2FA_SEND] = {api_2fa_send, api_2fa_send_end},
    [EP_2FA_CHECK] = {api_2fa_check, NULL},
    [EP_CONTACT_ADD] = {api_contact_add, NULL},
    [EP_CONTACT_DELETE] = {api_contact_delete, NULL},
    [EP_CONTACT_GET] = {api_contact_get, NULL},
    [EP_CONTACT_LIST] = {api_contact_list, NULL},
    [EP_CONTACT_UPDATE] = {api_contact_update, NULL},
    [EP_GROUP_ADD] = {api_group_add, NULL},
    [EP_GROUP_ADDCONTACT] = {api_group_addcontact, NULL},
    [EP_GROUP_DELETE] = {api_group_delete, NULL},
    [EP_GROUP_DELETEALLCONTACTS] = {api_group_deleteallcontacts, NULL},
    [EP_GROUP_DELETECONTACT] = {api_group_deletecontact, NULL},
    [EP_GROUP_GET] = {api_group_get, NULL},
    [EP_GROUP_LIST] = {api_group_list, NULL},
    [EP_HISTORY_GROUP_LIST] = {api_history_group_list, NULL},
    [EP_HISTORY_SINGLE_LIST] = {api_history_single_list, NULL},
    [EP_HLR_LOOKUP] = {api_hlr_lookup, NULL},
    [EP_PURCHASE_LIST] = {api_purchase_list, NULL},
    [EP_STATUS_GET] = {api_status_get, NULL},
    [EP_STATUS_SMS] = {api_status_sms, NULL},
    [EP_USER_ADD] = {api_user_add, NULL},
    [EP_USER_LIST] = {api_user_list, NULL},
    [EP_USER_TOPUP] = {api_user_topup, NULL},
    [EP_USER_COMMENT_ADD] = {api_user_comment_add, NULL},
    [EP_USER_COMMENT_DELETE] = {api_user_comment_delete, NULL},
    [EP_USER_COMMENT_LIST] = {api_user_comment_list, NULL},
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

/* Whose credentials these are. */
static bool is_known(struct call *c)
{
    const struct settings *s = &c->box->settings;
    const char *key = call_given(c, "key"), *username = call_given(c, "username"),
               *password = params_get(c->params, "password");
    const struct user *u = key != NULL ? accounts_user_by_key(&c->box->accounts, key) : NULL;
    bool known = is_equal(key, s->key);
    if (!known && u == NULL && c->endpoint->auth == AUTH_LOGIN && username != NULL) {
        known = is_equal(username, s->username) && is_equal(password, s->password);
        u = known ? NULL : accounts_user_by_email(&c->box->accounts, username);
        u = u != NULL && is_equal(password, u->password) ? u : NULL;
    }
    c->account = known || u == NULL ? MAIN_ACCOUNT : u->id;
    return known || u != NULL;
}

/* A wrong key and an address that is not on the whitelist are one and the same to the caller, as at the provider. */
static bool is_allowed(struct call *c)
{
    static const char main_only[] = "user/";
    if (c->endpoint->auth == AUTH_OPEN)
        return true;
    if (!is_known(c) || !whitelist_has(&c->box->settings.whitelist, c->from))
        return false;
    c->purse = sandbox_purse(c->box, c->account);
    return c->account == MAIN_ACCOUNT || strncmp(c->endpoint->path, main_only, strlen(main_only)) != 0;
}

static unsigned run(struct call *c)
{
    char words[sizeof(c->reply.words)];
    const char *missing = NULL;
    if (!is_allowed(c))
        return ERROR_CREDENTIALS;
    unsigned error = endpoint_check(c->endpoint, c->params, &missing);
    if (error == ERROR_UNNAMED) {
        snprintf(words, sizeof(words), "%s parameter is empty", missing);
        return reply_refuse(&c->reply, words);
    }
    return error != 0 ? error : handlers[c->endpoint->id].begin(c);
}

void api_begin(struct call *c)
{
    reply_init(&c->reply, c->endpoint);
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

static char *key_of(struct call *c)
{
    struct user *u = shelf_find(&c->box->accounts.users, c->account);
    return c->account == MAIN_ACCOUNT || u == NULL ? c->box->settings.key : u->key;
}

unsigned api_key_get(struct call *c)
{
    reply_text(&c->reply, "key", key_of(c));
    return 0;
}

unsigned api_key_reset(struct call *c)
{
    chance_hex(&c->box->chance, key_of(c), USER_KEY_DIGITS);
    return api_key_get(c);
}

unsigned api_me_balance(struct call *c)
{
    reply_amount(&c->reply, "balance", c->purse->balance);
    return 0;
}
