/* Server-sent events on a request: a response without an end, of which each piece goes out at once. */
#include "ngx_http_sms365_stream.h"


/* A client that takes nothing more is waited for as nginx waits for others. */
static void
ngx_http_sms365_stream_drain(ngx_http_request_t *r)
{
    ngx_event_t               *wev = r->connection->write;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (wev->timedout) {
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (r->buffered || r->connection->buffered) {
        if (!wev->delayed && !wev->timer_set) {
            ngx_add_timer(wev, clcf->send_timeout);
        }

        if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
        }

        return;
    }

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    r->write_event_handler = ngx_http_request_empty_handler;
}


ngx_int_t
ngx_http_sms365_stream_send(ngx_http_request_t *r, const char *field, const char *value)
{
    ngx_buf_t                 *b;
    ngx_chain_t                out;
    ngx_http_core_loc_conf_t  *clcf;

    if (r->buffered || r->connection->buffered) {
        return NGX_AGAIN;
    }

    b = ngx_create_temp_buf(r->pool, ngx_strlen(field) + ngx_strlen(value) + sizeof("\n\n"));
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->last = ngx_sprintf(b->last, "%s%s\n\n", field, value);
    b->flush = 1;

    out.buf = b;
    out.next = NULL;

    if (ngx_http_output_filter(r, &out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (r->buffered || r->connection->buffered) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        r->write_event_handler = ngx_http_sms365_stream_drain;
        ngx_add_timer(r->connection->write, clcf->send_timeout);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sms365_stream_open(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    /* nginx and others in front would otherwise keep events until they have a buffer full of them. */
    if (ngx_http_sms365_harden(r) != NGX_OK
        || ngx_http_sms365_push(r, "X-Accel-Buffering", "no") != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return NGX_ERROR;
    }

    return ngx_http_sms365_stream_send(r, "retry: ", NGX_HTTP_SMS365_RECONNECT);
}


ngx_int_t
ngx_http_sms365_stream_close(ngx_http_request_t *r)
{
    return r->buffered || r->connection->buffered ? NGX_ERROR
                                                  : ngx_http_send_special(r, NGX_HTTP_LAST);
}
