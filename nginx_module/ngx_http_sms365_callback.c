/* Delivery reports, as the provider calls with them: into the spool, where whoever waits for them looks. */
#include "ngx_http_sms365_job.h"

#include "edges/spool.h"

#include <unistd.h>


/* A report on its way to the spool. */
typedef struct {
    ngx_thread_task_t            task;
    ngx_http_request_t          *r;
    ngx_http_sms365_service_t   *service;
    struct sms365_report         report;
    enum sms365_err              code;
    struct sms365_error          err;
} ngx_http_sms365_call_t;


static ngx_int_t
ngx_http_sms365_callback_answer(ngx_http_request_t *r, ngx_uint_t status)
{
    /* Its own words for every one of these, so that no page of an application takes its place. */
    r->err_status = 0;
    r->headers_out.status = status;
    r->headers_out.content_length_n = 0;
    r->header_only = 1;

    return ngx_http_send_header(r);
}


static void
ngx_http_sms365_callback_keep(void *data, ngx_log_t *log)
{
    int                      dir;
    ngx_http_sms365_call_t  *call = data;

    (void) log;

    call->code = sms365_spool_open(&dir, call->service->conf.spool, &call->err);

    if (call->code == SMS365_OK) {
        call->code = sms365_spool_keep(dir, &call->report, &call->service->callback_key,
                                       &call->err);
        (void) close(dir);
    }
}


static void
ngx_http_sms365_callback_kept(ngx_event_t *ev)
{
    ngx_uint_t               status;
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_sms365_call_t  *call = ev->data;

    r = call->r;
    c = r->connection;
    r->main->blocked--;

    ngx_http_set_log_request(c->log, r);

    if (call->code == SMS365_OK || call->code == SMS365_EXISTS) {
        status = NGX_HTTP_OK;

    } else {
        ngx_log_error(NGX_LOG_ERR, c->log, 0, "sms365: %s", call->err.text);
        status = NGX_HTTP_SERVICE_UNAVAILABLE;
    }

    ngx_http_finalize_request(r, ngx_http_sms365_callback_answer(r, status));
    ngx_http_run_posted_requests(c);
}


static ngx_uint_t
ngx_http_sms365_callback_from(ngx_http_request_t *r, ngx_http_sms365_service_t *service)
{
    char         address[NGX_SOCKADDR_STRLEN + 1];
    ngx_str_t   *text = &r->connection->addr_text;

    if (service->conf.callback_from[0] == '\0') {
        return 1;
    }

    ngx_memcpy(address, text->data, text->len);
    address[text->len] = '\0';

    return sms365_cidr_list_match(&service->callers, address, NULL);
}


ngx_int_t
ngx_http_sms365_callback_handler(ngx_http_request_t *r)
{
    ngx_int_t                    rc;
    ngx_http_sms365_call_t      *call;
    ngx_http_sms365_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sms365_module);

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (r != r->main || r->method != NGX_HTTP_GET) {
        return ngx_http_sms365_callback_answer(r, NGX_HTTP_NOT_ALLOWED);
    }

    if (!ngx_http_sms365_callback_from(r, slcf->service)) {
        return ngx_http_sms365_callback_answer(r, NGX_HTTP_FORBIDDEN);
    }

    call = ngx_pcalloc(r->pool, sizeof(ngx_http_sms365_call_t));
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* Who has no token of ours is told as little as if there were nothing here. */
    if (r->args.len == 0
        || !sms365_report_take(&call->report, (char *) r->args.data, r->args.len,
                               &slcf->service->callback_key))
    {
        return ngx_http_sms365_callback_answer(r, NGX_HTTP_NOT_FOUND);
    }

    if (call->report.delivery == SMS365_DELIVERY_PENDING) {
        return ngx_http_sms365_callback_answer(r, NGX_HTTP_OK);
    }

    call->r = r;
    call->service = slcf->service;

    if (ngx_http_sms365_thread(call->service, &call->task, call, ngx_http_sms365_callback_keep,
                               ngx_http_sms365_callback_kept)
        != NGX_OK)
    {
        return ngx_http_sms365_callback_answer(r, NGX_HTTP_SERVICE_UNAVAILABLE);
    }

    /* While it is being written, the request stays even where the client does not. */
    r->main->blocked++;
    r->main->count++;

    return NGX_DONE;
}
