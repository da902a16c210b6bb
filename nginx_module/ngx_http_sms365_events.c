/*
 * What becomes of a message, sent to the page that shows it (server-sent events): an open request is a stream, that
 * costs no thread but for a look at how things are. It looks when a report comes to lie in the spool, when the message
 * is still being sent or the spool cannot be watched once a second, and otherwise before it sends a sign of life.
 */
#include "ngx_http_sms365_portal.h"
#include "ngx_http_sms365_spool.h"
#include "ngx_http_sms365_stream.h"

#include <cjson/cJSON.h>


#define NGX_HTTP_SMS365_TICK      250       /* ms between two walks over the streams, and the most a reload waits */
#define NGX_HTTP_SMS365_SOON      1000      /* ms until the next look, where nobody tells of news */
#define NGX_HTTP_SMS365_BEAT      15000     /* ms without anything sent after which a comment is */
#define NGX_HTTP_SMS365_TABS      4         /* streams of one browser, in one worker */


struct ngx_http_sms365_stream_s {
    ngx_queue_t                 queue;
    ngx_http_request_t         *r;
    ngx_http_sms365_visit_t    *visit;
    ngx_http_sms365_job_t      *job;        /* that looks; NULL: none */
    char                        report[SMS365_REPORT_NAME_SIZE];  /* name of the one that is awaited */
    ngx_http_sms365_page_e      page;       /* what was told last, and of which message */
    struct sms365_view          view;
    ngx_msec_t                  look;       /* when to look again */
    ngx_msec_t                  sent;       /* when something was sent */
    unsigned                    open:1;     /* the header is sent */
    unsigned                    due:1;      /* a report has come */
    unsigned                    watched:1;
    unsigned                    gone:1;     /* its end is there, the request's may take a while */
};


static ngx_queue_t       ngx_http_sms365_streams;
static ngx_uint_t        ngx_http_sms365_stream_count;
static ngx_event_t       ngx_http_sms365_tick;
static ngx_connection_t  ngx_http_sms365_tick_dummy;


/* At its end, or at that of its request: whichever comes first. Nothing looks for it any more. */
static void
ngx_http_sms365_stream_gone(void *data)
{
    ngx_http_sms365_stream_t  *stream = data;

    if (stream->gone) {
        return;
    }

    stream->gone = 1;

    if (stream->job != NULL) {
        stream->job->r = NULL;
    }

    ngx_queue_remove(&stream->queue);
    ngx_http_sms365_stream_count--;
}


/* --- What is sent --- */

/* The request may be gone by now. */
static void
ngx_http_sms365_stream_end(ngx_http_sms365_stream_t *stream, ngx_uint_t status)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r = stream->r;

    ngx_http_sms365_stream_gone(stream);

    rc = stream->open ? ngx_http_sms365_stream_close(r)
                      : ngx_http_sms365_send(r, status, "text/plain", "", 0);

    ngx_http_finalize_request(r, rc);
}


/* Whether anything that a page shows has changed. */
static ngx_uint_t
ngx_http_sms365_stream_news(ngx_http_sms365_stream_t *stream, ngx_http_sms365_page_e page,
    const struct sms365_view *view)
{
    return stream->page != page
           || ngx_memcmp(stream->view.id, view->id, sizeof(view->id)) != 0
           || stream->view.delivery != view->delivery
           || stream->view.unusable != view->unusable
           || stream->view.tries_left != view->tries_left;
}


static ngx_int_t
ngx_http_sms365_stream_tell(ngx_http_sms365_stream_t *stream, ngx_http_sms365_page_e page,
    const struct sms365_view *view)
{
    char       *text;
    ngx_int_t   rc;

    if (!stream->open) {
        if (ngx_http_sms365_stream_open(stream->r) != NGX_OK) {
            return NGX_ERROR;
        }

        stream->open = 1;

    } else if (!ngx_http_sms365_stream_news(stream, page, view)) {
        if (ngx_current_msec - stream->sent < NGX_HTTP_SMS365_BEAT) {
            return NGX_OK;
        }

        stream->sent = ngx_current_msec;
        return ngx_http_sms365_stream_send(stream->r, ":", "");
    }

    text = ngx_http_sms365_json(stream->visit, page, 0);
    if (text == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_sms365_stream_send(stream->r, "data: ", text);
    cJSON_free(text);

    if (rc == NGX_OK) {
        stream->page = page;
        stream->view = *view;
        stream->sent = ngx_current_msec;
    }

    return rc;
}


/* --- What is looked at --- */

/* Whether anything is still to come: the end of a send, or of the way to the phone. */
static ngx_uint_t
ngx_http_sms365_stream_awaits(const struct sms365_view *view)
{
    return view->life_ms > 0 && (view->unusable || view->awaited);
}


/* How things are: the end of a look. */
static void
ngx_http_sms365_stream_seen(ngx_http_request_t *r, ngx_http_sms365_job_t *job,
    ngx_http_sms365_end_e end)
{
    ngx_int_t                  rc;
    ngx_uint_t                 more, denied;
    ngx_msec_t                 wait;
    struct sms365_view         view = { 0 };
    ngx_http_sms365_page_e     page;
    ngx_http_sms365_visit_t   *visit = ngx_http_sms365_ctx(r)->visit;
    ngx_http_sms365_stream_t  *stream = visit->stream;

    stream->look = ngx_current_msec + NGX_HTTP_SMS365_SOON;

    if (end == NGX_HTTP_SMS365_BROKEN) {
        if (!stream->open) {
            ngx_http_sms365_stream_end(stream, NGX_HTTP_SERVICE_UNAVAILABLE);
        }
        return;
    }

    denied = end == NGX_HTTP_SMS365_DECIDED
             || (end == NGX_HTTP_SMS365_OPEN && job->view.instead);
    page = denied ? NGX_HTTP_SMS365_PAGE_DENIED : NGX_HTTP_SMS365_PAGE_SEND;

    if (end == NGX_HTTP_SMS365_OPEN && !denied) {
        page = NGX_HTTP_SMS365_PAGE_CODE;
        view = job->view;
        sms365_report_name(stream->report, view.id);
        (void) sms365_str_copy(visit->number, sizeof(visit->number), view.number);
    }

    more = ngx_http_sms365_stream_awaits(&view);

    if (!more && !stream->open) {
        ngx_http_sms365_stream_end(stream, NGX_HTTP_NO_CONTENT);
        return;
    }

    visit->view = page == NGX_HTTP_SMS365_PAGE_CODE ? &view : NULL;
    rc = ngx_http_sms365_stream_tell(stream, page, &view);
    visit->view = NULL;

    if (rc == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);

    } else if (!more && rc == NGX_OK) {
        ngx_http_sms365_stream_end(stream, NGX_HTTP_NO_CONTENT);

    } else if (rc == NGX_OK && stream->watched && !view.unusable) {
        wait = (ngx_msec_t) ngx_min(view.life_ms, NGX_HTTP_SMS365_BEAT);
        stream->look = ngx_current_msec + wait;
    }
}


static void ngx_http_sms365_streams_reported(const char *name);


static void
ngx_http_sms365_stream_look(ngx_http_sms365_stream_t *stream)
{
    ngx_http_sms365_job_t    *job;
    ngx_http_sms365_visit_t  *visit = stream->visit;

    /* First the watch, then the look: what comes between them is not missed. */
    stream->due = 0;
    stream->look = ngx_current_msec + NGX_HTTP_SMS365_SOON;
    stream->watched = ngx_http_sms365_spool_watch(visit->ctx->service,
                                                  ngx_http_sms365_streams_reported) & 1;

    job = ngx_http_sms365_job_create(stream->r, visit->ctx, visit->login.id);

    if (job == NULL) {
        if (!stream->open) {
            ngx_http_sms365_stream_end(stream, NGX_HTTP_SERVICE_UNAVAILABLE);
        }
        return;
    }

    job->wish = NGX_HTTP_SMS365_LOOK;
    job->strict = 1;        /* nobody is let in by a look */
    job->language = visit->language;
    job->end = ngx_http_sms365_stream_seen;
    job->mark = &stream->job;

    ngx_http_sms365_job_start(job);
}


/* --- All of them --- */

/* The first comes after NULL, and NULL after the last. */
static ngx_http_sms365_stream_t *
ngx_http_sms365_stream_after(ngx_http_sms365_stream_t *stream)
{
    ngx_queue_t  *q;

    q = stream == NULL ? ngx_queue_head(&ngx_http_sms365_streams) : ngx_queue_next(&stream->queue);

    return q == ngx_queue_sentinel(&ngx_http_sms365_streams)
           ? NULL : ngx_queue_data(q, ngx_http_sms365_stream_t, queue);
}


static ngx_http_sms365_stream_t *
ngx_http_sms365_stream_due(void)
{
    ngx_http_sms365_stream_t  *stream;

    for (stream = ngx_http_sms365_stream_after(NULL); stream != NULL;
         stream = ngx_http_sms365_stream_after(stream))
    {
        if (ngx_exiting
            || (stream->job == NULL
                && (stream->due || (ngx_msec_int_t) (stream->look - ngx_current_msec) <= 0)))
        {
            return stream;
        }
    }

    return NULL;
}


/* What is done to one may end others with it: each is looked for anew. A worker that is to end keeps none. */
static void
ngx_http_sms365_streams_run(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_http_sms365_stream_t  *stream;

    (void) ev;

    while ((stream = ngx_http_sms365_stream_due()) != NULL) {
        c = stream->r->connection;

        ngx_http_set_log_request(c->log, stream->r);

        if (ngx_exiting) {
            ngx_http_sms365_stream_end(stream, NGX_HTTP_SERVICE_UNAVAILABLE);

        } else {
            ngx_http_sms365_stream_look(stream);
        }

        ngx_http_run_posted_requests(c);
    }

    if (ngx_http_sms365_stream_count > 0 && !ngx_http_sms365_tick.timer_set) {
        ngx_add_timer(&ngx_http_sms365_tick, NGX_HTTP_SMS365_TICK);
    }
}


static void
ngx_http_sms365_streams_reported(const char *name)
{
    ngx_http_sms365_stream_t  *stream;

    for (stream = ngx_http_sms365_stream_after(NULL); stream != NULL;
         stream = ngx_http_sms365_stream_after(stream))
    {
        if (name == NULL || ngx_strcmp(stream->report, name) == 0) {
            stream->due = 1;

            if (!ngx_http_sms365_tick.posted) {
                ngx_post_event(&ngx_http_sms365_tick, &ngx_posted_events);
            }
        }
    }
}


static ngx_uint_t
ngx_http_sms365_stream_room(ngx_http_sms365_visit_t *visit)
{
    ngx_uint_t                 tabs;
    ngx_http_sms365_stream_t  *stream;

    tabs = 0;

    for (stream = ngx_http_sms365_stream_after(NULL); stream != NULL;
         stream = ngx_http_sms365_stream_after(stream))
    {
        tabs += sms365_equal(stream->visit->login.id, visit->login.id, sizeof(visit->login.id));
    }

    return !ngx_exiting && tabs < NGX_HTTP_SMS365_TABS
           && ngx_http_sms365_stream_count < (ngx_uint_t) visit->ctx->service->conf.streams;
}


ngx_int_t
ngx_http_sms365_events(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit)
{
    ngx_http_cleanup_t        *cln;
    ngx_http_sms365_stream_t  *stream;

    if (r->method != NGX_HTTP_GET) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    if (visit->ctx->reason == NGX_HTTP_SMS365_OK) {
        return ngx_http_sms365_send(r, NGX_HTTP_NO_CONTENT, "text/plain", "", 0);
    }

    if (!visit->login_known) {
        return ngx_http_sms365_send(r, NGX_HTTP_FORBIDDEN, "text/plain", "", 0);
    }

    if (!ngx_http_sms365_stream_room(visit)) {
        return ngx_http_sms365_send(r, NGX_HTTP_SERVICE_UNAVAILABLE, "text/plain", "", 0);
    }

    stream = ngx_pcalloc(r->pool, sizeof(ngx_http_sms365_stream_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (stream == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_sms365_stream_gone;
    cln->data = stream;

    stream->r = r;
    stream->visit = visit;
    visit->stream = stream;

    ngx_queue_insert_tail(&ngx_http_sms365_streams, &stream->queue);
    ngx_http_sms365_stream_count++;

    if (!ngx_http_sms365_tick.timer_set) {
        ngx_add_timer(&ngx_http_sms365_tick, NGX_HTTP_SMS365_TICK);
    }

    r->main->count++;

    ngx_http_sms365_stream_look(stream);

    return NGX_DONE;
}


void
ngx_http_sms365_events_init(ngx_cycle_t *cycle)
{
    ngx_queue_init(&ngx_http_sms365_streams);

    ngx_http_sms365_tick_dummy.fd = (ngx_socket_t) -1;
    ngx_http_sms365_tick.handler = ngx_http_sms365_streams_run;
    ngx_http_sms365_tick.data = &ngx_http_sms365_tick_dummy;
    ngx_http_sms365_tick.log = cycle->log;
}
