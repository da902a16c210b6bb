/*
 * The nginx module: a second factor in front of web applications. The files are
 *
 *   ngx_http_sms365_module.c     what nginx calls when it starts, reloads and ends; variables; phases
 *   ngx_http_sms365_directives.c directives, and what is refused at nginx -t; ..._places.c where portals may stand
 *   ngx_http_sms365_service.c    services: sms365's own configuration, keys, secrets and users
 *   ngx_http_sms365_session.c    a request's user and session
 *   ngx_http_sms365_cookies.c    our cookies in headers
 *   ngx_http_sms365_access.c     the two ways to demand a session, and what is answered without one
 *   ngx_http_sms365_journal.c    which sessions were issued, and which are revoked
 *   ngx_http_sms365_portal.c     requests to the portal; ..._form.c what they hold
 *   ngx_http_sms365_outcome.c    what the portal answers; ..._page.c how, ..._pages.c with which words
 *   ngx_http_sms365_events.c     what becomes of a message, sent to an open page; ..._stream.c how, ..._json.c in which form
 *   ngx_http_sms365_turn.c       what may take long in all, taken in pieces
 *   ngx_http_sms365_callback.c   delivery reports; ..._spool.c news of them
 *   ngx_http_sms365_job.c        a challenge under way; ..._work.c its part in threads
 *   ngx_http_sms365_call.c       a challenge's requests to the provider; ..._curl.c libcurl on nginx's events,
 *                                ..._names.c addresses of hosts
 *
 * What is decided about a login, libsms365 decides; what is written here is how nginx asks it.
 */
#ifndef _NGX_HTTP_SMS365_MODULE_H_INCLUDED_
#define _NGX_HTTP_SMS365_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <ngx_thread_pool.h>

#include "drive/provider.h"
#include "edges/keys.h"
#include "edges/store.h"
#include "edges/users.h"
#include "pure/conf.h"
#include "pure/journal.h"
#include "pure/session.h"


#define NGX_HTTP_SMS365_SERVICE   "web"     /* where none is named */
#define NGX_HTTP_SMS365_DAY       86400     /* seconds */
#define NGX_HTTP_SMS365_PAGES     5
#define NGX_HTTP_SMS365_USER_MAX  SMS365_RECORD_NAME_MAX
#define NGX_HTTP_SMS365_BYPASS_USERS  256
#define NGX_HTTP_SMS365_IDLE_MAX  64    /* stores, or handles of libcurl, that a worker keeps for a service */


typedef struct ngx_http_sms365_poll_s  ngx_http_sms365_poll_t;


/* The cookies of a service. */
typedef enum {
    NGX_HTTP_SMS365_COOKIE_SESSION,
    NGX_HTTP_SMS365_COOKIE_LOGIN,   /* the browser's name for itself before it has a session */
    NGX_HTTP_SMS365_COOKIE_REMEMBER,  /* where a code was entered before */
    NGX_HTTP_SMS365_COOKIES
} ngx_http_sms365_cookie_e;


/* One of them in a request. */
typedef struct {
    ngx_str_t                     text;         /* as it came */
    ngx_uint_t                    times;        /* that it is there */
} ngx_http_sms365_token_t;


/* One user of the users file. */
typedef struct {
    char                          name[SMS365_USER_NAME_SIZE];
    struct sms365_number          numbers[SMS365_USER_NUMBERS_MAX];
    size_t                        count;
    uint8_t                       enrolment[SMS365_ENROLMENT_BYTES];
} ngx_http_sms365_user_t;


/* How often a user was let in without a code in a minute, as long as no other comes into its place. */
typedef struct {
    time_t                        minute;
    uint32_t                      user;         /* a hash */
    uint32_t                      count;
} ngx_http_sms365_bypass_t;


/*
 * What one name that sms365_service gives stands for. The master process opens it while it reads the configuration, and
 * keeps of the master key what is derived from it; workers inherit it. Wiped with the configuration.
 */
typedef struct {
    ngx_str_t                     name;
    u_char                       *file;         /* where nginx's configuration names it first */
    ngx_uint_t                    line;
    ngx_uint_t                    index;        /* among all services */
    struct sms365_conf            conf;
    struct sms365_keys            keys;
    struct sms365_mac_key         store_key;
    struct sms365_mac_key         callback_key;
    struct sms365_mac_key         holder_key;
    struct sms365_ticket_key     *tickets;
    ngx_str_t                     cookies[NGX_HTTP_SMS365_COOKIES];  /* their names, by ngx_http_sms365_cookie_e */
    ngx_http_sms365_user_t       *users;        /* by name */
    size_t                        user_count;
    size_t                        user_room;
    unsigned                      incomplete:1; /* not all users could be kept */
    char                          machine[NGX_MAXHOSTNAMELEN];
    struct sms365_buf             templates[NGX_HTTP_SMS365_PAGES];  /* the administrator's; empty: ours */
    struct sms365_cidr_list       callers;      /* who may call with a report; none: everybody */
    struct sms365_conf            spoken[2];    /* conf, for the web, by enum sms365_language */

    /* A worker's own. */
    ngx_thread_pool_t            *threads;
    struct sms365_provider        provider;
    struct sms365_store          *stores[NGX_HTTP_SMS365_IDLE_MAX];
    size_t                        idle_stores;
    struct sms365_http           *handles[NGX_HTTP_SMS365_IDLE_MAX];
    size_t                        idle_handles;
    ngx_http_sms365_poll_t       *poll;
    struct sms365_revoked         revoked;
    time_t                        polled;       /* when it was last looked at */
    ngx_http_sms365_bypass_t      bypasses[NGX_HTTP_SMS365_BYPASS_USERS];
} ngx_http_sms365_service_t;


/* A location in which sms365_portal stands: the portal of its server and service. */
typedef struct {
    ngx_str_t                     uri;          /* ends with a slash, and a NUL behind it */
    ngx_http_conf_ctx_t          *ctx;
    u_char                       *file;
    ngx_uint_t                    line;
} ngx_http_sms365_place_t;


typedef struct {
    ngx_str_t                     path;         /* of sms365's configuration */
    u_char                       *file;         /* where nginx's names it */
    ngx_uint_t                    line;
    ngx_array_t                   services;     /* ngx_http_sms365_service_t * */
    ngx_array_t                   portals;      /* ngx_http_sms365_place_t */
} ngx_http_sms365_main_conf_t;


typedef struct {
    ngx_str_t                     name;         /* of the service */
    u_char                       *file;         /* where sms365_service gives it, or sms365_config stands */
    ngx_uint_t                    line;
    ngx_http_sms365_service_t    *service;      /* NULL where nothing is asked of it */
    ngx_http_complex_value_t     *user;
    ngx_http_complex_value_t     *phone;
    ngx_flag_t                    access;
    ngx_http_handler_pt           answers;      /* of sms365_auth, sms365_portal or sms365_callback; NULL: none is here */
    unsigned                      nobody:1;     /* sms365_callback, which needs no user */
    unsigned                      basic:1;      /* the user is $remote_user: true once auth_basic has looked at it */
} ngx_http_sms365_loc_conf_t;


/* Why there is a session, or none: for $sms365_reason. */
typedef enum {
    NGX_HTTP_SMS365_OK = 0,
    NGX_HTTP_SMS365_NO_USER,
    NGX_HTTP_SMS365_NO_COOKIE,
    NGX_HTTP_SMS365_DOUBLED,
    NGX_HTTP_SMS365_FORGED,
    NGX_HTTP_SMS365_OTHER_KEY,
    NGX_HTTP_SMS365_EXPIRED,
    NGX_HTTP_SMS365_EARLY,
    NGX_HTTP_SMS365_REVOKED,
    NGX_HTTP_SMS365_UNTOLD,         /* what is revoked cannot be told */
    NGX_HTTP_SMS365_NOT_ENROLLED,
    NGX_HTTP_SMS365_FAILED
} ngx_http_sms365_reason_e;


typedef struct ngx_http_sms365_visit_s  ngx_http_sms365_visit_t;


/* What is known about a request; of its main request, and kept through internal redirects. */
typedef struct {
    ngx_http_sms365_token_t      *tokens;       /* of each service: NGX_HTTP_SMS365_COOKIES; NULL: not looked for yet */
    unsigned                      renewed:1;
    unsigned                      judged:1;     /* what follows is set */
    ngx_http_sms365_service_t    *service;
    ngx_str_t                     user;
    const ngx_http_sms365_user_t *enrolled;     /* NULL: no number */
    ngx_http_sms365_user_t       *own;          /* whose number sms365_phone gives */
    ngx_http_sms365_reason_e      reason;
    struct sms365_ticket          ticket;       /* when reason is OK */
    unsigned                      trusted:1;    /* the session is one that holds only where the network is trusted */
    ngx_http_sms365_visit_t      *visit;        /* to the portal */
} ngx_http_sms365_ctx_t;


/* --- ngx_http_sms365_directives.c --- */

extern ngx_command_t  ngx_http_sms365_commands[];


/* --- ngx_http_sms365_places.c --- */

/* What can be told only when all is read. */
ngx_int_t ngx_http_sms365_places_check(ngx_conf_t *cf,
    ngx_http_sms365_main_conf_t *smcf);

/* URI of the portal that the request's server has for the service. NULL: there is none. */
ngx_str_t *ngx_http_sms365_portal_of(ngx_http_request_t *r,
    ngx_http_sms365_service_t *service);


/* --- ngx_http_sms365_service.c --- */

/* The service of that name, not open yet; a new one is named at file:line. NULL: out of memory. */
ngx_http_sms365_service_t *ngx_http_sms365_service_get(ngx_conf_t *cf,
    ngx_http_sms365_main_conf_t *smcf, ngx_str_t *name, u_char *file, ngx_uint_t line);

/* Open all of them; what is wrong is told in nginx's way, all of it. */
ngx_int_t ngx_http_sms365_services_open(ngx_conf_t *cf,
    ngx_http_sms365_main_conf_t *smcf);

/* Have one of the service's threads call handler(ctx); then done gets the event whose data is ctx. */
ngx_int_t ngx_http_sms365_thread(ngx_http_sms365_service_t *service,
    ngx_thread_task_t *task, void *ctx, void (*handler)(void *ctx, ngx_log_t *log),
    ngx_event_handler_pt done);

/* NULL: no such user. */
const ngx_http_sms365_user_t *ngx_http_sms365_user_find(
    ngx_http_sms365_service_t *service, ngx_str_t *name);


/* --- ngx_http_sms365_session.c --- */

/* The context of r's main request. NULL: out of memory. */
ngx_http_sms365_ctx_t *ngx_http_sms365_ctx(ngx_http_request_t *r);

/* Who it is, and whether there is a session: ctx->reason. NGX_ERROR: out of memory, or user could not be told. */
ngx_int_t ngx_http_sms365_judge(ngx_http_request_t *r,
    ngx_http_sms365_ctx_t *ctx);

/* A session of a minute ago or more (or half of session_idle) is written anew, into the main request's response. */
ngx_int_t ngx_http_sms365_renew(ngx_http_request_t *r,
    ngx_http_sms365_ctx_t *ctx);

/* What a ticket of this request is for. The user is known, and enrolled. */
void ngx_http_sms365_scope(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx,
    enum sms365_purpose purpose, struct sms365_scope *scope);

/* Put a session's cookie, or that of a browser to be remembered, into the main request's response. */
ngx_int_t ngx_http_sms365_ticket_write(ngx_http_request_t *r,
    ngx_http_sms365_ctx_t *ctx, ngx_http_sms365_cookie_e cookie,
    const struct sms365_ticket *ticket);

/* Whether the browser shows that it was to be remembered. What is revoked was not looked at. The user is enrolled. */
ngx_uint_t ngx_http_sms365_browser(ngx_http_request_t *r,
    ngx_http_sms365_ctx_t *ctx, struct sms365_ticket *ticket);

/* "no_cookie" and its like. */
ngx_str_t *ngx_http_sms365_reason_name(ngx_http_sms365_reason_e reason);


/* --- ngx_http_sms365_cookies.c --- */

/* Find the cookies of all services in the request, once: after that they may be taken out. */
ngx_int_t ngx_http_sms365_read_cookies(ngx_http_request_t *r,
    ngx_http_sms365_ctx_t *ctx);

/* That of the context's service. One that is there twice is as good as none: whoever can add one could shadow the other. */
ngx_http_sms365_token_t *ngx_http_sms365_token(ngx_http_sms365_ctx_t *ctx,
    ngx_http_sms365_cookie_e cookie);

/* Take the cookies of all services out of the request: the application has no use for them, and shares the host. */
ngx_int_t ngx_http_sms365_strip(ngx_http_request_t *r);

/* The cookie of that service, with the attributes that all of ours have. max_age 0 deletes it; -1: until the browser ends. */
ngx_int_t ngx_http_sms365_set_cookie(ngx_http_request_t *r,
    ngx_http_sms365_service_t *service, ngx_http_sms365_cookie_e cookie,
    const char *value, time_t max_age);


/* --- ngx_http_sms365_access.c --- */

ngx_int_t ngx_http_sms365_auth_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_sms365_access_handler(ngx_http_request_t *r);

/* In place of what was asked for: the way to the portal, or 401. */
ngx_int_t ngx_http_sms365_gate(ngx_http_request_t *r,
    ngx_http_sms365_ctx_t *ctx);


/* --- ngx_http_sms365_turn.c --- */

/* What one kind of work may have of each turn of the event loop. Static, and zeroed. */
typedef struct {
    ngx_event_t                   next;         /* posted while it has had some of this turn */
    int64_t                       until;        /* us by the clock */
} ngx_http_sms365_share_t;

/* Whether more of it may be begun in this turn. What is not begun now has to be tried in another. */
ngx_uint_t ngx_http_sms365_turn_may(ngx_http_sms365_share_t *share);

/* As a content handler: have handler called, in this turn or a later one, for what finalizes the request. */
ngx_int_t ngx_http_sms365_turn(ngx_http_request_t *r, ngx_http_handler_pt handler);

void ngx_http_sms365_turn_init(ngx_cycle_t *cycle);


/* --- ngx_http_sms365_portal.c --- */

ngx_int_t ngx_http_sms365_portal_handler(ngx_http_request_t *r);


/* --- ngx_http_sms365_callback.c --- */

ngx_int_t ngx_http_sms365_callback_handler(ngx_http_request_t *r);


extern ngx_module_t  ngx_http_sms365_module;


#endif /* _NGX_HTTP_SMS365_MODULE_H_INCLUDED_ */
