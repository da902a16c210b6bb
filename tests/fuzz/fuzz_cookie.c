/*
 * Cookie headers as nginx's module reads and strips them, and the ticket in one of them. The first byte says how many
 * headers a part of nginx's list holds; then one header a line, each in memory of its exact length: one that begins
 * with ! is none of cookies.
 */
#include "../../nginx_module/ngx_http_sms365_cookies.c"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 32
#define PIECES_MAX (6 * HEADERS_MAX) /* of memory: so many a header, however many there are */
#define NOW 1800000000
#define SERVICES 2
#define TOKENS (SERVICES * NGX_HTTP_SMS365_COOKIES)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool good)
{
    if (!good)
        abort();
}

/* --- nginx's functions that reading and stripping need --- */

static void *pieces[PIECES_MAX];
static size_t piece_count;

/* Each piece by itself, so that what goes beyond one is found out. */
static void *piece(size_t size)
{
    demand(piece_count < PIECES_MAX);
    void *made = malloc(size == 0 ? 1 : size);
    demand(made != NULL);
    pieces[piece_count++] = made;
    return made;
}

void *ngx_palloc(ngx_pool_t *pool, size_t size)
{
    (void)pool;
    return piece(size);
}

void *ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    (void)pool;
    return memset(piece(size), 0, size);
}

void *ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    (void)pool;
    return piece(size);
}

void *ngx_list_push(ngx_list_t *list)
{
    (void)list;
    abort();
}

u_char *ngx_cdecl ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    (void)buf;
    (void)fmt;
    abort();
}

ngx_int_t ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    return strncasecmp((const char *)s1, (const char *)s2, n);
}

/* --- A request --- */

static struct sms365_ticket_key *key;
static char good[SMS365_TICKET_SIZE];
static ngx_http_sms365_service_t services[SERVICES] = {
    {.cookies = {ngx_string("__Host-sms365"), ngx_string("__Host-sms365-login"), ngx_string("__Host-sms365-remember")}},
    {.index = 1, .cookies = {ngx_string("__Secure-a"), ngx_string("__Host-a-login"), ngx_string("__Host-a-remember")}}};
static ngx_http_sms365_service_t *service_list[SERVICES] = {&services[0], &services[1]};
static ngx_http_sms365_main_conf_t main_conf = {.services = {.elts = service_list, .nelts = SERVICES}};
static void *main_confs[] = {&main_conf};
ngx_module_t ngx_http_sms365_module = {.ctx_index = 0};
static const struct sms365_scope scope = {.purpose = SMS365_PURPOSE_SESSION,
    .service = {"web", 3},
    .host = {"app.example.org", 15},
    .user = {"alice", 5},
    .enrolment = {7}};

static void make_ticket(void)
{
    static const struct sms365_mac_key bytes = {{'k'}};
    static const struct sms365_ticket ticket = {{1, 2, 3, 0, 0xff}, NOW - 100, NOW - 10, NOW + 1000};

    key = sms365_ticket_key_new(&bytes);
    demand(key != NULL && sms365_ticket_make(good, key, &scope, &ticket));
}

/* The headers, so many a part. */
static void request_make(ngx_http_request_t *r, const uint8_t *data, size_t size, ngx_uint_t each)
{
    ngx_list_t *list = &r->headers_in.headers;
    ngx_list_part_t *part = &list->part;

    list->size = sizeof(ngx_table_elt_t);
    list->nalloc = each;
    for (size_t count = 0; size > 0 && count < HEADERS_MAX; count++) {
        const uint8_t *newline = memchr(data, '\n', size);
        const size_t length = newline == NULL ? size : (size_t)(newline - data);
        const bool cookie = length == 0 || data[0] != '!';
        if (part->nelts == each) {
            part->next = piece(sizeof *part);
            part = part->next;
            *part = (ngx_list_part_t){.nelts = 0};
        }
        if (part->nelts == 0)
            part->elts = piece(each * sizeof(ngx_table_elt_t));
        ngx_table_elt_t *header = (ngx_table_elt_t *)part->elts + part->nelts++;
        *header = (ngx_table_elt_t){.hash = 1, .value = {length, piece(length)}};
        memcpy(header->value.data, data, length);
        header->key = cookie ? (ngx_str_t)ngx_string("cOOKIE") : (ngx_str_t)ngx_string("X-Other");
        data += length + (newline != NULL);
        size -= length + (newline != NULL);
    }
    list->last = part;
}

static bool is_ours(ngx_str_t *name)
{
    for (size_t i = 0; i < SERVICES; i++)
        for (size_t k = 0; k < NGX_HTTP_SMS365_COOKIES; k++)
            if (ngx_http_sms365_same(name, &services[i].cookies[k]))
                return true;
    return false;
}

/* All that is not ours, in its order, blanks at the ends of cookies left out. */
static void rest_write(struct sms365_buf *out, ngx_http_request_t *r)
{
    for (ngx_list_part_t *part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        ngx_table_elt_t *header = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            u_char *pos = header[i].value.data;
            ngx_str_t name, value, whole;
            if (header[i].key.len != sizeof "Cookie" - 1) {
                sms365_buf_add(out, (const char *)pos, header[i].value.len);
                sms365_buf_puts(out, "\n");
                continue;
            }
            while (ngx_http_sms365_next_cookie(
                       &pos, header[i].value.data + header[i].value.len, &name, &value, &whole) == NGX_OK) {
                if (is_ours(&name))
                    continue;
                while (value.len > 0 && (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t'))
                    value.len--;
                sms365_buf_add(out, (const char *)name.data, name.len);
                sms365_buf_puts(out, "=");
                sms365_buf_add(out, (const char *)value.data, value.len);
                sms365_buf_puts(out, ";");
            }
        }
    }
}

static void ticket_judge(const ngx_str_t *token)
{
    static const struct sms365_ticket_limits no_limits = {0};
    const char *text = token->data == NULL ? "" : (const char *)token->data;
    struct sms365_ticket ticket;

    if (sms365_ticket_check(&ticket, key, &scope, &no_limits, text, token->len, NOW) == SMS365_TICKET_VALID)
        demand(token->len == sizeof good - 1 && memcmp(text, good, token->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_http_request_t r;
    ngx_http_sms365_ctx_t ctx = {.service = NULL}, after = {.service = NULL};
    struct sms365_buf before, rest;

    if (size == 0)
        return 0;
    if (key == NULL)
        make_ticket();
    memset(&r, 0, sizeof r);
    r.main_conf = main_confs;
    request_make(&r, data + 1, size - 1, 1 + data[0] % 4);
    sms365_buf_init(&before, 4 * size + 16);
    sms365_buf_init(&rest, 4 * size + 16);
    demand(ngx_http_sms365_read_cookies(&r, &ctx) == NGX_OK);
    for (size_t i = 0; i < TOKENS; i++)
        ticket_judge(&ctx.tokens[i].text);
    rest_write(&before, &r);
    demand(ngx_http_sms365_strip(&r) == NGX_OK);
    rest_write(&rest, &r);
    demand(ngx_http_sms365_read_cookies(&r, &after) == NGX_OK);
    /* Ours are gone, and nothing else is. */
    for (size_t i = 0; i < TOKENS; i++)
        demand(after.tokens[i].text.data == NULL && after.tokens[i].times == 0);
    demand(!before.failed && !rest.failed && before.length == rest.length);
    demand(memcmp(sms365_buf_text(&before), sms365_buf_text(&rest), rest.length) == 0);
    sms365_buf_free(&before);
    sms365_buf_free(&rest);
    while (piece_count > 0)
        free(pieces[--piece_count]);
    return 0;
}
