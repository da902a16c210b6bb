/* Jobs: what a challenge asks for, done on nginx's events and in its threads. */
#include "ngx_http_sms365_job.h"

#include "base/err.h"
#include "edges/process.h"

#define NGX_HTTP_SMS365_PATIENCE  1000  /* ms that a person waits for a message to be sent before the form is shown */
#define NGX_HTTP_SMS365_BYPASSES  30    /* of one user in a minute, in one worker, before a code is asked for */
#define NGX_HTTP_SMS365_RETRY     250   /* ms between looks at a message under way */


static ngx_uint_t  ngx_http_sms365_jobs;    /* under way in this worker */


static void ngx_http_sms365_job_step(ngx_http_sms365_job_t *job);


/* --- Beginning and end --- */

/* What an action brought, once it is taken in. */
static void
ngx_http_sms365_job_forget(ngx_http_sms365_job_t *job)
{
    sms365_reply_free(job->reply);
    job->reply = NULL;

    free(job->read);
    job->read = NULL;
}


static void
ngx_http_sms365_job_destroy(ngx_http_sms365_job_t *job)
{
    if (job->timer.timer_set) {
        ngx_del_timer(&job->timer);
    }

    ngx_http_sms365_job_close_store(job);
    ngx_http_sms365_call_release(job);
    free(job->attempts);
    sms365_challenge_free(job->challenge);
    ngx_http_sms365_job_forget(job);
    sms365_wipe(job, sizeof(ngx_http_sms365_job_t));
    free(job);

    ngx_http_sms365_jobs--;
}


/* Tell whoever waits, if anybody does. */
static void
ngx_http_sms365_job_tell(ngx_http_sms365_job_t *job, ngx_http_sms365_end_e end)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r = job->r;

    if (r == NULL) {
        return;
    }

    job->r = NULL;
    *job->mark = NULL;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    job->end(r, job, end);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_sms365_job_end(ngx_http_sms365_job_t *job, ngx_http_sms365_end_e end)
{
    ngx_http_sms365_job_tell(job, end);
    ngx_http_sms365_job_destroy(job);
}


void
ngx_http_sms365_job_break(ngx_http_sms365_job_t *job)
{
    ngx_http_sms365_job_end(job, NGX_HTTP_SMS365_BROKEN);
}


static void
ngx_http_sms365_job_abandoned(void *data)
{
    ngx_http_sms365_job_t  **holder = data;

    if (*holder != NULL) {
        (*holder)->r = NULL;
    }
}


/* Who needs no code meets no limit of codes, and leaves lines in the log and in the journal each time. */
static ngx_http_sms365_bypass_t *
ngx_http_sms365_job_bypass(ngx_http_sms365_job_t *job)
{
    time_t                     minute;
    uint32_t                   user;
    ngx_http_sms365_bypass_t  *bypass;

    minute = ngx_time() / 60;
    user = ngx_crc32_short((u_char *) job->user, ngx_strlen(job->user));
    bypass = &job->service->bypasses[user % NGX_HTTP_SMS365_BYPASS_USERS];

    if (bypass->user != user || bypass->minute != minute) {
        bypass->user = user;
        bypass->minute = minute;
        bypass->count = 0;
    }

    return bypass;
}


ngx_http_sms365_job_t *
ngx_http_sms365_job_create(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx,
    const uint8_t holder[SMS365_TICKET_ID_BYTES])
{
    ngx_str_t                 *address;
    ngx_http_sms365_job_t     *job;
    ngx_http_core_loc_conf_t  *clcf;

    if (ngx_http_sms365_jobs >= (ngx_uint_t) ctx->service->conf.calls) {
        return NULL;
    }

    /* Not in pages of its own: hundreds of them may wait, and each of their timers would be in the same way of a cache. */
    job = calloc(1, sizeof(ngx_http_sms365_job_t));
    if (job == NULL) {
        return NULL;
    }

    ngx_http_sms365_jobs++;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    job->r = r;
    job->service = ctx->service;
    job->resolver = clcf->resolver;

    ngx_memcpy(job->user, ctx->enrolled->name, sizeof(job->user));
    job->strict = ngx_http_sms365_job_bypass(job)->count >= NGX_HTTP_SMS365_BYPASSES;

    address = &r->connection->addr_text;
    ngx_memcpy(job->host, address->data, ngx_min(address->len, sizeof(job->host) - 1));

    ngx_memcpy(job->holder, "web:", sizeof("web:") - 1);
    sms365_str_hex(job->holder + sizeof("web:") - 1, holder, SMS365_TICKET_ID_BYTES);

    ngx_memcpy(job->numbers, ctx->enrolled->numbers, sizeof(job->numbers));
    job->number_count = ctx->enrolled->count;

    job->dummy.fd = (ngx_socket_t) -1;
    job->timer.data = &job->dummy;
    job->timer.log = ngx_cycle->log;

    return job;
}


/* --- The challenge --- */

/* In a thread: the memory for it costs more than all else that is done for a request. */
static void
ngx_http_sms365_job_challenge(ngx_http_sms365_job_t *job)
{
    enum sms365_err                code;
    ngx_http_sms365_service_t     *service = job->service;
    struct sms365_challenge_setup  setup;

    sms365_challenge_free(job->challenge);
    job->challenge = NULL;

    ngx_memzero(&setup, sizeof(struct sms365_challenge_setup));

    setup.user = job->user;
    setup.service = (char *) service->name.data;
    setup.host = job->host;
    setup.machine = service->machine;
    setup.holder = job->holder;
    setup.place = "";
    setup.known = true;
    setup.own_host = job->strict
                     || (service->conf.trusted[0] != '\0' && sms365_host_is_own(job->host));
    setup.first_factor = true;
    setup.remembered = job->remembered && !job->strict;
    setup.numbers = job->numbers;
    setup.origin = service->conf.origin;
    setup.number_count = job->number_count;
    setup.conf = &service->spoken[job->language];
    setup.callback_key = service->callback_key;
    setup.holder_key = service->holder_key;

    code = sms365_now_read(&setup.now, &job->err);

    if (code == SMS365_OK) {
        code = sms365_random(setup.seed, sizeof(setup.seed), &job->err);
    }

    if (code == SMS365_OK) {
        code = sms365_challenge_new(&job->challenge, &setup);

        if (code != SMS365_OK) {
            (void) sms365_error_set(&job->err, code, "%s", sms365_strerror(code));
        }
    }

    if (code != SMS365_OK) {
        ngx_http_sms365_job_denied(job);
    }

    sms365_wipe(&setup, sizeof(struct sms365_challenge_setup));
}


static void
ngx_http_sms365_job_challenged(ngx_http_sms365_job_t *job)
{
    if (job->challenge == NULL) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "sms365: no challenge can be made: %s",
                      job->err.text);
        ngx_http_sms365_job_break(job);
        return;
    }

    job->asked = 0;
    ngx_http_sms365_job_step(job);
}


void
ngx_http_sms365_job_feed(ngx_http_sms365_job_t *job)
{
    sms365_challenge_feed(job->challenge, &job->event);

    ngx_http_sms365_job_forget(job);

    ngx_http_sms365_job_step(job);
}


void
ngx_http_sms365_job_answered(ngx_http_sms365_job_t *job)
{
    struct sms365_error  err = { 0 };

    if (sms365_now_read(&job->event.now, &err) != SMS365_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "sms365: %s", err.text);
    }

    ngx_http_sms365_job_feed(job);
}


static void
ngx_http_sms365_job_feed_answer(ngx_http_sms365_job_t *job, const char *answer)
{
    job->event.kind = SMS365_EVENT_ANSWER;
    job->event.answer = answer;

    ngx_http_sms365_job_answered(job);

    /* The job may be gone by now. */
}


static void
ngx_http_sms365_job_again(ngx_event_t *ev)
{
    ngx_connection_t       *c = ev->data;
    ngx_http_sms365_job_t  *job;

    job = (ngx_http_sms365_job_t *) (void *) ((u_char *) c - offsetof(ngx_http_sms365_job_t, dummy));

    ngx_http_sms365_job_thread(job, ngx_http_sms365_job_challenge,
                               ngx_http_sms365_job_challenged);
}


/* The message whose code was typed is still being sent, by this or another process: look again in a moment. */
static ngx_int_t
ngx_http_sms365_job_hold(ngx_http_sms365_job_t *job)
{
    int64_t  patience_ms;

    patience_ms = (job->service->conf.timeout_s + 1) * 1000;

    if (job->view.settled || !job->view.unusable
        || job->view.age_ms >= patience_ms)
    {
        return NGX_DECLINED;
    }

    job->timer.handler = ngx_http_sms365_job_again;
    ngx_add_timer(&job->timer, NGX_HTTP_SMS365_RETRY);

    return NGX_OK;
}


/* Whatever is asked, a backup code is chosen, and handed in when it is asked for. */
static void
ngx_http_sms365_job_backup(ngx_http_sms365_job_t *job)
{
    if (job->view.asks_backup && !job->answered) {
        job->answered = 1;
        ngx_http_sms365_job_feed_answer(job, job->answer);

    } else if (!job->view.asks_backup && !job->chosen) {
        job->chosen = 1;
        ngx_http_sms365_job_feed_answer(job, "b");

    } else {
        ngx_http_sms365_job_end(job, NGX_HTTP_SMS365_OPEN);
    }
}


static void
ngx_http_sms365_job_ask(ngx_http_sms365_job_t *job)
{
    sms365_challenge_view(&job->view, job->challenge);

    /* A question that only tells what was decided: the rest is the log's. */
    if (job->view.settled) {
        ngx_http_sms365_job_feed_answer(job, NULL);
        return;
    }

    if (!job->asked) {
        job->asked = 1;
        job->before = job->view;
    }

    if (job->wish == NGX_HTTP_SMS365_BACKUP && job->r != NULL) {
        ngx_http_sms365_job_backup(job);
        return;
    }

    /* Whoever went away takes an answer along that was not handed in; no backup code is asked for by a message's. */
    if (job->wish != NGX_HTTP_SMS365_ANSWER || job->answered || job->r == NULL
        || job->view.instead)
    {
        ngx_http_sms365_job_end(job, NGX_HTTP_SMS365_OPEN);
        return;
    }

    if (ngx_http_sms365_job_hold(job) == NGX_OK) {
        return;
    }

    job->answered = 1;
    ngx_http_sms365_job_feed_answer(job, job->answer);
}


/* Whether the person who only looks, or answers, would cause a message that was not asked for. */
static ngx_uint_t
ngx_http_sms365_job_unasked(ngx_http_sms365_job_t *job)
{
    return job->wish != NGX_HTTP_SMS365_SEND && job->wish != NGX_HTTP_SMS365_BACKUP
           && !job->asked && job->action.sending
           && (job->action.kind == SMS365_ACTION_CAS
               || job->action.kind == SMS365_ACTION_CALL);
}


static void
ngx_http_sms365_job_impatient(ngx_event_t *ev)
{
    ngx_connection_t       *c = ev->data;
    ngx_http_sms365_job_t  *job;

    job = (ngx_http_sms365_job_t *) (void *) ((u_char *) c - offsetof(ngx_http_sms365_job_t, dummy));

    /* While a timer is set that is not cancelable, a worker that is to end waits for it: for the request, too. */
    ngx_add_timer(&job->timer, (ngx_msec_t) (job->service->conf.timeout_s + 1) * 1000);

    if (!job->parted) {
        job->parted = 1;
        ngx_http_sms365_job_tell(job, NGX_HTTP_SMS365_SENDING);
    }
}


static void
ngx_http_sms365_job_request(ngx_http_sms365_job_t *job)
{
    job->timer.handler = ngx_http_sms365_job_impatient;
    job->parted = !job->action.once || job->wish == NGX_HTTP_SMS365_BACKUP;

    ngx_add_timer(&job->timer, NGX_HTTP_SMS365_PATIENCE);

    ngx_http_sms365_call(job);
}


static void
ngx_http_sms365_job_step(ngx_http_sms365_job_t *job)
{
    if (job->timer.timer_set) {
        ngx_del_timer(&job->timer);
    }

    sms365_challenge_next(job->challenge, &job->action);
    ngx_memzero(&job->event, sizeof(struct sms365_event));

    if (ngx_http_sms365_job_unasked(job)) {
        ngx_http_sms365_job_end(job, NGX_HTTP_SMS365_NOTHING);
        return;
    }

    switch (job->action.kind) {

    case SMS365_ACTION_CALL:
        ngx_http_sms365_job_request(job);
        return;

    case SMS365_ACTION_ASK:
        ngx_http_sms365_job_ask(job);
        return;

    case SMS365_ACTION_TELL:
        sms365_challenge_view(&job->view, job->challenge);
        job->event.kind = SMS365_EVENT_TOLD;
        ngx_http_sms365_job_answered(job);
        return;

    case SMS365_ACTION_DONE:
        sms365_challenge_view(&job->view, job->challenge);
        job->outcome = job->action.outcome;
        if (job->outcome.verdict == SMS365_BYPASS) {
            ngx_http_sms365_job_bypass(job)->count++;
        }
        ngx_http_sms365_job_end(job, NGX_HTTP_SMS365_DECIDED);
        return;

    default:
        ngx_http_sms365_job_operate(job);
        return;
    }
}


void
ngx_http_sms365_job_start(ngx_http_sms365_job_t *job)
{
    ngx_http_cleanup_t  *cln;

    /* Whichever of the two goes first lets go of the other. */
    if (job->mark == NULL) {
        cln = ngx_http_cleanup_add(job->r, sizeof(ngx_http_sms365_job_t *));

        if (cln == NULL) {
            ngx_http_finalize_request(job->r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            job->r = NULL;
            ngx_http_sms365_job_destroy(job);
            return;
        }

        cln->handler = ngx_http_sms365_job_abandoned;
        job->mark = cln->data;
    }

    *job->mark = job;

    /* A client that goes away is noticed at once, but while a body is still thrown away. */
    if (!job->r->discard_body) {
        job->r->read_event_handler = ngx_http_test_reading;
    }

    ngx_http_sms365_job_thread(job, ngx_http_sms365_job_challenge,
                               ngx_http_sms365_job_challenged);
}


void
ngx_http_sms365_jobs_exit(ngx_http_sms365_service_t *service)
{
    while (service->idle_stores > 0) {
        sms365_store_close(service->stores[--service->idle_stores]);
    }

    while (service->idle_handles > 0) {
        sms365_http_free(service->handles[--service->idle_handles]);
    }
}
