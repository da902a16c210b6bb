/* The portal: the pages on which a person has a code sent and enters it. They need no JavaScript. */
#ifndef _NGX_HTTP_SMS365_PORTAL_H_INCLUDED_
#define _NGX_HTTP_SMS365_PORTAL_H_INCLUDED_


#include "ngx_http_sms365_job.h"

#include "base/str.h"


#define NGX_HTTP_SMS365_NEXT_MAX   2048     /* bytes of the address to go back to */
#define NGX_HTTP_SMS365_FORM_LIFE  3600     /* seconds that a form, and the cookie it is bound to, are good for */


typedef enum {
    NGX_HTTP_SMS365_PAGE_SEND,
    NGX_HTTP_SMS365_PAGE_CODE,
    NGX_HTTP_SMS365_PAGE_DONE,
    NGX_HTTP_SMS365_PAGE_DENIED,
    NGX_HTTP_SMS365_PAGE_GATE
} ngx_http_sms365_page_e;


/* What was asked of the portal. */
typedef enum {
    NGX_HTTP_SMS365_DO_LOOK,
    NGX_HTTP_SMS365_DO_SEND,
    NGX_HTTP_SMS365_DO_AGAIN,
    NGX_HTTP_SMS365_DO_OTHER,
    NGX_HTTP_SMS365_DO_VERIFY,
    NGX_HTTP_SMS365_DO_BACKUP,
    NGX_HTTP_SMS365_DO_LOGOUT
} ngx_http_sms365_do_e;


typedef struct ngx_http_sms365_stream_s  ngx_http_sms365_stream_t;


/* One request to the portal. */
struct ngx_http_sms365_visit_s {
    ngx_http_sms365_ctx_t     *ctx;
    ngx_str_t                  base;        /* URI of the portal */
    ngx_http_sms365_do_e       what;
    enum sms365_language       language;
    struct sms365_ticket       login;       /* names the browser */
    struct sms365_ticket       browser;     /* when remembered */
    char                       next[NGX_HTTP_SMS365_NEXT_MAX + 1];
    char                       code[NGX_HTTP_SMS365_ANSWER_SIZE];
    unsigned                   login_known:1;
    unsigned                   token_good:1;
    unsigned                   failed_before:1; /* a send that was not waited for */
    unsigned                   newest:1;        /* a message was sent while another may still arrive */
    unsigned                   remember:1;  /* the person wants the browser to be */
    ngx_http_sms365_stream_t  *stream;      /* of events, where they were asked for */

    /* For pages. */
    const struct sms365_view  *view;
    char                       notice[512];
    char                       token[SMS365_TICKET_SIZE];
    char                       number[32];
    char                       user[SMS365_USER_NAME_SIZE];
    char                       text[128];   /* of the value that was asked for last */
    unsigned                   retry:1;
    unsigned                   good:1;      /* the notice is good news */
    unsigned                   wrong:1;     /* what was entered is not the code */
    unsigned                   backup_tried:1; /* what was entered was meant to be a backup code */
    unsigned                   json:1;      /* no page, but what it would say */
    char                       escaped[3 * NGX_HTTP_SMS365_NEXT_MAX + 1]; /* last: not zeroed */
};


/* --- ngx_http_sms365_pages.c --- */

extern const char *const  ngx_http_sms365_templates[NGX_HTTP_SMS365_PAGES];
extern const char         ngx_http_sms365_style[];
extern const size_t       ngx_http_sms365_style_length;
extern const char         ngx_http_sms365_icon[];
extern const size_t       ngx_http_sms365_icon_length;
extern const char         ngx_http_sms365_script[];
extern const size_t       ngx_http_sms365_script_length;

/* NULL: there is no such word. */
const char *ngx_http_sms365_word(enum sms365_language language, const char *name);


/* --- ngx_http_sms365_accept.c --- */

/* The person's language, of those there are. */
enum sms365_language ngx_http_sms365_language(ngx_http_request_t *r,
    enum sms365_language otherwise);

/* JSON, and no page for a person. */
ngx_uint_t ngx_http_sms365_wants_json(ngx_http_request_t *r);

/* A form, a script's request or an upgrade of a browser's. */
ngx_uint_t ngx_http_sms365_from_browser(ngx_http_request_t *r);


/* --- ngx_http_sms365_page.c --- */

extern const char *const  ngx_http_sms365_page_names[NGX_HTTP_SMS365_PAGES];

/* What a name of a template stands for in this visit (context); NULL: there is no such name. */
const char *ngx_http_sms365_value(void *context, const char *name);

/* Add a header to the response. */
ngx_int_t ngx_http_sms365_push(ngx_http_request_t *r, const char *name, const char *value);

/* Headers that all of our responses have. */
ngx_int_t ngx_http_sms365_harden(ngx_http_request_t *r);

/* Read the templates of a service's administrator, and try them; err tells file and line of a mistake. */
enum sms365_err ngx_http_sms365_templates_read(ngx_http_sms365_service_t *service,
    struct sms365_error *err);

/* Send a page; what it returns finalizes the request. */
ngx_int_t ngx_http_sms365_page(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit,
    ngx_http_sms365_page_e page, ngx_uint_t status);

ngx_int_t ngx_http_sms365_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, const char *text, size_t length);

/* 303, to a local address. */
ngx_int_t ngx_http_sms365_redirect(ngx_http_request_t *r, const char *where);


/* --- ngx_http_sms365_json.c --- */

/* What a page would say: of the message, and with whole of all else. NULL: out of memory. Free with cJSON_free(). */
char *ngx_http_sms365_json(ngx_http_sms365_visit_t *visit, ngx_http_sms365_page_e page,
    ngx_uint_t whole);


/* --- ngx_http_sms365_events.c --- */

/* Send what becomes of the message for as long as that is to be awaited; what it returns finalizes the request. */
ngx_int_t ngx_http_sms365_events(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit);

/* In a worker that starts. */
void ngx_http_sms365_events_init(ngx_cycle_t *cycle);


/* --- ngx_http_sms365_outcome.c --- */

/* Put a word of the pages into the notice. */
void ngx_http_sms365_note(ngx_http_sms365_visit_t *visit, const char *word);

/* 303 to the portal's first page; argument "" or such as "sent=1". */
ngx_int_t ngx_http_sms365_back(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit,
    const char *argument);

/* 503. */
ngx_int_t ngx_http_sms365_busy(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit);

/* Of a job. */
void ngx_http_sms365_ended(ngx_http_request_t *r, ngx_http_sms365_job_t *job,
    ngx_http_sms365_end_e end);


/* --- ngx_http_sms365_portal.c --- */

/* NULL: out of memory. */
ngx_http_sms365_visit_t *ngx_http_sms365_visit_create(ngx_http_request_t *r,
    ngx_http_sms365_ctx_t *ctx);


/* --- ngx_http_sms365_form.c --- */

/* The browser's name for itself: its pre-login cookie, made at its first visit. */
ngx_int_t ngx_http_sms365_visit_login(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit);

/* Another name for the browser, whatever it had before. */
ngx_int_t ngx_http_sms365_visit_login_new(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit);

/* Make the token of the forms on this visit's page, bound to that cookie; is a form's token one of those? */
ngx_int_t ngx_http_sms365_visit_token(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit);
ngx_uint_t ngx_http_sms365_visit_token_good(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit,
    ngx_str_t *token);

/* Read next, code and the token of a form, or of the query. */
void ngx_http_sms365_form_read(ngx_http_sms365_visit_t *visit, u_char *data, size_t length,
    ngx_str_t *token);

/* Whether visit->code is one of the kind that was asked for: what is none is for nobody but the person to see. */
ngx_uint_t ngx_http_sms365_is_code(ngx_http_sms365_visit_t *visit);

/* Whether text is the address of something on this host: a path, and nothing a browser could take for another. */
ngx_uint_t ngx_http_sms365_is_local(const char *text);

/* The base with next as its argument. */
void ngx_http_sms365_portal_address(ngx_http_sms365_visit_t *visit, struct sms365_buf *out,
    const char *argument);


#endif /* _NGX_HTTP_SMS365_PORTAL_H_INCLUDED_ */
