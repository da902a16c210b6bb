/* Services: sms365's own configuration, keys and secrets, as the master process reads them. */
#include "ngx_http_sms365_module.h"

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
    ngx_http_sms365_service_t  *service = data;

    sms365_keys_free(&service->keys);
    sms365_secret_delete(service, sizeof(ngx_http_sms365_service_t));
}


ngx_http_sms365_service_t *
ngx_http_sms365_service_get(ngx_conf_t *cf, ngx_http_sms365_main_conf_t *smcf,
    ngx_str_t *name)
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
    *found = service;

    return service;
}


/* The master key is in memory only as long as the others are derived from it and the API keys opened with it. */
static enum sms365_err
ngx_http_sms365_service_keys(ngx_http_sms365_service_t *service,
    struct sms365_error *err)
{
    enum sms365_err         code;
    struct sms365_secret    master = {0};
    const char             *path = service->conf.master;

    code = sms365_master_load(&master, path, err);

    if (code == SMS365_OK
        && (!sms365_derive(&service->store_key, &master, "store")
            || !sms365_derive(&service->callback_key, &master, "callback")
            || !sms365_derive(&service->holder_key, &master, "holder")))
    {
        code = sms365_error_set(err, SMS365_CRYPTO, "no key could be derived from %s", path);
    }

    if (code == SMS365_OK) {
        code = sms365_keys_load(&service->keys, service->conf.keys_dir, &master,
                                service->conf.sandbox, err);
    }

    sms365_secret_free(&master);

    return code;
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
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "sms365, service \"%V\": %s in %s:%ui",
                  &service->name, err.text, smcf->file, smcf->line);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_sms365_services_open(ngx_conf_t *cf, ngx_http_sms365_main_conf_t *smcf)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_http_sms365_service_t  **services;

    rc = NGX_OK;
    services = smcf->services.elts;

    for (i = 0; i < smcf->services.nelts; i++) {
        if (ngx_http_sms365_service_open(cf, smcf, services[i]) != NGX_OK) {
            rc = NGX_ERROR;
        }
    }

    return rc;
}
