#include "respond.h"
#include "chance.h"

#include <stdlib.h>
#include <string.h>

#define GARBAGE_BYTES 512
#define BLOCK_BYTES 32768

static const char proxy_page[] = "<!DOCTYPE html>\n<html><head><title>Sign in to the network</title></head>\n"
                                 "<body><h1>Welcome</h1><p>Please accept the terms to continue.</p></body></html>\n";
static const char error_page[] = "<html><head><title>500 Internal Server Error</title></head>\n"
                                 "<body><center><h1>500 Internal Server Error</h1></center></body></html>\n";

static enum MHD_Result queue(struct MHD_Connection *c, unsigned status, const char *mime, struct MHD_Response *response)
{
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, mime);
    if (result == MHD_YES)
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (result == MHD_YES)
        result = MHD_queue_response(c, status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result respond_buf(struct MHD_Connection *c, unsigned status, const char *mime, struct buf *body)
{
    size_t len = body->len;
    return queue(c, status, mime, MHD_create_response_from_buffer(len, buf_take(body), MHD_RESPMEM_MUST_FREE));
}

enum MHD_Result respond_text(struct MHD_Connection *c, unsigned status, const char *text)
{
    char *copy = mem_text(text);
    return queue(c, status, "text/plain; charset=utf-8",
        MHD_create_response_from_buffer(strlen(copy), copy, MHD_RESPMEM_MUST_FREE));
}

enum MHD_Result respond_json(struct MHD_Connection *c, unsigned status, cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);
    cJSON_Delete(json);
    return queue(c, status, "application/json; charset=utf-8",
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE));
}

static enum MHD_Result respond_static(struct MHD_Connection *c, unsigned status, const char *mime, const char *text)
{
    struct buf body;
    buf_init(&body, strlen(text));
    buf_text(&body, text);
    return respond_buf(c, status, mime, &body);
}

/* A body that ends early, or goes on long after its end. */
struct odd_body {
    struct buf real;
    uint64_t length;
    bool breaks_off;
};

static ssize_t odd_read(void *context, uint64_t at, char *out, size_t max)
{
    struct odd_body *b = context;
    if (at >= b->length)
        return b->breaks_off ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
    size_t len = b->length - at < max ? (size_t)(b->length - at) : max;
    memset(out, ' ', len);
    if (at < b->real.len)
        memcpy(out, b->real.data + at, b->real.len - at < len ? b->real.len - (size_t)at : len);
    return (ssize_t)len;
}

static void odd_free(void *context)
{
    struct odd_body *b = context;
    buf_free(&b->real);
    free(b);
}

static enum MHD_Result respond_odd(
    struct MHD_Connection *c, const char *mime, struct buf *body, uint64_t promised, uint64_t length, bool breaks_off)
{
    struct odd_body *b = mem_get(sizeof(*b));
    *b = (struct odd_body){.real = *body, .length = length, .breaks_off = breaks_off};
    buf_init(body, body->max);
    struct MHD_Response *r = MHD_create_response_from_callback(promised, BLOCK_BYTES, odd_read, b, odd_free);
    if (r == NULL)
        odd_free(b);
    return queue(c, MHD_HTTP_OK, mime, r);
}

static void fill_garbage(struct buf *body, uint64_t noise)
{
    struct chance chance;
    chance_seed(&chance, noise);
    buf_free(body);
    for (int i = 0; i < GARBAGE_BYTES; i++) {
        char byte = (char)chance_below(&chance, 256);
        buf_add(body, &byte, 1);
    }
}

/* How much of a body is left. */
static size_t cut_at(const struct mishap *m, size_t len)
{
    if (m->value == CUT_HALF)
        return len / 2;
    return (uint64_t)m->value < len ? (size_t)m->value : len;
}

enum MHD_Result respond_spoilt(
    struct MHD_Connection *c, const struct mishap *m, const char *mime, struct buf *body, uint64_t noise)
{
    static const char html[] = "text/html; charset=utf-8";
    switch (m->kind) {
    case FAULT_HTTP500:
        buf_free(body);
        return respond_static(c, MHD_HTTP_INTERNAL_SERVER_ERROR, html, error_page);
    case FAULT_HTML:
        buf_free(body);
        return respond_static(c, MHD_HTTP_OK, html, proxy_page);
    case FAULT_EMPTY:
        buf_free(body);
        return respond_buf(c, MHD_HTTP_OK, mime, body);
    case FAULT_TRUNCATED:
        body->len = cut_at(m, body->len);
        return respond_buf(c, MHD_HTTP_OK, mime, body);
    case FAULT_CUT:
        return respond_odd(c, mime, body, body->len, cut_at(m, body->len), true);
    case FAULT_HUGE:
        return respond_odd(c, mime, body, MHD_SIZE_UNKNOWN, body->len + (uint64_t)m->value, false);
    case FAULT_GARBAGE:
        fill_garbage(body, noise);
        return respond_buf(c, MHD_HTTP_OK, mime, body);
    default:
        return respond_buf(c, MHD_HTTP_OK, mime, body);
    }
}
