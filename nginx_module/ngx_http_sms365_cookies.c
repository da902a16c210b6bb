/* Our cookies in a request's headers, and in a response's. */
#include "ngx_http_sms365_module.h"


#define NGX_HTTP_SMS365_MAX_AGE_SIZE  (sizeof("; Max-Age=") + NGX_TIME_T_LEN)


/*
 * The next "name=value" of a Cookie header, from *pos on. False at its end. whole is what would have to go for the
 * cookie to be gone: with the semicolon that follows.
 */
static ngx_int_t
ngx_http_sms365_next_cookie(u_char **pos, u_char *last, ngx_str_t *name,
    ngx_str_t *value, ngx_str_t *whole)
{
    u_char  *p, *end, *equals;

    p = *pos;

    while (p < last && (*p == ' ' || *p == '\t' || *p == ';')) {
        p++;
    }

    if (p == last) {
        return NGX_DONE;
    }

    whole->data = p;

    end = ngx_strlchr(p, last, ';');
    if (end == NULL) {
        end = last;
    }

    equals = ngx_strlchr(p, end, '=');
    if (equals == NULL) {
        equals = end;
    }

    name->data = p;
    name->len = (size_t) (equals - p);
    value->data = equals < end ? equals + 1 : end;
    value->len = (size_t) (end - value->data);

    while (name->len > 0
           && (name->data[name->len - 1] == ' ' || name->data[name->len - 1] == '\t'))
    {
        name->len--;
    }

    *pos = end < last ? end + 1 : last;

    while (*pos < last && (**pos == ' ' || **pos == '\t')) {
        (*pos)++;
    }

    whole->len = (size_t) (*pos - whole->data);

    return NGX_OK;
}


/* Calls are few: the headers of a request are one or two parts of the list. */
static ngx_table_elt_t *
ngx_http_sms365_next_header(ngx_list_part_t **part, ngx_uint_t *i)
{
    ngx_table_elt_t  *header;

    while (*part != NULL) {
        if (*i >= (*part)->nelts) {
            *part = (*part)->next;
            *i = 0;
            continue;
        }

        header = (*part)->elts;
        header += (*i)++;

        if (header->hash != 0 && header->key.len == sizeof("Cookie") - 1
            && ngx_strncasecmp(header->key.data, (u_char *) "Cookie",
                               sizeof("Cookie") - 1) == 0)
        {
            return header;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_sms365_same(ngx_str_t *one, ngx_str_t *two)
{
    return one->len == two->len && ngx_memcmp(one->data, two->data, one->len) == 0;
}


/* Which cookie of which service it is: an index of ctx->tokens. NGX_DECLINED: none. */
static ngx_int_t
ngx_http_sms365_ours(ngx_http_sms365_main_conf_t *smcf, ngx_str_t *name)
{
    ngx_uint_t                   i, k;
    ngx_http_sms365_service_t  **services;

    if (name->len < 2 || name->data[0] != '_' || name->data[1] != '_') {
        return NGX_DECLINED;
    }

    services = smcf->services.elts;

    for (i = 0; i < smcf->services.nelts; i++) {
        for (k = 0; k < NGX_HTTP_SMS365_COOKIES; k++) {
            if (ngx_http_sms365_same(name, &services[i]->cookies[k])) {
                return (ngx_int_t) (i * NGX_HTTP_SMS365_COOKIES + k);
            }
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_sms365_read_cookies(ngx_http_request_t *r, ngx_http_sms365_ctx_t *ctx)
{
    u_char                       *pos, *last;
    ngx_int_t                     which;
    ngx_str_t                     name, value, whole;
    ngx_uint_t                    i;
    ngx_list_part_t              *part;
    ngx_table_elt_t              *header;
    ngx_http_sms365_main_conf_t  *smcf;

    if (ctx->tokens != NULL) {
        return NGX_OK;
    }

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sms365_module);

    ctx->tokens = ngx_pcalloc(r->pool, smcf->services.nelts * NGX_HTTP_SMS365_COOKIES
                                       * sizeof(ngx_http_sms365_token_t));
    if (ctx->tokens == NULL) {
        return NGX_ERROR;
    }

    part = &r->headers_in.headers.part;
    i = 0;

    while ((header = ngx_http_sms365_next_header(&part, &i)) != NULL) {
        pos = header->value.data;
        last = pos + header->value.len;

        while (ngx_http_sms365_next_cookie(&pos, last, &name, &value, &whole) == NGX_OK) {
            which = ngx_http_sms365_ours(smcf, &name);

            if (which >= 0) {
                ctx->tokens[which].text = value;
                ctx->tokens[which].times++;
            }
        }
    }

    return NGX_OK;
}


ngx_http_sms365_token_t *
ngx_http_sms365_token(ngx_http_sms365_ctx_t *ctx, ngx_http_sms365_cookie_e cookie)
{
    return &ctx->tokens[ctx->service->index * NGX_HTTP_SMS365_COOKIES + cookie];
}


/*
 * Take one header out of a request's list. Others are pointed at and must not move, and no part but the first may be
 * empty; nor may the element's place be given to another, since nginx's own array of cookies points there.
 */
static ngx_int_t
ngx_http_sms365_unlink(ngx_http_request_t *r, ngx_list_part_t *part, ngx_uint_t i)
{
    ngx_list_t       *list;
    ngx_list_part_t  *before, *rest;

    list = &r->headers_in.headers;

    if (i + 1 == part->nelts && (i > 0 || part == &list->part)) {
        part->nelts--;

        if (part == list->last) {
            list->nalloc = part->nelts;
        }

        return NGX_OK;
    }

    if (part->nelts == 1) {
        for (before = &list->part; before->next != part; before = before->next) {
            /* void */
        }

        before->next = part->next;

        if (part == list->last) {
            list->last = before;
            list->nalloc = before->nelts;
        }

        return NGX_OK;
    }

    if (i == 0) {
        part->elts = (u_char *) part->elts + list->size;
        part->nelts--;

        if (part == list->last) {
            list->nalloc--;
        }

        return NGX_OK;
    }

    rest = ngx_palloc(r->pool, sizeof(ngx_list_part_t));
    if (rest == NULL) {
        return NGX_ERROR;
    }

    rest->elts = (u_char *) part->elts + (i + 1) * list->size;
    rest->nelts = part->nelts - i - 1;
    rest->next = part->next;
    part->nelts = i;
    part->next = rest;

    if (part == list->last) {
        list->last = rest;
        list->nalloc = rest->nelts;
    }

    return NGX_OK;
}


/* A Cookie header's value without our cookies, in fresh memory: the old text stays, the tokens are in it. */
static ngx_int_t
ngx_http_sms365_strip_value(ngx_http_request_t *r, ngx_http_sms365_main_conf_t *smcf,
    ngx_str_t *header)
{
    u_char      *pos, *last, *p, *fresh;
    ngx_str_t    name, value, whole;

    pos = header->data;
    last = pos + header->len;

    do {
        if (ngx_http_sms365_next_cookie(&pos, last, &name, &value, &whole) != NGX_OK) {
            return NGX_OK;
        }

    } while (ngx_http_sms365_ours(smcf, &name) == NGX_DECLINED);

    fresh = ngx_pnalloc(r->pool, header->len + 1);
    if (fresh == NULL) {
        return NGX_ERROR;
    }

    p = fresh;
    pos = header->data;

    while (ngx_http_sms365_next_cookie(&pos, last, &name, &value, &whole) == NGX_OK) {
        if (ngx_http_sms365_ours(smcf, &name) == NGX_DECLINED) {
            p = ngx_cpymem(p, whole.data, whole.len);
        }
    }

    while (p > fresh && (p[-1] == ' ' || p[-1] == '\t' || p[-1] == ';')) {
        p--;
    }

    *p = '\0';
    header->data = fresh;
    header->len = (size_t) (p - fresh);

    return NGX_OK;
}


ngx_int_t
ngx_http_sms365_strip(ngx_http_request_t *r)
{
    ngx_uint_t                    i;
    ngx_list_part_t              *part, *before, *current;
    ngx_table_elt_t              *header;
    ngx_http_sms365_main_conf_t  *smcf;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sms365_module);
    part = &r->headers_in.headers.part;
    before = part;
    current = part;
    i = 0;

    while ((header = ngx_http_sms365_next_header(&part, &i)) != NULL) {
        if (part != current) {
            before = current;
            current = part;
        }

        if (ngx_http_sms365_strip_value(r, smcf, &header->value) != NGX_OK) {
            return NGX_ERROR;
        }

        if (header->value.len > 0) {
            continue;
        }

        header->hash = 0;

        if (ngx_http_sms365_unlink(r, part, i - 1) != NGX_OK) {
            return NGX_ERROR;
        }

        /*
         * What follows has moved up, or to the next part, and this part may be gone; not the one before it. From the
         * list's beginning it would be a long way for each of many. Headers without a hash are passed over.
         */
        part = before;
        current = before;
        i = 0;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sms365_set_cookie(ngx_http_request_t *r, ngx_http_sms365_service_t *service,
    ngx_http_sms365_cookie_e cookie, const char *value, time_t max_age)
{
    u_char           *p;
    size_t            size;
    ngx_str_t        *name;
    const char       *domain;
    ngx_table_elt_t  *header;

    static const char  attributes[] = "; Path=/; Secure; HttpOnly; SameSite=Lax";

    name = &service->cookies[cookie];
    domain = cookie == NGX_HTTP_SMS365_COOKIE_LOGIN ? "" : service->conf.domain;
    size = name->len + 1 + ngx_strlen(value) + sizeof("; Domain=") + ngx_strlen(domain)
           + NGX_HTTP_SMS365_MAX_AGE_SIZE + sizeof(attributes);

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    /* Only once nothing can fail any more: what is pushed is sent, with an error's page, too. */
    header = ngx_list_push(&r->headers_out.headers);
    if (header == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(header, sizeof(ngx_table_elt_t));
    header->hash = 1;
    ngx_str_set(&header->key, "Set-Cookie");
    header->value.data = p;

    p = ngx_sprintf(p, "%V=%s", name, value);

    if (domain[0] != '\0') {
        p = ngx_sprintf(p, "; Domain=%s", domain);
    }

    if (max_age >= 0) {
        p = ngx_sprintf(p, "; Max-Age=%T", max_age);
    }

    p = ngx_sprintf(p, "%s", attributes);
    header->value.len = (size_t) (p - header->value.data);

    return NGX_OK;
}
