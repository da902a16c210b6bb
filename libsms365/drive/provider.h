/* One request of the provider's API, blocking: the key that may leave from this address, its base URLs in turn. */
#ifndef SMS365_PROVIDER_H
#define SMS365_PROVIDER_H

#include "edges/http_curl.h"
#include "edges/keys.h"
#include "pure/api.h"
#include "pure/conf.h"

/* Borrows conf and keys; owns its connections. */
struct sms365_provider {
    const struct sms365_conf *conf;
    const struct sms365_keys *keys;  /* NULL: only endpoints that need no key */
    struct sms365_http *http;        /* made at the first request */
    const struct sms365_key *chosen; /* the key and base URL that worked last: the next request goes there first */
    size_t chosen_url;
    char local[INET6_ADDRSTRLEN]; /* source address of the last request */
};

struct sms365_provider_request {
    enum sms365_endpoint_id endpoint;
    const struct sms365_param *params;
    size_t param_count;
    bool once;                    /* never written twice; no further base URL once it may have left */
    int64_t timeout_ms;           /* over all base URLs */
    const struct sms365_key *key; /* this one and no other; NULL: as configured. Beside a `username`: of it the URLs and
                                     the whitelist count, and the key itself is not sent */
};

/* A request of any endpoint: what must not be made twice is made once, and what the provider may hold has time. */
struct sms365_provider_request sms365_provider_request_of(
    const struct sms365_conf *conf, enum sms365_endpoint_id endpoint, const struct sms365_param *params, size_t count);

/*
 * A `type` other than json is BAD_ARGUMENT. *reply is set with OK and REFUSED. Only what certainly did not leave
 * (UNREACHABLE, WRONG_ADDRESS) goes on to the next base URL or key. Errors: those of sms365_http_post and
 * sms365_api_decode, BAD_ARGUMENT, NO_KEY. err->text never holds the key.
 */
enum sms365_err sms365_provider_call(struct sms365_provider *provider, const struct sms365_provider_request *request,
    struct sms365_reply **reply, struct sms365_error *err);

/* The reply's body as it came (type xml or v2 among the parameters, for a person to read); body has a cap. */
enum sms365_err sms365_provider_raw(struct sms365_provider *provider, const struct sms365_provider_request *request,
    struct sms365_buf *body, struct sms365_error *err);

/* One key, and one of its base URLs; key NULL: none is needed, and the URL is the configuration's. */
struct sms365_attempt {
    const struct sms365_key *key;
    size_t url;
};
#define SMS365_ATTEMPTS_MAX (SMS365_KEYS_MAX * SMS365_KEY_URLS_MAX)

/*
 * What a request may be tried with, in turn, by those who make it themselves: on to the next as long as
 * sms365_provider_next() says so. Errors: NO_KEY.
 */
enum sms365_err sms365_provider_plan(const struct sms365_provider *provider,
    const struct sms365_provider_request *request, struct sms365_attempt attempts[SMS365_ATTEMPTS_MAX], size_t *count,
    struct sms365_error *err);

/* After an attempt that ended with code: whether another may be made. What worked is remembered. */
bool sms365_provider_next(struct sms365_provider *provider, const struct sms365_attempt *attempt, enum sms365_err code);

/* --- Parts of a request, for those who make many at a time --- */

/* Does the request go without a key? */
bool sms365_provider_keyless(const struct sms365_provider_request *request);
const char *sms365_attempt_url(const struct sms365_provider *provider, const struct sms365_attempt *attempt);
/* The one attempt there is has ended with code: the next request may begin with another base URL. */
void sms365_provider_settle(
    struct sms365_provider *provider, const struct sms365_attempt *attempt, enum sms365_err code);
/* A handle as configured. Errors: those of sms365_http_new(). */
enum sms365_err sms365_provider_connect(
    const struct sms365_provider *provider, struct sms365_http **http, struct sms365_error *err);
/* The request's body, which is initialised here. Errors: those of sms365_api_encode(). */
enum sms365_err sms365_provider_encode(struct sms365_buf *body, const struct sms365_provider_request *request,
    const struct sms365_key *key, struct sms365_error *err);
/* A buffer for a reply's body, capped, and what it says. Errors: those of sms365_api_decode(), REPLY_LOST. */
void sms365_provider_reply_init(struct sms365_buf *body, enum sms365_endpoint_id endpoint);
enum sms365_err sms365_provider_decode(struct sms365_reply **reply, enum sms365_endpoint_id endpoint,
    const struct sms365_buf *body, struct sms365_error *err);

/* Close connections. conf and keys stay. */
void sms365_provider_close(struct sms365_provider *provider);

#endif
