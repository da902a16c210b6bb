/* What may take long in all, taken in pieces: other requests have their turn of the event loop in between. */
#include "ngx_http_sms365_module.h"

#include "edges/monotonic.h"


#define NGX_HTTP_SMS365_TURN       1500     /* us */
#define NGX_HTTP_SMS365_TURN_WAIT  60000    /* ms that a worker that is to end waits for requests that wait */


/* A request that waits for its turn. */
typedef struct {
    ngx_queue_t                 queue;
    ngx_http_request_t         *r;
    ngx_http_handler_pt         handler;
} ngx_http_sms365_turn_wait_t;


static ngx_queue_t              ngx_http_sms365_turn_waiting;
static ngx_event_t              ngx_http_sms365_turn_event;
static ngx_connection_t         ngx_http_sms365_turn_dummy;
static ngx_http_sms365_share_t  ngx_http_sms365_turn_share;


static void
ngx_http_sms365_turn_next(ngx_event_t *ev)
{
    (void) ev;
}


ngx_uint_t
ngx_http_sms365_turn_may(ngx_http_sms365_share_t *share)
{
    int64_t  now = sms365_monotonic_us();

    if (!share->next.posted) {
        share->next.handler = ngx_http_sms365_turn_next;
        share->next.data = &ngx_http_sms365_turn_dummy;
        share->next.log = ngx_cycle->log;
        ngx_post_event(&share->next, &ngx_posted_next_events);

        share->until = now + NGX_HTTP_SMS365_TURN;
    }

    return now < share->until;
}


/* While any wait, their event is posted, and its timer, which is not cancelable, keeps a worker that is to end. */
static void
ngx_http_sms365_turn_watch(void)
{
    ngx_event_t  *ev = &ngx_http_sms365_turn_event;

    if (ngx_queue_empty(&ngx_http_sms365_turn_waiting)) {
        if (ev->timer_set) {
            ngx_del_timer(ev);
        }

        return;
    }

    if (!ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_SMS365_TURN_WAIT);
    }

    ngx_post_event(ev, &ngx_posted_next_events);
}


/* The request is had, or gone. */
static void
ngx_http_sms365_turn_over(void *data)
{
    ngx_http_sms365_turn_wait_t  *wait = data;

    if (wait->r != NULL) {
        ngx_queue_remove(&wait->queue);
        wait->r = NULL;
    }
}


/* In the order in which they came. */
static void
ngx_http_sms365_turn_run(ngx_event_t *ev)
{
    ngx_queue_t                  *first;
    ngx_connection_t             *c;
    ngx_http_request_t           *r;
    ngx_http_sms365_turn_wait_t  *wait;

    (void) ev;

    while (!ngx_queue_empty(&ngx_http_sms365_turn_waiting)
           && ngx_http_sms365_turn_may(&ngx_http_sms365_turn_share))
    {
        first = ngx_queue_head(&ngx_http_sms365_turn_waiting);
        wait = ngx_queue_data(first, ngx_http_sms365_turn_wait_t, queue);

        r = wait->r;
        c = r->connection;
        ngx_http_sms365_turn_over(wait);

        ngx_http_set_log_request(c->log, r);

        ngx_http_finalize_request(r, wait->handler(r));
        ngx_http_run_posted_requests(c);
    }

    ngx_http_sms365_turn_watch();
}


ngx_int_t
ngx_http_sms365_turn(ngx_http_request_t *r, ngx_http_handler_pt handler)
{
    ngx_http_cleanup_t           *cln;
    ngx_http_sms365_turn_wait_t  *wait;

    /* Nobody comes before those who wait. */
    if (ngx_queue_empty(&ngx_http_sms365_turn_waiting)
        && ngx_http_sms365_turn_may(&ngx_http_sms365_turn_share))
    {
        return handler(r);
    }

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_sms365_turn_wait_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    wait = cln->data;
    wait->r = r;
    wait->handler = handler;
    cln->handler = ngx_http_sms365_turn_over;

    ngx_queue_insert_tail(&ngx_http_sms365_turn_waiting, &wait->queue);
    ngx_http_sms365_turn_watch();

    r->main->count++;

    return NGX_DONE;
}


void
ngx_http_sms365_turn_init(ngx_cycle_t *cycle)
{
    ngx_queue_init(&ngx_http_sms365_turn_waiting);

    ngx_http_sms365_turn_dummy.fd = (ngx_socket_t) -1;
    ngx_http_sms365_turn_event.handler = ngx_http_sms365_turn_run;
    ngx_http_sms365_turn_event.data = &ngx_http_sms365_turn_dummy;
    ngx_http_sms365_turn_event.log = cycle->log;
}
