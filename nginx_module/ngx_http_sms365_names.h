/*
 * Addresses of the hosts in base URLs. nginx's resolver finds them where one is configured; otherwise a thread asks the
 * system's, once for all calls of a worker that need the name, when it starts and every few minutes after that.
 */
#ifndef _NGX_HTTP_SMS365_NAMES_H_INCLUDED_
#define _NGX_HTTP_SMS365_NAMES_H_INCLUDED_


#include "ngx_http_sms365_job.h"


/*
 * Fill job->transfer.addresses for the host of a base URL, as CURLOPT_RESOLVE has them (a numeric host needs none); then
 * done is called, at once or from the event loop. job->err tells what came of it: OK, UNREACHABLE, NO_MEMORY.
 */
void ngx_http_sms365_name(ngx_http_sms365_job_t *job, const char *url,
    void (*done)(ngx_http_sms365_job_t *job));

/* No connection came about: the next call is to have the host's addresses anew. */
void ngx_http_sms365_name_doubt(const char *url);

/* In a worker that starts: look up the hosts of the service's keys. */
void ngx_http_sms365_names_init(ngx_http_sms365_service_t *service);

void ngx_http_sms365_names_exit(void);


#endif /* _NGX_HTTP_SMS365_NAMES_H_INCLUDED_ */
