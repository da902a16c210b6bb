/*
 * The nginx module: a second factor in front of web applications. The files are
 *
 *   ngx_http_sms365_module.c     directives, and what nginx calls when it starts, reloads and ends
 *   ngx_http_sms365_conf.c       services: sms365's own configuration, keys and secrets, opened by the master process
 *
 * What is decided about a login, libsms365 decides; what is written here is how nginx asks it.
 */
#ifndef _NGX_HTTP_SMS365_MODULE_H_INCLUDED_
#define _NGX_HTTP_SMS365_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "edges/keys.h"
#include "pure/conf.h"


/*
 * What one name that sms365_service gives stands for. The master process opens it while it reads the configuration, and
 * keeps of the master key what is derived from it; workers inherit it. Wiped with the configuration.
 */
typedef struct {
    ngx_str_t                     name;
    struct sms365_conf            conf;
    struct sms365_keys            keys;
    struct sms365_mac_key         store_key;
    struct sms365_mac_key         callback_key;
    struct sms365_mac_key         holder_key;
} ngx_http_sms365_service_t;


typedef struct {
    ngx_str_t                     path;         /* of sms365's configuration */
    u_char                       *file;         /* where nginx's names it */
    ngx_uint_t                    line;
    ngx_array_t                   services;     /* ngx_http_sms365_service_t * */
} ngx_http_sms365_main_conf_t;


typedef struct {
    ngx_str_t                     name;         /* of the service */
    ngx_http_sms365_service_t    *service;
} ngx_http_sms365_loc_conf_t;


/* The service of that name, not open yet. NULL: out of memory. */
ngx_http_sms365_service_t *ngx_http_sms365_service_get(ngx_conf_t *cf,
    ngx_http_sms365_main_conf_t *smcf, ngx_str_t *name);

/* Open all of them; what is wrong is told in nginx's way, all of it. */
ngx_int_t ngx_http_sms365_services_open(ngx_conf_t *cf,
    ngx_http_sms365_main_conf_t *smcf);


extern ngx_module_t  ngx_http_sms365_module;


#endif /* _NGX_HTTP_SMS365_MODULE_H_INCLUDED_ */
