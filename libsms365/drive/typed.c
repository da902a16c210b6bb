#include "drive/typed.h"

#include "base/err.h"
#include "drive/instance.h"
#include "edges/users.h"
#include "pure/msisdn.h"
#include "pure/report.h"
#include "pure/sms.h"

#include <math.h>
#include <string.h>

/* hlr/lookup: "Result of the query, successful if OK". */
#define FOUND "OK"

/* A request, and its reply; NULL with every error. */
struct asking {
    struct sms365_provider *provider;
    const struct sms365_key *key;
    struct sms365_reply *reply;
};

static enum sms365_err ask(struct asking *asking, enum sms365_endpoint_id endpoint, const struct sms365_param *params,
    size_t count, struct sms365_error *err)
{
    struct sms365_provider_request request =
        sms365_provider_request_of(asking->provider->conf, endpoint, params, count);

    request.key = asking->key;
    const enum sms365_err code = sms365_provider_call(asking->provider, &request, &asking->reply, err);
    if (code != SMS365_OK) {
        sms365_reply_free(asking->reply);
        asking->reply = NULL;
    }
    return code;
}

static enum sms365_err bad_reply(struct sms365_error *err, enum sms365_endpoint_id endpoint, const char *what)
{
    return sms365_error_set(
        err, SMS365_BAD_REPLY, "%s: the provider's reply %s", sms365_endpoint_get(endpoint)->path, what);
}

static double amount_of(const struct sms365_reply *reply, const char *field)
{
    double value = NAN;

    (void)sms365_reply_number(reply, field, &value);
    return value;
}

/* "" for what is not there, or longer than anything that makes sense. */
static void text_take(char *out, size_t size, const struct sms365_reply *reply, const char *field)
{
    const char *text = sms365_reply_get(reply, field);

    if (text == NULL || !sms365_str_copy(out, size, text))
        out[0] = '\0';
}

enum sms365_err sms365_ask_me_balance(
    struct sms365_provider *provider, const struct sms365_key *key, double *balance, struct sms365_error *err)
{
    struct asking asking = {provider, key, NULL};
    enum sms365_err code = ask(&asking, SMS365_EP_ME_BALANCE, NULL, 0, err);

    if (code == SMS365_OK && !sms365_reply_number(asking.reply, "balance", balance))
        code = bad_reply(err, SMS365_EP_ME_BALANCE, "holds no balance");
    sms365_reply_free(asking.reply);
    return code;
}

enum sms365_err sms365_ask_key_get(
    struct sms365_provider *provider, const struct sms365_key *key, struct sms365_error *err)
{
    struct asking asking = {provider, key, NULL};
    const enum sms365_err code = ask(&asking, SMS365_EP_KEY_GET, NULL, 0, err);

    sms365_reply_free(asking.reply);
    return code;
}

enum sms365_err sms365_mobile_read(
    struct sms365_mobile *mobile, const struct sms365_reply *reply, const char *typed, struct sms365_error *err)
{
    const char *msisdn = sms365_reply_get(reply, "mobile.msisdn");

    if (msisdn == NULL || !sms365_msisdn_parse(mobile->msisdn, msisdn) || strcmp(mobile->msisdn, msisdn) != 0)
        return sms365_error_set(
            err, SMS365_BAD_REPLY, "%s: the provider's reply has no number in international form", typed);
    text_take(mobile->country, sizeof mobile->country, reply, "mobile.country");
    text_take(mobile->mcc, sizeof mobile->mcc, reply, "mobile.mcc");
    text_take(mobile->mnc, sizeof mobile->mnc, reply, "mobile.mnc");
    mobile->cost = amount_of(reply, "mobile.cost");
    return SMS365_OK;
}

enum sms365_err sms365_ask_mobile_check(
    struct sms365_provider *provider, const char *number, struct sms365_mobile *mobile, struct sms365_error *err)
{
    const struct sms365_param params[] = {{"mobile", number}};
    struct asking asking = {provider, NULL, NULL};
    enum sms365_err code = ask(&asking, SMS365_EP_MOBILE_CHECK, params, 1, err);

    if (code == SMS365_OK)
        code = sms365_mobile_read(mobile, asking.reply, number, err);
    sms365_reply_free(asking.reply);
    return code;
}

enum sms365_err sms365_network_read(
    struct sms365_network *network, const struct sms365_reply *reply, const char *msisdn, struct sms365_error *err)
{
    static const struct {
        const char *name;
        bool needed;
    } fields[] = {{"mcc", true}, {"mnc", true}, {"ported", false}};
    const char *result = sms365_reply_get(reply, "result");
    struct sms365_number noted = {.msisdn = ""};

    if (result == NULL || strcmp(result, FOUND) != 0) {
        const char *why = sms365_reply_get(reply, "description");
        return sms365_error_set(err, SMS365_NOT_FOUND, "no network knows +%s at present (%s)", msisdn,
            why == NULL ? "no reason is given" : why);
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        const char *value = sms365_reply_get(reply, fields[i].name);
        const bool missing = value == NULL || value[0] == '\0';
        if (missing ? fields[i].needed : !sms365_number_note(&noted, fields[i].name, value))
            return sms365_error_set(
                err, SMS365_BAD_REPLY, "the provider's %s of +%s is missing or makes no sense", fields[i].name, msisdn);
    }
    (void)sms365_str_copy(network->mcc, sizeof network->mcc, noted.mcc);
    (void)sms365_str_copy(network->mnc, sizeof network->mnc, noted.mnc);
    network->ported = noted.ported[0] == '\0'            ? SMS365_PORTED_UNKNOWN
                      : strcmp(noted.ported, "yes") == 0 ? SMS365_PORTED_YES
                                                         : SMS365_PORTED_NO;
    return SMS365_OK;
}

enum sms365_err sms365_ask_hlr_lookup(struct sms365_provider *provider, const struct sms365_key *key,
    const char *msisdn, struct sms365_network *network, struct sms365_error *err)
{
    const struct sms365_param params[] = {{"mobile", msisdn}};
    struct asking asking = {provider, key, NULL};
    enum sms365_err code = ask(&asking, SMS365_EP_HLR_LOOKUP, params, 1, err);

    if (code == SMS365_OK)
        code = sms365_network_read(network, asking.reply, msisdn, err);
    sms365_reply_free(asking.reply);
    return code;
}

/* The id has another name with each endpoint. */
static void sent_read(struct sms365_sent *sent, const struct sms365_reply *reply, enum sms365_endpoint_id endpoint)
{
    text_take(sent->id, sizeof sent->id, reply,
        endpoint == SMS365_EP_2FA_SEND     ? "authId"
        : endpoint == SMS365_EP_VIBER_SEND ? "id"
                                           : "smsId");
    text_take(sent->mcc, sizeof sent->mcc, reply, "mcc");
    text_take(sent->mnc, sizeof sent->mnc, reply, "mnc");
    sent->cost = amount_of(reply, "cost");
    sent->balance = amount_of(reply, "balance");
}

enum sms365_err sms365_ask_send(struct sms365_provider *provider, const struct sms365_key *key,
    enum sms365_endpoint_id endpoint, const struct sms365_message *message, struct sms365_sent *sent,
    struct sms365_error *err)
{
    struct sms365_param params[4] = {{"to", message->to}};
    struct sms365_sms_size size;
    struct asking asking = {provider, key, NULL};
    size_t count = 1;

    if (message->text != NULL && !sms365_sms_measure(message->text, &size))
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "the text is not UTF-8");
    if (message->text != NULL)
        params[count++] = (struct sms365_param){"text", message->text};
    if (message->text != NULL && endpoint != SMS365_EP_VIBER_SEND)
        params[count++] = (struct sms365_param){"ucs", size.ucs ? "true" : "false"};
    if (message->from != NULL && message->from[0] != '\0')
        params[count++] = (struct sms365_param){"from", message->from};
    enum sms365_err code = ask(&asking, endpoint, params, count, err);
    if (code == SMS365_OK)
        sent_read(sent, asking.reply, endpoint);
    if (code == SMS365_OK && endpoint == SMS365_EP_2FA_SEND && sent->id[0] == '\0')
        code = bad_reply(err, endpoint, "has no authId, by which to check the code");
    sms365_reply_free(asking.reply);
    return code;
}

/* Accepted is status 1 and error 0 (that is SMS365_OK) and auth exactly ok; everything else is not. */
enum sms365_err sms365_ask_2fa_check(struct sms365_provider *provider, const struct sms365_key *key, const char *id,
    const char *code, bool *accepted, struct sms365_error *err)
{
    const struct sms365_param params[] = {{"authId", id}, {"code", code}};
    struct asking asking = {provider, key, NULL};

    *accepted = false;
    const enum sms365_err result = ask(&asking, SMS365_EP_2FA_CHECK, params, 2, err);
    if (result == SMS365_OK) {
        const char *auth = sms365_reply_get(asking.reply, "auth");
        *accepted = auth != NULL && strcmp(auth, "ok") == 0;
    }
    sms365_reply_free(asking.reply);
    return result;
}

enum sms365_err sms365_ask_status_sms(struct sms365_provider *provider, const struct sms365_key *key, const char *id,
    enum sms365_delivery *delivery, struct sms365_error *err)
{
    const struct sms365_param params[] = {{"smsId", id}};
    struct asking asking = {provider, key, NULL};
    struct sms365_row row = {NULL};
    const char *status = NULL;
    enum sms365_err code = ask(&asking, SMS365_EP_STATUS_SMS, params, 1, err);

    while (code == SMS365_OK && status == NULL && sms365_reply_next(asking.reply, "sms", &row)) {
        const char *named = sms365_row_get(&row, "smsId");
        if (named != NULL && strcmp(named, id) == 0)
            status = sms365_row_get(&row, "status");
    }
    if (status != NULL)
        *delivery = sms365_delivery_parse(status);
    else if (code == SMS365_OK)
        code = bad_reply(err, SMS365_EP_STATUS_SMS, "does not tell the status of that message");
    sms365_reply_free(asking.reply);
    return code;
}

/* --- sms365.h --- */

enum sms365_err sms365_me_balance(struct sms365 *instance, double *balance, struct sms365_error *err)
{
    return sms365_ask_me_balance(&instance->provider, NULL, balance, err);
}

enum sms365_err sms365_key_get(struct sms365 *instance, struct sms365_error *err)
{
    return sms365_ask_key_get(&instance->provider, NULL, err);
}

enum sms365_err sms365_mobile_check(
    struct sms365 *instance, const char *number, struct sms365_mobile *mobile, struct sms365_error *err)
{
    return sms365_ask_mobile_check(&instance->provider, number, mobile, err);
}

enum sms365_err sms365_hlr_lookup(
    struct sms365 *instance, const char *msisdn, struct sms365_network *network, struct sms365_error *err)
{
    return sms365_ask_hlr_lookup(&instance->provider, NULL, msisdn, network, err);
}

enum sms365_err sms365_sms_send(
    struct sms365 *instance, const struct sms365_message *message, struct sms365_sent *sent, struct sms365_error *err)
{
    return sms365_ask_send(&instance->provider, NULL, SMS365_EP_SMS_SEND, message, sent, err);
}

enum sms365_err sms365_viber_send(
    struct sms365 *instance, const struct sms365_message *message, struct sms365_sent *sent, struct sms365_error *err)
{
    return sms365_ask_send(&instance->provider, NULL, SMS365_EP_VIBER_SEND, message, sent, err);
}

enum sms365_err sms365_2fa_send(
    struct sms365 *instance, const struct sms365_message *message, struct sms365_sent *sent, struct sms365_error *err)
{
    return sms365_ask_send(&instance->provider, NULL, SMS365_EP_2FA_SEND, message, sent, err);
}

enum sms365_err sms365_2fa_check(
    struct sms365 *instance, const char *id, const char *code, bool *accepted, struct sms365_error *err)
{
    return sms365_ask_2fa_check(&instance->provider, NULL, id, code, accepted, err);
}

enum sms365_err sms365_status_sms(
    struct sms365 *instance, const char *id, enum sms365_delivery *delivery, struct sms365_error *err)
{
    return sms365_ask_status_sms(&instance->provider, NULL, id, delivery, err);
}
