/* Where portals stand: which one is a service's, and what is refused at nginx -t. */
#include "ngx_http_sms365_module.h"


/*
 * Whether auth_basic is on in a location. Its configuration is its own: since nginx 1.3.10 it begins with the realm,
 * a pointer to a complex value, and the file of passwords, without which it lets everybody pass: up to nginx 1.23.0 a
 * complex value, which begins with its length, and since then a pointer to one. A realm that is made of variables might
 * be "off".
 */
static ngx_uint_t
ngx_http_sms365_has_basic(ngx_cycle_t *cycle, ngx_http_conf_ctx_t *ctx)
{
    uintptr_t                  *conf;
    ngx_uint_t                  i;
    ngx_http_complex_value_t   *realm;

    for (i = 0; cycle->modules[i] != NULL; i++) {
        if (cycle->modules[i]->type != NGX_HTTP_MODULE
            || ngx_strcmp(cycle->modules[i]->name, "ngx_http_auth_basic_module") != 0)
        {
            continue;
        }

        conf = ctx->loc_conf[cycle->modules[i]->ctx_index];
        realm = (ngx_http_complex_value_t *) conf[0];

        return realm != NULL && conf[1] != 0 && realm->lengths == NULL
               && !(realm->value.len == 3
                    && ngx_strncmp(realm->value.data, "off", 3) == 0);
    }

    return 0;
}


static ngx_http_sms365_service_t *
ngx_http_sms365_place_service(ngx_http_sms365_place_t *place)
{
    ngx_http_sms365_loc_conf_t  *slcf;

    slcf = place->ctx->loc_conf[ngx_http_sms365_module.ctx_index];

    return slcf->service;
}


/* Which server it is in. */
static void *
ngx_http_sms365_place_server(ngx_http_sms365_place_t *place)
{
    return place->ctx->srv_conf[ngx_http_core_module.ctx_index];
}


ngx_str_t *
ngx_http_sms365_portal_of(ngx_http_request_t *r, ngx_http_sms365_service_t *service)
{
    ngx_uint_t                    i;
    ngx_http_sms365_place_t      *places;
    ngx_http_core_srv_conf_t     *cscf;
    ngx_http_sms365_main_conf_t  *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sms365_module);
    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);
    places = smcf->portals.elts;

    for (i = 0; i < smcf->portals.nelts; i++) {
        if (ngx_http_sms365_place_server(&places[i]) == cscf
            && ngx_http_sms365_place_service(&places[i]) == service)
        {
            return &places[i].uri;
        }
    }

    return NULL;
}


/* Whoever is to be led to a portal is led to one: of one service there is one in a server. */
static ngx_int_t
ngx_http_sms365_place_alone(ngx_conf_t *cf, ngx_http_sms365_place_t *places, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (ngx_http_sms365_place_server(&places[i]) == ngx_http_sms365_place_server(&places[n])
            && ngx_http_sms365_place_service(&places[i])
               == ngx_http_sms365_place_service(&places[n]))
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"sms365_portal\" is there twice in this server for the "
                          "service \"%V\", at \"%V\" and \"%V\" in %s:%ui",
                          &ngx_http_sms365_place_service(&places[n])->name,
                          &places[i].uri, &places[n].uri, places[n].file, places[n].line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The name that a client claims is one that nobody has looked at, until auth_basic has: no message for it. */
static ngx_int_t
ngx_http_sms365_place_proved(ngx_conf_t *cf, ngx_http_sms365_place_t *place)
{
    const char                  *trouble;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_sms365_loc_conf_t  *slcf;

    slcf = place->ctx->loc_conf[ngx_http_sms365_module.ctx_index];
    clcf = place->ctx->loc_conf[ngx_http_core_module.ctx_index];

    if (!slcf->basic) {
        return NGX_OK;
    }

    if (!ngx_http_sms365_has_basic(cf->cycle, place->ctx)) {
        trouble = "auth_basic is not on: put it and auth_basic_user_file at server level, and do not turn it off";

    } else if (clcf->satisfy == NGX_HTTP_SATISFY_ANY) {
        trouble = "\"satisfy any\" lets a request in without auth_basic: put \"satisfy all\"";

    } else {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "sms365_user is made of $remote_user, which nobody has checked "
                  "where %s for sms365_portal in %s:%ui",
                  trouble, place->file, place->line);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_sms365_places_check(ngx_conf_t *cf, ngx_http_sms365_main_conf_t *smcf)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_http_sms365_place_t  *places;

    rc = NGX_OK;
    places = smcf->portals.elts;

    for (i = 0; i < smcf->portals.nelts; i++) {
        if (ngx_http_sms365_place_alone(cf, places, i) != NGX_OK
            || ngx_http_sms365_place_proved(cf, &places[i]) != NGX_OK)
        {
            rc = NGX_ERROR;
        }
    }

    return rc;
}
