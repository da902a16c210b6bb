/* The two ways to demand a session, and what is answered without one. */
#include "ngx_http_sms365_portal.h"


/* 204, 401 or 403, and nothing else: sent here, since a code that is returned to nginx may be for an error_page. */
static ngx_int_t
ngx_http_sms365_auth_answer(ngx_http_request_t *r, ngx_uint_t status)
{
    r->err_status = 0;
    r->headers_out.status = status;
    r->headers_out.content_length_n = status == NGX_HTTP_NO_CONTENT ? -1 : 0;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


/*
 * For auth_request. Whatever goes wrong is no session. Who has no name has not proved a first factor, which is for
 * others to ask for: 403 would hide their 401.
 */
ngx_int_t
ngx_http_sms365_auth_handler(ngx_http_request_t *r)
{
    ngx_http_sms365_ctx_t  *ctx;

    ctx = ngx_http_sms365_ctx(r);

    if (ngx_http_discard_request_body(r) != NGX_OK || ctx == NULL
        || ngx_http_sms365_judge(r, ctx) != NGX_OK)
    {
        return ngx_http_sms365_auth_answer(r, NGX_HTTP_FORBIDDEN);
    }

    if (ctx->reason != NGX_HTTP_SMS365_OK) {
        return ngx_http_sms365_auth_answer(r, NGX_HTTP_UNAUTHORIZED);
    }

    /* A session that cannot be renewed is still one. */
    (void) ngx_http_sms365_renew(r, ctx);

    return ngx_http_sms365_auth_answer(r, NGX_HTTP_NO_CONTENT);
}


ngx_int_t
ngx_http_sms365_access_handler(ngx_http_request_t *r)
{
    ngx_http_sms365_ctx_t       *ctx;
    ngx_http_sms365_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sms365_module);

    /* A location of ours looks by itself at who comes: a portal behind a session would lead to itself for ever. */
    if (!slcf->access || slcf->answers != NULL) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_sms365_ctx(r);

    if (ctx == NULL || ngx_http_sms365_judge(r, ctx) != NGX_OK) {
        return NGX_HTTP_FORBIDDEN;
    }

    if (ctx->reason != NGX_HTTP_SMS365_OK) {
        ngx_http_finalize_request(r, ngx_http_sms365_gate(r, ctx));
        return NGX_DONE;
    }

    (void) ngx_http_sms365_renew(r, ctx);

    return NGX_OK;
}


/* What a browser does with the address that a person typed or followed: only there a redirect leads a person on. */
static ngx_uint_t
ngx_http_sms365_is_navigation(ngx_http_request_t *r)
{
    return (r->method == NGX_HTTP_GET || r->method == NGX_HTTP_HEAD)
           && r->headers_in.upgrade == NULL && !ngx_http_sms365_wants_json(r);
}


static ngx_int_t
ngx_http_sms365_gate_json(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit)
{
    ngx_int_t           rc;
    struct sms365_buf   text;

    /* Neither address can hold what JSON would have to escape. */
    sms365_buf_init(&text, sizeof(visit->escaped) + 1024);
    sms365_buf_puts(&text, "{\"error\":\"code_needed\",\"login\":\"");
    ngx_http_sms365_portal_address(visit, &text, "");
    sms365_buf_puts(&text, "\"}\n");

    rc = text.failed ? NGX_HTTP_INTERNAL_SERVER_ERROR
                     : ngx_http_sms365_send(r, NGX_HTTP_UNAUTHORIZED, "application/json",
                                            sms365_buf_text(&text), text.length);
    sms365_buf_free(&text);

    return rc;
}


/* The page of this host that holds the form that was sent, so that it can be sent again; empty if that is not known. */
static void
ngx_http_sms365_referer(ngx_http_request_t *r, ngx_str_t *path)
{
    u_char           *p, *last;
    ngx_table_elt_t  *host, *referer;

    ngx_str_null(path);
    host = r->headers_in.host;
    referer = r->headers_in.referer;

    if (host == NULL || referer == NULL) {
        return;
    }

    p = referer->value.data;
    last = p + referer->value.len;
    p = ngx_strlchr(p, last, ':');

    if (p == NULL || (size_t) (last - p) <= sizeof("://") - 1 + host->value.len
        || ngx_strncmp(p, "://", sizeof("://") - 1) != 0)
    {
        return;
    }

    p += sizeof("://") - 1;

    if (ngx_strncasecmp(p, host->value.data, host->value.len) == 0 && p[host->value.len] == '/') {
        path->data = p + host->value.len;
        path->len = (size_t) (last - path->data);
    }
}


ngx_int_t
ngx_http_sms365_gate(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx)
{
    ngx_str_t                 where;
    ngx_http_sms365_visit_t  *visit;

    /* What is refused is not asked for: no 100 (Continue). */
    r->expect_tested = 1;

    /* A portal gives sessions of its own service alone: to be led to that of another would be a way in circles. */
    if (ngx_http_discard_request_body(r) != NGX_OK
        || ctx->reason == NGX_HTTP_SMS365_NO_USER
        || ngx_http_sms365_portal_of(r, ctx->service) == NULL)
    {
        return NGX_HTTP_UNAUTHORIZED;
    }

    visit = ngx_http_sms365_visit_create(r, ctx);
    if (visit == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method == NGX_HTTP_GET) {
        where = r->unparsed_uri;

    } else {
        ngx_http_sms365_referer(r, &where);
    }

    if (where.len > 0 && where.len < sizeof(visit->next)) {
        ngx_memcpy(visit->next, where.data, where.len);
        visit->next[where.len] = '\0';
    }

    if (!ngx_http_sms365_is_local(visit->next)) {
        ngx_memcpy(visit->next, "/", sizeof("/"));
    }

    if (ngx_http_sms365_is_navigation(r)) {
        return ngx_http_sms365_back(r, visit, "");
    }

    if (ngx_http_sms365_wants_json(r)) {
        return ngx_http_sms365_gate_json(r, visit);
    }

    ngx_http_sms365_note(visit, "ended");

    /* Browsers take 401, whatever comes with it, for a refusal of auth_basic's password, and ask for it again. */
    return ngx_http_sms365_page(r, visit, NGX_HTTP_SMS365_PAGE_GATE,
                                ngx_http_sms365_from_browser(r) ? NGX_HTTP_FORBIDDEN
                                                                : NGX_HTTP_UNAUTHORIZED);
}
