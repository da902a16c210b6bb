/*
 * Requests to the provider over libcurl: POST only, TLS verified, no redirect, no proxy, no netrc, nothing from the
 * environment, one deadline over resolving, connecting, TLS, and the reply. A handle keeps its connection for the next
 * request. Signals are delivered and handled as ever during a request (SIGPIPE aside, which is held back); no thread
 * and no descriptor stays once the handle is freed.
 */
#ifndef SMS365_HTTP_CURL_H
#define SMS365_HTTP_CURL_H

#include "base/str.h"
#include "pure/cidr.h"
#include "sms365.h"

#include <netinet/in.h>

struct sms365_http; /* one connection cache; belongs to one thread */

struct sms365_http_options {
    const char *ca;             /* directory of hashed CA certificates (default /etc/ssl/certs), or one PEM file */
    const char *bind;           /* source address or interface; NULL or "": the system's choice */
    int64_t connect_timeout_ms; /* part of the deadline that resolving, connecting and TLS may take */
};

struct sms365_http_request {
    const char *base_url; /* https://host/api, no trailing slash */
    const char *path;     /* 2fa/send */
    const char *body;     /* application/x-www-form-urlencoded; not kept */
    size_t body_length;
    bool once;             /* a send: never written twice, whatever libcurl would do */
    int64_t timeout_ms;    /* monotonic, over the whole request */
    const char *addresses; /* of the host, where it has a name: 192.0.2.1,[2001:db8::1]; NULL: they are looked up */
    const struct sms365_cidr_list *whitelist; /* local addresses from which the body may leave; NULL: any */
};

/* Errors: NO_MEMORY, IO (libcurl cannot be initialised, CA missing). */
enum sms365_err sms365_http_new(
    struct sms365_http **http, const struct sms365_http_options *options, struct sms365_error *err);
void sms365_http_free(struct sms365_http *http);

/*
 * POST and collect the reply's body (HTTP 200 only) into reply, whose cap bounds it. local gets the address the request
 * left from ("" when there was no connection). Errors:
 *   UNREACHABLE    not one byte of the request was written (resolving, connecting, TLS, certificate): safe to go on
 *   WRONG_ADDRESS  the connection's local address is not on the whitelist; nothing was written
 *   REPLY_LOST     the request, or part of it, was written, and no whole reply came back
 *   BAD_REPLY      a reply that is not HTTP 200 with a body within the cap
 *   BAD_ARGUMENT   the URL is none, or without TLS and not to a loopback address; nothing was written
 *   IO             this machine is at fault (no descriptor, no such `bind`, `ca` unreadable); nothing was written
 *   NO_MEMORY      nothing was written
 * reply is empty after an error. err->text names the URL (no query, no body), the addresses, and what happened.
 */
enum sms365_err sms365_http_post(struct sms365_http *http, const struct sms365_http_request *request,
    struct sms365_buf *reply, char local[INET6_ADDRSTRLEN], struct sms365_error *err);

#endif
