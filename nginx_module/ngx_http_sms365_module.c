/* Directives, and what nginx calls when it starts, reloads and ends. */
#include "ngx_http_sms365_module.h"

#include <sys/prctl.h>



#define NGX_HTTP_SMS365_SERVICE  "web"
#define NGX_HTTP_SMS365_NAME_MAX  64    /* bytes of a service's name */


static char *ngx_http_sms365_config(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_sms365_service(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void *ngx_http_sms365_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_sms365_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_sms365_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_sms365_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_sms365_init_process(ngx_cycle_t *cycle);


static ngx_command_t  ngx_http_sms365_commands[] = {

    { ngx_string("sms365_config"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_sms365_config,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sms365_service"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sms365_service,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_sms365_module_ctx = {
    NULL,                                  /* preconfiguration */
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
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_http_sms365_config(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sms365_main_conf_t *smcf = conf;

    ngx_str_t  *value;

    if (smcf->path.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0 || value[1].data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the path \"%V\" has to begin with /", &value[1]);
        return NGX_CONF_ERROR;
    }

    smcf->path = value[1];
    smcf->file = cf->conf_file->file.name.data;
    smcf->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


static char *
ngx_http_sms365_service(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sms365_loc_conf_t *slcf = conf;

    u_char      ch;
    size_t      i;
    ngx_str_t  *value;

    if (slcf->name.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < value[1].len; i++) {
        ch = value[1].data[i];

        if ((ch < '0' || ch > '9') && (ch < 'A' || ch > 'Z')
            && (ch < 'a' || ch > 'z') && ch != '-' && ch != '_' && ch != '.')
        {
            break;
        }
    }

    if (value[1].len == 0 || value[1].len > NGX_HTTP_SMS365_NAME_MAX
        || i < value[1].len)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the name of a service is made of 1 to %d letters, "
                           "digits, hyphens, underscores and dots, not \"%V\"",
                           NGX_HTTP_SMS365_NAME_MAX, &value[1]);
        return NGX_CONF_ERROR;
    }

    slcf->name = value[1];

    return NGX_CONF_OK;
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
        != NGX_OK)
    {
        return NULL;
    }

    return smcf;
}


static void *
ngx_http_sms365_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_sms365_loc_conf_t));
}


static char *
ngx_http_sms365_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_sms365_loc_conf_t *prev = parent;
    ngx_http_sms365_loc_conf_t *conf = child;

    ngx_http_sms365_main_conf_t  *smcf;

    ngx_conf_merge_str_value(conf->name, prev->name, NGX_HTTP_SMS365_SERVICE);

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sms365_module);

    if (smcf->path.data != NULL) {
        conf->service = ngx_http_sms365_service_get(cf, smcf, &conf->name);
        if (conf->service == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_sms365_init(ngx_conf_t *cf)
{
    ngx_http_sms365_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sms365_module);

    return ngx_http_sms365_services_open(cf, smcf);
}


/* Workers hold keys: nobody else of their user may read their memory, and they leave none behind. */
static ngx_int_t
ngx_http_sms365_init_process(ngx_cycle_t *cycle)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                      "prctl(PR_SET_DUMPABLE, 0) failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}
