/* Responses of the portal: pages made of templates, and redirects. */
#include "ngx_http_sms365_portal.h"

#include "base/err.h"
#include "edges/file_safe.h"
#include "pure/template.h"
#include "pure/text.h"

#include <cjson/cJSON.h>


#define NGX_HTTP_SMS365_PAGE_MAX  65536     /* bytes of a page */
#define NGX_HTTP_SMS365_OLD_MS    60000     /* a message has to be so old for a page to tell how old */


const char *const  ngx_http_sms365_page_names[NGX_HTTP_SMS365_PAGES] = {
    "send", "code", "done", "denied", "gate"
};


typedef struct {
    const char        *state;
    enum sms365_text   text;
} ngx_http_sms365_fate_t;


/* --- Values of templates --- */

static void
ngx_http_sms365_tries(ngx_http_sms365_visit_t *visit)
{
    char  number[16];

    (void) snprintf(number, sizeof(number), "%d", visit->view->tries_left);

    sms365_text_format(visit->text, sizeof(visit->text), visit->language,
                       visit->view->tries_left == 1 ? SMS365_TEXT_ONE_TRY : SMS365_TEXT_TRIES,
                       (const char *const[]) { number, NULL });
}


static void
ngx_http_sms365_age(ngx_http_sms365_visit_t *visit)
{
    char  duration[32];

    sms365_text_duration(duration, visit->language, visit->view->age_ms);
    sms365_text_format(visit->text, sizeof(visit->text), visit->language, SMS365_TEXT_AGO,
                       (const char *const[]) { duration, NULL });
}


/* For how long the browser may be remembered, where it may. */
static void
ngx_http_sms365_days(ngx_http_sms365_visit_t *visit)
{
    int64_t  days;

    days = visit->ctx != NULL ? visit->ctx->service->conf.remember_days : 0;

    if (days > 0) {
        (void) snprintf(visit->text, sizeof(visit->text), "%lld %s", (long long) days,
                        ngx_http_sms365_word(visit->language, days == 1 ? "day" : "days"));
    }
}


/* What became of the message; where nobody will report that, pending would be said for ever. */
static const ngx_http_sms365_fate_t *
ngx_http_sms365_fate(const struct sms365_view *view)
{
    static const ngx_http_sms365_fate_t  fates[SMS365_DELIVERIES] = {
        [SMS365_DELIVERY_PENDING] = { "pending", SMS365_TEXT_PENDING },
        [SMS365_DELIVERY_DONE] = { "delivered", SMS365_TEXT_DELIVERED },
        [SMS365_DELIVERY_FAILED] = { "failed", SMS365_TEXT_FAILED },
        [SMS365_DELIVERY_UNKNOWN] = { "unknown", SMS365_TEXT_UNKNOWN }
    };

    static const ngx_http_sms365_fate_t  sent = { "sent", SMS365_TEXT_SENT };

    return view->delivery == SMS365_DELIVERY_PENDING && !view->awaited ? &sent
                                                                       : &fates[view->delivery];
}


static const char *
ngx_http_sms365_view_value(ngx_http_sms365_visit_t *visit, const char *name)
{
    const struct sms365_view       *view = visit->view;
    const ngx_http_sms365_fate_t   *fate = ngx_http_sms365_fate(view);

    visit->text[0] = '\0';

    if (ngx_strcmp(name, "delivery") == 0) {
        sms365_text_format(visit->text, sizeof(visit->text), visit->language, fate->text, NULL);

    } else if (ngx_strcmp(name, "state") == 0) {
        return fate->state;

    } else if (ngx_strcmp(name, "failed") == 0) {
        return view->delivery == SMS365_DELIVERY_FAILED ? "1" : "";

    } else if (ngx_strcmp(name, "age") == 0) {
        ngx_http_sms365_age(visit);

    } else if (ngx_strcmp(name, "old") == 0) {
        return view->age_ms >= NGX_HTTP_SMS365_OLD_MS ? "1" : "";

    } else if (ngx_strcmp(name, "tries") == 0) {
        ngx_http_sms365_tries(visit);

    } else if (ngx_strcmp(name, "wait") == 0) {
        (void) snprintf(visit->text, sizeof(visit->text), "%d",
                        (int) ((view->resend_ms + 999) / 1000));

    } else if (ngx_strcmp(name, "backup") == 0) {
        if (view->backups_left > 0) {
            (void) snprintf(visit->text, sizeof(visit->text), "%d", view->backups_left);
        }

    } else if (ngx_strcmp(name, "remember") == 0) {
        ngx_http_sms365_days(visit);

    } else if (ngx_strcmp(name, "unusable") == 0) {
        return view->unusable ? "1" : "";

    } else if (ngx_strcmp(name, "other") == 0) {
        return view->numbers > 1 ? "1" : "";

    } else {
        return NULL;
    }

    return visit->text;
}


const char *
ngx_http_sms365_value(void *context, const char *name)
{
    ngx_http_sms365_visit_t  *visit = context;

    const struct {
        const char  *name;
        const char  *value;
    } plain[] = {
        { "lang", visit->language == SMS365_LANGUAGE_EL ? "el" : "en" },
        { "next", visit->next },
        { "next_escaped", visit->escaped },
        { "base", (char *) visit->base.data },
        { "token", visit->token },
        { "user", visit->user },
        { "number", visit->number },
        { "notice", visit->notice },
        { "good", visit->good ? "1" : "" },
        { "wrong", visit->wrong ? "1" : "" },
        { "backup_tried", visit->backup_tried ? "1" : "" },
        { "retry", visit->retry ? "1" : "" }
    };

    static const struct sms365_view  nothing;

    const char  *value;
    size_t       i;

    if (name[0] == 't' && name[1] == '.') {
        return ngx_http_sms365_word(visit->language, name + 2);
    }

    for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (ngx_strcmp(plain[i].name, name) == 0) {
            return plain[i].value;
        }
    }

    if (visit->view != NULL) {
        return ngx_http_sms365_view_value(visit, name);
    }

    /* Of what is not there every name is known, and has no value. */
    visit->view = &nothing;
    value = ngx_http_sms365_view_value(visit, name);
    visit->view = NULL;

    return value != NULL ? "" : NULL;
}


/* --- Responses --- */

ngx_int_t
ngx_http_sms365_push(ngx_http_request_t *r, const char *name, const char *value)
{
    size_t            length;
    ngx_table_elt_t  *header;

    length = ngx_strlen(value);

    header = ngx_list_push(&r->headers_out.headers);
    if (header == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(header, sizeof(ngx_table_elt_t));
    header->hash = 1;
    header->key.data = (u_char *) (uintptr_t) name;
    header->key.len = ngx_strlen(name);
    header->value.len = length;
    header->value.data = ngx_pnalloc(r->pool, length + 1);

    if (header->value.data == NULL) {
        header->hash = 0;
        return NGX_ERROR;
    }

    ngx_memcpy(header->value.data, value, length + 1);

    return NGX_OK;
}


ngx_int_t
ngx_http_sms365_harden(ngx_http_request_t *r)
{
    ngx_uint_t   i;

    static const char *const  headers[][2] = {
        { "Cache-Control", "no-store" },
        { "Content-Security-Policy",
          "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
          "img-src 'self'; font-src 'self'; "
          "form-action 'self'; frame-ancestors 'none'; base-uri 'none'" },
        { "X-Frame-Options", "DENY" },
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "same-origin" }
    };

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (ngx_http_sms365_push(r, headers[i][0], headers[i][1]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sms365_send(ngx_http_request_t *r, ngx_uint_t status, const char *type,
    const char *text, size_t length)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    if (ngx_http_sms365_harden(r) != NGX_OK
        || (status == NGX_HTTP_SERVICE_UNAVAILABLE
            && ngx_http_sms365_push(r, "Retry-After", "5") != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_create_temp_buf(r->pool, length > 0 ? length : 1);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->last, text, length);
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    /* The status is ours, whichever error_page led here. */
    r->err_status = 0;
    r->header_only = r->header_only || length == 0;
    r->headers_out.status = status;
    r->headers_out.content_length_n = (off_t) length;
    r->headers_out.content_type.data = (u_char *) (uintptr_t) type;
    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_sms365_redirect(ngx_http_request_t *r, const char *where)
{
    /* Relative: nginx's own way of making it absolute knows the port behind a proxy no better. */
    if (ngx_http_sms365_push(r, "Location", where) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sms365_send(r, NGX_HTTP_SEE_OTHER, "text/plain", "", 0);
}


enum sms365_err
ngx_http_sms365_templates_read(ngx_http_sms365_service_t *service, struct sms365_error *err)
{
    int                       line;
    char                      path[512], why[SMS365_TEMPLATE_NAME_SIZE + 64];
    ngx_uint_t                i;
    enum sms365_err           code;
    struct sms365_buf         out, *text;
    struct sms365_view        view = { 0 };
    ngx_http_sms365_visit_t  *visit;

    if (service->conf.templates[0] == '\0') {
        return SMS365_OK;
    }

    visit = calloc(1, sizeof(ngx_http_sms365_visit_t));
    if (visit == NULL) {
        return sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
    }

    visit->base.data = (u_char *) "/";
    visit->view = &view;
    code = SMS365_OK;

    for (i = 0; i < NGX_HTTP_SMS365_PAGES && code == SMS365_OK; i++) {
        text = &service->templates[i];

        (void) snprintf(path, sizeof(path), "%s/%s.html", service->conf.templates,
                        ngx_http_sms365_page_names[i]);

        code = sms365_file_read(text, path, SMS365_FILE_PUBLIC, NGX_HTTP_SMS365_PAGE_MAX, err);

        if (code == SMS365_NOT_FOUND) {
            code = SMS365_OK;
            continue;
        }

        sms365_buf_init(&out, 2 * NGX_HTTP_SMS365_PAGE_MAX);

        if (code == SMS365_OK
            && !sms365_template_render(&out, sms365_buf_text(text), text->length,
                                       ngx_http_sms365_value, visit, why, &line))
        {
            code = sms365_error_set(err, SMS365_BAD_CONFIG, "%s:%d: %s", path, line, why);
        }

        sms365_buf_free(&out);
    }

    free(visit);

    return code;
}


ngx_int_t
ngx_http_sms365_page(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit,
    ngx_http_sms365_page_e page, ngx_uint_t status)
{
    int                 line;
    char                why[SMS365_TEMPLATE_NAME_SIZE + 64];
    char               *json;
    ngx_int_t           rc;
    size_t              length;
    const char         *template;
    struct sms365_buf   out, escaped, *own;

    if (visit->json) {
        json = ngx_http_sms365_json(visit, page, 1);
        rc = json == NULL ? NGX_HTTP_INTERNAL_SERVER_ERROR
                          : ngx_http_sms365_send(r, status, "application/json", json,
                                                 ngx_strlen(json));
        cJSON_free(json);
        return rc;
    }

    sms365_buf_init(&escaped, sizeof(visit->escaped) - 1);
    sms365_buf_add_form(&escaped, visit->next, ngx_strlen(visit->next));
    (void) sms365_str_copy(visit->escaped, sizeof(visit->escaped), sms365_buf_text(&escaped));
    sms365_buf_free(&escaped);

    sms365_buf_init(&out, NGX_HTTP_SMS365_PAGE_MAX);
    own = &visit->ctx->service->templates[page];
    template = own->length > 0 ? own->data : ngx_http_sms365_templates[page];
    length = own->length > 0 ? own->length : ngx_strlen(template);

    if (sms365_template_render(&out, template, length, ngx_http_sms365_value, visit, why, &line))
    {
        rc = ngx_http_sms365_send(r, status, "text/html; charset=utf-8",
                                  sms365_buf_text(&out), out.length);

    } else {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "sms365: page %d, line %d: %s",
                      (int) page, line, why);
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    sms365_buf_free(&out);

    return rc;
}
