/* The two ways to demand a session, and what is answered without one. */
#include "ngx_http_sms365_module.h"


/*
 * For auth_request. Whatever goes wrong is no session: 204, 401 or 403, and nothing else. Who has no name has not proved
 * a first factor, which is for others to ask for: 403 would hide their 401.
 */
ngx_int_t
ngx_http_sms365_auth_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_sms365_ctx_t  *ctx;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return NGX_HTTP_FORBIDDEN;
    }

    ctx = ngx_http_sms365_ctx(r);

    if (ctx == NULL || ngx_http_sms365_judge(r, ctx) != NGX_OK) {
        return NGX_HTTP_FORBIDDEN;
    }

    if (ctx->reason != NGX_HTTP_SMS365_OK) {
        return NGX_HTTP_UNAUTHORIZED;
    }

    /* A session that cannot be renewed is still one. */
    (void) ngx_http_sms365_renew(r, ctx);

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


ngx_int_t
ngx_http_sms365_access_handler(ngx_http_request_t *r)
{
    ngx_http_sms365_ctx_t       *ctx;
    ngx_http_sms365_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sms365_module);

    if (!slcf->access) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_sms365_ctx(r);

    if (ctx == NULL || ngx_http_sms365_judge(r, ctx) != NGX_OK) {
        return NGX_HTTP_FORBIDDEN;
    }

    if (ctx->reason != NGX_HTTP_SMS365_OK) {
        return ngx_http_sms365_gate(r, ctx);
    }

    (void) ngx_http_sms365_renew(r, ctx);

    return NGX_OK;
}


ngx_int_t
ngx_http_sms365_gate(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx)
{
    return NGX_HTTP_UNAUTHORIZED;
}
