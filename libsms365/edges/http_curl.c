#include "edges/http_curl_state.h"

#include "base/err.h"
#include "edges/monotonic.h"
#include "edges/process.h"
#include "edges/resolve.h"

#include <arpa/inet.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define ADDRESSES_MAX_BYTES 1024
#define RESOLVED_KEEP_MS 300000 /* how long addresses are used again */
/* A kept connection this long idle may be dropped by servers and NAT: not trusted with what is written once only. */
#define ONCE_IDLE_MAX_S 5L
#define IDLE_MAX_S 118L /* libcurl's own default */

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static bool is_loopback(const char *host)
{
    struct in_addr four;

    return strcmp(host, "[::1]") == 0 || (inet_pton(AF_INET, host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}

static bool is_numeric(const char *host)
{
    struct in_addr four;

    return host[0] == '[' || inet_pton(AF_INET, host, &four) == 1;
}

static bool url_part(CURLU *url, CURLUPart part, unsigned flags, char *out, size_t size)
{
    char *text = NULL;
    const bool got = curl_url_get(url, part, &text, flags) == CURLUE_OK && sms365_str_copy(out, size, text);

    curl_free(text);
    return got;
}

/* The request's URL and its parts. Without TLS nothing leaves the machine. */
static enum sms365_err read_url(struct sms365_transfer *t, struct sms365_error *err)
{
    char scheme[8] = "";
    struct sms365_buf text;
    CURLU *url = curl_url();

    sms365_buf_init(&text, sizeof t->url - 1);
    sms365_buf_printf(&text, "%s/%s", t->request->base_url, t->request->path);
    const bool fits = sms365_str_copy(t->url, sizeof t->url, sms365_buf_text(&text));
    const bool good = fits && !text.failed && url != NULL && curl_url_set(url, CURLUPART_URL, t->url, 0) == CURLUE_OK &&
                      url_part(url, CURLUPART_SCHEME, 0, scheme, sizeof scheme) &&
                      url_part(url, CURLUPART_HOST, 0, t->host, sizeof t->host) &&
                      url_part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT, t->port, sizeof t->port);
    curl_url_cleanup(url);
    sms365_buf_free(&text);
    if (!good)
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "%s: not a URL of the provider", t->request->base_url);
    if (strcmp(scheme, "https") != 0 && !(strcmp(scheme, "http") == 0 && is_loopback(t->host)))
        return sms365_error_set(err, SMS365_BAD_ARGUMENT, "%s: neither https, nor http to a loopback address", t->url);
    return SMS365_OK;
}

/* libcurl would resolve in a thread that takes the caller's signals: names are resolved before it is called. */
static int refuse_to_resolve(void *state, void *reserved, void *context)
{
    (void)state;
    (void)reserved;
    (void)context;
    return 1;
}

/* Append the addresses that the request brings along, or else those that are found. */
static enum sms365_err find_addresses(
    struct sms365_buf *entry, const struct sms365_http *http, const struct sms365_transfer *t, struct sms365_error *err)
{
    if (t->request->addresses != NULL) {
        sms365_buf_puts(entry, t->request->addresses);
        return entry->failed ? sms365_error_set(err, SMS365_NO_MEMORY, "%s: out of memory", t->url) : SMS365_OK;
    }
    const enum sms365_err code =
        sms365_resolve(entry, t->host, smaller(http->connect_timeout_ms, t->request->timeout_ms), err);
    if (code != SMS365_OK)
        sms365_error_prefix(err, "%s", t->url);
    return code;
}

/* Hand libcurl the addresses of the host, so that it asks nobody. Old ones do where no new ones are to be had. */
static enum sms365_err resolve_host(struct sms365_http *http, const struct sms365_transfer *t, struct sms365_error *err)
{
    char name[sizeof http->resolved];
    struct sms365_buf entry;

    sms365_buf_init(&entry, sizeof name - 1);
    sms365_buf_printf(&entry, "%s:%s", t->host, t->port);
    const bool fits = !entry.failed && sms365_str_copy(name, sizeof name, sms365_buf_text(&entry));
    sms365_buf_free(&entry);
    if (!fits)
        return sms365_error_set(err, SMS365_NO_MEMORY, "%s: out of memory", t->url);
    const bool known = strcmp(http->resolved, name) == 0;
    if (t->request->addresses == NULL && known && sms365_monotonic_ms() - http->resolved_ms < RESOLVED_KEEP_MS)
        return SMS365_OK;
    sms365_buf_init(&entry, ADDRESSES_MAX_BYTES);
    sms365_buf_printf(&entry, "%s:", name);
    enum sms365_err code = find_addresses(&entry, http, t, err);
    struct curl_slist *list = code == SMS365_OK ? curl_slist_append(NULL, sms365_buf_text(&entry)) : NULL;
    if (code == SMS365_OK && (list == NULL || !SMS365_CURL_SET(http->easy, CURLOPT_RESOLVE, list)))
        code = sms365_error_set(err, SMS365_NO_MEMORY, "%s: out of memory", t->url);
    sms365_buf_free(&entry);
    if (code == SMS365_OK) {
        curl_slist_free_all(http->addresses);
        http->addresses = list;
        (void)sms365_str_copy(http->resolved, sizeof http->resolved, name);
        http->resolved_ms = sms365_monotonic_ms();
        return SMS365_OK;
    }
    curl_slist_free_all(list);
    return known && code == SMS365_UNREACHABLE ? SMS365_OK : code;
}

/* The certificate's trouble, and what to do about it. */
static const char *certificate_advice(CURL *easy)
{
    long verdict = X509_V_OK;

    (void)curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
    switch (verdict) {
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED: /* libcurl's value until its own check of the name is through */
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "the certificate is for another host: is url right?";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "is this machine's clock right? Otherwise the server's certificate must be renewed";
    default:
        return "the certificate is not signed by any CA that ca names: is url right, is ca, is a proxy in between?";
    }
}

/* Nothing of the request was written. What this machine is to blame for is no outage of the provider. */
static enum sms365_err not_sent(
    const struct sms365_http *http, const struct sms365_transfer *t, CURLcode code, struct sms365_error *err)
{
    const char *why = http->trouble[0] != '\0' ? http->trouble : curl_easy_strerror(code);
    const char *advice = http->bind[0] == '\0'
                             ? "is the network up, and is url right?"
                             : "is the network up, is url right, and does a way lead there from bind?";

    if (code == CURLE_OUT_OF_MEMORY)
        return sms365_error_set(err, SMS365_NO_MEMORY, "%s: nothing was sent: out of memory", t->url);
    if (t->socket_fault != 0)
        return sms365_error_set(
            err, SMS365_IO, "%s: nothing was sent: no socket to be had: %s", t->url, strerror(t->socket_fault));
    if (code == CURLE_INTERFACE_FAILED)
        return sms365_error_set(err, SMS365_IO,
            "%s: nothing was sent: %s; does this machine have the address or interface %s that bind names?", t->url,
            why, http->bind);
    if (code == CURLE_SSL_CACERT_BADFILE)
        return sms365_error_set(err, SMS365_IO,
            "%s: nothing was sent: %s; ca must name a file with CA certificates, or a directory of them", t->url, why);
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return sms365_error_set(err, SMS365_UNREACHABLE, "%s: nothing was sent: %s; %s (ca = %s)", t->url, why,
            certificate_advice(http->easy), http->ca);
    if (code == CURLE_SSL_CONNECT_ERROR)
        advice = "does TLS 1.2 or later answer there?";
    return sms365_error_set(err, SMS365_UNREACHABLE, "%s: nothing was sent: %s; %s%s%s", t->url, why, advice,
        http->bind[0] == '\0' ? "" : " bind = ", http->bind);
}

/* The request, or part of it, was written. */
static enum sms365_err no_reply(const struct sms365_transfer *t, CURLcode code, struct sms365_error *err)
{
    const char *why = curl_easy_strerror(code);

    if (t->too_long)
        return sms365_error_set(err, SMS365_BAD_REPLY,
            "%s (%s): the reply is longer than %zu bytes, or its header than it may be", t->url, t->remote,
            t->reply->cap);
    if (code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL)
        return sms365_error_set(err, SMS365_BAD_REPLY, "%s (%s): the reply is not HTTP", t->url, t->remote);
    if (t->repeated)
        why = "the kept connection was closed before the reply, and this request is not repeated";
    else if (t->wrong_address)
        why = "the kept connection was closed before the reply, and the new one has a local address outside the "
              "whitelist";
    else if (code == CURLE_OPERATION_TIMEDOUT)
        why = "no whole reply in time";
    else if (code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR)
        why = "the connection was closed before the reply";
    else if (code == CURLE_PARTIAL_FILE)
        why = "the reply was cut off";
    return sms365_error_set(err, SMS365_REPLY_LOST, "%s (%s): %s; the provider may have acted", t->url, t->remote, why);
}

static enum sms365_err conclude(
    struct sms365_http *http, const struct sms365_transfer *t, CURLcode code, struct sms365_error *err)
{
    long status = 0;

    if (t->wrong_address && !t->written)
        return sms365_error_set(err, SMS365_WRONG_ADDRESS,
            "%s: the connection to %s leaves from %s, which the key's whitelist does not have: nothing was sent. Set "
            "bind, "
            "or add the address to the whitelist (here, and at the provider the one it sees)",
            t->url, t->remote, t->local[0] != '\0' ? t->local : "an unknown address");
    if (!t->written && code != CURLE_OK) {
        http->resolved[0] = '\0';
        return not_sent(http, t, code, err);
    }
    if (code != CURLE_OK)
        return no_reply(t, code, err);
    (void)curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return sms365_error_set(
            err, SMS365_BAD_REPLY, "%s (%s): HTTP status %ld instead of 200", t->url, t->remote, status);
    if (t->reply->length == 0)
        return sms365_error_set(err, SMS365_BAD_REPLY, "%s (%s): the reply is empty", t->url, t->remote);
    return SMS365_OK;
}

static bool set_request(struct sms365_http *http, struct sms365_transfer *t, int64_t connect_ms, int64_t left_ms)
{
    CURL *easy = http->easy;
    const struct sms365_http_request *request = t->request;

    http->trouble[0] = '\0';
    return sms365_http_attach(http, t) && SMS365_CURL_SET(easy, CURLOPT_URL, t->url) &&
           SMS365_CURL_SET(easy, CURLOPT_POSTFIELDS, request->body) &&
           SMS365_CURL_SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length) &&
           SMS365_CURL_SET(easy, CURLOPT_TIMEOUT_MS, (long)left_ms) &&
           SMS365_CURL_SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms) &&
           SMS365_CURL_SET(easy, CURLOPT_MAXAGE_CONN, request->once ? ONCE_IDLE_MAX_S : IDLE_MAX_S);
}

/* The handle forgets the request: its body holds the key, and the transfer is the caller's. */
static void release(struct sms365_http *http)
{
    (void)sms365_http_attach(http, NULL);
    (void)SMS365_CURL_SET(http->easy, CURLOPT_POSTFIELDS, NULL);
}

static void pipe_only(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGPIPE);
}

bool sms365_http_sigpipe_hold(sigset_t *before)
{
    sigset_t pipe, pending;

    pipe_only(&pipe);
    (void)sigpending(&pending);
    (void)pthread_sigmask(SIG_BLOCK, &pipe, before);
    return sigismember(&pending, SIGPIPE) == 1;
}

void sms365_http_sigpipe_release(const sigset_t *before, bool pending_before)
{
    const struct timespec at_once = {0};
    sigset_t pipe, pending;

    pipe_only(&pipe);
    (void)sigpending(&pending);
    if (!pending_before && sigismember(&pending, SIGPIPE) == 1)
        (void)sigtimedwait(&pipe, NULL, &at_once);
    (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

static CURLcode perform_without_sigpipe(CURL *easy)
{
    sigset_t before;
    const bool pending = sms365_http_sigpipe_hold(&before);
    const CURLcode code = curl_easy_perform(easy);

    sms365_http_sigpipe_release(&before, pending);
    return code;
}

enum sms365_err sms365_http_prepare(struct sms365_http *http, struct sms365_transfer *t, struct sms365_error *err)
{
    const int64_t start_ms = sms365_monotonic_ms();
    const int64_t connect_end_ms = start_ms + smaller(http->connect_timeout_ms, t->request->timeout_ms);
    enum sms365_err code = read_url(t, err);

    if (code == SMS365_OK && !is_numeric(t->host))
        code = resolve_host(http, t, err);
    if (code != SMS365_OK)
        return code;
    const int64_t now_ms = sms365_monotonic_ms();
    if (now_ms >= connect_end_ms)
        return sms365_error_set(err, SMS365_UNREACHABLE, "%s: nothing was sent: no connection in time", t->url);
    const bool set =
        set_request(http, t, connect_end_ms - now_ms, start_ms + t->request->timeout_ms - now_ms) &&
        SMS365_CURL_SET(http->easy, CURLOPT_RESOLVER_START_FUNCTION, is_numeric(t->host) ? NULL : refuse_to_resolve);
    if (set)
        return SMS365_OK;
    release(http);
    return sms365_error_set(err, SMS365_NO_MEMORY, "%s: out of memory", t->url);
}

enum sms365_err sms365_http_conclude(
    struct sms365_http *http, struct sms365_transfer *t, CURLcode curl_code, struct sms365_error *err)
{
    const enum sms365_err code = conclude(http, t, curl_code, err);

    release(http);
    if (code != SMS365_OK)
        sms365_buf_free(t->reply);
    return code;
}

enum sms365_err sms365_http_post(struct sms365_http *http, const struct sms365_http_request *request,
    struct sms365_buf *reply, char local[INET6_ADDRSTRLEN], struct sms365_error *err)
{
    struct sms365_transfer transfer = {.request = request, .reply = reply};

    sms365_environment_hide();
    enum sms365_err code = sms365_http_prepare(http, &transfer, err);
    if (code == SMS365_OK)
        code = sms365_http_conclude(http, &transfer, perform_without_sigpipe(http->easy), err);
    sms365_environment_restore();
    if (code != SMS365_OK)
        sms365_buf_free(reply);
    (void)sms365_str_copy(local, INET6_ADDRSTRLEN, transfer.local);
    return code;
}
