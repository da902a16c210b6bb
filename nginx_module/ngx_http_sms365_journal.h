/* The journal of sessions, as workers read and write it. */
#ifndef _NGX_HTTP_SMS365_JOURNAL_H_INCLUDED_
#define _NGX_HTTP_SMS365_JOURNAL_H_INCLUDED_


#include "ngx_http_sms365_module.h"

#include "edges/journal_file.h"


/* In a worker: look at once, and then every second. */
ngx_int_t ngx_http_sms365_journal_init(ngx_cycle_t *cycle,
    ngx_http_sms365_service_t *service);
void ngx_http_sms365_journal_exit(ngx_http_sms365_service_t *service);

/* OK; or REVOKED, or UNTOLD, for a ticket of ctx's user. Looks at memory alone. */
ngx_http_sms365_reason_e ngx_http_sms365_revoked(ngx_http_sms365_ctx_t *ctx,
    const struct sms365_ticket *ticket);

/* Write that a session was issued, or a browser remembered; nobody waits for it. */
void ngx_http_sms365_journal_issued(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx,
    enum sms365_journal_kind kind, const struct sms365_ticket *ticket);

/* Revoke that many tickets, two at most: here at once, elsewhere within two seconds after done is called. */
ngx_int_t ngx_http_sms365_journal_revoke(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx,
    const struct sms365_ticket *tickets, ngx_uint_t count,
    void (*done)(ngx_http_request_t *r, ngx_uint_t good));


#endif /* _NGX_HTTP_SMS365_JOURNAL_H_INCLUDED_ */
