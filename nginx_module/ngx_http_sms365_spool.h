/* The spool of delivery reports, as a worker that waits for some of them watches it: by inotify(7), on nginx's events. */
#ifndef _NGX_HTTP_SMS365_SPOOL_H_INCLUDED_
#define _NGX_HTTP_SMS365_SPOOL_H_INCLUDED_


#include "ngx_http_sms365_module.h"


/* A file of that name has come to lie in a spool; NULL: some have. */
typedef void (*ngx_http_sms365_spool_pt)(const char *name);


/* Have the worker's one listener told from now on. 0: that cannot be had; look from time to time, and try again. */
ngx_uint_t ngx_http_sms365_spool_watch(ngx_http_sms365_service_t *service,
    ngx_http_sms365_spool_pt tell);

void ngx_http_sms365_spool_exit(void);


#endif /* _NGX_HTTP_SMS365_SPOOL_H_INCLUDED_ */
