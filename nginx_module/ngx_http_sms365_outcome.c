/* What a challenge came to, as the person sees it. */
#include "ngx_http_sms365_journal.h"
#include "ngx_http_sms365_portal.h"

#include "edges/process.h"
#include "pure/text.h"


void
ngx_http_sms365_note(ngx_http_sms365_visit_t *visit, const char *word)
{
    (void) sms365_str_copy(visit->notice, sizeof(visit->notice),
                           ngx_http_sms365_word(visit->language, word));
}


ngx_int_t
ngx_http_sms365_back(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit,
    const char *argument)
{
    ngx_int_t           rc;
    struct sms365_buf   where;

    sms365_buf_init(&where, sizeof(visit->escaped) + 512);
    ngx_http_sms365_portal_address(visit, &where, argument);

    rc = where.failed ? NGX_HTTP_INTERNAL_SERVER_ERROR
                      : ngx_http_sms365_redirect(r, sms365_buf_text(&where));

    sms365_buf_free(&where);

    return rc;
}


/* Whoever used a backup code sees how many are left, before the way leads on. */
static ngx_int_t
ngx_http_sms365_allowed_by_backup(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit,
    ngx_http_sms365_job_t *job)
{
    size_t  used;

    visit->view = &job->view;
    ngx_http_sms365_note(visit, "backup_left");
    used = ngx_strlen(visit->notice);
    (void) snprintf(visit->notice + used, sizeof(visit->notice) - used, " %d.",
                    job->view.backups_left);
    visit->good = 1;

    return ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_DONE, NGX_HTTP_OK);
}


/* A session, or a browser to be remembered, from now on. */
static ngx_int_t
ngx_http_sms365_issue(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx,
    ngx_http_sms365_cookie_e cookie, enum sms365_journal_kind kind, time_t expires)
{
    struct sms365_error   err;
    struct sms365_ticket  ticket;

    if (sms365_random(ticket.id, sizeof(ticket.id), &err) != SMS365_OK) {
        return NGX_ERROR;
    }

    ticket.issued_s = ngx_time();
    ticket.seen_s = ticket.issued_s;
    ticket.expires_s = expires;

    if (ngx_http_sms365_ticket_write(r, ctx, cookie, &ticket) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_sms365_journal_issued(r, ctx, kind, &ticket);

    return NGX_OK;
}


/* The name that the browser had before is not taken into the session: a page, which has a form, is bound to another. */
static ngx_int_t
ngx_http_sms365_lead_on(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit,
    ngx_http_sms365_job_t *job)
{
    ngx_uint_t  backup = job->outcome.reason == SMS365_REASON_BACKUP_CODE;

    if (!backup && !visit->json) {
        return ngx_http_sms365_set_cookie(r, visit->ctx->service, NGX_HTTP_SMS365_COOKIE_LOGIN,
                                          "", 0)
               == NGX_OK
               ? ngx_http_sms365_redirect(r, visit->next) : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_sms365_visit_login_new(r, visit) != NGX_OK
        || ngx_http_sms365_visit_token(r, visit) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return backup ? ngx_http_sms365_allowed_by_backup(r, visit, job)
                  : ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_DONE, NGX_HTTP_OK);
}


static ngx_int_t
ngx_http_sms365_allowed(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit,
    ngx_http_sms365_job_t *job)
{
    time_t                      expires;
    enum sms365_reason          reason = job->outcome.reason;
    ngx_http_sms365_ctx_t      *ctx = visit->ctx;
    const struct sms365_conf   *conf = &ctx->service->conf;

    expires = ngx_time() + conf->session_life_s;
    ctx->trusted = reason == SMS365_REASON_TRUSTED_NETWORK;

    /* What came of a code long ago does not outlive the time for which the browser is remembered. */
    if (reason == SMS365_REASON_REMEMBERED && visit->browser.expires_s < expires) {
        expires = visit->browser.expires_s;
    }

    /* Paper, or a network, proves nothing of who will be at this browser from now on: only a code that came by phone. */
    if (visit->remember && conf->remember_days > 0 && reason == SMS365_REASON_CODE_ACCEPTED
        && ngx_http_sms365_issue(r, ctx, NGX_HTTP_SMS365_COOKIE_REMEMBER,
                                 SMS365_JOURNAL_REMEMBERED,
                                 ngx_time() + conf->remember_days * NGX_HTTP_SMS365_DAY)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_sms365_issue(r, ctx, NGX_HTTP_SMS365_COOKIE_SESSION, SMS365_JOURNAL_ISSUED,
                              expires)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sms365_lead_on(r, visit, job);
}


static void
ngx_http_sms365_note_denial(ngx_http_sms365_visit_t *visit, enum sms365_reason reason,
    int64_t retry_after_s)
{
    char    duration[32];
    size_t  used;

    if (reason == SMS365_REASON_NOT_A_CODE || reason == SMS365_REASON_NO_ANSWER) {
        ngx_http_sms365_note(visit, "not_a_code");

    } else {
        (void) sms365_str_copy(visit->notice, sizeof(visit->notice),
                               sms365_text_denial(visit->language, reason));
    }

    if (retry_after_s > 0) {
        used = ngx_strlen(visit->notice);
        sms365_text_duration(duration, visit->language, retry_after_s * 1000);
        sms365_text_format(visit->notice + used, sizeof(visit->notice) - used, visit->language,
                           SMS365_TEXT_LATER, (const char *const[]) { duration, NULL });
    }

    visit->retry = reason != SMS365_REASON_LOCKED && reason != SMS365_REASON_NOT_ENROLLED;
}


static ngx_int_t
ngx_http_sms365_denied(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit,
    ngx_http_sms365_job_t *job)
{
    const struct sms365_outcome   *outcome = &job->outcome;

    ngx_http_sms365_note_denial(visit, outcome->reason, outcome->retry_after_s);

    if (outcome->tries_left > 0) {
        visit->wrong = outcome->reason != SMS365_REASON_WRONG_BACKUP_CODE;
        visit->view = &job->view;
        (void) sms365_str_copy(visit->number, sizeof(visit->number), job->view.number);
        return ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_CODE, NGX_HTTP_FORBIDDEN);
    }

    /* Another one may be the right one. */
    if (outcome->reason == SMS365_REASON_WRONG_BACKUP_CODE) {
        visit->view = &job->view;
    }

    return ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_DENIED, NGX_HTTP_FORBIDDEN);
}


/* Did this form have a message sent while the one before it may still arrive? */
static ngx_uint_t
ngx_http_sms365_is_newest(ngx_http_sms365_job_t *job)
{
    return job->wish == NGX_HTTP_SMS365_ANSWER && job->answered
           && job->before.delivery != SMS365_DELIVERY_FAILED;
}


/* A code can be entered. After a form: was anything sent? */
static ngx_int_t
ngx_http_sms365_opened(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit,
    ngx_http_sms365_job_t *job)
{
    char    duration[32];
    size_t  used;

    visit->view = &job->view;
    (void) sms365_str_copy(visit->number, sizeof(visit->number), job->view.number);

    if (job->view.instead) {
        ngx_http_sms365_note_denial(visit, job->view.reason, job->view.retry_after_s);
        return ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_DENIED, NGX_HTTP_FORBIDDEN);
    }

    if (job->wish == NGX_HTTP_SMS365_BACKUP) {
        ngx_http_sms365_note(visit, "no_backup");
        return ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_CODE, NGX_HTTP_FORBIDDEN);
    }

    if (job->answered
        && ngx_memcmp(job->view.id, job->before.id, sizeof(job->view.id)) == 0)
    {
        if (job->view.resend_ms > 0) {
            ngx_http_sms365_note(visit, "too_soon");
            used = ngx_strlen(visit->notice);
            sms365_text_duration(duration, visit->language, job->view.resend_ms);
            (void) snprintf(visit->notice + used, sizeof(visit->notice) - used, " %s.", duration);

        } else {
            ngx_http_sms365_note(visit, "no_more");
        }

        return ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_CODE, NGX_HTTP_OK);
    }

    if (visit->what != NGX_HTTP_SMS365_DO_LOOK && !visit->json) {
        return ngx_http_sms365_back(r, visit, ngx_http_sms365_is_newest(job) ? "newest=1" : "");
    }

    if ((visit->newest || ngx_http_sms365_is_newest(job)) && visit->notice[0] == '\0') {
        ngx_http_sms365_note(visit, "newest");
        visit->good = 1;
    }

    return ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_CODE, NGX_HTTP_OK);
}


/* The message is still on its way: the form is shown meanwhile. */
static ngx_int_t
ngx_http_sms365_sending(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit,
    ngx_http_sms365_job_t *job)
{
    if (!visit->json) {
        return ngx_http_sms365_back(r, visit, ngx_http_sms365_is_newest(job) ? "sent=1&newest=1"
                                                                             : "sent=1");
    }

    sms365_challenge_view(&job->view, job->challenge);
    visit->view = &job->view;
    (void) sms365_str_copy(visit->number, sizeof(visit->number), job->view.number);

    return ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_CODE, NGX_HTTP_OK);
}


static ngx_int_t
ngx_http_sms365_nothing(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit)
{
    if (visit->what != NGX_HTTP_SMS365_DO_LOOK) {
        ngx_http_sms365_note(visit, "expired");

    } else if (visit->failed_before && visit->notice[0] == '\0') {
        ngx_http_sms365_note(visit, "not_sent");
    }

    sms365_msisdn_mask(visit->number, visit->ctx->enrolled->numbers[0].msisdn);

    return ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_SEND, NGX_HTTP_OK);
}


ngx_int_t
ngx_http_sms365_busy(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit)
{
    ngx_http_sms365_note(visit, "busy");
    visit->retry = 1;

    return ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_DENIED,
                                NGX_HTTP_SERVICE_UNAVAILABLE);
}


void
ngx_http_sms365_ended(ngx_http_request_t *r, ngx_http_sms365_job_t *job,
    ngx_http_sms365_end_e end)
{
    ngx_int_t                 rc;
    ngx_http_sms365_visit_t  *visit;

    visit = ngx_http_sms365_ctx(r)->visit;

    switch (end) {

    case NGX_HTTP_SMS365_NOTHING:
        rc = ngx_http_sms365_nothing(r, visit);
        break;

    case NGX_HTTP_SMS365_OPEN:
        rc = ngx_http_sms365_opened(r, visit, job);
        break;

    case NGX_HTTP_SMS365_SENDING:
        rc = ngx_http_sms365_sending(r, visit, job);
        break;

    case NGX_HTTP_SMS365_DECIDED:
        rc = job->outcome.verdict == SMS365_ALLOW || job->outcome.verdict == SMS365_BYPASS
             ? ngx_http_sms365_allowed(r, visit, job)
             : ngx_http_sms365_denied(r, visit, job);
        break;

    default:
        rc = ngx_http_sms365_busy(r, visit);
        break;
    }

    ngx_http_finalize_request(r, rc);
}
