/* Services: sms365's own configuration, keys, secrets and users, as the master process reads them. */
#include "ngx_http_sms365_portal.h"

#include "base/err.h"
#include "drive/instance.h"

#include <syslog.h>


static void
ngx_http_sms365_conf_log(void *context, int priority, const char *text)
{
    ngx_log_t   *log = context;
    ngx_uint_t   level;

    level = (priority <= LOG_ERR) ? NGX_LOG_EMERG : NGX_LOG_WARN;

    ngx_log_error(level, log, 0, "sms365: %s", text);
}


static void
ngx_http_sms365_service_close(void *data)
{
    ngx_uint_t                  i;
    ngx_http_sms365_service_t  *service = data;

    for (i = 0; i < NGX_HTTP_SMS365_PAGES; i++) {
        sms365_buf_free(&service->templates[i]);
    }

    sms365_keys_free(&service->keys);
    sms365_ticket_key_free(service->tickets);
    free(service->users);
    sms365_secret_delete(service, sizeof(ngx_http_sms365_service_t));
}


ngx_http_sms365_service_t *
ngx_http_sms365_service_get(ngx_conf_t *cf, ngx_http_sms365_main_conf_t *smcf,
    ngx_str_t *name, u_char *file, ngx_uint_t line)
{
    ngx_uint_t                   i;
    ngx_pool_cleanup_t          *cln;
    ngx_http_sms365_service_t   *service, **found;

    found = smcf->services.elts;

    for (i = 0; i < smcf->services.nelts; i++) {
        if (found[i]->name.len == name->len
            && ngx_memcmp(found[i]->name.data, name->data, name->len) == 0)
        {
            return found[i];
        }
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    found = ngx_array_push(&smcf->services);
    if (cln == NULL || found == NULL) {
        return NULL;
    }

    service = sms365_secret_new(sizeof(ngx_http_sms365_service_t));
    if (service == NULL) {
        smcf->services.nelts--;
        return NULL;
    }

    cln->handler = ngx_http_sms365_service_close;
    cln->data = service;

    service->name = *name;
    service->file = file;
    service->line = line;
    service->index = smcf->services.nelts - 1;
    *found = service;

    return service;
}


/* The master key is in memory only as long as the others are derived from it and the API keys opened with it. */
static enum sms365_err
ngx_http_sms365_service_keys(ngx_http_sms365_service_t *service,
    struct sms365_error *err)
{
    enum sms365_err         code;
    const char             *path;
    struct sms365_secret    master = { 0 };
    struct sms365_mac_key   session_key;

    path = service->conf.master;
    code = sms365_master_load(&master, path, err);

    if (code == SMS365_OK
        && (!sms365_derive(&service->store_key, &master, "store")
            || !sms365_derive(&service->callback_key, &master, "callback")
            || !sms365_derive(&service->holder_key, &master, "holder")
            || !sms365_derive(&session_key, &master, "session")))
    {
        code = sms365_error_set(err, SMS365_CRYPTO, "no key could be derived from %s", path);
    }

    if (code == SMS365_OK) {
        service->tickets = sms365_ticket_key_new(&session_key);
        if (service->tickets == NULL) {
            code = sms365_error_set(err, SMS365_CRYPTO, "libcrypto has no HMAC-SHA256");
        }
    }

    if (code == SMS365_OK) {
        code = sms365_keys_load(&service->keys, service->conf.keys_dir, &master,
                                service->conf.sandbox, err);
    }

    if (code == SMS365_OK && service->conf.key[0] != '\0') {
        sms365_keys_keep(&service->keys, service->conf.key);
    }

    sms365_wipe(&session_key, sizeof(struct sms365_mac_key));
    sms365_secret_free(&master);

    return code;
}


static bool
ngx_http_sms365_user_add(void *context, const struct sms365_user *user)
{
    size_t                       room;
    ngx_http_sms365_user_t      *fresh;
    ngx_http_sms365_service_t   *service = context;

    if (service->user_count == service->user_room) {
        room = service->user_room == 0 ? 64 : 2 * service->user_room;

        fresh = reallocarray(service->users, room, sizeof(ngx_http_sms365_user_t));
        if (fresh == NULL) {
            service->incomplete = 1;
            return false;
        }

        service->users = fresh;
        service->user_room = room;
    }

    fresh = &service->users[service->user_count];
    ngx_memzero(fresh, sizeof(ngx_http_sms365_user_t));

    ngx_memcpy(fresh->name, user->name, sizeof(fresh->name));
    fresh->count = user->count;

    ngx_memcpy(fresh->numbers, user->numbers, sizeof(fresh->numbers));

    if (!sms365_enrolment(fresh->enrolment, service->tickets,
                          fresh->numbers, fresh->count))
    {
        service->incomplete = 1;
        return false;
    }

    service->user_count++;

    return true;
}


static int
ngx_http_sms365_user_cmp(const void *one, const void *two)
{
    const ngx_http_sms365_user_t  *first = one;
    const ngx_http_sms365_user_t  *second = two;

    return strcmp(first->name, second->name);
}


static enum sms365_err
ngx_http_sms365_service_users(ngx_http_sms365_service_t *service,
    struct sms365_error *err)
{
    enum sms365_err   code;

    code = sms365_users_each(service->conf.users_file, ngx_http_sms365_user_add,
                             service, err);

    if (code == SMS365_OK && service->incomplete) {
        code = sms365_error_set(err, SMS365_NO_MEMORY, "%s: out of memory",
                                service->conf.users_file);
    }

    if (code == SMS365_OK && service->user_count > 0) {
        qsort(service->users, service->user_count, sizeof(ngx_http_sms365_user_t),
              ngx_http_sms365_user_cmp);
    }

    return code;
}


const ngx_http_sms365_user_t *
ngx_http_sms365_user_find(ngx_http_sms365_service_t *service, ngx_str_t *name)
{
    ngx_http_sms365_user_t  wanted;

    if (service->user_count == 0 || name->len >= sizeof(wanted.name)
        || ngx_strlchr(name->data, name->data + name->len, '\0') != NULL)
    {
        return NULL;
    }

    ngx_memcpy(wanted.name, name->data, name->len);
    wanted.name[name->len] = '\0';

    return bsearch(&wanted, service->users, service->user_count,
                   sizeof(ngx_http_sms365_user_t), ngx_http_sms365_user_cmp);
}


/*
 * The prefixes make browsers hold the cookie to TLS, and without a domain to this host and its root (RFC 6265bis). The
 * service's name lets sessions of several services stand side by side on one host.
 */
static ngx_int_t
ngx_http_sms365_service_cookies(ngx_conf_t *cf, ngx_http_sms365_service_t *service)
{
    u_char      *p;
    ngx_str_t    name;
    ngx_uint_t   i, other;
    const char  *prefix;

    static const char *const  ends[NGX_HTTP_SMS365_COOKIES] = { "", "-login", "-remember" };

    other = ngx_strcmp(service->name.data, NGX_HTTP_SMS365_SERVICE) != 0;

    for (i = 0; i < NGX_HTTP_SMS365_COOKIES; i++) {
        prefix = i != NGX_HTTP_SMS365_COOKIE_LOGIN && service->conf.domain[0] != '\0'
                 ? "__Secure-" : "__Host-";

        p = ngx_pnalloc(cf->pool, sizeof("__Secure--") + ngx_strlen(service->conf.cookie)
                                  + service->name.len + ngx_strlen(ends[i]));
        if (p == NULL) {
            return NGX_ERROR;
        }

        name.data = p;
        p = ngx_sprintf(p, "%s%s", prefix, service->conf.cookie);

        if (other) {
            p = ngx_sprintf(p, "-%V", &service->name);
        }

        p = ngx_sprintf(p, "%s", ends[i]);
        name.len = (size_t) (p - name.data);
        service->cookies[i] = name;
    }

    return NGX_OK;
}


/* What two services would take from each other, such as those of "a" before a login and the session of "a-login". */
static ngx_int_t
ngx_http_sms365_services_differ(ngx_conf_t *cf, ngx_http_sms365_service_t *one,
    ngx_http_sms365_service_t *two)
{
    ngx_uint_t  i, k;

    for (i = 0; i < NGX_HTTP_SMS365_COOKIES; i++) {
        for (k = 0; k < NGX_HTTP_SMS365_COOKIES; k++) {
            if (one->cookies[i].len == two->cookies[k].len
                && ngx_memcmp(one->cookies[i].data, two->cookies[k].data, one->cookies[i].len)
                   == 0)
            {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "sms365: the services \"%V\" in %s:%ui and \"%V\" would "
                              "both have a cookie \"%V\": give one of them another "
                              "name, or another \"cookie\" in %s:%ui",
                              &one->name, one->file, one->line, &two->name,
                              &one->cookies[i], two->file, two->line);
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* nginx makes the directory, and gives it to the user that its workers run as. */
static ngx_int_t
ngx_http_sms365_service_path(ngx_conf_t *cf, ngx_http_sms365_main_conf_t *smcf,
    ngx_http_sms365_service_t *service)
{
    ngx_path_t  *path;

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_ERROR;
    }

    path->name.data = (u_char *) service->conf.web_dir;
    path->name.len = ngx_strlen(service->conf.web_dir);
    path->conf_file = smcf->file;
    path->line = smcf->line;

    return ngx_add_path(cf, &path);
}


static ngx_int_t
ngx_http_sms365_service_ready(ngx_conf_t *cf, ngx_http_sms365_main_conf_t *smcf,
    ngx_http_sms365_service_t *service)
{
    ngx_uint_t  i;

    /* On the web nobody waits at a prompt for a report: the form is there at once. */
    for (i = 0; i < sizeof(service->spoken) / sizeof(service->spoken[0]); i++) {
        service->spoken[i] = service->conf;
        service->spoken[i].wait_s = 0;
        service->spoken[i].language = (int) i;
    }

    if (service->conf.callback_from[0] != '\0'
        && !sms365_cidr_list_parse(&service->callers, service->conf.callback_from, NULL))
    {
        return NGX_ERROR;
    }

    (void) gethostname(service->machine, sizeof(service->machine) - 1);

    service->provider.conf = &service->conf;
    service->provider.keys = &service->keys;

    service->threads = ngx_thread_pool_add(cf, NULL);
    if (service->threads == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_sms365_service_path(cf, smcf, service) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sms365_service_cookies(cf, service);
}


static ngx_int_t
ngx_http_sms365_service_open(ngx_conf_t *cf, ngx_http_sms365_main_conf_t *smcf,
    ngx_http_sms365_service_t *service)
{
    enum sms365_err         code;
    struct sms365_error     err = { 0 };
    struct sms365_options   options = { 0 };

    options.conf = (char *) smcf->path.data;
    options.service = (char *) service->name.data;
    options.log = ngx_http_sms365_conf_log;
    options.log_context = cf->log;

    code = sms365_instance_conf(&service->conf, &options, SMS365_FRONT_WEB, NULL, &err);

    if (code == SMS365_OK) {
        code = ngx_http_sms365_service_keys(service, &err);
    }

    if (code == SMS365_OK) {
        code = ngx_http_sms365_service_users(service, &err);
    }

    if (code == SMS365_OK) {
        code = ngx_http_sms365_templates_read(service, &err);
    }

    if (code == SMS365_OK) {
        return ngx_http_sms365_service_ready(cf, smcf, service);
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "sms365, service \"%V\": %s in %s:%ui",
                  &service->name, err.text, smcf->file, smcf->line);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_sms365_services_open(ngx_conf_t *cf, ngx_http_sms365_main_conf_t *smcf)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i, k;
    ngx_http_sms365_service_t  **services;

    rc = NGX_OK;
    services = smcf->services.elts;

    for (i = 0; i < smcf->services.nelts; i++) {
        if (ngx_http_sms365_service_open(cf, smcf, services[i]) != NGX_OK) {
            rc = NGX_ERROR;
        }
    }

    for (i = 1; i < smcf->services.nelts && rc == NGX_OK; i++) {
        for (k = 0; k < i && rc == NGX_OK; k++) {
            rc = ngx_http_sms365_services_differ(cf, services[k], services[i]);
        }
    }

    return rc;
}


ngx_int_t
ngx_http_sms365_thread(ngx_http_sms365_service_t *service, ngx_thread_task_t *task, void *ctx,
    void (*handler)(void *ctx, ngx_log_t *log), ngx_event_handler_pt done)
{
    ngx_memzero(task, sizeof(ngx_thread_task_t));

    task->ctx = ctx;
    task->handler = handler;
    task->event.handler = done;
    task->event.data = ctx;
    task->event.log = ngx_cycle->log;

    return ngx_thread_task_post(service->threads, task);
}
