/* The journal of sessions: looked at once a second, so that what is revoked ends in every worker; and written. */
#include "ngx_http_sms365_journal.h"

#include "base/err.h"


#define NGX_HTTP_SMS365_POLL   1000     /* ms between two looks */
#define NGX_HTTP_SMS365_STALE  10       /* seconds without a look after which nothing can be told */


struct ngx_http_sms365_poll_s {
    ngx_http_sms365_service_t    *service;
    ngx_thread_task_t             task;
    ngx_event_t                   timer;
    ngx_connection_t              dummy;
    struct sms365_journal_place   place;
    struct sms365_journal_line   *lines;    /* that were found, and not taken to heart yet */
    size_t                        count, room;
    enum sms365_err               code;
    struct sms365_error           err;
    unsigned                      failing:1;
};


/* One or two lines on their way to the journal. */
typedef struct {
    ngx_thread_task_t             task;
    ngx_http_sms365_service_t    *service;
    struct sms365_journal_line    lines[2];
    ngx_uint_t                    count;
    enum sms365_err               code;
    struct sms365_error           err;
    ngx_http_request_t           *r;        /* NULL: nobody waits for it */
    void                        (*done)(ngx_http_request_t *r, ngx_uint_t good);
} ngx_http_sms365_entry_t;


/* --- Looking --- */

static bool
ngx_http_sms365_poll_line(void *context, const struct sms365_journal_line *line)
{
    size_t                       room;
    struct sms365_journal_line  *lines;
    ngx_http_sms365_poll_t      *poll = context;

    if (sms365_journal_is_issue(line->kind)) {
        return true;
    }

    if (poll->count == poll->room) {
        room = poll->room == 0 ? 16 : 2 * poll->room;

        lines = reallocarray(poll->lines, room, sizeof(struct sms365_journal_line));
        if (lines == NULL) {
            poll->code = sms365_error_set(&poll->err, SMS365_NO_MEMORY, "out of memory");
            return false;
        }

        poll->lines = lines;
        poll->room = room;
    }

    poll->lines[poll->count++] = *line;

    return true;
}


/* In a thread, but for the first look. A line for which there was no memory is not passed over: its look failed. */
static void
ngx_http_sms365_poll_look(void *data, ngx_log_t *log)
{
    enum sms365_err               code;
    ngx_http_sms365_poll_t       *poll = data;
    struct sms365_journal_place   before = poll->place;

    (void) log;

    poll->code = SMS365_OK;
    poll->count = 0;

    code = sms365_journal_follow(poll->service->conf.web_dir, &poll->place,
                                 ngx_http_sms365_poll_line, poll, &poll->err);

    if (poll->code == SMS365_OK) {
        poll->code = code;
    }

    if (poll->code != SMS365_OK) {
        poll->place = before;
    }
}


static void
ngx_http_sms365_poll_take(ngx_http_sms365_poll_t *poll)
{
    size_t                       i;
    ngx_http_sms365_service_t   *service = poll->service;

    for (i = 0; i < poll->count && poll->code == SMS365_OK; i++) {
        if (!sms365_revoked_add(&service->revoked, &poll->lines[i], ngx_time())) {
            ngx_memzero(&poll->place, sizeof(struct sms365_journal_place));
            poll->code = sms365_error_set(&poll->err, SMS365_NO_MEMORY, "out of memory");
        }
    }

    if (poll->code == SMS365_OK) {
        service->polled = ngx_time();
        poll->failing = 0;
        return;
    }

    if (!poll->failing) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "sms365: revoked sessions cannot be told, and no session "
                      "holds after %d s of it: %s", NGX_HTTP_SMS365_STALE, poll->err.text);
        poll->failing = 1;
    }
}


static void
ngx_http_sms365_poll_done(ngx_event_t *ev)
{
    ngx_http_sms365_poll_t  *poll = ev->data;

    ngx_http_sms365_poll_take(poll);

    ngx_add_timer(&poll->timer, NGX_HTTP_SMS365_POLL);
}


static void
ngx_http_sms365_poll_timer(ngx_event_t *ev)
{
    ngx_connection_t        *c = ev->data;
    ngx_http_sms365_poll_t  *poll;

    poll = (ngx_http_sms365_poll_t *) (void *)
               ((u_char *) c - offsetof(ngx_http_sms365_poll_t, dummy));

    if (ngx_http_sms365_thread(poll->service, &poll->task, poll, ngx_http_sms365_poll_look,
                               ngx_http_sms365_poll_done)
        != NGX_OK)
    {
        ngx_add_timer(&poll->timer, NGX_HTTP_SMS365_POLL);
    }
}


ngx_int_t
ngx_http_sms365_journal_init(ngx_cycle_t *cycle, ngx_http_sms365_service_t *service)
{
    ngx_http_sms365_poll_t  *poll;

    poll = ngx_pcalloc(cycle->pool, sizeof(ngx_http_sms365_poll_t));
    if (poll == NULL) {
        return NGX_ERROR;
    }

    service->poll = poll;
    poll->service = service;
    poll->dummy.fd = (ngx_socket_t) -1;
    poll->timer.handler = ngx_http_sms365_poll_timer;
    poll->timer.data = &poll->dummy;
    poll->timer.log = cycle->log;
    poll->timer.cancelable = 1;

    /* No request is answered before the first look. */
    ngx_http_sms365_poll_look(poll, cycle->log);
    ngx_http_sms365_poll_take(poll);

    ngx_add_timer(&poll->timer, NGX_HTTP_SMS365_POLL);

    return NGX_OK;
}


void
ngx_http_sms365_journal_exit(ngx_http_sms365_service_t *service)
{
    ngx_http_sms365_poll_t  *poll = service->poll;

    sms365_revoked_free(&service->revoked);

    if (poll == NULL) {
        return;
    }

    if (poll->timer.timer_set) {
        ngx_del_timer(&poll->timer);
    }

    free(poll->lines);
}


ngx_http_sms365_reason_e
ngx_http_sms365_revoked(ngx_http_sms365_ctx_t *ctx, const struct sms365_ticket *ticket)
{
    struct sms365_span          user;
    ngx_http_sms365_service_t  *service = ctx->service;

    user.data = ctx->user.data;
    user.length = ctx->user.len;

    if (sms365_revoked_has(&service->revoked, ticket->id, user, ticket->issued_s)) {
        return NGX_HTTP_SMS365_REVOKED;
    }

    return ngx_time() - service->polled > NGX_HTTP_SMS365_STALE ? NGX_HTTP_SMS365_UNTOLD
                                                                : NGX_HTTP_SMS365_OK;
}


/* --- Writing --- */

static void
ngx_http_sms365_entry_write(void *data, ngx_log_t *log)
{
    ngx_uint_t                i;
    ngx_http_sms365_entry_t  *entry = data;

    (void) log;

    for (i = 0; i < entry->count && entry->code == SMS365_OK; i++) {
        entry->code = sms365_journal_add(entry->service->conf.web_dir, &entry->lines[i],
                                         ngx_time(), &entry->err);
    }
}


static void
ngx_http_sms365_entry_written(ngx_event_t *ev)
{
    ngx_connection_t         *c;
    ngx_http_request_t       *r;
    ngx_http_sms365_entry_t  *entry = ev->data;

    if (entry->code != SMS365_OK) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "sms365: %s", entry->err.text);
    }

    r = entry->r;

    if (r != NULL) {
        c = r->connection;
        r->main->blocked--;

        ngx_http_set_log_request(c->log, r);

        entry->done(r, entry->code == SMS365_OK);

        ngx_http_run_posted_requests(c);
    }

    free(entry);
}


/* done is called once it is on disk; while it is not, the request stays even where the client does not. */
static ngx_int_t
ngx_http_sms365_entry_post(ngx_http_request_t *r, ngx_http_sms365_service_t *service,
    const struct sms365_journal_line *lines, ngx_uint_t count,
    void (*done)(ngx_http_request_t *r, ngx_uint_t good))
{
    ngx_http_sms365_entry_t  *entry;

    entry = calloc(1, sizeof(ngx_http_sms365_entry_t));
    if (entry == NULL) {
        return NGX_ERROR;
    }

    entry->service = service;
    ngx_memcpy(entry->lines, lines, count * sizeof(struct sms365_journal_line));
    entry->count = count;
    entry->done = done;

    if (ngx_http_sms365_thread(service, &entry->task, entry, ngx_http_sms365_entry_write,
                               ngx_http_sms365_entry_written)
        != NGX_OK)
    {
        free(entry);
        return NGX_ERROR;
    }

    if (done != NULL) {
        entry->r = r;
        r->main->blocked++;
    }

    return NGX_OK;
}


static void
ngx_http_sms365_copy(char *out, size_t size, ngx_str_t *text)
{
    size_t  length;

    length = ngx_min(text->len, size - 1);

    ngx_memcpy(out, text->data, length);
    out[length] = '\0';
}


void
ngx_http_sms365_journal_issued(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx,
    enum sms365_journal_kind kind, const struct sms365_ticket *ticket)
{
    struct sms365_journal_line  line = { 0 };

    line.kind = kind;
    ngx_memcpy(line.id, ticket->id, sizeof(line.id));
    ngx_http_sms365_copy(line.service, sizeof(line.service), &ctx->service->name);
    ngx_http_sms365_copy(line.user, sizeof(line.user), &ctx->user);
    ngx_http_sms365_copy(line.address, sizeof(line.address), &r->connection->addr_text);
    line.when_s = ticket->issued_s;
    line.expires_s = ticket->expires_s;

    if (ngx_http_sms365_entry_post(r, ctx->service, &line, 1, NULL) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "sms365: a session of \"%V\" is not listed: out of memory", &ctx->user);
    }
}


ngx_int_t
ngx_http_sms365_journal_revoke(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx,
    const struct sms365_ticket *tickets, ngx_uint_t count,
    void (*done)(ngx_http_request_t *r, ngx_uint_t good))
{
    ngx_uint_t                  i;
    struct sms365_journal_line  lines[2] = { 0 };

    for (i = 0; i < count; i++) {
        lines[i].kind = SMS365_JOURNAL_REVOKED;
        ngx_memcpy(lines[i].id, tickets[i].id, sizeof(lines[i].id));
        lines[i].expires_s = tickets[i].expires_s;

        if (!sms365_revoked_add(&ctx->service->revoked, &lines[i], ngx_time())) {
            return NGX_ERROR;
        }
    }

    return ngx_http_sms365_entry_post(r, ctx->service, lines, count, done);
}
