#include "drive/provider.h"

#include "base/err.h"
#include "edges/monotonic.h"

#include <string.h>

#define REPLY_MAX 262144    /* bytes of a reply's body */
#define LIST_MAX (32 << 20) /* of one that is a list: some hundred thousand contacts */
#define BODY_MAX 131072     /* bytes of a request's body */
#define HOLDS_S 60          /* how long a send may be held until the delivery report is there (`wait`) */

struct sms365_provider_request sms365_provider_request_of(
    const struct sms365_conf *conf, enum sms365_endpoint_id endpoint, const struct sms365_param *params, size_t count)
{
    const bool costs = sms365_endpoint_get(endpoint)->costs;

    return (struct sms365_provider_request){
        .endpoint = endpoint,
        .params = params,
        .param_count = count,
        /* A second reset would be refused, and hide what came of the first. */
        .once = costs || endpoint == SMS365_EP_KEY_RESET,
        .timeout_ms = (conf->timeout_s + (costs ? HOLDS_S : 0)) * 1000,
    };
}

enum sms365_err sms365_provider_connect(
    const struct sms365_provider *provider, struct sms365_http **http, struct sms365_error *err)
{
    const struct sms365_http_options options = {
        .ca = provider->conf->ca,
        .bind = provider->conf->bind,
        .connect_timeout_ms = provider->conf->connect_timeout_s * 1000,
    };

    return sms365_http_new(http, &options, err);
}

enum sms365_err sms365_provider_encode(struct sms365_buf *body, const struct sms365_provider_request *request,
    const struct sms365_key *key, struct sms365_error *err)
{
    sms365_buf_init(body, BODY_MAX);
    body->secret = !sms365_api_is_open(request->endpoint);
    return sms365_api_encode(body, sms365_endpoint_get(request->endpoint), request->params, request->param_count,
        key == NULL ? NULL : (const char *)key->secret.data, err);
}

/* One request with one key to one base URL. */
static enum sms365_err post(struct sms365_provider *provider, const struct sms365_provider_request *request,
    const struct sms365_key *key, const char *url, int64_t until_ms, struct sms365_buf *reply, struct sms365_error *err)
{
    const struct sms365_endpoint *endpoint = sms365_endpoint_get(request->endpoint);
    struct sms365_buf body;
    const int64_t left_ms = until_ms - sms365_monotonic_ms();
    enum sms365_err code;

    if (left_ms <= 0)
        return sms365_error_set(err, SMS365_UNREACHABLE, "%s: the time for this request is used up", url);
    code = sms365_provider_encode(&body, request, key, err);
    if (code == SMS365_OK) {
        const struct sms365_http_request post = {
            .base_url = url,
            .path = endpoint->path,
            .body = sms365_buf_text(&body),
            .body_length = body.length,
            .once = request->once,
            .timeout_ms = left_ms,
            .whitelist = key == NULL ? NULL : &key->whitelist,
        };
        sms365_buf_free(reply);
        code = sms365_http_post(provider->http, &post, reply, provider->local, err);
    }
    sms365_buf_free(&body);
    return code;
}

bool sms365_provider_keyless(const struct sms365_provider_request *request)
{
    /* A key that is named beside a username only tells where to ask, and from which addresses. */
    return sms365_api_is_open(request->endpoint) ||
           (sms365_endpoint_get(request->endpoint)->auth == SMS365_AUTH_LOGIN && request->key == NULL &&
               sms365_param_value(request->params, request->param_count, "username") != NULL);
}

const char *sms365_attempt_url(const struct sms365_provider *provider, const struct sms365_attempt *attempt)
{
    return attempt->key == NULL ? provider->conf->url : attempt->key->urls[attempt->url];
}

/* One key's base URLs: the one that worked last first. */
static void plan_key(const struct sms365_provider *provider, const struct sms365_key *key,
    struct sms365_attempt attempts[SMS365_ATTEMPTS_MAX], size_t *count)
{
    const size_t first = key == provider->chosen ? provider->chosen_url : 0;

    for (size_t i = 0; i < key->url_count && *count < SMS365_ATTEMPTS_MAX; i++)
        attempts[(*count)++] = (struct sms365_attempt){key, (first + i) % key->url_count};
}

enum sms365_err sms365_provider_plan(const struct sms365_provider *provider,
    const struct sms365_provider_request *request, struct sms365_attempt attempts[SMS365_ATTEMPTS_MAX], size_t *count,
    struct sms365_error *err)
{
    const char *name = provider->conf->key;
    const struct sms365_key *only = request->key;

    *count = 0;
    if (sms365_provider_keyless(request)) {
        attempts[(*count)++] = (struct sms365_attempt){NULL, 0};
        return SMS365_OK;
    }
    if (only == NULL && name[0] != '\0' && provider->keys != NULL) {
        only = sms365_keys_find(provider->keys, name);
        if (only == NULL)
            return sms365_error_set(
                err, SMS365_NO_KEY, "there is no key named %s: sms365 key list shows which are", name);
    }
    if (only == NULL)
        only = provider->chosen;
    if (only == NULL && (provider->keys == NULL || provider->keys->count == 0))
        return sms365_error_set(err, SMS365_NO_KEY, "there is no key: sms365 key add makes one");
    if (only != NULL)
        plan_key(provider, only, attempts, count);
    for (size_t i = 0; only == NULL && i < provider->keys->count; i++)
        plan_key(provider, &provider->keys->entries[i], attempts, count);
    if (*count == 0)
        return sms365_error_set(err, SMS365_NO_KEY, "%s%s has no base URL", only == NULL ? "" : "key ",
            only == NULL ? "no key" : only->name);
    return SMS365_OK;
}

bool sms365_provider_next(struct sms365_provider *provider, const struct sms365_attempt *attempt, enum sms365_err code)
{
    if (code == SMS365_OK && attempt->key != NULL) {
        provider->chosen = attempt->key;
        provider->chosen_url = attempt->url;
    }
    return code == SMS365_UNREACHABLE || code == SMS365_WRONG_ADDRESS;
}

void sms365_provider_settle(
    struct sms365_provider *provider, const struct sms365_attempt *attempt, enum sms365_err code)
{
    if (sms365_provider_next(provider, attempt, code) && attempt->key != NULL && provider->chosen == attempt->key &&
        provider->chosen_url == attempt->url)
        provider->chosen_url = (attempt->url + 1) % attempt->key->url_count;
}

/* The error that is told in the end is that of the first key that could not reach the provider. */
static enum sms365_err post_any_key(struct sms365_provider *provider, const struct sms365_provider_request *request,
    int64_t until_ms, struct sms365_buf *reply, struct sms365_error *err)
{
    struct sms365_attempt attempts[SMS365_ATTEMPTS_MAX];
    const struct sms365_key *unreachable = NULL;
    struct sms365_error last = {0};
    size_t count;
    enum sms365_err code = sms365_provider_plan(provider, request, attempts, &count, err);

    if (code != SMS365_OK)
        return code;
    for (size_t i = 0; i < count; i++) {
        struct sms365_error now = {0};
        const struct sms365_key *key = attempts[i].key;
        code = post(provider, request, key, sms365_attempt_url(provider, &attempts[i]), until_ms, reply, &now);
        if (!sms365_provider_next(provider, &attempts[i], code))
            return sms365_error_set(err, code, "%s", now.text);
        if (unreachable == NULL || unreachable == key)
            last = now;
        if (unreachable == NULL && code == SMS365_UNREACHABLE)
            unreachable = key;
    }
    return sms365_error_set(err, last.code, "%s", last.text);
}

enum sms365_err sms365_provider_raw(struct sms365_provider *provider, const struct sms365_provider_request *request,
    struct sms365_buf *body, struct sms365_error *err)
{
    const int64_t until_ms = sms365_monotonic_ms() + request->timeout_ms;
    const enum sms365_err code =
        provider->http != NULL ? SMS365_OK : sms365_provider_connect(provider, &provider->http, err);

    return code == SMS365_OK ? post_any_key(provider, request, until_ms, body, err) : code;
}

void sms365_provider_reply_init(struct sms365_buf *body, enum sms365_endpoint_id endpoint)
{
    sms365_buf_init(body, sms365_api_has_list(endpoint) ? LIST_MAX : REPLY_MAX);
    body->secret = !sms365_api_is_open(endpoint); /* key/get and key/reset answer with a key */
}

enum sms365_err sms365_provider_decode(struct sms365_reply **reply, enum sms365_endpoint_id endpoint,
    const struct sms365_buf *body, struct sms365_error *err)
{
    const enum sms365_err code =
        sms365_api_decode(reply, sms365_endpoint_get(endpoint), sms365_buf_text(body), body->length, err);

    if (code == SMS365_NO_MEMORY)
        return sms365_error_set(err, SMS365_REPLY_LOST, "no memory for the reply; the provider has acted");
    return code;
}

enum sms365_err sms365_provider_call(struct sms365_provider *provider, const struct sms365_provider_request *request,
    struct sms365_reply **reply, struct sms365_error *err)
{
    const char *type = sms365_param_value(request->params, request->param_count, "type");
    struct sms365_buf body;
    enum sms365_err code;

    *reply = NULL;
    if (type != NULL && strcmp(type, "json") != 0)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "type can be json only: other replies are not taken apart");
    sms365_provider_reply_init(&body, request->endpoint);
    code = sms365_provider_raw(provider, request, &body, err);
    if (code == SMS365_OK)
        code = sms365_provider_decode(reply, request->endpoint, &body, err);
    sms365_buf_free(&body);
    return code;
}

void sms365_provider_close(struct sms365_provider *provider)
{
    sms365_http_free(provider->http);
    provider->http = NULL;
    provider->chosen = NULL;
}
