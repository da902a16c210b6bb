/* Who waits for a report is told when it comes to lie in the spool, whichever process received it. */
#include "ngx_http_sms365_spool.h"

#include <sys/inotify.h>


#define NGX_HTTP_SMS365_NEWS  4096  /* bytes of names that are read at once */


static ngx_connection_t               *ngx_http_sms365_spool;
static ngx_http_sms365_spool_pt        ngx_http_sms365_spool_tell;


/* Level-triggered: what does not fit is read when this is called again. */
static void
ngx_http_sms365_spool_news(ngx_event_t *ev)
{
    u_char                      *p, *last;
    ssize_t                      n;
    ngx_connection_t            *c = ev->data;
    const struct inotify_event  *news;

    union {
        struct inotify_event     first;     /* for its alignment */
        u_char                   bytes[NGX_HTTP_SMS365_NEWS];
    } read_buffer;

    n = read(c->fd, &read_buffer, sizeof(read_buffer));
    if (n <= 0) {
        return;
    }

    p = read_buffer.bytes;
    last = p + n;

    while (p < last) {
        news = (const struct inotify_event *) (void *) p;
        p += sizeof(struct inotify_event) + news->len;

        if (news->mask & IN_Q_OVERFLOW) {
            ngx_http_sms365_spool_tell(NULL);

        } else if (news->len > 0) {
            ngx_http_sms365_spool_tell(news->name);
        }
    }
}


static ngx_int_t
ngx_http_sms365_spool_open(void)
{
    int                fd;
    ngx_connection_t  *c;

    fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd == -1) {
        return NGX_ERROR;
    }

    c = ngx_get_connection(fd, ngx_cycle->log);
    if (c == NULL) {
        (void) close(fd);
        return NGX_ERROR;
    }

    c->read->handler = ngx_http_sms365_spool_news;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;

    if (ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK) {
        ngx_close_connection(c);
        return NGX_ERROR;
    }

    ngx_http_sms365_spool = c;

    return NGX_OK;
}


/* Watching what is watched already changes nothing, and finds the directory that took the place of another. */
ngx_uint_t
ngx_http_sms365_spool_watch(ngx_http_sms365_service_t *service, ngx_http_sms365_spool_pt tell)
{
    ngx_http_sms365_spool_tell = tell;

    if (ngx_http_sms365_spool == NULL && ngx_http_sms365_spool_open() != NGX_OK) {
        return 0;
    }

    return inotify_add_watch(ngx_http_sms365_spool->fd, service->conf.spool,
                             IN_CREATE | IN_MOVED_TO | IN_ONLYDIR)
           != -1;
}


void
ngx_http_sms365_spool_exit(void)
{
    if (ngx_http_sms365_spool != NULL) {
        ngx_close_connection(ngx_http_sms365_spool);
        ngx_http_sms365_spool = NULL;
    }
}
