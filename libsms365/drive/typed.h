/*
 * The requests that the second factor is made of, with C types for what they take and answer: the functions of
 * sms365.h for them, as our own programs call them, which have connections and keys at hand (key NULL: the one that
 * fits). Errors are those of sms365_provider_call(), and what sms365.h says of each.
 */
#ifndef SMS365_TYPED_H
#define SMS365_TYPED_H

#include "drive/provider.h"

enum sms365_err sms365_ask_me_balance(
    struct sms365_provider *provider, const struct sms365_key *key, double *balance, struct sms365_error *err);
/* Is the key good, from here? */
enum sms365_err sms365_ask_key_get(
    struct sms365_provider *provider, const struct sms365_key *key, struct sms365_error *err);
enum sms365_err sms365_ask_mobile_check(
    struct sms365_provider *provider, const char *number, struct sms365_mobile *mobile, struct sms365_error *err);
enum sms365_err sms365_ask_hlr_lookup(struct sms365_provider *provider, const struct sms365_key *key,
    const char *msisdn, struct sms365_network *network, struct sms365_error *err);
/* endpoint: SMS_SEND, VIBER_SEND or 2FA_SEND. */
enum sms365_err sms365_ask_send(struct sms365_provider *provider, const struct sms365_key *key,
    enum sms365_endpoint_id endpoint, const struct sms365_message *message, struct sms365_sent *sent,
    struct sms365_error *err);
enum sms365_err sms365_ask_2fa_check(struct sms365_provider *provider, const struct sms365_key *key, const char *id,
    const char *code, bool *accepted, struct sms365_error *err);
enum sms365_err sms365_ask_status_sms(struct sms365_provider *provider, const struct sms365_key *key, const char *id,
    enum sms365_delivery *delivery, struct sms365_error *err);

/* --- For those who have a reply already --- */

/* What mobile/check tells. BAD_REPLY: no number in international form. typed: the number asked about, for err. */
enum sms365_err sms365_mobile_read(
    struct sms365_mobile *mobile, const struct sms365_reply *reply, const char *typed, struct sms365_error *err);
/* What hlr/lookup tells. NOT_FOUND: no network knows the number at present; BAD_REPLY: it makes no sense. */
enum sms365_err sms365_network_read(
    struct sms365_network *network, const struct sms365_reply *reply, const char *msisdn, struct sms365_error *err);

#endif
