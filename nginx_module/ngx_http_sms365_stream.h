/* Server-sent events on a request: text/event-stream of the HTML standard. What these return may finalize the request. */
#ifndef _NGX_HTTP_SMS365_STREAM_H_INCLUDED_
#define _NGX_HTTP_SMS365_STREAM_H_INCLUDED_


#include "ngx_http_sms365_portal.h"


#define NGX_HTTP_SMS365_RECONNECT  "1000"   /* ms after which a browser comes back to a stream that ended */


/* Send the header. */
ngx_int_t ngx_http_sms365_stream_open(ngx_http_request_t *r);

/* Send a field and its value. NGX_AGAIN: the client has not taken yet what it was sent before, and this was not sent. */
ngx_int_t ngx_http_sms365_stream_send(ngx_http_request_t *r, const char *field, const char *value);

/* The end. A client that does not take what it was sent is not waited for. */
ngx_int_t ngx_http_sms365_stream_close(ngx_http_request_t *r);


#endif /* _NGX_HTTP_SMS365_STREAM_H_INCLUDED_ */
