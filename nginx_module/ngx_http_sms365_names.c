/* Addresses of the hosts in base URLs: by nginx's resolver, or by the system's in a thread. */
#include "ngx_http_sms365_names.h"

#include "base/err.h"
#include "edges/resolve.h"

#include <arpa/inet.h>


#define NGX_HTTP_SMS365_NAME_KEEP  300000   /* ms for which addresses are used before the system is asked again */


/* A host whose addresses the system's resolver knows. */
typedef struct {
    ngx_queue_t                 queue;
    ngx_queue_t                 waiting;    /* jobs */
    ngx_thread_task_t           task;
    char                        host[SMS365_HTTP_HOST_SIZE];
    char                        addresses[NGX_HTTP_SMS365_ADDRESSES_SIZE];  /* "": not known */
    char                        found[NGX_HTTP_SMS365_ADDRESSES_SIZE];      /* by the thread */
    int64_t                     timeout_ms;
    ngx_msec_t                  since;
    enum sms365_err             code;
    struct sms365_error         err;
    unsigned                    asking:1;
    unsigned                    doubted:1;
} ngx_http_sms365_name_t;


static ngx_queue_t  ngx_http_sms365_names = { &ngx_http_sms365_names, &ngx_http_sms365_names };


/* The host of a base URL, which was checked when its key was read. */
static void
ngx_http_sms365_name_host(const char *url, ngx_str_t *host)
{
    const char  *p;

    p = strstr(url, "://");
    p = p == NULL ? url : p + sizeof("://") - 1;

    host->data = (u_char *) (uintptr_t) p;
    host->len = p[0] == '[' ? strcspn(p, "]") + 1 : strcspn(p, ":/");
}


static ngx_uint_t
ngx_http_sms365_name_is_numeric(ngx_str_t *host)
{
    return host->len == 0 || host->data[0] == '['
           || ngx_inet_addr(host->data, host->len) != INADDR_NONE;
}


static void
ngx_http_sms365_name_given(ngx_http_sms365_job_t *job)
{
    job->named(job);
}


/* --- nginx's resolver --- */

static void
ngx_http_sms365_name_resolved(ngx_resolver_ctx_t *ctx)
{
    u_char                  text[NGX_SOCKADDR_STRLEN];
    size_t                  length;
    ngx_uint_t              i, six;
    struct sockaddr        *sockaddr;
    ngx_http_sms365_job_t  *job = ctx->data;
    struct sms365_buf      *addresses = &job->transfer.addresses;

    job->err.code = SMS365_OK;

    if (ctx->state != NGX_OK) {
        (void) sms365_error_set(&job->err, SMS365_UNREACHABLE,
                                "the host %.*s cannot be resolved by nginx's resolver: %s",
                                (int) ctx->name.len, (char *) ctx->name.data,
                                ngx_resolver_strerror(ctx->state));
    }

    for (i = 0; ctx->state == NGX_OK && i < ctx->naddrs && i < SMS365_RESOLVE_MAX; i++) {
        sockaddr = ctx->addrs[i].sockaddr;
        six = sockaddr->sa_family != AF_INET;
        length = ngx_sock_ntop(sockaddr, ctx->addrs[i].socklen, text, sizeof(text), 0);

        sms365_buf_printf(addresses, "%s%s%.*s%s", i > 0 ? "," : "", six ? "[" : "",
                          (int) length, (char *) text, six ? "]" : "");
    }

    ngx_resolve_name_done(ctx);

    if (addresses->failed) {
        (void) sms365_error_set(&job->err, SMS365_NO_MEMORY, "out of memory");
    }

    ngx_http_sms365_name_given(job);
}


/* NGX_DECLINED: none is configured. */
static ngx_int_t
ngx_http_sms365_name_ask(ngx_http_sms365_job_t *job, ngx_str_t *host)
{
    ngx_resolver_ctx_t  *ctx;

    ctx = ngx_resolve_start(job->resolver, NULL);

    if (ctx == NGX_NO_RESOLVER) {
        return NGX_DECLINED;
    }

    if (ctx == NULL) {
        return NGX_ERROR;
    }

    ctx->name = *host;
    ctx->handler = ngx_http_sms365_name_resolved;
    ctx->data = job;
    ctx->timeout = (ngx_msec_t) job->service->conf.connect_timeout_s * 1000;

    return ngx_resolve_name(ctx);
}


/* --- The system's --- */

static void
ngx_http_sms365_name_look(void *data, ngx_log_t *log)
{
    struct sms365_buf        addresses;
    ngx_http_sms365_name_t  *name = data;

    (void) log;

    sms365_buf_init(&addresses, sizeof(name->found) - 1);

    name->code = sms365_resolve(&addresses, name->host, name->timeout_ms, &name->err);

    if (name->code == SMS365_OK) {
        (void) sms365_str_copy(name->found, sizeof(name->found), sms365_buf_text(&addresses));
    }

    sms365_buf_free(&addresses);
}


/* Addresses that are known, to a job: old ones do where no new ones are to be had. */
static void
ngx_http_sms365_name_give(ngx_http_sms365_name_t *name, ngx_http_sms365_job_t *job)
{
    struct sms365_buf  *addresses = &job->transfer.addresses;

    job->err.code = SMS365_OK;

    sms365_buf_puts(addresses, name->addresses);

    if (addresses->failed) {
        (void) sms365_error_set(&job->err, SMS365_NO_MEMORY, "out of memory");
    }

    ngx_http_sms365_name_given(job);
}


static void
ngx_http_sms365_name_found(ngx_event_t *ev)
{
    ngx_queue_t             *q, waiting;
    struct sms365_error      err;
    ngx_http_sms365_job_t   *job;
    ngx_http_sms365_name_t  *name = ev->data;

    /* Whoever is told so may ask again at once: from then on the rest is the next thread's. */
    err = name->err;
    err.code = name->code;
    ngx_queue_init(&waiting);

    if (!ngx_queue_empty(&name->waiting)) {
        ngx_queue_add(&waiting, &name->waiting);
        ngx_queue_init(&name->waiting);
    }

    name->asking = 0;

    if (name->code == SMS365_OK) {
        ngx_memcpy(name->addresses, name->found, sizeof(name->addresses));
        name->since = ngx_current_msec;
        name->doubted = 0;
    }

    while (!ngx_queue_empty(&waiting)) {
        q = ngx_queue_head(&waiting);
        ngx_queue_remove(q);

        job = ngx_queue_data(q, ngx_http_sms365_job_t, waiting);

        if (name->addresses[0] != '\0') {
            ngx_http_sms365_name_give(name, job);

        } else {
            job->err = err;
            ngx_http_sms365_name_given(job);
        }
    }
}


static ngx_http_sms365_name_t *
ngx_http_sms365_name_find(ngx_str_t *host)
{
    ngx_queue_t             *q;
    ngx_http_sms365_name_t  *name;

    for (q = ngx_queue_head(&ngx_http_sms365_names);
         q != ngx_queue_sentinel(&ngx_http_sms365_names);
         q = ngx_queue_next(q))
    {
        name = ngx_queue_data(q, ngx_http_sms365_name_t, queue);

        if (ngx_strlen(name->host) == host->len
            && ngx_strncmp(name->host, host->data, host->len) == 0)
        {
            return name;
        }
    }

    return NULL;
}


/* There are no more than the keys have base URLs. */
static ngx_http_sms365_name_t *
ngx_http_sms365_name_get(ngx_str_t *host)
{
    ngx_http_sms365_name_t  *name;

    name = ngx_http_sms365_name_find(host);

    if (name != NULL || host->len >= sizeof(name->host)) {
        return name;
    }

    name = calloc(1, sizeof(ngx_http_sms365_name_t));
    if (name == NULL) {
        return NULL;
    }

    ngx_memcpy(name->host, host->data, host->len);
    ngx_queue_init(&name->waiting);
    ngx_queue_insert_tail(&ngx_http_sms365_names, &name->queue);

    return name;
}


static ngx_int_t
ngx_http_sms365_name_start(ngx_http_sms365_name_t *name, ngx_http_sms365_service_t *service)
{
    if (name->asking) {
        return NGX_OK;
    }

    name->timeout_ms = service->conf.connect_timeout_s * 1000;

    if (ngx_http_sms365_thread(service, &name->task, name, ngx_http_sms365_name_look,
                               ngx_http_sms365_name_found)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    name->asking = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sms365_name_lookup(ngx_http_sms365_job_t *job, ngx_str_t *host)
{
    ngx_uint_t               known;
    ngx_http_sms365_name_t  *name;

    name = ngx_http_sms365_name_get(host);
    if (name == NULL) {
        return NGX_ERROR;
    }

    known = name->addresses[0] != '\0' && !name->doubted;

    if (known && ngx_current_msec - name->since < NGX_HTTP_SMS365_NAME_KEEP) {
        ngx_http_sms365_name_give(name, job);
        return NGX_OK;
    }

    if (ngx_http_sms365_name_start(name, job->service) != NGX_OK) {
        return NGX_ERROR;
    }

    /* Nobody waits for what is only to be fresher. */
    if (known) {
        ngx_http_sms365_name_give(name, job);

    } else {
        ngx_queue_insert_tail(&name->waiting, &job->waiting);
    }

    return NGX_OK;
}


/* --- Either --- */

void
ngx_http_sms365_name(ngx_http_sms365_job_t *job, const char *url,
    void (*done)(ngx_http_sms365_job_t *job))
{
    ngx_int_t  rc;
    ngx_str_t  host;

    job->named = done;
    job->err.code = SMS365_OK;

    ngx_http_sms365_name_host(url, &host);

    if (ngx_http_sms365_name_is_numeric(&host)) {
        ngx_http_sms365_name_given(job);
        return;
    }

    rc = ngx_http_sms365_name_ask(job, &host);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_sms365_name_lookup(job, &host);
    }

    if (rc != NGX_OK) {
        (void) sms365_error_set(&job->err, SMS365_NO_MEMORY,
                                "the host %.*s cannot be resolved: out of memory",
                                (int) host.len, (char *) host.data);
        ngx_http_sms365_name_given(job);
    }
}


void
ngx_http_sms365_name_doubt(const char *url)
{
    ngx_str_t                host;
    ngx_http_sms365_name_t  *name;

    ngx_http_sms365_name_host(url, &host);
    name = ngx_http_sms365_name_find(&host);

    if (name != NULL) {
        name->doubted = 1;
    }
}


void
ngx_http_sms365_names_init(ngx_http_sms365_service_t *service)
{
    size_t                     i, j;
    ngx_str_t                  host;
    ngx_http_sms365_name_t    *name;
    const struct sms365_key   *key;

    for (i = 0; i < service->keys.count; i++) {
        key = &service->keys.entries[i];

        for (j = 0; j < key->url_count; j++) {
            ngx_http_sms365_name_host(key->urls[j], &host);

            if (ngx_http_sms365_name_is_numeric(&host)) {
                continue;
            }

            /* Where that fails, the first call tells so. */
            name = ngx_http_sms365_name_get(&host);
            if (name != NULL) {
                (void) ngx_http_sms365_name_start(name, service);
            }
        }
    }
}


void
ngx_http_sms365_names_exit(void)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&ngx_http_sms365_names)) {
        q = ngx_queue_head(&ngx_http_sms365_names);
        ngx_queue_remove(q);

        free(ngx_queue_data(q, ngx_http_sms365_name_t, queue));
    }
}
