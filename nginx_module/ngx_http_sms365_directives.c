/* Directives, and what is refused at nginx -t. */
#include "ngx_http_sms365_module.h"


#define NGX_HTTP_SMS365_NAME_MAX  64    /* bytes of a service's name */


static char *ngx_http_sms365_config(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_sms365_service(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_sms365_expression(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_sms365_auth(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_sms365_portal(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_sms365_callback(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


ngx_command_t  ngx_http_sms365_commands[] = {

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

    { ngx_string("sms365_user"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sms365_expression,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sms365_loc_conf_t, user),
      NULL },

    { ngx_string("sms365_phone"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_sms365_expression,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sms365_loc_conf_t, phone),
      NULL },

    { ngx_string("sms365_access"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_sms365_loc_conf_t, access),
      NULL },

    { ngx_string("sms365_auth"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_sms365_auth,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sms365_portal"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_sms365_portal,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sms365_callback"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_sms365_callback,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
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
    slcf->file = cf->conf_file->file.name.data;
    slcf->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


/* The next variable's name in text, from *i on. */
static ngx_int_t
ngx_http_sms365_next_variable(ngx_str_t *text, size_t *i, ngx_str_t *name)
{
    u_char  ch;

    while (*i < text->len && text->data[*i] != '$') {
        (*i)++;
    }

    if (*i == text->len) {
        return NGX_DONE;
    }

    (*i)++;

    if (*i < text->len && text->data[*i] == '{') {
        (*i)++;
    }

    name->data = text->data + *i;
    name->len = 0;

    for ( /* void */ ; *i < text->len; (*i)++) {
        ch = text->data[*i];

        if ((ch < '0' || ch > '9') && (ch < 'A' || ch > 'Z')
            && (ch < 'a' || ch > 'z') && ch != '_')
        {
            break;
        }

        name->len++;
    }

    return NGX_OK;
}


/* Variables that hold what the client chose. Those that end with _ are beginnings of names. */
static ngx_uint_t
ngx_http_sms365_is_clients(ngx_str_t *name)
{
    size_t        length;
    ngx_uint_t    i;

    static const char  *clients[] = {
        "arg_", "args", "content_type", "cookie_", "document_uri", "host",
        "http_", "is_args", "proxy_add_x_forwarded_for", "query_string",
        "request", "request_body", "request_filename", "request_method",
        "request_uri", "ssl_server_name", "uri"
    };

    for (i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
        length = ngx_strlen(clients[i]);

        if ((name->len == length
             || (name->len > length && clients[i][length - 1] == '_'))
            && ngx_strncasecmp(name->data, (u_char *) clients[i], length) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static char *
ngx_http_sms365_expression(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    size_t                              i;
    ngx_str_t                          *value, name;
    ngx_http_complex_value_t          **field;
    ngx_http_sms365_loc_conf_t         *slcf = conf;
    ngx_http_compile_complex_value_t    ccv;

    field = (ngx_http_complex_value_t **) ((char *) conf + cmd->offset);

    if (*field != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;
    i = 0;

    while (ngx_http_sms365_next_variable(&value[1], &i, &name) == NGX_OK) {
        if (ngx_http_sms365_is_clients(&name)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is refused: $%V is what the client "
                               "says, and proves nothing",
                               &value[1], &name);
            return NGX_CONF_ERROR;
        }

        if (field == &slcf->user && name.len == sizeof("remote_user") - 1
            && ngx_strncasecmp(name.data, (u_char *) "remote_user", name.len) == 0)
        {
            slcf->basic = 1;
        }
    }

    *field = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (*field == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));
    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = *field;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* A location answers in one way. */
static char *
ngx_http_sms365_answer(ngx_conf_t *cf, ngx_http_sms365_loc_conf_t *slcf,
    ngx_http_handler_pt handler)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (slcf->answers != NULL) {
        return "cannot stand beside another of its kind in one location";
    }

    slcf->answers = handler;
    clcf->handler = handler;

    return NGX_CONF_OK;
}


static char *
ngx_http_sms365_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return ngx_http_sms365_answer(cf, conf, ngx_http_sms365_auth_handler);
}


static char *
ngx_http_sms365_callback(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sms365_loc_conf_t *slcf = conf;

    slcf->nobody = 1;

    return ngx_http_sms365_answer(cf, slcf, ngx_http_sms365_callback_handler);
}


static char *
ngx_http_sms365_portal(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char                       *p;
    ngx_str_t                    *name;
    ngx_http_sms365_place_t      *place;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_sms365_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sms365_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    name = &clcf->name;

    if (!clcf->named) {

        if (clcf->noname || clcf->exact_match || name->len == 0
#if (NGX_PCRE)
            || clcf->regex != NULL
#endif
            || name->data[name->len - 1] != '/')
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"sms365_portal\" stands in a location whose "
                               "name is the beginning of a path and ends with "
                               "a slash, such as \"location ^~ /sms365/\", or "
                               "in a named location");
            return NGX_CONF_ERROR;
        }

        p = ngx_pnalloc(cf->pool, name->len + 1);
        place = ngx_array_push(&smcf->portals);
        if (p == NULL || place == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memcpy(p, name->data, name->len);
        p[name->len] = '\0';
        place->uri.data = p;
        place->uri.len = name->len;
        place->ctx = cf->ctx;
        place->file = cf->conf_file->file.name.data;
        place->line = cf->conf_file->line;
    }

    return ngx_http_sms365_answer(cf, conf, ngx_http_sms365_portal_handler);
}
