/* What nginx calls when it starts, reloads and ends; variables; phases. */
#include "ngx_http_sms365_journal.h"
#include "ngx_http_sms365_names.h"
#include "ngx_http_sms365_portal.h"
#include "ngx_http_sms365_spool.h"

#include <sys/prctl.h>
#include <syslog.h>


static ngx_int_t ngx_http_sms365_add_variables(ngx_conf_t *cf);
static ngx_int_t ngx_http_sms365_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sms365_preaccess_handler(ngx_http_request_t *r);
static void *ngx_http_sms365_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_sms365_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_sms365_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_sms365_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_sms365_init_process(ngx_cycle_t *cycle);
static void ngx_http_sms365_exit_process(ngx_cycle_t *cycle);


static ngx_str_t  ngx_http_sms365_default = ngx_string(NGX_HTTP_SMS365_SERVICE);


enum {
    NGX_HTTP_SMS365_VAR_USER,
    NGX_HTTP_SMS365_VAR_EXPIRES,
    NGX_HTTP_SMS365_VAR_REASON
};


static ngx_http_variable_t  ngx_http_sms365_variables[] = {

    { ngx_string("sms365_user"), NULL, ngx_http_sms365_variable,
      NGX_HTTP_SMS365_VAR_USER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sms365_expires"), NULL, ngx_http_sms365_variable,
      NGX_HTTP_SMS365_VAR_EXPIRES, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sms365_reason"), NULL, ngx_http_sms365_variable,
      NGX_HTTP_SMS365_VAR_REASON, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static ngx_http_module_t  ngx_http_sms365_module_ctx = {
    ngx_http_sms365_add_variables,         /* preconfiguration */
    ngx_http_sms365_init,                  /* postconfiguration */

    ngx_http_sms365_create_main_conf,      /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_sms365_create_loc_conf,       /* create location configuration */
    ngx_http_sms365_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_sms365_module = {
    NGX_MODULE_V1,
    &ngx_http_sms365_module_ctx,           /* module context */
    ngx_http_sms365_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_sms365_init_process,          /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_sms365_exit_process,          /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_sms365_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_sms365_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sms365_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    u_char                      *p;
    ngx_str_t                    text;
    ngx_http_sms365_ctx_t       *ctx;
    ngx_http_sms365_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r->main, ngx_http_sms365_module);
    v->not_found = 1;

    if (slcf->service == NULL) {
        return NGX_OK;
    }

    ctx = ngx_http_sms365_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    if (!ctx->judged && ngx_http_sms365_judge(r, ctx) != NGX_OK) {
        return NGX_OK;
    }

    if (data != NGX_HTTP_SMS365_VAR_REASON && ctx->reason != NGX_HTTP_SMS365_OK) {
        return NGX_OK;
    }

    switch (data) {

    case NGX_HTTP_SMS365_VAR_USER:
        text = ctx->user;
        break;

    case NGX_HTTP_SMS365_VAR_EXPIRES:
        p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        text.data = p;
        text.len = (size_t) (ngx_sprintf(p, "%T", (time_t) ctx->ticket.expires_s) - p);
        break;

    default:
        text = *ngx_http_sms365_reason_name(ctx->reason);
        break;
    }

    v->data = text.data;
    v->len = (unsigned) text.len & 0xfffffff;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/*
 * Before the access phase, in which others may already ask on behalf of the request: neither they nor the application get
 * a cookie of ours. Subrequests begin with the headers of the main one.
 */
static ngx_int_t
ngx_http_sms365_preaccess_handler(ngx_http_request_t *r)
{
    ngx_http_sms365_ctx_t       *ctx;
    ngx_http_sms365_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sms365_module);

    if (slcf->service == NULL || r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_sms365_ctx(r);

    if (ctx == NULL || ngx_http_sms365_read_cookies(r, ctx) != NGX_OK
        || ngx_http_sms365_strip(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DECLINED;
}


static void *
ngx_http_sms365_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_sms365_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sms365_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&smcf->services, cf->pool, 4,
                       sizeof(ngx_http_sms365_service_t *))
        != NGX_OK
        || ngx_array_init(&smcf->portals, cf->pool, 4,
                          sizeof(ngx_http_sms365_place_t))
           != NGX_OK)
    {
        return NULL;
    }

    return smcf;
}


static void *
ngx_http_sms365_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_sms365_loc_conf_t  *slcf;

    slcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sms365_loc_conf_t));
    if (slcf != NULL) {
        slcf->access = NGX_CONF_UNSET;
    }

    return slcf;
}


/* What a location that has to do with us is refused for, or warned of. */
static ngx_int_t
ngx_http_sms365_check_loc_conf(ngx_conf_t *cf, ngx_http_sms365_main_conf_t *smcf,
    ngx_http_sms365_loc_conf_t *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (smcf->path.data == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sms365_config is missing in the http block");
        return NGX_ERROR;
    }

    if (conf->user == NULL && !conf->nobody) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sms365_user is missing: it names the user whose "
                           "first factor was proved, for example $remote_user");
        return NGX_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* No session is demanded where we answer: so nobody else may. */
    if (conf->answers != NULL && clcf->handler != conf->answers) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "sms365_auth, sms365_portal and sms365_callback answer "
                           "in a location of their own: another directive of "
                           "\"location %V\" does, too", &clcf->name);
        return NGX_ERROR;
    }

    if (conf->answers == NULL && clcf->satisfy == NGX_HTTP_SATISFY_ANY) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"satisfy any\": whatever else lets a request in "
                           "does so without the second factor");
    }

    return NGX_OK;
}


static char *
ngx_http_sms365_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_sms365_loc_conf_t *prev = parent;
    ngx_http_sms365_loc_conf_t *conf = child;

    ngx_http_sms365_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sms365_module);

    if (conf->name.data == NULL) {
        conf->file = prev->name.data != NULL ? prev->file : smcf->file;
        conf->line = prev->name.data != NULL ? prev->line : smcf->line;
    }

    ngx_conf_merge_str_value(conf->name, prev->name, NGX_HTTP_SMS365_SERVICE);
    ngx_conf_merge_value(conf->access, prev->access, 0);

    if (conf->user == NULL) {
        conf->user = prev->user;
        conf->basic = prev->basic;
    }

    if (conf->phone == NULL) {
        conf->phone = prev->phone;
    }

    if (conf->user == NULL && !conf->access && conf->answers == NULL) {
        return NGX_CONF_OK;
    }

    if (ngx_http_sms365_check_loc_conf(cf, smcf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    conf->service = ngx_http_sms365_service_get(cf, smcf, &conf->name,
                                                conf->file, conf->line);

    return conf->service != NULL ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* Handlers of the access phase are called in the reverse order of modules: this one after those of the first factor. */
static ngx_int_t
ngx_http_sms365_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt          *h;
    ngx_http_core_main_conf_t    *cmcf;
    ngx_http_sms365_main_conf_t  *smcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_sms365_access_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_sms365_preaccess_handler;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sms365_module);

    /* A configuration that is named is read, also while nothing asks for it yet. */
    if (smcf->path.data != NULL && smcf->services.nelts == 0) {
        if (ngx_http_sms365_service_get(cf, smcf, &ngx_http_sms365_default,
                                        smcf->file, smcf->line)
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_sms365_places_check(cf, smcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sms365_services_open(cf, smcf);
}


/* Where no resolver is configured, hosts are looked up before the first call needs them. */
static void
ngx_http_sms365_init_names(ngx_http_sms365_main_conf_t *smcf)
{
    ngx_uint_t                   i;
    ngx_http_sms365_place_t     *places;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_sms365_loc_conf_t  *slcf;

    places = smcf->portals.elts;

    for (i = 0; i < smcf->portals.nelts; i++) {
        clcf = places[i].ctx->loc_conf[ngx_http_core_module.ctx_index];
        slcf = places[i].ctx->loc_conf[ngx_http_sms365_module.ctx_index];

        if (slcf->service != NULL && clcf->resolver->connections.nelts == 0) {
            ngx_http_sms365_names_init(slcf->service);
        }
    }
}


/* Workers hold keys: nobody else of their user may read their memory, and they leave none behind. */
static ngx_int_t
ngx_http_sms365_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_http_sms365_main_conf_t  *smcf;
    ngx_http_sms365_service_t   **services;

    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "prctl(PR_SET_DUMPABLE, 0) failed");
        return NGX_ERROR;
    }

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_sms365_module);

    if (smcf == NULL || smcf->services.nelts == 0
        || (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    /* What nginx makes of its own name is none to be found by in a log. */
    openlog("sms365", LOG_PID, LOG_AUTHPRIV);

    services = smcf->services.elts;

    for (i = 0; i < smcf->services.nelts; i++) {
        if (ngx_http_sms365_journal_init(cycle, services[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_http_sms365_turn_init(cycle);
    ngx_http_sms365_events_init(cycle);
    ngx_http_sms365_init_names(smcf);

    return ngx_http_sms365_curl_init(cycle);
}


static void
ngx_http_sms365_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_http_sms365_main_conf_t  *smcf;
    ngx_http_sms365_service_t   **services;

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_sms365_module);

    if (smcf == NULL) {
        return;
    }

    services = smcf->services.elts;

    for (i = 0; i < smcf->services.nelts; i++) {
        ngx_http_sms365_jobs_exit(services[i]);
        ngx_http_sms365_journal_exit(services[i]);
    }

    ngx_http_sms365_names_exit();
    ngx_http_sms365_spool_exit();
    ngx_http_sms365_curl_exit();
}
