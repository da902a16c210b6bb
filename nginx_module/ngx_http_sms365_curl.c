/* libcurl's multi interface on nginx's events and timers: one for each worker. */
#include "ngx_http_sms365_job.h"

#include "edges/curl_init.h"
#include "edges/process.h"

#include <openssl/err.h>
#include <openssl/ssl.h>


#define NGX_HTTP_SMS365_CONNECTIONS  64L    /* to providers, that are kept */
#define NGX_HTTP_SMS365_ROOMS        4096   /* requests under way that take no more memory than they need */


typedef struct {
    CURLM                    *multi;
    ngx_queue_t               begun;    /* transfers that libcurl is still to be given */
    ngx_event_t               timer;
    ngx_http_sms365_share_t   share;
    ngx_connection_t          dummy;    /* what looks at a timer's connection finds one without a descriptor */
} ngx_http_sms365_curl_t;


static ngx_http_sms365_curl_t  ngx_http_sms365_curl;


static void
ngx_http_sms365_curl_finish(void)
{
    int                         left;
    CURL                       *easy;
    char                       *private;
    CURLMsg                    *message;
    CURLcode                    code;
    ngx_http_sms365_transfer_t *transfer;

    while ((message = curl_multi_info_read(ngx_http_sms365_curl.multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }

        /* The message is gone with the handle. */
        easy = message->easy_handle;
        code = message->data.result;
        private = NULL;

        (void) curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
        (void) curl_multi_remove_handle(ngx_http_sms365_curl.multi, easy);

        transfer = (ngx_http_sms365_transfer_t *) (void *) private;
        transfer->done(transfer, code);
    }
}


static void
ngx_http_sms365_curl_act(curl_socket_t fd, int events)
{
    int  running;

    sms365_environment_hide();

    (void) curl_multi_socket_action(ngx_http_sms365_curl.multi, fd, events, &running);

    sms365_environment_restore();

    ngx_http_sms365_curl_finish();
}


static void
ngx_http_sms365_curl_event(ngx_event_t *ev)
{
    ngx_connection_t  *c = ev->data;

    /* A hundred handshakes at once take their time, but not that of other requests. */
    if (ngx_http_sms365_turn_may(&ngx_http_sms365_curl.share)) {
        ngx_http_sms365_curl_act(c->fd, ev->write ? CURL_CSELECT_OUT : CURL_CSELECT_IN);
    }
}


/* One at a time, since libcurl connects all that it was given in one go. */
static void
ngx_http_sms365_curl_give(void)
{
    ngx_queue_t                 *first;
    ngx_http_sms365_transfer_t  *transfer;

    first = ngx_queue_head(&ngx_http_sms365_curl.begun);
    ngx_queue_remove(first);

    transfer = ngx_queue_data(first, ngx_http_sms365_transfer_t, queue);

    if (curl_multi_add_handle(ngx_http_sms365_curl.multi, transfer->http->easy) != CURLM_OK) {
        transfer->done(transfer, CURLE_OUT_OF_MEMORY);
    }
}


static void
ngx_http_sms365_curl_timeout(ngx_event_t *ev)
{
    do {
        if (!ngx_http_sms365_turn_may(&ngx_http_sms365_curl.share)) {
            ngx_post_event(ev, &ngx_posted_next_events);
            return;
        }

        if (!ngx_queue_empty(&ngx_http_sms365_curl.begun)) {
            ngx_http_sms365_curl_give();
        }

        ngx_http_sms365_curl_act(CURL_SOCKET_TIMEOUT, 0);

    } while (!ngx_queue_empty(&ngx_http_sms365_curl.begun));
}


/* Level-triggered: libcurl does not read until there is nothing more, nor is it given every event at once. */
static void
ngx_http_sms365_curl_watch(ngx_event_t *ev, ngx_int_t event, ngx_uint_t wanted)
{
    if (wanted && !ev->active) {
        (void) ngx_add_event(ev, event, NGX_LEVEL_EVENT);

    } else if (!wanted && ev->active) {
        (void) ngx_del_event(ev, event, 0);
    }
}


/* The descriptor is libcurl's, which will close it. */
static void
ngx_http_sms365_curl_forget(ngx_connection_t *c)
{
    ngx_http_sms365_curl_watch(c->read, NGX_READ_EVENT, 0);
    ngx_http_sms365_curl_watch(c->write, NGX_WRITE_EVENT, 0);

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
}


static int
ngx_http_sms365_curl_socket(CURL *easy, curl_socket_t fd, int what, void *context,
    void *known)
{
    ngx_connection_t  *c = known;

    (void) easy;
    (void) context;

    if (what == CURL_POLL_REMOVE) {
        if (c != NULL) {
            ngx_http_sms365_curl_forget(c);
        }

        return 0;
    }

    if (c == NULL) {
        c = ngx_get_connection(fd, ngx_cycle->log);
        if (c == NULL) {
            /* Not an error to libcurl, which would not survive it: the transfer runs into its timeout. */
            return 0;
        }

        c->read->handler = ngx_http_sms365_curl_event;
        c->write->handler = ngx_http_sms365_curl_event;
        c->read->log = ngx_cycle->log;
        c->write->log = ngx_cycle->log;

        (void) curl_multi_assign(ngx_http_sms365_curl.multi, fd, c);
    }

    ngx_http_sms365_curl_watch(c->read, NGX_READ_EVENT, (what & CURL_POLL_IN) != 0);
    ngx_http_sms365_curl_watch(c->write, NGX_WRITE_EVENT, (what & CURL_POLL_OUT) != 0);

    return 0;
}


static int
ngx_http_sms365_curl_set_timer(CURLM *multi, long timeout_ms, void *context)
{
    ngx_event_t  *timer = &ngx_http_sms365_curl.timer;

    (void) multi;
    (void) context;

    /* A timer that is changed by less than 300 ms nginx leaves as it is. */
    if (timer->timer_set) {
        ngx_del_timer(timer);
    }

    if (timer->posted && ngx_queue_empty(&ngx_http_sms365_curl.begun)) {
        ngx_delete_posted_event(timer);
    }

    if (timeout_ms == 0) {
        ngx_post_event(timer, &ngx_posted_next_events);

    } else if (timeout_ms > 0) {
        ngx_add_timer(timer, (ngx_msec_t) timeout_ms);
    }

    return 0;
}


ngx_int_t
ngx_http_sms365_curl_start(ngx_http_sms365_transfer_t *transfer)
{
    if (!SMS365_CURL_SET(transfer->http->easy, CURLOPT_PRIVATE, transfer)) {
        return NGX_ERROR;
    }

    ngx_queue_insert_tail(&ngx_http_sms365_curl.begun, &transfer->queue);
    ngx_post_event(&ngx_http_sms365_curl.timer, &ngx_posted_next_events);

    return NGX_OK;
}


/* What OpenSSL makes ready for a first handshake takes several times as long as the handshake: begin one with nobody. */
static void
ngx_http_sms365_curl_warm(void)
{
    SSL      *ssl;
    SSL_CTX  *ctx;

    ctx = SSL_CTX_new(TLS_client_method());
    ssl = ctx == NULL ? NULL : SSL_new(ctx);

    if (ssl != NULL) {
        SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        (void) SSL_connect(ssl);
    }

    SSL_free(ssl);
    SSL_CTX_free(ctx);
    ERR_clear_error();
}


ngx_int_t
ngx_http_sms365_curl_init(ngx_cycle_t *cycle)
{
    CURLM        *multi;
    ngx_event_t  *timer;

    sms365_environment_hide();

    sms365_curl_rooms(NGX_HTTP_SMS365_ROOMS);

    multi = sms365_curl_init() ? curl_multi_init() : NULL;

    ngx_http_sms365_curl_warm();

    sms365_environment_restore();

    ngx_http_sms365_curl.multi = multi;

    if (multi == NULL
        || curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, ngx_http_sms365_curl_socket)
        || curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, ngx_http_sms365_curl_set_timer)
        || curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, NGX_HTTP_SMS365_CONNECTIONS))
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "sms365: libcurl cannot be initialised");
        return NGX_ERROR;
    }

    ngx_queue_init(&ngx_http_sms365_curl.begun);
    ngx_http_sms365_curl.dummy.fd = (ngx_socket_t) -1;

    timer = &ngx_http_sms365_curl.timer;
    timer->handler = ngx_http_sms365_curl_timeout;
    timer->data = &ngx_http_sms365_curl.dummy;
    timer->log = cycle->log;
    timer->cancelable = 1;

    return NGX_OK;
}


void
ngx_http_sms365_curl_exit(void)
{
    if (ngx_http_sms365_curl.multi == NULL) {
        return;
    }

    (void) curl_multi_cleanup(ngx_http_sms365_curl.multi);
    ngx_http_sms365_curl.multi = NULL;

    if (ngx_http_sms365_curl.timer.timer_set) {
        ngx_del_timer(&ngx_http_sms365_curl.timer);
    }
}
