#include "edges/http_curl_state.h"

#include "base/err.h"
#include "edges/curl_init.h"
#include "edges/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define HEADER_MAX_BYTES 65536 /* of all header lines of one reply */
#define UPLOAD_BYTES 16384L    /* libcurl's least: 64 KiB by default, allocated and wiped for every request */
#define READ_BYTES 2048L       /* 16 KiB by default, likewise; most replies are shorter */
#define KEEPALIVE_IDLE_S 20L   /* while a person types: keeps NAT entries, and finds out dead peers */
#define KEEPALIVE_INTERVAL_S 10L

/* Called when a connection stands and before anything of a request is written on it, kept connections included. */
static int on_ready(void *context, char *remote, char *local, int remote_port, int local_port)
{
    struct sms365_transfer *t = context;

    (void)remote_port;
    (void)local_port;
    (void)sms365_str_copy(t->local, sizeof t->local, local);
    (void)sms365_str_copy(t->remote, sizeof t->remote, remote);
    if (t->request->whitelist != NULL && !sms365_cidr_list_match(t->request->whitelist, t->local, NULL)) {
        t->wrong_address = true;
        return CURL_PREREQFUNC_ABORT;
    }
    /* libcurl repeats a request by itself when a kept connection was closed before the first byte of the reply. */
    if (t->request->once && t->written) {
        t->repeated = true;
        return CURL_PREREQFUNC_ABORT;
    }
    t->written = true;
    return CURL_PREREQFUNC_OK;
}

static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct sms365_transfer *t = context;
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    (void)purpose;
    if (fd >= 0)
        return fd;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        t->socket_fault = errno;
    return CURL_SOCKET_BAD;
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct sms365_transfer *t = context;

    (void)data;
    t->header_bytes += size * count;
    t->too_long = t->header_bytes > HEADER_MAX_BYTES;
    return t->too_long ? 0 : size * count;
}

static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct sms365_transfer *t = context;

    sms365_buf_add(t->reply, data, size * count);
    t->too_long = t->reply->failed;
    return t->too_long ? 0 : size * count;
}

bool sms365_http_attach(struct sms365_http *http, struct sms365_transfer *transfer)
{
    CURL *easy = http->easy;

    return SMS365_CURL_SET(easy, CURLOPT_PREREQDATA, transfer) &&
           SMS365_CURL_SET(easy, CURLOPT_OPENSOCKETDATA, transfer) &&
           SMS365_CURL_SET(easy, CURLOPT_HEADERDATA, transfer) && SMS365_CURL_SET(easy, CURLOPT_WRITEDATA, transfer);
}

/*
 * The hashed directory: only what a chain needs is read from it, while parsing a bundle costs more than the rest of a
 * login. libcurl's built-in default is the bundle, so the other of the two is always cleared.
 */
static enum sms365_err set_ca(struct sms365_http *http, struct sms365_error *err)
{
    struct stat status;

    if (stat(http->ca, &status) != 0)
        return sms365_error_set(
            err, SMS365_IO, "ca: %s: %s; install the package ca-certificates, or set ca", http->ca, strerror(errno));
    const bool directory = S_ISDIR(status.st_mode);
    if (!directory && !S_ISREG(status.st_mode))
        return sms365_error_set(err, SMS365_IO, "ca: %s is neither a directory nor a file", http->ca);
    return SMS365_CURL_SET(http->easy, CURLOPT_CAPATH, directory ? http->ca : NULL) &&
                   SMS365_CURL_SET(http->easy, CURLOPT_CAINFO, directory ? NULL : http->ca)
               ? SMS365_OK
               : sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
}

/* "host!" and "if!" keep libcurl from guessing, and from asking DNS for what is neither. */
static bool set_bind(struct sms365_http *http)
{
    struct in6_addr address;
    char option[sizeof http->bind + 8];
    struct sms365_buf text;

    if (http->bind[0] == '\0')
        return true;
    const bool numeric =
        inet_pton(AF_INET, http->bind, &address) == 1 || inet_pton(AF_INET6, http->bind, &address) == 1;
    sms365_buf_init(&text, sizeof option - 1);
    sms365_buf_printf(&text, "%s!%s", numeric ? "host" : "if", http->bind);
    const bool set = sms365_str_copy(option, sizeof option, sms365_buf_text(&text)) &&
                     SMS365_CURL_SET(http->easy, CURLOPT_INTERFACE, option);
    sms365_buf_free(&text);
    return set;
}

static bool set_protocols(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    return SMS365_CURL_SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    return SMS365_CURL_SET(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

/* What holds for every request of the handle. */
static bool set_options(struct sms365_http *http)
{
    CURL *easy = http->easy;

    http->headers = curl_slist_append(NULL, "Accept: application/json");
    struct curl_slist *more = http->headers == NULL ? NULL : curl_slist_append(http->headers, "Expect:");
    return more != NULL && SMS365_CURL_SET(easy, CURLOPT_HTTPHEADER, http->headers) && set_protocols(easy) &&
           set_bind(http) && SMS365_CURL_SET(easy, CURLOPT_NOSIGNAL, 1L) && SMS365_CURL_SET(easy, CURLOPT_POST, 1L) &&
           SMS365_CURL_SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
           SMS365_CURL_SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           SMS365_CURL_SET(easy, CURLOPT_SSL_VERIFYPEER, 1L) && SMS365_CURL_SET(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
           SMS365_CURL_SET(easy, CURLOPT_FOLLOWLOCATION, 0L) && SMS365_CURL_SET(easy, CURLOPT_PROXY, "") &&
           SMS365_CURL_SET(easy, CURLOPT_NOPROXY, "*") &&
           SMS365_CURL_SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
           SMS365_CURL_SET(easy, CURLOPT_TCP_NODELAY, 1L) && SMS365_CURL_SET(easy, CURLOPT_TCP_KEEPALIVE, 1L) &&
           SMS365_CURL_SET(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S) &&
           SMS365_CURL_SET(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S) &&
           SMS365_CURL_SET(easy, CURLOPT_MAXCONNECTS, 2L) &&
           SMS365_CURL_SET(easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BYTES) &&
           SMS365_CURL_SET(easy, CURLOPT_BUFFERSIZE, READ_BYTES) &&
           SMS365_CURL_SET(easy, CURLOPT_USERAGENT, "sms365/" PACKAGE_VERSION) &&
           SMS365_CURL_SET(easy, CURLOPT_ERRORBUFFER, http->trouble) &&
           SMS365_CURL_SET(easy, CURLOPT_PREREQFUNCTION, on_ready) &&
           SMS365_CURL_SET(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket) &&
           SMS365_CURL_SET(easy, CURLOPT_HEADERFUNCTION, on_header) &&
           SMS365_CURL_SET(easy, CURLOPT_WRITEFUNCTION, on_body);
}

static enum sms365_err http_set_up(
    struct sms365_http *http, const struct sms365_http_options *options, struct sms365_error *err)
{
    const char *ca = options->ca == NULL || options->ca[0] == '\0' ? "/etc/ssl/certs" : options->ca;

    http->connect_timeout_ms = options->connect_timeout_ms;
    if (!sms365_str_copy(http->ca, sizeof http->ca, ca))
        return sms365_error_set(err, SMS365_IO, "ca: the path is longer than %d bytes", SMS365_HTTP_URL_SIZE - 1);
    if (!sms365_str_copy(http->bind, sizeof http->bind, options->bind == NULL ? "" : options->bind))
        return sms365_error_set(err, SMS365_IO, "bind: neither an address nor an interface");
    if (!sms365_curl_init() || (http->easy = curl_easy_init()) == NULL)
        return sms365_error_set(err, SMS365_IO, "libcurl cannot be initialised");
    if (!set_options(http))
        return sms365_error_set(
            err, SMS365_IO, "libcurl does not take the options: out of memory, or built without TLS");
    return set_ca(http, err);
}

enum sms365_err sms365_http_new(
    struct sms365_http **http, const struct sms365_http_options *options, struct sms365_error *err)
{
    struct sms365_http *made = calloc(1, sizeof *made);

    *http = NULL;
    if (made == NULL)
        return sms365_error_set(err, SMS365_NO_MEMORY, "out of memory");
    sms365_environment_hide();
    const enum sms365_err code = http_set_up(made, options, err);
    sms365_environment_restore();
    if (code == SMS365_OK)
        *http = made;
    else
        sms365_http_free(made);
    return code;
}

void sms365_http_free(struct sms365_http *http)
{
    if (http == NULL)
        return;
    sms365_environment_hide();
    curl_easy_cleanup(http->easy);
    curl_slist_free_all(http->headers);
    curl_slist_free_all(http->addresses);
    sms365_environment_restore();
    free(http);
}
