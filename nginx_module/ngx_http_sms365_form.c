/* Forms: the pre-login cookie that they are bound to, and what they and queries hold. */
#include "ngx_http_sms365_portal.h"

#include "edges/process.h"
#include "pure/backup.h"


/* --- The pre-login cookie, and the forms that are bound to it --- */

ngx_int_t
ngx_http_sms365_visit_login(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit)
{
    struct sms365_scope          scope;
    ngx_http_sms365_ctx_t       *ctx = visit->ctx;
    ngx_http_sms365_token_t     *token;
    struct sms365_ticket_limits  limits = { 0 };

    token = ngx_http_sms365_token(ctx, NGX_HTTP_SMS365_COOKIE_LOGIN);
    ngx_http_sms365_scope(r, ctx, SMS365_PURPOSE_LOGIN, &scope);
    limits.life_s = NGX_HTTP_SMS365_FORM_LIFE;

    if (token->times == 1
        && sms365_ticket_check(&visit->login, ctx->service->tickets, &scope, &limits,
                               (char *) token->text.data, token->text.len, ngx_time())
           == SMS365_TICKET_VALID)
    {
        visit->login_known = 1;
        return NGX_OK;
    }

    return ngx_http_sms365_visit_login_new(r, visit);
}


ngx_int_t
ngx_http_sms365_visit_login_new(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit)
{
    char                    text[SMS365_TICKET_SIZE];
    struct sms365_error     err;
    struct sms365_scope     scope;
    ngx_http_sms365_ctx_t  *ctx = visit->ctx;

    ngx_http_sms365_scope(r, ctx, SMS365_PURPOSE_LOGIN, &scope);

    if (sms365_random(visit->login.id, sizeof(visit->login.id), &err) != SMS365_OK) {
        return NGX_ERROR;
    }

    visit->login.issued_s = ngx_time();
    visit->login.seen_s = visit->login.issued_s;
    visit->login.expires_s = visit->login.issued_s + NGX_HTTP_SMS365_FORM_LIFE;

    if (!sms365_ticket_make(text, ctx->service->tickets, &scope, &visit->login)) {
        return NGX_ERROR;
    }

    return ngx_http_sms365_set_cookie(r, ctx->service, NGX_HTTP_SMS365_COOKIE_LOGIN, text, -1);
}


ngx_int_t
ngx_http_sms365_visit_token(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit)
{
    struct sms365_scope   scope;
    struct sms365_ticket  form;

    ngx_http_sms365_scope(r, visit->ctx, SMS365_PURPOSE_FORM, &scope);

    form = visit->login;
    form.issued_s = ngx_time();
    form.seen_s = form.issued_s;
    form.expires_s = form.issued_s + NGX_HTTP_SMS365_FORM_LIFE;

    return sms365_ticket_make(visit->token, visit->ctx->service->tickets, &scope, &form)
           ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_http_sms365_visit_token_good(ngx_http_request_t *r, ngx_http_sms365_visit_t *visit,
    ngx_str_t *token)
{
    struct sms365_scope          scope;
    struct sms365_ticket         form;
    struct sms365_ticket_limits  limits = { 0 };

    ngx_http_sms365_scope(r, visit->ctx, SMS365_PURPOSE_FORM, &scope);

    return visit->login_known
           && sms365_ticket_check(&form, visit->ctx->service->tickets, &scope, &limits,
                                  (char *) token->data, token->len, ngx_time())
              == SMS365_TICKET_VALID
           && sms365_equal(form.id, visit->login.id, sizeof(form.id));
}


/* --- What they hold --- */

static int
ngx_http_sms365_hex(u_char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    ch |= 0x20;

    return (ch >= 'a' && ch <= 'f') ? ch - 'a' + 10 : -1;
}


/* application/x-www-form-urlencoded into text. What does not fit, or holds a NUL, is no value at all. */
static void
ngx_http_sms365_decode(char *out, size_t size, u_char *p, u_char *last)
{
    int     high, low;
    u_char  ch;
    size_t  used;

    used = 0;

    while (p < last) {
        ch = *p++;

        if (ch == '+') {
            ch = ' ';

        } else if (ch == '%' && last - p >= 2) {
            high = ngx_http_sms365_hex(p[0]);
            low = ngx_http_sms365_hex(p[1]);

            if (high >= 0 && low >= 0) {
                ch = (u_char) (high * 16 + low);
                p += 2;
            }
        }

        if (ch == '\0' || used + 1 >= size) {
            out[0] = '\0';
            return;
        }

        out[used++] = (char) ch;
    }

    out[used] = '\0';
}


/* A code is pasted with the blanks that it was shown with. */
static void
ngx_http_sms365_squeeze(char *text)
{
    char  *p, *out;

    out = text;

    for (p = text; *p != '\0'; p++) {
        if (*p != ' ' && *p != '\t' && *p != '\r' && *p != '\n') {
            *out++ = *p;
        }
    }

    ngx_memzero(out, (size_t) (p - out));
}


void
ngx_http_sms365_form_read(ngx_http_sms365_visit_t *visit, u_char *data, size_t length,
    ngx_str_t *token)
{
    u_char  *p, *last, *end, *equals;
    size_t   name;

    p = data;
    last = data + length;

    while (p < last) {
        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        equals = ngx_strlchr(p, end, '=');

        if (equals != NULL) {
            name = (size_t) (equals - p);

            if (name == 4 && ngx_strncmp(p, "next", 4) == 0) {
                ngx_http_sms365_decode(visit->next, sizeof(visit->next), equals + 1, end);

            } else if (name == 4 && ngx_strncmp(p, "code", 4) == 0) {
                ngx_http_sms365_decode(visit->code, sizeof(visit->code), equals + 1, end);
                ngx_http_sms365_squeeze(visit->code);

            } else if (name == 4 && ngx_strncmp(p, "sent", 4) == 0) {
                visit->failed_before = 1;

            } else if (name == 6 && ngx_strncmp(p, "newest", 6) == 0) {
                visit->newest = 1;

            } else if (name == 8 && ngx_strncmp(p, "remember", 8) == 0) {
                visit->remember = end - equals == 2 && equals[1] == '1';

            } else if (name == 5 && ngx_strncmp(p, "token", 5) == 0 && token != NULL) {
                token->data = equals + 1;
                token->len = (size_t) (end - equals - 1);
            }
        }

        p = end < last ? end + 1 : last;
    }

    if (!ngx_http_sms365_is_local(visit->next)) {
        visit->next[0] = '/';
        visit->next[1] = '\0';
    }
}


ngx_uint_t
ngx_http_sms365_is_code(ngx_http_sms365_visit_t *visit)
{
    char         backup[SMS365_BACKUP_DIGITS + 1];
    const char  *text = visit->code;
    ngx_uint_t   good;

    if (visit->what == NGX_HTTP_SMS365_DO_BACKUP) {
        good = sms365_backup_parse(backup, text);
        sms365_wipe(backup, sizeof(backup));
        return good;
    }

    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}


/* "//host", "/\host", and what a browser would strip or turn into such, lead elsewhere; CR and LF into other headers. */
ngx_uint_t
ngx_http_sms365_is_local(const char *text)
{
    const u_char  *p;

    if (text[0] != '/' || text[1] == '/') {
        return 0;
    }

    for (p = (const u_char *) text; *p != '\0'; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == '\\' || *p == '"' || *p == '<' || *p == '>') {
            return 0;
        }
    }

    return 1;
}


void
ngx_http_sms365_portal_address(ngx_http_sms365_visit_t *visit, struct sms365_buf *out,
    const char *argument)
{
    sms365_buf_printf(out, "%.*s", (int) visit->base.len, (char *) visit->base.data);

    if (visit->next[0] != '\0' && ngx_strcmp(visit->next, "/") != 0) {
        sms365_buf_puts(out, "?next=");
        sms365_buf_add_form(out, visit->next, ngx_strlen(visit->next));
        sms365_buf_printf(out, "%s%s", argument[0] != '\0' ? "&" : "", argument);

    } else if (argument[0] != '\0') {
        sms365_buf_printf(out, "?%s", argument);
    }
}
