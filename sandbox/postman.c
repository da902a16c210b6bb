#include "postman.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT_MS 10000L

struct postman {
    CURLM *multi;
    char *ca_file;
    CURL *call[POSTMAN_UNDERWAY_MAX];
    size_t underway;
};

struct postman *postman_new(const char *ca_file)
{
    struct postman *p = mem_get(sizeof(*p));
    p->multi = curl_multi_init();
    if (p->multi == NULL) {
        free(p);
        return NULL;
    }
    p->ca_file = ca_file != NULL ? mem_text(ca_file) : NULL;
    return p;
}

char *postman_url(const struct message *m)
{
    char cost[MILLI_TEXT];
    struct buf url;
    buf_init(&url, CALLBACK_URL_MAX + 512);
    size_t base = strcspn(m->callback, "#");
    buf_add(&url, m->callback, base);
    milli_print(m->cost, cost, sizeof(cost));
    bool has_query = memchr(m->callback, '?', base) != NULL;
    buf_print(&url, "%cmsgid=%s&status=%c&cost=%s&to=%s&mcc=%s&mnc=%s", has_query ? '&' : '?', m->id, m->status, cost,
        m->to, m->mcc, m->mnc);
    return buf_take(&url);
}

static size_t ignore_body(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

static bool set_up(CURL *call, const char *url, const char *ca_file)
{
    bool ok = curl_easy_setopt(call, CURLOPT_URL, url) == CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075500
    ok = ok && curl_easy_setopt(call, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
    ok = ok && curl_easy_setopt(call, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS) == CURLE_OK;
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    /* A resolver that hangs must not hang the clock. */
    ok = ok && curl_easy_setopt(call, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#endif
    ok = ok && curl_easy_setopt(call, CURLOPT_PROXY, "") == CURLE_OK;
    ok = ok && curl_easy_setopt(call, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok = ok && curl_easy_setopt(call, CURLOPT_TIMEOUT_MS, CALL_TIMEOUT_MS) == CURLE_OK;
    ok = ok && curl_easy_setopt(call, CURLOPT_WRITEFUNCTION, ignore_body) == CURLE_OK;
    ok = ok && curl_easy_setopt(call, CURLOPT_USERAGENT, "sms365-sandbox") == CURLE_OK;
    if (ca_file != NULL)
        ok = ok && curl_easy_setopt(call, CURLOPT_CAINFO, ca_file) == CURLE_OK;
    return ok;
}

bool postman_send(struct postman *p, const char *url)
{
    if (p->underway == POSTMAN_UNDERWAY_MAX)
        return false;
    CURL *call = curl_easy_init();
    if (call == NULL)
        return false;
    if (!set_up(call, url, p->ca_file) || curl_multi_add_handle(p->multi, call) != CURLM_OK) {
        curl_easy_cleanup(call);
        return false;
    }
    p->call[p->underway++] = call;
    return true;
}

static void end(struct postman *p, CURL *call)
{
    curl_multi_remove_handle(p->multi, call);
    curl_easy_cleanup(call);
    for (size_t i = 0; i < p->underway; i++) {
        if (p->call[i] == call) {
            p->call[i] = p->call[--p->underway];
            return;
        }
    }
}

void postman_work(struct postman *p, uint64_t *done, uint64_t *failed)
{
    int running = 0, left = 0;
    curl_multi_perform(p->multi, &running);
    for (CURLMsg *m = curl_multi_info_read(p->multi, &left); m != NULL; m = curl_multi_info_read(p->multi, &left)) {
        if (m->msg != CURLMSG_DONE)
            continue;
        CURL *call = m->easy_handle;
        CURLcode result = m->data.result;
        long status = 0;
        curl_easy_getinfo(call, CURLINFO_RESPONSE_CODE, &status);
        *(result == CURLE_OK && status / 100 == 2 ? done : failed) += 1;
        end(p, call);
    }
}

void postman_wait(struct postman *p, int timeout_ms)
{
    curl_multi_poll(p->multi, NULL, 0, timeout_ms, NULL);
}

void postman_wake(struct postman *p)
{
    curl_multi_wakeup(p->multi);
}

void postman_free(struct postman *p)
{
    while (p->underway > 0)
        end(p, p->call[0]);
    curl_multi_cleanup(p->multi);
    free(p->ca_file);
    free(p);
}
