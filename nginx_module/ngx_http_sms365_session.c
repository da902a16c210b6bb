/* A request's user and session. Nothing here waits for anything. */
#include "ngx_http_sms365_journal.h"

#include "pure/cidr.h"


#define NGX_HTTP_SMS365_RENEW_S  60     /* between two renewals of a session */


static ngx_str_t  ngx_http_sms365_reasons[] = {
    ngx_string("ok"),
    ngx_string("no_user"),
    ngx_string("no_cookie"),
    ngx_string("doubled"),
    ngx_string("forged"),
    ngx_string("other_key"),
    ngx_string("expired"),
    ngx_string("early"),
    ngx_string("revoked"),
    ngx_string("untold"),
    ngx_string("not_enrolled"),
    ngx_string("failed")
};


ngx_str_t *
ngx_http_sms365_reason_name(ngx_http_sms365_reason_e reason)
{
    return &ngx_http_sms365_reasons[reason];
}


/* Only a mark by which the context is found again: internal redirects forget contexts, but not cleanups. */
static void
ngx_http_sms365_ctx_mark(void *data)
{
    (void) data;
}


ngx_http_sms365_ctx_t *
ngx_http_sms365_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t     *cln;
    ngx_http_sms365_ctx_t  *ctx;

    r = r->main;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sms365_module);
    if (ctx != NULL) {
        return ctx;
    }

    for (cln = r->pool->cleanup; cln != NULL; cln = cln->next) {
        if (cln->handler == ngx_http_sms365_ctx_mark) {
            ctx = cln->data;
            ngx_http_set_ctx(r, ctx, ngx_http_sms365_module);
            return ctx;
        }
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_sms365_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_sms365_ctx_t));
    cln->handler = ngx_http_sms365_ctx_mark;

    ngx_http_set_ctx(r, ctx, ngx_http_sms365_module);

    return ctx;
}


/* The first bits of the client's address, so many that they name its network. */
static void
ngx_http_sms365_network(ngx_http_request_t *r, struct sms365_span *network)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (r->connection->sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) r->connection->sockaddr;
        network->data = sin6->sin6_addr.s6_addr;
        network->length = 8;

        /* From a socket for both families. The first bits are the same ones for the whole of IPv4. */
        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            network->data = &sin6->sin6_addr.s6_addr[12];
            network->length = 3;
        }

        break;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) r->connection->sockaddr;
        network->data = &sin->sin_addr.s_addr;
        network->length = 3;
        break;

    default:
        network->data = "local";
        network->length = sizeof("local") - 1;
        break;
    }
}


void
ngx_http_sms365_scope(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx,
    enum sms365_purpose purpose, struct sms365_scope *scope)
{
    ngx_str_t                   *host;
    ngx_http_core_srv_conf_t    *cscf;
    ngx_http_sms365_service_t   *service;

    r = r->main;
    service = ctx->service;
    host = &r->headers_in.server;

    if (host->len == 0) {
        cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);
        host = &cscf->server_name;
    }

    ngx_memzero(scope, sizeof(struct sms365_scope));

    scope->purpose = purpose;
    scope->service.data = service->name.data;
    scope->service.length = service->name.len;
    scope->user.data = ctx->user.data;
    scope->user.length = ctx->user.len;

    if (purpose != SMS365_PURPOSE_LOGIN && purpose != SMS365_PURPOSE_FORM
        && service->conf.domain[0] != '\0')
    {
        scope->host.data = service->conf.domain;
        scope->host.length = ngx_strlen(service->conf.domain);

    } else {
        scope->host.data = host->data;
        scope->host.length = host->len;
    }

    if (service->conf.session_network) {
        ngx_http_sms365_network(r, &scope->network);
    }

    ngx_memcpy(scope->enrolment, ctx->enrolled->enrolment, SMS365_ENROLMENT_BYTES);
}


/* The user that sms365_user names, for whom a phone is known. */
static ngx_http_sms365_reason_e
ngx_http_sms365_judge_user(ngx_http_request_t *r, ngx_http_sms365_loc_conf_t *slcf,
    ngx_http_sms365_ctx_t *ctx)
{
    size_t      i;
    ngx_str_t   phone;
    char        text[64];

    if (slcf->user == NULL
        || ngx_http_complex_value(r, slcf->user, &ctx->user) != NGX_OK)
    {
        return NGX_HTTP_SMS365_FAILED;
    }

    if (ctx->user.len == 0) {
        return NGX_HTTP_SMS365_NO_USER;
    }

    for (i = 0; i < ctx->user.len; i++) {
        if (ctx->user.data[i] < ' ' || ctx->user.data[i] == 0x7f) {
            return NGX_HTTP_SMS365_NO_USER;
        }
    }

    if (slcf->phone == NULL) {
        ctx->enrolled = ngx_http_sms365_user_find(ctx->service, &ctx->user);
        return ctx->enrolled != NULL ? NGX_HTTP_SMS365_OK
                                     : NGX_HTTP_SMS365_NOT_ENROLLED;
    }

    if (ctx->user.len > NGX_HTTP_SMS365_USER_MAX
        || ngx_http_complex_value(r, slcf->phone, &phone) != NGX_OK
        || phone.len >= sizeof(text))
    {
        return NGX_HTTP_SMS365_NOT_ENROLLED;
    }

    if (ctx->own == NULL) {
        ctx->own = ngx_palloc(r->pool, sizeof(ngx_http_sms365_user_t));
        if (ctx->own == NULL) {
            return NGX_HTTP_SMS365_FAILED;
        }
    }

    ngx_memzero(ctx->own, sizeof(ngx_http_sms365_user_t));
    ngx_memcpy(ctx->own->name, ctx->user.data, ctx->user.len);
    *ngx_copy(text, phone.data, phone.len) = '\0';

    if (!sms365_msisdn_parse(ctx->own->numbers[0].msisdn, text)) {
        return NGX_HTTP_SMS365_NOT_ENROLLED;
    }

    ctx->own->count = 1;

    if (!sms365_enrolment(ctx->own->enrolment, ctx->service->tickets,
                          ctx->own->numbers, 1))
    {
        return NGX_HTTP_SMS365_FAILED;
    }

    ctx->enrolled = ctx->own;

    return NGX_HTTP_SMS365_OK;
}


/* Whether the client is where no code is asked for: there are sessions that hold only there. */
static ngx_uint_t
ngx_http_sms365_is_trusted(ngx_http_request_t *r, ngx_http_sms365_service_t *service)
{
    char        host[NGX_SOCKADDR_STRLEN + 1];
    ngx_str_t  *address;

    if (service->conf.trusted[0] == '\0') {
        return 0;
    }

    address = &r->main->connection->addr_text;
    *ngx_copy(host, address->data, ngx_min(address->len, sizeof(host) - 1)) = '\0';

    return sms365_cidr_trusts(service->conf.trusted, host);
}


static enum sms365_ticket_state
ngx_http_sms365_check_ticket(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx,
    enum sms365_purpose purpose, ngx_str_t *text)
{
    struct sms365_scope          scope;
    ngx_http_sms365_service_t   *service = ctx->service;
    struct sms365_ticket_limits  limits;

    limits.life_s = service->conf.session_life_s;
    limits.idle_s = service->conf.session_idle_s;

    ngx_http_sms365_scope(r, ctx, purpose, &scope);

    return sms365_ticket_check(&ctx->ticket, service->tickets, &scope, &limits,
                               (char *) text->data, text->len, ngx_time());
}


static ngx_http_sms365_reason_e
ngx_http_sms365_judge_ticket(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx)
{
    ngx_http_sms365_token_t   *token;
    enum sms365_ticket_state   state;

    token = ngx_http_sms365_token(ctx, NGX_HTTP_SMS365_COOKIE_SESSION);

    if (token->times > 1) {
        return NGX_HTTP_SMS365_DOUBLED;
    }

    if (token->text.len == 0) {
        return NGX_HTTP_SMS365_NO_COOKIE;
    }

    ctx->trusted = 0;
    state = ngx_http_sms365_check_ticket(r, ctx, SMS365_PURPOSE_SESSION, &token->text);

    if (state == SMS365_TICKET_FORGED && ngx_http_sms365_is_trusted(r, ctx->service)) {
        ctx->trusted = 1;
        state = ngx_http_sms365_check_ticket(r, ctx, SMS365_PURPOSE_TRUSTED, &token->text);
    }

    switch (state) {

    case SMS365_TICKET_VALID:
        return ngx_http_sms365_revoked(ctx, &ctx->ticket);
    case SMS365_TICKET_OTHER_KEY:
        return NGX_HTTP_SMS365_OTHER_KEY;
    case SMS365_TICKET_EXPIRED:
        return NGX_HTTP_SMS365_EXPIRED;
    case SMS365_TICKET_EARLY:
        return NGX_HTTP_SMS365_EARLY;
    case SMS365_TICKET_FORGED:
        break;
    }

    return NGX_HTTP_SMS365_FORGED;
}


ngx_int_t
ngx_http_sms365_judge(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx)
{
    ngx_http_sms365_loc_conf_t  *slcf;

    r = r->main;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sms365_module);

    if (slcf->service == NULL) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "sms365_user is missing in the location that was asked "
                      "for: it has to stand there, or in the server block");
        ctx->reason = NGX_HTTP_SMS365_FAILED;
        return NGX_ERROR;
    }

    /* It may change with an internal redirect. */
    ctx->service = slcf->service;
    ctx->judged = 1;
    ctx->enrolled = NULL;

    ctx->reason = ngx_http_sms365_read_cookies(r, ctx) == NGX_OK
                  ? ngx_http_sms365_judge_user(r, slcf, ctx)
                  : NGX_HTTP_SMS365_FAILED;

    if (ctx->reason == NGX_HTTP_SMS365_OK) {
        ctx->reason = ngx_http_sms365_judge_ticket(r, ctx);
    }

    return ctx->reason == NGX_HTTP_SMS365_FAILED ? NGX_ERROR : NGX_OK;
}


ngx_uint_t
ngx_http_sms365_browser(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx,
    struct sms365_ticket *ticket)
{
    struct sms365_scope          scope;
    ngx_http_sms365_token_t     *token;
    ngx_http_sms365_service_t   *service = ctx->service;
    struct sms365_ticket_limits  limits = { 0 };

    token = ngx_http_sms365_token(ctx, NGX_HTTP_SMS365_COOKIE_REMEMBER);

    if (service->conf.remember_days == 0 || token->times != 1) {
        return 0;
    }

    limits.life_s = service->conf.remember_days * NGX_HTTP_SMS365_DAY;
    ngx_http_sms365_scope(r, ctx, SMS365_PURPOSE_REMEMBER, &scope);

    return sms365_ticket_check(ticket, service->tickets, &scope, &limits,
                               (char *) token->text.data, token->text.len, ngx_time())
           == SMS365_TICKET_VALID;
}


ngx_int_t
ngx_http_sms365_ticket_write(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx,
    ngx_http_sms365_cookie_e cookie, const struct sms365_ticket *ticket)
{
    char                        text[SMS365_TICKET_SIZE];
    ngx_uint_t                  remember;
    enum sms365_purpose         purpose;
    struct sms365_scope         scope;
    ngx_http_sms365_service_t  *service;

    service = ctx->service;
    remember = cookie == NGX_HTTP_SMS365_COOKIE_REMEMBER;
    purpose = ctx->trusted ? SMS365_PURPOSE_TRUSTED : SMS365_PURPOSE_SESSION;

    ngx_http_sms365_scope(r, ctx, remember ? SMS365_PURPOSE_REMEMBER : purpose, &scope);

    if (!sms365_ticket_make(text, service->tickets, &scope, ticket)) {
        return NGX_ERROR;
    }

    return ngx_http_sms365_set_cookie(r->main, service, cookie, text,
                                      remember ? ticket->expires_s - ticket->issued_s : -1);
}


ngx_int_t
ngx_http_sms365_renew(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx)
{
    time_t                after;
    struct sms365_ticket  fresh;

    /* Whoever asks for something once in half the idle time must not lose it. */
    after = ngx_min(NGX_HTTP_SMS365_RENEW_S, ctx->service->conf.session_idle_s / 2);

    if (ctx->renewed || ctx->reason != NGX_HTTP_SMS365_OK
        || ngx_time() - ctx->ticket.seen_s < after)
    {
        return NGX_OK;
    }

    fresh = ctx->ticket;
    fresh.seen_s = ngx_time();
    ctx->renewed = 1;

    return ngx_http_sms365_ticket_write(r, ctx, NGX_HTTP_SMS365_COOKIE_SESSION, &fresh);
}
