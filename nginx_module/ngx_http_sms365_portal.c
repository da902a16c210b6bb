/* The portal: send, verify, back to where the person was going. */
#include "ngx_http_sms365_journal.h"
#include "ngx_http_sms365_portal.h"

#include "edges/process.h"
#include "pure/text.h"


#define NGX_HTTP_SMS365_FORM_MAX  8192  /* bytes of a form */


static const struct {
    const char            *name;
    ngx_http_sms365_do_e   what;
} ngx_http_sms365_deeds[] = {
    { "send", NGX_HTTP_SMS365_DO_SEND },
    { "again", NGX_HTTP_SMS365_DO_AGAIN },
    { "other", NGX_HTTP_SMS365_DO_OTHER },
    { "verify", NGX_HTTP_SMS365_DO_VERIFY },
    { "backup", NGX_HTTP_SMS365_DO_BACKUP },
    { "logout", NGX_HTTP_SMS365_DO_LOGOUT }
};


/* --- What was asked for --- */

static void
ngx_http_sms365_run(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit)
{
    const char             *answer;
    ngx_http_sms365_job_t  *job;

    job = ngx_http_sms365_job_create(r, visit->ctx, visit->login.id);

    if (job == NULL) {
        ngx_http_finalize_request(r, ngx_http_sms365_busy(r, visit));
        return;
    }

    job->remembered = ngx_http_sms365_browser(r, visit->ctx, &visit->browser)
                      && ngx_http_sms365_revoked(visit->ctx, &visit->browser)
                         == NGX_HTTP_SMS365_OK;
    job->end = ngx_http_sms365_ended;
    job->language = visit->language;
    job->wish = NGX_HTTP_SMS365_ANSWER;

    switch (visit->what) {

    case NGX_HTTP_SMS365_DO_SEND:
        job->wish = NGX_HTTP_SMS365_SEND;
        answer = "";
        break;

    case NGX_HTTP_SMS365_DO_AGAIN:
        answer = "r";
        break;

    case NGX_HTTP_SMS365_DO_OTHER:
        answer = "o";
        break;

    case NGX_HTTP_SMS365_DO_VERIFY:
        answer = visit->code;
        break;

    case NGX_HTTP_SMS365_DO_BACKUP:
        job->wish = NGX_HTTP_SMS365_BACKUP;
        answer = visit->code;
        break;

    default:
        job->wish = NGX_HTTP_SMS365_LOOK;
        answer = "";
        break;
    }

    (void) sms365_str_copy(job->answer, sizeof(job->answer), answer);
    sms365_wipe(visit->code, sizeof(visit->code));

    ngx_http_sms365_job_start(job);
}


static void
ngx_http_sms365_logged_out(ngx_http_request_t *r, ngx_uint_t good)
{
    ngx_http_sms365_visit_t    *visit = ngx_http_sms365_ctx(r)->visit;
    ngx_http_sms365_service_t  *service = visit->ctx->service;

    if (ngx_http_sms365_set_cookie(r, service, NGX_HTTP_SMS365_COOKIE_SESSION, "", 0) != NGX_OK
        || (service->conf.remember_days > 0
            && ngx_http_sms365_set_cookie(r, service, NGX_HTTP_SMS365_COOKIE_REMEMBER, "", 0)
               != NGX_OK))
    {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    /* The browser has lost it either way. */
    ngx_http_sms365_note(visit, good ? "logged_out" : "logged_out_here");
    visit->good = good & 1;
    visit->retry = 1;

    ngx_http_finalize_request(r, ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_DENIED,
                                                      NGX_HTTP_OK));
}


/* Of the session and of the browser, which would be logged in again by its next request. */
static void
ngx_http_sms365_logout(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit)
{
    ngx_uint_t              count;
    struct sms365_ticket    tickets[2];
    ngx_http_sms365_ctx_t  *ctx = visit->ctx;

    count = 0;

    if (ctx->reason == NGX_HTTP_SMS365_OK) {
        tickets[count++] = ctx->ticket;
    }

    if (ngx_http_sms365_browser(r, ctx, &tickets[count])) {
        count++;
    }

    if (count == 0) {
        ngx_http_sms365_logged_out(r, 1);

    } else if (ngx_http_sms365_journal_revoke(r, ctx, tickets, count,
                                              ngx_http_sms365_logged_out)
               != NGX_OK)
    {
        ngx_http_sms365_logged_out(r, 0);
    }
}


static void
ngx_http_sms365_form(ngx_http_request_t *r)
{
    u_char                   *p, *body;
    size_t                    length;
    ngx_str_t                 token;
    ngx_chain_t              *in;
    ngx_http_sms365_visit_t  *visit;

    visit = ngx_http_sms365_ctx(r)->visit;
    ngx_str_null(&token);
    body = ngx_pnalloc(r->pool, NGX_HTTP_SMS365_FORM_MAX);

    if (body == NULL || r->request_body == NULL || r->request_body->temp_file != NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    p = body;

    for (in = r->request_body->bufs; in != NULL; in = in->next) {
        length = (size_t) (in->buf->last - in->buf->pos);

        if (length > (size_t) (body + NGX_HTTP_SMS365_FORM_MAX - p)) {
            ngx_http_finalize_request(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE);
            return;
        }

        p = ngx_cpymem(p, in->buf->pos, length);
    }

    ngx_http_sms365_form_read(visit, body, (size_t) (p - body), &token);
    visit->backup_tried = visit->what == NGX_HTTP_SMS365_DO_BACKUP;

    if (!ngx_http_sms365_visit_token_good(r, visit, &token)) {
        ngx_http_sms365_note(visit, "stale");
        visit->what = NGX_HTTP_SMS365_DO_LOOK;

    } else if ((visit->what == NGX_HTTP_SMS365_DO_VERIFY || visit->what == NGX_HTTP_SMS365_DO_BACKUP)
               && !ngx_http_sms365_is_code(visit))
    {
        visit->wrong = visit->what == NGX_HTTP_SMS365_DO_VERIFY;
        ngx_http_sms365_note(visit, visit->wrong ? "not_a_code" : "not_a_backup_code");
        visit->what = NGX_HTTP_SMS365_DO_LOOK;
    }

    sms365_wipe(body, NGX_HTTP_SMS365_FORM_MAX);

    if (visit->what == NGX_HTTP_SMS365_DO_LOGOUT) {
        ngx_http_sms365_logout(r, visit);
        return;
    }

    ngx_http_sms365_run(r, visit);
}


static ngx_int_t
ngx_http_sms365_post(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit, ngx_str_t *rest)
{
    ngx_int_t    rc;
    ngx_uint_t   i;

    for (i = 0; i < sizeof(ngx_http_sms365_deeds) / sizeof(ngx_http_sms365_deeds[0]); i++) {
        if (rest->len == ngx_strlen(ngx_http_sms365_deeds[i].name)
            && ngx_strncmp(rest->data, ngx_http_sms365_deeds[i].name, rest->len) == 0)
        {
            visit->what = ngx_http_sms365_deeds[i].what;
            break;
        }
    }

    if (visit->what == NGX_HTTP_SMS365_DO_LOOK) {
        (void) ngx_http_discard_request_body(r);
        return rest->len == 0 ? NGX_HTTP_NOT_ALLOWED : NGX_HTTP_NOT_FOUND;
    }

    if (r->headers_in.content_length_n > NGX_HTTP_SMS365_FORM_MAX) {
        (void) ngx_http_discard_request_body(r);
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_sms365_form);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


/* What every page is shown with, that of somebody without a number, too. NGX_DECLINED: it is none of that. */
static ngx_int_t
ngx_http_sms365_file(ngx_http_request_t *r, ngx_str_t *rest)
{
    ngx_int_t    rc;
    ngx_uint_t   i;

    static const struct {
        const char    *name;
        const char    *type;
        const char    *text;
        const size_t  *length;
    } files[] = {
        { "style.css", "text/css", ngx_http_sms365_style, &ngx_http_sms365_style_length },
        { "script.js", "text/javascript", ngx_http_sms365_script, &ngx_http_sms365_script_length },
        { "icon.svg", "image/svg+xml", ngx_http_sms365_icon, &ngx_http_sms365_icon_length }
    };

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (rest->len == ngx_strlen(files[i].name)
            && ngx_strncmp(rest->data, files[i].name, rest->len) == 0)
        {
            rc = ngx_http_discard_request_body(r);

            return rc == NGX_OK ? ngx_http_sms365_send(r, NGX_HTTP_OK, files[i].type,
                                                       files[i].text, *files[i].length)
                                : rc;
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_sms365_get(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit, ngx_str_t *rest)
{
    ngx_int_t    rc;
    ngx_uint_t   i;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_sms365_form_read(visit, r->args.data, r->args.len, NULL);

    if (rest->len == sizeof("events") - 1 && ngx_strncmp(rest->data, "events", rest->len) == 0) {
        return ngx_http_sms365_events(r, visit);
    }

    /* Whoever reloads the page after a form was sent gets the page, not the form's effect. */
    for (i = 0; i < sizeof(ngx_http_sms365_deeds) / sizeof(ngx_http_sms365_deeds[0]); i++) {
        if (rest->len == ngx_strlen(ngx_http_sms365_deeds[i].name)
            && ngx_strncmp(rest->data, ngx_http_sms365_deeds[i].name, rest->len) == 0)
        {
            return ngx_http_sms365_back(r, visit, "");
        }
    }

    if (rest->len > 0) {
        return NGX_HTTP_NOT_FOUND;
    }

    if (visit->ctx->reason == NGX_HTTP_SMS365_OK) {
        return ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_DONE, NGX_HTTP_OK);
    }

    r->main->count++;
    ngx_http_sms365_run(r, visit);

    return NGX_DONE;
}


ngx_http_sms365_visit_t *
ngx_http_sms365_visit_create(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx)
{
    ngx_http_sms365_visit_t  *visit;

    visit = ngx_palloc(r->pool, sizeof(ngx_http_sms365_visit_t));
    if (visit == NULL) {
        return NULL;
    }

    ngx_memzero(visit, offsetof(ngx_http_sms365_visit_t, escaped));
    visit->escaped[0] = '\0';

    visit->ctx = ctx;
    visit->base = *ngx_http_sms365_portal_of(r, ctx->service);
    visit->next[0] = '/';
    visit->language = ngx_http_sms365_language(r, (enum sms365_language)
                                                      ctx->service->conf.language);
    ngx_memcpy(visit->user, ctx->user.data, ngx_min(ctx->user.len, sizeof(visit->user) - 1));
    sms365_str_clean(visit->user);

    visit->json = ngx_http_sms365_wants_json(r) & 1;

    ctx->visit = visit;

    return visit;
}


static ngx_int_t
ngx_http_sms365_not_enrolled(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit)
{
    (void) ngx_http_discard_request_body(r);

    sms365_text_not_enrolled(visit->notice, sizeof(visit->notice), visit->language,
                             visit->ctx->service->conf.contact);

    return ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_DENIED, NGX_HTTP_FORBIDDEN);
}


/* Somebody with a name has come to the portal. */
static ngx_int_t
ngx_http_sms365_visit(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_str_t                 rest;
    ngx_http_sms365_visit_t  *visit;

    visit = ngx_http_sms365_visit_create(r, ctx);
    if (visit == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rest.data = r->uri.data + visit->base.len;
    rest.len = r->uri.len - visit->base.len;

    if (r->method == NGX_HTTP_GET || r->method == NGX_HTTP_HEAD) {
        rc = ngx_http_sms365_file(r, &rest);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (ctx->reason == NGX_HTTP_SMS365_NOT_ENROLLED) {
        return ngx_http_sms365_not_enrolled(r, visit);
    }

    if (ngx_http_sms365_visit_login(r, visit) != NGX_OK
        || ngx_http_sms365_visit_token(r, visit) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method == NGX_HTTP_POST) {
        return ngx_http_sms365_post(r, visit, &rest);
    }

    if (r->method == NGX_HTTP_GET || r->method == NGX_HTTP_HEAD) {
        return ngx_http_sms365_get(r, visit, &rest);
    }

    (void) ngx_http_discard_request_body(r);

    return NGX_HTTP_NOT_ALLOWED;
}


static ngx_int_t
ngx_http_sms365_arrive(ngx_http_request_t *r)
{
    ngx_http_sms365_ctx_t  *ctx = ngx_http_sms365_ctx(r);

    if (ngx_http_sms365_judge(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* Whoever has no name has proved nothing: there is nothing for them here, not even a cookie. */
    if (ctx->reason == NGX_HTTP_SMS365_NO_USER) {
        (void) ngx_http_discard_request_body(r);
        return NGX_HTTP_UNAUTHORIZED;
    }

    return ngx_http_sms365_visit(r, ctx);
}


ngx_int_t
ngx_http_sms365_portal_handler(ngx_http_request_t *r)
{
    ngx_http_sms365_ctx_t     *ctx;
    ngx_http_core_loc_conf_t  *clcf;

    if (r != r->main) {
        return NGX_HTTP_FORBIDDEN;
    }

    ctx = ngx_http_sms365_ctx(r);
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!clcf->named) {
        return ngx_http_sms365_turn(r, ngx_http_sms365_arrive);
    }

    /* The way to the portal of the service that was asked for: it need not be this location's. */
    if ((!ctx->judged || ctx->reason == NGX_HTTP_SMS365_FAILED)
        && ngx_http_sms365_judge(r, ctx) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sms365_gate(r, ctx);
}
