/* A job's request to the provider: its keys and base URLs in turn, on nginx's events. */
#include "ngx_http_sms365_names.h"

#include "base/err.h"
#include "edges/monotonic.h"
#include "edges/process.h"


#define NGX_HTTP_SMS365_BODY_MAX   16384    /* bytes of a request's body */
#define NGX_HTTP_SMS365_REPLY_MAX  262144   /* bytes of a reply's body */


static void ngx_http_sms365_call_attempt(ngx_http_sms365_job_t *job);


/* The outcome is the challenge's to judge. */
static void
ngx_http_sms365_call_over(ngx_http_sms365_job_t *job, enum sms365_err code)
{
    const struct sms365_endpoint  *endpoint = sms365_endpoint_get(job->call.endpoint);
    struct sms365_event           *event = &job->event;
    ngx_uint_t                     i;

    event->kind = SMS365_EVENT_REPLY;
    event->err = code;

    if (code != SMS365_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "sms365: %s: %s", endpoint->path,
                      job->told.text);
    }

    if (job->service->provider.chosen != NULL) {
        event->key = job->service->provider.chosen->name;
    }

    if (job->reply != NULL) {
        event->provider_error = sms365_reply_error(job->reply);

        for (i = 0; i < SMS365_REPLY_FIELDS; i++) {
            event->fields[i] = sms365_reply_get(job->reply,
                                                sms365_reply_field_name((enum sms365_reply_field) i));
        }
    }

    ngx_http_sms365_job_answered(job);
}


void
ngx_http_sms365_call_release(ngx_http_sms365_job_t *job)
{
    ngx_http_sms365_service_t   *service = job->service;
    ngx_http_sms365_transfer_t  *transfer = &job->transfer;

    sms365_buf_free(&transfer->body);
    sms365_buf_free(&transfer->reply);
    sms365_buf_free(&transfer->addresses);

    if (transfer->http == NULL) {
        return;
    }

    if (service->idle_handles < NGX_HTTP_SMS365_IDLE_MAX) {
        service->handles[service->idle_handles++] = transfer->http;

    } else {
        sms365_http_free(transfer->http);
    }

    transfer->http = NULL;
}


/* An attempt has failed, or the provider has answered in its own terms or not. */
static void
ngx_http_sms365_call_ended(ngx_http_sms365_job_t *job, enum sms365_err code)
{
    ngx_uint_t                    more;
    ngx_http_sms365_transfer_t   *transfer = &job->transfer;
    const struct sms365_attempt  *attempt = &job->attempts[job->attempt];

    if (code == SMS365_UNREACHABLE) {
        ngx_http_sms365_name_doubt(attempt->key->urls[attempt->url]);
    }

    more = sms365_provider_next(&job->service->provider, attempt, code);

    if (code == SMS365_OK) {
        code = sms365_api_decode(&job->reply, sms365_endpoint_get(job->call.endpoint),
                                 sms365_buf_text(&transfer->reply),
                                 transfer->reply.length, &job->err);

        if (code == SMS365_NO_MEMORY) {
            code = sms365_error_set(&job->err, SMS365_REPLY_LOST,
                                    "no memory for the reply; the provider has acted");
        }
    }

    ngx_http_sms365_call_release(job);

    /* What is told is why the first could not be reached, rather than where the last was not allowed to go. */
    if (!more || job->told.code != SMS365_UNREACHABLE) {
        job->told = job->err;
        job->told.code = code;
    }

    if (more && ++job->attempt < job->attempt_count) {
        ngx_http_sms365_call_attempt(job);
        return;
    }

    ngx_http_sms365_call_over(job, job->told.code);
}


static void
ngx_http_sms365_call_done(ngx_http_sms365_transfer_t *transfer, CURLcode result)
{
    enum sms365_err         code;
    ngx_http_sms365_job_t  *job;

    job = (ngx_http_sms365_job_t *) (void *)
              ((u_char *) transfer - offsetof(ngx_http_sms365_job_t, transfer));

    code = sms365_http_conclude(transfer->http, &transfer->state, result, &job->err);

    ngx_http_sms365_call_ended(job, code);
}


/* In a thread: what it looks at may lie on a disk. */
static void
ngx_http_sms365_call_prepare(ngx_http_sms365_job_t *job)
{
    enum sms365_err              code = SMS365_OK;
    const struct sms365_conf    *conf = &job->service->conf;
    struct sms365_http_options   options = { 0 };
    ngx_http_sms365_transfer_t  *transfer = &job->transfer;

    if (transfer->http == NULL) {
        options.ca = conf->ca;
        options.bind = conf->bind;
        options.connect_timeout_ms = conf->connect_timeout_s * 1000;

        code = sms365_http_new(&transfer->http, &options, &job->err);
    }

    if (code == SMS365_OK) {
        code = sms365_http_prepare(transfer->http, &transfer->state, &job->err);
    }

    job->err.code = code;
}


static void
ngx_http_sms365_call_prepared(ngx_http_sms365_job_t *job)
{
    ngx_http_sms365_transfer_t  *transfer = &job->transfer;

    if (job->err.code != SMS365_OK) {
        ngx_http_sms365_call_ended(job, job->err.code);
        return;
    }

    transfer->done = ngx_http_sms365_call_done;

    if (ngx_http_sms365_curl_start(transfer) != NGX_OK) {
        ngx_http_sms365_call_done(transfer, CURLE_OUT_OF_MEMORY);
    }
}


/* What is left of the time, after the name was resolved, is the transfer's. */
static void
ngx_http_sms365_call_named(ngx_http_sms365_job_t *job)
{
    int64_t                       left;
    ngx_http_sms365_transfer_t   *transfer = &job->transfer;
    const struct sms365_attempt  *attempt = &job->attempts[job->attempt];
    const char                   *url = attempt->key->urls[attempt->url];

    left = job->call_until - sms365_monotonic_ms();

    if (job->err.code != SMS365_OK) {
        sms365_error_prefix(&job->err, "%s", url);

    } else if (left <= 0) {
        (void) sms365_error_set(&job->err, SMS365_UNREACHABLE,
                                "%s: the time for this request is used up", url);
    }

    if (job->err.code != SMS365_OK) {
        ngx_http_sms365_call_ended(job, job->err.code);
        return;
    }

    transfer->request.timeout_ms = left;
    transfer->request.addresses = sms365_buf_text(&transfer->addresses);

    if (job->service->idle_handles > 0) {
        transfer->http = job->service->handles[--job->service->idle_handles];
    }

    ngx_http_sms365_job_thread(job, ngx_http_sms365_call_prepare,
                               ngx_http_sms365_call_prepared);
}


static void
ngx_http_sms365_call_attempt(ngx_http_sms365_job_t *job)
{
    enum sms365_err               code;
    const struct sms365_attempt  *attempt = &job->attempts[job->attempt];
    ngx_http_sms365_transfer_t   *transfer = &job->transfer;
    const struct sms365_endpoint *endpoint = sms365_endpoint_get(job->call.endpoint);

    ngx_memzero(transfer, sizeof(ngx_http_sms365_transfer_t));
    sms365_buf_init(&transfer->body, NGX_HTTP_SMS365_BODY_MAX);
    sms365_buf_init(&transfer->reply, NGX_HTTP_SMS365_REPLY_MAX);
    sms365_buf_init(&transfer->addresses, NGX_HTTP_SMS365_ADDRESSES_SIZE - 1);
    transfer->body.secret = true;
    transfer->reply.secret = true;

    code = sms365_api_encode(&transfer->body, endpoint, job->call.params,
                             job->call.param_count,
                             (const char *) attempt->key->secret.data, &job->err);

    if (code != SMS365_OK) {
        ngx_http_sms365_call_ended(job, code);
        return;
    }

    transfer->request.base_url = attempt->key->urls[attempt->url];
    transfer->request.path = endpoint->path;
    transfer->request.body = sms365_buf_text(&transfer->body);
    transfer->request.body_length = transfer->body.length;
    transfer->request.once = job->call.once;
    transfer->request.whitelist = &attempt->key->whitelist;
    transfer->state.request = &transfer->request;
    transfer->state.reply = &transfer->reply;

    ngx_http_sms365_name(job, attempt->key->urls[attempt->url], ngx_http_sms365_call_named);
}


void
ngx_http_sms365_call(ngx_http_sms365_job_t *job)
{
    enum sms365_err              code;
    struct sms365_attempt        attempts[SMS365_ATTEMPTS_MAX];
    const struct sms365_action  *action = &job->action;

    ngx_memzero(&job->call, sizeof(struct sms365_provider_request));
    ngx_memzero(&job->told, sizeof(struct sms365_error));

    job->call.endpoint = action->endpoint;
    job->call.params = action->params;
    job->call.param_count = action->param_count;
    job->call.once = action->once;
    job->call.timeout_ms = action->timeout_ms;
    job->call_until = sms365_monotonic_ms() + action->timeout_ms;
    job->attempt = 0;

    if (action->key != NULL && action->key[0] != '\0') {
        job->call.key = sms365_keys_find(&job->service->keys, action->key);
    }

    code = sms365_provider_plan(&job->service->provider, &job->call, attempts,
                                &job->attempt_count, &job->told);

    free(job->attempts);
    job->attempts = NULL;

    if (code == SMS365_OK) {
        job->attempts = calloc(job->attempt_count, sizeof(struct sms365_attempt));

        if (job->attempts == NULL) {
            code = sms365_error_set(&job->told, SMS365_NO_MEMORY, "out of memory");

        } else {
            ngx_memcpy(job->attempts, attempts,
                       job->attempt_count * sizeof(struct sms365_attempt));
        }
    }

    if (code != SMS365_OK) {
        ngx_http_sms365_call_over(job, code);
        return;
    }

    ngx_http_sms365_call_attempt(job);
}
